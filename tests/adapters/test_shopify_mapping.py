"""Shopify's mapping: money that balances whatever became of an order, and records of another shape."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from money_equation import residue
from shopify_orders import ADAPTER, order, with_odd

from orderflow.adapters.shopify import Options
from orderflow.domain.errors import RecordError


def bag(amount: Decimal) -> dict[str, Any]:
    money = {"amount": f"{amount:f}", "currencyCode": "EUR"}
    return {"shopMoney": money, "presentmentMoney": money}


Cents = st.integers(0, 50_000).map(lambda cents: Decimal(cents) / 100)


@st.composite
def histories(draw: st.DrawFn) -> dict[str, Any]:
    """An order with what became of its units: kept, cancelled, returned, or refunded without coming back."""
    lines = []
    for _ in range(draw(st.integers(1, 4))):
        units = draw(st.integers(1, 5))
        fate = draw(
            st.lists(
                st.sampled_from(["keep", "sent", "CANCEL", "RETURN", "NO_RESTOCK"]), min_size=units, max_size=units
            )
        )
        price, off, tax = draw(Cents), draw(Cents), draw(Cents)
        lines.append({"fate": fate, "price": price, "off": min(off, price), "tax": min(tax, price)})
    return {
        "lines": lines,
        "included": draw(st.booleans()),
        "freight": draw(Cents),
        "freight_back": draw(st.booleans()),
    }


def played(history: dict[str, Any]) -> dict[str, Any]:
    """The record that Shopify would show: `off` and `tax` are per unit, so that every share is exact."""
    raw = order() | {"taxesIncluded": history["included"], "totalTipReceivedSet": bag(Decimal(0)), "edited": False}
    raw["discountApplications"]["nodes"] = []
    nodes, back, sent = [], [], []
    ever = now = ever_tax = now_tax = Decimal(0)
    for number, line in enumerate(history["lines"]):
        fate, units = line["fate"], len(line["fate"])
        net, tax = line["price"] - line["off"], line["tax"]
        gross_up = Decimal(0) if history["included"] else tax
        gone = [kind for kind in fate if kind in {"CANCEL", "RETURN", "NO_RESTOCK"}]
        left = units - len(gone)
        shipped = sum(kind in {"sent", "RETURN"} for kind in fate)
        ever, now = ever + units * (net + gross_up), now + left * (net + gross_up)
        ever_tax, now_tax = ever_tax + units * tax, now_tax + left * tax
        line_id = f"gid://shopify/LineItem/{number}"
        nodes.append({
            "id": line_id, "sku": "A", "name": "a", "quantity": units, "currentQuantity": left,
            "unfulfilledQuantity": fate.count("keep"), "requiresShipping": True, "isGiftCard": False,
            "product": {"id": "p"}, "variant": None, "originalUnitPriceSet": bag(line["price"]),
            "originalTotalSet": bag(units * line["price"]),
            "discountAllocations": [
                {"allocatedAmountSet": bag(units * line["off"]), "discountApplication": {"index": 0}}
            ],
            "taxLines": [{"priceSet": bag(units * tax)}],
        })  # fmt: skip
        back += [
            {"quantity": 1, "restockType": kind, "lineItem": {"id": line_id}, "subtotalSet": bag(net),
             "totalTaxSet": bag(tax)} for kind in gone
        ]  # fmt: skip
        if shipped:
            sent.append({"quantity": shipped, "lineItem": {"id": line_id}})
    freight = history["freight"]
    ships_back = (
        [{"subtotalAmountSet": bag(freight), "taxAmountSet": bag(Decimal(0))}] if history["freight_back"] else []
    )
    raw["lineItems"]["nodes"] = nodes
    raw["shippingLines"]["nodes"] = [
        {"id": "s", "title": "t", "code": "c", "originalPriceSet": bag(freight), "discountedPriceSet": bag(freight),
         "taxLines": []}
    ]  # fmt: skip
    raw["refunds"] = [
        {"id": "r", "createdAt": "2026-03-01T09:00:00Z", "note": None, "totalRefundedSet": bag(ever - now),
         "refundLineItems": {"nodes": back}, "refundShippingLines": {"nodes": ships_back}}
    ] if back or ships_back else []  # fmt: skip
    raw["fulfillments"] = [
        {"id": "f", "status": "SUCCESS", "createdAt": "2026-03-01T09:00:00Z", "deliveredAt": None, "trackingInfo": [],
         "fulfillmentLineItems": {"nodes": sent}}
    ] if sent else []  # fmt: skip
    raw |= {
        "totalPriceSet": bag(ever + freight), "totalTaxSet": bag(ever_tax), "currentTotalTaxSet": bag(now_tax),
        "currentTotalPriceSet": bag(now + (Decimal(0) if history["freight_back"] else freight)),
        "currentTotalDiscountsSet": bag(Decimal(0)), "taxLines": [], "currentTaxLines": [],
    }  # fmt: skip
    return raw


@settings(max_examples=300, deadline=None)
@given(histories())
def test_whatever_became_of_its_units_an_order_balances_and_says_what_is_still_to_be_shipped(history: dict[str, Any]):
    mapped = ADAPTER.to_order(played(history), Options())
    assert residue(mapped) == 0
    for line, told in zip(mapped.lines, history["lines"], strict=True):
        fate = told["fate"]
        assert Decimal(line.quantity) * Decimal(line.unit_price) - Decimal(line.discount) == Decimal(line.total)
        to_ship = int(line.quantity) - int(line.quantity_fulfilled)
        assert to_ship == fate.count("keep"), "what was cancelled or given back before it was sent is not shipped"
        assert int(line.quantity_ordered) == len(fate)
        assert int(line.quantity_returned) == fate.count("RETURN")


@pytest.mark.parametrize("field", ["id", "totalPriceSet", "lineItems", "transactions", "customer", "taxesIncluded"])
def test_a_record_without_a_field_is_refused_by_that_fields_name(field: str):
    raw = order()
    del raw[field]
    with pytest.raises(RecordError) as caught:
        ADAPTER.to_order(raw, Options())
    assert (caught.value.code, caught.value.field) == ("RAW_SHAPE", field)
    assert "Zoë" not in str(caught.value)


@pytest.mark.parametrize("value", [None, 7, "x", [], {}])
@pytest.mark.parametrize(
    "field", ["totalPriceSet", "lineItems", "shippingAddress", "transactions", "presentmentCurrencyCode"]
)
def test_a_field_of_another_shape_refuses_the_order_or_is_left_to_cleaning_but_never_breaks_the_run(field, value):
    try:
        ADAPTER.to_order(order() | {field: value}, Options())
    except RecordError as error:
        assert error.code in {"RAW_SHAPE", "AMOUNT_MALFORMED"}  # noqa: PT017 -- either outcome is allowed


UNITS = {"price": Decimal(5), "off": Decimal(0), "tax": Decimal(1)}
REFUNDED = {
    "lines": [{"fate": ["keep", "CANCEL"], **UNITS}],
    "included": False,
    "freight": Decimal(0),
    "freight_back": False,
}


def test_a_liability_that_nobody_knows_refuses_the_order():
    with pytest.raises(RecordError) as caught:
        ADAPTER.to_order(with_odd(order(), "taxLines.0.channelLiable", 7), Options())
    assert caught.value.code == "RAW_SHAPE"


def test_a_refund_of_a_line_that_the_order_does_not_have_refuses_the_order():
    raw = with_odd(played(REFUNDED), "refunds.0.refundLineItems.nodes.0.lineItem.id", "gid://shopify/LineItem/404")
    with pytest.raises(RecordError) as caught:
        ADAPTER.to_order(raw, Options())
    assert caught.value.code == "RAW_SHAPE"


@pytest.mark.parametrize(("currency", "left"), [("JPY", "1667.0"), ("EUR", "1666.67"), ("KWD", "1666.667")])
def test_a_removed_unit_takes_its_share_to_the_coin_however_short_shopify_spells_the_amounts(currency: str, left: str):
    raw = played({**REFUNDED, "lines": [{"fate": ["keep"] * 3, **UNITS, "tax": Decimal(0)}]})
    line = raw["lineItems"]["nodes"][0] | {"currentQuantity": 2, "taxLines": []}

    def said(amount: str) -> dict[str, Any]:
        money = {"amount": amount, "currencyCode": currency}
        return {"shopMoney": money, "presentmentMoney": money}

    line["originalUnitPriceSet"], line["originalTotalSet"] = said("1000.0"), said("3000.0")
    line["discountAllocations"][0]["allocatedAmountSet"] = said("500.0")
    totals = {"totalPriceSet": said("2500.0"), "currentTotalPriceSet": said(left), "currentTotalTaxSet": said("0.0")}
    mapped = ADAPTER.to_order(raw | totals | {"lineItems": {"nodes": [line]}}, Options())
    assert residue(mapped) == 0
    assert Decimal(mapped.lines[0].total or 0) == Decimal(left)


def test_an_authorisation_that_was_called_off_paid_nothing():
    raw = order()
    (sale,) = raw["transactions"]
    raw["transactions"] = [sale | {"id": "1", "kind": "AUTHORIZATION"}, sale | {"id": "2", "kind": "VOID"}]
    assert ADAPTER.to_order(raw, Options()).paid_at is None
