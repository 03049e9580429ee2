"""The page of one order: everything that happened to it, and the first fact that keeps it from the OMS.

Reads staging alone; a channel is asked by the command `orderflow explain`. Shows no buyer's data.
"""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from orderflow.quality.rules import RULES
from orderflow.staging import blocking, story
from orderflow.web.page import Reading

router = APIRouter()

LONGEST = 200
"""No order's number is longer."""
TONES = {"in the OMS": "good", "waits for the OMS": "held", "unknown": "bad", "conflict": "bad", "not delivered": "bad"}
"""Colour of a standing; any other is a warning."""


@router.get("/order")
def order(page: Reading, number: str = "", channel: str = "") -> HTMLResponse:
    """`number` is the channel's order id, or the number that people use; `channel` may be empty."""
    asked = number.strip()[:LONGEST]
    shown = [page.channel(channel)] if channel else page.channels()
    told = verdict = about = None
    found: list[tuple[str, str]] = []
    near: list[tuple[str, str]] = []
    if asked:
        with page.reading() as connection:
            found = story.places(connection, [each.name for each in shown], asked)
            if len(found) == 1:
                about = page.channel(found[0][0])
                told = story.tell(connection, *found[0], lookback=about.lookback, settle=about.settle)
                verdict = blocking.here(told, shadow=about.shadow, now=page.now)
            elif not found and channel:
                near = [(channel, each) for each in story.similar(connection, channel, asked)]
    return page.html(
        "order.html",
        here="order",
        number=asked,
        channel=channel,
        found=found,
        near=near,
        about=about,
        story=told,
        verdict=verdict,
        rules=RULES,
        waits=told is not None and told.quarantine is not None and told.quarantine.state in ("open", "parked"),
        tone=TONES.get(verdict.standing, "warn") if verdict else "",
    )
