"""A simulated order in eBay's words.

Prices that contain tax come without any word of it. Where they do not, the seller collects the tax (`taxes`), but for
buyers in the United States eBay does: that tax stands in totals only where the breakdown is asked for. The tip is a
special fee, which only the breakdown names, too. A refund of one line alone stands there, any other at the order.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from orderflow.sandbox.events import EDIT
from orderflow.sandbox.numbers import is_number, total, value
from orderflow.sandbox.order import Address
from orderflow.sandbox.snapshot import Line, Parcel, Return, Snapshot, counted

FIRST = 1_000_000_000
MARKETPLACES = {"USD": "EBAY_US", "GBP": "EBAY_GB", "EUR": "EBAY_DE", "PLN": "EBAY_PL"}
PAYMENTS = {
    "pending": "PENDING", "authorized": "PENDING", "partially_paid": "PENDING", "paid": "PAID",
    "partially_refunded": "PARTIALLY_REFUNDED", "refunded": "FULLY_REFUNDED", "voided": "FAILED",
}  # fmt: skip
FULFILMENTS = {"unfulfilled": "NOT_STARTED", "partial": "IN_PROGRESS", "fulfilled": "FULFILLED"}
RECEIVED = frozenset({"paid", "partially_refunded", "refunded"})


def order_id(index: int) -> str:
    number = f"{FIRST + index:012d}"
    return f"{number[:2]}-{number[2:7]}-{number[7:]}"


def index_of(name: str) -> int | None:
    """The index of the order with this id, if it can be one."""
    digits = name.replace("-", "")
    if len(name) != 14 or not digits.isdigit() or order_id(int(digits) - FIRST) != name:
        return None
    return int(digits) - FIRST if int(digits) >= FIRST else None


def time_of(text: str | None) -> str | None:
    """An ISO moment with milliseconds; what is none, as it stands."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return text
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}{'' if moment.tzinfo is None else 'Z'}"


def by_ebay(snap: Snapshot) -> bool:
    """Whether eBay collects the tax of this order."""
    return not snap.taxes_included and snap.bill_to.country == "US"


def total_of(snap: Snapshot) -> str | None:
    """What the order comes to for the seller."""
    if snap.total[0] is None or not by_ebay(snap):
        return snap.total[0]
    return total([snap.total[0], f"-{total([snap.tax[0]])}"]) if value(snap.tax[0]) >= 0 else snap.total[0]


