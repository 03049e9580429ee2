"""All channels side by side: the last batch, recent volume, how long orders take, what waits. Reads only.

Every statement goes by index over what is recent or what waits, so that it costs the same with a million orders.
`volumes` and `lags` read much of each channel: they are for those that a page shows, not for thousands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.batch import Counts
from orderflow.domain.window import Window

RECENT = 50
"""So many deliveries of a channel, its latest, say how long orders take."""
LIVE = timedelta(hours=6)
"""What was loaded this long after its window catches up; it says nothing about how fast a channel is."""


@dataclass(frozen=True, slots=True)
class LastBatch:
    """A channel's newest loaded window."""

    window: Window
    state: str
    run_id: str
    loaded_at: datetime
    counts: Counts
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Orders of one channel in quarantine; `values` is the value at risk by currency."""

    open: int = 0
    parked: int = 0
    values: dict[str, Decimal] = field(default_factory=dict)


def last_batches(cursor: Cursor, channels: Sequence[str]) -> dict[str, LastBatch]:
    cursor.execute(
        """
        SELECT asked.channel, w.* FROM unnest(%s::text[]) AS asked(channel) CROSS JOIN LATERAL (
            SELECT window_start, window_end, state, run_id, loaded_at, counts, notes FROM orderflow.windows AS w
            WHERE w.channel = asked.channel COLLATE "C" AND w.loaded_at IS NOT NULL ORDER BY window_start DESC LIMIT 1
        ) AS w
        """,
        (list(channels),),
    )
    return {
        name: LastBatch(Window(start, end), state, run_id, loaded_at, msgspec.convert(counts, Counts), notes)
        for name, start, end, state, run_id, loaded_at, counts, notes in cursor.fetchall()
    }


def volumes(cursor: Cursor, channels: Sequence[str], within: Window, step: timedelta) -> dict[str, list[int]]:
    """New orders of each channel by the start of the window that brought them, in steps of this length.

    Of a window that reaches beyond `within` (a backfill) they are as many as its part within is long.
    """
    cursor.execute(
        """
        SELECT channel, floor(extract(epoch FROM greatest(window_start, %(start)s) - %(start)s)
                / extract(epoch FROM %(step)s))::integer AS place,
            round(sum(coalesce((counts ->> 'inserted')::bigint, 0)
                * extract(epoch FROM least(window_end, %(end)s) - greatest(window_start, %(start)s))
                / extract(epoch FROM window_end - window_start)))::bigint
        FROM orderflow.windows_within(%(channels)s, %(start)s, %(end)s) WHERE loaded_at IS NOT NULL GROUP BY 1, 2
        """,
        {"start": within.start, "end": within.end, "step": step, "channels": list(channels)},
    )
    steps = -(-within.length // step)
    found: dict[str, list[int]] = defaultdict(lambda: [0] * steps)
    for channel, place, orders in cursor.fetchall():
        found[channel][min(place, steps - 1)] = orders
    return found


def day(cursor: Cursor, channels: Sequence[str], until: datetime) -> dict[str, int]:
    """New orders of the windows that ended in the 24 hours before this moment; only channels of which one did.

    Of a window that is longer than a day they are as many as one of its days brought.
    """
    cursor.execute(
        """
        SELECT channel, round(sum(coalesce((counts ->> 'inserted')::bigint, 0)
            * least(1, 86400 / extract(epoch FROM window_end - window_start))))::bigint
        FROM orderflow.windows_within(%(channels)s, %(start)s, %(end)s)
        WHERE loaded_at IS NOT NULL AND window_end <= %(end)s GROUP BY 1
        """,
        {"channels": list(channels), "start": until - timedelta(days=1), "end": until},
    )
    return dict(cursor.fetchall())


def lags(cursor: Cursor, channels: Sequence[str]) -> dict[str, timedelta]:
    """Median time from a change on the channel to its acceptance by the OMS, of each channel's latest live orders."""
    cursor.execute(
        """
        SELECT asked.channel, make_interval(secs => percentile_cont(0.5) WITHIN GROUP (ORDER BY took.seconds))
        FROM unnest(%(channels)s::text[]) AS asked(channel) CROSS JOIN LATERAL (
            SELECT extract(epoch FROM r.accepted_at - v.channel_updated_at) AS seconds
            FROM (
                SELECT order_id, version, accepted_at FROM orderflow.receipts
                WHERE channel = asked.channel COLLATE "C" AND outcome = 'accepted'
                ORDER BY accepted_at DESC LIMIT %(most)s
            ) AS r
            CROSS JOIN LATERAL (
                SELECT channel_updated_at, loaded_at, window_end FROM orderflow.order_versions
                WHERE channel = asked.channel COLLATE "C" AND order_id = r.order_id AND version = r.version LIMIT 1
            ) AS v
            WHERE v.loaded_at - v.window_end < %(live)s AND v.channel_updated_at IS NOT NULL
        ) AS took GROUP BY 1
        """,
        {"channels": list(channels), "most": RECENT, "live": LIVE},
    )
    return dict(cursor.fetchall())


