"""The page of all channels, a row each; and each channel's own view, which is the tab on its DAG in Airflow."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError
from orderflow.domain.snapshot import OURSELVES
from orderflow.domain.telling import Alert
from orderflow.domain.window import Window
from orderflow.quality import punctual
from orderflow.quality.report.charts import sparkline
from orderflow.staging import alerts, gauges, overview
from orderflow.staging.session import transaction
from orderflow.web.coverage import draw, painted, strip
from orderflow.web.page import SIZE, Page, Reading, Writing
from orderflow.web.written import Number

log = logging.getLogger(__name__)
router = APIRouter()

STEP = timedelta(hours=6)
"""One bar of the spark line."""
WEEKS, ENOUGH = 4, 3
"""So many earlier weeks are looked at, and so many of them say what is usual."""
MOST_ALERTS = 100_000
"""More than all channels can have open: each has one of a kind."""
DAG, HEAL = "orders.", "heal"


@dataclass(frozen=True, slots=True)
class Row:
    """How one channel stands. `fresh` is the age of what is proven without a hole, None before any window was loaded.

    `late` says whether something that is due is missing; `day` are new orders of the last 24 hours. What costs much is
    there of rows that are `shown` only: `volume`, new orders per `STEP`, the newest last; `usual`, the fewest and the
    most of the same hours in the weeks before; `lag`, how long orders take to the OMS.
    """

    channel: Channel
    watermark: datetime
    fresh: timedelta | None
    late: bool
    holes: int
    missing: timedelta
    last: overview.LastBatch | None
    waiting: overview.Waiting
    backlog: int
    backlog_age: timedelta | None
    held: int
    day: int
    alerts: Sequence[Alert]
    volume: Sequence[int] = ()
    usual: tuple[int, int] | None = None
    lag: timedelta | None = None

    @property
    def week(self) -> int:
        return sum(self.volume)

    @property
    def troubles(self) -> int:
        """What needs a person or will soon; the rows with most of it come first."""
        critical = any(each.severity == "critical" for each in self.alerts)
        late = self.late or self.last is None
        return 16 * critical + 8 * late + 4 * bool(self.held) + 2 * self.stuck + bool(self.alerts or self.holes)

    @property
    def unusual(self) -> bool:
        """Whether the last 24 hours brought fewer or more than any of the weeks before, by a half."""
        return self.usual is not None and not 0.5 * self.usual[0] <= self.day <= 1.5 * self.usual[1]

    @property
    def stuck(self) -> bool:
        """Whether the OMS has not taken something for an hour."""
        return self.backlog_age is not None and self.backlog_age > timedelta(hours=1)


def rows(connection: Connection, channels: Sequence[Channel], now: datetime) -> list[Row]:
    """One of each of these channels, those in trouble first."""
    names = [each.name for each in channels]
    with transaction(connection) as cursor:
        settled = gauges.settled(cursor, {each.name: each.start for each in channels})
        last = overview.last_batches(cursor, names)
        day = overview.day(cursor, names, now)
        waiting = overview.waiting(cursor, names)
        backlogs = overview.backlogs(cursor)
        held = gauges.held(cursor)
    opened = defaultdict(list)
    for alert in alerts.listed(connection, channel=names[0] if len(names) == 1 else None, most=MOST_ALERTS):
        opened[alert.channel].append(alert)
    found = []
    for each in channels:
        proof, backlog = settled[each.name], backlogs.get(each.name)
        found.append(
            Row(
                channel=each,
                watermark=proof.watermark,
                fresh=max(timedelta(0), now - proof.watermark) if each.name in last else None,
                late=proof.newest < punctual.due(each, now),
                holes=proof.holes,
                missing=timedelta(seconds=proof.hole_seconds),
                last=last.get(each.name),
                waiting=waiting.get(each.name, overview.Waiting()),
                backlog=backlog[0] if backlog else 0,
                backlog_age=max(timedelta(0), now - backlog[1]) if backlog else None,
                held=held.get(each.name, 0),
                day=day.get(each.name, 0),
                alerts=opened[each.name],
            )
        )
    return sorted(found, key=lambda row: (-row.troubles, row.channel.name))


def shown(connection: Connection, some: Sequence[Row], now: datetime) -> list[Row]:
    """These rows with all that a page shows of each."""
    names = [row.channel.name for row in some]
    end = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    with transaction(connection) as cursor:
        volumes = overview.volumes(cursor, names, Window(end - timedelta(days=7), end), STEP)
        weeks = [overview.day(cursor, names, now - timedelta(weeks=1 + week)) for week in range(WEEKS)]
        lags = overview.lags(cursor, names)
    return [
        replace(
            row,
            volume=volumes.get(name) or [0] * (timedelta(days=7) // STEP),
            usual=_usual([week[name] for week in weeks if name in week]),
            lag=lags.get(name),
        )
        for name, row in zip(names, some, strict=True)
    ]


def _usual(days: Sequence[int]) -> tuple[int, int] | None:
    return (min(days), max(days)) if len(days) >= ENOUGH else None


@router.get("/channels")
def channels(page: Reading, q: str = "", first: Number = 0) -> HTMLResponse:
    """All channels that the user may read, a page of them from the `first` on; `q` narrows them.

    Who may read every channel is told of those whose file went while orders of theirs were unfinished, and of what is
    wrong with Orderflow itself.
    """
    mine = page.channels()
    files = {path.stem for path in (page.site.include / "channels").glob("*.yml")}
    everything = files <= page.user.channels
    with page.reading() as connection:
        found = rows(connection, page.channels(q), page.now)
        some = shown(connection, found[first : first + SIZE], page.now)
        ours = alerts.listed(connection, channel=OURSELVES) if everything else []
        with transaction(connection) as cursor:
            left = overview.left_behind(cursor, files) if everything else {}
    return page.html(
        "channels.html",
        here="channels",
        rows=found,
        shown=some,
        first=first,
        next=first + SIZE if len(found) > first + SIZE else None,
        ours=ours,
        charts=_charts(page, some),
        q=q,
        known=len(mine),
        files=len(files),
        left=left,
        broken=len({each.file for each in page.site.reading().problems}),
    )


def _charts(page: Page, found: Sequence[Row]) -> Mapping[str, Any]:
    title = page.t("New orders of the last 7 days, in steps of 6 hours")
    return {row.channel.name: sparkline(row.volume, title=title) for row in found}


@router.get("/dag/{dag_id}")
def of_dag(page: Reading, dag_id: str) -> HTMLResponse:
    """The tab on a DAG: its channel's own view, or a word on why there is none."""
    return _own(page, dag_id, None)


