"""Money is exact, and its parts sum to the whole."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow.domain.errors import RecordError
from orderflow.domain.money import Money, allocate, decimal, exponent, from_minor

totals = st.integers(-(10**15), 10**15)


@given(totals, st.lists(st.integers(0, 10**9), min_size=1, max_size=30))
def test_allocated_parts_sum_to_the_total_and_are_fair(total: int, weights: list[int]):
    parts = allocate(total, weights)
    whole = sum(weights) or len(weights)
    shares = weights if sum(weights) else [1] * len(weights)
    assert sum(parts) == total
    assert all(abs(part * whole - total * share) < whole for part, share in zip(parts, shares, strict=True))


def test_ties_go_to_the_earlier_part():
    assert allocate(100, [1, 1, 1]) == [34, 33, 33]
    assert allocate(-100, [1, 1, 1]) == [-34, -33, -33]
    assert allocate(5, [0, 0]) == [3, 2]
    assert allocate(5, []) == []


@given(st.integers(-(10**12), 10**12), st.sampled_from(["JPY", "EUR", "KWD", "CLF", "TWD"]))
def test_minor_units_come_back_exactly(units: int, currency: str):
    text = from_minor(units, currency)
    assert Money(decimal(text), currency).minor == units
    assert "E" not in text


def test_every_currency_has_its_exponent():
    assert [exponent(code) for code in ("JPY", "TWD", "EUR", "KWD", "UYW")] == [0, 2, 2, 3, 4]


def test_an_amount_finer_than_its_currency_is_refused():
    with pytest.raises(RecordError) as refused:
        _ = Money(Decimal("1.005"), "EUR").minor
    assert str(refused.value) == "AMOUNT_TOO_FINE at amount: EUR has 2 decimal places (found '1.005')"


@pytest.mark.parametrize("text", ["", "1,5", "12 EUR", "NaN", "--3", "1e", "٣", "1.2.3", "0x10", "Infinity"])
def test_what_is_no_amount_is_refused(text: str):
    with pytest.raises(RecordError, match="AMOUNT_MALFORMED at total"):
        decimal(text, "total")


def test_two_currencies_never_meet():
    with pytest.raises(RecordError, match="CURRENCY_MIXED"):
        _ = Money(Decimal(1), "EUR") + Money(Decimal(1), "SEK")
    assert str(-Money(Decimal("1.50"), "EUR") + Money(Decimal(2), "EUR")) == "0.50 EUR"
