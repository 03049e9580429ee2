"""Shopify's spelling of identifiers, amounts, cursors and pages."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from orderflow.sandbox.snapshot import Bag, Snapshot

ORDERS, LINES, PARTS = 6_100_000_000_000, 15_000_000_000_000, 7_100_000_000_000
_NUMBER = re.compile(r"(-?\d+)(?:\.(\d+))?", re.ASCII)


class Page(NamedTuple):
    """A connection: its nodes with their cursors, and whether there is more on either side."""

    nodes: Sequence[Any]
    cursors: Sequence[str]
    more: bool
    earlier: bool


class MoneyBag(NamedTuple):
    """An amount in both currencies of its order; `currency` overrides the buyer's, in broken orders."""

    amounts: Bag
    order: Snapshot
    currency: str | None = None


class InOrder(NamedTuple):
    """A part of an order, with the order it belongs to and its place there."""

    order: Snapshot
    part: Any
    place: int = 0


def order_number(index: int) -> int:
    return ORDERS + index * 1024


def gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"


def index_of(text: str) -> int | None:
    """The index of the order with this global or legacy id, if it can be one."""
    digits = text.removeprefix("gid://shopify/Order/")
    if not digits.isascii() or not digits.isdigit():
        return None
    index, rest = divmod(int(digits) - ORDERS, 1024)
    return index if index >= 0 and not rest else None


@lru_cache(maxsize=65536)
def decimal_text(text: str | None) -> str | None:
    """Shopify's spelling of an amount: no trailing zeros but at least one decimal (`24.5`, `100.0`)."""
    match = _NUMBER.fullmatch(text or "")
    return f"{match[1]}.{(match[2] or '').rstrip('0') or '0'}" if match else text


def cursor(last_id: int, last_value: object = None) -> str:
    """An opaque cursor: where the next page begins."""
    place = {"last_id": last_id} if last_value is None else {"last_id": last_id, "last_value": last_value}
    return b64encode(msgspec.json.encode(place)).decode()


def connection(items: Sequence[Any], args: Any, number: Callable[[Any], int]) -> Page:
    """A page of a list that is kept in order of its items' numbers."""
    ordered = list(reversed(items)) if args.get("reverse") else list(items)
    cursors = [cursor(number(item)) for item in ordered]
    start = cursors.index(args["after"]) + 1 if args.get("after") in cursors else 0
    end = cursors.index(args["before"]) if args.get("before") in cursors else len(ordered)
    if args.get("first") is not None:
        end, start_at = min(end, start + args["first"]), start
    elif args.get("last") is not None:
        start_at = max(start, end - args["last"])
    else:
        start_at = start
    return Page(ordered[start_at:end], cursors[start_at:end], more=end < len(ordered), earlier=start_at > 0)


def integer(text: str) -> Any:
    """A count as a JSON number, or as it stands where it is none."""
    return int(text) if text.lstrip("-").isdigit() else text


def count(text: str) -> int:
    """A count to calculate with; what is none counts nothing."""
    return int(text) if text.lstrip("-").isdigit() else 0


def line_number(order: Snapshot, line_id: int) -> int:
    return LINES + order.index * 4096 + line_id


def part_number(order: Snapshot, number: int) -> int:
    return PARTS + order.index * 16384 + number


def part_of(number: int) -> tuple[int, int]:
    """The order's index and the part's number, from a `part_number`."""
    return divmod(number - PARTS, 16384)


def some(bag: Bag) -> bool:
    """Whether the amount is anything but zero."""
    return any(side and side.strip("0.") for side in bag)


def cut(items: list[Any], args: Any) -> list[Any]:
    """A plain list that is asked for with `first`."""
    return items if args.get("first") is None else items[: args["first"]]
