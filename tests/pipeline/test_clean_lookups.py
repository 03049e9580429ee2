"""Values that the channel's settings decide: currencies, lookups, SKUs."""

import pytest
from cleaned_orders import cleaned

from good_orders import order, with_line, with_part
from orderflow.domain.errors import ConfigError
from orderflow.pipeline.cleaning.steps import Settings


def test_currencies_are_capitals_and_the_channels_where_there_is_an_amount_without_one():
    orders, _ = cleaned(
        order(1, currency=" eur "),
        order(2, currency=None),
        order(3, currency=None, grand_total=None),
        order(4, shop_grand_total="5"),
        currency="SEK",
    )
    assert [each.currency for each in orders] == ["EUR", "SEK", None, "EUR"]
    assert [each.shop_currency for each in orders] == [None, None, None, "SEK"]


def test_lookups_rewrite_listed_values_of_their_field_only():
    orders, repairs = cleaned(
        with_part(order(1, origin="COD"), "payments", method=" COD "),
        with_part(order(2), "payments", method="信用卡"),
        with_part(order(3), "payments", method="cash_on_delivery"),
        lookups={"payment_method": {"COD": "cash_on_delivery", "信用卡": "card"}, "order_status": {"open": "on_hold"}},
    )
    assert [each.payments[0].method for each in orders] == ["cash_on_delivery", "card", "cash_on_delivery"]
    assert orders[0].origin == "COD"
    assert {each.order_status for each in orders} == {"on_hold"}
    assert {each["before"] for each in repairs if each["rule"] == "lookups"} == {"COD", "信用卡", "open"}


@pytest.mark.parametrize(
    ("lookups", "named"),
    [
        ({"payment_methods": {"COD": "cod"}}, "payment_methods"),
        ({"carrier": {"A": "B", "B": "C"}}, "'B', which becomes 'C'"),
    ],
)
def test_lookups_that_cannot_work_are_a_fault_of_the_channel_file(lookups, named):
    from good_orders import channel

    with pytest.raises(ConfigError, match=named):
        Settings.of(channel(clean={"lookups": lookups}), None)


def test_skus_are_the_channels_own_or_those_of_the_map():
    same, _ = cleaned(with_line(order(1), sku="A"))
    assert same[0].lines[0].oms_sku == "A"
    mapped, _ = cleaned(with_line(with_line(order(1), sku="A"), 1, sku="B"), skus={"A": "OMS-A"})
    assert [line.oms_sku for line in mapped[0].lines] == ["OMS-A", None]
    assert [line.sku for line in mapped[0].lines] == ["A", "B"]
