"""The sales order in Odoo: how an order is written, and what is read back of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from orderflow.domain.errors import RecordError
from orderflow.domain.life import Stage
from orderflow.domain.money import exponent
from orderflow.domain.source import JsonValue
from orderflow.domain.target import OmsOrder
from orderflow.oms.document import Marker, fingerprint
from orderflow.oms.odoo.client import MODULE, Client, number
from orderflow.oms.positions import Position, plain

ROUNDING = ROUND_HALF_UP
"""How Odoo rounds amounts (`float_round`, half away from zero)."""

ANY = "*"
"""The product of every kind of charge that has none of its own."""

_STATUS = {"draft": "pending", "sent": "pending", "sale": "open", "done": "open", "cancel": "cancelled"}
_STAGES: dict[str, Stage] = {"started": "picking", "partial": "shipped", "full": "shipped"}
_CONFIRMED = ("sale", "done")
_OPEN = ("draft", "sent")
_FIELDS = ["name", "state", "origin", "amount_total", "currency_id", "order_line"]
_PROCURED = ["purchase_order_count", "mrp_production_count"]
_OPTIONAL = ["locked", "delivery_status", *_PROCURED]
_TEMPLATE = "sale_order_template_id"


@dataclass(frozen=True, slots=True)
class Shape:
    """What this Odoo has, by its version and installed apps."""

    fields: list[str]
    taxes: str
    plain: dict[str, JsonValue]
    """What keeps an order from following a quotation template: the company's own may mail the buyer when it is
    confirmed."""

    @classmethod
    def of(cls, client: Client) -> Shape:
        asked = [*_FIELDS, *_OPTIONAL, _TEMPLATE]
        order = client.call("sale.order", "fields_get", allfields=asked, attributes=["type"])
        lines = client.call("sale.order.line", "fields_get", allfields=["tax_id", "tax_ids"], attributes=["type"])
        return cls(
            [*_FIELDS, *(field for field in _OPTIONAL if field in order)],
            "tax_ids" if "tax_ids" in lines else "tax_id",
            {_TEMPLATE: False} if _TEMPLATE in order else {},
        )


@dataclass(frozen=True, slots=True)
class Sale:
    """What Odoo holds of an order."""

    id: int
    name: str
    state: str
    total: Decimal
    currency: str
    lines: int
    marker: Marker | None
    locked: bool
    delivery: str | None
    """`pending`, `started`, `partial` or `full`; None without deliveries."""
    procured: bool
    """Odoo bought or makes something for this order alone; shown to users of Purchase, and of Manufacturing."""

    @property
    def confirmed(self) -> bool:
        return self.state in _CONFIRMED

    @property
    def stage(self) -> Stage | None:
        """None while it can be changed: a confirmed order of which nothing was delivered can."""
        return _STAGES.get(self.delivery or "") if self.confirmed else None

    @property
    def open(self) -> bool:
        return self.state in _OPEN

    def settled(self, until: str) -> bool:
        """Whether it stands where its marker wants it: what was begun and not finished is not."""
        if self.marker is None:
            return False
        if self.marker.wish == "confirmed":
            return self.confirmed or (until == "draft" and self.open)
        return self.state == "cancel" if self.marker.wish == "cancelled" else self.open

    def known(self, order_id: str, until: str) -> OmsOrder:
        """For reconciliation; the key of an unfinished order is empty, so that nobody takes it for delivered."""
        done = self.confirmed and self.delivery == "full"
        return OmsOrder(
            order_id=order_id,
            oms_id=str(self.id),
            version=self.marker.version if self.marker else None,
            key=self.marker.key if self.marker and self.settled(until) else "",
            status="completed" if done else _STATUS.get(self.state, self.state),
            total=plain(self.total),
            currency=self.currency,
            lines=self.lines - (self.marker.extra if self.marker else 0),
        )


def external_id(channel: str, order_id: str) -> str:
    """The order's identity in Odoo: unique in `ir.model.data` by the database's constraint on module and name."""
    return f"order_{fingerprint(channel, order_id)}{fingerprint(order_id, channel)}"


def origin(channel: str, order_id: str, marker: Marker | None) -> str:
    """The source document of the sales order, with our marker: identity for people, version and key for us."""
    return f"{MODULE} {channel}/{order_id}" + (f" {marker}" if marker else "")


def get(client: Client, shape: Shape, identity: int) -> Sale | None:
    return next(iter(_sales(client, shape, [["id", "=", identity]])), None)


def find(client: Client, shape: Shape, channel: str, order_ids: Sequence[str]) -> dict[str, Sale]:
    """Sales orders by the channel's order ids: found by their source document, proven by their external id."""
    found: dict[str, Sale] = {}
    for start in range(0, len(order_ids), 50):
        some = order_ids[start : start + 50]
        terms = [["origin", "=like", f"{_escaped(origin(channel, order_id, None))}%"] for order_id in some]
        sales = _sales(client, shape, [*["|"] * (len(terms) - 1), *terms])
        if not sales:
            continue
        names = client.call("sale.order", "get_external_id", [sale.id for sale in sales])
        wanted = {f"{MODULE}.{external_id(channel, order_id)}": order_id for order_id in some}
        for sale in sales:
            order_id = wanted.get(names.get(str(sale.id), ""))
            if order_id is not None:
                found[order_id] = sale
    return found


