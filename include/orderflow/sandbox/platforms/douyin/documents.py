"""A simulated order in Douyin's words.

Every position is a part with a status of its own. All that was taken off a part is the shop's promotion on even lines
and the platform's on odd ones; free shipping is a promotion of post. The tip is a packing fee, and where the world's
prices are without tax it is `tax_amount`. What an edit took out whole stays as a called-off part; on every other order
`pay_amount` no longer counts it.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from orderflow.sandbox.numbers import is_number, number, total, value
from orderflow.sandbox.snapshot import Line, Parcel, Snapshot

ORDERS, STEP = 6_900_000_000_000_000_001, 1_000
"""The first order id, and the ids kept for one order's parts."""
STATUSES = {"pending": 1, "on_hold": 1, "cancelled": 4, "failed": 4}
NO_SUCH_STATUS = 999
DAY = 86_400


def order_id(index: int) -> str:
    return str(ORDERS + index * STEP)


def index_of(text: str) -> int | None:
    """The index of the order with this id, if it can be one."""
    if not text.isascii() or not text.isdigit():
        return None
    index, rest = divmod(int(text) - ORDERS, STEP)
    return index if index >= 0 and not rest else None


def seconds(text: str | None) -> Any:
    """An ISO moment as epoch seconds, 0 where there is none; what is no moment, as it stands."""
    if text is None:
        return 0
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        return text


def fen(text: str | None) -> Any:
    """Yuan as fen; what is no amount, as it stands."""
    return number(f"{value(text).scaleb(2).normalize():f}") if is_number(text) else text


def status_of(snap: Snapshot) -> int:
    if snap.status in STATUSES:
        return STATUSES[snap.status]
    if snap.status == "refunded" and not snap.parcels:
        return 4
    if snap.status not in {"open", "completed", "refunded"}:
        return NO_SUCH_STATUS
    if snap.closed_at:
        return 5
    if snap.fulfilment == "fulfilled":
        return 3
    if snap.parcels:
        return 101
    return 105 if snap.index % 9 == 0 and snap.version < 3 else 2


def removed(line: Line) -> bool:
    """Whether an edit took the whole position out."""
    return line.quantity == "0" and line.ever != "0"


def _before(line: Line) -> str | None:
    if not removed(line) or not is_number(line.unit[0]):
        return line.before[0]
    return f"{value(line.unit[0]) * value(line.ever):f}"


def _counted(snap: Snapshot) -> Decimal:
    """What called-off parts add to the total of this order: nothing on every other one."""
    if status_of(snap) != 4 and snap.index % 2:
        return Decimal(0)
    return value(total(_before(line) for line in snap.lines if removed(line)))


def pay_amount(snap: Snapshot) -> str | None:
    if snap.total[0] is None or not is_number(snap.total[0]):
        return snap.total[0]
    return f"{value(snap.total[0]) + _counted(snap):f}"


def total_of(snap: Snapshot) -> str | None:
    """What a reader of the document should come to: called-off parts count while the whole order is called off."""
    return pay_amount(snap) if status_of(snap) == 4 else snap.total[0]


def order_of(snap: Snapshot, *, mask: bool, short: bool = False) -> dict[str, Any]:
    """The order as the list shows it; a `short` one without its parts."""
    placed = seconds(snap.created_at)
    parts = [_part(snap, line) for line in snap.lines]
    shop, platform = (total(_promotion(line)[side] for line in snap.lines) for side in (0, 1))
    order = {
        "order_id": order_id(snap.index),
        "shop_id": 100001,
        "shop_name": "測試小店",
        "order_status": status_of(snap),
        "main_status": status_of(snap),
        "order_type": 0,
        "create_time": placed,
        "update_time": seconds(snap.modified_at),
        "pay_time": seconds(snap.paid_at),
        "finish_time": seconds(snap.closed_at),
        "exp_ship_time": placed + 2 * DAY if isinstance(placed, int) else 0,
        "cancel_reason": snap.cancel_reason or "",
        "buyer_words": snap.note,
        "seller_words": "",
        "pay_type": 1 + snap.index % 2,
        "channel_payment_no": f"CP{snap.index}" if snap.paid_at else "",
        "doudian_open_id": f"demo{snap.customer_id}",
        "order_amount": fen(total([*(_before(line) for line in snap.lines), *snap.shipping[:1]])),
        "pay_amount": fen(pay_amount(snap)),
        "post_amount": fen(_post(snap)),
        "post_origin_amount": fen(snap.shipping[0]),
        "post_promotion_amount": fen(total([snap.shipping_discount[0]])),
        "packing_amount": fen(snap.tip[0]),
        "tax_amount": 0 if snap.taxes_included else fen(snap.tax[0]),
        "modify_amount": 0,
        "promotion_amount": fen(total([shop, platform])),
        "promotion_shop_amount": fen(shop),
        "promotion_platform_amount": fen(platform),
        "promotion_talent_amount": 0,
        "promotion_pay_amount": 0,
        **_receiver(snap, mask=mask),
        "logistics_info": [_parcel(snap, parcel) for parcel in snap.parcels],
    }
    return order if short else {**order, "sku_order_list": parts}


