"""The page of one order: everything that happened to it, and the first fact that keeps it from the OMS.

Reads staging alone; a channel is asked by the command `orderflow explain`. Shows no buyer's data.
"""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.quality.rules import RULES
from orderflow.staging import blocking, reviews, story
from orderflow.staging.session import transaction
from orderflow.web.access import demand_reader
from orderflow.web.channels import Row, rows
from orderflow.web.page import Page, Reading

router = APIRouter()

TONES = {"in the OMS": "good", "waits for the OMS": "held", "unknown": "bad", "conflict": "bad", "not delivered": "bad",
         "discarded": ""}  # fmt: skip
"""Colour of a standing; any other is a warning."""
MOST_LACKING = 20
"""Channels named that lack something, where nobody knows a number."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """A channel that may still hold an order that nobody knows: what it did not bring, and what could not be read."""

    row: Row
    unread: int


@router.get("/order")
def order(page: Reading, number: str = "", channel: str = "", order_id: str = "") -> HTMLResponse:
    """`number` is what people know, the channel's order id or another number; `order_id` is the id alone, as links have
    it: one order's id may be another one's number. `channel` may be empty.
    """
    asked = order_id or number.strip()
    if channel:
        demand_reader(page.user, channel)
    told = verdict = about = None
    found: list[tuple[str, str]] = []
    near: list[tuple[str, str]] = []
    thrown: list[reviews.Review] = []
    lacking: list[Lacking] = []
    if asked:
        with page.reading() as connection:
            among = [channel] if channel else sorted(page.user.channels)
            for spelled in [order_id] if order_id else _spellings(number):
                if found := story.places(connection, among, spelled):
                    break
            if order_id:
                found = [each for each in found if each[1] == order_id]
            if len(found) == 1:
                about = next((each for each in page.channels() if each.name == found[0][0]), None)
                lookback, settle = (about.lookback, about.settle) if about else (timedelta(0), timedelta(0))
                told = story.tell(connection, *found[0], lookback=lookback, settle=settle)
                shadow, since = (about.shadow, about.delivers_since) if about else (False, None)
                verdict = blocking.here(told, shadow=shadow, now=page.now, since=since)
            elif not found:
                thrown = reviews.discarding(connection, among, asked)
                lacking = _lacking(page, connection, among)
            if not found and channel:
                near = [(channel, each) for each in story.similar(connection, channel, asked)]
    return page.html(
        "order.html",
        here="order",
        number=asked,
        channel=channel,
        found=found,
        most=story.MOST_PLACES,
        near=near,
        thrown=[(each.batch, blocking.discarded(each)) for each in thrown],
        lacking=lacking[:MOST_LACKING],
        more=len(lacking[MOST_LACKING:]),
        about=about,
        story=told,
        verdict=verdict,
        explain=shlex.join(["orderflow", "explain", channel or "CHANNEL", *["--"] * asked.startswith("-"), asked]),
        rules=RULES,
        details=_details(told),
        waits=told is not None and told.quarantine is not None and told.quarantine.state in ("open", "parked"),
        tone=TONES.get(verdict.standing, "warn") if verdict else "",
    )


def _spellings(typed: str) -> list[str]:
    """A number as somebody typed it, then as the shop may have spelled it: ids are kept as they are, and people paste
    blanks, invisible characters and the letters of another keyboard, or hear a number and write it small.
    """
    plain = "".join(each for each in unicodedata.normalize("NFKC", typed) if each.isprintable()).strip()
    known = [typed.strip(), typed, unicodedata.normalize("NFC", typed).strip(), plain, " ".join(plain.split())]
    return list(dict.fromkeys([*known, plain.upper(), plain.lower()]))


def _lacking(page: Page, connection: Connection, among: Sequence[str]) -> list[Lacking]:
    """The channels among these that did not bring everything that is due, or brought what could not be read."""
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT channel, count(*) FROM orderflow.quarantine WHERE state IN ('open', 'parked')"
            " AND source = 'unreadable' AND channel = ANY(%s) GROUP BY 1",
            (list(among),),
        )
        unread = dict(cursor.fetchall())
    chosen = [each for each in page.channels() if each.name in among]
    found = [Lacking(row, unread.get(row.channel.name, 0)) for row in rows(connection, chosen, page.now)]
    return [each for each in found if each.row.late or each.row.holes or each.row.held or each.unread]


def _details(told: story.Story | None) -> list[str]:
    """What the reasons in quarantine say beyond the meaning of their rules."""
    known = {rule.message for rule in RULES.values()} | {"…"}
    return [] if told is None or told.quarantine is None else [
        said for said in told.quarantine.messages if said not in known
    ]  # fmt: skip
