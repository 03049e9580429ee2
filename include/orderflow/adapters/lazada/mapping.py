"""From a Lazada order to ours: pure, and plain dictionary access, because it runs once per order.

The raw record joins two answers, each as it came: `order` (a row of `/orders/get`) and `items` (the order's list of
`/orders/items/get`, null where the platform named the order and then did not show its items).

Items come one by one, without quantity: two pieces are two rows with two ids. Prices contain tax. Lazada states no
total; what the buyer owes is price - voucher + shipping fee of the *order*, and the *items* have to add up to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from orderflow.adapters.amounts import amount, amount_text, located, sum_text
from orderflow.adapters.lazada.money import charges_of, discounts_of, grand_total
from orderflow.adapters.lazada.statuses import CANCELLED, SENT, State, state_of
from orderflow.adapters.lazada.values import time_text
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Contact, Line, Order, Payment, Shipment
from orderflow.domain.source import Raw

if TYPE_CHECKING:
    from orderflow.adapters.lazada import Options

EXT = ("branch_number", "delivery_info", "extra_attributes", "promised_shipping_times")
TRUE = frozenset({True, "true", "True", "1"})
"""Lazada spells truth in every way, 1 included."""
CASH = "COD"
BALANCE_DUE = "balance_due"
ADDRESS_LINES = ("address1", "address2")
LEVELS = ("address4", "address5", "addressDistrict")
"""`address3` is the state. These repeat town and postal code here, and name districts there."""
PERSON = ("first_name", "last_name", "phone", "phone2", *ADDRESS_LINES)
"""What an emptied address does not have; its town and its country it may keep."""
WORDS, WISHES = ("remarks", "buyer_note", "gift_message"), ("personalization", "gift_wrapping")
"""What the buyer wrote: of the order, and of single items, which are to be engraved or wrapped so."""


def order_id(raw: Raw) -> str:
    return str(raw["order"]["order_id"])


def to_order(raw: Raw, options: Options) -> Order:  # noqa: ARG001 -- the port hands every mapping its options
    """Our order; raises `RecordError` for missing items, an unknown status and a record of another shape."""
    order, items = raw["order"], raw["items"]
    if items is None:
        raise RecordError(
            "DETAIL_MISSING", "items", order_id(raw), "Lazada lists this order but does not show its items"
        )
    try:
        return _order(order, items)
    except RecordError as error:
        raise located(error, raw) from None
    except KeyError as error:
        raise RecordError("RAW_SHAPE", str(error.args[0]), None, "a Lazada order has this field") from None
    except (TypeError, AttributeError) as error:
        raise RecordError("RAW_SHAPE", "order", None, f"not the shape of a Lazada order: {error}") from None


def _order(order: Raw, items: list[Raw]) -> Order:
    state = state_of(items, order.get("statuses") or [])
    gone = [item for item in items if item["status"] in CANCELLED] if state.order != "cancelled" else []
    lines = [
        _line(number, item, cancelled=bool(gone) and item["status"] in CANCELLED)
        for number, item in enumerate(items, 1)
    ]
    charges, discounts = charges_of(order), discounts_of(order, items, gone)
    total = grand_total(order, items, gone)
    currencies = {item.get("currency") for item in items}
    if len(currencies) > 1:
        raise RecordError(
            "CURRENCY_MIXED", "items.currency", ", ".join(sorted(map(str, currencies))), "items of one order differ"
        )
    holds = _holds(items)
    payment = None if BALANCE_DUE in holds else _payment(order, items, total, state)
    delivery, billing = order.get("address_shipping") or {}, order.get("address_billing") or {}
    return Order(
        order_id=str(order["order_id"]),
        order_number=str(order["order_number"]),
        origin="marketplace",
        placed_at=time_text(order["created_at"]),
        channel_created_at=time_text(order["created_at"]),
        channel_updated_at=time_text(order["updated_at"]),
        paid_at=payment.at if payment else None,
        order_status="on_hold" if holds and state.waits else state.order,
        payment_status=_payment_status(payment, state),
        fulfilment_status=state.fulfilment,
        return_status=state.returning,
        raw_status={"statuses": ",".join(order.get("statuses") or [])},
        cancel_reason=next((item["reason"] for item in items if item.get("reason")), None),
        hold_reasons=holds,
        buyer_id=next((str(item["buyer_id"]) for item in items if item.get("buyer_id")), None),
        programs=_programs(items),
        currency=currencies.pop() if currencies else None,
        taxes_included=True,
        items_total=sum_text(line.total for line in lines),
        discount_total=sum_text(discount.amount for discount in discounts),
        charge_total=sum_text(charge.total for charge in charges),
        grand_total=total,
        paid=total if payment and payment.status == "success" else "0",
        masking="masked" if _masked(delivery, billing, waits=state.waits) else "plain",
        lines=lines,
        charges=charges,
        discounts=discounts,
        payments=[payment] if payment else [],
        shipments=_shipments(items),
        contacts=_contacts(order, items, delivery, billing),
        ext={name: str(order[name]) for name in EXT if order.get(name)},
    )


def _line(number: int, item: Raw, *, cancelled: bool) -> Line:
    """One unit. What is called off counts nothing any more."""
    price, paid = item["item_price"], item["paid_price"]
    status = item["status"]
    return Line(
        number=number,
        line_id=str(item["order_item_id"]),
        kind="service" if item.get("is_digital") in TRUE else "product",
        sku=item.get("sku") or None,
        product_id=str(item["product_id"]) if item.get("product_id") else None,
        variant_id=item.get("shop_sku") or None,
        title=" ".join(text for text in (item["name"], item.get("variation")) if text),
        quantity="0" if cancelled else "1",
        quantity_ordered="1",
        quantity_fulfilled="1" if status in SENT else "0",
        quantity_returned="1" if status == "returned" else "0",
        unit_price=amount_text(price),
        discount="0" if cancelled else f"{amount(price) - amount(paid):f}",
        tax="0" if cancelled else amount_text(item.get("tax_amount")),
        total="0" if cancelled else amount_text(paid),
        fulfilled_by="marketplace" if item.get("is_fbl") in TRUE else "merchant",
        ship_by=time_text(item.get("sla_time_stamp")),
    )


def _payment(order: Raw, items: list[Raw], total: str | None, state: State) -> Payment | None:
    """Lazada tells when, per item, and not how much: it is the whole amount. Cash is paid when it is delivered."""
    if not state.paid:
        return None
    method = order.get("payment_method") or None
    if method == CASH:
        done = state.fulfilment == "delivered"
        return Payment(kind="cod", status="success" if done else "pending", method=method, amount=total)
    at = next((time_text(str(item["payment_time"])) for item in items if item.get("payment_time")), None)
    return Payment(method=method, amount=total, at=at)


def _payment_status(payment: Payment | None, state: State) -> str:
    if payment and payment.status == "success":
        return "paid"
    if state.order == "cancelled":
        return "voided"
    return "cod_due" if payment else "unpaid"


def _holds(items: list[Raw]) -> list[str]:
    """The buyer wants to call it off and somebody has to answer; or of a presale only the deposit is paid, if that."""
    asked = any(item.get("need_cancel_confirm") in TRUE or item.get("is_cancel_pending") in TRUE for item in items)
    due = any(str(item.get("stage_pay_status") or "").lower().startswith("unpaid") for item in items)
    return [reason for reason, holds in (("buyer_asks_to_cancel", asked), (BALANCE_DUE, due)) if holds]


def _programs(items: list[Raw]) -> list[str]:
    programs = {
        "fbl": any(item.get("is_fbl") in TRUE for item in items),
        "pre_sale": any(item.get("order_type") == "PreSale" for item in items),
    }
    return [program for program, takes_part in programs.items() if takes_part]


def _shipments(items: list[Raw]) -> list[Shipment]:
    """Items of one package are one parcel, once it is under way."""
    parcels: dict[str, list[Raw]] = {}
    for item in items:
        if item["status"] in SENT:
            parcels.setdefault(item.get("package_id") or str(item["order_item_id"]), []).append(item)
    return [
        Shipment(
            shipment_id=package,
            status=",".join(sorted({item["status"] for item in together})),
            carrier=together[0].get("shipment_provider") or None,
            tracking_numbers=list(
                dict.fromkeys(item["tracking_code"] for item in together if item.get("tracking_code"))
            ),
            lines=[(str(item["order_item_id"]), "1") for item in together],
        )
        for package, together in parcels.items()
    ]


def _contacts(order: Raw, items: list[Raw], delivery: Raw, billing: Raw) -> list[Contact]:
    """Where it goes, digital goods to an e-mail address; and who is billed, with the number that tax is paid under."""
    told = (str(item.get("digital_delivery_info") or "") for item in items)
    mail, note = next((text for text in told if "@" in text), None), _note(order, items)
    tax_id = order.get("tax_code") or order.get("national_registration_number") or None
    found = []
    if delivery:
        found.append(_contact("ship_to", delivery, mail=mail, note=note))
    elif mail or note:
        found.append(Contact(role="sold_to", email=mail, note=note))
    if billing or tax_id:
        found.append(_contact("bill_to", billing, tax_id=tax_id))
    return found


def _note(order: Raw, items: list[Raw]) -> str | None:
    wishes = (f"{item['name']}: {item[name]}" for item in items for name in WISHES if item.get(name))
    return "\n".join(dict.fromkeys([*(order[name] for name in WORDS if order.get(name)), *wishes])) or None


def _contact(
    role: Literal["ship_to", "bill_to"],
    address: Raw,
    *,
    mail: str | None = None,
    note: str | None = None,
    tax_id: str | None = None,
) -> Contact:
    lines = [address[line] for line in ADDRESS_LINES if address.get(line)]
    told = {*lines, *(address.get(name) for name in ("address3", "city", "post_code"))}
    levels = dict.fromkeys(text for level in LEVELS if (text := address.get(level)) and text not in told)
    return Contact(
        role=role,
        name=" ".join(text for text in (address.get("first_name"), address.get("last_name")) if text) or None,
        email=mail or address.get("customer_email") or None,
        phone=address.get("phone") or address.get("phone2") or None,
        address=[*lines, *levels],
        city=address.get("city") or None,
        region=address.get("address3") or None,
        postal_code=address.get("post_code") or None,
        country=address.get("country") or None,
        tax_id=tax_id,
        note=note,
    )


def _masked(*addresses: Raw, waits: bool) -> bool:
    """Lazada writes stars over what it hides; of an order that waits for nothing any more it may name nobody at all."""
    is_named = any(address.get(name) for address in addresses for name in PERSON)
    shown = (str(text) for address in addresses for text in address.values() if text)
    return any("*" in text for text in shown) or not (is_named or waits)
