"""The mapping of an 860: changes in any order, gaps, contradictions, cancellations, and an 850 that comes again."""

from __future__ import annotations

import pytest
from edi_x12_orders import CHANGE, LINES, base, change, interchange, messages, order, refusal, transaction


def test_an_860_is_applied_to_its_order():
    found = order(change(), base())
    assert [(line.line_id, line.quantity, line.quantity_ordered, line.total) for line in found.lines] == [
        ("1", "3", "2", "73.50")
    ]
    assert found.channel_created_at == "2026-03-01T09:14:00"
    assert found.channel_updated_at == "2026-03-02T09:14:00.000001"
    assert found.grand_total == "68.50"
    assert found.lines[0].tax is None, "a tax that the change does not restate is not known any more"


def test_an_order_and_its_changes_give_the_same_in_whatever_order_they_arrive():
    first, second = change(), change("BCH*04*SA*PO-1**02*20260301", "POC*1*PC***EA*20", "CTT*1", day=3, control="103")
    whole = order(second, base(), first)
    assert order(base(), first, second) == whole
    assert order(first, second, base()) == whole
    assert whole.lines[0].total == "60.00"


def test_a_change_without_its_order_waits():
    error = refusal(change())
    assert (error.code, error.value) == ("CHANGE_NEEDS_BASE", "PO-1")
    assert "PO-1" in str(error)


def test_a_gap_in_the_numbers_waits_for_the_missing_change():
    second = change("BCH*04*SA*PO-1**02*20260301", "POC*1*PC***EA*20", "CTT*1", day=3, control="103")
    assert refusal(second, base()).code == "CHANGE_GAP"
    assert order(second, base(), first_change=2).lines[0].unit_price == "20"


def test_a_change_that_comes_twice_is_applied_once():
    again = change(control="000000177", day=5)
    assert order(again, base(), change()).lines[0].quantity == "3"


def test_two_different_changes_under_one_number_are_refused():
    other = change("BCH*04*SA*PO-1**01*20260301", "POC*1*PC***EA*20", "CTT*1", day=3, control="103")
    assert refusal(other, base(), change()).code == "CHANGE_NUMBER_REUSED"


CONTRADICTIONS = {
    "an increase to less": ("POC*1*QI*1*1*EA*24.5", "CHANGE_CONTRADICTS"),
    "a decrease to more": ("POC*1*QD*9*1*EA*24.5", "CHANGE_CONTRADICTS"),
    "a line that is not there": ("POC*9*CA*1*1*EA*24.5", "CHANGE_LINE_UNKNOWN"),
    "a line that is there already": ("POC*1*AI*1*1*EA*24.5", "CHANGE_LINE_EXISTS"),
    "an unknown kind of change": ("POC*1*XX*1*1*EA*24.5", "CODE_UNKNOWN"),
}


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_a_change_that_contradicts_its_order_is_refused(what: str):
    line, code = CONTRADICTIONS[what]
    assert refusal(change("BCH*04*SA*PO-1**01*20260301", line, "CTT*1"), base()).code == code


def test_a_change_may_add_a_line_and_restate_the_total():
    lines = ["BCH*04*SA*PO-1**01*20260301", "POC*3*AI*4*4*EA*1.25*PE*VP*FUEL-01", "CTT*1", "AMT*TT*132.53"]
    found = order(change(*lines), base())
    assert [line.sku for line in found.lines] == ["TORCH-01", "KNIFE-02", "FUEL-01"]
    assert (found.lines[2].number, found.lines[2].total, found.grand_total) == (3, "5.00", "132.53")


@pytest.mark.parametrize(
    "lines",
    [["BCH*01*SA*PO-1**01*20260301"], ["BCH*04*SA*PO-1**01*20260301", "POC*1*DI", "POC*2*DI", "CTT*2"]],
    ids=["by its purpose", "by all of its lines"],
)
def test_an_order_can_be_cancelled(lines: list[str]):
    found = order(change(*lines), base())
    assert (found.order_status, found.cancelled_at) == ("cancelled", "2026-03-02T09:14:00")
    assert len(found.lines) == 2


def test_an_850_that_replaces_begins_anew():
    replacement = messages(
        interchange(transaction("850", ["BEG*05*SA*PO-1**20260301", *LINES[1:13], *LINES[16:18]]), control="000000104"),
        "2026-03-04T09:14:00",
    )[0]
    assert [line.sku for line in order(replacement, base(), change()).lines] == ["KNIFE-02"]


def test_an_850_that_is_sent_again_does_not_undo_its_changes():
    again = messages(interchange(transaction("850", LINES), control="000000105"), "2026-03-05T09:14:00")[0]
    duplicate = messages(
        interchange(transaction("850", ["BEG*07*SA*PO-1**20260301", *LINES[1:]]), control="000000106"),
        "2026-03-05T09:15:00",
    )[0]
    assert order(again, base(), change()).lines[0].quantity == "3"
    assert order(duplicate, base(), change()).lines[0].quantity == "3"


def test_an_order_that_is_sent_again_unchanged_is_no_new_version():
    again = messages(interchange(transaction("850", LINES), control="000000105"), "2026-03-05T09:14:00")[0]
    assert order(again, base()) == order(base())
    assert order(again, base(), change()) == order(change(), base())


def test_a_change_of_the_same_minute_is_the_newer_version():
    same = messages(
        interchange(transaction("860", [line.format(sequence="1") for line in CHANGE]), control="000000102")
    )[0]
    assert (order(same, base()).channel_updated_at or "") > (order(base()).channel_updated_at or "")


def test_a_change_to_lines_that_cannot_be_told_apart_is_refused():
    twins = [line.replace("PO1*2*", "PO1*1*") for line in LINES]
    assert refusal(change(), base(twins)).code == "LINE_ID_DUPLICATE"


def test_an_850_behind_a_cancellation_begins_anew():
    again = messages(interchange(transaction("850", LINES), control="000000105"), "2026-03-05T09:14:00")[0]
    found = order(again, base(), change("BCH*01*SA*PO-1**01*20260301"))
    assert found.order_status == "open"


def test_a_rejected_message_in_the_history_does_not_count():
    bad = base([line.replace("CTT*2*3", "CTT*9*3") for line in LINES])
    good = messages(interchange(transaction("850", LINES), control="000000107"), "2026-03-01T10:00:00")[0]
    assert order(good, bad).lines[0].quantity == "2"
