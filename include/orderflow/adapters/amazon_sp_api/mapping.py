"""From an order of Amazon to ours: pure, and plain dictionary access, because it runs once per order.

A raw record of v0 joins two answers, each as it came: `order` (a row of `getOrders`) and `items` (the order's list of
`getOrderItems`, null where Amazon named the order and then did not show its items). A record of v2026-01-01 is the
order itself. What is in a record decides how it is read, so that records of both versions can be replayed.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from orderflow.adapters.amazon_sp_api import reading_2026, reading_v0
from orderflow.adapters.amazon_sp_api.parts import (
    Paid,
    Reading,
    charges_of,
    discounts_of,
    lines_of,
    taxes_of,
    totals_of,
)
from orderflow.adapters.amazon_sp_api.statuses import fulfilment_of
from orderflow.adapters.amazon_sp_api.values import currency_of, plain, total
from orderflow.adapters.amounts import located, unread
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Order, Payment
from orderflow.domain.source import Raw

if TYPE_CHECKING:
    from orderflow.adapters.amazon_sp_api import Options

FREE, UNPRICED = "an order that replaces another one", "a pending or cancelled order"
GIFT_CARDS = frozenset({"GC", "GiftCertificate"})
COUNTS = frozenset({"QuantityOrdered", "quantityOrdered", "quantityFulfilled", "quantityUnfulfilled"})
ELSEWHERE = re.compile("non[-_]amazon", re.IGNORECASE)
"""How the sales channel of multi-channel fulfilment begins: sold in another shop, sent by Amazon."""


def order_id(raw: Raw) -> str:
    return str(raw["order"]["AmazonOrderId"] if "order" in raw else raw["orderId"])


def to_order(raw: Raw, options: Options) -> Order:  # noqa: ARG001 -- the port hands every mapping its options
    """Our order; raises `RecordError` for what was sold elsewhere, missing items, an unknown status, another shape."""
    legacy = "order" in raw
    try:
        _demand_sold_here(raw, legacy=legacy)
        _demand_items(raw, legacy=legacy)
        return _order(raw, reading_v0.read(raw) if legacy else reading_2026.read(raw))
    except RecordError as error:
        raise located(error, raw) from None
    except KeyError as error:
        raise RecordError("RAW_SHAPE", str(error.args[0]), None, "an order of Amazon has this field") from None
    except (TypeError, AttributeError, ArithmeticError) as error:
        shape = RecordError("RAW_SHAPE", "order", None, f"not the shape of an order of Amazon: {error}")
        raise unread(raw, lambda name, _: name in COUNTS) or shape from None


def _demand_sold_here(raw: Raw, *, legacy: bool) -> None:
    """Multi-channel fulfilment stands in the lists, too, mostly without amounts."""
    field = "order.SalesChannel" if legacy else "salesChannel.channelName"
    shop = raw["order"].get("SalesChannel") if legacy else (raw.get("salesChannel") or {}).get("channelName")
    if ELSEWHERE.match(str(shop)):
        raise RecordError("SOLD_ELSEWHERE", field, shop, "Amazon ships this order and did not sell it")


def _demand_items(raw: Raw, *, legacy: bool) -> None:
    if legacy and raw.get("items") is None:
        raise RecordError(
            "DETAIL_MISSING", "items", order_id(raw), "Amazon lists this order but does not show its items"
        )


def _order(raw: Raw, reading: Reading) -> Order:
    state, currency = reading.state, currency_of(raw, reading.marketplace)
    totals = totals_of(reading, currency)
    fulfilment = fulfilment_of(state, reading.parcels)
    payments = _payments(reading, totals.grand, delivered=fulfilment == "delivered")
    charges = charges_of(reading, totals, reading.head["ext"].get("service_level"))
    discounts = discounts_of(reading)
    lines = lines_of(reading, totals, currency)
    head = dict(reading.head)
    ext = head.pop("ext")
    if totals.grand != reading.stated:
        free = state.order not in {"pending", "cancelled"}
        ext["grand_total"] = f"what the items state; Amazon states no total for {FREE if free else UNPRICED}"
    if totals.withheld:
        ext["tax_withheld_by_amazon"] = plain(totals.withheld)
    return Order(
        **head,
        origin="marketplace",
        order_status=state.order,
        payment_status=_payment_status(reading, payments),
        fulfilment_status=fulfilment,
        currency=currency,
        taxes_included=totals.taxes_included,
        items_total=plain(total(Decimal(line.total or 0) for line in lines)),
        discount_total=plain(total(Decimal(each.amount or 0) for each in discounts)),
        charge_total=plain(total(Decimal(each.total or 0) for each in charges)),
        tax_total=plain(totals.tax),
        grand_total=_text(totals.grand),
        paid=plain(
            total(
                Decimal(each.amount or 0)
                for each in payments
                if each.status == "success" and each.kind != "authorization"
            )
        ),
        masking="masked" if reading.masked else "plain",
        lines=lines,
        charges=charges,
        discounts=discounts,
        taxes=taxes_of(reading, totals),
        payments=payments,
        shipments=reading.shipments,
        contacts=reading.contacts,
        ext=ext,
    )


def _payments(reading: Reading, grand: Decimal | None, *, delivered: bool) -> list[Payment]:
    """Amazon takes the money when it ships; until then it is promised. Cash is paid when it is delivered."""
    if not reading.state.priced:
        return []
    taken = "sale" if reading.state.paid else "authorization"
    return [
        Payment(
            kind="cod" if way.cash else "gift_card" if way.method in GIFT_CARDS else taken,
            status="pending" if way.cash and not delivered else "success",
            method=way.method,
            amount=_text(grand if way.amount is None else way.amount),
        )
        for way in reading.payments or [Paid()]
    ]


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _payment_status(reading: Reading, payments: list[Payment]) -> str:
    if reading.state.order == "cancelled":
        return "voided"
    if not payments:
        return "unpaid"
    if any(each.status == "pending" for each in payments):
        return "cod_due"
    return "authorized" if any(each.kind == "authorization" for each in payments) else "paid"
