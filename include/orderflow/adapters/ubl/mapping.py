"""An Order with every OrderChange and OrderCancellation about it to one canonical order. Pure.

Elements: OASIS UBL 2.1 and Peppol BIS Ordering 3 (https://docs.peppol.eu/poacc/upgrade-3/profiles/28-ordering/). An
OrderChange of Peppol states the whole order anew (https://docs.peppol.eu/poacc/upgrade-3/profiles/65-advanced-ordering/);
elsewhere one whose lines have a LineStatusCode states what is to be changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol
from xml.etree.ElementTree import Element

from msgspec.structs import replace

from orderflow.adapters.edi.history import Action, Step, demand_one_unit, fold, line_total, steps, totalled, unnumbered
from orderflow.adapters.edi.history import text as spelled
from orderflow.adapters.edi.message import Message, story
from orderflow.adapters.edi.message import read as read_record
from orderflow.adapters.ubl import parties
from orderflow.adapters.ubl.document import ITEMS, Document, every, leaves, moment, name, one, read, text
from orderflow.domain.errors import RecordError
from orderflow.domain.money import AMOUNT, decimal
from orderflow.domain.order import Charge, Discount, Line, Order, Tax
from orderflow.domain.source import Raw


class Partner(Protocol):
    """What a mapping needs of the channel's options."""

    @property
    def sku(self) -> Sequence[Literal["seller", "standard", "buyer"]]: ...


_ACTIONS: dict[str, Action] = {"1": "add", "2": "delete", "3": "change", "4": "keep", "74": "change"}
"""LineStatusCode, UNCL1229 as Peppol uses it."""

_SHIPPING = {"FC", "DL", "SH", "TX"}
"""AllowanceChargeReasonCode of charges, UNCL7161: freight, delivery, shipping, transport."""

_ITEM_IDS = {
    "seller": "SellersItemIdentification",
    "standard": "StandardItemIdentification",
    "buyer": "BuyersItemIdentification",
}

_HEADER = {
    "UBLExtensions",
    "ID",
    "IssueDate",
    "IssueTime",
    "DocumentCurrencyCode",
    "SequenceNumberID",
    "AllowanceCharge",
    "TaxTotal",
    "AnticipatedMonetaryTotal",
    "OrderLine",
    "OrderReference",
    "CancellationNote",
    *parties.TAGS,
}
"""Parts of a document that have a place of their own in the order; all others go to `ext`."""

_LINE = {
    "ID",
    "Quantity",
    "LineExtensionAmount",
    "Price",
    "AllowanceCharge",
    "LineStatusCode",
    "TotalTaxAmount",
    "Delivery",
    "Item",
    "OriginatorParty",
}
_ITEM = {"Name", "Description", "SellersItemIdentification", "StandardItemIdentification", "BuyersItemIdentification"}


@dataclass(frozen=True, slots=True)
class _Found:
    discounts: list[Discount]
    charges: list[Charge]


def to_order(raw: Raw, options: Partner) -> Order:
    """The order that a raw record is about, as it stands after every document known of it."""
    message = read_record(raw)
    if message.fault is not None:
        raise message.fault.error()
    told = story(message)
    _demand_latest(told)
    return fold(steps(told, message, lambda each: step(each, options)), order_id=message.order_id or "")


def _content(message: Message) -> str:
    return re.sub(r">\s+<", "><", message.text.strip())


def _demand_latest(told: Sequence[Message]) -> None:
    """Raise `RecordError` where two documents state the whole order at one moment: which is newer cannot be known."""
    whole = [each for each in told if each.kind != "OrderCancellation" and not read(each.text).is_partial]
    before, last = whole[-2:] if len(whole) > 1 else (None, None)
    if before and last and before.place[:2] == last.place[:2] and _content(before) != _content(last):
        raise RecordError(
            "CHANGE_NUMBER_REUSED",
            "cbc:IssueTime",
            last.sent_at,
            f"two different documents of this moment state the whole order {last.order_id}; ask the sender for one "
            "with a later IssueDate or IssueTime, or for an OrderChange with the next SequenceNumberID",
        )


def step(message: Message, options: Partner) -> Step:
    """What one document says; raises `RecordError` for the first thing that is wrong with it."""
    document = read(message.text)
    document.demand_goods()
    order, actions = _order(document, message, options)
    stated = order.grand_total is not None
    partial = document.is_partial
    kinds: dict[str, Literal["original", "replacement", "cancellation"]] = {
        "Order": "original",
        "OrderChange": "replacement",
        "OrderCancellation": "cancellation",
    }
    return Step(
        kind="change" if partial else kinds[document.kind],
        order=order if partial or stated else totalled(order, None),
        content=_content(message),
        sent_at=message.sent_at,
        actions=actions if partial else (),
        sequence=document.sequence or None if partial else None,
        total_stated=stated,
    )


