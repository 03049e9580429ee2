"""Gaps: the parts of a channel's time that nothing proves, each with its cause, and the runs that would fill them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal, TypeAlias

from orderflow.domain.window import Window

Cause: TypeAlias = Literal["never run", "in progress", "failed", "held", "unreachable"]

CAUSES: dict[str, Cause] = {
    "planned": "in progress",
    "extracted": "in progress",
    "failed": "failed",
    "held": "held",
    "unreachable": "unreachable",
}
"""What an unproven ledger row's state means for its span."""

ORDERS_PER_RUN = 50_000
"""A run that fills a gap is made so long that it holds about this many orders: minutes of work, not hours."""
SHORTEST_RUN, LONGEST_RUN = timedelta(hours=6), timedelta(days=31)
"""A run is never made shorter, or longer, because of the number of orders."""
UNMEASURED_RUN = timedelta(days=1)
"""Length of a run of a channel of which nothing was pulled yet."""
SMALLEST_PIECE = timedelta(minutes=15)
"""A span that failed is tried again in halves, down to this length."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=2), timedelta(hours=6)
"""Pause after a healing that failed; doubled by every further one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A ledger row that proves nothing. `at` is when it last changed."""

    window: Window
    state: str
    run_id: str
    attempts: int
    error: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """An unproven span and why it is one. `attempts`, `error`, `run_id` and `at` are the newest attempt's.

    `healings` counts the runs that set out to fill it by themselves and failed, `healed_at` is the last one's start.
    """

    window: Window
    cause: Cause
    attempts: int = 0
    error: str | None = None
    run_id: str | None = None
    at: datetime | None = None
    healings: int = 0
    healed_at: datetime | None = None

    def __str__(self) -> str:
        told = f": {self.error}" if self.error and self.cause != "in progress" else ""
        since = f" since {self.at:%Y-%m-%d %H:%MZ}" if self.at and self.cause == "in progress" else ""
        tries = f" after {self.attempts} attempts" if self.attempts > 1 and self.cause == "failed" else ""
        return f"{self.window} {self.cause}{tries}{since}{told}"


def named(unproven: Iterable[Window], attempts: Sequence[Attempt]) -> list[Gap]:
    """These unproven spans (disjoint), cut where their cause changes, in time order.

    The newest attempt that covers a moment names its cause; where there is none, nothing ever ran.
    """
    newest_first = sorted(attempts, key=lambda each: (each.at, each.window), reverse=True)
    found: list[Gap] = []
    for span in sorted(unproven):
        inside = [each for each in newest_first if each.window.start < span.end and each.window.end > span.start]
        edges = {span.start, span.end}
        edges.update(edge for each in inside for edge in (each.window.start, each.window.end) if edge in span)
        cuts = sorted(edges)
        for start, end in pairwise(cuts):
            attempt = next((each for each in inside if each.window.start <= start and end <= each.window.end), None)
            found.append(_gap(Window(start, end), attempt))
    return _joined(found)


def _gap(window: Window, attempt: Attempt | None) -> Gap:
    if attempt is None:
        return Gap(window=window, cause="never run")
    return Gap(
        window=window,
        cause=CAUSES[attempt.state],
        attempts=attempt.attempts,
        error=attempt.error,
        run_id=attempt.run_id,
        at=attempt.at,
    )


def _joined(gaps: Iterable[Gap]) -> list[Gap]:
    """Neighbours that differ in nothing but their span, as one."""
    joined: list[Gap] = []
    for gap in gaps:
        last = joined[-1] if joined else None
        if last and last.window.end == gap.window.start and replace(gap, window=last.window) == last:
            joined[-1] = replace(last, window=Window(last.window.start, gap.window.end))
        else:
            joined.append(gap)
    return joined


def due_at(gap: Gap) -> datetime | None:
    """When a gap may be tried again; None: at once."""
    if not gap.healings or gap.healed_at is None:
        return None
    return gap.healed_at + min(FIRST_WAIT * int(2 ** min(gap.healings - 1, 16)), LONGEST_WAIT)


def longest_run(orders: int, measured: timedelta) -> timedelta:
    """How long a run may be, from how many orders came in so much proven time."""
    if measured <= timedelta(0):
        return UNMEASURED_RUN
    if not orders:
        return LONGEST_RUN
    return min(max(measured * (ORDERS_PER_RUN / orders), SHORTEST_RUN), LONGEST_RUN)


def runs(gaps: Iterable[Gap], *, now: datetime, longest: timedelta | None) -> list[Window]:
    """The fewest runs that fill these gaps, newest first: none longer than `longest` (None: any length).

    Neighbours become one run, whatever their cause. What failed before is tried apart from the rest, in halves, so that
    one bad hour does not keep the others. Gaps in progress, held, unreachable or not due yet are left out.
    """
    wanted = [
        gap for gap in gaps if gap.cause in {"never run", "failed"} and ((due := due_at(gap)) is None or due <= now)
    ]
    pieces: list[Window] = []
    for span in _merged(gap.window for gap in wanted if not gap.healings):
        pieces.extend(_cut(span, longest))
    for gap in wanted:
        if gap.healings:
            half = max(gap.window.length / 2, SMALLEST_PIECE)
            pieces.extend(_cut(gap.window, min(half, longest) if longest else half))
    return sorted(pieces, reverse=True)


def _merged(windows: Iterable[Window]) -> list[Window]:
    merged: list[Window] = []
    for window in sorted(windows):
        if merged and merged[-1].end >= window.start:
            merged[-1] = Window(merged[-1].start, max(merged[-1].end, window.end))
        else:
            merged.append(window)
    return merged


def _cut(window: Window, longest: timedelta | None) -> list[Window]:
    """This span in the fewest equal parts that are short enough, at whole seconds."""
    if longest is None or window.length <= longest:
        return [window]
    count = math.ceil(window.length / longest)
    step = timedelta(seconds=math.ceil((window.length / count).total_seconds()))
    return list(window.slices(min(step, longest)))
