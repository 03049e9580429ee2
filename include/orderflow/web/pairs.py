"""The SKU map: its pairs with the dates between which they hold, their history, and files of them."""

from __future__ import annotations

import base64
import binascii
import zlib
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, UploadFile
from fastapi.responses import HTMLResponse, Response
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from starlette.datastructures import FormData

from orderflow.domain.errors import ConfigError
from orderflow.staging import sku_file, skus
from orderflow.staging.session import transaction
from orderflow.web.access import demand_editor, demand_some_editor, form_of
from orderflow.web.mapping import told
from orderflow.web.page import Page, Reading

router = APIRouter()

SIZE = 100
"""Pairs of a page."""
MOST_BYTES = 4 * 1024 * 1024
"""Of a file that a page takes in; the command line takes larger ones."""
MOST_PROBLEMS = 500
"""Problems of a file that a page lists."""


@router.get("/mapping/pairs")
def pairs(page: Reading, channel: str = "", text: str = "", after: str = "") -> HTMLResponse:
    if channel:
        page.channel(channel)
    with page.reading() as connection:
        rows = _pairs(connection, [channel] if channel else sorted(page.user.channels), text.strip(), after)
    return page.html(
        "pairs.html",
        here="mapping",
        part="pairs",
        channel=channel,
        text=text,
        after=after,
        rows=rows[:SIZE],
        next=rows[SIZE - 1]["key"] if len(rows) > SIZE else None,
        names=[each.name for each in page.channels()],
    )


@router.get("/mapping/history")
def history(page: Reading, channel: str, sku: str) -> HTMLResponse:
    page.channel(channel)
    with page.reading() as connection:
        story = skus.history(connection, channel, sku)
        held = skus.pairs(connection, channel, sku=sku)
    return page.html(
        "sku.html", here="mapping", part="pairs", channel=channel, sku=sku, story=story, pairs=held
    )  # fmt: skip


