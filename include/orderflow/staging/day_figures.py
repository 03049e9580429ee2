"""Counts and sums of a compared day, side by side, and what the ledger proves of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.message import said
from orderflow.domain.reconciliation import UNEXPLAINED, Coverage, Name, Tally
from orderflow.domain.window import Window
from orderflow.staging.sides_sql import OF_DAY


@dataclass(frozen=True, slots=True)
class Figures:
    """One side: its orders, those of them without an amount, and sums by currency."""

    orders: int
    without_amount: int
    sums: dict[str, str]


@dataclass(frozen=True, slots=True)
class Counted:
    sides: dict[str, Figures]
    agreed: int
    differing: int
    unexplained: int
    repaired: int
    causes: dict[Name, Tally]
    coverage: Coverage
    open: list[str]
    """Why the day is not settled yet; empty when it is."""


def count(cursor: Cursor, values: Mapping[str, Any], *, now: datetime) -> Counted:
    """Figures of the day whose sides stand in the temporary tables; `values` as in `sides_sql`."""
    cursor.execute(_ORDERS, {**values, "unexplained": list(UNEXPLAINED)})
    ((agreed, differing, unexplained, repaired),) = cursor.fetchall()
    cursor.execute(_CAUSES)
    causes = {cause: Tally(orders=orders, repaired=mended) for cause, orders, mended in cursor.fetchall()}
    coverage = _coverage(cursor, values)
    open_ = ["the day is not over"] if now < values["end"] else []
    if gaps := coverage.gaps:
        spans = "{n} span is not loaded, from {start} on|{n} spans are not loaded, from {start} on"
        open_.append(said(spans, n=len(gaps), start=gaps[0]))
    if beyond := coverage.unreachable:
        spans = (
            "{n} span is out of the account's reach, from {start} on|"
            "{n} spans are out of the account's reach, from {start} on"
        )
        open_.append(said(spans, n=len(beyond), start=beyond[0]))
    open_ += [said(told, n=causes[cause].orders) for cause, told in _WAITS.items() if cause in causes]
    return Counted(
        sides={name: _figures(cursor, sql, values) for name, sql in _FIGURES.items()},
        agreed=agreed,
        differing=differing,
        unexplained=unexplained,
        repaired=repaired,
        causes=causes,
        coverage=coverage,
        open=open_,
    )


def _figures(cursor: Cursor, sql: str, values: Mapping[str, Any]) -> Figures:
    cursor.execute(sql, values)
    rows = cursor.fetchall()
    sums = {currency: amount for currency, _, _, amount in rows if currency and amount is not None}
    counted = sum(told for currency, _, told, _ in rows if currency)
    orders = sum(orders for _, orders, _, _ in rows)
    return Figures(orders, orders - counted, sums)


def _coverage(cursor: Cursor, values: Mapping[str, Any]) -> Coverage:
    span = Window(values["start"] + values["settle"], values["end"] + values["settle"] + values["lookback"])
    asked = {"channel": values["channel"], "start": span.start, "end": span.end}
    cursor.execute(_STATES, asked)
    states = dict(cursor.fetchall())
    cursor.execute(_PARTS, asked)
    parts: dict[str, list[Window]] = {"proven": [], "gap": [], "unreachable": []}
    for kind, start, end in cursor.fetchall():
        parts[kind].append(Window(start, end))
    proven = sum((part.length for part in parts["proven"]), timedelta(0))

    return Coverage(
        span=str(span),
        share=round(proven / span.length, 6),
        windows=states,
        gaps=[str(gap) for gap in parts["gap"]],
        unreachable=[str(part) for part in parts["unreachable"]],
    )


_WAITS: dict[Name, str] = {
    "not_yet_due": "{n} order is not yet due|{n} orders are not yet due",
    "waiting": "{n} order is waiting|{n} orders are waiting",
}
"""Causes that time heals, and how they keep a day open."""

_ORDERS = f"""
WITH known AS (
    SELECT order_id FROM pg_temp.sides_channel
    UNION
    SELECT o.order_id FROM orderflow.orders AS o WHERE o.channel = %(channel)s AND {OF_DAY}
), counted AS (
    SELECT count(DISTINCT order_id) AS differing,
        count(DISTINCT order_id) FILTER (WHERE cause = ANY(%(unexplained)s) AND NOT repaired) AS unexplained,
        count(DISTINCT order_id) FILTER (WHERE repaired) AS repaired
    FROM pg_temp.sides_differences
)
SELECT (SELECT count(*) FROM known) - differing, differing, unexplained, repaired FROM counted
"""  # noqa: S608 - text of ours, no input

_CAUSES = """
SELECT cause, count(DISTINCT order_id), count(DISTINCT order_id) FILTER (WHERE repaired)
FROM pg_temp.sides_differences GROUP BY cause ORDER BY cause
"""

_SOURCES = {
    "channel": ("total", "pg_temp.sides_channel"),
    "staging": ("grand_total", f"orderflow.orders AS o WHERE o.channel = %(channel)s AND {OF_DAY}"),
    "oms": ("total", "pg_temp.sides_oms"),
}
_FIGURES = {
    side: f"SELECT currency, count(*), count({amount}), trim_scale(sum({amount}))::text FROM {rows} "  # noqa: S608 - text of ours, no input
    "GROUP BY currency ORDER BY currency"
    for side, (amount, rows) in _SOURCES.items()
}

_STATES = """
SELECT state, count(*) FROM orderflow.windows
WHERE channel = %(channel)s AND window_start < %(end)s AND window_end > %(start)s GROUP BY state ORDER BY state
"""

_PARTS = """
WITH known AS (
    SELECT tstzmultirange(tstzrange(%(start)s, %(end)s)) AS asked,
        coalesce(range_agg(span) FILTER (WHERE loaded_at IS NOT NULL), '{}') AS proven,
        coalesce(range_agg(span) FILTER (WHERE state = 'unreachable'), '{}') AS unreachable
    FROM orderflow.windows
    WHERE channel = %(channel)s AND window_start < %(end)s AND window_end > %(start)s
), parts AS (
    SELECT 'proven' AS kind, unnest(asked * proven) AS part FROM known
    UNION ALL SELECT 'gap', unnest(asked - proven - unreachable) FROM known
    UNION ALL SELECT 'unreachable', unnest(asked * unreachable - proven) FROM known
)
SELECT kind, lower(part), upper(part) FROM parts ORDER BY lower(part)
"""
