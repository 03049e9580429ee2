"""What happens to money and goods of an eBay order after it was placed: payments, refunds, parcels."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import product

from orderflow.adapters.ebay.money import NOTHING, amount, text
from orderflow.adapters.ebay.statuses import MONEY, meaning
from orderflow.domain.order import Payment, Refund, Shipment
from orderflow.domain.source import Raw

GIVEN_BACK = "REFUNDED"
UNDER_WAY = "PENDING"


def payments_of(order: Raw, by_ebay: Decimal, grand: str | None) -> list[Payment]:
    fees = amount(order.get("totalMarketplaceFee"))
    return [
        Payment(
            payment_id=each.get("paymentReferenceId") or None,
            kind="sale",
            status=meaning(MONEY, "paymentSummary.payments.paymentStatus", each.get("paymentStatus")),
            method=each.get("paymentMethod") or None,
            amount=_paid(each, by_ebay, fees, grand),
            at=each.get("paymentDate") or None,
        )
        for each in (order.get("paymentSummary") or {}).get("payments") or ()
    ]


def _paid(payment: Raw, by_ebay: Decimal, fees: Decimal, grand: str | None) -> str | None:
    """What the buyer paid. eBay states what is left of it for the seller, without its fees, or with the tax it keeps.

    One that is the total with or without these is the whole total; any other one is taken as it stands.
    """
    stated = text(payment.get("amount"))
    if stated is None or grand is None:
        return stated
    readings = product((NOTHING, fees), (NOTHING, by_ebay))
    whole = any(amount(payment["amount"]) + fee - tax == Decimal(grand) for fee, tax in readings)
    return grand if whole else stated


def refunds_of(order: Raw) -> list[Refund]:
    """Money that was given back; a refund that is under way or failed is none yet.

    eBay states a refund at the order or at its lines, by its number; at lines it has no status, and is done once it has
    a date.
    """
    whole: dict[str, Refund] = {}
    for each in (order.get("paymentSummary") or {}).get("refunds") or ():
        if each.get("refundStatus") in {GIVEN_BACK, None}:
            name = _number(each, len(whole))
            whole[name] = Refund(refund_id=name, amount=_positive(each), at=each.get("refundDate") or None)
    parts: dict[str, list[Raw]] = {}
    for line in order.get("lineItems") or ():
        for each in line.get("refunds") or ():
            if each.get("refundDate"):
                parts.setdefault(_number(each, len(parts)), []).append(each)
    for name, refunds in parts.items():
        if name not in whole:
            together = sum((abs(amount(each.get("amount"))) for each in refunds), NOTHING)
            whole[name] = Refund(refund_id=name, amount=f"{together:f}", at=refunds[0]["refundDate"])
    return list(whole.values())


def pending_refunds(order: Raw) -> str | None:
    """The numbers of refunds that are under way."""
    refunds = (order.get("paymentSummary") or {}).get("refunds") or ()
    names = [_number(each, place) for place, each in enumerate(refunds) if each.get("refundStatus") == UNDER_WAY]
    return ",".join(names) or None


def _number(refund: Raw, place: int) -> str:
    return str(refund.get("refundId") or refund.get("refundReferenceId") or f"{refund.get('refundDate')}/{place}")


def _positive(refund: Raw) -> str | None:
    value = text(refund.get("amount"))
    return value.removeprefix("-") if value else None


def shipments_of(fulfillments: Sequence[Raw]) -> list[Shipment]:
    return [
        Shipment(
            shipment_id=str(each["fulfillmentId"]),
            carrier=each.get("shippingCarrierCode") or None,
            tracking_numbers=[each["shipmentTrackingNumber"]] if each.get("shipmentTrackingNumber") else [],
            shipped_at=each.get("shippedDate") or None,
            lines=[(str(line["lineItemId"]), str(line.get("quantity", 1))) for line in each.get("lineItems") or ()],
        )
        for each in fulfillments
    ]


def shipped(line: Raw, shipments: Sequence[Shipment]) -> str | None:
    """Units of a line that were sent; None where a part was sent and eBay does not say how many."""
    status, quantity = line.get("lineItemFulfillmentStatus"), str(line.get("quantity", ""))
    if status == "NOT_STARTED":
        return "0"
    if status == "FULFILLED":
        return quantity or None
    sent = [Decimal(count) for parcel in shipments for name, count in parcel.lines if name == str(line["lineItemId"])]
    return f"{sum(sent, NOTHING):f}" if sent else None
