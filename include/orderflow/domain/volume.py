"""How many orders a channel usually gets, hour by hour of its week, and whether too few come now.

Orders are counted by the moment they were created on the channel, in quarters of an hour. What is usual comes from the
channel's own last weeks; what people call a holiday is never judged, and neither holidays nor sale days are learned
from. Pure functions, so that weeks can be simulated in seconds.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from statistics import median
from typing import TypeAlias
from zoneinfo import ZoneInfo

from orderflow.domain.window import Window

BIN = timedelta(minutes=15)
"""Orders are counted in spans of this length, which begin at full quarters of an hour (UTC)."""
HISTORY = timedelta(weeks=8)
ENOUGH = timedelta(days=14)
"""Less proven history than this says nothing of a week."""
LONGEST_LOOK = timedelta(days=14)
"""How far back a shortfall is looked for; later a channel that stays quiet is a quiet channel."""
FEW = 0.3
"""Fewer than this share of what is usual are too few, if chance cannot explain it."""
FLOWING, SURELY = 0.6, 1e-2
"""So much of what is usual says that orders come, if too few would look like that with no more than this chance."""
CHANCE = 1e-6
"""A shortfall that comes about by chance more often than this is none (measured by benchmarks/alert_weeks.py)."""
LEAST_SPREAD, LEAST_OF_WEEKS = 0.05, 0.02
"""A channel whose days seem to differ less than by a fifth, or whose weeks by a seventh, was not seen long enough."""
BLOCKS, BLOCK_HOLDS = (1, 6, 24, 168), 10
"""Hours of the blocks by whose differences the spread is measured: the shortest that hold so many orders."""

_EPOCH, _HOUR = datetime(1970, 1, 1, tzinfo=UTC), timedelta(hours=1)

Left: TypeAlias = Sequence[tuple[datetime, datetime]]
"""Spans `[start, end)` (aware): the quarters of an hour that begin in one of them are left out."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Orders per hour by hour of the local week (0: Monday from midnight), and how much they vary.

    `spread` is the squared relative deviation beyond what counting alone explains: 0.04 for a channel whose days
    differ by a fifth.
    """

    rates: tuple[float, ...]
    spread: float
    zone: str

    def expected(self, moment: datetime, length: timedelta = BIN) -> float:
        """How many orders are usual in so much time from `moment` (aware) on, within one hour."""
        return self.rates[_slot(moment, ZoneInfo(self.zone))] * (length / timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Too few orders: `orders` since `since`, where `expected` are usual."""

    since: datetime
    orders: int
    expected: float


@dataclass(frozen=True, slots=True)
class Flow:
    """What the latest orders say: too few, or that they come; neither where too little is expected to tell."""

    shortfall: Shortfall | None = None
    flowing: bool = False


def learn(orders: Mapping[datetime, int], span: Window, zone: str, left_out: Left) -> Pattern | None:
    """The pattern of a span out of the orders per quarter of an hour; None where there is too little to learn from."""
    hours = _hours(orders, span, ZoneInfo(zone), left_out)
    if timedelta(hours=len(hours)) < ENOUGH:
        return None
    calm = _calm(hours)
    by_slot: list[list[int]] = [[] for _ in range(168)]
    for _, slot, count in calm:
        by_slot[slot].append(count)
    rates = [_usual(counts) for counts in by_slot]
    level = _level(rates, hours)
    return Pattern(tuple(rate * level for rate in rates), _spread(rates, calm), zone)


def flow(
    pattern: Pattern,
    orders: Mapping[datetime, int],
    until: datetime,
    left_out: Left,
    *,
    silent_since: datetime | None = None,
) -> Flow:
    """Look back from `until` (aware; what was created before is known), and judge every span that ends there.

    Of a channel that is known to be silent only what came since then says that orders come again.
    """
    first = max(until - LONGEST_LOOK, silent_since or until - LONGEST_LOOK)
    left = _quarters(left_out, floor(first), until)
    worst, least = None, math.log(CHANCE)
    came, usual, moment = 0, 0.0, until
    while moment > first:
        start = floor(moment - timedelta(microseconds=1))
        if not left or _number(start, BIN) not in left:
            came += orders.get(start, 0)
            usual += pattern.expected(start, moment - start)
            if came >= FLOWING * usual and _at_least(came, FEW * usual) < SURELY:
                return Flow(worst, flowing=worst is None)
            if came < FEW * usual and (chance := _log_chance(came, usual, pattern.spread)) < least:
                worst, least = Shortfall(start, came, usual), chance
        moment = start
    return Flow(worst)


