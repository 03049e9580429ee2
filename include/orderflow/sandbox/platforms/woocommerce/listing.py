"""`GET /orders` with its parameters: what they must look like, what they choose, and in which order.

Facts: WooCommerce's REST controllers and WordPress's `WP_Date_Query`. Both ends of a time filter are exclusive.
Without `dates_are_gmt` a time is compared with the site's wall clock. With it, a time that carries an offset is first
turned into the site's wall clock and then compared with the GMT column, so that the window is off by the site's
offset; and a bare time inside the hour that the site's clocks skip in spring is moved one hour on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from orderflow.sandbox.generator import Version
from orderflow.sandbox.platforms.woocommerce.documents import STATUSES, order_id
from orderflow.sandbox.world import Shelf, World

_DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?P<offset>[Zz]|[+-]\d{2}(?::?\d{2})?)?", re.ASCII
)
_TIMES = ("after", "before", "modified_after", "modified_before")
_LISTED = tuple(status for status in STATUSES.values() if status != "trash")


class Wrong(Exception):  # noqa: N818 -- an answer to the client, not a failure of ours
    """Parameters are not valid; `params` says what each must be."""

    def __init__(self, params: dict[str, str]) -> None:
        super().__init__(str(params))
        self.params = params


class Filter(NamedTuple):
    """A checked query."""

    tests: list[Callable[[Version], bool]]
    modified: tuple[int | None, int | None]
    """Half-open span of epoch seconds that holds for all, as far as the times were said in GMT."""
    orderby: str
    descending: bool
    size: int
    page: int
    offset: int | None
    places: int | None
    fields: frozenset[str] | None
    statuses: frozenset[str]
    include: tuple[int, ...]


class Bound(NamedTuple):
    """One end of a time filter: in GMT, or on the site's wall clock."""

    gmt: bool
    at: datetime

    def read(self, moment: int, zone: ZoneInfo) -> datetime:
        return datetime.fromtimestamp(moment, UTC if self.gmt else zone).replace(tzinfo=None)


def bound(text: str, zone: ZoneInfo, *, gmt: bool, tables: bool) -> Bound:
    """What a time parameter is compared with; raises `ValueError`.

    `tables`: the site keeps orders in tables of their own ("HPOS") and not as posts.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    moment = datetime.fromisoformat(text.upper())
    if moment.tzinfo is None:
        if gmt and not _exists(moment, zone):
            moment = moment.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
        return Bound(gmt, moment.replace(tzinfo=None, microsecond=0))
    if not gmt and tables:
        return Bound(gmt=True, at=moment.astimezone(UTC).replace(tzinfo=None, microsecond=0))
    return Bound(gmt, moment.astimezone(zone).replace(tzinfo=None, microsecond=0))


def _exists(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether the site's wall clock ever shows this time."""
    return moment.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == moment


