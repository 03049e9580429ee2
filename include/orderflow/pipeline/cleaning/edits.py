"""Edits: what people corrected in single orders, put into the mapped order before anything is typed.

An edit leads into the order as its mapping gives it: `currency`, `lines.2.sku`, `contacts.1.address.2`, `tags.1`,
`ext.gift`. Lists count from 1. Each value that an edit changes is a repair of the rule `EDITED`; an edit that leads
nowhere in this version of the order leaves the problem `EDIT_MISPLACED`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import msgspec
import pyarrow as pa

from orderflow.domain.decision import Edit
from orderflow.domain.order import PARTS, Order, Part
from orderflow.pipeline import frames as fr
from orderflow.pipeline.cleaning.steps import REPAIR_SCHEMA, hashed
from orderflow.pipeline.cleaning.typed import PROBLEMS
from orderflow.quality.personal import PERSONAL

EDITED = "EDITED"
"""The rule under which an edit stands among the repairs."""
MISPLACED = "EDIT_MISPLACED"
"""The rule that an order breaks whose edit leads nowhere."""

MOST = 2**31 - 1
"""The largest number of a line that staging holds."""

Edits: TypeAlias = Mapping[str, Sequence[Edit]]
"""Edits by order id."""

P = TypeVar("P", bound=Part)

_FIELDS = {table: {field.name: field for field in fields} for table, fields in fr.FIELDS.items()}
_TEXTS = {"code", "text", "amount", "time"}
_FLAGS = {"true": True, "false": False}
_PAIR = {"line_id": 0, "quantity": 1}


@dataclass(frozen=True, slots=True)
class Change:
    """One value that an edit changed; `position` counts from 1 within the order, None for the order's own fields."""

    table: str
    position: int | None
    field: str
    before: str | None
    after: str | None


def edited(order: Order, edits: Sequence[Edit]) -> tuple[Order, list[Change], list[str]]:
    """The order with these edits applied, in their order; what they changed, and the paths that lead nowhere."""
    changes: list[Change] = []
    misplaced: list[str] = []
    for edit in edits:
        try:
            order, change = _applied(order, edit)
        except (LookupError, ValueError, AttributeError, TypeError):
            misplaced.append(edit.path)
            continue
        if change.before != change.after:
            changes.append(change)
    return order, changes, misplaced


def changed_by_hand(
    changes: Sequence[tuple[int, Change]], misplaced: Sequence[tuple[int, str]], rows: Callable[[], Mapping[int, int]]
) -> tuple[pa.Table, pa.Table]:
    """Repairs and problems of the edits of one chunk, each given with the ordinal of its record.

    `rows` tells the row of each order by that ordinal; it is asked only where there is anything to tell.
    """
    if not changes and not misplaced:
        return REPAIR_SCHEMA.empty_table(), PROBLEMS.empty_table()
    row_of = rows()
    kept = [(row_of[ordinal], change) for ordinal, change in changes if ordinal in row_of]
    columns = {
        "order_row": [row for row, _ in kept],
        "rule": [EDITED for _ in kept],
        "table": [change.table for _, change in kept],
        "position": [change.position for _, change in kept],
        "field": [change.field for _, change in kept],
        "before_hash": hashed(pa.array([change.before for _, change in kept], pa.string())),
        "after_hash": hashed(pa.array([change.after for _, change in kept], pa.string())),
        "before": [None if (change.table, change.field) in PERSONAL else change.before for _, change in kept],
    }
    problems = [
        {"order_row": row_of[ordinal], "table": "orders", "field": path, "code": MISPLACED}
        for ordinal, path in misplaced
        if ordinal in row_of
    ]
    return pa.table(columns, schema=REPAIR_SCHEMA), pa.Table.from_pylist(problems, PROBLEMS)


def _applied(order: Order, edit: Edit) -> tuple[Order, Change]:
    """Raises LookupError, ValueError, AttributeError or TypeError when the path does not fit this order."""
    name, *rest = edit.path.split(".")
    if name not in PARTS:
        after, before = _written("orders", order, [name, *rest], edit.value)
        return after, Change("orders", None, name, before, edit.value)
    place, field, *deeper = rest
    parts = list(getattr(order, name))
    row = _row(place, parts)
    parts[row], before = _written(name, parts[row], [field, *deeper], edit.value)
    return msgspec.structs.replace(order, **{name: parts}), Change(name, row + 1, field, before, edit.value)


def _written(table: str, part: P, path: list[str], value: str | None) -> tuple[P, str | None]:
    """The part with one value replaced, and what stood there."""
    name, *rest = path
    field = _FIELDS[table][name]
    old = getattr(part, name)
    new, before = _replaced(field, old, rest, value)
    return msgspec.structs.replace(part, **{name: new}), before


def _replaced(field: fr.Field, old: Any, rest: list[str], value: str | None) -> tuple[Any, str | None]:
    if field.kind == "map":
        key = ".".join(rest)
        if not key:
            raise LookupError(field.name)
        return {**old, key: value} if value is not None else _without(old, key), old.get(key)
    if field.kind == "texts":
        (place,) = rest
        row = _row(place, old)
        return [*old[:row], *([] if value is None else [value]), *old[row + 1 :]], old[row]
    if field.kind == "pairs":
        place, part = rest
        row = _row(place, old)
        pair = list(old[row])
        before = pair[_PAIR[part]]
        pair[_PAIR[part]] = value or ""
        return [*old[:row], tuple(pair), *old[row + 1 :]], before
    if rest:
        raise LookupError(field.name)
    if field.kind in _TEXTS:
        return field.default if value is None else value, None if old is None else str(old)
    if field.kind == "flag":
        return _FLAGS[value or "false"], "true" if old else "false"
    if field.kind == "integer":
        number = int(value or "")
        if number > MOST:
            raise LookupError(f"{field.name} {number} is beyond {MOST}")
        return number, str(old)
    raise LookupError(f"{field.name} is the order's identity and cannot be edited")


def _row(place: str, items: Sequence[Any]) -> int:
    """The index of the item at this place, counted from 1."""
    row = int(place) - 1
    if not 0 <= row < len(items):
        raise LookupError(place)
    return row


def _without(old: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in old.items() if name != key}
