"""Weeks of orders of shops of several shapes, and what the watch would have said: hits, misses and false alarms.

Nothing runs and no time is waited for: orders are drawn quarter by quarter of an hour, and judged by the same pure
functions as those of a real channel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from orderflow.domain.alert import conditions
from orderflow.domain.channel import Channel
from orderflow.domain.snapshot import Seen, Snapshot
from orderflow.domain.volume import BIN, HISTORY, Pattern, flow, learn, whole
from orderflow.domain.window import Window

START = datetime(2026, 8, 3, tzinfo=UTC)
"""A Monday: the eight weeks that are judged after the first eight hold the end of summer time in Europe and America."""
JUDGED = Window(START + HISTORY, START + 2 * HISTORY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A kind of shop. `rate` gives orders per hour at a local moment; `noise` is how much days and hours differ."""

    name: str
    zone: str
    rate: Callable[[datetime], float]
    noise: float = 0.15
    holidays: frozenset[date] = frozenset()
    sales: frozenset[date] = frozenset()
    dead: timedelta
    """After so long it is told that nothing comes, wherever in the week that begins."""
    faint: timedelta | None = None
    """The same where a tenth of the usual still comes; None: that is not promised."""


@dataclass(frozen=True, slots=True)
class Outage:
    """From when to when only so much of the usual comes."""

    span: Window
    left: float = 0.0


@dataclass(slots=True)
class Outcome:
    """Alerts of some simulated weeks: when they were raised and taken back."""

    raised: list[datetime] = field(default_factory=list)
    recovered: list[datetime] = field(default_factory=list)


def orders(shape: Shape, outages: Sequence[Outage] = (), *, seed: int) -> dict[datetime, int]:
    """Orders per quarter of an hour; the same seed gives the same weeks, outages apart."""
    dice = np.random.default_rng(seed)
    zone = ZoneInfo(shape.zone)
    bins = _bins(Window(START, JUDGED.end))
    local = [moment.astimezone(zone) for moment in bins]
    daily = {day: dice.lognormal(0, shape.noise) for day in dict.fromkeys(there.date() for there in local)}
    hourly = dice.lognormal(0, shape.noise, len(bins) // 4 + 1)
    means = [
        shape.rate(there) / 4 * daily[there.date()] * hourly[number // 4] * _left(outages, moment)
        for number, (moment, there) in enumerate(zip(bins, local, strict=True))
    ]
    return {moment: int(count) for moment, count in zip(bins, dice.poisson(means), strict=True) if count}


def watched(
    shape: Shape, channel: Channel, found: Mapping[datetime, int], span: Window = JUDGED, *, every: timedelta = BIN
) -> Outcome:
    """Look at these orders, every so often, as the watch does, and keep what it raises and takes back."""
    zone, outcome = ZoneInfo(shape.zone), Outcome()
    holidays, sales = whole(shape.holidays, zone), whole(shape.sales, zone)
    silences: list[tuple[datetime, datetime]] = []
    opened: dict[str, Seen] = {}
    pattern: Pattern | None = None
    now = span.start

    while now < span.end:
        since = _since(opened["silent"]) if "silent" in opened else None
        unjudged = [*holidays, *silences]
        if pattern is None or (now - span.start) % timedelta(days=1) == timedelta(0):
            unlearned = [*unjudged, *sales, *([(since, now)] if since else [])]
            pattern = learn(found, Window(now - HISTORY, now - timedelta(days=1)), shape.zone, unlearned)
        assert pattern is not None, "eight weeks are enough to learn from"
        judged = flow(pattern, found, now, unjudged, silent_since=since)
        snapshot = Snapshot(due_until=now, proven_until=now, started_at=START, done_at=now, open=opened, flow=judged)
        seen = {each.kind: each for each in conditions(snapshot, channel, now)}
        if "silent" in seen and "silent" not in opened:
            outcome.raised.append(now)
        if "silent" in opened and "silent" not in seen:
            outcome.recovered.append(now)
            silences.append((_since(opened["silent"]), now))
        opened = {
            kind: Seen(each, opened[kind].first_at if kind in opened else now, now) for kind, each in seen.items()
        }
        now += every
    return outcome


def _since(seen: Seen) -> datetime:
    return datetime.fromisoformat(seen.condition.facts["since"])


def curve(hour: float, peak: float = 14.0, width: float = 5.0) -> float:
    """The share of the peak hour's orders that come at this local hour: a day with one hill and a quiet night."""
    distance = min(abs(hour - peak), 24 - abs(hour - peak))
    return 0.04 + math.exp(-((distance / width) ** 2))


def _busy(there: datetime) -> float:
    return 120 * curve(there.hour + there.minute / 60, 20, 6) * (1.3 if there.weekday() >= 5 else 1.0)


def _wholesale(there: datetime) -> float:
    if there.weekday() >= 5 or there.date() in _GERMAN or not 7 <= there.hour < 18:
        return 0.0
    return 14.0


def _tiny(there: datetime) -> float:
    return 3 / 24 * curve(there.hour, 16, 6) / 0.48


def _evening(there: datetime) -> float:
    return 9 * curve(there.hour, 19, 4) * (0.6 if there.weekday() == 6 else 1.0)


def _sales(there: datetime) -> float:
    times = 7.0 if there.date() in _SALES else 0.6 if there.date() - timedelta(days=1) in _SALES else 1.0
    return 40 * curve(there.hour, 21, 6) * times


def _season(there: datetime) -> float:
    weeks = (there - START) / timedelta(weeks=1)
    wild = 6.0 if there.date() in _WILD else 1.0
    return 18 * curve(there.hour, 15, 5) * math.pow(0.95, weeks) * wild


_GERMAN = frozenset({date(2026, 10, 3), date(2026, 10, 31), date(2026, 11, 2)})
_SALES = frozenset({date(2026, 9, 9), date(2026, 10, 10), date(2026, 11, 11)})
_WILD = frozenset({date(2026, 9, 22), date(2026, 10, 20)})

SHAPES = (
    Shape(name="busy shop", zone="Asia/Taipei", rate=_busy, dead=timedelta(hours=3), faint=timedelta(hours=5)),
    Shape(
        name="wholesale, weekdays only", zone="Europe/Berlin", rate=_wholesale, holidays=_GERMAN,
        dead=timedelta(days=3, hours=4), faint=timedelta(days=3, hours=5),
    ),
    Shape(name="three orders a day", zone="America/New_York", rate=_tiny, dead=timedelta(days=9)),
    Shape(
        name="evening shop, quiet nights", zone="Europe/London", rate=_evening,
        dead=timedelta(hours=20), faint=timedelta(hours=36),
    ),
    Shape(
        name="sale days in the calendar", zone="Asia/Shanghai", rate=_sales, sales=_SALES, noise=0.2,
        dead=timedelta(hours=8), faint=timedelta(hours=48),
    ),
    Shape(
        name="season that ends, wild days", zone="America/Los_Angeles", rate=_season, noise=0.2,
        dead=timedelta(hours=26), faint=timedelta(days=3),
    ),
)  # fmt: skip


def _left(outages: Sequence[Outage], moment: datetime) -> float:
    return next((each.left for each in outages if moment in each.span), 1.0)


def _bins(span: Window) -> list[datetime]:
    return [span.start + number * BIN for number in range(span.length // BIN)]
