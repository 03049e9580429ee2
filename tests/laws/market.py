"""A channel that changes while it is read, and the ways in which sources turn its pages."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from orderflow.adapters.http.paging import by_cursor, by_page, last_page_first, walk
from orderflow.adapters.woocommerce import listing
from orderflow.domain.errors import TooManyError
from orderflow.domain.source import Page
from orderflow.domain.window import Window

SECOND = timedelta(seconds=1)
SIZE = 4
"""Orders on a page."""
CEILING = 12


@dataclass(frozen=True)
class Change:
    """One change of one order at `at`; the lists show it `delay` seconds later."""

    order: int
    at: datetime
    delay: int
    number: int

    @property
    def version(self) -> tuple[float, int]:
        return self.at.timestamp(), self.number


@dataclass
class Market:
    """A channel: what is true, and what its lists show at `now`. Its clock is `skew` seconds ahead of ours."""

    skew: int
    now: datetime
    changes: dict[int, list[Change]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def change(self, order: int, at: datetime, delay: int = 0) -> None:
        mine = self.changes.setdefault(order, [])
        mine.append(Change(order, at, delay, next(self.numbers)))
        mine.sort(key=lambda each: each.at)

    def shown(self, window: Window) -> list[tuple[datetime, Change]]:
        """The orders whose modified time lies in `window`, by this time; each in the newest state that is shown."""
        found = []
        for mine in self.changes.values():
            seen = [each for each in mine if each.at + timedelta(seconds=each.delay) <= self.now]
            if seen and (stamp := seen[-1].at + timedelta(seconds=self.skew)) in window:
                found.append((stamp, seen[-1]))
        return sorted(found, key=lambda each: (each[0], each[1].order))

    def truth(self) -> dict[int, tuple[float, int]]:
        return {order: mine[-1].version for order, mine in self.changes.items()}


class Reader:
    """A source over the market; somebody edits orders behind its back while it turns the pages."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.edits: list[list[int]] = []
        """By page turned, from now on: the orders that change just then."""

    def page(self, rows: Sequence[tuple[datetime, Change]], origin: str) -> Page:
        body = [msgspec.json.encode({"id": each.order, "version": each.version}) for _, each in rows]
        return Page(body, origin)

    def turn(self) -> None:
        self.market.now += SECOND
        for order in self.edits.pop(0) if self.edits else []:
            self.market.change(order, self.market.now)


class ByCursor(Reader):
    """Oldest first, behind a cursor; at most `CEILING` orders per query."""

    def fetch(self, window: Window, after: Any = None) -> Iterator[Page]:
        found = len(self.market.shown(window))
        if found > CEILING and window.length > SECOND:
            raise TooManyError("too many", found=found, ceiling=CEILING)

        def ask(question: Any) -> list[tuple[datetime, Change]]:
            self.turn()
            rows = self.market.shown(window)
            start = bisect_right([(stamp, each.order) for stamp, each in rows], question.get("after", ()))
            return rows[start : start + SIZE]

        def following(rows: list[tuple[datetime, Change]]) -> Any:
            return (rows[-1][0], rows[-1][1].order) if len(rows) == SIZE else None

        for question, rows in walk({}, ask, by_cursor("after", following)):
            yield self.page(rows, f"cursor {question}")


class Counted(Reader):
    """A list that tells how long it is."""

    newest_first = False

    def count(self, window: Window) -> int:
        return len(self.market.shown(window))

    def rows(self, window: Window) -> list[tuple[datetime, Change]]:
        return self.market.shown(window)[:: -1 if self.newest_first else 1]

    def ask(self, window: Window, page: int) -> tuple[int, list[tuple[datetime, Change]]]:
        self.turn()
        rows = self.rows(window)
        return max(1, -(-len(rows) // SIZE)), rows[(page - 1) * SIZE : page * SIZE]


class NewestFirst(Counted):
    """Pages of a list that begins with the newest, read forwards: what leaves it moves others to pages already read."""

    newest_first = True

    def fetch(self, window: Window, after: Any = None) -> Iterator[Page]:
        def ask(question: Any) -> Any:
            return self.ask(window, question.get("page", 1))

        for question, (_, rows) in walk({}, ask, by_page("page", lambda answer: answer[0])):
            yield self.page(rows, f"page {question}")


class FromTheEnd(Counted):
    """Numbered pages, from the last to the first."""

    def fetch(self, window: Window, after: Any = None) -> Iterator[Page]:
        def ask(question: Any) -> Any:
            return self.ask(window, question.get("page", 1))

        for question, (_, rows) in walk({}, ask, last_page_first("page", lambda answer: answer[0])):
            if "page" in question:
                yield self.page(rows, f"page {question}")


class FromTheEndNewestFirst(FromTheEnd):
    newest_first = True


class Watchful(Counted):
    """The last page first, watching how long the list is: as WooCommerce's is read."""

    def fetch(self, window: Window, after: Any = None) -> Iterator[Page]:
        def ask(page: int, size: int) -> listing.Listed:
            pages, rows = self.ask(window, page)
            return listing.Listed(self.page(rows, "").records, len(self.rows(window)), pages, f"page {page}")

        for listed, _ in listing.read(ask, size=SIZE, at_once=1):
            yield Page(listed.rows, listed.origin)


SOURCES: list[Callable[[Market], Reader]] = [ByCursor, NewestFirst, FromTheEnd, FromTheEndNewestFirst, Watchful]
