"""How a channel's windows have gone so far: its last run, and what windows and orders cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.window import Window
from orderflow.staging.session import transaction


@dataclass(frozen=True, slots=True)
class Run:
    """What the ledger says of one window. `seconds` is the wall time of all its stages, `at` its last change."""

    window: Window
    state: str
    run_id: str
    attempts: int
    error: str | None
    bytes: int
    at: datetime
    fetched: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """What so many proven windows, so much business time in all, brought and cost."""

    windows: int
    span: timedelta
    orders: int
    calls: int
    calls_per_window: float
    calls_per_order: float
    seconds_per_window: float
    seconds_per_order: float


def last_run(connection: Connection, channel: str) -> Run | None:
    """The channel's window that changed last; None when nothing ever ran."""
    with transaction(connection) as cursor:
        cursor.execute(
            """
            SELECT window_start, window_end, state, run_id, attempts, error, bytes,
                greatest(planned_at, extracted_at, loaded_at, synced_at, reconciled_at, failed_at, held_at,
                    unreachable_at) AS at,
                coalesce((counts ->> 'fetched')::bigint, 0),
                coalesce((SELECT sum(value::float8) FROM jsonb_each_text(seconds)), 0)
            FROM orderflow.windows WHERE channel = %s AND attempts > 0 ORDER BY at DESC LIMIT 1
            """,
            (channel,),
        )
        row = cursor.fetchone()
    if row is None:
        return None
    start, end, state, run_id, attempts, error, size, at, fetched, seconds = row
    return Run(Window(start, end), state, run_id, attempts, error, size, at, fetched, seconds)


def pace(connection: Connection, channel: str) -> Pace:
    """What the channel's latest proven windows brought and cost, at most five hundred of them.

    A line through their orders and costs tells what a window costs by itself from what each order adds.
    """
    with transaction(connection) as cursor:
        cursor.execute(
            """
            WITH latest AS (
                SELECT extract(epoch FROM window_end - window_start)::float8 AS span,
                    coalesce((counts ->> 'fetched')::float8, 0) AS orders,
                    (SELECT coalesce(sum(value::float8), 0) FROM jsonb_each_text(seconds)) AS seconds,
                    (SELECT coalesce(sum(coalesce((value ->> 'calls')::float8, 0)), 0) FROM jsonb_each(endpoints))
                        AS calls
                FROM orderflow.windows WHERE channel = %s AND loaded_at IS NOT NULL
                ORDER BY window_start DESC LIMIT 500
            )
            SELECT count(*), coalesce(sum(span), 0), coalesce(sum(orders), 0)::bigint, coalesce(sum(calls), 0)::bigint,
                greatest(0, coalesce(regr_intercept(calls, orders), avg(calls), 0)),
                greatest(0, coalesce(regr_slope(calls, orders), 0)),
                greatest(0, coalesce(regr_intercept(seconds, orders), avg(seconds), 0)),
                greatest(0, coalesce(regr_slope(seconds, orders), 0))
            FROM latest
            """,
            (channel,),
        )
        row = cursor.fetchone()
    assert row is not None
    windows, span, *rest = row
    return Pace(windows, timedelta(seconds=span), *rest)
