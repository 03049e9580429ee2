"""Shopify's search syntax for orders: `updated_at:>='2026-03-01T09:00:00Z' AND status:open`.

Terms are joined by AND (or a space) and OR, negated by `-` or NOT, and grouped by parentheses (shopify.dev,
api/usage/search-syntax). A filter that Shopify does not know is ignored, with a warning in `extensions.search`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from orderflow.sandbox.generator import Version
from orderflow.sandbox.platforms.shopify.values import order_number
from orderflow.sandbox.snapshot import Snapshot
from orderflow.sandbox.world import World

Test = Callable[[Version], bool]
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<paren>[()])
      | (?P<minus>-)(?=[\w(])
      | (?P<field>\w+):(?P<op>>=|<=|>|<|)(?P<value>'[^']*'|"[^"]*"|[^\s()]*)
      | (?P<word>'[^']*'|"[^"]*"|[^\s()]+)
    )""",
    re.VERBOSE,
)


class Search(NamedTuple):
    """A parsed query. `bounds` are half-open spans of epoch seconds that hold for the whole query, by filter name.

    `test` is what is left to be asked of each order.
    """

    test: Test
    bounds: dict[str, tuple[int | None, int | None]]
    warnings: list[dict[str, Any]]


class _Parser:
    def __init__(self, query: str, world: World) -> None:
        self.tokens = [match.groupdict() for match in _TOKEN.finditer(query)]
        self.place = 0
        self.world = world
        self.warnings: list[dict[str, Any]] = []
        self.bounds: dict[str, tuple[int | None, int | None]] = {}

    def word(self) -> str:
        token = self.tokens[self.place] if self.place < len(self.tokens) else {}
        return (token.get("word") or token.get("paren") or "").upper()

    def either(self, *, whole: bool) -> Test:
        options = [self.both(whole=whole and not self.has_or())]
        while self.word() == "OR":
            self.place += 1
            options.append(self.both(whole=False))
        return options[0] if len(options) == 1 else lambda version: any(test(version) for test in options)

    def has_or(self) -> bool:
        return any((token["word"] or "").upper() == "OR" for token in self.tokens)

    def both(self, *, whole: bool) -> Test:
        tests = []
        while self.place < len(self.tokens) and self.word() not in {")", "OR"}:
            if self.word() == "AND":
                self.place += 1
                continue
            tests.append(self.one(whole=whole))
        tests = [test for test in tests if test is not anything]
        return (
            anything
            if not tests
            else tests[0]
            if len(tests) == 1
            else lambda version: all(test(version) for test in tests)
        )

    def one(self, *, whole: bool) -> Test:
        token = self.tokens[self.place]
        self.place += 1
        if token["minus"] or (token["word"] or "").upper() == "NOT":
            inner = self.one(whole=False) if self.place < len(self.tokens) else anything
            return lambda version: not inner(version)
        if token["paren"] == "(":
            test = self.either(whole=whole)
            self.place += 1
            return test
        if token["field"]:
            return self.term(token["field"], token["op"], token["value"].strip("'\""), whole=whole)
        text = (token["word"] or "").strip("'\"").lower()
        return lambda version: text in f"{version.order.number} {version.order.email}".lower()

    def term(self, field: str, op: str, value: str, *, whole: bool) -> Test:
        read = _TIMES.get(field)
        if read is not None:
            span = _span(op, value, self.world.shop.zone)
            if span is None:
                return self.ignore(field, value, "Invalid time value for this query.")
            low, high = span
            if whole and self.bounds.keys() <= {field}:
                self.bounds[field] = _narrower(self.bounds.get(field, (None, None)), span)
                return anything
            return lambda version: (low is None or read(version) >= low) and (high is None or read(version) < high)
        if field == "id":
            if not value.isdigit():
                return self.ignore(field, value, "Invalid id value for this query.")
            return _compares(lambda version: order_number(version.order.index), op, int(value))
        make = _FILTERS.get(field)
        if make is None or op:
            return self.ignore(field, value, "Invalid search field for this query.")
        wanted = {part.strip().lower() for part in value.split(",")}
        return lambda version: make(self.world.snapshot(version), wanted)

    def ignore(self, field: str, value: str, message: str) -> Test:
        self.warnings.append(
            {
                "field": field,
                "message": message,
                "code": "invalid_field" if "field" in message else "invalid_value",
                "value": value,
            }
        )
        return anything


