"""The OrderResponse that answers an order. Pure.

Peppol BIS Ordering 3, transaction T76: https://docs.peppol.eu/poacc/upgrade-3/syntax/OrderResponse/. Response codes are
UNCL4343 (AP accepted, CA conditionally accepted, RE rejected), line codes UNCL1229.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from orderflow.adapters.edi.answer import Answer, LineAnswer
from orderflow.adapters.ubl.document import NAMES, Document, one
from orderflow.domain.order import Line, Order

_ROOT = "urn:oasis:names:specification:ubl:schema:xsd:OrderResponse-2"
_STATUS = {"accepted": "5", "changed": "3", "backordered": "3", "rejected": "7"}


def response(order: Order, answer: Answer, document: Document, *, number: str) -> str:
    """The OrderResponse called `number` to the buyer of `document`; lines stand in it when not all is as ordered."""
    for prefix, space in (("ubl", _ROOT), *NAMES.items()):
        register_namespace(prefix, space)
    changed = answer.outcome == "changed" or any(line.outcome != answer.outcome for line in answer.lines)
    code = "CA" if changed else {"accepted": "AP", "rejected": "RE"}[answer.outcome]
    root = Element(f"{{{_ROOT}}}OrderResponse")
    _put(root, "cbc:CustomizationID", "urn:fdc:peppol.eu:poacc:trns:order_response:3")
    _put(root, "cbc:ProfileID", "urn:fdc:peppol.eu:poacc:bis:ordering:3")
    _put(root, "cbc:ID", number)
    _put(root, "cbc:SalesOrderID", answer.oms_id)
    _put(root, "cbc:IssueDate", answer.at.date().isoformat())
    _put(root, "cbc:IssueTime", answer.at.time().isoformat("seconds"))
    _put(root, "cbc:OrderResponseCode", code)
    _put(root, "cbc:Note", answer.reason)
    _put(root, "cbc:DocumentCurrencyCode", order.currency)
    _put(_in(root, "cac:OrderReference"), "cbc:ID", order.order_number or order.order_id)
    for party in ("cac:SellerSupplierParty", "cac:BuyerCustomerParty"):
        _party(root, party, document)
    if changed:
        for line in order.lines:
            if line.parent_line_id is None:
                _line(root, line, answer.line(line.line_id), order.currency)
    written: str = tostring(root, encoding="unicode", xml_declaration=False)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{written}\n'


def _party(root: Element, path: str, document: Document) -> None:
    """The party of the order, with its addresses and its name, and nobody's personal data."""
    theirs = one(document.root, f"{path}/cac:Party")
    ours = _in(_in(root, path), "cac:Party")
    for tag in ("cbc:EndpointID", "cac:PartyIdentification", "cac:PartyName", "cac:PartyLegalEntity"):
        found = None if theirs is None else one(theirs, tag)
        if found is not None:
            ours.append(found)


def _line(root: Element, line: Line, said: LineAnswer, currency: str | None) -> None:
    order_line = _in(root, "cac:OrderLine")
    item = _in(order_line, "cac:LineItem")
    unit = {"unitCode": line.uom} if line.uom else {}
    _put(item, "cbc:ID", line.line_id)
    _put(item, "cbc:LineStatusCode", _STATUS[said.outcome])
    if said.outcome == "backordered":
        _put(item, "cbc:MaximumBackorderQuantity", said.quantity or line.quantity, unit)
    elif said.quantity:
        _put(item, "cbc:Quantity", said.quantity, unit)
    if said.ship_on:
        period = _in(_in(item, "cac:Delivery"), "cac:PromisedDeliveryPeriod")
        _put(period, "cbc:StartDate", said.ship_on)
    if said.unit_price:
        _put(_in(item, "cac:Price"), "cbc:PriceAmount", said.unit_price, {"currencyID": currency or ""})
    product = _in(item, "cac:Item")
    _put(product, "cbc:Name", line.title)
    if line.sku:
        _put(_in(product, "cac:SellersItemIdentification"), "cbc:ID", line.sku)
    _put(_in(order_line, "cac:OrderLineReference"), "cbc:LineID", line.line_id)


def _in(parent: Element, path: str) -> Element:
    prefix, _, tag = path.partition(":")
    return SubElement(parent, f"{{{NAMES[prefix]}}}{tag}")


def _put(parent: Element, path: str, text: str | None, attributes: dict[str, str] | None = None) -> None:
    """Add an element with text; nothing where there is none."""
    if text:
        element = _in(parent, path)
        element.text = text
        element.attrib.update(attributes or {})
