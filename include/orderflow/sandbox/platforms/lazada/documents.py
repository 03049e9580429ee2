"""A simulated order in Lazada's words.

Every piece is a row of its own. A piece's prices contain tax; its voucher is all that was taken off it. The tip goes on
top of the shipping fee, and free shipping is a discount of the platform. What an edit took out stays as a called-off
piece; on every other order `price` no longer counts it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from orderflow.domain.money import allocate, exponent
from orderflow.sandbox.numbers import is_number, number, total, value
from orderflow.sandbox.order import Address
from orderflow.sandbox.snapshot import Line, Parcel, Snapshot

ORDERS, STEP, ROOM = 560_000_000_000_001, 10_000, 32
"""The first order id, the ids kept for one order's pieces, and for one line's."""
WAITING = ("pending", "topack", "ready_to_ship")


def order_id(index: int) -> int:
    return ORDERS + index * STEP


def index_of(number: int) -> int | None:
    """The index of the order with this id, if it can be one."""
    index, rest = divmod(number - ORDERS, STEP)
    return index if index >= 0 and not rest else None


def time_of(text: str | None, zone: ZoneInfo) -> str | None:
    """An ISO moment as Lazada writes it; what is none, or has no offset, as it stands."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return text
    return text if moment.tzinfo is None else moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %z")


def shipping_of(snap: Snapshot) -> tuple[str, str, str]:
    """The shipping fee before its discount, its discount, and what the buyer pays, tip included."""
    fee = total([snap.shipping_net[0], snap.shipping_tax[0], snap.tip[0]])
    return total([fee, snap.shipping_discount[0]]), total([snap.shipping_discount[0]]), fee


def called_off(snap: Snapshot) -> bool:
    return snap.status in {"cancelled", "failed"}


def price_of(snap: Snapshot) -> str | None:
    """The goods' price, so that price - voucher + shipping fee is the order's total; None where there is no total."""
    if snap.total[0] is None:
        return None
    price = value(snap.total[0]) + value(_voucher(snap)) - value(shipping_of(snap)[2])
    if called_off(snap) or snap.index % 2 == 0:
        price += value(total(item["price"] for item in pieces_of(snap) if item["removed"]))
    return f"{price:f}"


def total_of(snap: Snapshot) -> str | None:
    """What a reader of the document should come to: called-off pieces count while the whole order is called off."""
    if snap.total[0] is None or not called_off(snap):
        return snap.total[0]
    return total([snap.total[0], *(piece["price"] for piece in pieces_of(snap) if piece["removed"])])


def _voucher(snap: Snapshot) -> str:
    return total(line.discount[0] for line in snap.lines)


def order_of(snap: Snapshot, zone: ZoneInfo, *, mask: bool) -> dict[str, Any]:
    """A row of `/orders/get`."""
    original, less, fee = shipping_of(snap)
    pieces = items_of(snap, zone)
    return {
        "order_id": order_id(snap.index),
        "order_number": order_id(snap.index),
        "statuses": list(dict.fromkeys(piece["status"] for piece in pieces)) or [_waiting(snap)],
        "items_count": len(pieces),
        "price": price_of(snap),
        "voucher": number(_voucher(snap)),
        "voucher_platform": 0,
        "voucher_seller": number(_voucher(snap)),
        "shipping_fee": number(fee),
        "shipping_fee_original": number(original),
        "shipping_fee_discount_platform": number(less),
        "shipping_fee_discount_seller": 0,
        "payment_method": snap.gateway[1],
        "created_at": time_of(snap.created_at, zone),
        "updated_at": time_of(snap.modified_at, zone),
        "customer_first_name": "",
        "customer_last_name": "",
        "remarks": snap.note,
        "address_shipping": _address(snap.ship_to, mask=mask),
        "address_billing": _address(snap.bill_to, mask=mask),
        "warehouse_code": "dropshipping",
        "extra_attributes": '{"TaxInvoiceRequested":false}',
    }


def _address(to: Address | None, *, mask: bool) -> dict[str, Any] | None:
    if to is None:
        return None

    def masked(text: str) -> str:
        return f"{text[:1]}***" if mask and text else text

    return {
        "first_name": masked(to.given),
        "last_name": masked(to.family),
        "phone": masked(to.phone),
        "phone2": "",
        "address1": masked(to.street),
        "address2": masked(to.extra),
        "address3": masked(to.region),
        "address4": masked(to.city),
        "address5": masked(to.postcode),
        "city": to.city,
        "post_code": masked(to.postcode),
        "country": to.country_name,
    }


