"""Certificates of reconciliation: a month of all channels, one day of one, the chain behind it, and its files."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, HTTPException
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError
from orderflow.domain.reconciliation import Certificate, business_day, newest_day
from orderflow.quality.pages import certificate as pages
from orderflow.staging import certificates
from orderflow.staging.certificates import Standing
from orderflow.web import written
from orderflow.web.access import demand_editor
from orderflow.web.page import SIZE, Page, Reading
from orderflow.web.words import moment
from orderflow.web.written import Day, Number

router = APIRouter()

RECONCILE = "reconcile"


@router.get("/reconciliation")
def reconciliation(page: Reading, month: str = "", channel: str = "", q: str = "", first: Number = 0) -> HTMLResponse:
    """A row per channel, those with a day that needs a person first, and a column per day of the month.

    All channels, or those that `q` finds, a page of them from the `first` on.
    """
    channels = page.chosen(channel, q)
    today = {each.name: page.now.astimezone(ZoneInfo(each.schedule.timezone)).date() for each in channels}
    newest = max(today.values(), default=page.now.date())
    start = written.month(month) if month else newest.replace(day=1)
    days = [start + timedelta(days=n) for n in range(monthrange(start.year, start.month)[1])]
    with page.reading() as connection:
        found = certificates.standings(connection, [each.name for each in channels], days[0], days[-1])
    wrong = sorted((each for each in found if each.unexplained), key=lambda each: each.day, reverse=True)
    in_trouble = {each.channel for each in wrong}
    channels.sort(key=lambda each: each.name not in in_trouble)
    first = first if first < len(channels) else 0  # of an address that was kept while channels went
    return page.html(
        "reconciliation.html",
        here="reconciliation",
        month=start,
        before=start - timedelta(days=1),
        after=days[-1] + timedelta(days=1) if days[-1] < newest else None,
        newest=newest,
        days=days,
        channels=channels[first : first + SIZE],
        q=channel or q,
        first=first,
        next=first + SIZE if len(channels) > first + SIZE else None,
        of={(each.channel, each.day): each for each in found},
        tone=tone,
        starts={each.name: each.schedule.start for each in channels},
        today=today,
        wrong=wrong,
        provisional=sum(each.state == "provisional" and not each.unexplained for each in found),
        settled=sum(each.state == "settled" and not each.unexplained for each in found),
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
def certificate(page: Reading, channel: str, day: Day, revision: Number | None = None) -> HTMLResponse:
    about = page.channel(channel)
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
        **_around(about, day, page),
        hindrance=_hindrance(page, about, day),
        newest=newest,
        order_address=lambda order_id: page.url("order", channel=channel, order_id=order_id),
        file_address=lambda kind: page.url(
            f"reconciliation/{channel}/{day}/certificate.{kind}", revision=shown.revision if shown else None
        ),
        **told,
    )


@router.get("/reconciliation/{channel}/{day}/{name}")
def download(page: Reading, channel: str, day: Day, name: str, revision: Number | None = None) -> Response:
    """The certificate as `certificate.html` (to print or keep), `.json` or `.csv`; these two hold every difference."""
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
    wanted = written.day(day)
    if hindrance := _hindrance(page, page.channel(channel), wanted):
        raise ConfigError(hindrance)
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


def _around(channel: Channel, day: date, page: Page) -> dict[str, Any]:
    """The days beside one, none of them still to come, and the month to go back to."""
    over = newest_day(channel.schedule.timezone, page.now, after=timedelta(0))
    return {
        "before": min(day - timedelta(days=1), over),
        "after": day + timedelta(days=1) if day < over else None,
        "month": str(min(day, over))[:7],
    }


def _hindrance(page: Page, channel: Channel, day: date) -> str | None:
    """Why this day cannot be compared; None where it can."""
    span, zone = business_day(day, channel.schedule.timezone), channel.schedule.timezone
    if span.end > page.now:
        return page.t(
            "{day} is not over in {zone}: it ends {end}. A day is compared when it is over; come back then.",
            day=day, zone=zone, end=moment(span.end),
        )  # fmt: skip
    if span.end <= channel.start:
        return page.t(
            "{day} lies before the start of {channel}, {start}: nothing was ever pulled for it. Choose a later day.",
            day=day, channel=channel.name, start=channel.schedule.start,
        )  # fmt: skip
    return None