@router.get("/dag/{dag_id}/run/{run_id:path}")
def of_run(page: Reading, dag_id: str, run_id: str) -> HTMLResponse:
    """The tab on a DAG run: what this run pulled, and its channel's own view."""
    return _own(page, dag_id, run_id)


@router.get("/channels/{channel}")
def channel(page: Reading, channel: str) -> HTMLResponse:
    """One channel's own view."""
    return _own(page, f"{DAG}{channel}", None, tab=False)


@router.post("/channels/{channel}/alerts/{number}")
def acknowledge(page: Writing, channel: str, number: Number, why: Annotated[str, Form(min_length=1)]) -> Response:
    """The user looks after an alert of this channel: it is not repeated."""
    with page.writing(channel) as connection:
        if alerts.read(connection, number).channel != channel:
            raise ConfigError(f"alert {number} is not one of {channel}")
        alerts.acknowledge(connection, number, page.user.name, why, page.now)
    log.info("alert acknowledged channel=%s alert=%d by=%s", channel, number, page.user.name)
    return page.go(f"channels/{channel}", said=page.t("You look after it now; it is not repeated."))


def _own(page: Page, dag_id: str, run_id: str | None, *, tab: bool = True) -> HTMLResponse:
    name = dag_id.removeprefix(DAG) if dag_id.startswith(DAG) else ""
    about = page.channel(name) if name else None
    row = brought = heat = None
    kinds: Mapping[str, Sequence[str]] = {}
    with page.reading() as connection:
        if about is not None:
            (row,) = shown(connection, rows(connection, [about], page.now), page.now)
            heat = strip(page, connection, about)
            kinds = painted(page, connection, [heat])
        if run_id is not None:
            with transaction(connection) as cursor:
                found = overview.healed(cursor, run_id) if dag_id == HEAL else overview.brought(cursor, name, run_id)
            brought = [each for each in found if each.channel in page.user.channels]
    return page.html(
        "channel.html",
        here="channels",
        tab=tab,
        dag_id=dag_id,
        run_id=run_id,
        row=row,
        heat=heat,
        drawn=partial(draw, page, kinds),
        brought=brought,
        charts=_charts(page, [row] if row else []),
    )