def document(snap: Snapshot, *, breakdown: bool, detail: bool, url: str) -> dict[str, Any]:
    """The order as getOrders shows it, or getOrder with `detail`; `url` is that of the order."""
    lines = counted(snap)

    def money(text: str | None, currency: str | None = None) -> dict[str, Any]:
        code = currency or snap.currency
        return {"value": text} | ({"currency": code} if code else {})

    shown = snap.total[0] if breakdown else total_of(snap)
    delivery = _delivery(snap)
    less, price_less = snap.shipping_discount[0], total(line.discount[0] for line in lines)
    cancelled = snap.status in {"cancelled", "failed"}
    summary = {
        "priceSubtotal": money(total(line.before[0] for line in lines)),
        "deliveryCost": money(total([delivery, less])),
    }
    if value(price_less):
        summary["priceDiscount"] = money(f"-{price_less}")
    if value(less):
        summary["deliveryDiscount"] = money(f"-{less}")
    if not snap.taxes_included and value(snap.tax[0]) and (breakdown or not by_ebay(snap)):
        summary["tax"] = money(snap.tax[0])
    if breakdown and value(snap.tip[0]):
        summary["fee"] = money(snap.tip[0])
    if shown is not None:
        summary["total"] = money(shown)
    paid, payment = total_of(snap), _payment(snap)
    return {
        "orderId": order_id(snap.index),
        "legacyOrderId": order_id(snap.index),
        "creationDate": time_of(snap.created_at),
        "lastModifiedDate": time_of(snap.modified_at),
        "orderFulfillmentStatus": FULFILMENTS.get(snap.fulfilment, snap.fulfilment.upper()),
        "orderPaymentStatus": payment,
        "sellerId": "demo-seller",
        "salesRecordReference": str(snap.index + 1),
        "buyer": {"username": f"buyer{snap.customer_id}", "taxAddress": {"countryCode": snap.bill_to.country}},
        "buyerCheckoutNotes": snap.note,
        "pricingSummary": summary,
        "cancelStatus": {
            "cancelState": "CANCELED" if cancelled else "NONE_REQUESTED",
            "cancelRequests": [_cancelling(snap)] if cancelled and detail else [],
        } | ({"cancelledDate": time_of(snap.cancelled_at)} if cancelled and snap.cancelled_at else {}),
        "paymentSummary": {
            "totalDueSeller": money(paid),
            "refunds": [
                _refund(refund, money(_given_back(snap, refund))) for refund in snap.refunds if not _of_line(refund)
            ],
            "payments": [
                {
                    "paymentMethod": "EBAY",
                    "paymentStatus": "PAID" if snap.payment in RECEIVED else "PENDING",
                    "amount": money(paid),
                }
                | ({"paymentDate": time_of(snap.paid_at)} if snap.payment in RECEIVED else {})
            ],
        },
        "fulfillmentStartInstructions": _instructions(snap),
        "fulfillmentHrefs": [f"{url}/shipping_fulfillment/{parcel.tracking}" for parcel in snap.parcels],
        "lineItems": [_line(snap, line, place, breakdown=breakdown, money=money) for place, line in enumerate(lines)],
        "totalFeeBasisAmount": money(shown),
    } | ({"ebayCollectAndRemitTax": True} if by_ebay(snap) else {})  # fmt: skip


def _payment(snap: Snapshot) -> str:
    """The payment's status; eBay knows no edits, so what settles one is no refund."""
    if snap.payment in {"partially_refunded", "refunded"} and all(each.reason == EDIT for each in snap.refunds):
        return "PAID"
    return PAYMENTS.get(snap.payment, snap.payment.upper())


def _delivery(snap: Snapshot) -> str:
    """What delivery costs the buyer, as the seller shows prices."""
    return total([snap.shipping_net[0], *([snap.shipping_tax[0]] if snap.taxes_included else [])])


def _cancelling(snap: Snapshot) -> dict[str, Any]:
    return {
        "cancelRequestId": f"5{snap.index:09d}",
        "cancelReason": (snap.cancel_reason or "other").upper(),
        "cancelInitiator": "Buyer",
        "cancelRequestState": "COMPLETED",
    }


def _of_line(refund: Return) -> bool:
    return refund.reason == EDIT or (len(refund.units) == 1 and value(refund.shipping[0]) == 0)


def _given_back(snap: Snapshot, refund: Return) -> str | None:
    """What the seller gives back; the tax that eBay collected is not the seller's to give."""
    if not by_ebay(snap) or not is_number(refund.amount[0]):
        return refund.amount[0]
    taxes = total([refund.shipping_tax[0], *(tax[0] for _, _, _, tax, _ in refund.units)])
    return f"{value(refund.amount[0]) - value(taxes):f}"


def _refund(refund: Return, amount: Any) -> dict[str, Any]:
    return {
        "refundId": str(refund.number),
        "refundDate": time_of(refund.at),
        "amount": amount,
        "refundStatus": "REFUNDED",
    }


