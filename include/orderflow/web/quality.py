"""The analyst report as it was written, and what was expected of staged orders, day by day."""

from __future__ import annotations

import mimetypes
import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException
from fastapi.responses import FileResponse, HTMLResponse, Response
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.staging.session import transaction
from orderflow.web.access import demand_editor, demand_some_editor
from orderflow.web.page import Page, Reading
from orderflow.web.written import Number

router = APIRouter()

QUALITY = "quality"
RUNS = 30
"""Runs of a channel's expectations that make its trend."""
REPORTS = 60
"""Reports that are listed."""
_FILE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; base-uri 'none'; "
        "form-action 'none'"
    )
}


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a channel's expectations.

    `trend` is how many were not met, run by run, the oldest first; None where no order could break one.
    """

    id: int
    channel: str
    day: date
    started_at: datetime
    orders: int
    partial: bool
    expected: int
    failed: int
    trend: list[int | None]


@router.get("/quality")
def quality(page: Reading) -> HTMLResponse:
    """The reports that are there, and the newest expectations of each channel."""
    names = [each.name for each in page.channels()]
    with page.reading() as connection:
        runs = _newest(connection, names)
    reports = _reports(page)
    return page.html(
        "quality.html",
        here="quality",
        reports=reports[:REPORTS],
        newest=next((each for each in reports if _readable(page, each, "index.html")), None),
        readable=lambda name: _readable(page, name, "index.html"),
        runs=runs,
        without=sorted(set(names) - {run.channel for run in runs}),
        names=[name for name in names if page.user.decides(name)],
    )


@router.get("/quality/expectations/{channel}")
def expectations(page: Reading, channel: str, run: Number | None = None) -> HTMLResponse:
    """One run of a channel's expectations, the newest unless another is asked for, with the trend of each."""
    page.channel(channel)
    with page.reading() as connection:
        runs = _runs(connection, channel)
        chosen = next((each for each in runs if run in (None, each["id"])), None)
        if chosen is None and run is not None:
            raise HTTPException(404, f"{channel} has no run {run} of its expectations; upkeep removes old ones.")
        results = [] if chosen is None else _results(connection, chosen["id"])
        trend = _trend(connection, [each["id"] for each in runs])
    return page.html(
        "expected.html",
        here="quality",
        channel=channel,
        runs=runs,
        chosen=chosen,
        results=results,
        trend=trend,
        days={each["id"]: each["day"] for each in runs},
    )


@router.get("/quality/reports/{path:path}")
def report(page: Reading, path: str) -> Response:
    """A file of a report. What is not a file below the reports' folder, or not for this user, does not exist."""
    if path == "index.html":
        return page.go("quality")
    root = page.site.reports
    parts = Path(path).parts
    if root is None or len(parts) < 2 or any(part.startswith(".") for part in parts):
        raise HTTPException(404, _NO_REPORT)
    try:
        file = (root / path).resolve()
        there = file.is_relative_to(root.resolve()) and file.is_file()
    except OSError:  # longer than any name of a file
        there = False
    if not there or not _readable(page, parts[0], parts[-1]):
        raise HTTPException(404, _NO_REPORT)
    kind = {".html": "text/html; charset=utf-8", ".csv": "text/csv; charset=utf-8"}.get(
        file.suffix, mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    )
    download = None if file.suffix == ".html" else file.name
    return FileResponse(file, media_type=kind, filename=download, headers=_FILE_HEADERS)


@router.post("/quality/report")
def ask(
    page: Reading, channel: Annotated[str, Form()] = "", days: Annotated[int, Form(ge=1, le=92)] = 7
) -> Response:  # fmt: skip
    """Start the DAG that checks expectations and writes the report, for one channel or for all."""
    demand_editor(page.user, channel) if channel else demand_some_editor(page.user)
    conf: dict[str, Any] = {"days": days} | ({"channel": channel} if channel else {})
    page.site.trigger(QUALITY, f"pages__{page.now:%Y%m%dT%H%M%S%f}", conf, page.user.name)
    said = page.t("The report is being written; load this page again in some minutes.")
    return page.go("quality", said=said)


