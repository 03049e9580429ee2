"""Reads a list that is paged by number and from which rows may leave while one reads, without missing one.

A window's list is sorted by time, oldest first, and lies in the past: an order that changes leaves it (and stands in a
later window), so everything behind it moves one place forward, across page edges. Reading from the last page to the
first, what moves comes to pages that are still to be read, and is seen twice instead of never. Pages asked for side by
side may be answered out of turn: a page whose list was longer than that of the page behind it was answered before rows
left and is asked for again; where pages are asked for one after the other, the list grew. A list that grew is read
again from its end. One that grows and shrinks between two answers shows nothing; the counts that extract takes do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from orderflow.adapters.http import side_by_side
from orderflow.domain.errors import TransientError

log = logging.getLogger(__name__)

SMALLER = {100: 50, 50: 25, 25: 5, 5: 1}
"""Page sizes for a site that cannot answer a larger page in time; each divides the one before."""
BUSY, UNAVAILABLE = 429, 503
"""The site, or the proxy before it, takes no more requests for now: smaller pages would only be more of them. 503 says
so (nginx), or that a page took too long (Varnish, LiteSpeed)."""
READINGS = 3
"""How often a growing list is begun anew."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One page as it was answered, with the length of the whole list at that moment, in rows and in pages."""

    rows: Sequence[bytes]
    total: int
    pages: int
    origin: str


@dataclass(frozen=True, slots=True)
class Place:
    """How far a list is read: page `page` of `size` rows was the last one, out of `total` rows."""

    page: int
    size: int
    total: int


class _GrownError(Exception):
    """The list is longer than it was."""


Ask = Callable[[int, int], Listed]
"""`ask(page, size)`"""


def read(ask: Ask, *, size: int, at_once: int, after: Place | None = None) -> Iterator[tuple[Listed, Place]]:
    """All pages from the last to the first (behind `after`), each with its place.

    Raises `TransientError` when the list never comes to rest, or the site cannot even answer a page of one row.
    """
    for _ in range(READINGS):
        try:
            yield from _reading(ask, size, at_once, after)
        except _GrownError:
            log.warning("list grew while it was read; reading it again from its end")
            after = None
        else:
            return
    raise TransientError(f"the list of orders grew {READINGS} times while it was read; the run tries again by itself")


def _reading(ask: Ask, size: int, at_once: int, after: Place | None) -> Iterator[tuple[Listed, Place]]:
    first: Listed | None = None
    if after:
        left, size, total = after.page - 1, after.size, after.total
    else:
        first, size = _first(ask, size)
        left, total = max(first.pages, 1), first.total
    while left:
        try:
            for page, listed in _downwards(ask, left, size, at_once, first):
                in_turn = at_once == 1 and listed is not first
                if listed.total > total and not in_turn:
                    listed = ask(page, size)  # noqa: PLW2901 -- the answer was older than its predecessor's
                if listed.total > total:
                    raise _GrownError
                yield listed, Place(page, size, listed.total)
                left, total = page - 1, listed.total
        except TransientError as error:
            smaller = _smaller(size, error)
            left, size, first = left * size // smaller, smaller, None


def _first(ask: Ask, size: int) -> tuple[Listed, int]:
    """The first page, which tells how many there are, and the page size that the site can answer."""
    while True:
        try:
            return ask(1, size), size
        except TransientError as error:
            size = _smaller(size, error)


def _downwards(ask: Ask, last: int, size: int, at_once: int, first: Listed | None) -> Iterator[tuple[int, Listed]]:
    """Pages `last` to 1, some of them asked for side by side; page 1 is not asked for again when it is known."""
    yield from side_by_side(lambda page: ask(page, size), range(last, 1 if first else 0, -1), at_once=at_once)
    if first:
        yield 1, first


def _smaller(size: int, error: TransientError) -> int:
    """The next page size for a site that is too slow; raises the error again when it says when to come back, or that
    it is busy.
    """
    smaller = SMALLER.get(size)
    if smaller is None or error.retry_after is not None or error.status == BUSY:
        raise error
    log.warning("page too large for the site size=%d next=%d", size, smaller)
    return smaller