def items_of(snap: Snapshot, zone: ZoneInfo) -> list[dict[str, Any]]:
    """The order's list of `/orders/items/get`."""
    return [
        {
            "order_item_id": piece["id"],
            "order_id": order_id(snap.index),
            "name": piece["line"].title,
            "sku": piece["line"].sku,
            "shop_sku": f"{piece['line'].variant_id}_MY-{piece['line'].product_id}",
            "product_id": str(piece["line"].product_id),
            "variation": piece["line"].variant,
            "item_price": number(piece["price"]),
            "paid_price": number(piece["paid"]),
            "voucher_amount": number(piece["voucher"]),
            "voucher_seller": piece["voucher"],
            "voucher_platform": 0,
            "voucher_code_seller": snap.code or "",
            "tax_amount": 0,
            "shipping_amount": 0,
            "currency": piece["line"].currency or snap.currency,
            "status": piece["status"],
            "package_id": f"FP{piece['parcel'].number:09d}" if piece["parcel"] else "",
            "tracking_code": piece["parcel"].tracking if piece["parcel"] else "",
            "shipment_provider": piece["parcel"].carrier if piece["parcel"] else "",
            "buyer_id": str(snap.customer_id),
            "payment_time": _milliseconds(snap.paid_at),
            "reason": snap.cancel_reason or "" if called_off(snap) else "",
            "is_digital": 0,
            "is_fbl": "0",
            "need_cancel_confirm": "false",
            "created_at": time_of(snap.created_at, zone),
            "updated_at": time_of(snap.modified_at, zone),
        }
        for piece in pieces_of(snap)
    ]


def _milliseconds(text: str | None) -> str:
    return f"{int(datetime.fromisoformat(text).astimezone(UTC).timestamp())}000" if text else ""


def pieces_of(snap: Snapshot) -> list[dict[str, Any]]:
    """Every piece with its price, what was paid for it, its voucher, status and parcel; removed ones come last."""
    places = exponent(snap.shop_currency)
    found = []
    for line in snap.lines:
        counted = int(value(line.quantity))
        parcels = _parcels(snap, line)
        paid, vouchers = _shares(line.whole[0], counted, places), _shares(line.discount[0], counted, places)
        for place in range(int(value(line.ever))):
            removed = place >= counted
            mine, voucher = (line.unit[0], "0") if removed else (paid[place], vouchers[place])
            parcel = parcels[place] if place < len(parcels) and not removed else None
            returned = parcel is not None and place < int(value(line.refunded))
            found.append(
                {
                    "id": order_id(snap.index) + 1 + line.line_id * ROOM + place,
                    "line": line,
                    "price": total([mine, voucher]) if is_number(mine) else mine,
                    "paid": mine,
                    "voucher": voucher,
                    "removed": removed,
                    "parcel": parcel,
                    "status": "canceled" if removed else _status(snap, parcel, returned=returned),
                }
            )
    return found


def _shares(amount: str | None, count: int, places: int) -> list[Any]:
    """The amount shared over so many pieces, to the smallest coin; what is no amount stands on each of them."""
    if not is_number(amount):
        return [amount] * count
    parts = allocate(int(value(amount).scaleb(places)), [1] * count)
    return [f"{Decimal(part).scaleb(-places):f}" for part in parts]


def _parcels(snap: Snapshot, line: Line) -> list[Parcel]:
    """The parcel of each piece that was sent."""
    return [
        parcel
        for parcel in snap.parcels
        for line_id, units in parcel.units
        if line_id == line.line_id
        for _ in range(int(value(units)))
    ]


def _status(snap: Snapshot, parcel: Parcel | None, *, returned: bool) -> str:
    if called_off(snap):
        return "canceled"
    if snap.status not in {"pending", "on_hold", "open", "completed", "refunded"}:
        return snap.status
    if parcel is None:
        return _waiting(snap)
    return "returned" if returned else "delivered" if parcel.delivered_at else "shipped"


def _waiting(snap: Snapshot) -> str:
    return "unpaid" if snap.status in {"pending", "on_hold"} else WAITING[snap.index % len(WAITING)]