def parse(query: str | None, world: World) -> Search:
    """Read a query; an empty one holds for every order."""
    parser = _Parser(query or "", world)
    test = parser.either(whole=True) if parser.tokens else anything
    return Search(test, parser.bounds, parser.warnings)


def anything(_: Version) -> bool:
    return True


def _compares(read: Callable[[Version], int], op: str, value: int) -> Test:
    tests: dict[str, Test] = {
        "": lambda version: read(version) == value,
        ">": lambda version: read(version) > value,
        ">=": lambda version: read(version) >= value,
        "<": lambda version: read(version) < value,
        "<=": lambda version: read(version) <= value,
    }
    return tests[op]


def _span(op: str, value: str, zone: ZoneInfo) -> tuple[int | None, int | None] | None:
    """The half-open span of epoch seconds that a time term means; a bare date is a day of the shop's zone."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            day = date.fromisoformat(value)
            first = int(datetime.combine(day, time.min, zone).timestamp())
            behind = int(datetime.combine(date.fromordinal(day.toordinal() + 1), time.min, zone).timestamp())
        else:
            moment = datetime.fromisoformat(value)
            first = int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp())
            behind = first + 1
    except ValueError:
        return None
    return {"": (first, behind), ">": (behind, None), ">=": (first, None), "<": (None, first), "<=": (None, behind)}[op]


def _narrower(
    one: tuple[int | None, int | None], other: tuple[int | None, int | None]
) -> tuple[int | None, int | None]:
    lows = [low for low, _ in (one, other) if low is not None]
    highs = [high for _, high in (one, other) if high is not None]
    return max(lows, default=None), min(highs, default=None)


def _status(snap: Snapshot, wanted: set[str]) -> bool:
    cancelled, closed = snap.status in {"cancelled", "failed"}, snap.closed_at is not None
    state = "cancelled" if cancelled else "closed" if closed else "open"
    return bool(wanted & {state, "any"}) or ("not_closed" in wanted and not closed)


def _fulfilment(snap: Snapshot, wanted: set[str]) -> bool:
    names = {
        "unfulfilled": {"unfulfilled", "unshipped"},
        "partial": {"partial", "unfulfilled"},
        "fulfilled": {"fulfilled", "shipped"},
    }
    return bool(wanted & ({"any"} | names.get(snap.fulfilment, set())))


_TIMES: dict[str, Callable[[Version], int]] = {
    "updated_at": lambda version: version.modified_at,
    "created_at": lambda version: version.order.placed_at,
    "processed_at": lambda version: version.order.placed_at,
}
_FILTERS: dict[str, Callable[[Snapshot, set[str]], bool]] = {
    "status": _status,
    "financial_status": lambda snap, wanted: bool(wanted & {snap.payment, "any"}),
    "fulfillment_status": _fulfilment,
    "test": lambda snap, wanted: str(snap.test).lower() in wanted,
    "name": lambda snap, wanted: (
        (snap.number or "").lower() in wanted or (snap.number or "").lstrip("#").lower() in wanted
    ),
    "email": lambda snap, wanted: snap.email.lower() in wanted,
    "tag": lambda snap, wanted: any(tag.lower() in wanted for tag in snap.tags),
    "sku": lambda snap, wanted: any((line.sku or "").lower() in wanted for line in snap.lines),
    "gateway": lambda snap, wanted: snap.gateway[0] in wanted,
    "discount_code": lambda snap, wanted: (snap.code or "").lower() in wanted,
    "source_name": lambda snap, wanted: snap.source in wanted,
}
