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


INCLUDE = Path(__file__).resolve().parents[2] / "include" / "orderflow"


def codes_of(path: Path) -> tuple[set[str], set[str]]:
    """The codes with which a module refuses records or marks orders, and the expressions in which it computes one."""
    tree = ast.parse(path.read_text())
    constants = {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    found: set[str] = set()
    computed: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            given = node.args[:1] if name == "RecordError" else []
            given += [word.value for word in node.keywords if word.arg == "code" and name == "Fault"]
            if name == "_fault" and node.args and isinstance(node.args[0], ast.Constant):
                given += node.args[:1]
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            given = [value for key, value in pairs if getattr(key, "value", None) == "code"]
            given = [value for value in given if ast.unparse(value) in constants or isinstance(value, ast.Constant)]
        else:
            continue
        for code in given:
            text = code.value if isinstance(code, ast.Constant) else constants.get(ast.unparse(code))
            if text is None:
                computed.add(f"{path.relative_to(INCLUDE)}: {ast.unparse(code)}")
            elif isinstance(text, str) and re.fullmatch("[A-Z_]+", text):
                found.add(text)
    return found, computed


HANDED_ON = {
    "adapters/edi/envelope.py: self.code",
    "adapters/edifact/check.py: code",
    "adapters/edi_x12/check.py: code",
    "adapters/edi/reading.py: error.code",
}
"""Codes of a `Fault`, and of calls in the same module that make one."""


def test_every_code_that_any_adapter_stage_or_target_can_raise_stands_in_the_catalogue():
    codes, computed = set(), set()
    for folder in ("adapters", "domain", "pipeline", "quality", "staging", "oms"):
        for path in (INCLUDE / folder).rglob("*.py"):
            found, others = codes_of(path)
            codes |= found
            computed |= others
    assert len(codes) > 60
    assert codes - set(RULES) == set()
    assert computed <= HANDED_ON, "give codes as literals, so that this test can see them"


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
