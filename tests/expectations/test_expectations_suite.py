"""What a channel's suite holds, and what a channel file may ask for."""

import pytest

from good_orders import channel
from orderflow import config
from orderflow.domain.channel import Expectations
from orderflow.domain.errors import ConfigError
from orderflow.domain.expectation import COLUMNS
from orderflow.quality.expectations.suite import _JUDGED_BY, contract, suite
from orderflow.quality.rules import RULES

FILE = """\
title: 旗艦店 🏬
owner: asia
source: {{adapter: shopify, connection: shop}}
schedule: {{cron: "0 * * * *", start: 2026-01-01}}
validate:
  expectations:
    {line}
oms: {{target: demo}}
"""


def asking(**expectations):
    return channel(validate={"expectations": expectations})


def read(tmp_path, line):
    folder = tmp_path / "channels"
    folder.mkdir()
    (tmp_path / "targets").mkdir()
    (folder / "shop.yml").write_text(FILE.format(line=line))
    found = config.read(folder)
    return found, [str(each) for each in found.problems if "expectations" in each.path]


def test_what_a_channel_waives_is_not_expected_of_it_every_night():
    waived = channel(validate={"waive": list(_JUDGED_BY)})
    left = {each.name for each in contract()} - {each.name for each in suite(waived)}
    assert left == set(_JUDGED_BY.values())
    assert set(_JUDGED_BY) <= {code for code, rule in RULES.items() if rule.severity == "refuse" and rule.waivable}


def test_every_channel_has_the_contract_and_its_own_expectations_behind_it():
    own = suite(
        asking(
            orders_per_day=(1, 9),
            filled=[{"column": "lines.gtin", "share": "90%"}],
            one_of=[{"column": "currency", "values": ["EUR", "SEK"]}],
            between=[{"column": "grand_total", "least": "0.5", "most": 100}],
            matches=[{"column": "order_number", "pattern": "^#[0-9]+$"}],
            mean=[{"column": "grand_total", "most": 90}],
            distinct=[{"column": "ship_country", "most": 5}],
            unique=[{"columns": ["lines.sku", "lines.number"]}],
            ordered=[{"earlier": "placed_at", "later": "paid_at", "share": "99%"}],
        )
    )
    assert [each for each in own if each.origin == "contract"] == list(contract())
    assert [each.name for each in own if each.origin == "channel"] == [
        "orders rows channel",
        "lines.gtin filled channel",
        "currency one_of channel",
        "grand_total between channel",
        "order_number matches channel",
        "grand_total mean channel",
        "ship_country distinct channel",
        "lines.sku lines.number unique channel",
        "placed_at paid_at ordered channel",
    ]
    meanings = {each.name: each.meaning for each in own}
    assert meanings["lines.gtin filled channel"] == "line gtin has a value, in 90.0% of the rows"
    assert meanings["grand_total mean channel"] == "the mean of grand_total lies at or below 90"


def test_every_kind_that_a_file_may_ask_for_reaches_the_suite():
    lists = {name for name, field in Expectations.model_fields.items() if field.annotation.__class__.__name__ != "type"}
    kinds = {each.kind for each in contract()} | {"mean", "distinct", "rows"}
    assert lists - {"orders_per_day"} <= kinds


def test_the_contract_names_only_columns_that_staged_orders_have():
    for each in contract():
        for column in each.columns:
            name = f"lines.{column}" if each.table == "lines" else column
            assert name in COLUMNS or name in {"lines_found", "lines.order_id"}


def test_a_column_that_does_not_exist_is_refused_even_without_a_channel_file():
    with pytest.raises(ConfigError, match="no column 'price'"):
        suite(asking(filled=[{"column": "price"}]))


def test_a_file_with_every_kind_is_right(tmp_path):
    line = (
        "{after_load: true, orders_per_day: [1, 9], filled: [{column: lines.gtin, share: 90%}], "
        'matches: [{column: order_number, pattern: "^#[0-9]+$"}], ordered: [{earlier: placed_at, later: paid_at}]}'
    )
    found, problems = read(tmp_path, line[1:-1].replace(", filled", "\n    filled").replace("after_load: true, ", ""))
    assert problems == []
    del found


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("fillled: [{column: currency}]", "unknown key 'fillled'; did you mean 'filled'?"),
        ("filled: [{column: lines.gtn}]", "no column 'lines.gtn'; did you mean 'lines.gtin'?"),
        ("filled: [{column: currency, share: 0.9}]", "0.9 is not a share; write it in percent"),
        ("filled: [{column: currency, mostly: 90%}]", "unknown key 'mostly'"),
        ("between: [{column: currency, least: 1}]", "'currency' holds texts, not numbers"),
        ("between: [{column: grand_total}]", "has neither least nor most; write at least one"),
        ("between: [{column: grand_total, least: 2, most: 1}]", "nothing lies between 2 and 1"),
        ("orders_per_day: [9, 1]", "nothing lies between 9 and 1"),
        ('matches: [{column: order_number, pattern: "("}]', "is no regular expression"),
        ('matches: [{column: order_number, pattern: "(?i)a"}]', "different things to Python and PostgreSQL"),
        ("ordered: [{earlier: placed_at, later: lines.ship_by}]", "names columns of orders and of lines"),
        ("after_load: maybe", "is not true or false"),
    ],
)
def test_a_wrong_expectation_is_refused_with_its_line_and_cure(tmp_path, line, said):
    _, problems = read(tmp_path, line)
    assert len(problems) == 1, problems
    assert said in problems[0]
    assert "shop.yml:7" in problems[0]
