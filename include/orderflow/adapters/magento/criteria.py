"""Magento's search criteria as a query: filters of one group are alternatives, groups must all hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from urllib.parse import quote

from orderflow.domain.window import Window

Filter: TypeAlias = tuple[str, str, str]
"""Field, condition, value: `("updated_at", "gteq", "2026-03-01 00:00:00")`."""
Groups: TypeAlias = Sequence[Sequence[Filter]]


def query(groups: Groups, *, size: int, fields: str | None = None) -> str:
    """The query for the first `size` rows by ascending `entity_id`, encoded as signatures want it.

    Always the first page: one past the end would show the last one again (magento2 issues 3787 and 26986).
    """
    root = "searchCriteria"
    pairs = [
        (f"{root}[filter_groups][{g}][filters][{f}][{name}]", value)
        for g, group in enumerate(groups)
        for f, (field, condition, wanted) in enumerate(group)
        for name, value in (("field", field), ("value", wanted), ("condition_type", condition))
    ]
    pairs += [
        (f"{root}[sortOrders][0][field]", "entity_id"),
        (f"{root}[sortOrders][0][direction]", "ASC"),
        (f"{root}[pageSize]", str(size)),
        (f"{root}[currentPage]", "1"),
    ]
    if fields:
        pairs.append(("fields", fields))
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in pairs)


def bounds(window: Window) -> tuple[datetime, datetime]:
    """The window in whole seconds, the clock of Magento's times: never narrower."""
    start, end = window.start.replace(microsecond=0), window.end.replace(microsecond=0)
    return start, end if end == window.end else end + timedelta(seconds=1)


def within(field: str, window: Window) -> list[list[Filter]]:
    """`field` lies in the window: the lower bound belongs to it, the upper one does not."""
    start, end = map(stamp, bounds(window))
    return [[(field, "gteq", start)], [(field, "lt", end)]]


def outside(field: str, window: Window) -> list[Filter]:
    """`field` lies before or behind the window."""
    start, end = map(stamp, bounds(window))
    return [(field, "lt", start), (field, "gteq", end)]


def stamp(moment: datetime) -> str:
    """A moment as Magento writes it: UTC without saying so."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def encode(text: str) -> str:
    """Percent-encoding of RFC 3986: letters, digits and `-._~` stay."""
    return quote(text, safe="~")