def whole(days: Iterable[date], zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """These days, each from midnight to midnight there."""
    midnights = [datetime.combine(day, time.min, zone) for day in days]
    return [(midnight, midnight + timedelta(days=1)) for midnight in midnights]


def floor(moment: datetime) -> datetime:
    """The beginning of the quarter of an hour that `moment` lies in."""
    return moment.replace(minute=moment.minute - moment.minute % 15, second=0, microsecond=0)


@lru_cache(maxsize=65536)
def _slot(moment: datetime, zone: ZoneInfo) -> int:
    there = moment.astimezone(zone)
    return there.weekday() * 24 + there.hour


@lru_cache(maxsize=8192)
def _slots(day: int, zone: ZoneInfo) -> list[int]:
    """The hour of the week in which each hour of a day (UTC, counted from 1970) begins."""
    midnight = _EPOCH + timedelta(days=day)
    return [_slot(midnight + timedelta(hours=hour), zone) for hour in range(24)]


def _number(moment: datetime, length: timedelta) -> int:
    """How many such spans began since 1970 before this moment, those that begin then left out."""
    return -((_EPOCH - moment) // length)


def _quarters(left_out: Left, start: datetime, end: datetime) -> set[int]:
    """Numbers of the quarters of an hour between these moments that are left out."""
    return {
        quarter
        for since, until in left_out
        for quarter in range(_number(max(since, start), BIN), _number(min(until, end), BIN))
    }


def _hours(orders: Mapping[datetime, int], span: Window, zone: ZoneInfo, left_out: Left) -> list[tuple[int, int, int]]:
    """Number (from 1970), hour of the week and orders of every full hour of the span of which nothing is left out."""
    came: Counter[int] = Counter()
    for quarter, count in orders.items():
        came[int(quarter.timestamp()) // 3600] += count
    left = {quarter // 4 for quarter in _quarters(left_out, span.start, span.end)}
    first, past = _number(span.start, _HOUR), (span.end - _EPOCH) // _HOUR
    return [(hour, _slots(hour // 24, zone)[hour % 24], came[hour]) for hour in range(first, past) if hour not in left]


def _calm(hours: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """What is learned from: all; where few orders come, what lies before the span in which a shortfall is looked for.

    There a silence takes days to show, and if it was learned from it would excuse itself: a week without orders lowers
    what is usual, and widens what chance may do. Less than four weeks before that span are too few.
    """
    before = hours[-1][0] - LONGEST_LOOK // _HOUR
    early = [each for each in hours if each[0] < before]
    few = 24 * sum(count for _, _, count in hours) < BLOCK_HOLDS * len(hours)
    return early if few and timedelta(hours=len(early)) >= 2 * ENOUGH else hours


def _usual(counts: list[int]) -> float:
    """Their mean, with what is far above the median taken back: one wild day must not raise what is usual.

    A mean, because the median of a channel with three orders a day is zero in every hour.
    """
    if not counts:
        return 0.0
    most = 2 * median(counts) + 3
    return sum(min(count, most) for count in counts) / len(counts)


def _level(rates: list[float], hours: list[tuple[int, int, int]]) -> float:
    """How the week before last went, compared with all: a season that ends is no outage.

    Not the last one: where few orders come, an outage of days is found only by what came before it. And not of a
    channel with less than a hundred orders a week, which vary by chance.
    """
    end = hours[-1][0]
    last = [each for each in hours if end - 14 * 24 <= each[0] < end - 7 * 24]
    usual = sum(rates[slot] for _, slot, _ in last)
    return min(1.25, max(0.3, sum(count for _, _, count in last) / usual)) if usual >= 100 else 1.0


def _spread(rates: list[float], hours: list[tuple[int, int, int]]) -> float:
    """Squared relative deviation of blocks of hours from what is usual, without what counting explains."""
    length = next((each for each in BLOCKS if sum(rates) / 168 * each >= BLOCK_HOLDS), BLOCKS[-1])
    came: dict[tuple[int, int], float] = defaultdict(float)
    usual: dict[tuple[int, int], float] = defaultdict(float)
    for hour, slot, count in hours:
        block = (hour - slot) // 24, slot // length
        came[block] += min(count, 2 * rates[slot] + 3)
        usual[block] += rates[slot]
    beyond = sum((came[block] - usual[block]) ** 2 - usual[block] for block in usual)
    squares = sum(each**2 for each in usual.values())
    weeks = max(2.0, len(hours) / 168)
    least = LEAST_OF_WEEKS if length == BLOCKS[-1] else LEAST_SPREAD
    return max(least, beyond / squares * weeks / (weeks - 1)) if squares else least


def _at_least(came: int, usual: float) -> float:
    """How likely it is that so many come, or more, where `usual` are expected (Poisson)."""
    if came >= 100:
        return 0.0 if came > 1.5 * usual else 1.0
    one = math.exp(-usual)
    below = 0.0
    for count in range(came):
        below += one
        one *= usual / (count + 1)
    return 1 - below


def _log_chance(came: int, usual: float, spread: float) -> float:
    """Log of how likely it is that so few come where `usual` are expected: a negative binomial's lower tail."""
    if usual > 2000:
        came, usual = round(came * 2000 / usual), 2000.0
    size = 1 / spread
    one = total = size * math.log(size / (size + usual))
    for count in range(came):
        one += math.log((count + size) / (count + 1) * usual / (usual + size))
        high, low = max(total, one), min(total, one)
        total = high + math.log1p(math.exp(low - high))
    return total
