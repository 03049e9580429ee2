"""Certificates of reconciliation: a month of all channels, one day of one, the chain behind it, and its files."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, HTTPException
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from orderflow.domain.errors import ConfigError
from orderflow.domain.reconciliation import Certificate
from orderflow.quality.pages import certificate as pages
from orderflow.staging import certificates
from orderflow.staging.certificates import Standing
from orderflow.web.access import demand_editor
from orderflow.web.page import Page, Reading

router = APIRouter()

RECONCILE = "reconcile"


@router.get("/reconciliation")
def reconciliation(page: Reading, month: str = "", channel: str = "") -> HTMLResponse:
    """A row per channel, a column per day of the month."""
    channels = [page.channel(channel)] if channel else page.channels()
    first = _month(month) if month else page.now.date().replace(day=1)
    days = [first + timedelta(days=n) for n in range(monthrange(first.year, first.month)[1])]
    with page.reading() as connection:
        found = certificates.standings(connection, [each.name for each in channels], days[0], days[-1])
    of = {(each.channel, each.day): each for each in found}
    return page.html(
        "reconciliation.html",
        here="reconciliation",
        month=first,
        before=first - timedelta(days=1),
        after=days[-1] + timedelta(days=1),
        days=days,
        channels=channels,
        channel=channel,
        of=of,
        tone=tone,
        starts={each.name: each.schedule.start for each in channels},
        today={each.name: page.now.astimezone(ZoneInfo(each.schedule.timezone)).date() for each in channels},
        wrong=sorted((each for each in found if each.unexplained), key=lambda each: each.day, reverse=True),
        provisional=sum(each.state == "provisional" and not each.unexplained for each in found),
        settled=sum(each.state == "settled" and not each.unexplained for each in found),
        names=[each.name for each in page.channels()],
    )


@router.get("/reconciliation/{channel}")
def chain(page: Reading, channel: str) -> HTMLResponse:
    """The channel's certificates one behind the other, checked from the first to the last."""
    found = page.channel(channel)
    with page.reading() as connection:
        newest, wrong = certificates.verify(connection, channel)
    return page.html(
        "chain.html", here="reconciliation", channel=found, newest=newest, wrong=wrong
    )  # fmt: skip


@router.get("/reconciliation/{channel}/{day}")
def certificate(page: Reading, channel: str, day: date, revision: int | None = None) -> HTMLResponse:
    page.channel(channel)
    with page.reading() as connection:
        newest = certificates.newest(connection, channel, day)
        shown = newest if revision is None else certificates.revision(connection, channel, day, revision)
        told = (
            {}
            if shown is None
            else pages.told(shown, certificates.differences(connection, channel, shown.number), page.t)
        )
    if shown is None and revision is not None:
        raise HTTPException(404, f"{channel} has no revision {revision} of {day}.")
    return page.html(
        "day.html" if shown else "no_day.html",
        here="reconciliation",
        channel=channel,
        day=day,
        before=day - timedelta(days=1),
        after=day + timedelta(days=1),
        newest=newest,
        order_address=lambda order_id: page.url("order", channel=channel, number=order_id),
        **told,
    )


@router.get("/reconciliation/{channel}/{day}/{name}")
def download(page: Reading, channel: str, day: date, name: str, revision: int | None = None) -> Response:
    """The certificate as `certificate.html` (to print or keep), `.json` or `.csv`, with every difference."""
    page.channel(channel)
    with page.reading() as connection:
        found = (
            certificates.newest(connection, channel, day)
            if revision is None
            else certificates.revision(connection, channel, day, revision)
        )
        if found is None:
            raise HTTPException(404, f"{channel} has no such certificate of {day}.")
        if name == "certificate.html":
            return HTMLResponse(pages.page(found, certificates.differences(connection, channel, found.number)))
    pieces: Iterator[bytes] | Iterator[str]
    if name == "certificate.json":
        pieces, kind = _json(page, found), "application/json"
    elif name == "certificate.csv":
        pieces, kind = _csv(page, found), "text/csv; charset=utf-8"
    else:
        raise HTTPException(404, "A certificate is kept as certificate.html, certificate.json and certificate.csv.")
    file = f"{channel}-{day}-{found.revision}.{name.rpartition('.')[2]}"
    head = {"Content-Disposition": f'attachment; filename="{file}"'}
    return StreamingResponse(pieces, media_type=kind, headers=head)


@router.post("/reconciliation/{channel}/again")
def again(page: Reading, channel: str, day: Annotated[str, Form()]) -> Response:
    """Ask for the day to be compared anew: a new revision, never an overwrite."""
    demand_editor(page.user, channel)
    wanted = _day(day)
    conf = {"channel": channel, "day": str(wanted)}
    page.site.trigger(RECONCILE, f"pages__{page.now:%Y%m%dT%H%M%S%f}", conf, page.user.name)
    said = page.t("The comparison of {day} has been started; load this page again in a minute.", day=wanted)
    return page.go(f"reconciliation/{channel}/{wanted}", said=said)


def tone(standing: Standing) -> str:
    """The colour's name of a day: something needs a person, is on its way, differs for known reasons, or nothing."""
    if standing.unexplained:
        return "bad"
    if standing.state == "provisional":
        return "warn"
    return "held" if standing.differing > standing.repaired else "good"


def _json(page: Page, found: Certificate) -> Iterator[bytes]:
    with page.reading() as connection:
        yield from pages.to_json(found, certificates.differences(connection, found.channel, found.number))


def _csv(page: Page, found: Certificate) -> Iterator[str]:
    yield "\ufeff"
    with page.reading() as connection:
        yield from pages.to_csv(found, certificates.differences(connection, found.channel, found.number))


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise ConfigError(f"{text!r} is no month; write it like 2026-03") from error


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} is no day; write it like 2026-03-01") from error