def read(params: Mapping[str, list[str]], world: World) -> Filter:
    """Check the parameters; unknown ones are ignored, as WooCommerce does. Raises `Wrong`."""
    zone, options = world.shop.zone, world.shop.options
    wrong: dict[str, str] = {}

    def one(name: str) -> str | None:
        values = params.get(name)
        return values[-1] if values else None

    def number(name: str, default: int, low: int, high: int | None = None) -> int:
        text = one(name)
        if text is None:
            return default
        if not re.fullmatch(r"-?\d+", text, re.ASCII):
            wrong[name] = f"{name} is not of type integer."
        elif int(text) < low or (high is not None and int(text) > high):
            between = f"between {low} (inclusive) and {high} (inclusive)"
            wrong[name] = f"{name} must be {between if high else f'greater than or equal to {low}'}"
        else:
            return int(text)
        return default

    def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
        text = one(name) or default
        if text not in allowed:
            wrong[name] = f"{name} is not one of {', '.join(allowed[:-1])}, and {allowed[-1]}."
        return text

    sorts = ("date", "id", "include", "title", "slug") + (() if options.get("old_site") else ("modified",))
    orderby, order = choice("orderby", "date", sorts), choice("order", "desc", ("asc", "desc"))
    statuses = _many(params, "status") or ["any"]
    known = {"any", "trash", *_LISTED}
    for status in statuses:
        if status not in known:
            wrong["status"] = f"status[0] is not one of {', '.join(sorted(known))}."
    gmt = (one("dates_are_gmt") or "false").lower() in {"1", "true"}
    bounds: dict[str, Bound] = {}
    for name in _TIMES:
        if (text := one(name)) is not None:
            try:
                bounds[name] = bound(text, zone, gmt=gmt, tables=bool(options.get("hpos", True)))
            except ValueError:
                wrong[name] = "Invalid date."
    include, exclude = _ids(params, "include", wrong), _ids(params, "exclude", wrong)
    size, page = number("per_page", 10, 1, 100), number("page", 1, 1)
    offset, places = number("offset", -1, 0), number("dp", -1, 0)
    customer = number("customer", -1, 0)
    if wrong:
        raise Wrong(wrong)
    tests = [
        _within(name, each, zone) for name, each in bounds.items() if not (each.gmt and name.startswith("modified"))
    ]
    if include:
        tests.append(lambda version: order_id(version.order.index) in include)
    if exclude:
        tests.append(lambda version: order_id(version.order.index) not in exclude)
    if customer >= 0:
        tests.append(lambda version: version.order.customer_id == customer)
    if parent := _ids(params, "parent", {}):
        tests.append(lambda _: 0 in parent)
    if words := (one("search") or "").lower():
        tests.append(lambda version: words in f"{order_id(version.order.index)} {version.order.email}".lower())
    fields = _many(params, "_fields")
    return Filter(
        tests=tests,
        modified=(_second(bounds.get("modified_after"), 1), _second(bounds.get("modified_before"), 0)),
        orderby=orderby,
        descending=order == "desc",
        size=size,
        page=page,
        offset=None if offset < 0 else offset,
        places=None if places < 0 else places,
        fields=frozenset(field.split(".")[0] for field in fields) if fields else None,
        statuses=frozenset(statuses),
        include=tuple(include),
    )


def choose(asked: Filter, shelf: Shelf, world: World) -> list[Version]:
    """All orders that the query is about, in its order."""
    versions = shelf.modified(*asked.modified)
    if "any" not in asked.statuses:
        versions = [v for v in versions if STATUSES.get(status := world.snapshot(v).status, status) in asked.statuses]
    if "trash" in asked.statuses:
        versions += [v for v in shelf.current.values() if v.order.trashed and _in(asked.modified, v.modified_at)]
    for test in asked.tests:
        versions = [version for version in versions if test(version)]
    keys: dict[str, Callable[[Version], Any]] = {
        "modified": lambda version: (version.modified_at, version.order.index),
        "date": lambda version: (version.order.placed_at, version.order.index),
    }
    if asked.orderby == "include" and asked.include:
        return sorted(versions, key=lambda version: asked.include.index(order_id(version.order.index)))
    if asked.orderby == "modified" and not asked.descending and "trash" not in asked.statuses:
        return versions
    return sorted(versions, key=keys.get(asked.orderby, lambda version: version.order.index), reverse=asked.descending)


def _within(name: str, end: Bound, zone: ZoneInfo) -> Callable[[Version], bool]:
    def moment(version: Version) -> datetime:
        seconds = version.modified_at if name.startswith("modified") else version.order.placed_at
        return end.read(seconds, zone)

    if name.endswith("after"):
        return lambda version: moment(version) > end.at
    return lambda version: moment(version) < end.at


def _second(end: Bound | None, more: int) -> int | None:
    return None if end is None or not end.gmt else int(end.at.replace(tzinfo=UTC).timestamp()) + more


def _in(span: tuple[int | None, int | None], moment: int) -> bool:
    low, high = span
    return (low is None or moment >= low) and (high is None or moment < high)


def _many(params: Mapping[str, list[str]], name: str) -> list[str]:
    """A list parameter: `status=a,b`, `status[]=a&status[]=b` or `status[0]=a`."""
    values = [*params.get(name, [])]
    values += [value for key, each in params.items() if re.fullmatch(rf"{name}\[\d*\]", key) for value in each]
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _ids(params: Mapping[str, list[str]], name: str, wrong: dict[str, str]) -> list[int]:
    values = _many(params, name)
    if any(not value.isdigit() for value in values):
        wrong[name] = f"{name}[0] is not of type integer."
        return []
    return [int(value) for value in values]
