"""Coverage as people look at it: every stretch of some channels' time, and how it stands. Reads only.

It reads what is kept of each channel (see the migration `0034_proven`) and the few windows that prove nothing, so that
thousands of channels cost little, whatever their ledgers hold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.gap import Attempt, Gap, named
from orderflow.domain.window import Window


def gaps(cursor: Cursor, asked: Mapping[str, Window]) -> dict[str, list[Gap]]:
    """What of each channel's span nothing proves, with its causes, in time order."""
    if not asked:
        return {}
    cursor.execute(_UNPROVEN, _values(asked))
    unproven: dict[str, list[Window]] = defaultdict(list)
    for channel, start, end in cursor.fetchall():
        unproven[channel].append(Window(start, end))
    whole = Window(min(each.start for each in asked.values()), max(each.end for each in asked.values()))
    cursor.execute(_ATTEMPTS, {"channels": list(unproven), "start": whole.start, "end": whole.end})
    attempts: dict[str, list[Attempt]] = defaultdict(list)
    for channel, start, end, state, run_id, count, error, at in cursor.fetchall():
        attempts[channel].append(
            Attempt(window=Window(start, end), state=state, run_id=run_id, attempts=count, error=error, at=at)
        )
    return {channel: named(unproven[channel], attempts[channel]) for channel in asked}


def proven(cursor: Cursor, asked: Mapping[str, Window]) -> dict[str, list[tuple[Window, str]]]:
    """What of each channel's span is proven, and its ledger state (`loaded`, `synced`, `reconciled`), in time order."""
    found: dict[str, list[tuple[Window, str]]] = {channel: [] for channel in asked}
    cursor.execute(_PROVEN, _values(asked))
    for channel, state, start, end in cursor.fetchall():
        found[channel].append((Window(start, end), state))
    return {channel: sorted(parts) for channel, parts in found.items()}


def _values(asked: Mapping[str, Window]) -> dict[str, Any]:
    spans = asked.values()
    return {"channels": list(asked), "starts": [span.start for span in spans], "ends": [span.end for span in spans]}


_UNPROVEN = """
SELECT channel, lower(part), upper(part)
FROM unnest(%(channels)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS asked(channel, start, past)
LEFT JOIN orderflow.coverage USING (channel)
CROSS JOIN LATERAL unnest(tstzmultirange(tstzrange(start, past)) - coalesce(proven, '{}')) AS part
"""

# All states of windows that prove nothing, spelled so that the index of what is unfinished answers.
_ATTEMPTS = """
SELECT channel, window_start, window_end, state, run_id, attempts, error,
    greatest(planned_at, extracted_at, failed_at, held_at, unreachable_at)
FROM orderflow.windows
WHERE state IN ('planned', 'extracted', 'failed', 'held', 'unreachable') AND channel = ANY(%(channels)s)
    AND window_start < %(end)s AND window_end > %(start)s
"""

_PROVEN = """
SELECT channel, state, lower(part), upper(part)
FROM unnest(%(channels)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS asked(channel, start, past)
JOIN orderflow.coverage USING (channel)
CROSS JOIN LATERAL (VALUES
    ('loaded', proven - delivered), ('synced', delivered - compared), ('reconciled', compared)
) AS told(state, parts)
CROSS JOIN LATERAL unnest(parts * tstzmultirange(tstzrange(start, past))) AS part
"""