def _line(snap: Snapshot, line: Line, place: int, *, breakdown: bool, money: Any) -> dict[str, Any]:
    """Delivery, and its tax, stand at the first line."""
    after = line.whole[0] if snap.taxes_included else line.net[0]
    tax = total([line.tax[0], *([snap.shipping_tax[0]] if place == 0 else [])])
    taxes = [{"taxType": "STATE_SALES_TAX", "amount": money(tax)}] if not snap.taxes_included and value(tax) else []
    delivery = _delivery(snap) if place == 0 else "0.0"
    marketplace = MARKETPLACES.get(snap.shop_currency, "EBAY_AU")
    found = {
        "lineItemId": str(10_000_000_000 + snap.index * 1000 + line.line_id),
        "legacyItemId": str(line.product_id),
        "sku": line.sku,
        "title": line.title,
        "quantity": int(line.quantity) if is_number(line.quantity) else line.quantity,
        "soldFormat": "FIXED_PRICE",
        "listingMarketplaceId": marketplace,
        "purchaseMarketplaceId": marketplace,
        "lineItemFulfillmentStatus": _line_status(line),
        "lineItemCost": money(line.before[0], line.currency),
        "total": money(total([after, delivery]), line.currency),
        "deliveryCost": {"shippingCost": money(delivery)},
        "appliedPromotions": _promotions(snap, line, money),
        "taxes": taxes if breakdown else [],
        "refunds": [
            _refund(refund, money(_given_back(snap, refund)))
            for refund in snap.refunds
            if _of_line(refund) and refund.reason != EDIT and refund.units[0][0] == line.line_id
        ],
        "properties": {"buyerProtection": True},
        "itemLocation": {"countryCode": "US", "location": "Santa Fé", "postalCode": "87501"},
    }
    if value(line.discount[0]):
        found["discountedLineItemCost"] = money(after, line.currency)
    if by_ebay(snap) and taxes:
        found["ebayCollectAndRemitTaxes"] = [tax | {"collectionMethod": "NET"} for tax in taxes]
    if line.variant:
        found["legacyVariationId"] = str(line.variant_id)
        found["variationAspects"] = [{"name": "Variante", "value": line.variant}]
    return found


def _line_status(line: Line) -> str:
    shipped, wanted = value(line.shipped), value(line.quantity)
    return "NOT_STARTED" if not shipped else "FULFILLED" if shipped >= wanted else "IN_PROGRESS"


def _promotions(snap: Snapshot, line: Line, money: Any) -> list[dict[str, Any]]:
    if not value(line.discount[0]):
        return []
    name = snap.code or "kampanj-活動"
    return [{"promotionId": f"51{len(name):08d}", "description": name, "discountAmount": money(line.discount[0])}]


def _instructions(snap: Snapshot) -> list[dict[str, Any]]:
    if snap.ship_to is None:
        return [{"fulfillmentInstructionsType": "SHIP_TO"}]
    step = {
        "shippingServiceCode": snap.method[1],
        "shippingCarrierCode": "Other",
        "shipTo": _ship_to(snap.ship_to, snap.email),
    }
    return [{"fulfillmentInstructionsType": "SHIP_TO", "shippingStep": step}]


def _ship_to(to: Address, email: str) -> dict[str, Any]:
    return {
        "fullName": f"{to.given} {to.family}",
        "companyName": to.company,
        "contactAddress": {
            "addressLine1": to.street,
            "addressLine2": to.extra,
            "city": to.city,
            "stateOrProvince": to.region,
            "postalCode": to.postcode,
            "countryCode": to.country,
        },
        "primaryPhone": {"phoneNumber": to.phone},
        "email": email,
    }


def parcel_of(snap: Snapshot, parcel: Parcel) -> dict[str, Any]:
    """One row of getShippingFulfillments."""
    return {
        "fulfillmentId": f"{parcel.tracking}{parcel.number}",
        "shippingCarrierCode": parcel.carrier,
        "shipmentTrackingNumber": parcel.tracking,
        "shippedDate": time_of(parcel.at),
        "lineItems": [
            {"lineItemId": str(10_000_000_000 + snap.index * 1000 + line), "quantity": int(Decimal(units))}
            for line, units in parcel.units
        ],
    }
