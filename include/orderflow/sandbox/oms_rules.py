"""What the reference OMS decides, of documents alone: what it refuses, where an order stands, what comes too late."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from orderflow.domain.money import AMOUNT

STAGES = ("received", "picking", "shipped", "closed")


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What this OMS refuses, and how long its work takes (seconds of its clock)."""

    unknown_sku_prefixes: tuple[str, ...] = ("UNKNOWN-",)
    blocked_countries: tuple[str, ...] = ("KP",)
    largest_total: Decimal | None = None
    picking_after: float = 600.0
    shipping_after: float = 1800.0
    idempotent: bool = True
    """False: an OMS of the simple sort, where every delivery of a key has its effect. It shows who sends twice."""


class Line(msgspec.Struct, gc=False):
    sku: str | None = None
    oms_sku: str | None = None
    quantity: str | None = None
    unit_price: str | None = None
    discount: str | None = None


class Contact(msgspec.Struct, gc=False):
    role: str = "ship_to"
    name: str | None = None
    address: list[str] = []
    city: str | None = None
    postal_code: str | None = None
    country: str | None = None


class Head(msgspec.Struct, gc=False):
    """The parts of an order document that this OMS looks at; it keeps the rest unread."""

    channel: str
    order_id: str
    version: int
    order_status: str = "open"
    grand_total: str | None = None
    currency: str | None = None
    ship_country: str | None = None
    lines: list[Line] = []
    contacts: list[Contact] = []


HEAD = msgspec.json.Decoder(Head)


def refusal_of(head: Head, rules: Rules) -> tuple[str, str] | None:
    """The first rule that the order breaks, as code and reason; None when it may come in."""
    for line in head.lines:
        sku = line.oms_sku or line.sku or ""
        if sku.startswith(rules.unknown_sku_prefixes):
            return "SKU_UNKNOWN", f"no product has the SKU {sku!r}"
    countries = {head.ship_country, *(each.country for each in head.contacts if each.role == "ship_to")}
    if blocked := sorted(countries & set(rules.blocked_countries), key=str):
        return "COUNTRY_BLOCKED", f"nothing is sent to {blocked[0]}"
    total = head.grand_total or ""
    if rules.largest_total is not None and AMOUNT.fullmatch(total) and Decimal(total) > rules.largest_total:
        return "TOTAL_TOO_LARGE", f"totals above {rules.largest_total} need a person"
    return None


def _work(head: Head) -> tuple[Any, ...]:
    """What the warehouse works by: goods, prices and destination."""
    lines = sorted((each.oms_sku or each.sku or "", each.quantity or "", each.unit_price or "", each.discount or "")
                   for each in head.lines)  # fmt: skip
    ship_to = next((each for each in head.contacts if each.role == "ship_to"), None)
    return lines, head.grand_total, ship_to and msgspec.structs.astuple(ship_to)


def status_at(started: float | None, cancelled: float | None, now: float, rules: Rules) -> str:
    """Where the order stands: `received`, then `picking`, then `shipped`; or `cancelled`."""
    if cancelled is not None or started is None:
        return "cancelled"
    age = now - started
    return "shipped" if age >= rules.shipping_after else "picking" if age >= rules.picking_after else "received"


def too_late(before: Head | None, head: Head, status: str) -> tuple[str, str] | None:
    """What an order in work does not take any more: to be cancelled, and other goods, prices or another address."""
    if head.order_status == "cancelled":
        return "CANCELLED_TOO_LATE", f"the order is {status} and can no longer be cancelled"
    if before and before.order_status != "cancelled" and _work(before) != _work(head):
        return "CHANGED_TOO_LATE", f"the order is {status}; its goods, prices and address are fixed"
    return None
