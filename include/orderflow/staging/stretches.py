"""Coverage as people look at it: every stretch of some channels' time, and how it stands. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.gap import Attempt, Gap, named
from orderflow.domain.window import Window


@dataclass(frozen=True, slots=True)
class Stretches:
    """One channel's span: what is proven, by the ledger's state (`loaded`, `synced`, `reconciled`), and the gaps."""

    proven: list[tuple[Window, str]]
    gaps: list[Gap]


def stretches(cursor: Cursor, asked: Mapping[str, Window]) -> dict[str, Stretches]:
    """For each of these channels, its span cut by state; both lists in time order."""
    if not asked:
        return {}
    whole = Window(min(each.start for each in asked.values()), max(each.end for each in asked.values()))
    values = {"start": whole.start, "end": whole.end, "channels": list(asked)}
    cursor.execute(_PROVEN, values)
    proven: dict[str, list[tuple[Window, str]]] = defaultdict(list)
    for channel, state, start, end in cursor.fetchall():
        if part := _within(asked[channel], start, end):
            proven[channel].append((part, state))
    cursor.execute(_ATTEMPTS, values)
    attempts: dict[str, list[Attempt]] = defaultdict(list)
    for channel, start, end, state, run_id, count, error, at in cursor.fetchall():
        attempts[channel].append(
            Attempt(window=Window(start, end), state=state, run_id=run_id, attempts=count, error=error, at=at)
        )
    return {
        channel: Stretches(
            sorted(proven[channel]),
            named(_without(span, (window for window, _ in proven[channel])), attempts[channel]),
        )
        for channel, span in asked.items()
    }


def _within(span: Window, start: datetime, end: datetime) -> Window | None:
    """The part of `[start, end)` that lies in the span."""
    first, past = max(span.start, start), min(span.end, end)
    return Window(first, past) if first < past else None


def _without(span: Window, proven: Iterable[Window]) -> list[Window]:
    """What of a span is in none of these windows."""
    left, at = [], span.start
    for window in sorted(proven):
        if window.start > at:
            left.append(Window(at, window.start))
        at = max(at, window.end)
    if at < span.end:
        left.append(Window(at, span.end))
    return left


_PROVEN = """
SELECT channel, state, lower(part), upper(part) FROM (
    SELECT channel, state, unnest(range_agg(span)) AS part FROM orderflow.windows
    WHERE span && tstzrange(%(start)s, %(end)s) AND channel = ANY(%(channels)s) AND loaded_at IS NOT NULL
    GROUP BY channel, state
) AS parts
"""

_ATTEMPTS = """
SELECT channel, window_start, window_end, state, run_id, attempts, error,
    greatest(planned_at, extracted_at, failed_at, held_at, unreachable_at)
FROM orderflow.windows
WHERE span && tstzrange(%(start)s, %(end)s) AND channel = ANY(%(channels)s) AND loaded_at IS NULL
"""
