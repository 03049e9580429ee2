"""From a Douyin order to ours: pure, and plain dictionary access, because it runs once per order.

The raw record is the order as the list sends it, or as `order.orderDetail` does where the list leaves its parts out.
An order has parts ("SKU orders"), one for each position, each with status, amounts and after-sale request of its own.
Amounts are whole fen of yuan, with tax inside.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from orderflow.adapters.amounts import located
from orderflow.adapters.douyin.contacts import contacts_of, masking_of
from orderflow.adapters.douyin.money import price, reduction, sums_of
from orderflow.adapters.douyin.statuses import (
    SENT_AND_REFUNDED,
    State,
    arrived_at,
    fulfilment_status,
    hold_reasons,
    is_returned,
    payment_status,
    return_status,
    state_of,
)
from orderflow.adapters.douyin.values import amount_text, identifier, number, time_text, yuan
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Line, Order, Payment, Shipment
from orderflow.domain.source import Raw

if TYPE_CHECKING:
    from orderflow.adapters.douyin import Options

CURRENCY = "CNY"
CASH = "0"
METHODS = {
    CASH: "cash_on_delivery",
    "1": "wechat",
    "2": "alipay",
    "3": "mini_program",
    "4": "bank_card",
    "5": "balance",
    "7": "nothing_to_pay",
    "8": "dou_instalments",
    "9": "new_card",
    "12": "pay_later",
    "16": "cashier",
}
"""`pay_type` in words; a number that is not here stays a number."""
EXT = (
    "order_type",
    "biz",
    "b_type",
    "seller_words",
    "seller_remark_stars",
    "shop_cost_amount",
    "only_platform_cost_amount",
    "author_cost_amount",
    "appointment_ship_time",
)
STATUSES = ("order_status", "main_status", "order_status_desc")


def order_id(raw: Raw) -> str:
    return str(raw["order_id"])


def to_order(raw: Raw, options: Options) -> Order:  # noqa: ARG001 -- the port hands every mapping its options
    """Our order; raises `RecordError` for missing parts, an unknown status and a record of another shape."""
    if raw.get("sku_order_list") is None:
        raise RecordError(
            "DETAIL_MISSING", "sku_order_list", order_id(raw), "Douyin lists this order but does not show what is in it"
        )
    try:
        return _order(raw, raw["sku_order_list"])
    except RecordError as error:
        raise located(error, raw) from None
    except KeyError as error:
        raise RecordError("RAW_SHAPE", str(error.args[0]), None, "a Douyin order has this field") from None
    except (TypeError, AttributeError) as error:
        raise RecordError("RAW_SHAPE", "order", None, f"not the shape of a Douyin order: {error}") from None


def _order(raw: Raw, parts: list[Raw]) -> Order:
    state = state_of(raw)
    off = [state_of(part).order == "cancelled" and state.order != "cancelled" for part in parts]
    gone = [part for part, is_off in zip(parts, off, strict=True) if is_off]
    live = [part for part, is_off in zip(parts, off, strict=True) if not is_off]
    sums = sums_of(raw, parts, gone)
    lines = _lines(raw, parts, off)
    payments = _payments(raw, state, sums.grand)
    parcels = [_shipment(parcel, parts) for parcel in raw.get("logistics_info") or []]
    holds = hold_reasons(state, live)
    return Order(
        order_id=str(raw["order_id"]),
        order_number=str(raw["order_id"]),
        origin="marketplace",
        placed_at=time_text(raw["create_time"]),
        channel_created_at=time_text(raw["create_time"]),
        channel_updated_at=time_text(raw["update_time"]),
        paid_at=time_text(raw.get("pay_time")),
        closed_at=time_text(raw.get("finish_time")),
        order_status="on_hold" if holds and state.order == "open" else state.order,
        payment_status=payment_status(state, live, payments),
        fulfilment_status=fulfilment_status(state, live, parcels),
        return_status=return_status(live),
        raw_status={name: str(raw[name]) for name in STATUSES if raw.get(name) is not None},
        cancel_reason=raw.get("cancel_reason") or None,
        hold_reasons=holds,
        buyer_id=raw.get("doudian_open_id") or None,
        tags=[tag["key"] for tag in raw.get("shop_order_tag_ui") or [] if tag.get("key")],
        currency=CURRENCY,
        taxes_included=True,
        items_total=_total(line.total for line in lines),
        discount_total=_total(discount.amount for discount in sums.discounts),
        charge_total=_total(charge.total for charge in sums.charges),
        grand_total=sums.grand,
        paid=_total(payment.amount for payment in payments if payment.status == "success"),
        masking=masking_of(raw),
        lines=lines,
        charges=sums.charges,
        discounts=sums.discounts,
        payments=payments,
        shipments=parcels,
        contacts=contacts_of(raw),
        ext={name: str(raw[name]) for name in EXT if raw.get(name)},
    )


def _total(amounts: Iterable[str | None]) -> str:
    return f"{sum((Decimal(amount) for amount in amounts if amount), Decimal(0)):f}"


def _lines(raw: Raw, parts: list[Raw], off: list[bool]) -> list[Line]:
    """One line for each part, and behind a bundle one for each article in it, which costs nothing."""
    lines: list[Line] = []
    for part, is_off in zip(parts, off, strict=True):
        line = _line(len(lines) + 1, raw, part, cancelled=is_off)
        lines.append(line)
        for place, inside in enumerate(part.get("bundle_sku_info") or [], 1):
            ordered = str(inside["item_num"])
            lines.append(
                Line(
                    number=len(lines) + 1,
                    line_id=f"{line.line_id}:{place}",
                    kind="bundle_child",
                    parent_line_id=line.line_id,
                    sku=identifier(inside.get("code")),
                    product_id=identifier(inside.get("product_id")),
                    variant_id=identifier(inside.get("sku_id")),
                    title=inside.get("product_name") or None,
                    quantity="0" if is_off else ordered,
                    quantity_ordered=ordered,
                    unit_price="0",
                    discount="0",
                    total="0",
                    fulfilled_by="merchant",
                    ship_by=line.ship_by,
                )
            )
    return lines


def _line(place: int, raw: Raw, part: Raw, *, cancelled: bool) -> Line:
    """One part. What is called off counts nothing any more."""
    units = str(part["item_num"])
    total = None if amount_text(part, "sum_amount") is None else yuan(price(part))
    specs = [spec["value"] for spec in part.get("spec") or [] if spec.get("value")]
    masters = part.get("master_sku_order_id_list") or [part.get("master_sku_order_id")]
    return Line(
        number=place,
        line_id=str(part["order_id"]),
        kind=_kind(part),
        parent_line_id=identifier(masters[0]) if part.get("given_product_type") == "FREE" else None,
        sku=identifier(part.get("code")) or identifier(part.get("out_sku_id")),
        product_id=identifier(part.get("product_id_str")) or identifier(part.get("product_id")),
        variant_id=identifier(part.get("sku_id")),
        title=" ".join([part["product_name"], *specs]).strip() or None,
        quantity="0" if cancelled else units,
        quantity_ordered=units,
        quantity_fulfilled=_sent(raw, part),
        quantity_returned=units if is_returned(part) else "0",
        unit_price=amount_text(part, "origin_amount"),
        discount="0" if cancelled else yuan(reduction(part)),
        total="0" if cancelled else total,
        fulfilled_by="merchant",
        ship_by=time_text(part.get("exp_ship_time")) or time_text(raw.get("exp_ship_time")),
    )


def _kind(part: Raw) -> str:
    if part.get("given_product_type") == "FREE":
        return "gift"
    if part.get("bundle_sku_info"):
        return "bundle_parent"
    return "service" if part.get("goods_type") == 1 else "product"


def _sent(raw: Raw, part: Raw) -> str:
    """Units in parcels; where no parcel names the part, all or none by its status."""
    packed = [
        number(inside, "product_count")
        for parcel in raw.get("logistics_info") or []
        for inside in parcel.get("product_info") or []
        if str(inside.get("sku_order_id")) == str(part["order_id"])
    ]
    if packed:
        return f"{sum(packed, Decimal(0)):f}"
    return str(part["item_num"]) if state_of(part).fulfilment in {"shipped", "delivered"} else "0"


def _payments(raw: Raw, state: State, total: str | None) -> list[Payment]:
    """The buyer's payment and what the payment channel gives towards it; before that, the deposits of a presale.

    Douyin tells when, and not how much: it is the whole amount. Cash is paid when the order is completed.
    """
    kind, at = str(raw.get("pay_type")), time_text(raw.get("pay_time"))
    method = METHODS.get(kind, kind)
    if at:
        serial = raw.get("channel_payment_no") or None
        given = number(raw, "promotion_pay_amount")
        if total is None or not 0 < given < Decimal(total).scaleb(2):
            return [Payment(payment_id=serial, method=method, amount=total, at=at)]
        rest = yuan(Decimal(total).scaleb(2) - given)
        return [
            Payment(payment_id=serial, method=method, amount=rest, at=at),
            Payment(method="promotion_pay_amount", gateway=method, amount=yuan(given), at=at),
        ]
    if kind == CASH and state.order in {"open", "completed"} and state != SENT_AND_REFUNDED:
        status = "success" if state.order == "completed" else "pending"
        return [Payment(kind="cod", status=status, method=method, amount=total)]
    return [
        Payment(
            payment_id=phase.get("channel_payment_no") or identifier(phase.get("phase_order_id")),
            method=METHODS.get(str(phase.get("phase_pay_type")), str(phase.get("phase_pay_type"))),
            amount=amount_text(phase, "phase_pay_amount"),
            at=time_text(phase.get("phase_pay_time")),
        )
        for phase in raw.get("order_phase_list") or []
        if phase.get("pay_success")
    ]


def _shipment(parcel: Raw, parts: list[Raw]) -> Shipment:
    inside = parcel.get("product_info") or []
    named = {str(each["sku_order_id"]) for each in inside if each.get("sku_order_id")}
    arrivals = [arrived_at(part) for part in parts if str(part["order_id"]) in named]
    return Shipment(
        shipment_id=identifier(parcel.get("delivery_id")) or parcel.get("tracking_no") or None,
        carrier=parcel.get("company_name") or parcel.get("company") or None,
        tracking_numbers=[parcel["tracking_no"]] if parcel.get("tracking_no") else [],
        shipped_at=time_text(parcel.get("ship_time")),
        delivered_at=max(filter(None, arrivals)) if arrivals and all(arrivals) else None,
        lines=[(str(each["sku_order_id"]), str(each["product_count"])) for each in inside if each.get("sku_order_id")],
    )