@router.get("/mapping/map.csv")
def download(page: Reading, channel: str) -> Response:
    """The channel's map as the file that an import takes."""
    page.channel(channel)
    with page.reading() as connection:
        text = sku_file.write(skus.pairs(connection, channel))
    head = {"Content-Disposition": f'attachment; filename="skus-{channel}.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=head)


@router.post("/mapping/{channel}/close")
def close(
    page: Reading, channel: str, sku: Annotated[str, Form()], at: Annotated[str, Form()] = "",
    why: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """End the pair that holds then; orders that have gone on stay as they are."""
    zone = ZoneInfo(page.channel(channel).schedule.timezone)
    moment = sku_file.moment(at, zone) if at else page.now
    with page.writing(channel) as connection:
        change = skus.close(connection, channel, sku, moment, who=page.user.name, why=why)
    return page.go("mapping/history", channel=channel, sku=sku, said=told(page, change))


@router.get("/mapping/import")
def import_form(page: Reading, channel: str = "") -> HTMLResponse:
    return _import_page(page, channel=channel)


@router.post("/mapping/import")
def import_file(
    page: Reading, file: UploadFile, channel: Annotated[str, Form()] = "", why: Annotated[str, Form()] = ""
) -> Response:  # fmt: skip
    """Check a file: what it would do, or everything that is wrong with it. Nothing is written."""
    data = file.file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ConfigError(
            f"the file has more than {MOST_BYTES:,} bytes, too many for a page; read it with "
            "`orderflow sku import FILE`, which takes 64 MiB"
        )
    name = (file.filename or "file")[:200]
    return _imported(page, data, channel=channel, why=why.strip() or f"import of {name}", name=name, dry_run=True)


@router.post("/mapping/import/write")
def import_checked(page: Reading, form: Annotated[FormData, Depends(form_of)]) -> Response:
    """Write what the check before has shown; it is checked once more."""
    data, name, channel, why = (str(form.get(each) or "") for each in ("data", "name", "channel", "why"))
    return _imported(page, _unpacked(data), channel=channel, why=why, name=name, dry_run=False)


def _imported(page: Page, data: bytes, *, channel: str, why: str, name: str, dry_run: bool) -> Response:
    demand_some_editor(page.user)
    zones = {each.name: ZoneInfo(each.schedule.timezone) for each in page.channels()}
    if channel:
        page.channel(channel)
    reading = sku_file.read(data, zones, channel=channel or None)
    problems = list(reading.problems)
    for each in sorted({pair.channel for pair in reading.pairs} | ({channel} if channel else set())):
        demand_editor(page.user, each)
    change = None
    if not problems:
        with page.site.database.writing() as connection:
            problems = sku_file.clashing(reading, skus.clashes(connection, reading.pairs))
            if not problems:
                change = skus.put(connection, reading.pairs, who=page.user.name, why=why, dry_run=dry_run)
    if change is not None and not dry_run:
        return page.go("mapping/pairs", channel=channel, said=told(page, change))
    return _import_page(
        page, channel=channel, why=why, name=name, problems=problems, change=change,
        lines=len(reading.pairs), data=None if problems else _packed(data),
    )  # fmt: skip


def _import_page(page: Page, **given: Any) -> HTMLResponse:
    known: dict[str, Any] = {"why": "", "name": "", "problems": [], "change": None, "lines": 0, "data": None}
    given = known | given
    return page.html(
        "sku_import.html",
        status=400 if given["problems"] else 200,
        here="mapping",
        part="import",
        names=[each.name for each in page.channels() if page.user.decides(each.name)],
        most=MOST_PROBLEMS,
        **given,
    )


def _packed(data: bytes) -> str:
    """The file as a hidden field carries it from the check to the import."""
    return base64.b64encode(zlib.compress(data)).decode()


def _unpacked(text: str) -> bytes:
    try:
        engine = zlib.decompressobj()
        data = engine.decompress(base64.b64decode(text, validate=True), MOST_BYTES + 1)
    except (binascii.Error, zlib.error) as error:
        raise ConfigError("the checked file did not come back whole; choose it again and check it") from error
    if len(data) > MOST_BYTES or not engine.eof:
        raise ConfigError("the checked file did not come back whole; choose it again and check it")
    return data


def _pairs(connection: Connection, channels: list[str], text: str, after: str) -> list[dict[str, Any]]:
    """One more than a page, by channel, SKU and start, from the key of the last one before."""
    values: dict[str, Any] = {"channels": channels, "text": text, "size": SIZE + 1}
    condition = ""
    if after:
        values |= _key(after)
        condition = "AND (channel, sku, valid_from) > (%(channel)s, %(sku)s, %(start)s::timestamptz)"
    with transaction(connection) as cursor:
        cursor.execute(_PAIRS.format(condition=condition), values)
        names = ("channel", "sku", "oms_sku", "valid_from", "valid_to", "changed_at", "changed_by", "start")
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [row | {"key": f"{row['start']}~{row['channel']}~{row['sku']}"} for row in rows]


def _key(after: str) -> dict[str, Any]:
    start, _, rest = after.partition("~")
    channel, found, sku = rest.partition("~")
    try:
        if start != "-infinity":
            datetime.fromisoformat(start)
    except ValueError:
        found = ""
    if not found:
        raise ConfigError(f"{after!r} is not where a page of pairs ended; take it from the page before")
    return {"start": start, "channel": channel, "sku": sku}


_PAIRS = """
SELECT channel, sku, oms_sku, CASE WHEN isfinite(valid_from) THEN valid_from END,
    CASE WHEN isfinite(valid_to) THEN valid_to END, changed_at, changed_by, valid_from::text
FROM orderflow.sku_map
WHERE channel = ANY(%(channels)s) AND (starts_with(sku, %(text)s) OR starts_with(oms_sku, %(text)s)) {condition}
ORDER BY channel, sku, valid_from LIMIT %(size)s
"""
