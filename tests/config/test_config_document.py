"""YAML means what a person reads, or it is a fault."""

import pytest

from orderflow.config.document import parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", {"a": 1}),
        ("a: -12", {"a": -12}),
        ("a: 0.5", {"a": 0.5}),
        ("a: true", {"a": True}),
        ("a: ~", {"a": None}),
        ("a:", {"a": None}),
        ("a: 2026-01-01", {"a": "2026-01-01"}),
        ("a: 2026-01-01 10:00:00", {"a": "2026-01-01 10:00:00"}),
        ('a: "NO"', {"a": "NO"}),
        ("a: '010'", {"a": "010"}),
        ("a: 0o17", {"a": "0o17"}),
        ("a: 30m", {"a": "30m"}),
        ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
        ('"2026": b', {"2026": "b"}),
        ("信用卡: 🛒", {"信用卡": "🛒"}),
        ("a: [1, [2, {b: מזומן}]]", {"a": [1, [2, {"b": "מזומן"}]]}),
        ("- a", ["a"]),
        ("", None),
        ("# nothing", None),
    ],
)
def test_plain_values_are_read_as_they_are_written(text, value):
    document = parse(text)
    assert document.faults == []
    assert document.value == value


@pytest.mark.parametrize(
    "text",
    [
        *("a: NO", "a: on", "a: 010", "a: 089", "a: 12:30", "a: 1_000", "a: 0x1F", "a: .inf", "a: 1:30.5"),
        *("NO: 1", "1: 1", "a: 1\na: 2", "? {a: 1}\n: 2"),
        *("a: !x 1", "a: !!binary aGVsbG8=", "a: &a [*a]", "a: &b [1]\nc: *b", "<<: {a: 1}"),
    ],
)
def test_what_can_be_read_in_two_ways_is_a_fault(text):
    document = parse(text)
    assert len(document.faults) == 1
    assert document.faults[0].cure


def test_a_fault_does_not_hide_the_next_one():
    document = parse("a: NO\nb: {c: 010, c: 1}\nd: 12:30\n")
    assert [(fault.path, document.line(fault.path)) for fault in document.faults] == [
        (("a",), 1),
        (("b", "c"), 2),
        (("b", "c"), 2),
        (("d",), 3),
    ]


def test_aliases_that_would_grow_without_end_cost_nothing():
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    assert len(parse("\n".join(rows)).faults) == 29 * 9


def test_a_line_is_found_for_keys_items_and_what_is_missing():
    document = parse("a:\n  b:\n    - x\n    - c: 1\nd: 2\n")
    assert document.line(("a",)) == 1
    assert document.line(("a", "b", 1)) == 4
    assert document.line(("a", "b", 1, "c")) == 4
    assert document.line(("a", "b", 7)) == 2
    assert document.line(("a", "nothing")) == 1
    assert document.line(("d",)) == 5
    assert document.existing(("a", "b", 1, "nothing", "more")) == ("a", "b", 1)