def _currency(root: Element) -> str | None:
    """The document's currency, in which every amount is; a second one is never converted."""
    currency = text(root, "cbc:DocumentCurrencyCode")
    for element in root.iter():
        told = element.get("currencyID")
        currency = currency or told
        if told and told != currency:
            raise RecordError(
                "CURRENCY_MIXED", f"{name(element)}/@currencyID", told, f"the document's currency is {currency}"
            )
    return currency


def _order(document: Document, message: Message, options: Partner) -> tuple[Order, list[Action]]:
    root = document.root
    deliver_by = _deliver_by(root)
    partial = document.is_partial
    if partial and not all(text(item, "cbc:ID") for item in every(root, ITEMS)):
        raise unnumbered("cac:LineItem/cbc:ID")
    items = [_line(item, place, deliver_by, options) for place, item in enumerate(every(root, ITEMS), 1)]
    kept = items if partial else [each for each in items if each.action != "delete"]
    header = _allowances(root)
    total = one(root, "cac:AnticipatedMonetaryTotal")
    rounding = text(total, "cbc:PayableRoundingAmount") if total is not None else None
    prepaid = text(total, "cbc:PrepaidAmount") if total is not None else None
    payable = text(total, "cbc:PayableAmount") if total is not None else None
    order = Order(
        order_id=message.order_id or document.order_number,
        order_number=document.order_number,
        origin="edi",
        is_test=message.test,
        placed_at=document.issued_at if document.kind == "Order" else moment(text(root, _PLACED), None),
        channel_created_at=message.sent_at,
        channel_updated_at=message.sent_at,
        payment_status=_payment_status(prepaid, payable),
        raw_status={document.kind: text(root, "cbc:OrderTypeCode") or str(document.sequence or "")},
        cancel_reason=text(root, "cbc:CancellationNote"),
        buyer_id=document.buyer or None,
        currency=_currency(root),
        rounding=rounding,
        paid=prepaid,
        lines=[replace(each.line, number=number) for number, each in enumerate(kept, 1)],
        charges=[*header.charges, *(charge for each in kept for charge in each.charges)],
        discounts=header.discounts,
        taxes=[tax for tax_total in every(root, "cac:TaxTotal") for tax in _taxes(tax_total)],
        contacts=parties.contacts(root),
        ext=_ext(root, kept),
    )
    if payable is not None and document.kind != "OrderCancellation":
        order = totalled(order, spelled(decimal(payable) + decimal(prepaid or "0")))
    return order, [each.action for each in kept]


_PLACED = "cac:OrderReference/cbc:IssueDate"


@dataclass(frozen=True, slots=True)
class _Item:
    line: Line
    action: Action
    charges: list[Charge]
    ext: dict[str, str]


def _line(item: Element, place: int, deliver_by: str | None, options: Partner) -> _Item:
    number = text(item, "cbc:ID") or str(place)
    if path := parties.refuses_own_address(item):
        raise RecordError(
            "LINE_SHIP_TO",
            path,
            number,
            "a line has a delivery address of its own; an order goes to one address: ask the sender for one order "
            "per address",
        )
    status = text(item, "cbc:LineStatusCode") or "1"
    if status not in _ACTIONS:
        raise RecordError("CODE_UNKNOWN", "cbc:LineStatusCode", status, f"a line has one of {', '.join(_ACTIONS)}")
    ids = {key: text(item, f"cac:Item/cac:{tag}/cbc:ID") for key, tag in _ITEM_IDS.items()}
    found = _allowances(item)
    charges = [replace(each, charge_id=f"{number}/{each.charge_id or place}") for each in found.charges]
    quantity, stated = text(item, "cbc:Quantity"), text(item, "cbc:LineExtensionAmount")
    unit = _unit(item, "cbc:Quantity")
    if stated is None:
        demand_one_unit("cac:Price/cbc:BaseQuantity/@unitCode", _unit(item, "cac:Price/cbc:BaseQuantity"), unit)
    line = Line(
        number=place,
        line_id=number,
        sku=next((ids[key] for key in options.sku if ids[key]), None),
        product_id=ids["buyer"],
        gtin=_gtin(item),
        title=text(item, "cac:Item/cbc:Name") or text(item, "cac:Item/cbc:Description"),
        uom=unit,
        quantity=quantity,
        quantity_ordered=quantity,
        unit_price=_unit_price(item),
        discount=_summed([each.amount for each in found.discounts]),
        tax=text(item, "cbc:TotalTaxAmount"),
        deliver_by=_deliver_by(item) or deliver_by,
    )
    if stated is not None and charges:
        stated = spelled(decimal(stated) - sum((decimal(each.total or "0") for each in charges), Decimal(0)))
    line = replace(line, total=stated or line_total(line, _price_currency(item)))
    return _Item(line, _ACTIONS[status], charges, _line_ext(item, number))


