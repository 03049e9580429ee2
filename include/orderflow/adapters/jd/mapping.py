"""From a JD order to ours: pure, and plain dictionary access, because it runs once per order.

The raw record is one `orderInfo` as JD sent it, the same from a search and from a request by id. Prices contain tax and
are in yuan, as text; times are Beijing's.

`orderTotalPrice` is what the lines cost, `sellerDiscount` what the seller takes off, `orderPayment` what the buyer
still pays after every reduction, freight included, and after what came from the JD balance or a gift card.
"""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from orderflow.adapters.amounts import amount, amount_text, located, sum_text
from orderflow.adapters.jd.money import (
    charges_of,
    discounts_of,
    gift_cards,
    grand_total,
    line_discounts,
    line_total,
    sku_id,
)
from orderflow.adapters.jd.statuses import State, state_of
from orderflow.adapters.jd.values import code_of, time_text
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Contact, Line, Order, Payment, Shipment
from orderflow.domain.source import Raw

if TYPE_CHECKING:
    from orderflow.adapters.jd import Options

CURRENCY = "CNY"
"""Amounts are in yuan; no field says so."""
EXT = (
    "venderId",
    "orderType",
    "orderStateRemark",
    "orderSource",
    "storeOrder",
    "deliveryType",
    "venderRemark",
    "orderTotalPrice",
    "orderSellerPrice",
)
NO_INVOICE = re.compile("不需要")
"""`invoiceInfo` where the buyer wants none; else it says to whom, in the buyer's words."""
SENT = frozenset({"shipped", "delivered", "returned_to_sender"})
CASH = "1"
"""`payType` of cash on delivery."""
SENT_BY_JD = re.compile("京仓|京倉|云仓|雲倉")
"""`storeOrder` of orders that JD's warehouses send."""

_CIPHER = re.compile(r"[A-Za-z0-9+/]{8,}={1,2}|[A-Za-z0-9+/]{32,}")
"""Base64, as encrypted names and addresses come."""


def order_id(raw: Raw) -> str:
    return str(raw["orderId"])


def to_order(raw: Raw, options: Options) -> Order:  # noqa: ARG001 -- the port hands every mapping its options
    """Our order; raises `RecordError` for missing lines, an unknown state and a record of another shape."""
    try:
        _demand_lines(raw)
        return _order(raw)
    except RecordError as error:
        raise located(error, raw) from None
    except KeyError as error:
        raise RecordError("RAW_SHAPE", str(error.args[0]), None, "a JD order has this field") from None
    except (TypeError, AttributeError) as error:
        raise RecordError("RAW_SHAPE", "orderInfo", None, f"not the shape of a JD order: {error}") from None


def _demand_lines(raw: Raw) -> None:
    if raw.get("itemInfoList") is None:
        raise RecordError(
            "DETAIL_MISSING", "itemInfoList", order_id(raw), "JD lists this order but does not show its lines"
        )


def _order(raw: Raw) -> Order:
    state, total = state_of(raw["orderState"]), grand_total(raw)
    on_lines = line_discounts(raw, raw["itemInfoList"])
    lines, discounts, charges = _lines(raw, state, on_lines), discounts_of(raw, on_lines), charges_of(raw)
    payments = _payments(raw, state)
    consignee = raw.get("consigneeInfo") or {}
    contacts = _contacts(raw, consignee)
    named = any(each.role == "ship_to" for each in contacts)
    parent, ended = str(raw.get("parentOrderId") or "0"), time_text(raw.get("orderEndTime"))
    buyer = raw.get("open_id_buyer") or raw.get("xid_buyer") or raw.get("pin")
    return Order(
        order_id=str(raw["orderId"]),
        order_number=str(raw["orderId"]),
        parent_id=None if parent == "0" else parent,
        origin="marketplace",
        placed_at=time_text(raw["orderStartTime"]),
        channel_created_at=time_text(raw["orderStartTime"]),
        channel_updated_at=time_text(raw["modified"]),
        paid_at=time_text(raw.get("paymentConfirmTime")) if payments else None,
        cancelled_at=ended if state.order == "cancelled" else None,
        closed_at=ended if state.order == "completed" else None,
        order_status=state.order,
        payment_status=_payment_status(payments, state),
        fulfilment_status=state.fulfilment,
        raw_status={"orderState": raw["orderState"]},
        hold_reasons=[state.hold] if state.hold else [],
        buyer_id=str(buyer) if buyer else None,
        programs=["jd_warehouse"] if _by_jd(raw) else [],
        currency=CURRENCY,
        taxes_included=True,
        items_total=sum_text(line.total for line in lines),
        discount_total=sum_text(discount.amount for discount in discounts),
        charge_total=sum_text(charge.total for charge in charges),
        grand_total=total,
        paid=sum_text(payment.amount for payment in payments if payment.status == "success"),
        masking="masked" if is_hidden(consignee) or not (named or state.waits) else "plain",
        lines=lines,
        charges=charges,
        discounts=discounts,
        payments=payments,
        shipments=_shipments(raw, state),
        contacts=contacts,
        ext={name: str(raw[name]) for name in EXT if raw.get(name)},
    )


