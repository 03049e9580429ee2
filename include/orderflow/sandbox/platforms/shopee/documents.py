"""A simulated order in Shopee's words.

Shopee knows prices with tax alone. Where the world's order has tax on top, the buyer pays it as `buyer_tax_amount`; its
tip is a service fee, its code a voucher of the seller, free shipping a voucher of Shopee. A line's own discount is a
promotion where the line was never edited and the discount comes out even per unit; else it goes into the voucher.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from orderflow.sandbox.numbers import number, shared, total, value
from orderflow.sandbox.snapshot import Line, Parcel, Snapshot

STEP, FIRST = 7_919, 1_000_003
DIGITS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
DAY = 86_400
UNPAID = {"pending", "on_hold"}


def order_sn(index: int) -> str:
    """An order number as Shopee writes it: 14 digits and capital letters."""
    left, text = index * STEP + FIRST, ""
    while left:
        left, digit = divmod(left, len(DIGITS))
        text = DIGITS[digit] + text
    return "2603" + text.rjust(10, "0")


def index_of(text: str) -> int | None:
    """The index of the order with this number, if it can be one."""
    found = 0
    for sign in text.removeprefix("2603"):
        if sign not in DIGITS:
            return None
        found = found * len(DIGITS) + DIGITS.index(sign)
    index, rest = divmod(found - FIRST, STEP)
    return index if index >= 0 and not rest and order_sn(index) == text else None


def status_of(snap: Snapshot) -> str:
    if snap.status in UNPAID:
        return "UNPAID"
    if snap.status in {"cancelled", "failed"}:
        return "CANCELLED"
    if snap.status == "refunded":
        return "TO_RETURN" if snap.parcels else "CANCELLED"
    if snap.status not in {"open", "completed"}:
        return snap.status.upper()
    if snap.closed_at:
        return "COMPLETED"
    if snap.fulfilment == "fulfilled":
        return "TO_CONFIRM_RECEIVE" if all(parcel.delivered_at for parcel in snap.parcels) else "SHIPPED"
    if snap.parcels:
        return "PROCESSED"
    return "PENDING" if snap.index % 11 == 0 and snap.version < 2 else "READY_TO_SHIP"


def never_paid(snap: Snapshot) -> bool:
    """Whether Shopee knows no total and no settlement: unpaid, or called off before it was paid."""
    return status_of(snap) == "UNPAID" or (status_of(snap) == "CANCELLED" and snap.paid_at is None)


def seconds(text: str | None) -> Any:
    """An ISO moment as epoch seconds; what is none, as it stands."""
    if text is None:
        return None
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        return text


def shown(snap: Snapshot) -> list[Line]:
    """Positions that were taken out again are not shown."""
    return [line for line in snap.lines if line.quantity != "0" or line.ordered == "0"]


def detail(snap: Snapshot, *, mask: bool) -> dict[str, Any]:
    """All fields that a detail can hold."""
    status = status_of(snap)
    to = snap.ship_to
    placed = seconds(snap.created_at)
    return {
        "order_sn": order_sn(snap.index),
        "region": to.country if to else snap.bill_to.country,
        "currency": snap.currency,
        "cod": False,
        "order_status": status,
        "pending_terms": ["SYSTEM_PENDING"] if status == "PENDING" else [],
        "message_to_seller": snap.note,
        "create_time": placed,
        "update_time": seconds(snap.modified_at),
        "pay_time": seconds(snap.paid_at) or 0,
        "days_to_ship": 2,
        "ship_by_date": placed + 2 * DAY if isinstance(placed, int) else 0,
        "total_amount": None if never_paid(snap) else number(snap.total[0]),
        "estimated_shipping_fee": number(snap.shipping[0]),
        "actual_shipping_fee": 0,
        "actual_shipping_fee_confirmed": False,
        "buyer_user_id": snap.customer_id,
        "buyer_username": "****" if mask else snap.email.partition("@")[0],
        "payment_method": snap.gateway[1],
        "shipping_carrier": snap.method[1],
        "note": "",
        "note_update_time": 0,
        "fulfillment_flag": "fulfilled_by_local_seller",
        "pickup_done_time": seconds(snap.parcels[0].at) if snap.parcels else 0,
        "cancel_by": "buyer" if snap.cancel_reason else "",
        "cancel_reason": snap.cancel_reason or "",
        "buyer_cancel_reason": "",
        "recipient_address": _recipient(snap, mask=mask),
        "item_list": [_item(snap, line) for line in shown(snap)],
        "package_list": _packages(snap),
    }


def _recipient(snap: Snapshot, *, mask: bool) -> dict[str, Any] | None:
    to = snap.ship_to
    if to is None:
        return None
    name = f"{to.given} {to.family}"
    street = ", ".join(text for text in (to.street, to.extra) if text)
    return {
        "name": name[:1] + "**" if mask else name,
        "phone": "******" + to.phone[-3:] if mask else to.phone,
        "town": "",
        "district": "",
        "city": to.city,
        "state": to.region,
        "region": to.country,
        "zipcode": to.postcode,
        "full_address": "****" if mask else street,
    }


def promotion(line: Line) -> str:
    """What a promotion takes off each unit."""
    if line.ever != line.quantity or not value(line.ever_own[0]):
        return "0"
    return shared(line.ever_own[0], line.quantity) or "0"


def discounted(line: Line) -> str | None:
    """The unit price after its promotion."""
    each = promotion(line)
    return f"{value(line.unit[0]) - value(each):f}" if value(each) else line.unit[0]


def _item(snap: Snapshot, line: Line) -> dict[str, Any]:
    return {
        "item_id": line.product_id,
        "item_name": line.title,
        "item_sku": "",
        "model_id": line.variant_id,
        "model_name": line.variant,
        "model_sku": line.sku,
        "model_quantity_purchased": number(line.quantity),
        "model_original_price": number(line.unit[0]),
        "model_discounted_price": number(discounted(line)),
        "promotion_type": "add_on_free_gift_sub" if line.gift else "",
        "promotion_id": 0,
        "order_item_id": line.product_id * 1000 + line.line_id,
        "line_item_id": snap.index * 1000 + line.line_id,
        "weight": 0.4,
        "wholesale": False,
        "product_location_id": ["TWZ"],
    }


def _packages(snap: Snapshot) -> list[dict[str, Any]]:
    """What was sent, and one package with all that is still to go."""
    lines = {line.line_id: line for line in shown(snap)}
    packages = [_package(snap, parcel, lines) for parcel in snap.parcels]
    left = [(line_id, line) for line_id, line in lines.items() if value(line.quantity) > value(line.shipped)]
    if left and snap.status == "open":
        waiting = Parcel(
            number=9000,
            carrier="",
            tracking="",
            at=snap.created_at,
            delivered_at=None,
            units=[(line_id, f"{value(line.quantity) - value(line.shipped)}") for line_id, line in left],
        )
        packages.append(_package(snap, waiting, lines) | {"logistics_status": "LOGISTICS_READY"})
    return packages


def _package(snap: Snapshot, parcel: Parcel, lines: dict[int, Line]) -> dict[str, Any]:
    return {
        "package_number": f"OFG{snap.index:09d}{parcel.number:04d}",
        "logistics_status": "LOGISTICS_DELIVERY_DONE" if parcel.delivered_at else "LOGISTICS_PICKUP_DONE",
        "logistics_channel_id": 30001,
        "shipping_carrier": parcel.carrier,
        "item_list": [
            {
                "item_id": lines[line_id].product_id,
                "model_id": lines[line_id].variant_id,
                "model_quantity": number(units),
                "order_item_id": lines[line_id].product_id * 1000 + line_id,
                "product_location_id": "TWZ",
            }
            for line_id, units in parcel.units
            if line_id in lines
        ],
    }


def escrow(snap: Snapshot) -> dict[str, Any]:
    """The settlement. Reductions of the checkout are negative."""
    lines = shown(snap)
    promoted = [f"{value(promotion(line)) * value(line.quantity):f}" for line in lines]
    taken_off = [line.discount[0] for line in lines]
    voucher = value(total(taken_off)) - value(total(promoted))
    return {
        "order_sn": order_sn(snap.index),
        "buyer_user_name": "",
        "return_order_sn_list": [],
        "order_income": {
            "escrow_amount": number(snap.total[0]),
            "buyer_total_amount": number(snap.total[0]),
            "seller_discount": number(total(promoted)),
            "shopee_discount": 0,
            "seller_voucher_code": [snap.code] if snap.code else [],
            "items": [],
        },
        "buyer_payment_info": {
            "buyer_total_amount": number(snap.total[0]),
            "merchant_subtotal": number(total(f"{value(discounted(line)) * value(line.quantity):f}" for line in lines)),
            "shipping_fee": number(snap.shipping[0]),
            "buyer_service_fee": number(snap.tip[0]),
            "buyer_tax_amount": 0 if snap.taxes_included else number(snap.tax[0]),
            "seller_voucher": number(f"{-voucher:f}"),
            "shopee_voucher": number(f"{-value(snap.shipping_discount[0]):f}"),
            "shopee_coins_redeemed": 0,
        },
    }
