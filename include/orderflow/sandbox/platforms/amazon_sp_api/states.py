"""Ids and states of a simulated order, as both versions of the Orders API have them."""

from __future__ import annotations

import re

from orderflow.adapters.amazon_sp_api.values import CURRENCIES
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.snapshot import Line, Snapshot

KNOWN = {"pending", "on_hold", "open", "completed", "refunded"}
SPELLINGS = {
    "Pending": "PENDING",
    "Unshipped": "UNSHIPPED",
    "PartiallyShipped": "PARTIALLY_SHIPPED",
    "Shipped": "SHIPPED",
    "Canceled": "CANCELLED",
}
"""v0 and v2026-01-01."""
_ID = re.compile(r"114-([0-9]{7})-([0-9]{7})", re.ASCII)
_STEP = 10**7


def marketplace_of(shop: Shop) -> str:
    """The marketplace that the shop names, or one whose currency is the shop's."""
    home = next((place for place, currency in CURRENCIES.items() if currency == shop.currency), "ATVPDKIKX0DER")
    return str(shop.options.get("marketplace", home))


def order_id(index: int) -> str:
    group, rest = divmod(index, _STEP)
    return f"114-{3_000_000 + group:07d}-{rest:07d}"


def index_of(text: str) -> int | None:
    """The index of the order with this id, if it can be one."""
    found = _ID.fullmatch(text)
    if not found or int(found[1]) < 3_000_000:
        return None
    return (int(found[1]) - 3_000_000) * _STEP + int(found[2])


def foreign(shop: Shop, index: int) -> bool:
    """Whether the order was sold in another shop, so that Amazon only ships it."""
    nth = int(shop.options.get("foreign", 0))
    return nth > 0 and index % nth == 0


def item_id(snap: Snapshot, line: Line) -> str:
    return str(52_000_000_000_000 + snap.index * 4096 + line.line_id)


def called_off(snap: Snapshot) -> bool:
    return snap.status in {"cancelled", "failed"}


def priced(snap: Snapshot) -> bool:
    """Whether the platform states amounts."""
    return not called_off(snap) and snap.status not in {"pending", "on_hold"}


def status_of(snap: Snapshot) -> str:
    """The status in v0's spelling."""
    if called_off(snap):
        return "Canceled"
    if snap.status not in KNOWN:
        return snap.status.title()
    if not priced(snap):
        return "Pending"
    if snap.fulfilment == "fulfilled":
        return "Shipped"
    return "PartiallyShipped" if snap.parcels else "Unshipped"


def bearer_of_fees(snap: Snapshot) -> int | None:
    """The line on which the platform states what the whole order costs beside its goods."""
    counting = [line.line_id for line in snap.lines if line.quantity not in {"0", ""}]
    return next(iter(counting or [line.line_id for line in snap.lines]), None)


def first(snap: Snapshot, line: Line) -> bool:
    """Whether this very line bears the fees; a line that stands twice bears them once."""
    bearer = bearer_of_fees(snap)
    return line is next((each for each in snap.lines if each.line_id == bearer), None)
