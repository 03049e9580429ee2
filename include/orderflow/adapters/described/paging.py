"""From page to page as a channel file describes it: what to ask next, out of the last answer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orderflow.adapters.described.answers import Answer, told
from orderflow.adapters.described.asking import Cursor, Linked, Numbered
from orderflow.adapters.http import Question


def first(page: Numbered) -> int:
    """Number of the first page."""
    return page.first if page.kind == "page" else 0


def sized(page: Cursor | Linked, values: Mapping[str, Any], asked: Question) -> dict[str, Any]:
    """The parameters of one page of a list that names the next page itself."""
    size = {page.size.name: page.size.value} if page.size else {}
    cursor = {page.name: asked["cursor"]} if isinstance(page, Cursor) and "cursor" in asked else {}
    return {**values, **size, **cursor}


def numbered(page: Numbered, values: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The parameters of the page with this number."""
    place = number if page.kind == "page" else number * page.size.value
    return {**values, page.size.name: page.size.value, page.name: place}


def by_cursor(page: Cursor) -> Callable[[Question, Answer], Question | None]:
    """Follow the cursor that each answer holds."""

    def following(_: Question, answer: Answer) -> Question | None:
        if page.more and told(answer.response, answer.body, page.more) in {None, "false", "0"}:
            return None
        cursor = told(answer.response, answer.body, page.at)
        return {"cursor": cursor} if cursor else None

    return following


def by_link(page: Linked) -> Callable[[Question, Answer], Question | None]:
    """Follow the address that each answer holds; what is relative counts from the answer's own (RFC 3986)."""

    def following(_: Question, answer: Answer) -> Question | None:
        if page.at == "header:link":
            url = answer.response.links.get("next", {}).get("url")
        else:
            url = told(answer.response, answer.body, page.at)
        return {"url": str(answer.response.request.url.join(url))} if url else None

    return following
