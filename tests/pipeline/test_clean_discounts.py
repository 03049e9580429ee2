"""Discounts that cleaning shares among the lines, to the last minor unit."""

import pytest
from cleaned_orders import cleaned
from hypothesis import given
from hypothesis import strategies as st

from orderflow.domain.money import allocate
from orderflow.domain.order import Discount, Line, Order
from orderflow.pipeline import frames as fr
from orderflow.pipeline.cleaning import steps
from orderflow.pipeline.cleaning.steps import Settings
from orderflow.pipeline.cleaning.typed import type_frames


def discounted(totals, *discounts, currency="EUR", **fields):
    lines = [Line(number=place, total=total, discount=None) for place, total in enumerate(totals, 1)]
    orders, _ = cleaned(Order(order_id="1", currency=currency, lines=lines, discounts=list(discounts), **fields))
    return orders[0]


def test_an_unallocated_discount_is_shared_by_largest_remainder():
    shared = discounted(["10", "10", "10"], Discount(amount="1.00"))
    assert [line.total for line in shared.lines] == ["9.66", "9.67", "9.67"]
    assert [line.discount for line in shared.lines] == ["0.34", "0.33", "0.33"]
    assert shared.discounts[0].allocated == "1"


def test_a_discount_is_shared_in_whole_minor_units_of_its_currency():
    assert [line.discount for line in discounted(["100", "200"], Discount(amount="50"), currency="JPY").lines] == [
        "17",
        "33",
    ]
    assert [
        line.discount for line in discounted(["1.000", "2.000"], Discount(amount="0.500"), currency="KWD").lines
    ] == [
        "0.167",
        "0.333",
    ]


def test_only_what_is_not_allocated_yet_is_shared():
    shared = discounted(["10", "30"], Discount(amount="4", allocated="4"), Discount(amount="2", allocated="1"))
    assert [line.discount for line in shared.lines] == ["0.25", "0.75"]
    assert [each.allocated for each in shared.discounts] == ["4", "2"]


@pytest.mark.parametrize(
    ("totals", "amount"), [(["1", "2"], "3.01"), (["5", None], "1"), (["5", "-1"], "1"), ([], "1"), (["0"], "1")]
)
def test_a_discount_that_the_lines_cannot_bear_stays_unallocated(totals, amount):
    left = discounted(totals, Discount(amount=amount))
    assert left.discounts[0].allocated is None
    assert [line.discount for line in left.lines] == [None] * len(totals)


def test_each_currency_set_is_shared_by_itself():
    lines = [Line(number=1, total="10", shop_total="110"), Line(number=2, total="10", shop_total="110")]
    orders, _ = cleaned(
        Order(
            order_id="1",
            currency="EUR",
            shop_currency="SEK",
            lines=lines,
            discounts=[Discount(amount="1", shop_amount="11")],
        )
    )
    assert [(line.total, line.shop_total) for line in orders[0].lines] == [("9.5", "104.5"), ("9.5", "104.5")]
    assert orders[0].discounts[0].shop_allocated == "11"


@given(
    st.lists(st.tuples(st.lists(st.integers(0, 10**9), max_size=5), st.integers(0, 10**9)), min_size=1, max_size=5),
    st.sampled_from(["EUR", "JPY", "KWD", None]),
)
def test_shares_are_those_of_the_exact_rule_for_every_order_at_once(shops, currency):
    places_ = {"EUR": 2, "JPY": 0, "KWD": 3, None: 2}[currency]
    unit = 10 ** (6 - places_)
    orders = [
        Order(
            order_id=str(number),
            currency=currency,
            lines=[Line(number=place, total=f"{cents * unit / 10**6:.6f}") for place, cents in enumerate(weights, 1)],
            discounts=[Discount(amount=f"{due * unit / 10**6:.6f}")],
        )
        for number, (weights, due) in enumerate(shops)
    ]
    typed, _ = type_frames(fr.from_orders(orders), "UTC")
    frames, _ = steps.apply(typed, Settings())
    owners = fr.get(frames, "lines", "order_row").to_pylist()
    discounts = fr.get(frames, "lines", "discount").fill_null(0).to_pylist()
    for row, (weights, due) in enumerate(shops):
        shares = [discount // unit for discount, owner in zip(discounts, owners, strict=True) if owner == row]
        bearable = 0 < due <= sum(weights)
        assert shares == (allocate(due, weights) if bearable else [0] * len(weights))


def test_amounts_whose_products_leave_64_bits_are_shared_exactly():
    shared = discounted(["999999999999.99", "1", "333333333333.33"], Discount(amount="999999999999.99"))
    cents = [99999999999999, 100, 33333333333333]
    assert [round(float(line.discount) * 100) for line in shared.lines[1:2]] == [allocate(cents[0], cents)[1]]
    assert [line.discount for line in shared.lines] == [
        f"{share / 100:.2f}".rstrip("0").rstrip(".") for share in allocate(cents[0], cents)
    ]
