"""Amounts and times as JSON platforms spell them."""

from decimal import Decimal

import pytest

from orderflow.adapters.amounts import amount, amount_text, epoch_text, located, sum_text, unread
from orderflow.domain.errors import RecordError


@pytest.mark.parametrize(
    "value", ["12,50", "٣٤", "１２", "NaN", "Infinity", "1_000", " 1", "1e999999999", "N/A", "茶", True, {"茶": 1}, [1]]
)
def test_what_is_no_amount_is_refused_and_no_object_is_shown(value):
    with pytest.raises(RecordError, match="AMOUNT_MALFORMED at amount") as refused:
        amount(value)
    assert "茶': 1" not in str(refused.value)


@pytest.mark.parametrize(("value", "read"), [("24.50", "24.50"), ("-3", "-3"), (7, "7"), (None, "0"), ("", "0")])
def test_an_amount_is_read_exactly_and_none_counts_nothing(value, read):
    assert str(amount(value)) == read
    assert amount(value) == Decimal(amount_text(value) or 0)


def test_amounts_are_summed_exactly():
    assert sum_text(["0.1", "0.20", None, "", 3]) == "3.30"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1772355600, "2026-03-01T09:00:00+00:00"),
        (0, None),
        (None, None),
        ("昨天", "昨天"),
        (10**20, "100000000000000000000"),
    ],
)
def test_a_time_that_is_none_stays_as_it_is_for_cleaning_to_judge(seconds, text):
    assert epoch_text(seconds) == text


RECORD = {
    "title": "12,50",
    "order": {"fee": "12,50", "lines": [{"fee": "1"}, {"fee": "NaN", "box": {"Amount": "x"}}], "none": None},
}


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("fee", "12,50", "order.fee"),
        ("fee", "NaN", "order.lines[1].fee"),
        ("box", "x", "order.lines[1].box.Amount"),
        ("amount", "NaN", "order.lines[1].fee"),
        ("amount", "nowhere", "amount"),
    ],
)
def test_an_amount_that_is_none_is_told_by_its_path(field, value, path):
    told = located(RecordError("AMOUNT_MALFORMED", field, value, "no number"), RECORD)
    assert (told.code, told.field, told.value, told.message) == ("AMOUNT_MALFORMED", path, value, "no number")


def test_other_refusals_stay_as_they_are():
    refusal = RecordError("STATUS_UNKNOWN", "status", "12,50", "...")
    assert located(refusal, RECORD) is refusal


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"fee"}, ("AMOUNT_MALFORMED", "order.fee", "12,50")),
        ({"none", "Amount"}, ("AMOUNT_MALFORMED", "order.lines[1].box.Amount", "x")),
        ({"none"}, ("AMOUNT_MISSING", "order.none", None)),
        ({"lines"}, ("AMOUNT_MALFORMED", "order.lines", "list")),
    ],
)
def test_arithmetic_that_failed_is_explained_by_the_first_amount_that_is_none(names, told):
    found = unread(RECORD, lambda name, _: name in names)
    assert (found.code, found.field, found.value) == told


def test_arithmetic_that_failed_for_another_reason_is_explained_by_no_amount():
    assert unread({"fee": "1.5"}, lambda name, _: name == "fee") is None
