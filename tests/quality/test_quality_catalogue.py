"""The catalogue as people read it, and what others rely on without loading pandas."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from orderflow.quality import LOOKUP_FIELDS, PERSONAL, RULES, lookup_problems, masked
from orderflow.quality.catalogue import to_markdown
from orderflow.quality.rules import TOPICS


def test_every_rule_stands_in_the_catalogue_once():
    page = to_markdown()
    assert re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE) == [
        rule.code for rules in TOPICS.values() for rule in rules
    ]
    assert len(RULES) == sum(len(rules) for rules in TOPICS.values())
    assert f"{len(RULES)} in all" in page


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_a_rule_says_what_it_means_and_how_to_cure_it(rule):
    assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", rule.code)
    assert rule.meaning
    assert rule.cure
    assert not rule.meaning.endswith(".")
    assert "\n" not in rule.message


def test_there_are_rules_of_every_kind():
    assert len(RULES) >= 45
    assert {rule.severity for rule in RULES.values()} == {"refuse", "warn"}
    assert len({rule.owner for rule in RULES.values()}) == 5


def test_whoever_reads_channel_files_loads_no_pandas():
    code = "import sys, orderflow.quality; print({'pandas', 'pandera', 'pyarrow'} & set(sys.modules))"
    include = Path(__file__).resolve().parents[2] / "include"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(include)}
    )
    assert told.stdout.strip() == "set()"


def test_every_code_with_which_an_adapter_refuses_a_record_stands_in_the_catalogue():
    adapters = Path(__file__).resolve().parents[2] / "include" / "orderflow" / "adapters"
    codes = {
        call.args[0].value
        for path in adapters.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", None) == "RecordError"
        and isinstance(call.args[0], ast.Constant)
    }
    assert len(codes) > 20
    assert codes <= set(RULES)


def test_lookups_name_fields_that_exist():
    from orderflow.pipeline.frames import FIELDS

    known = {(table, field.name) for table, fields in FIELDS.items() for field in fields}
    assert {column for columns in LOOKUP_FIELDS.values() for column in columns} <= known
    assert known >= PERSONAL


def test_lookup_problems_are_all_told_at_once():
    assert lookup_problems({"carrier": {"A": "B"}}) == []
    assert len(lookup_problems({"x": {}, "y": {}, "carrier": {"A": "B", "B": "C"}})) == 3


def test_a_mask_shows_the_shape_and_nothing_else():
    assert masked("Öberg 茶 1٣") == "xxxxx x 99"
    assert masked("a" * 99) == "x" * 40
