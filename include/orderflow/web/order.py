"""The page of one order: everything that happened to it, and the first fact that keeps it from the OMS.

Reads staging alone; a channel is asked by the command `orderflow explain`. Shows no buyer's data.
"""

from __future__ import annotations

import shlex
from datetime import timedelta

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from orderflow.quality.rules import RULES
from orderflow.staging import blocking, reviews, story
from orderflow.web.access import demand_reader
from orderflow.web.page import Reading

router = APIRouter()

TONES = {"in the OMS": "good", "waits for the OMS": "held", "unknown": "bad", "conflict": "bad", "not delivered": "bad",
         "discarded": ""}  # fmt: skip
"""Colour of a standing; any other is a warning."""


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
    if asked:
        with page.reading() as connection:
            among = [channel] if channel else sorted(page.user.channels)
            found = story.places(connection, among, asked)
            if not found and number != asked:  # what somebody types has blanks around it; an id may have them, too
                found = story.places(connection, among, number)
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
        about=about,
        story=told,
        verdict=verdict,
        explain=shlex.join(["orderflow", "explain", channel or "CHANNEL", *["--"] * asked.startswith("-"), asked]),
        rules=RULES,
        details=_details(told),
        waits=told is not None and told.quarantine is not None and told.quarantine.state in ("open", "parked"),
        tone=TONES.get(verdict.standing, "warn") if verdict else "",
    )


def _details(told: story.Story | None) -> list[str]:
    """What the reasons in quarantine say beyond the meaning of their rules."""
    known = {rule.message for rule in RULES.values()} | {"…"}
    return [] if told is None or told.quarantine is None else [
        said for said in told.quarantine.messages if said not in known
    ]  # fmt: skip
