"""A simulated order in Pinduoduo's words.

Pinduoduo knows yuan and prices with tax alone. Where the world's order has tax on top, the buyer pays it as a service
fee, and so is the tip; what was taken off lines is the shop's discount, free shipping a discount of the platform. An
order that the world has not seen paid is one under review: Pinduoduo lists none that is not paid.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from hashlib import blake2b
from typing import Any

from orderflow.sandbox.numbers import number, total, value
from orderflow.sandbox.snapshot import Line, Snapshot, counted

PREFIX = "260301-"
CHINA = timezone(timedelta(hours=8))
LINE_STEP = 1_000


def order_sn(index: int) -> str:
    return f"{PREFIX}{index + 1:015d}"


def index_of(text: str) -> int | None:
    """The index of the order with this number, if it can be one."""
    digits = text.removeprefix(PREFIX)
    index = int(digits) - 1 if digits.isascii() and digits.isdigit() else -1
    return index if index >= 0 and order_sn(index) == text else None


def time_of(text: str | None) -> str | None:
    """An ISO moment in UTC+8, without an offset; what is none, as it stands."""
    try:
        return datetime.fromisoformat(text or "").astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return text


def shown(snap: Snapshot) -> list[Line]:
    """Positions that were taken out again are not shown."""
    return counted(snap)


def status_of(snap: Snapshot) -> int | str:
    """1 waits to be sent, 2 is under way, 3 has arrived."""
    if snap.status not in {"pending", "on_hold", "open", "completed", "cancelled", "refunded", "failed"}:
        return snap.status
    if snap.fulfilment != "fulfilled" or not snap.parcels:
        return 1
    return 3 if snap.closed_at or all(parcel.delivered_at for parcel in snap.parcels) else 2


def states_of(snap: Snapshot) -> dict[str, Any]:
    """The numbers that say where an order stands."""
    gone = snap.status in {"cancelled", "failed", "refunded"}
    refunded = snap.status == "refunded" or (gone and snap.paid_at is not None)
    return {
        "order_status": status_of(snap),
        "refund_status": 4 if refunded else 1,
        "after_sales_status": 10 if refunded else 0,
        "confirm_status": 2 if gone and not refunded else 1,
        "group_status": 1,
        "risk_control_status": int(snap.status in {"pending", "on_hold"}),
    }


def money_of(snap: Snapshot) -> dict[str, Any]:
    lines = shown(snap)
    less = total(line.discount[0] for line in lines)
    free = total([snap.shipping_discount[0]])
    goods = sum(value(line.unit[0]) * value(line.quantity) for line in lines)
    return {
        "goods_amount": number(f"{goods:f}"),
        "order_change_amount": 0,
        "platform_discount": number(free),
        "seller_discount": number(less),
        "capital_free_discount": 0,
        "discount_amount": number(total([less, free])),
        "postage": number(total([snap.shipping_net[0], snap.shipping_tax[0], free])),
        "pay_amount": number(snap.total[0]),
    }


def fees_of(snap: Snapshot) -> list[dict[str, Any]]:
    """What stands beside the order's detail."""
    fees = {"tip": snap.tip[0], "tax": None if snap.taxes_included else snap.lines_tax[0]}
    return [{"service_name": name, "service_fee": number(fee)} for name, fee in fees.items() if value(fee)]


def row_of(snap: Snapshot) -> dict[str, Any]:
    """A row of either list."""
    money = money_of(snap)
    return {
        "order_sn": order_sn(snap.index),
        **states_of(snap),
        "updated_at": time_of(snap.modified_at),
        "goods_amount": money["goods_amount"],
        "discount_amount": money["discount_amount"],
        "pay_amount": money["pay_amount"],
        "is_lucky_flag": 1,
        "item_list": [
            {
                "goods_id": str(line.product_id),
                "sku_id": str(_sku(snap, line)),
                "goods_count": number(line.quantity),
            }
            for line in shown(snap)
        ],
    }


def detail_of(snap: Snapshot) -> dict[str, Any]:
    """The order by its number."""
    parcels = [{"logistics_id": 85, "tracking_number": parcel.tracking} for parcel in snap.parcels]
    sent = status_of(snap) != 1
    first = parcels[0] if parcels and sent else {"logistics_id": 0, "tracking_number": ""}
    return {
        "order_sn": order_sn(snap.index),
        **states_of(snap),
        "trade_type": 0,
        "created_time": time_of(snap.created_at),
        "pay_time": time_of(snap.paid_at) or "",
        "confirm_time": time_of(snap.created_at),
        "updated_at": time_of(snap.modified_at),
        "shipping_time": time_of(snap.parcels[0].at) if sent and snap.parcels else "",
        "receive_time": time_of(snap.closed_at) or "",
        **money_of(snap),
        "duo_duo_pay_reduction": 0,
        "pay_type": "",
        "buyer_memo": snap.note,
        "remark": "",
        "is_lucky_flag": 1,
        **_people(snap),
        "item_list": [_item(snap, line) for line in shown(snap)],
        "gift_list": [],
        "extra_delivery_list": parcels[1:] if sent else [],
        "order_tag_list": [{"name": "delivery_one_day", "value": snap.index % 2}],
        **first,
    }


def _item(snap: Snapshot, line: Line) -> dict[str, Any]:
    return {
        "goods_id": line.product_id,
        "sku_id": _sku(snap, line),
        "outer_id": line.sku,
        "outer_goods_id": "",
        "goods_name": line.title,
        "goods_spec": line.variant,
        "goods_price": number(line.unit[0]),
        "goods_count": number(line.quantity),
        "goods_img": "https://img.example.com/1.jpg",
    }


def _sku(snap: Snapshot, line: Line) -> int:
    """Pinduoduo has no id for a position: two positions of one variant would be one."""
    return (snap.index + 1) * LINE_STEP + line.line_id


def _people(snap: Snapshot) -> dict[str, Any]:
    """Ciphertext while the order waits and is not under review; else empty, with a mask."""
    to = snap.ship_to or snap.bill_to
    states = states_of(snap)
    open_now = states["order_status"] == 1 and states["risk_control_status"] == 0
    secrets = {"receiver_name": f"{to.given} {to.family}", "receiver_phone": to.phone, "address": to.street}
    masks = {f"{name}_mask": f"{text[:1]}***" for name, text in secrets.items()}
    return {
        **{name: _sealed(text) if open_now else "" for name, text in secrets.items()},
        **masks,
        "country": to.country,
        "province": to.region,
        "city": to.city,
        "town": "",
        "open_address_id": _sealed(to.street + to.postcode),
    }


def _sealed(text: str) -> str:
    return f"~AgAA{blake2b(text.encode(), digest_size=12).hexdigest()}~0~~"
