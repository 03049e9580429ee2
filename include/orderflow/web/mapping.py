"""SKUs that orders wait for: what they could mean, and the decision that says it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response

from orderflow.domain.errors import ConfigError
from orderflow.domain.sku import Pair
from orderflow.quality.suggest import Suggester, Suggestion
from orderflow.staging import articles, sku_file, skus
from orderflow.staging.articles import Unmapped
from orderflow.staging.skus import Change
from orderflow.web.page import Page, Reading

router = APIRouter()

SHOWN = 30
"""SKUs of a page, those that most orders wait for first."""
KEPT = timedelta(minutes=10)
"""How long the known articles are kept: reading them takes a pass over all staged lines."""


@dataclass(frozen=True, slots=True)
class Known:
    """The articles that suggestions are made from, as they stood at `read_at`."""

    read_at: datetime
    suggester: Suggester


_reading = threading.Lock()


@router.get("/mapping")
def mapping(page: Reading, channel: str = "", sku: str = "", suggest: bool = False) -> HTMLResponse:
    """With `suggest` the same page with suggestions, which takes seconds where the articles were not read lately."""
    if channel:
        page.channel(channel)
    with page.reading() as connection:
        found = [
            each
            for each in articles.unmapped(connection, channel or None)
            if each.channel in page.user.channels and sku.casefold() in each.sku.casefold()
        ]
    known = _known(page) if suggest else None
    return page.html(
        "mapping.html",
        here="mapping",
        part="mapping",
        channel=channel,
        sku=sku,
        found=found[:SHOWN],
        count=len(found),
        orders=sum(each.orders for each in found),
        suggestions=None if known is None else _suggestions(page, known, found[:SHOWN]),
        names=[each.name for each in page.channels()],
    )


@router.post("/mapping/{channel}/confirm")
def confirm(
    page: Reading, channel: str, sku: Annotated[str, Form()], oms_sku: Annotated[str, Form()]
) -> Response:  # fmt: skip
    """Add the suggested pair, with what spoke for it in its history."""
    with page.writing(channel) as connection:
        waiting = [each for each in articles.unmapped(connection, channel) if each.sku == sku]
        suggestions = _suggestions(page, _known(page), waiting).get((channel, sku), [])
        chosen = next((each for each in suggestions if each.oms_sku == oms_sku), None)
        if chosen is None:
            raise ConfigError(
                f"{oms_sku} is not suggested for {sku} on {channel} any more; open the page again, or set the pair by "
                "hand if you know that it is right"
            )
        why = f"confirmed a suggestion, {chosen.confidence}% sure: {chosen.why}"
        change = skus.put(
            connection, [Pair(channel=channel, sku=sku, oms_sku=oms_sku)], who=page.user.name, why=why
        )  # fmt: skip
    return page.go("mapping", channel=channel, said=told(page, change))


@router.post("/mapping/{channel}/refuse")
def refuse(
    page: Reading, channel: str, sku: Annotated[str, Form()], oms_sku: Annotated[str, Form()],
    why: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    with page.writing(channel) as connection:
        articles.refuse(
            connection, channel, sku, oms_sku, who=page.user.name, why=why.strip() or "not the same article"
        )  # fmt: skip
    said = page.t("{article} is not suggested for {sku} any more.", article=oms_sku, sku=sku)
    return page.go("mapping", channel=channel, said=said)


@router.post("/mapping/{channel}/set")
def set_pair(
    page: Reading,
    channel: str,
    sku: Annotated[str, Form()],
    oms_sku: Annotated[str, Form()] = "",
    start: Annotated[str, Form()] = "",
    end: Annotated[str, Form()] = "",
    why: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "mapping",
) -> Response:
    """Add one pair; one that starts later ends the one before it."""
    zone = ZoneInfo(page.channel(channel).schedule.timezone)
    with page.writing(channel) as connection:
        pair = sku_file.given(channel, zone, sku, oms_sku, start, end)
        change = skus.put(connection, [pair], who=page.user.name, why=why.strip() or "set by hand")
    return page.go("mapping/pairs" if back == "pairs" else "mapping", channel=channel, said=told(page, change))


def told(page: Page, change: Change) -> str:
    """What a change of the map did, in words."""
    counts = {
        "Pairs added: {n}": change.added,
        "changed: {n}": change.changed,
        "ended: {n}": change.closed,
        "removed: {n}": change.removed,
        "there already: {n}": change.same,
    }
    parts = ", ".join(page.t(text, n=f"{number:,}") for text, number in counts.items() if number)
    waiting = ""
    if change.waiting:
        waiting = page.t("Waiting orders that the next run of their channel judges again: {n}", n=f"{change.waiting:,}")
    return f"{parts or page.t('Nothing was to do')}. {waiting}".strip()


def _fresh(page: Page) -> Known | None:
    known: Known | None = getattr(page.request.app.state, "known_articles", None)
    return known if known is not None and page.now - known.read_at < KEPT else None


def _known(page: Page) -> Known:
    """Read once for all who ask at the same time."""
    with _reading:
        known = _fresh(page)
        if known is None:
            with page.reading() as connection:
                known = Known(page.now, Suggester(articles.articles(connection)))
            page.request.app.state.known_articles = known
        return known


def _suggestions(page: Page, known: Known, found: list[Unmapped]) -> dict[tuple[str, str], list[Suggestion]]:
    with page.reading() as connection:
        refused = articles.refused(connection)
    return {
        (each.channel, each.sku): known.suggester.suggest(
            each.sku, each.title, each.gtin, refused=refused.get((each.channel, each.sku), ())
        )
        for each in found
    }