def _unit(item: Element, path: str) -> str | None:
    quantity = one(item, path)
    return quantity.get("unitCode") if quantity is not None else None


def _price_currency(item: Element) -> str | None:
    amount = one(item, "cac:Price/cbc:PriceAmount")
    return amount.get("currencyID") if amount is not None else None


def _unit_price(item: Element) -> str | None:
    """The price of one unit; the document's own is for `BaseQuantity` units."""
    price, base = text(item, "cac:Price/cbc:PriceAmount"), text(item, "cac:Price/cbc:BaseQuantity")
    if price is None or base is None or not AMOUNT.fullmatch(base) or Decimal(base) in (0, 1):
        return price
    return spelled(decimal(price, "PriceAmount") / Decimal(base))


def _gtin(item: Element) -> str | None:
    number = one(item, "cac:Item/cac:StandardItemIdentification/cbc:ID")
    if number is None or number.get("schemeID", "0160") not in ("0160", "GTIN", "0088"):
        return None
    return (number.text or "").strip() or None


def _deliver_by(element: Element) -> str | None:
    """The last moment of the requested delivery period, else its first."""
    period = one(element, "cac:Delivery/cac:RequestedDeliveryPeriod")
    if period is None:
        return None
    end = moment(text(period, "cbc:EndDate"), text(period, "cbc:EndTime"))
    return end or moment(text(period, "cbc:StartDate"), text(period, "cbc:StartTime"))


def _allowances(element: Element) -> _Found:
    """The allowances and charges directly beneath `element`; those of a price are inside the price already."""
    found = _Found([], [])
    for each in every(element, "cac:AllowanceCharge"):
        amount, code = text(each, "cbc:Amount"), text(each, "cbc:AllowanceChargeReasonCode")
        title = text(each, "cbc:AllowanceChargeReason")
        indicator = text(each, "cbc:ChargeIndicator")
        if indicator in ("true", "1"):
            kind = "shipping" if code in _SHIPPING else "surcharge"
            found.charges.append(Charge(kind=kind, charge_id=code, title=title, amount=amount, total=amount))
        elif indicator in ("false", "0"):
            found.discounts.append(
                Discount(kind="automatic", code=code, title=title, funded_by="seller", amount=amount)
            )
        else:
            raise RecordError("CODE_UNKNOWN", "cbc:ChargeIndicator", indicator, "true is a charge, false an allowance")
    return found


def _taxes(total: Element) -> list[Tax]:
    """The tax total by rate where it has subtotals, else as one."""
    by_rate = []
    for part in every(total, "cac:TaxSubtotal"):
        percent = text(part, "cac:TaxCategory/cbc:Percent")
        by_rate.append(
            Tax(
                title=text(part, "cac:TaxCategory/cac:TaxScheme/cbc:ID"),
                rate=spelled(decimal(percent, "Percent") / 100) if percent else None,
                amount=text(part, "cbc:TaxAmount"),
            )
        )
    return by_rate or [Tax(amount=text(total, "cbc:TaxAmount"))]


def _payment_status(prepaid: str | None, payable: str | None) -> str:
    if prepaid is None or decimal(prepaid) <= 0:
        return "unpaid"
    return "partially_paid" if decimal(payable or "0") > 0 else "paid"


def _summed(amounts: Sequence[str | None]) -> str | None:
    told = [decimal(amount) for amount in amounts if amount is not None]
    return spelled(sum(told, Decimal(0))) if told else None


def _ext(root: Element, items: Sequence[_Item]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for child in root:
        if name(child) not in _HEADER:
            _keep(kept, leaves(child, name(child)))
    for delivery in every(root, "cac:Delivery/cac:DeliveryLocation/cbc:ID"):
        _keep(kept, leaves(delivery, "Delivery/DeliveryLocation/ID"))
    for item in items:
        kept |= item.ext
    return kept


def _line_ext(item: Element, number: str) -> dict[str, str]:
    kept: dict[str, str] = {}
    for child in item:
        if name(child) not in _LINE:
            _keep(kept, leaves(child, f"line.{number}/{name(child)}"))
    product = one(item, "cac:Item")
    for child in product if product is not None else ():
        if name(child) not in _ITEM:
            _keep(kept, leaves(child, f"line.{number}/Item/{name(child)}"))
    return kept


def _keep(kept: dict[str, str], found: Iterable[tuple[str, str]]) -> None:
    for path, value in found:
        kept[path] = f"{kept[path]}; {value}" if path in kept else value
