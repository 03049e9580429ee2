"""The money equation of Magento's orders, to the last digit in both currencies."""

from decimal import Decimal

import pytest
from magento_orders import left, mapped, money, only, row, sample

from orderflow.adapters.magento import Options
from orderflow.adapters.magento.stubs import stub


@pytest.fixture
def raw():
    return sample()


def test_the_sample_balances_in_both_currencies_to_the_last_digit(raw):
    order = mapped(raw)
    assert left(order) == left(order, "shop_") == 0
    assert (order.currency, order.shop_currency) == ("SEK", "EUR")
    assert Decimal(order.rounding) == Decimal(order.shop_rounding) == 0


@pytest.mark.parametrize("own_price", [True, False], ids=["price of its own", "price of its parts"])
def test_a_bundles_money_counts_once(raw, own_price):
    whole, none = money("100", "25"), money("0", "0")
    bundle = row(1, product_type="bundle", **whole)
    parts = [
        row(2, parent_item_id=1, qty_ordered=2, **(none if own_price else money("60", "15"))),
        row(3, parent_item_id=1, **(none if own_price else money("40", "10"))),
    ]
    order = mapped(only(raw, bundle, *parts, grand="125", tax="25"))
    assert [(line.kind, line.parent_line_id) for line in order.lines] == [
        ("bundle_parent", None), ("bundle_child", "1"), ("bundle_child", "1"),
    ]  # fmt: skip
    assert left(order) == left(order, "shop_") == 0
    assert [Decimal(line.total) for line in order.lines] == ([100, 0, 0] if own_price else [0, 60, 40])


def test_digits_that_only_a_float_has_are_no_money(raw):
    noisy = row(1, **money("36.390000000000001", "9.0999999999999996"), discount_amount="1.4210854715202e-14")
    order = mapped(only(raw, noisy, grand="45.490000000000002", tax="9.0999999999999996"))
    assert [Decimal(text) for text in (order.lines[0].total, order.tax_total, order.grand_total)] == [
        Decimal("36.39"), Decimal("9.1"), Decimal("45.49"),
    ]  # fmt: skip
    assert left(order) == 0
    assert stub(raw["order"], Options()).total == order.grand_total


def test_a_discount_that_contains_tax_is_taken_without_it(raw):
    off = {"discount_amount": "12", "discount_tax_compensation_amount": "2"}
    off |= {f"base_{name}": f"{Decimal(text) / 10:f}" for name, text in off.items()}
    order = mapped(only(raw, row(1, **money("100", "18"), **off), grand="108", tax="18"))
    assert (order.lines[0].discount, order.lines[0].total) == ("10", "90")
    assert left(order) == left(order, "shop_") == 0


def test_adobe_commerce_sends_empty_texts_where_nothing_was_wrapped(raw):
    names = (
        "gw_base_price",
        "gw_price",
        "gw_items_base_price",
        "gw_items_price",
        "gw_card_base_price",
        "gw_card_price",
    )
    balances = {"gift_cards": [], "base_gift_cards_amount": 0, "gift_cards_amount": 0}
    raw["order"]["extension_attributes"] |= dict.fromkeys(names, "") | balances
    order = mapped(raw)
    assert [charge.kind for charge in order.charges] == ["shipping"]
    assert left(order) == left(order, "shop_") == 0


@pytest.mark.parametrize(
    ("attributes", "kinds"),
    [
        ({"mollie_payment_fee": "1.9500", "base_mollie_payment_fee": "0.1950", "label": "x", "more": {}}, ["service"]),
        ({"mollie_payment_fee": "1.9500", "base_mollie_payment_fee": "0.1900"}, []),
        ({"mollie_payment_fee": "1.9500"}, []),
        ({}, []),
    ],
    ids=["both currencies", "another amount", "one currency", "nothing"],
)
def test_a_fee_of_a_plugin_is_known_by_its_amount_in_both_currencies(raw, attributes, kinds):
    record = only(raw, row(1, **money("100", "25.40")), grand="127.35", tax="25.40")
    record["order"]["extension_attributes"] |= attributes
    order = mapped(record)
    assert [charge.kind for charge in order.charges if Decimal(charge.total)] == kinds
    assert left(order) == (0 if kinds else Decimal("-1.95"))
    assert left(order, "shop_") == (0 if kinds else Decimal("-0.195"))


def test_a_balance_that_did_not_lessen_the_total_is_no_fee_besides(raw):
    record = only(raw, row(1, **money("100", "25")), grand="125", tax="25")
    record["order"]["extension_attributes"] |= {"gift_cards_amount": "20", "base_gift_cards_amount": "2"}
    order = mapped(record)
    assert [charge.kind for charge in order.charges if Decimal(charge.total)] == []
    assert (left(order), left(order, "shop_")) == (-20, -2)


def test_gift_cards_wrapping_and_product_taxes_stand_in_the_total(raw):
    record = only(
        raw,
        row(1, weee_tax_applied_row_amount="3", base_weee_tax_applied_row_amnt="0.3", **money("100", "25")),
        grand="83",
        tax="25",
    )
    record["order"]["extension_attributes"] |= {
        "gw_price": "5.0000", "gw_base_price": "0.5000", "gift_cards_amount": "50", "base_gift_cards_amount": "5",
    }  # fmt: skip
    order = mapped(record)
    assert Decimal(order.grand_total) == 133
    assert [(charge.kind, Decimal(charge.total)) for charge in order.charges if Decimal(charge.total)] == [
        ("surcharge", 3),
        ("gift_wrap", 5),
    ]
    assert ("gift_card", "50") in [(payment.kind, payment.amount) for payment in order.payments]
    assert left(order) == left(order, "shop_") == 0
