"""UBL documents as trees: which one it is, who sent it, and how to find things in it.

Namespaces and elements: OASIS UBL 2.1 (https://docs.oasis-open.org/ubl/UBL-2.1.html), the same from 2.0 to 2.4. Peppol:
https://docs.peppol.eu/poacc/upgrade-3/. The header that may be wrapped around a document is UN/CEFACT's SBDH.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from xml.etree.ElementTree import Element

from orderflow.adapters import xml
from orderflow.domain.errors import RecordError

_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
NAMES = {"cac": f"{_UBL}CommonAggregateComponents-2", "cbc": f"{_UBL}CommonBasicComponents-2"}
_HEADER = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
KINDS = ("Order", "OrderChange", "OrderCancellation")
ITEMS = "cac:OrderLine/cac:LineItem"


@dataclass(frozen=True, slots=True)
class Document:
    """One document; `instance` is the identifier of its transport envelope, where it has one."""

    kind: str
    root: Element
    instance: str

    @property
    def order_number(self) -> str:
        """The buyer's order number: the document's own, or the one that a change or cancellation refers to."""
        path = "cbc:ID" if self.kind == "Order" else "cac:OrderReference/cbc:ID"
        number = text(self.root, path)
        if not number:
            raise RecordError("ELEMENT_MISSING", path, None, f"an {self.kind} names its order there")
        return number

    @property
    def buyer(self) -> str:
        """The buyer's electronic address, else its first identifier; empty when it has neither."""
        party = "cac:BuyerCustomerParty/cac:Party/"
        return (
            text(self.root, party + "cbc:EndpointID") or text(self.root, party + "cac:PartyIdentification/cbc:ID") or ""
        )

    @property
    def sequence(self) -> int:
        """The number of a change; 0 where it has none."""
        told = text(self.root, "cbc:SequenceNumberID") or "0"
        return int(told) if told.isascii() and told.isdigit() and len(told) < 10 else 0

    @property
    def is_partial(self) -> bool:
        """Whether this is a change that states only what is to be changed; Peppol's state the whole order."""
        coded = self.kind == "OrderChange" and one(self.root, f"{ITEMS}/cbc:LineStatusCode") is not None
        return coded and "peppol" not in (text(self.root, "cbc:CustomizationID") or "")

    def demand_goods(self) -> None:
        """Raise `RecordError` for a blanket order (UNCL1001: 221), which other orders call off."""
        if (kind := text(self.root, "cbc:OrderTypeCode")) == "221":
            raise RecordError(
                "PURPOSE_UNKNOWN", "cbc:OrderTypeCode", kind, "this is a blanket order, which others call off"
            )

    @property
    def issued_at(self) -> str | None:
        """ISO 8601 of issue date and time; midnight where there is no time."""
        return moment(text(self.root, "cbc:IssueDate"), text(self.root, "cbc:IssueTime"))


@lru_cache(maxsize=2)
def read(source: str) -> Document:
    """The order document in `source`, out of its transport envelope; raises `RecordError` when there is none.

    The last ones are kept, because one document is asked for its number, its rank and its content in turn.
    """
    root, instance = xml.parse(source), ""
    if root.tag == f"{{{_HEADER}}}StandardBusinessDocument":
        path = "sbd:StandardBusinessDocumentHeader/sbd:DocumentIdentification/sbd:InstanceIdentifier"
        instance = (root.findtext(path, namespaces={"sbd": _HEADER}) or "").strip()
        inside = [child for child in root if not child.tag.startswith(f"{{{_HEADER}}}")]
        if len(inside) != 1:
            raise RecordError(
                "ELEMENT_MISSING", "StandardBusinessDocument", len(inside), "it holds exactly one document"
            )
        root = inside[0]
    space, _, kind = root.tag.lstrip("{").rpartition("}")
    if kind not in KINDS or space != f"{_UBL}{kind}-2":
        raise RecordError("MESSAGE_TYPE_UNKNOWN", "root", root.tag, f"this channel takes UBL 2 {', '.join(KINDS)}")
    return Document(kind, root, instance)


def text(element: Element, path: str) -> str | None:
    """The text at `path` (`cac:Party/cbc:ID`) without blanks around it; None when it is absent or empty."""
    found = element.findtext(path, namespaces=NAMES)
    return (found.strip() or None) if found is not None else None


def every(element: Element, path: str) -> list[Element]:
    return element.findall(path, namespaces=NAMES)


def one(element: Element, path: str) -> Element | None:
    return element.find(path, namespaces=NAMES)


def name(element: Element) -> str:
    """The element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def moment(date: str | None, time: str | None) -> str | None:
    """ISO 8601 of an xsd:date and an xsd:time; the date's own offset is only used where there is no time."""
    if not date:
        return None
    if time:
        return f"{date[:10]}T{time}"
    return f"{date[:10]}T00:00:00{date[10:]}"


def leaves(element: Element, path: str) -> Iterator[tuple[str, str]]:
    """Every text beneath `element` with its path, embedded files left out."""
    if name(element) == "EmbeddedDocumentBinaryObject":
        return
    if element.text and element.text.strip():
        yield path, element.text.strip()
    for child in element:
        yield from leaves(child, f"{path}/{name(child)}")
