"""From a Pinduoduo order to ours: pure, and plain dictionary access, because it runs once per order.

The raw record joins two answers, each as it came: `list` (a row of the list of changes) and `detail` (the order, null
where the platform named it and then did not show it), with `fees` (service fees, which stand beside the order).

Amounts are yuan, prices contain tax: pay_amount = sum(goods_price x goods_count) - order_change_amount - discounts +
postage (+ fees). Times are UTC+8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orderflow.adapters.amounts import amount, amount_text, located, sum_text
from orderflow.adapters.pinduoduo.money import charges_of, discounts_of, payment_of, payment_status
from orderflow.adapters.pinduoduo.statuses import AXES, GIFT_HAS_ITS_ORDER, state_of
from orderflow.adapters.pinduoduo.values import CURRENCY, time_text
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Contact, Line, Order, Shipment
from orderflow.domain.source import Raw

if TYPE_CHECKING:
    from orderflow.adapters.pinduoduo import Options

EXT = (
    "bonded_warehouse", "duo_duo_pay_reduction", "group_order_id", "invoice_status", "mkt_biz_type", "open_address_id",
    "pre_sale_time", "promise_delivery_time", "remark", "remark_tag_name", "ship_additional_link_order",
    "ship_additional_origin_order", "trade_in_national_subsidy_amount", "urge_shipping_time", "yyps_date", "yyps_time",
)  # fmt: skip
GIFT_OF = 4
"""`relation_type` of the order that a gift's order belongs to."""
BESIDE = {"extra_delivery_list": "shipped", "gift_delivery_list": "gift", "resend_delivery_list": "resent"}
"""Lists of further parcels, and what we call those."""


def order_id(raw: Raw) -> str:
    return str(raw["list"]["order_sn"])


def to_order(raw: Raw, options: Options) -> Order:  # noqa: ARG001 -- the port hands every mapping its options
    """Our order; raises `RecordError` for a missing detail, an unknown status and a record of another shape."""
    if not raw["detail"]:
        raise RecordError(
            "DETAIL_MISSING",
            "detail",
            order_id(raw),
            "Pinduoduo lists this order but does not show it; fetch it again by id",
        )
    try:
        return _order(raw["detail"], raw["fees"])
    except RecordError as error:
        raise located(error, raw) from None
    except KeyError as error:
        raise RecordError("RAW_SHAPE", str(error.args[0]), None, "a Pinduoduo order has this field") from None
    except (TypeError, AttributeError) as error:
        raise RecordError("RAW_SHAPE", "detail", None, f"not the shape of a Pinduoduo order: {error}") from None


def _order(order: Raw, fees: Any) -> Order:
    state = state_of(order)
    lines = _lines(order, sent=state.fulfilment != "unfulfilled")
    discounts = discounts_of(order)
    charges = charges_of(order, fees, lines, discounts)
    payment = payment_of(order, state)
    total = amount_text(order.get("pay_amount"))
    contact, masking = _contact(order)
    return Order(
        order_id=order["order_sn"],
        order_number=order["order_sn"],
        parent_id=_parent(order),
        origin="marketplace",
        placed_at=time_text(order["created_time"]),
        channel_created_at=time_text(order.get("confirm_time")) or time_text(order["created_time"]),
        channel_updated_at=time_text(order["updated_at"]),
        paid_at=payment.at if payment else None,
        closed_at=time_text(order.get("receive_time")),
        order_status=state.order,
        payment_status=payment_status(order, state, payment),
        fulfilment_status=state.fulfilment,
        return_status=state.returning,
        raw_status={axis: str(order[axis]) for axis in (*AXES, "after_sales_status") if order.get(axis) is not None},
        hold_reasons=state.holds,
        tags=[tag["name"] for tag in order.get("order_tag_list") or [] if tag.get("value") == 1],
        programs=_programs(order),
        currency=CURRENCY,
        taxes_included=True,
        items_total=sum_text(line.total for line in lines),
        discount_total=sum_text(discount.amount for discount in discounts),
        charge_total=sum_text(charge.total for charge in charges),
        grand_total=total,
        paid=payment.amount if payment else "0",
        refunded=total if state.payment == "refunded" else None,
        masking=masking,
        lines=lines,
        charges=charges,
        discounts=discounts,
        payments=[payment] if payment else [],
        shipments=_shipments(order, lines),
        contacts=[contact] if contact else [],
        ext=_ext(order),
    )


