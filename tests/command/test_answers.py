"""What commands answer: cures that fit the cause, counts and amounts as the pages write them, rows by their number."""

import pytest
from staged import load, order, refusal

from orderflow.command import ports
from orderflow.command.readiness import judged
from orderflow.domain.errors import ConfigError
from orderflow.staging import backlog
from orderflow.staging.store import Store

SHOP = "demo_csv"


def waits(store: Store, *orders, codes=("TAX_NEGATIVE",)):
    refused = [refusal(each, place, *codes) for place, each in enumerate(orders)]
    load(store, refused=refused, raw=[b"{}"] * len(refused), channel=SHOP)


def test_a_channel_that_cannot_be_asked_is_not_blamed_on_offline(run):
    code, told = run("explain", SHOP, "NOPE-1")
    assert code == 1
    assert "csv_drop cannot be asked for one order" in told
    assert "look for it in the channel's own files" in told
    assert "--offline" not in told


def test_offline_names_itself_as_the_cause_and_the_cure(run):
    code, told = run("explain", SHOP, "NOPE-1", "--offline")
    assert code == 1
    assert "ask the channel (without --offline)" in told


def test_a_rule_that_is_broken_often_is_named_once_with_its_count(run, store):
    waits(store, order("A-1"), codes=["TAX_NEGATIVE"] * 4 + ["TOTAL_WRONG"])
    _, told = run("explain", SHOP, "A-1")
    assert "quarantine row #1 is open: TAX_NEGATIVE ×4, TOTAL_WRONG" in told
    assert "orderflow quarantine show '#1'" in told


def test_the_list_writes_amounts_with_their_decimals_and_times_with_their_zone(run, store):
    waits(store, order("A-1", currency="TWD", grand_total="1392.4"), order("A-2", currency="JPY", grand_total="2242"))
    _, told = run("quarantine", "list")
    assert "1,392.40 TWD" in told
    assert "2,242 JPY" in told
    assert "Z " in told.splitlines()[1], "the moment it was seen"
    assert "2 orders are open" in run("quarantine", "reasons")[1]


def test_one_order_is_told_in_the_singular(run, store):
    waits(store, order("A-1"))
    assert "1 order is open, 0 parked" in run("quarantine", "reasons")[1]
    assert "1 order worth 24.50 TWD would be parked" in run("quarantine", "park", "1", "--why", "x", "--dry-run")[1]


def test_a_row_is_named_by_its_digits_unless_an_order_has_that_id(store):
    waits(store, order("A-1"), order("1"), order("A-3"))
    rows = {each.order_id: each.id for each in backlog.page(store.connection, backlog.Filter()).rows}
    assert backlog.identify(store.connection, ["1"]) == [rows["1"]], "an order's own id goes first"
    assert backlog.identify(store.connection, [f"#{rows['A-1']}", str(rows["A-3"])]) == [rows["A-1"], rows["A-3"]]
    with pytest.raises(ConfigError, match=r"102 is not in quarantine: neither an order id nor a row.*'#12' in quotes"):
        backlog.identify(store.connection, ["102"])


def test_a_command_without_its_order_says_how_to_write_one(run):
    name, told = run("quarantine", "show")
    assert name == "ConfigError"
    assert "as 12, or as '#12' in quotes" in told


@pytest.mark.parametrize("command", [("quarantine", "list"), ("quarantine", "reasons")])
def test_a_list_of_a_channel_that_there_is_not_says_which_there_are(run, command):
    name, told = run(*command, "--channel", "nowhere")
    assert name == "ConfigError"
    assert "known are demo_csv, demo_shopify, demo_woocommerce" in told


def test_what_is_no_currency_has_no_part_in_readiness(store):
    from datetime import UTC, datetime

    load(store, *(order(f"A-{n}", currency="USD", grand_total="1000") for n in range(3)), channel=SHOP)
    odd = [order("B-1", currency="BTC", grand_total="1"), order("Z-1", currency="ZZZ", grand_total="40")]
    waits(store, *odd, order("U-1", currency="USD", grand_total="1"), codes=["CURRENCY_UNKNOWN"])
    found = judged(store.connection, ports.channel(SHOP), datetime(2026, 3, 2, tzinfo=UTC))
    (value,) = [each for each in found.demands if each.what == "value"]
    assert value.fact == (
        "99.96% of the value in USD is ready, 3 orders wait; not counted: BTC, ZZZ, no currency of ISO 4217"
    )
    assert value.met