def lines(made: list[Position], known: Mapping[str, int], charges: Mapping[str, str], taxes: str) -> list[JsonValue]:
    """The commands that replace an order's lines; every line with its taxes cleared.

    Raises `RecordError` that names every product which is missing: Odoo confirms no line without one.
    """
    codes = [each.sku or charges.get(each.kind) or charges.get(ANY) for each in made]
    for each, code in zip(made, codes, strict=True):
        if code is None:
            raise RecordError(
                "OMS_CHARGE_UNMAPPED",
                "charges",
                each.kind,
                f"Odoo books no line without a product: name one for {each.kind!r}, or for {ANY!r}, in the target file",
            )
    if missing := sorted({code for code in codes if code not in known and code is not None}):
        raise RecordError(
            "OMS_SKU_UNKNOWN",
            "lines.sku",
            ", ".join(missing),
            "Odoo has no active product with this internal reference; make the product, or map the SKU",
        )
    created = [
        [0, 0, {
            "product_id": known[code or ""],
            "name": each.title,
            "product_uom_qty": each.quantity,
            "price_unit": each.unit_price,
            "discount": 0,
            "sequence": sequence,
            taxes: [[6, 0, []]],
        }]
        for sequence, (each, code) in enumerate(zip(made, codes, strict=True), 1)
    ]  # fmt: skip
    return [[5, 0, 0], *created]


def products(client: Client, codes: set[str]) -> dict[str, int]:
    """Product by internal reference; the oldest where several have it (Odoo does not forbid that)."""
    if not codes:
        return {}
    found = client.search("product.product", [["default_code", "in", sorted(codes)]], ["default_code"])
    return {each["default_code"]: each["id"] for each in reversed(found)}


def check_quantities(client: Client, sale: Sale, made: list[Position]) -> None:
    """Refuse when Odoo rounded a quantity: more or less would leave the warehouse than the buyer ordered."""
    found = client.search("sale.order.line", [["order_id", "=", sale.id]], ["sequence", "product_uom_qty"])
    kept = {each["sequence"]: number(each["product_uom_qty"]) for each in found}
    for sequence, each in enumerate(made, 1):
        if kept.get(sequence) != each.quantity:
            raise RecordError(
                "OMS_QUANTITY_DIFFERS",
                "lines.quantity",
                plain(each.quantity),
                f"{sale.name} keeps {plain(kept.get(sequence, Decimal(0)))} of {each.sku or each.kind!r}; raise the "
                "number of digits of units of measure in Odoo (Settings, Decimal Accuracy)",
            )


def started(client: Client, sale: Sale) -> bool:
    """Whether anything of it was delivered or invoiced."""
    found = client.search("sale.order.line", [["order_id", "=", sale.id]], ["qty_delivered", "qty_invoiced"])
    moved = any(number(each["qty_delivered"]) or number(each["qty_invoiced"]) for each in found)
    return moved or sale.delivery in ("started", "partial", "full")


def _sales(client: Client, shape: Shape, domain: JsonValue) -> list[Sale]:
    return [_read(each) for each in client.search("sale.order", domain, shape.fields)]


def _read(found: dict[str, Any]) -> Sale:
    currency = found["currency_id"][1] if found["currency_id"] else ""
    places = Decimal(1).scaleb(-exponent(currency))
    return Sale(
        id=found["id"],
        name=found["name"],
        state=found["state"],
        total=number(found["amount_total"]).quantize(places, ROUNDING),
        currency=currency,
        lines=len(found["order_line"]),
        marker=Marker.parse(found["origin"] or None),
        locked=bool(found.get("locked")),
        delivery=found.get("delivery_status") or None,
        procured=any(found.get(field) for field in _PROCURED),
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
