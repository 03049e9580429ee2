"""Amounts and times as JSON platforms spell them."""

from decimal import Decimal

import pytest

from orderflow.adapters.amounts import amount, amount_text, epoch_text, sum_text
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
