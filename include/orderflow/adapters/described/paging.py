"""From page to page as a channel file describes it: what to ask next, out of the last answer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orderflow.adapters.described.answers import Answer, at, follows, told
from orderflow.adapters.described.asking import Cursor, Linked, Numbered
from orderflow.adapters.http import Question, named
from orderflow.domain.errors import DriftError, TransientError


def first(page: Numbered) -> int:
    """Number of the first page."""
    return page.first if page.kind == "page" else 0


def sized(page: Cursor | Linked, values: Mapping[str, Any], asked: Question) -> dict[str, Any]:
    """The parameters of one page of a list that names the next page itself."""
    size = {page.size.name: page.size.value} if page.size else {}
    cursor = {page.name: asked["cursor"]} if isinstance(page, Cursor) and "cursor" in asked else {}
    return {**values, **size, **cursor}


def numbered(page: Numbered, values: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The parameters of the page with this number, where every page before it is whole."""
    return placed(page, values, number if page.kind == "page" else number * page.size.value)


def placed(page: Numbered, values: Mapping[str, Any], place: int) -> dict[str, Any]:
    """The parameters of the page at a place: its number, or how many orders stand before it."""
    if page.name == page.size.name:
        return {**values, page.name: f"{place},{page.size.value}"}
    return {**values, page.size.name: page.size.value, page.name: place}


def behind(page: Numbered, place: int, came: int) -> int:
    """The place of the next page; a platform may give fewer orders at once than it was asked for.

    No further than it was asked for: rows that hold several orders are fewer than what came.
    """
    return place + (1 if page.kind == "page" else min(came, page.size.value))


def demand_orders_counted(page: Numbered, answer: Answer, number: int, orders: str) -> None:
    """Raise `TransientError` where a page holds more orders than its own count leaves for it.

    An order came just now, or something else than orders is counted.
    """
    total = told(answer.response, answer.body, page.total or "") or ""
    if "[]" in orders or not total.isdecimal():  # of rows that hold several orders, rows are counted
        return
    left = max(0, int(total) - (number - first(page)) * page.size.value)
    if len(answer.records) > left:
        raise TransientError(
            f"{named(answer.response.request)}: {len(answer.records)} orders came, but {total} at {page.total} leaves "
            f"{left} for this page; the run tries again by itself; if it stays so, it does not count orders (pages, "
            "perhaps), and some would be left out: name as page.total in the channel file what does, or leave it out"
        )


def demand_seen(before: Answer, id_of: Callable[[bytes], str | None], seen: Iterable[bytes]) -> None:
    """Raise `TransientError` where page 0 holds only orders that no later page held: pages count from there."""
    if before.records and not set(map(id_of, before.records)) & set(map(id_of, seen)):
        raise TransientError(
            f"{named(before.response.request)}: page 0 holds {len(before.records)} orders that stand on no other page; "
            "the run tries again by itself; if it stays so, write page.first: 0 into the channel file"
        )


def by_cursor(page: Cursor, orders: str) -> Callable[[Question, Answer], Question | None]:
    """Follow the cursor that each answer holds, beside the list at `orders`."""

    def following(_: Question, answer: Answer) -> Question | None:
        more = told(answer.response, answer.body, page.more) if page.more else "true"
        if more in ("false", "0") or (page.more and at(answer.body, page.more) is False):
            return None
        if more and (cursor := told(answer.response, answer.body, page.at)):
            return {"cursor": cursor}
        _demand_end(page, answer, orders)
        return None

    return following


def by_link(page: Linked, orders: str) -> Callable[[Question, Answer], Question | None]:
    """Follow the address that each answer holds; what is relative counts from the answer's own (RFC 3986)."""

    def following(_: Question, answer: Answer) -> Question | None:
        if page.at == "header:link":
            url = answer.response.links.get("next", {}).get("url")
        else:
            url = told(answer.response, answer.body, page.at)
        if url:
            return {"url": str(answer.response.request.url.join(url))}
        _demand_end(page, answer, orders)
        return None

    return following


def _demand_end(page: Cursor | Linked, answer: Answer, orders: str) -> None:
    """Raise `DriftError` where an answer that leads to no next page says by another word that one follows."""
    if answer.records and (sign := follows(answer, orders)):
        places = " or ".join(filter(None, [page.at, page.more if isinstance(page, Cursor) else None]))
        raise DriftError(
            f"{named(answer.response.request)}: nothing at {places} leads to a next page, and {sign} says that one "
            "follows; the list would end here; correct orders.page in the channel file"
        )