def _post(snap: Snapshot) -> str:
    return f"{value(snap.shipping[0]) - value(snap.shipping_discount[0]):f}"


def _promotion(line: Line) -> tuple[str, str]:
    """What shop and platform take off a part."""
    less = "0" if removed(line) else line.discount[0] or "0"
    return (less, "0") if line.line_id % 2 == 0 else ("0", less)


def _receiver(snap: Snapshot, *, mask: bool) -> dict[str, Any]:
    """Who gets it; ciphertext differs from answer to answer, as it does on the platform."""
    to = snap.ship_to
    if to is None:
        return {"post_receiver": "", "post_tel": "", "post_addr": None}
    name, street = f"{to.given} {to.family}", ", ".join(text for text in (to.street, to.extra) if text)
    hidden = {
        "mask_post_receiver": f"{name[:1]}*",
        "mask_post_tel": f"{to.phone[:1]}********{to.phone[-2:]}",
        "encrypt_post_receiver": f"##name{snap.version}#",
        "encrypt_post_tel": f"$tel{snap.version}$1$",
    }
    places = {
        "province": {"name": to.region or to.city, "id": "43"},
        "city": {"name": to.city, "id": "430100"},
        "town": {"name": "", "id": ""},
        "street": {"name": "", "id": ""},
    }
    return {
        **hidden,
        "post_receiver": "" if mask else name,
        "post_tel": "" if mask else to.phone,
        "post_addr": {**places, "detail": "" if mask else street, "encrypt_detail": f"##addr{snap.version}#"},
        "mask_post_addr": {**places, "detail": f"{street[:2]}****"},
    }


def _part_id(snap: Snapshot, line_id: int) -> str:
    return str(int(order_id(snap.index)) + line_id)


def _part(snap: Snapshot, line: Line) -> dict[str, Any]:
    shop, platform = _promotion(line)
    before = _before(line)
    paid = f"{value(before) - value(shop) - value(platform) + value(_post(snap)):f}" if is_number(before) else before
    given_back = line.refunded != "0"
    return {
        "order_id": _part_id(snap, line.line_id),
        "parent_order_id": order_id(snap.index),
        "order_status": _part_status(snap, line),
        "product_id": line.product_id,
        "product_id_str": str(line.product_id),
        "sku_id": line.variant_id,
        "out_sku_id": "0",
        "code": line.sku,
        "product_name": line.title,
        "spec": [{"name": "款式", "value": line.variant}] if line.variant else [],
        "goods_type": 0,
        "item_num": number(line.ever if removed(line) else line.quantity),
        "origin_amount": fen(line.unit[0]),
        "sum_amount": fen(before),
        "promotion_amount": fen(total([shop, platform])),
        "promotion_shop_amount": fen(shop),
        "promotion_platform_amount": fen(platform),
        "pay_amount": fen(paid),
        "logistics_receipt_time": _arrival(snap, line),
        "after_sale_info": {
            "after_sale_status": 12 if given_back else 0,
            "after_sale_type": 0,
            "refund_status": 3 if given_back else 0,
        },
        "given_product_type": "FREE" if line.gift else "",
    }


def _part_status(snap: Snapshot, line: Line) -> int:
    whole = status_of(snap)
    if removed(line):
        return 4
    if whole != 101:
        return whole
    return 3 if value(line.shipped) >= value(line.quantity) else 2


def _arrival(snap: Snapshot, line: Line) -> Any:
    """When the last parcel with this part arrived; 0 while one is under way."""
    holding = [parcel for parcel in snap.parcels if any(line_id == line.line_id for line_id, _ in parcel.units)]
    if not holding or not all(parcel.delivered_at for parcel in holding):
        return 0
    return max(seconds(parcel.delivered_at) for parcel in holding)


def _parcel(snap: Snapshot, parcel: Parcel) -> dict[str, Any]:
    lines = {line.line_id: line for line in snap.lines}
    return {
        "tracking_no": parcel.tracking,
        "company": "demo",
        "company_name": parcel.carrier,
        "ship_time": seconds(parcel.at),
        "delivery_id": f"{order_id(snap.index)}-{parcel.number}",
        "product_info": [
            {
                "sku_order_id": _part_id(snap, line_id),
                "product_id": lines[line_id].product_id,
                "product_count": number(units),
            }
            for line_id, units in parcel.units
            if line_id in lines
        ],
    }
