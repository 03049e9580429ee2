"""What the rows of an order stand for.

A configurable product is followed by the variant that was chosen, which may repeat its price; the two become one line.
A bundle, and whatever plugins put together, is followed by its parts; the money stands on the parts, or, where the
whole has a price of its own, on the whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from orderflow.adapters.magento import money
from orderflow.adapters.magento.movements import id_of, time_of
from orderflow.domain.errors import RecordError
from orderflow.domain.source import Raw

KINDS = {"virtual": "service", "downloadable": "service", "giftcard": "gift_card"}
"""Kind of line by product type; any other is a product."""


class Row(NamedTuple):
    """A line to be: `priced` is False where other rows carry its money; `variant` is the row merged into it."""

    item: Raw
    kind: str
    parent: str | None
    priced: bool
    variant: Raw | None


def rows_of(items: list[Raw]) -> list[Row]:
    """Every row as a line, or in one; raises `RecordError` for rows that are parts of each other."""
    known = {str(item["item_id"]) for item in items}
    parts: dict[str | None, list[Raw]] = defaultdict(list)
    for item in items:
        above = id_of(item.get("parent_item_id"))
        parts[above if above in known else None].append(item)
    rows = [row for top in parts[None] for row in _with_parts(top, parts, None, priced=True)]
    if len(rows) + sum(row.variant is not None for row in rows) != len(items):
        raise RecordError("RAW_SHAPE", "items.parent_item_id", None, "no row is a part of itself")
    return rows


def _with_parts(item: Raw, parts: Mapping[str | None, list[Raw]], parent: str | None, *, priced: bool) -> Iterator[Row]:
    key = str(item["item_id"])
    below = parts.get(key, [])
    kind = "bundle_child" if parent else KINDS.get(item.get("product_type") or "", "product")
    if not below:
        yield Row(item, kind, parent, priced, None)
    elif len(below) == 1 and item.get("product_type") != "bundle" and str(below[0]["item_id"]) not in parts:
        yield Row(item, kind, parent, priced, below[0])
    else:
        dear = priced and any(money.amount(part, "row_total") for part in below)
        yield Row(item, "bundle_parent", parent, priced and not dear, None)
        for part in below:
            yield from _with_parts(part, parts, key, priced=dear)


def merged(rows: list[Row]) -> set[str]:
    """Ids of the rows that stand in no line of their own."""
    return {str(row.variant["item_id"]) for row in rows if row.variant}


def given_back(rows: list[Row], memos: list[Raw], shipments: list[Raw]) -> dict[str, Decimal]:
    """Units of rows that were refunded before they were sent: nobody will send them any more.

    A refund is taken for one of units that were sent, as long as there are any. Units that were sent after all count
    as sent (Magento long let people do so: 34289). Of a bundle of which something was sent, and of what is never sent,
    nothing counts. Rows of a bundle that bear no money follow those that do.
    """
    names = {str(row.variant["item_id"]): str(row.item["item_id"]) for row in rows if row.variant}
    whole = {str(row.item["item_id"]): row.parent or str(row.item["item_id"]) for row in rows}
    bundles = set(whole.values()) - {str(row.item["item_id"]) for row in rows if row.kind != "bundle_parent"}
    begun = {str(row.item["item_id"]) for row in rows if row.item.get("product_type") in KINDS}
    sent: dict[str, Decimal] = defaultdict(Decimal)
    never = {str(row.item["item_id"]): money.amount(row.item, "qty_ordered") for row in rows}
    gone: dict[str, Decimal] = {}
    moves = [
        (time_of(node.get("created_at")) or "", place, node)
        for place, nodes in enumerate((shipments, memos))
        for node in nodes
    ]
    for _, back, node in sorted(moves, key=lambda move: move[:2]):
        told: dict[str, Decimal] = {}
        for item in node.get("items") or []:
            line = str(item["order_item_id"])
            line = names.get(line, line)
            told[line] = max(told.get(line, money.ZERO), money.amount(item, "qty"))
        for line, units in told.items():
            top = whole.get(line, line)
            if not back:
                sent[line] += units
                never[line] = max(never.get(line, money.ZERO) - units, money.ZERO)
                begun |= {top} & bundles if units else set()
            elif line in whole and not {line, top} & begun:
                returned = min(units, sent[line])
                sent[line] -= returned
                gone[line] = gone.get(line, money.ZERO) + units - returned
    gone = {line: min(units, never[line]) for line, units in gone.items()}
    for row in rows:
        key, ordered = str(row.item["item_id"]), money.amount(row.item, "qty_ordered")
        below = [
            (str(each.item["item_id"]), money.amount(each.item, "qty_ordered")) for each in rows if each.parent == key
        ]
        if below and row.priced:
            gone |= {part: units * gone.get(key, money.ZERO) / ordered for part, units in below}
        elif below:
            gone[key] = ordered if all(gone.get(part) == units for part, units in below) else money.ZERO
    return {line: units for line, units in gone.items() if units}


def fulfilment(state: str | None, rows: list[Row], kept: list[Decimal]) -> str:
    """`complete` is Magento's word for wholly invoiced and shipped.

    A bundle is sent as a whole, or by its parts: then they count, and it does not.
    """
    if state == "complete":
        return "shipped"
    sent = [money.amount(row.item, "qty_shipped") for row in rows]
    if not any(sent):
        return "unfulfilled"
    in_parts = {row.parent for row, done in zip(rows, sent, strict=True) if row.parent and done}
    goods = [
        done >= units
        for row, units, done in zip(rows, kept, sent, strict=True)
        if (row.parent in in_parts if row.parent else str(row.item["item_id"]) not in in_parts)
        and (row.item.get("product_type") or "") not in KINDS
    ]
    return "shipped" if all(goods) else "partial"
