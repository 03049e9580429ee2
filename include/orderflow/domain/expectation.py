"""Expectations on staged orders: the columns they may name, and what a run of them found.

They describe and warn. What may go on is decided order by order in validate, and nowhere else.
"""

from __future__ import annotations

from datetime import date, datetime
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

import msgspec

from orderflow.domain.order import Line, Order
from orderflow.domain.staging import STAGED_LINE, STAGED_ORDER

Kind: TypeAlias = Literal["text", "number", "time", "truth"]


def _kind(hint: Any) -> Kind:
    if get_origin(hint) is Annotated:
        return {"amount": "number", "time": "time"}.get(hint.__metadata__[0], "text")  # type: ignore[return-value] # the two and "text" are kinds
    if get_origin(hint) in {Union, UnionType}:
        return _kind(next(each for each in get_args(hint) if each is not type(None)))
    kinds: dict[Any, Kind] = {bool: "truth", int: "number"}
    return kinds.get(hint, "text")


def _columns(part: type, names: list[str], prefix: str) -> dict[str, Kind]:
    hints = get_type_hints(part, include_extras=True)
    return {f"{prefix}{name}": _kind(hints[name]) for name in names if name in hints}


COLUMNS: MappingProxyType[str, Kind] = MappingProxyType(
    {
        **_columns(Order, STAGED_ORDER, ""),
        "line_count": "number",
        "fetched_at": "time",
        "first_seen_at": "time",
        **_columns(Line, STAGED_LINE, "lines."),
    }
)
"""Every column that an expectation may name, with the kind of its values."""


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one expectation found. `sample` holds order ids of rows that failed, at most a few, never other values."""

    name: str
    """Stable within a channel's suite: `order_status one_of`."""
    kind: str
    table: Literal["orders", "lines"]
    column: str | None
    origin: Literal["contract", "channel"]
    meaning: str
    """In words: what is expected."""
    success: bool
    evaluated: int = 0
    """Rows that were looked at."""
    unexpected: int = 0
    observed: str | None = None
    sample: list[str] = []
    error: str | None = None
    """Why it could not be checked."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a channel's suite over the orders that were created on one day (in the channel's time zone)."""

    channel: str
    day: date
    run_id: str
    asked_by: Literal["schedule", "person", "load"]
    started_at: datetime
    seconds: float
    orders: int
    lines: int
    partial: bool
    """Whether the day has more orders than one run looks at."""
    engine: str
    """Name and version of what checked."""
    results: list[Result]

    @property
    def failed(self) -> int:
        return sum(not each.success for each in self.results)
