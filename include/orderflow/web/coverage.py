"""The heat map of what is proven: channel by hour; why an hour is not, and the way to pull it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response
from markupsafe import Markup, escape
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.channel import Channel, demand_possible
from orderflow.domain.errors import ConfigError
from orderflow.domain.gap import Gap
from orderflow.domain.window import Window
from orderflow.quality import punctual
from orderflow.staging import backfill, ledger, stretches
from orderflow.staging.session import transaction
from orderflow.web.page import SIZE, Page, Reading, Writing
from orderflow.web.written import Number

log = logging.getLogger(__name__)
router = APIRouter()

HOUR = timedelta(hours=1)
DAYS = (1, 3, 7, 14, 31)
"""Spans that the page offers."""
WIDTH, HEIGHT = 1000, 18
"""Of one channel's strip, in the units of its drawing."""

KINDS = {
    "proven": "reconciled with channel and OMS",
    "synced": "delivered to the OMS",
    "loaded": "staged",
    "missing": "never ran",
    "failed": "failed",
    "held": "held for a person",
    "running": "in progress",
    "unreachable": "out of reach",
    "due": "not due yet",
}
"""How an hour may stand, in words; the worst part of an hour names it."""
_OF_STATE = {"reconciled": "proven", "synced": "synced", "loaded": "loaded"}
_OF_CAUSE = {
    "never run": "missing", "failed": "failed", "held": "held", "in progress": "running", "unreachable": "unreachable",
}  # fmt: skip
_RANK = {
    name: rank
    for rank, name in enumerate(
        ("due", "proven", "synced", "loaded", "unreachable", "running", "held", "missing", "failed")
    )
}
HOLES = frozenset({"missing", "failed", "held", "running"})


@dataclass(frozen=True, slots=True)
class Strip:
    """One channel's span: what of it is not proven, the share of due time that is, and its holes, newest first."""

    channel: Channel
    span: Window
    gaps: list[Gap]
    share: float | None
    holes: list[Gap]

    @property
    def place(self) -> tuple[bool, float]:
        """Before or behind others: first what has a hole that no run is filling, then what lacks most."""
        return all(gap.cause == "in progress" for gap in self.holes), 1.0 if self.share is None else self.share


def _asked(channel: Channel, start: datetime, now: datetime) -> Window | None:
    """The part of a span that a channel answers for: from its start to what is due."""
    first, past = max(start, channel.start), punctual.due(channel, now)
    return Window(first, past) if first < past else None


def strips(page: Page, connection: Connection, channels: Sequence[Channel], days: int) -> list[Strip]:
    """One of each of these channels, over the last `days` whole days and today (UTC)."""
    start = page.now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    span = Window(start, page.now.replace(minute=0, second=0, microsecond=0) + HOUR)
    with transaction(connection) as cursor:
        found = stretches.gaps(cursor, _seen(page, channels, start))
    return [_strip(each, span, found.get(each.name, []), page.now) for each in channels]


def strip(page: Page, connection: Connection, channel: Channel, days: Number = 7) -> Strip:
    return strips(page, connection, [channel], days)[0]


def painted(page: Page, connection: Connection, some: Sequence[Strip]) -> dict[str, list[str]]:
    """The kind of every hour of these strips, by channel."""
    if not some:
        return {}
    with transaction(connection) as cursor:
        found = stretches.proven(cursor, _seen(page, [each.channel for each in some], some[0].span.start))
    return {each.channel.name: paint(each.span, found.get(each.channel.name, []), each.gaps) for each in some}


def _seen(page: Page, channels: Sequence[Channel], start: datetime) -> dict[str, Window]:
    """The part of the time from `start` until now that each of the channels has lived."""
    return {each.name: Window(max(start, each.start), page.now) for each in channels if each.start < page.now}


def _strip(channel: Channel, span: Window, found: Sequence[Gap], now: datetime) -> Strip:
    due = _asked(channel, span.start, now)
    gaps = [cut for gap in found if due and (cut := _due(gap, due))]
    holes = [gap for gap in gaps if _OF_CAUSE[gap.cause] in HOLES]
    return Strip(channel, span, gaps, _share(due, gaps), _joined(holes)[::-1])


def _share(due: Window | None, gaps: Sequence[Gap]) -> float | None:
    """How much of what is due, and can be reached, is proven; None where that is nothing."""
    if due is None:
        return None
    left = {True: timedelta(0), False: timedelta(0)}
    for gap in gaps:
        left[gap.cause == "unreachable"] += max(timedelta(0), min(gap.window.end, due.end) - gap.window.start)
    reachable = due.length - left[True]
    return 1 - left[False] / reachable if reachable else None


def _joined(holes: Sequence[Gap]) -> list[Gap]:
    """Neighbours of one cause that say the same, as one."""
    joined: list[Gap] = []
    for gap in holes:
        last = joined[-1] if joined else None
        if last and last.window.end == gap.window.start and (last.cause, last.error) == (gap.cause, gap.error):
            joined[-1] = replace(gap, window=Window(last.window.start, gap.window.end))
        else:
            joined.append(gap)
    return joined


def _due(gap: Gap, due: Window) -> Gap | None:
    """The part of a gap that is due already; what runs before it is due is shown as it is."""
    past = gap.window.end if gap.cause != "never run" else min(gap.window.end, due.end)
    return replace(gap, window=Window(gap.window.start, past)) if gap.window.start < past else None


