"""Reads a list that is paged by offset, in an order that nobody promises, while orders leave and enter it.

An order that changes leaves its window, and one that is shown late enters it; everything behind moves, and what stood
at the edge of a page slips past unseen. So two pages have some rows in common: a page that begins with a row of the
page before it misses nothing in between. One that does not, and a list of which more was promised than came, is read
again from its beginning; what was shown by then is seen twice instead of never.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

from orderflow.domain.errors import TransientError
from orderflow.domain.source import JsonValue

log = logging.getLogger(__name__)

OVERLAP = 10
"""Rows that two pages have in common."""
READINGS = 4
"""How often a list may be begun."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One page as it was answered: ids and rows in its order, and the length of the whole list at that moment."""

    ids: Sequence[str]
    rows: Sequence[bytes]
    total: int
    origin: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where to go on: the offset, the ids that the page before it showed, and how much was seen in this reading."""

    offset: int = 0
    shown: Sequence[str] = ()
    seen: int = 0
    reading: int = 1

    def to_json(self) -> JsonValue:
        return asdict(self) | {"shown": list(self.shown)}


@dataclass(frozen=True, slots=True)
class Fresh:
    """The rows of a page that the page before it did not show, and where to go on (None: nowhere)."""

    rows: Sequence[bytes]
    origin: str
    following: Place | None = field(default=None)


def read(ask: Callable[[int], Listed], place: Place | None = None) -> Iterator[Fresh]:
    """Every page from `place` on; `ask(offset)` answers one.

    Raises `TransientError` for a list that never comes to rest.
    """
    place = place or Place()
    while place is not None:
        listed = ask(place.offset)
        if place.offset and (not listed.ids or listed.ids[0] not in set(place.shown)):
            place = _anew(place, listed, "moved by more rows than two pages have in common")
            continue
        fresh = _fresh(place, listed)
        yield fresh
        place = fresh.following


def _fresh(place: Place, listed: Listed) -> Fresh:
    shown = set(place.shown)
    rows = [row for name, row in zip(listed.ids, listed.rows, strict=True) if name not in shown]
    end, seen = place.offset + len(listed.ids), place.seen + len(rows)
    following: Place | None = None
    if end < listed.total and len(listed.ids) > OVERLAP:
        following = replace(place, offset=end - OVERLAP, shown=tuple(listed.ids), seen=seen)
    elif seen < listed.total:
        following = _anew(place, listed, f"has {listed.total} orders and showed {seen}")
    return Fresh(rows, listed.origin, following)


def _anew(place: Place, listed: Listed, why: str) -> Place:
    """The beginning of the list."""
    if place.reading == READINGS:
        raise TransientError(
            f"{listed.origin}: the list {why}, in each of {READINGS} readings; the run asks for the window again"
        )
    log.warning("list read again reading=%d reason=%s", place.reading + 1, why)
    return Place(reading=place.reading + 1)
