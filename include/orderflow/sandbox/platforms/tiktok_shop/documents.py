"""A simulated order in TikTok Shop's words.

Every unit is a line of its own. All that was taken off a line is the seller's discount; free shipping is the platform's
and the tip a service fee. What an edit took out stays as a called-off line; on every other order the totals no longer
count it.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from orderflow.domain.money import allocate, exponent
from orderflow.sandbox.numbers import is_number, total, value
from orderflow.sandbox.snapshot import Line, Parcel, Snapshot

ORDERS, LINES, STEP, ROOM = 576_461_413_000_000_000, 577_086_512_000_000_000, 4096, 32
"""The first ids of orders and lines, the ids kept for one order's lines, and for one position's units."""
KNOWN = {"pending", "on_hold", "open", "completed", "refunded"}


def order_id(index: int) -> str:
    return str(ORDERS + index * 1024)


def index_of(text: str) -> int | None:
    """The index of the order with this id, if it can be one."""
    if not text.isascii() or not text.isdigit():
        return None
    index, rest = divmod(int(text) - ORDERS, 1024)
    return index if index >= 0 and not rest else None


def seconds(text: str | None) -> Any:
    """An ISO moment as epoch seconds; what is none, as it stands."""
    if text is None:
        return None
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        return text


def called_off(snap: Snapshot) -> bool:
    return snap.status in {"cancelled", "failed"}


def status_of(snap: Snapshot) -> str:
    if called_off(snap):
        return "CANCELLED"
    if snap.status not in KNOWN:
        return snap.status.upper()
    if snap.status in {"pending", "on_hold"}:
        return "UNPAID"
    if snap.closed_at:
        return "COMPLETED"
    if snap.fulfilment == "fulfilled":
        return "DELIVERED" if all(parcel.delivered_at for parcel in snap.parcels) else "IN_TRANSIT"
    if snap.parcels:
        return "PARTIALLY_SHIPPING"
    return ("ON_HOLD", "AWAITING_COLLECTION", "AWAITING_SHIPMENT")[min(snap.index % 9, 2)]


def _counted(snap: Snapshot) -> Decimal:
    """What called-off lines add to the totals of this order: nothing on every other one."""
    if not called_off(snap) and snap.index % 2:
        return Decimal(0)
    return value(total(piece["price"] for piece in pieces_of(snap) if piece["removed"]))


def total_of(snap: Snapshot) -> str | None:
    """What a reader of the document should come to: called-off lines count while the whole order is called off."""
    if snap.total[0] is None or not called_off(snap):
        return snap.total[0]
    return f"{value(snap.total[0]) + _counted(snap):f}"


def order_of(snap: Snapshot, *, mask: bool) -> dict[str, Any]:
    placed = seconds(snap.created_at)
    soon = placed + 172_800 if isinstance(placed, int) else 0
    return {
        "id": order_id(snap.index),
        "status": status_of(snap),
        "order_type": "NORMAL",
        "create_time": placed,
        "update_time": seconds(snap.modified_at),
        "paid_time": seconds(snap.paid_at) or 0,
        "cancel_time": seconds(snap.cancelled_at) or 0,
        "cancel_reason": snap.cancel_reason or "",
        "user_id": str(7_000_000_000_000_000_000 + snap.customer_id),
        "buyer_email": f"v{snap.index}@scs.tiktok.test",
        "buyer_message": snap.note,
        "seller_note": "",
        "fulfillment_type": "FULFILLMENT_BY_SELLER",
        "delivery_type": "HOME_DELIVERY",
        "shipping_type": "SELLER",
        "delivery_option_name": snap.method[1],
        "warehouse_id": "7000714532876273420",
        "is_cod": False,
        "is_on_hold_order": snap.index % 9 == 0,
        "is_sample_order": "false",
        "is_buyer_request_cancel": False,
        "payment_method_name": snap.gateway[1],
        "tts_sla_time": soon,
        "delivery_sla_time": soon,
        "collection_time": seconds(snap.parcels[0].at) if snap.parcels else 0,
        "delivery_time": seconds(snap.parcels[-1].delivered_at) if snap.parcels else 0,
        "payment": _payment(snap),
        "recipient_address": _recipient(snap, mask=mask),
        "line_items": [_line(snap, piece) for piece in pieces_of(snap)],
    }


def _payment(snap: Snapshot) -> dict[str, Any]:
    pieces, counted = pieces_of(snap), _counted(snap)
    here = [piece for piece in pieces if not piece["removed"]]
    goods, less = total(piece["price"] for piece in here), total(piece["discount"] for piece in here)
    fee = value(snap.shipping[0]) - value(snap.shipping_discount[0])
    return {
        "currency": snap.currency,
        "original_total_product_price": f"{value(goods) + counted:f}",
        "seller_discount": less,
        "platform_discount": "0",
        "sub_total": f"{value(goods) - value(less) + counted:f}",
        "original_shipping_fee": snap.shipping[0],
        "shipping_fee_seller_discount": "0",
        "shipping_fee_platform_discount": total([snap.shipping_discount[0]]),
        "shipping_fee_cofunded_discount": "0",
        "shipping_fee": f"{fee:f}",
        "shipping_fee_tax": snap.shipping_tax[0],
        "product_tax": total(line.tax[0] for line in snap.lines),
        "tax": snap.tax[0],
        "buyer_service_fee": snap.tip[0],
        "total_amount": None if snap.total[0] is None else f"{value(snap.total[0]) + counted:f}",
    }


def _recipient(snap: Snapshot, *, mask: bool) -> dict[str, Any] | None:
    to = snap.ship_to
    if to is None:
        return None

    def masked(text: str) -> str:
        return f"{text[:1]}***" if mask and text else text

    street = ", ".join(text for text in (to.street, to.extra) if text)
    return {
        "name": masked(f"{to.given} {to.family}"),
        "first_name": masked(to.given),
        "last_name": masked(to.family),
        "phone_number": masked(to.phone),
        "full_address": masked(street),
        "address_detail": masked(street),
        "address_line1": masked(to.street),
        "address_line2": masked(to.extra),
        "postal_code": to.postcode,
        "region_code": to.country,
        "district_info": [
            {"address_level": "L0", "address_level_name": "Country", "address_name": to.country_name},
            {"address_level": "L1", "address_level_name": "State", "address_name": to.region},
            {"address_level": "L3", "address_level_name": "City", "address_name": to.city},
        ],
    }


def _line(snap: Snapshot, piece: dict[str, Any]) -> dict[str, Any]:
    line, parcel = piece["line"], piece["parcel"]
    tax = (
        [{"tax_type": "SALES_TAX", "tax_amount": piece["tax"], "tax_rate": snap.tax_rate}]
        if value(piece["tax"])
        else []
    )
    return {
        "id": piece["id"],
        "sku_id": str(line.variant_id),
        "product_id": str(line.product_id),
        "product_name": line.title,
        "sku_name": line.variant or "Default",
        "seller_sku": line.sku,
        "sku_type": "NORMAL",
        "currency": line.currency or snap.currency,
        "original_price": piece["price"],
        "sale_price": piece["sale"],
        "seller_discount": piece["discount"],
        "platform_discount": "0",
        "item_tax": tax,
        "display_status": piece["status"],
        "package_id": f"11{snap.index:09d}{parcel.number:05d}" if parcel else "",
        "tracking_number": parcel.tracking if parcel else "",
        "shipping_provider_name": parcel.carrier if parcel else "",
        "is_gift": line.gift,
    }


def pieces_of(snap: Snapshot) -> list[dict[str, Any]]:
    """Every unit with its prices, tax, status and parcel; removed ones come last in their position."""
    places, found = exponent(snap.shop_currency), []
    for line in snap.lines:
        counted, parcels = int(value(line.quantity)), _parcels(snap, line)
        prices = _shares(line.before[0], counted, places)
        discounts, taxes = _shares(line.discount[0], counted, places), _shares(line.tax[0], counted, places)
        for place in range(int(value(line.ever))):
            removed = place >= counted
            price, less, tax = (line.unit[0], "0", "0") if removed else (prices[place], discounts[place], taxes[place])
            parcel = parcels[place] if place < len(parcels) and not removed else None
            found.append(
                {
                    "id": str(LINES + snap.index * STEP + line.line_id * ROOM + place),
                    "line": line,
                    "price": price,
                    "sale": f"{value(price) - value(less):f}" if is_number(price) else price,
                    "discount": less,
                    "tax": tax,
                    "removed": removed,
                    "parcel": parcel,
                    "status": "CANCELLED" if removed else _status(snap, parcel),
                }
            )
    return found


def _status(snap: Snapshot, parcel: Parcel | None) -> str:
    whole = status_of(snap)
    if whole in {"CANCELLED", "UNPAID", "COMPLETED"} or snap.status not in KNOWN:
        return whole
    if parcel is None:
        return "AWAITING_SHIPMENT"
    return "DELIVERED" if parcel.delivered_at else "IN_TRANSIT"


def _shares(amount: str | None, count: int, places: int) -> list[Any]:
    """The amount shared over so many units, to the smallest coin; what is no amount stands on each of them."""
    if not is_number(amount):
        return [amount] * count
    parts = allocate(int(value(amount).scaleb(places)), [1] * count)
    return [f"{Decimal(part).scaleb(-places):f}" for part in parts]


def _parcels(snap: Snapshot, line: Line) -> list[Parcel]:
    """The parcel of each unit that was sent."""
    return [
        parcel
        for parcel in snap.parcels
        for line_id, units in parcel.units
        if line_id == line.line_id
        for _ in range(int(value(units)))
    ]
