"""A simulated order in JD's words.

JD knows prices with tax alone: where the world's order has tax on top, it stands in the freight, with the tip. A line's
own discount is a promotion of its SKU where the line was never edited; the rest is a reduction of the shop. Free
shipping is a coupon of the platform. Positions that an edit took out are not shown. Every fifth order is partly paid
from the buyer's JD balance.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from orderflow.sandbox.numbers import is_number, total, value
from orderflow.sandbox.order import Address
from orderflow.sandbox.snapshot import Line, Snapshot

FIRST, STEP = 300_000_000_001, 7
NEVER = ("0001-01-01 00:00:00", "1970-01-01 00:00:00")
BEIJING = ZoneInfo("Asia/Shanghai")
STATES = frozenset(
    {
        "DELIVERY_RETURN",
        "FINISHED_L",
        "LOCKED",
        "NOT_PAY",
        "PAUSE",
        "POP_ORDER_PAUSE",
        "TRADE_CANCELED",
        "WAIT_GOODS_RECEIVE_CONFIRM",
        "WAIT_SELLER_DELIVERY",
        "WAIT_SELLER_STOCK_OUT",
        "WAIT_SEND_CODE",
    }
)
REMARKS = {"WAIT_SELLER_STOCK_OUT": "等待出库", "FINISHED_L": "完成", "TRADE_CANCELED": "取消", "LOCKED": "锁定"}
CARRIERS = ("467", "2087", "463", "470", "1499", "1274")
BALANCE = "10.00"
"""What an order that is partly paid from the balance takes from there."""


def order_id(index: int) -> str:
    return str(FIRST + index * STEP)


def index_of(text: str) -> int | None:
    """The index of the order with this id, if it can be one."""
    index, rest = divmod(int(text) - FIRST, STEP) if text.isascii() and text.isdigit() else (-1, 0)
    return index if index >= 0 and not rest else None


def state_of(snap: Snapshot) -> str:
    if snap.status in {"pending", "on_hold"}:
        return "PAUSE"
    if snap.status in {"cancelled", "failed"}:
        return "TRADE_CANCELED"
    if snap.status == "refunded":
        return "FINISHED_L" if snap.parcels else "TRADE_CANCELED"
    if snap.closed_at:
        return "FINISHED_L"
    if snap.fulfilment == "fulfilled":
        return "WAIT_GOODS_RECEIVE_CONFIRM"
    return "LOCKED" if snap.index % 13 == 0 and snap.version < 2 else "WAIT_SELLER_STOCK_OUT"


def time_of(text: str | None) -> str | None:
    """An ISO moment as JD writes it; what is none, as it stands."""
    try:
        return f"{datetime.fromisoformat(text or '').astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return text


def shown(snap: Snapshot) -> list[Line]:
    return [line for line in snap.lines if line.quantity != "0" or line.ordered == "0"]


def sku_id(line: Line) -> str:
    return str(10_000_000_000 + line.variant_id)


def promotion(line: Line) -> str:
    """What a promotion takes off all units of the line."""
    return (line.ever_own[0] or "0") if line.ever == line.quantity and value(line.ever_own[0]) else "0"


def store_of(snap: Snapshot) -> str:
    """Every ninth order is sent by JD's warehouse."""
    return "京仓订单" if snap.index % 9 == 0 else ""


def coupons_of(snap: Snapshot) -> list[dict[str, str]]:
    lines = shown(snap)
    found = [_coupon(snap, "30-单品促销优惠", promotion(line), sku_id(line)) for line in lines]
    rest = value(total(line.discount[0] for line in lines)) - value(total(promotion(line) for line in lines))
    found.append(_coupon(snap, "100-店铺优惠", f"{rest:f}"))
    found.append(_coupon(snap, "41-京东券优惠", total([snap.shipping_discount[0]])))
    return [coupon for coupon in found if value(coupon["couponPrice"])]


def _coupon(snap: Snapshot, kind: str, price: str, sku: str = "") -> dict[str, str]:
    return {"orderId": order_id(snap.index), "skuId": sku, "couponType": kind, "couponPrice": price}


def balance_of(snap: Snapshot) -> str:
    enough = is_number(snap.total[0]) and value(snap.total[0]) > value(BALANCE)
    return BALANCE if snap.index % 5 == 0 and enough else "0.00"


def order_info(snap: Snapshot, *, mask: bool) -> dict[str, Any]:
    """All fields that an order can have."""
    lines, coupons, state = shown(snap), coupons_of(snap), state_of(snap)
    before = total(line.before[0] for line in lines)
    seller = total(coupon["couponPrice"] for coupon in coupons if not coupon["couponType"].startswith("41"))
    extra = [] if snap.taxes_included else [snap.tax[0]]
    owed = snap.total[0]
    ended = snap.cancelled_at if state == "TRADE_CANCELED" else snap.closed_at or snap.completed_at
    return {
        "orderId": order_id(snap.index),
        "venderId": "10001",
        "orderType": "22",
        "payType": "4-在线支付",
        "orderTotalPrice": before,
        "sellerDiscount": seller,
        "orderSellerPrice": f"{value(before) - value(seller):f}",
        "freightPrice": total([snap.shipping[0], snap.tip[0], *extra]),
        "balanceUsed": balance_of(snap),
        "orderPayment": f"{value(owed) - value(balance_of(snap)):f}" if is_number(owed) else owed or "",
        "orderState": state,
        "orderStateRemark": REMARKS.get(state, ""),
        "deliveryType": "任意时间",
        "invoiceInfo": "不需要开具发票",
        "orderRemark": snap.note,
        "venderRemark": "",
        "orderStartTime": time_of(snap.created_at),
        "paymentConfirmTime": time_of(snap.paid_at) or NEVER[0],
        "modified": time_of(snap.modified_at),
        "orderEndTime": time_of(ended) or NEVER[snap.index % 2],
        "logisticsId": "|".join(CARRIERS[parcel.number % len(CARRIERS)] for parcel in snap.parcels),
        "waybill": "|".join(parcel.tracking for parcel in snap.parcels),
        "parentOrderId": "0",
        "storeOrder": store_of(snap),
        "orderSource": "移动端订单",
        "pin": "",
        "open_id_buyer": f"o{snap.customer_id}",
        "xid_buyer": "",
        "consigneeInfo": _consignee(snap.ship_to, mask=mask),
        "itemInfoList": [_item(line) for line in lines],
        "couponDetailList": coupons,
    }


def _item(line: Line) -> dict[str, Any]:
    item = {
        "outerSkuId": line.sku,
        "skuName": " ".join(text for text in (line.title, line.variant) if text),
        "jdPrice": line.unit[0],
        "itemTotal": line.quantity,
        "wareId": str(20_000_000 + line.product_id),
        "productNo": "",
        "giftPoint": "0",
    }
    return item if line.gift else {"skuId": sku_id(line), **item}


def _consignee(to: Address | None, *, mask: bool) -> dict[str, str] | None:
    if to is None:
        return None
    street = " ".join(text for text in (to.street, to.extra) if text)
    return {
        "fullname": "QWJEZW1vQ2lwaGVy==" if mask else f"{to.family}{to.given}",
        "mobile": f"{to.phone[-11:-8]}****{to.phone[-4:]}" if mask else to.phone,
        "telephone": "",
        "fullAddress": "QWJEZW1vQ2lwaGVyQWRkcg==" if mask else street,
        "province": to.region or to.city,
        "city": to.city,
        "county": "",
        "town": "",
    }