def paint(span: Window, proven: Sequence[tuple[Window, str]], gaps: Sequence[Gap]) -> list[str]:
    """The kind of every hour of the span: that of its worst part."""
    hours = ["due"] * round(span.length / HOUR)
    parts = [(window, _OF_STATE[state]) for window, state in proven]
    parts += [(gap.window, _OF_CAUSE[gap.cause]) for gap in gaps]
    for window, kind in parts:
        first = max(0, int((window.start - span.start) / HOUR))
        last = min(len(hours), -int(-(window.end - span.start) // HOUR))
        for place in range(first, last):
            if _RANK[kind] > _RANK[hours[place]]:
                hours[place] = kind
    return hours


def draw(page: Page, painted: Mapping[str, Sequence[str]], strip: Strip) -> Markup:
    """A strip of one channel: neighbours of one kind are one box; a hole is a link to what is known of it."""
    channel, span, hours = strip.channel, strip.span, painted[strip.channel.name]
    wide = WIDTH / len(hours)
    parts, at = [], 0
    for kind, group in groupby(hours):
        count = len(list(group))
        start, end = span.start + at * HOUR, span.start + (at + count) * HOUR
        said = f"{start:%m-%d %H:%M} – {end:%m-%d %H:%M} UTC: {page.t(KINDS[kind])}"
        box = (
            f'<rect class="{kind}" x="{at * wide:.2f}" width="{count * wide:.2f}" height="{HEIGHT}">'
            f"<title>{escape(said)}</title></rect>"
        )
        if kind in HOLES:
            link = page.url(f"coverage/{channel.name}", span=str(Window(start, end)))
            box = f'<a href="{escape(link)}" aria-label="{escape(said)}">{box}</a>'
        parts.append(box)
        at += count
    days = (f"{place * wide:.2f}" for place in range(24, len(hours), 24))
    parts += [f'<line class="day" x1="{x}" x2="{x}" y2="{HEIGHT}"/>' for x in days]
    label = page.t("Coverage of {name}", name=channel.name)
    return Markup(  # noqa: S704 - every text in it is escaped
        f'<svg class="strip" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="group" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


@router.get("/coverage")
def coverage(page: Reading, days: Number = 7, channel: str = "", q: str = "", first: Number = 0) -> HTMLResponse:
    """The strips of all channels or of those that `q` finds, a page from the `first` on, those with holes first.

    `days` is one of `DAYS`.
    """
    chosen = page.chosen(channel, q)
    span = days if days in DAYS else 7
    with page.reading() as connection:
        found = sorted(strips(page, connection, chosen, span), key=lambda each: each.place)
        first = first if first < len(found) else 0  # of an address that was kept while channels went
        shown = found[first : first + SIZE]
        hours = painted(page, connection, shown)
    start = page.now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=span - 1)
    length = span * 24 - 23 + page.now.hour
    return page.html(
        "coverage.html",
        here="coverage",
        strips=shown,
        broken=sum(bool(each.holes) for each in found),
        drawn=partial(draw, page, hours),
        q=channel or q,
        first=first,
        next=first + SIZE if len(found) > first + SIZE else None,
        among=len(found),
        days=span,
        offered=DAYS,
        channel=chosen[0].name if len(chosen) == 1 else "",
        kinds=KINDS,
        labels=[
            (start + timedelta(days=day), 100 * day * 24 / length)
            for day in range(0, span, -(-span // 8))
            if day * 24 / length < 0.95
        ],
    )


@router.get("/coverage/{channel}")
def hole(page: Reading, channel: str, span: str = "", again: bool = False) -> Response:
    """Why a span of a channel is not proven, and what pulling it would cost; without a span, the channel's strip."""
    about = page.channel(channel)
    if not span:
        return page.go("coverage", channel=about.name)
    within = _span(span)
    fault, plan = None, None
    with page.reading() as connection:
        gaps = ledger.named_gaps(connection, about.name, within)
        try:
            demand_possible(about, within, page.now)
            plan = backfill.plan(connection, about, within, page.now, again=again)
        except ConfigError as error:
            fault = str(error)
    return page.html(
        "hole.html",
        here="coverage",
        channel=about,
        span=within,
        again=again,
        gaps=gaps,
        plan=plan,
        fault=fault,
        kinds=KINDS,
        kind_of=_OF_CAUSE,
    )


@router.post("/coverage/{channel}/backfill")
def start(
    page: Writing, channel: str, span: Annotated[str, Form()], again: Annotated[bool, Form()] = False
) -> Response:
    """Start the backfill in Airflow, on behalf of the user: a run of the DAG `heal` with this span."""
    about, within = page.channel(channel), _span(span)
    demand_possible(about, within, page.now)
    run_id = backfill.run_id(about.name, within, page.now)
    page.site.trigger("heal", run_id, backfill.conf(about.name, within, again=again), page.user.name)
    log.info("backfill started channel=%s span=%s again=%s by=%s", about.name, within, again, page.user.name)
    said = page.t("The backfill of {span} has started: DAG heal, run {run}.", span=within, run=run_id)
    return page.go("coverage", channel=about.name, said=said)


def _span(text: str) -> Window:
    """What a link or a form says: `A/B`; a moment without an offset, as a form's field has it, is UTC."""
    start, _, end = text.partition("/")
    try:
        ends = [datetime.fromisoformat(each.strip()) for each in (start, end)]
    except ValueError as error:
        raise ConfigError(f"{text!r} is no span; write it like 2026-03-01T00:00Z/2026-03-01T01:00Z") from error
    first, past = (each if each.tzinfo else each.replace(tzinfo=UTC) for each in ends)
    return Window(first, past)