def _lines(raw: Raw, state: State, on_lines: dict[str, Decimal]) -> list[Line]:
    """The lines with ids of our own making: JD gives none, and a gift may lack even the SKU's number."""
    seen: Counter[str] = Counter()
    found = []
    for number, item in enumerate(raw["itemInfoList"], 1):
        sku = sku_id(item)
        base = sku or f"ware-{item.get('wareId') or 'none'}"
        seen[base] += 1
        found.append(_line(number, base if seen[base] == 1 else f"{base}-{seen[base]}", item, raw, state, on_lines))
    return found


def _line(number: int, line_id: str, item: Raw, raw: Raw, state: State, on_lines: dict[str, Decimal]) -> Line:
    quantity = str(item["itemTotal"])
    discount = on_lines.get(sku_id(item), Decimal(0))
    return Line(
        number=number,
        line_id=line_id,
        kind="product" if item.get("jdPrice") in (None, "") or amount(item["jdPrice"]) else "gift",
        sku=item.get("outerSkuId") or None,
        product_id=str(item["wareId"]) if item.get("wareId") else None,
        variant_id=sku_id(item) or None,
        title=item.get("skuName") or None,
        quantity=quantity,
        quantity_ordered=quantity,
        quantity_fulfilled=quantity if state.fulfilment in SENT else "0",
        unit_price=amount_text(item.get("jdPrice")),
        discount=f"{discount:f}",
        total=line_total(item, discount),
        fulfilled_by="marketplace" if _by_jd(raw) else "merchant",
    )


def _payments(raw: Raw, state: State) -> list[Payment]:
    """What was paid, by where it came from. JD releases an order after payment, so that a released one is paid."""
    at = time_text(raw.get("paymentConfirmTime"))
    if raw.get("orderPayment") in (None, ""):
        return []
    method, owed = raw.get("payType") or None, amount_text(raw["orderPayment"])
    if code_of(method) == CASH:
        done = state.order == "completed"
        due = Payment(kind="cod", status="success" if done else "pending", method=method, amount=owed)
        return [due, *_other_payments(raw, at)]
    if not (at or state.produced):
        return []
    return [Payment(method=method, amount=owed, at=at), *_other_payments(raw, at)]


def _other_payments(raw: Raw, at: str | None) -> list[Payment]:
    cards = gift_cards(raw)
    found = [Payment(kind="gift_card", method="gift card", amount=f"{cards:f}", at=at)] if cards else []
    if amount(raw.get("balanceUsed")):
        found.append(Payment(method="JD balance", amount=amount_text(raw["balanceUsed"]), at=at))
    return found


def _payment_status(payments: list[Payment], state: State) -> str:
    if any(payment.status == "pending" for payment in payments):
        return "voided" if state.order == "cancelled" else "cod_due"
    if payments:
        return "paid"
    return "voided" if state.order == "cancelled" else "unpaid"


def _shipments(raw: Raw, state: State) -> list[Shipment]:
    """One parcel for each number: carriers are parted by `|`, numbers of one carrier by a comma.

    A merchant who brings the goods has no number, and so no parcel here.
    """
    carriers = str(raw.get("logisticsId") or "").split("|")
    found: dict[str, Shipment] = {}
    for place, numbers in enumerate(str(raw.get("waybill") or "").split("|")):
        carrier = carriers[min(place, len(carriers) - 1)].strip()
        for number in filter(None, map(str.strip, re.split("[,，]", numbers))):
            found.setdefault(
                number,
                Shipment(
                    shipment_id=number,
                    status=state.fulfilment if state.fulfilment in SENT else None,
                    carrier=carrier or None,
                    tracking_numbers=[number],
                ),
            )
    return list(found.values())


def _contacts(raw: Raw, consignee: Raw) -> list[Contact]:
    """Where it goes, with what the buyer wrote. JD names no country: `clean.country` of the channel says it."""
    words = (raw.get("orderRemark"), _invoice_wish(raw))
    note = "\n".join(text for text in words if text) or None
    if not any(consignee.get(name) for name in ("fullname", "fullAddress", "mobile", "telephone")):
        return [Contact(role="sold_to", note=note)] if note else []
    full = consignee.get("fullAddress") or ""
    parts = (part for name in ("town", "county") if (part := consignee.get(name)) and part not in full)
    return [
        Contact(
            role="ship_to",
            name=consignee.get("fullname") or None,
            phone=consignee.get("mobile") or consignee.get("telephone") or None,
            address=[text for text in (full, *parts) if text],
            city=consignee.get("city") or None,
            region=consignee.get("province") or None,
            note=note,
        )
    ]


def _invoice_wish(raw: Raw) -> str | None:
    """To whom and for what the buyer wants an invoice; None for none."""
    wish = raw.get("invoiceInfo")
    return None if not wish or NO_INVOICE.search(wish) else str(wish)


def is_hidden(consignee: Raw) -> bool:
    """Whether JD withholds the person: stars in phone numbers, ciphertext in names and addresses."""
    shown: list[Any] = [consignee.get(name) for name in ("fullname", "mobile", "telephone", "fullAddress")]
    return any("*" in str(text) or _CIPHER.fullmatch(str(text)) for text in shown if text)


def _by_jd(raw: Raw) -> bool:
    return bool(SENT_BY_JD.search(str(raw.get("storeOrder") or "")))
