"""What the demo plays: its three shops, when their worlds begin, and when they come to rest."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from orderflow import config
from orderflow.sandbox.demo.layout import PROJECT, Layout
from orderflow.sandbox.shop import Shop

HISTORY = timedelta(hours=24)
"""How much of the past the shops hold when the demo starts."""
LIVE = timedelta(seconds=60)
"""How long, at least, new orders come in a demo that stops by itself."""
LATE = 20
"""Longest delay, in seconds, after which a shop's list shows a change."""


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What a demo must remember between two starts: its worlds' beginning and, where they stand still, their end.

    Worlds that go on after an end have rested until then: nothing happens in windows that are proven already.
    """

    live_from: datetime
    ends: datetime | None = None
    rests: tuple[tuple[datetime, datetime], ...] = ()

    @property
    def start(self) -> datetime:
        return self.live_from - HISTORY


def shops(story: Story) -> list[Shop]:
    """The three simulated shops: other platforms, currencies and time zones, each with its share of trouble."""

    def shop(name: str, seed: int, currency: str, timezone: str, *currencies: str) -> Shop:
        return Shop(
            name=f"demo_{name}",
            platform=name if name != "csv" else "csv_drop",
            seed=seed,
            start=story.start,
            live_from=story.live_from,
            ends=story.ends,
            rests=story.rests,
            rate=85.0,
            live_rate=900.0,
            pace=0.01,
            currency=currency,
            currencies=currencies,
            timezone=timezone,
            late=0.1,
            late_by=LATE,
            defects=0.02,
        )

    return [
        shop("shopify", 11, "EUR", "Europe/Stockholm", "SEK", "USD", "JPY"),
        shop("woocommerce", 22, "TWD", "Asia/Taipei"),
        shop("csv", 33, "USD", "America/New_York"),
    ]


def recall(layout: Layout, now: datetime, *, once: bool) -> tuple[Story, bool]:
    """The worlds of an earlier demo in this folder, going on, or new ones; and whether they have ended."""
    path, now = layout.home / "demo.json", now.replace(microsecond=0)
    story = Story(live_from=now.replace(second=0))
    if path.exists():
        story = msgspec.json.decode(path.read_bytes(), type=Story)
        if once and story.ends is not None:
            return story, True
        if story.ends is not None and story.ends < now:
            story = msgspec.structs.replace(story, rests=(*story.rests, (story.ends, now)))
    story = msgspec.structs.replace(story, ends=_rest(now) if once else None)
    path.write_bytes(msgspec.json.encode(story))
    return story, False


def settled() -> timedelta:
    """How long after a change its window may end, so that the run of that window must find it."""
    settle = max(channel.settle for channel in config.read(PROJECT / "include" / "channels").channels)
    return settle + timedelta(seconds=10)


def _rest(now: datetime) -> datetime:
    """When the worlds come to rest: late enough to be seen alive, and just in time for the end of a window."""
    last = (now + LIVE + settled()).replace(second=0, microsecond=0) + timedelta(minutes=1)
    return last - settled()
