"""A simulated order in TOP's words: a trade, whose orders are its lines.

Prices contain tax. A price comes out of what was paid where that is even per unit; else the seller changed it by hand
(`adjust_fee`). Where the world's order has a code, all that was taken off its lines is a promotion of the whole trade,
which every order bears in part; else it was taken off single orders, and for odd trades TOP leaves out how much. A
line that an edit took out is an order that was closed before payment, as long as the trade lives.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from orderflow.adapters.taobao_tmall.values import moment_text
from orderflow.sandbox.numbers import is_number, number, total, value
from orderflow.sandbox.snapshot import Bag, Line, Parcel, Snapshot

TRADES, STEP = 4_203_417_012_345_000_000, 10_000
"""The first trade's number, and the numbers kept for one trade's orders."""
UNPAID = {"pending", "on_hold"}
HIDDEN = "tmall_i18n"
"""A kind of trade that lists leave out unless it is named."""


def tid(index: int) -> int:
    return TRADES + index * STEP


def index_of(text: str) -> int | None:
    """The index of the order with this number, if it can be one."""
    if not (text.isascii() and text.isdigit()):
        return None
    index, rest = divmod(int(text) - TRADES, STEP)
    return index if index >= 0 and not rest else None


def type_of(index: int) -> str:
    return HIDDEN if index % 7 == 3 else "fixed"


def time_of(text: str | None) -> str | None:
    """An ISO moment as TOP writes it; what is none, as it stands."""
    try:
        return moment_text(datetime.fromisoformat(text or ""))
    except ValueError:
        return text


def called_off(snap: Snapshot) -> bool:
    return snap.status in {"cancelled", "failed"} or (snap.status == "refunded" and not snap.parcels)


def status_of(snap: Snapshot) -> str:
    if snap.status in UNPAID:
        return "WAIT_BUYER_PAY"
    if called_off(snap) or snap.status == "refunded":
        return "TRADE_CLOSED" if snap.paid_at else "TRADE_CLOSED_BY_TAOBAO"
    if snap.status not in {"open", "completed"}:
        return snap.status.upper()
    if snap.closed_at:
        return "TRADE_FINISHED"
    if snap.fulfilment == "fulfilled":
        return "WAIT_BUYER_CONFIRM_GOODS"
    return "SELLER_CONSIGNED_PART" if snap.parcels else "WAIT_SELLER_SEND_GOODS"


def shown(snap: Snapshot) -> list[Line]:
    """Lines that a trade shows: what an edit took out goes with the trade when that is called off."""
    return [line for line in snap.lines if not called_off(snap) or line.quantity != "0" or line.ever == "0"]


def shown_total(snap: Snapshot) -> Bag:
    return snap.total[0], snap.total[0]


def row_of(snap: Snapshot) -> dict[str, Any]:
    """What a list can show of a trade."""
    return {
        "tid": tid(snap.index),
        "tid_str": str(tid(snap.index)),
        "status": status_of(snap),
        "type": type_of(snap.index),
        "payment": snap.total[0],
        "created": time_of(snap.created_at),
        "modified": time_of(snap.modified_at),
        "consign_time": time_of(snap.parcels[0].at) if snap.parcels else None,
    }


def trade_of(snap: Snapshot, *, mask: bool) -> dict[str, Any]:
    """All fields that a detail can hold."""
    orders = [_order(snap, line) for line in shown(snap)]
    of_the_trade = total(order["part_mjz_discount"] for order in orders)
    return row_of(snap) | {
        "pay_time": time_of(snap.paid_at),
        "end_time": time_of(snap.closed_at or snap.cancelled_at),
        "total_fee": total(f"{value(order['price']) * value(str(order['num'])):f}" for order in orders),
        "discount_fee": of_the_trade,
        "adjust_fee": "0.00",
        "post_fee": total([snap.shipping_net[0], snap.shipping_tax[0], snap.tip[0]]),
        "received_payment": "0.00",
        "platform_subsidy_fee": of_the_trade if snap.index % 2 else "0.00",
        "alipay_no": f"2026{snap.index:014d}" if snap.paid_at else None,
        "shipping_type": "express",
        "seller_nick": "測試旗艦店",
        "buyer_nick": f"{snap.email[:1]}**",
        "buyer_open_uid": f"AAE{snap.customer_id}",
        "buyer_message": snap.note,
        "oaid": f"{snap.index}~~oaid",
        "orders": {"order": orders} if orders else None,
        "promotion_details": {"promotion_detail": promotions} if (promotions := _promotions(snap, orders)) else None,
        **_receiver(snap, mask=mask),
    }


def _receiver(snap: Snapshot, *, mask: bool) -> dict[str, Any]:
    to = snap.ship_to
    if to is None:
        return {}
    county = snap.index % 5 == 0
    """Some cities are no city to TOP."""
    return {
        "receiver_name": f"{to.family[:1]}**" if mask else f"{to.family}{to.given}",
        "receiver_mobile": f"*******{to.phone[-4:]}" if mask else to.phone,
        "receiver_country": to.country_name,
        "receiver_state": to.region,
        "receiver_city": "" if county else to.city,
        "receiver_district": to.city if county else "",
        "receiver_address": f"{to.street[:3]}***" if mask else " ".join(text for text in (to.street, to.extra) if text),
        "receiver_zip": to.postcode,
    }


def _order(snap: Snapshot, line: Line) -> dict[str, Any]:
    removed = line.quantity == "0" and line.ever != "0"
    units = line.ever if removed else line.quantity
    paid, less = ("0.00", "0.00") if removed else (line.whole[0], line.discount[0] or "0")
    price, adjust = _price(line, units, paid, less, removed=removed)
    of_trade, own = (less, "0.00") if snap.code else ("0.00", less)
    due = f"{value(paid) + value(of_trade):f}" if is_number(paid) else paid
    parcel = next((each for each in snap.parcels if any(number_ == line.line_id for number_, _ in each.units)), None)
    alone = len(shown(snap)) == 1
    return {
        "oid": tid(snap.index) + 1 + line.line_id,
        "oid_str": str(tid(snap.index) + 1 + line.line_id),
        "num_iid": line.product_id,
        "sku_id": str(line.variant_id),
        "outer_iid": "",
        "outer_sku_id": line.sku,
        "title": line.title,
        "sku_properties_name": line.variant,
        "price": price,
        "num": number(units),
        "adjust_fee": adjust,
        "discount_fee": own,
        "total_fee": due,
        "payment": snap.total[0] if alone else due,
        "part_mjz_discount": of_trade,
        "divide_order_fee": paid if snap.code and is_number(paid) and snap.index % 2 else None,
        "is_free_gift": line.gift,
        "status": "TRADE_CLOSED_BY_TAOBAO" if removed else _line_status(snap, parcel),
        "refund_status": "SUCCESS" if value(line.refunded) and not removed else "NO_REFUND",
        **_sent(parcel),
    }


def _price(line: Line, units: str, paid: str | None, less: str, *, removed: bool) -> tuple[str | None, str]:
    """Unit price, and by how much the seller changed what the line comes to."""
    before, count = value(paid) + value(less), value(units)
    if removed or count <= 0 or not is_number(line.unit[0]) or not is_number(paid):
        return line.unit[0], "0.00"
    each = (before / count).quantize(Decimal("0.01"))
    if each * count == before and each >= 0:
        return f"{each:f}", "0.00"
    return line.unit[0], f"{before - value(line.unit[0]) * count:f}"


def _line_status(snap: Snapshot, parcel: Parcel | None) -> str:
    status = status_of(snap)
    if status == "SELLER_CONSIGNED_PART":
        return "WAIT_BUYER_CONFIRM_GOODS" if parcel else "WAIT_SELLER_SEND_GOODS"
    return status


def _sent(parcel: Parcel | None) -> dict[str, Any]:
    if parcel is None:
        return {}
    return {
        "consign_time": time_of(parcel.at),
        "logistics_company": parcel.carrier,
        "invoice_no": parcel.tracking,
    }


def _promotions(snap: Snapshot, orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = [
        {
            "id": order["oid"],
            "promotion_name": "限時打折",
            "discount_fee": "" if snap.index % 3 == 0 else order["discount_fee"],
            "promotion_id": f"limit-{order['oid']}",
        }
        for order in orders
        if value(order["discount_fee"])
    ]
    whole = total(order["part_mjz_discount"] for order in orders)
    if value(whole):
        name = f"店鋪滿減 {snap.code}"
        found.append(
            {"id": tid(snap.index), "promotion_name": name, "discount_fee": whole, "promotion_id": f"mjs-{snap.index}"}
        )
    return found
