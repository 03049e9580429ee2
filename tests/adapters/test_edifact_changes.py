"""The mapping of ORDCHG: changes, replacements, cancellations and contradictions."""

from __future__ import annotations

import pytest
from edifact_orders import BODY, CHANGE, base, change, order, refusal


def test_a_change_may_state_the_sum_of_lines_that_it_does_not_tell():
    lines = [*CHANGE[:-2], "MOA+79:153.50", "MOA+86:162.50", "CNT+2:2"]
    assert order(change(lines), base()).grand_total == "162.50"


def test_an_ordchg_is_applied_to_its_order():
    found = order(change(), base())
    assert found.order_id == "PO-1"
    assert [(line.line_id, line.quantity, line.quantity_ordered, line.total) for line in found.lines] == [
        ("1", "3", "2", "73.50")
    ]
    assert (found.grand_total, found.ext["BGM"], found.ext["RFF.ON"]) == ("82.00", "CHG-9", "PO-1")
    assert found.placed_at == "2026-03-01T00:00:00"
    assert order(base(), change()) == found


def test_an_ordchg_without_its_order_waits():
    assert refusal(change()).code == "CHANGE_NEEDS_BASE"


def test_an_ordchg_that_replaces_needs_no_order():
    lines = [line.replace("BGM+220+PO-1+9", "BGM+230+CHG-9+5") for line in BODY]
    lines = [
        lines[0],
        "RFF+ON:PO-1",
        *(line.replace("LIN+1++", "LIN+1+1+").replace("LIN+2++", "LIN+2+1+") for line in lines[1:]),
    ]
    found = order(change(lines))
    assert (found.order_id, len(found.lines), found.grand_total) == ("PO-1", 2, "148.80")


def test_an_ordchg_that_replaces_the_lines_keeps_the_header():
    lines = [
        "BGM+230+CHG-9+21",
        "RFF+ON:PO-1",
        "LIN+5+1+7350000000016:EN",
        "QTY+21:4:PCE",
        "PRI+AAA:10",
        "UNS+S",
        "CNT+2:1",
    ]
    found = order(change(lines), base())
    assert [(line.line_id, line.total) for line in found.lines] == [("5", "40.00")]
    assert found.contacts == order(base()).contacts


@pytest.mark.parametrize(
    "lines",
    [["BGM+230+CHG-9+1", "RFF+ON:PO-1", "UNS+S"], ["BGM+230+C+4", "RFF+ON:PO-1", "LIN+1+2", "LIN+2+2", "UNS+S"]],
)
def test_an_order_can_be_cancelled(lines: list[str]):
    assert order(change(lines), base()).order_status == "cancelled"


@pytest.mark.parametrize(
    ("line", "code"),
    [("LIN+9+3", "CHANGE_LINE_UNKNOWN"), ("LIN+1+1", "CHANGE_LINE_EXISTS"), ("LIN+1+99", "CODE_UNKNOWN")],
)
def test_a_change_that_contradicts_its_order_is_refused(line: str, code: str):
    assert refusal(change(["BGM+230+C+4", "RFF+ON:PO-1", line, "UNS+S"]), base()).code == code