_NO_REPORT = "There is no such file of a report, or it names channels that you may not read."
_DAY = r"\d{4}-\d{2}-\d{2}"
_REPORT = re.compile(rf"{_DAY}[A-Za-z0-9_-]*")
_FILE = re.compile(r"(?P<channel>[a-z0-9_]+)(-[a-z_]+)?\.(html|csv|parquet)")
_OF_ONE = re.compile(rf"{_DAY}(-\d+d)?-(?P<channel>[a-z0-9_]+)")


def _reports(page: Page) -> list[str]:
    """Names of the reports' folders, the newest first."""
    root = page.site.reports
    if root is None or not root.is_dir():
        return []
    found = (each.name for each in root.iterdir() if each.is_dir() and _REPORT.fullmatch(each.name))
    return sorted((name for name in found if (root / name / "index.html").is_file()), reverse=True)


def _readable(page: Page, report: str, file: str) -> bool:
    """Whether the user may read a file of a report: one channel's by that channel, any other by every channel's."""
    reported = {each.name for each in page.site.reading().channels}
    for found in (_FILE.fullmatch(file), _OF_ONE.fullmatch(report)):
        if found and found["channel"] in reported:
            return found["channel"] in page.user.channels
    return reported <= page.user.channels


def _newest(connection: Connection, channels: list[str]) -> list[Run]:
    with transaction(connection) as cursor:
        cursor.execute(
            """
            SELECT id, channel, day, started_at, orders, partial, expected, failed,
                ARRAY(
                    SELECT latest.failed FROM (
                        SELECT r.day, r.started_at,
                            CASE WHEN r.orders > 0 OR r.failed > 0 THEN r.failed END AS failed
                        FROM orderflow.expectation_runs AS r WHERE r.channel = n.channel
                        ORDER BY r.day DESC, r.started_at DESC LIMIT %(runs)s
                    ) AS latest ORDER BY latest.day, latest.started_at
                )
            FROM unnest(%(channels)s::text[]) AS c(name) CROSS JOIN LATERAL (
                SELECT * FROM orderflow.expectation_runs AS r WHERE r.channel = c.name
                ORDER BY r.day DESC, r.started_at DESC LIMIT 1
            ) AS n ORDER BY failed DESC, channel
            """,
            {"channels": channels, "runs": RUNS},
        )
        return [Run(*row) for row in cursor.fetchall()]


def _runs(connection: Connection, channel: str) -> list[dict[str, Any]]:
    """The channel's runs, the newest first."""
    names = ("id", "day", "started_at", "asked_by", "seconds", "orders", "lines", "partial", "expected", "failed")
    with transaction(connection) as cursor:
        cursor.execute(
            f"SELECT {', '.join(names)} FROM orderflow.expectation_runs WHERE channel = %s"  # noqa: S608 - names of columns
            " ORDER BY day DESC, started_at DESC LIMIT %s",
            (channel, RUNS),
        )
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _results(connection: Connection, run: int) -> list[dict[str, Any]]:
    names = (
        "name", "kind", "origin", "meaning", "success", "evaluated", "unexpected", "observed", "sample", "error",
    )  # fmt: skip
    with transaction(connection) as cursor:
        cursor.execute(
            f"SELECT {', '.join(names)} FROM orderflow.expectation_results WHERE expectation_run = %s"  # noqa: S608 - as above
            " ORDER BY success, position",
            (run,),
        )
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _trend(connection: Connection, runs: list[int]) -> dict[str, list[tuple[int, bool | None]]]:
    """Of each expectation: whether it was met, run by run, the oldest first; None where no order could break it."""
    found: dict[str, list[tuple[int, bool | None]]] = {}
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT r.name, r.expectation_run, CASE WHEN e.orders > 0 OR NOT r.success THEN r.success END"
            " FROM orderflow.expectation_results AS r"
            " JOIN orderflow.expectation_runs AS e ON e.id = r.expectation_run"
            " WHERE r.expectation_run = ANY(%s) ORDER BY e.day, e.started_at",
            (runs,),
        )
        for name, run, success in cursor.fetchall():
            found.setdefault(name, []).append((run, success))
    return found