def waiting(cursor: Cursor, channels: Sequence[str]) -> dict[str, Waiting]:
    """What is in quarantine; only channels of which something is."""
    cursor.execute(
        """
        SELECT channel, state, currency, count(*), sum(value) FROM orderflow.quarantine
        WHERE state IN ('open', 'parked') AND channel = ANY(%s) GROUP BY 1, 2, 3
        """,
        (list(channels),),
    )
    counts: dict[str, dict[str, int]] = defaultdict(lambda: {"open": 0, "parked": 0})
    values: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for channel, state, currency, orders, value in cursor.fetchall():
        counts[channel][state] += orders
        if value:
            values[channel][currency or "?"] = values[channel].get(currency or "?", Decimal(0)) + value
    return {name: Waiting(each["open"], each["parked"], values[name]) for name, each in counts.items()}


def backlogs(cursor: Cursor) -> dict[str, tuple[int, datetime]]:
    """Orders that the OMS has not got yet, and since when the first waits; only channels that have one."""
    cursor.execute("SELECT channel, count(*), min(enqueued_at) FROM orderflow.outbox GROUP BY channel")
    return {channel: (orders, since) for channel, orders, since in cursor.fetchall()}


def left_behind(cursor: Cursor, channels: Collection[str]) -> dict[str, tuple[int, int]]:
    """Orders in quarantine and orders that the OMS has not got, of channels other than these."""
    cursor.execute(
        """
        SELECT channel, count(*) FILTER (WHERE quarantined), count(*) FILTER (WHERE NOT quarantined) FROM (
            SELECT channel, true AS quarantined FROM orderflow.quarantine WHERE state IN ('open', 'parked')
            UNION ALL SELECT channel, false FROM orderflow.outbox
        ) AS unfinished WHERE channel <> ALL(%s::text[]) GROUP BY channel ORDER BY channel
        """,
        (list(channels),),
    )
    return {channel: (waiting, owed) for channel, waiting, owed in cursor.fetchall()}


@dataclass(frozen=True, slots=True)
class Brought:
    """A window that a run pulled; `loaded_at` is None where it is not staged (yet)."""

    channel: str
    window: Window
    state: str
    counts: Counts
    reasons: Mapping[str, int]
    notes: Sequence[str]
    error: str | None
    loaded_at: datetime | None


def brought(cursor: Cursor, channel: str, run_id: str) -> list[Brought]:
    """What this run of the channel's own DAG pulled."""
    cursor.execute(
        f"""
        SELECT {_BROUGHT} FROM orderflow.windows AS w WHERE channel = %s AND run_id = %s
        ORDER BY window_start DESC LIMIT 100
        """,  # noqa: S608 - names of this module
        (channel, run_id),
    )
    return _brought(cursor)


def healed(cursor: Cursor, run_id: str) -> list[Brought]:
    """What this run of the DAG `heal` pulled, and what it found out of reach.

    The channels' own runs that are called so, as those of one moment are, are others.
    """
    cursor.execute(
        f"""
        SELECT {_BROUGHT} FROM orderflow.healings AS h JOIN orderflow.windows AS w
            USING (channel, window_start, window_end, run_id) WHERE h.dag_run_id = %(run)s
        UNION ALL
        SELECT {_BROUGHT} FROM orderflow.windows AS w WHERE state = 'unreachable' AND run_id = %(run)s
        ORDER BY channel, window_start DESC LIMIT 100
        """,  # noqa: S608 - names of this module
        {"run": run_id},
    )
    return _brought(cursor)


def _brought(cursor: Cursor) -> list[Brought]:
    return [
        Brought(name, Window(start, end), state, msgspec.convert(counts, Counts), *rest)
        for name, start, end, state, counts, *rest in cursor.fetchall()
    ]


_BROUGHT = "channel, window_start, window_end, w.state, w.counts, w.reasons, w.notes, w.error, w.loaded_at"
