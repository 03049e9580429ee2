"""The sale in Tryton: how an order is written, and what is read back of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from orderflow.domain.errors import RecordError
from orderflow.domain.life import Stage
from orderflow.domain.source import JsonValue
from orderflow.domain.target import OmsOrder
from orderflow.oms.document import Document, Marker, contact
from orderflow.oms.positions import Position, plain
from orderflow.oms.tryton.client import Client, amount, day, number

ROUNDING = ROUND_HALF_EVEN
"""How `currency.currency` rounds in Tryton 7.0."""

STATES = ("draft", "quotation", "confirmed", "processing", "done")
"""The way of a sale in Tryton; `cancelled` stands beside it."""

_NOTE = "orderflow"
_STATUS = {
    "draft": "pending", "quotation": "pending", "confirmed": "open", "processing": "open", "done": "completed",
    "cancelled": "cancelled",
}  # fmt: skip
_FIELDS = [
    "number", "state", "web_id", "total_amount", "currency.code", "lines.type", "attachments.name",
    "attachments.description", "shipment_state", "_timestamp",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sale:
    """What Tryton holds of an order."""

    id: int
    number: str | None
    web_id: str
    state: str
    total: Decimal
    currency: str
    lines: int
    marker: Marker | None
    note: int | None
    """Id of the attachment that holds the marker."""
    stamp: str
    shipment: str | None = None
    """State of its shipments: `none`, `waiting`, `partially shipped`, `sent`, `exception`."""

    @property
    def stamps(self) -> dict[str, str]:
        return {f"sale.sale,{self.id}": self.stamp}

    @property
    def stage(self) -> Stage | None:
        """None while it can be changed."""
        if self.state == "done":
            return "closed"
        if self.state != "processing":
            return None
        return "shipped" if self.shipment in ("sent", "partially shipped") else "picking"

    @property
    def name(self) -> str:
        return f"sale {self.number or self.id}"

    def settled(self, until: str) -> bool:
        """Whether it stands where its marker wants it: what was begun and not finished is not."""
        if self.marker is None:
            return False
        if self.marker.wish == "confirmed":
            return self.state in STATES and STATES.index(self.state) >= STATES.index(until)
        return self.state == ("cancelled" if self.marker.wish == "cancelled" else "draft")

    def known(self, order_id: str, until: str) -> OmsOrder:
        """For reconciliation; the key of an unfinished sale is empty, so that nobody takes it for delivered."""
        return OmsOrder(
            order_id=order_id,
            oms_id=str(self.id),
            version=self.marker.version if self.marker else None,
            key=self.marker.key if self.marker and self.settled(until) else "",
            status=_STATUS.get(self.state, self.state),
            total=plain(self.total),
            currency=self.currency,
            lines=self.lines - (self.marker.extra if self.marker else 0),
        )


def web_id(channel: str, order_id: str) -> str:
    """The order's identity in Tryton, unique by the database's constraint on `sale.sale.web_id`."""
    return f"{channel}/{order_id}"


def find(client: Client, web_ids: Collection[str]) -> dict[str, Sale]:
    """The sales with these web ids; those that Tryton does not hold are absent."""
    if not web_ids:
        return {}
    return {
        sale.web_id: sale
        for sale in map(_read, client.search("sale.sale", [["web_id", "in", sorted(web_ids)]], _FIELDS))
    }


def products(client: Client, skus: Collection[str]) -> dict[str, tuple[int, int]]:
    """`(product, unit of sale)` by SKU; unknown and archived SKUs are absent."""
    if not skus:
        return {}
    found = client.search("product.product", [["code", "in", sorted(skus)]], ["code", "sale_uom"])
    return {each["code"]: (each["id"], each["sale_uom"]) for each in found}


def header(document: Document, currency: int, party: tuple[int, int, int] | None) -> dict[str, JsonValue]:
    """The fields of the sale itself; without `party` the addresses stay as they are."""
    note = contact(document, "ship_to", "sold_to", "bill_to")
    values: dict[str, JsonValue] = {
        "reference": document.order_number or document.order_id,
        "currency": currency,
        "comment": note.note if note else None,
        "sale_date": day(datetime.fromisoformat(document.placed_at).date()) if document.placed_at else None,
    }
    if party is not None:
        values |= dict(zip(("party", "invoice_address", "shipment_address"), party, strict=True))
    return values


def lines(
    made: list[Position], known: Mapping[str, tuple[int, int]], charges: Mapping[str, str]
) -> list[dict[str, JsonValue]]:
    """The sale's lines, each with an explicit empty list of taxes.

    Raises `RecordError` that names every SKU which Tryton does not have.
    """
    codes = [each.sku or charges.get(each.kind) for each in made]
    if missing := sorted({code for code in codes if code and code not in known}):
        raise RecordError(
            "OMS_SKU_UNKNOWN",
            "lines.sku",
            ", ".join(missing),
            "Tryton has no active product with this code; make the product, or map the SKU",
        )
    coded = zip(made, codes, strict=True)
    return [_line(each, known.get(code or ""), sequence) for sequence, (each, code) in enumerate(coded, 1)]


def note(sale: Sale | None, marker: Marker) -> list[JsonValue]:
    """The command that writes the marker beside the sale."""
    values = {"name": _NOTE, "description": str(marker)}
    return ["create", [values]] if sale is None or sale.note is None else ["write", [sale.note], values]


def _line(position: Position, product: tuple[int, int] | None, sequence: int) -> dict[str, JsonValue]:
    values: dict[str, JsonValue] = {
        "type": "line",
        "sequence": sequence,
        "description": position.title,
        "quantity": float(position.quantity),
        "unit_price": amount(position.unit_price),
        "taxes": [],
    }
    return values if product is None else values | {"product": product[0], "unit": product[1]}


def _read(found: dict[str, Any]) -> Sale:
    notes = [each for each in found["attachments."] if each["name"] == _NOTE]
    markers = [(Marker.parse(each["description"]), each["id"]) for each in notes]
    marker, place = max(markers, key=lambda each: (each[0] is not None, each[1]), default=(None, None))
    return Sale(
        id=found["id"],
        number=found["number"],
        web_id=found["web_id"],
        state=found["state"],
        total=number(found["total_amount"]),
        currency=found["currency."]["code"],
        lines=sum(each["type"] == "line" for each in found["lines."]),
        marker=marker,
        note=place,
        stamp=found["_timestamp"],
        shipment=found.get("shipment_state"),
    )
