"""Totals by channel that only grow: what calls, batches and deliveries came to since the first day.

Every number is added once, in the transaction of what it counts (a load, the OMS's answers) or, for calls, when the
process that made them is through with the channel. A process that is killed takes the calls of its last minutes along.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from orderflow.domain.batch import Batch, Endpoint
from orderflow.domain.errors import OrderflowError
from orderflow.domain.source import Meter
from orderflow.staging.session import transaction

log = logging.getLogger(__name__)

Totals: TypeAlias = defaultdict[tuple[str, ...], float]
"""What to add, by name and labels (see the table `orderflow.measures`)."""

STAGE_SECONDS = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 150.0, 300.0, 900.0, 3600.0)
LAG_SECONDS = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 14400.0, 86400.0)
DELIVERY_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the buckets of histograms; what takes longer falls into `+Inf`."""

OUTCOMES = ("inserted", "updated", "unchanged", "stale", "quarantined", "unreadable", "duplicates")
"""What became of an order that was fetched: exactly one of these (the balance of `domain.batch.Counts`)."""

MOST_ENDPOINTS = 40
"""Endpoints of one channel that are told apart; an adapter that put ids into its paths would make new ones for ever."""
OTHER = "other"


@contextmanager
def counting(channel: str, meter: Meter, database: Callable[[], AbstractContextManager[Connection]]) -> Iterator[None]:
    """Add what the meter counted to the channel's totals when the context ends, however it ends.

    `database` opens a connection for it. A database that cannot be reached loses the count and nothing else.
    """
    try:
        yield
    finally:
        if meter.endpoints:
            try:
                with database() as connection:
                    called(connection, channel, meter.endpoints)
            except OrderflowError as error:
                log.warning("calls not counted channel=%s: %s", channel, error)


def called(connection: Connection, channel: str, endpoints: Mapping[str, Endpoint]) -> None:
    """Add what calls to the channel cost, answered or not."""
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT DISTINCT labels[1] FROM orderflow.measures WHERE channel = %s AND name = 'requests'", (channel,)
        )
        known = {name for (name,) in cursor.fetchall()}
        add(cursor, channel, _calls(endpoints, known))


def _calls(endpoints: Mapping[str, Endpoint], known: set[str]) -> Totals:
    totals: Totals = defaultdict(float)
    for name, cost in endpoints.items():
        if name not in known and len(known) >= MOST_ENDPOINTS:
            name = OTHER  # noqa: PLW2901 - from here on it is counted there
        known.add(name)
        for status, calls in cost.statuses.items():
            totals["requests", name, status] += calls
        for bound, calls in cost.durations.items():
            totals["request_seconds", name, bound] += calls
        totals["request_seconds", name, "sum"] += cost.seconds
        totals["response_bytes", name] += cost.bytes
        totals["request_retries", name] += cost.retries
        totals["throttled_seconds", name] += cost.throttled_seconds
    return totals


def loaded(cursor: Cursor, batch: Batch) -> None:
    """Add a batch; only in the transaction that loads it. The load's own time is that of the transaction so far."""
    totals: Totals = defaultdict(float)
    for outcome in OUTCOMES:
        totals["orders", outcome] = getattr(batch.counts, outcome)
    for code, orders in batch.reasons.items():
        totals["refusals", code] = orders
    totals["batches", batch.purpose] = 1
    totals["pages",] = batch.counts.pages
    totals["raw_bytes",] = batch.counts.bytes
    cursor.execute("SELECT extract(epoch FROM clock_timestamp() - now())::float8")
    row = cursor.fetchone()
    assert row is not None, "a clock always answers"
    for stage, seconds in {**batch.seconds, "load": row[0]}.items():
        observe(totals, ("stage_seconds", stage), STAGE_SECONDS, [seconds])
    add(cursor, batch.channel, totals)


def settled(
    cursor: Cursor, channel: str, answers: Sequence[tuple[str, float]], lags: Sequence[tuple[bool, float]]
) -> None:
    """Add the OMS's answers (outcome, seconds it took) and lags (whether it came behind, seconds since the change)."""
    totals: Totals = defaultdict(float)
    for outcome, orders in Counter(outcome for outcome, _ in answers).items():
        totals["deliveries", outcome] = orders
    observe(totals, ("delivery_seconds",), DELIVERY_SECONDS, [seconds for _, seconds in answers])
    for lane in ("behind", "live"):
        durations = [seconds for behind, seconds in lags if behind is (lane == "behind")]
        observe(totals, ("lag_seconds", lane), LAG_SECONDS, durations)
    add(cursor, channel, totals)


def postponed(cursor: Cursor, channel: str, orders: int) -> None:
    """Add deliveries that got no answer and are tried again."""
    totals: Totals = defaultdict(float)
    totals["deliveries", "postponed"] = orders
    add(cursor, channel, totals)


def synced(cursor: Cursor, channel: str, seconds: float) -> None:
    """Add one sync that took so long."""
    totals: Totals = defaultdict(float)
    observe(totals, ("stage_seconds", "sync"), STAGE_SECONDS, [seconds])
    add(cursor, channel, totals)


def observe(totals: Totals, key: tuple[str, ...], bounds: tuple[float, ...], durations: Sequence[float]) -> None:
    """Put durations in seconds into their buckets of a histogram; less than nothing (two clocks) counts as nothing."""
    took = [max(0.0, seconds) for seconds in durations]
    for place, times in Counter(bisect_left(bounds, seconds) for seconds in took).items():
        totals[*key, f"{bounds[place]:g}" if place < len(bounds) else "+Inf"] += times
    if took:
        totals[*key, "sum"] += sum(took)


def add(cursor: Cursor, channel: str, totals: Mapping[tuple[str, ...], float]) -> None:
    """Add these to the channel's totals, in the order of their keys, so that two who add never wait for each other."""
    rows = [[name, labels, value] for (name, *labels), value in sorted(totals.items())]
    cursor.execute(
        """
        INSERT INTO orderflow.measures AS m (channel, name, labels, value)
        SELECT %s, r ->> 0, ARRAY(SELECT jsonb_array_elements_text(r -> 1)), (r ->> 2)::float8
        FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS rows(r, place) ORDER BY place
        ON CONFLICT (channel, name, labels) DO UPDATE SET value = m.value + excluded.value
        """,
        (channel, msgspec.json.encode(rows).decode()),
    )