def _lines(order: Raw, *, sent: bool) -> list[Line]:
    """Goods, and gifts that travel with them; gifts with an order of their own come with that one."""
    gifts = [] if order.get("gift_order_status") == GIFT_HAS_ITS_ORDER else order.get("gift_list") or []
    items = [(item, False) for item in order["item_list"]] + [(item, True) for item in gifts]
    return [_line(number, item, order, gift=gift, sent=sent) for number, (item, gift) in enumerate(items, 1)]


def _line(number: int, item: Raw, order: Raw, *, gift: bool, sent: bool) -> Line:
    """A gift costs nothing, whatever its price says."""
    count = item["goods_count"]
    price = "0" if gift else amount_text(item["goods_price"])
    return Line(
        number=number,
        line_id=f"gift-{item['sku_id']}" if gift else str(item["sku_id"]),
        kind="gift" if gift else "product",
        sku=item.get("outer_id") or item.get("outer_goods_id") or None,
        product_id=str(item["goods_id"]),
        variant_id=str(item["sku_id"]),
        title=" ".join(text for text in (item["goods_name"], item.get("goods_spec")) if text),
        quantity=str(count),
        quantity_ordered=str(count),
        quantity_fulfilled=str(count) if sent else "0",
        unit_price=price,
        discount="0",
        total=f"{amount(price) * amount(count):f}" if price is not None else None,
        fulfilled_by="merchant",
        ship_by=time_text(order.get("last_ship_time")),
    )


def _shipments(order: Raw, lines: list[Line]) -> list[Shipment]:
    """The parcel that the order names, and those beside it: more of the same, gifts, and what was sent again.

    What lies in which parcel is known only where there is one.
    """
    parcels = [(order, "shipped")] if order.get("tracking_number") else []
    for name, status in BESIDE.items():
        parcels += [(parcel, status) for parcel in order.get(name) or [] if parcel.get("tracking_number")]
    return [
        Shipment(
            shipment_id=parcel["tracking_number"],
            status=status,
            carrier=str(parcel["logistics_id"]) if parcel.get("logistics_id") else None,
            tracking_numbers=[parcel["tracking_number"]],
            shipped_at=time_text(order.get("shipping_time")) if parcel is order else None,
            delivered_at=time_text(order.get("receive_time")) if parcel is order else None,
            lines=[(line.line_id or "", line.quantity or "") for line in lines] if len(parcels) == 1 else [],
        )
        for parcel, status in parcels
    ]


def _contact(order: Raw) -> tuple[Contact | None, str]:
    """Where it goes, and how readable that is.

    While an order waits to be sent, Pinduoduo shows ciphertext, which is kept as it is; before and after it shows empty
    text and a mask. Then the people are `erased`, so that staging keeps the ciphertext that it saw before.
    """
    shown = [order.get(name) or "" for name in ("receiver_name", "receiver_phone", "address")]
    sealed = [text for text in shown if text]
    masks = [order.get(name) or "" for name in ("receiver_name_mask", "receiver_phone_mask", "address_mask")]
    name, phone, street = (text or mask or None for text, mask in zip(shown, masks, strict=True))
    town = order.get("town") or ""
    if not any((name, phone, street, order.get("city"))):
        return None, "erased"
    readable = sealed and not any(text.startswith("~") or "*" in text for text in sealed)
    contact = Contact(
        role="ship_to",
        name=name,
        phone=phone,
        address=[text for text in (street, town if town not in (street or "") else None) if text],
        city=order.get("city") or None,
        region=order.get("province") or None,
        country="CN" if order.get("country") in {None, "", "中国"} else order["country"],
        note=order.get("buyer_memo") or None,
    )
    return contact, "plain" if readable else "masked" if sealed else "erased"


def _parent(order: Raw) -> str | None:
    """The order that a gift was promised with."""
    related = order.get("related_order_list") or []
    return next((each["order_sn"] for each in related if each.get("relation_type") == GIFT_OF), None)


def _programs(order: Raw) -> list[str]:
    programs = {
        "lottery": order.get("is_lucky_flag") == 2,
        "deposit": order.get("trade_type") == 1,
        "pre_sale": order.get("is_pre_sale") == 1,
        "store_pickup": order.get("self_contained") == 1,
        "consolidated": bool(order.get("consolidate_info")),
    }
    return [program for program, takes_part in programs.items() if takes_part]


def _ext(order: Raw) -> dict[str, str]:
    ext = {name: str(order[name]) for name in EXT if order.get(name) not in {None, "", 0, "0.0", "0.00", "0"}}
    if order.get("gift_order_status") == GIFT_HAS_ITS_ORDER:
        ext["gift_orders"] = ",".join(gift["order_sn"] for gift in order.get("gift_list") or [] if gift.get("order_sn"))
    return ext
