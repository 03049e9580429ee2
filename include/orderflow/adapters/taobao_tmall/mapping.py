"""From a trade of Taobao or Tmall to our order: pure, and plain dictionary access, because it runs once per order.

The raw record joins two answers, each as it came: `list` (a row of the list of trades) and `detail` (the trade of
`taobao.trade.fullinfo.get`, null where TOP named the trade and then did not show it). What TOP calls a trade is our
order, and its orders are our lines.

Prices contain tax and are yuan. `payment` is what the buyer pays: lines + postage - what is taken off the trade.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

from orderflow.adapters.amounts import amount_text, located, sum_text
from orderflow.adapters.taobao_tmall.money import (
    charges_of,
    discounts_of,
    line_discount,
    line_total,
    paid_back,
    payments_of,
)
from orderflow.adapters.taobao_tmall.statuses import (
    CALLED_OFF,
    PAID_BACK,
    REFUNDED,
    SENT,
    WAITING,
    State,
    payment_status,
    refunded_unsent,
    return_status,
    state_of,
)
from orderflow.adapters.taobao_tmall.values import deadline_text, id_text, rows, time_text
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Contact, Line, Order, Shipment
from orderflow.domain.source import Raw

if TYPE_CHECKING:
    from orderflow.adapters.taobao_tmall import Options

CURRENCY = "CNY"
EXT = (
    "alipay_point",
    "coupon_fee",
    "delivery_time",
    "es_date",
    "lm",
    "mark_desc",
    "oaid",
    "platform_subsidy_fee",
    "received_payment",
    "seller_flag",
    "seller_memo",
    "step_paid_fee",
    "tmall_coupon_fee",
    "type",
    "yfx_fee",
)
PERSON = ("receiver_name", "receiver_mobile", "receiver_phone", "receiver_address")
"""What TOP writes stars over, as over the town; and what an emptied trade does not have."""
NO_CODE = "000000"
"""The postal code of those who gave none."""


def order_id(raw: Raw) -> str:
    return id_text(raw["list"], "tid")


def to_order(raw: Raw, options: Options) -> Order:  # noqa: ARG001 -- the port hands every mapping its options
    """Our order; raises `RecordError` for a missing detail, an unknown status and a record of another shape."""
    if not raw["detail"]:
        raise RecordError(
            "DETAIL_MISSING",
            "detail",
            order_id(raw),
            "Taobao lists this trade but does not show it; fetch it again by id",
        )
    try:
        return _order(raw["detail"])
    except RecordError as error:
        raise located(error, raw) from None
    except KeyError as error:
        raise RecordError("RAW_SHAPE", str(error.args[0]), None, "a trade of Taobao has this field") from None
    except (TypeError, AttributeError) as error:
        raise RecordError("RAW_SHAPE", "detail", None, f"not the shape of a trade of Taobao: {error}") from None


def _order(trade: Raw) -> Order:
    orders = [*rows(trade, "orders", "order"), *map(_as_order, rows(trade, "service_orders", "service_order"))]
    state = state_of(trade, orders)
    whole = state.order == "cancelled"
    goes_on = not whole and trade["status"] != PAID_BACK
    gone = [order for order in orders if goes_on and refunded_unsent(order)]
    counts = [whole or not (_called_off(order) or (goes_on and refunded_unsent(order))) for order in orders]
    live = list(compress(orders, counts))
    lines = [_line(number, orders[number - 1], trade, counts=each) for number, each in enumerate(counts, 1)]
    charges = [*charges_of(trade, live), *map(paid_back, gone)]
    discounts = discounts_of(trade, live, gone)
    payments = payments_of(trade, orders)
    return Order(
        order_id=id_text(trade, "tid"),
        order_number=id_text(trade, "tid"),
        origin="marketplace",
        placed_at=time_text(trade["created"]),
        channel_created_at=time_text(trade["created"]),
        channel_updated_at=time_text(trade.get("modified")),
        paid_at=time_text(trade.get("pay_time")),
        cancelled_at=time_text(trade.get("end_time")) if whole else None,
        closed_at=time_text(trade.get("end_time")) if state.order in {"completed", "cancelled"} else None,
        order_status=state.order,
        payment_status=payment_status(trade, orders),
        fulfilment_status=_fulfilment(state, live),
        return_status=return_status(orders),
        raw_status=_raw_status(trade, orders),
        hold_reasons=list(state.holds),
        buyer_id=trade.get("buyer_open_uid") or None,
        programs=["presale"] if trade.get("step_trade_status") else [],
        currency=CURRENCY,
        taxes_included=True,
        items_total=sum_text(line.total for line in lines),
        discount_total=sum_text(discount.amount for discount in discounts),
        charge_total=sum_text(charge.total for charge in charges),
        grand_total=amount_text(trade.get("payment")),
        paid=sum_text(payment.amount for payment in payments if payment.status == "success"),
        masking=_masking(trade),
        lines=lines,
        charges=charges,
        discounts=discounts,
        payments=payments,
        shipments=_shipments(trade, orders),
        contacts=_contacts(trade),
        ext={name: str(trade[name]) for name in EXT if trade.get(name)} | _gifts(trade),
    )


def _as_order(service: Raw) -> Raw:
    """A service that was bought along, such as an installation, in the shape of an order."""
    return {"num": 1, "total_fee": service.get("payment"), **service, "is_service_order": True}


def _called_off(order: Raw) -> bool:
    return order.get("status") == CALLED_OFF


def _line(number: int, order: Raw, trade: Raw, *, counts: bool) -> Line:
    """One order. What was closed before it was sent counts nothing any more; what came back later counts as it did."""
    units = str(order["num"])
    status = order.get("status") or trade["status"]
    sent = status in SENT or bool(order.get("consign_time") and counts)
    total = f"{line_total(order):f}" if amount_text(order["total_fee"]) else None
    return Line(
        number=number,
        line_id=id_text(order, "oid"),
        kind=_kind(order),
        sku=order.get("outer_sku_id") or order.get("outer_iid") or None,
        product_id=str(order["num_iid"]) if order.get("num_iid") else None,
        variant_id=str(order["sku_id"]) if order.get("sku_id") else None,
        title=" ".join(text for text in (order.get("title"), order.get("sku_properties_name")) if text) or None,
        quantity=units if counts else "0",
        quantity_ordered=units,
        quantity_fulfilled=units if sent else "0",
        quantity_returned=units if counts and sent and order.get("refund_status") == REFUNDED else None,
        unit_price=amount_text(order["price"]),
        discount=f"{line_discount(order):f}" if counts else "0",
        total=total if counts else "0",
        fulfilled_by="marketplace" if order.get("is_force_dc") else "merchant",
        ship_by=deadline_text(order.get("delivery_time") or trade.get("delivery_time")),
    )


def _kind(order: Raw) -> str:
    if order.get("is_service_order"):
        return "service"
    return "gift" if order.get("is_free_gift") else "product"


def _fulfilment(state: State, live: list[Raw]) -> str:
    """The orders say more than the trade while only some of them were sent."""
    if state.order not in {"open", "on_hold"} or state.fulfilment != "unfulfilled":
        return state.fulfilment
    return "partial" if any(order.get("consign_time") for order in live) else "unfulfilled"


def _raw_status(trade: Raw, orders: list[Raw]) -> dict[str, str | None]:
    said = {"status": trade["status"]} | {
        name: trade[name] for name in ("step_trade_status", "cod_status") if trade.get(name)
    }
    for order in orders:
        for name in ("status", "refund_status"):
            if order.get(name) and order[name] not in {"NO_REFUND", trade["status"]}:
                said[f"{name}.{id_text(order, 'oid')}"] = order[name]
    return said


def _shipments(trade: Raw, orders: list[Raw]) -> list[Shipment]:
    """Orders with one waybill are one parcel; TOP does not tell when it arrived."""
    parcels: dict[str, list[Raw]] = {}
    for order in orders:
        if order.get("invoice_no") or order.get("consign_time"):
            parcels.setdefault(order.get("invoice_no") or id_text(order, "oid"), []).append(order)
    return [
        Shipment(
            shipment_id=name,
            status=",".join(sorted({order.get("status") or trade["status"] for order in together})),
            carrier=together[0].get("logistics_company") or None,
            tracking_numbers=[name] if together[0].get("invoice_no") else [],
            shipped_at=time_text(together[0].get("consign_time") or trade.get("consign_time")),
            lines=[(id_text(order, "oid"), str(order["num"])) for order in together],
        )
        for name, together in parcels.items()
    ]


def _contacts(trade: Raw) -> list[Contact]:
    """Where it goes. A county-level city stands in `receiver_district`, with no city above it."""
    city, district = trade.get("receiver_city") or None, trade.get("receiver_district") or None
    parts = (district if city else None, trade.get("receiver_town"), trade.get("receiver_address"))
    contact = Contact(
        role="ship_to",
        name=trade.get("receiver_name") or None,
        phone=trade.get("receiver_mobile") or trade.get("receiver_phone") or None,
        address=[text for text in parts if text],
        city=city or district,
        region=trade.get("receiver_state") or None,
        postal_code=code if (code := trade.get("receiver_zip")) and code != NO_CODE else None,
        country=trade.get("receiver_country") or None,
        note=trade.get("buyer_message") or None,
    )
    if contact.name or contact.address or contact.city:
        return [contact]
    return [Contact(role="sold_to", note=contact.note)] if contact.note else []


def _masking(trade: Raw) -> str:
    """TOP writes stars over what it hides. Of a trade that waits for nothing any more it may name nobody at all."""
    is_named = any(trade.get(name) for name in PERSON)
    hidden = any("*" in (trade.get(name) or "") for name in (*PERSON, "receiver_town"))
    return "masked" if hidden or not (is_named or trade["status"] in WAITING) else "plain"


def _gifts(trade: Raw) -> dict[str, str]:
    """Gifts of a promotion, which the seller puts into the parcel although they are no order of the trade."""
    return {
        f"gift.{each.get('promotion_id') or number}": f"{each.get('gift_item_num') or 1} x {each['gift_item_name']}"
        for number, each in enumerate(rows(trade, "promotion_details", "promotion_detail"), 1)
        if each.get("gift_item_name")
    }
