"""The report's questions to the staging database: read only, by index, bounded in rows and in time.

Every question takes `channel`, `zone` (IANA), `start` and `end` (aware, midnights of that zone). An order belongs to
the day on which it was created on the channel; a refused one whose time could not be read, to the day of its window.
Each order has one fate: what waits, or was discarded, is not accepted, though an earlier version of it is staged; what
was released waits until it is judged again.
"""

# ruff: noqa: S608 - every statement is text of this module; values go by parameters alone

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import RealDictCursor

from orderflow.domain.errors import TransientError

SLOWEST = "120s"
"""No question of the report runs longer."""
MOST_PROVEN = 100_000
"""Orders, newest first, whose money is added up part by part."""
MOST_REFUSED = 20_000
"""Refused orders, newest first, that are sorted into clusters."""

_WAITS = "(q.state IN ('open', 'parked') OR q.state = 'released' AND q.replay_asked_at IS NOT NULL)"
_REFUSED = f"""
    SELECT q.*, {_WAITS} AS waits, (coalesce(CASE WHEN created
            ~ '^\\d{{4}}-[01]\\d-[0-3]\\dT[0-2]\\d:[0-5]\\d:[0-5]\\d(\\.\\d+)?Z$'
        THEN created::timestamptz END, q.window_start) AT TIME ZONE %(zone)s)::date AS day
    FROM orderflow.quarantine AS q
    CROSS JOIN LATERAL (SELECT coalesce(document ->> 'channel_created_at', document ->> 'placed_at') AS created) AS said
    WHERE q.channel = %(channel)s AND q.window_end > %(start)s
"""
_IN_DAYS = "day >= (%(start)s AT TIME ZONE %(zone)s)::date AND day < (%(end)s AT TIME ZONE %(zone)s)::date"
_CREATED = "o.channel = %(channel)s AND o.channel_created_at >= %(start)s AND o.channel_created_at < %(end)s"
_VALUE = "coalesce(o.shop_grand_total, o.grand_total)"
_CURRENCY = "CASE WHEN o.shop_grand_total IS NULL THEN o.currency ELSE o.shop_currency END"

ACCEPTED = f"""
    SELECT (o.channel_created_at AT TIME ZONE %(zone)s)::date AS day, {_CURRENCY} AS currency, count(*) AS orders,
        sum({_VALUE}) AS value
    FROM orderflow.orders AS o WHERE {_CREATED} AND NOT EXISTS (
        SELECT FROM orderflow.quarantine AS q
        WHERE q.channel = o.channel AND q.subject = o.order_id AND ({_WAITS} OR q.state = 'discarded'))
    GROUP BY 1, 2
"""
REFUSED = f"""
    SELECT day, CASE WHEN codes @> '{{DELIVERED_ELSEWHERE}}' THEN 'validate' ELSE source END AS source, waits, currency,
        count(*) AS orders, sum(value) AS value FROM ({_REFUSED}) AS q
    WHERE {_IN_DAYS} AND (waits OR state = 'discarded') GROUP BY 1, 2, 3, 4
"""
REASONS = f"""
    SELECT day, code, currency, waits, count(*) AS orders, sum(value) AS value FROM (
        SELECT DISTINCT q.id, q.day, q.currency, q.waits, q.value, r ->> 'code' AS code
        FROM ({_REFUSED}) AS q, jsonb_array_elements(q.reasons) AS r WHERE {_IN_DAYS}
    ) AS each GROUP BY 1, 2, 3, 4
"""
RESIDUES = f"""
    SELECT code, currency, count(*) AS orders, sum(residue) AS residue, max(abs(residue)) AS largest FROM (
        SELECT r ->> 'code' AS code,
            CASE WHEN r ->> 'field' LIKE '%%shop\\_%%' THEN q.document ->> 'shop_currency'
                ELSE q.document ->> 'currency' END AS currency,
            CASE WHEN r ->> 'value' ~ '^-?\\d{{1,15}}(\\.\\d+)?$' THEN (r ->> 'value')::numeric END AS residue
        FROM ({_REFUSED}) AS q, jsonb_array_elements(q.reasons) AS r
        WHERE {_IN_DAYS} AND waits AND r ->> 'code' = ANY(%(codes)s)
    ) AS each GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""
SKUS = f"""
    SELECT sku, max(title) AS title, count(DISTINCT id) AS orders, array_agg(DISTINCT code) AS codes FROM (
        SELECT q.id, l ->> 'sku' AS sku, l ->> 'title' AS title, r ->> 'code' AS code
        FROM ({_REFUSED}) AS q, jsonb_array_elements(q.reasons) AS r, jsonb_array_elements(q.document -> 'lines')
            WITH ORDINALITY AS lines(l, position)
        WHERE {_IN_DAYS} AND waits
            AND r ->> 'field' LIKE 'lines.' || position || '.%%' AND l ->> 'sku' IS NOT NULL
    ) AS each GROUP BY sku ORDER BY 3 DESC, 1 LIMIT 15
"""
COUNTED = """
    SELECT day, what, name, sum(count)::bigint AS count FROM (
        SELECT (w.window_start AT TIME ZONE %(zone)s)::date AS day, found.*
        FROM orderflow.windows AS w CROSS JOIN LATERAL (
            SELECT 'warning' AS what, key AS name, value::bigint AS count FROM jsonb_each_text(w.warnings)
            UNION ALL SELECT 'repair', key, value::bigint FROM jsonb_each_text(w.repairs)
        ) AS found
        WHERE w.channel = %(channel)s AND w.window_start >= %(start)s AND w.window_start < %(end)s
            AND w.loaded_at IS NOT NULL
    ) AS each GROUP BY 1, 2, 3
"""
NOTES = """
    SELECT w.window_start AS at, note FROM orderflow.windows AS w, jsonb_array_elements_text(w.notes) AS note
    WHERE w.channel = %(channel)s AND w.window_start >= %(start)s AND w.window_start < %(end)s
    ORDER BY w.window_start LIMIT 20000
"""
FLOW = """
    SELECT count(*) AS windows, count(*) FILTER (WHERE loaded_at IS NULL) AS unproven,
        coalesce(sum((counts ->> 'fetched')::bigint), 0)::bigint AS fetched,
        coalesce(sum((counts ->> 'duplicates')::bigint), 0)::bigint AS duplicates,
        coalesce(sum((counts ->> 'unreadable')::bigint), 0)::bigint AS unreadable,
        coalesce(sum((counts ->> 'quarantined')::bigint), 0)::bigint AS quarantined,
        coalesce(sum((counts ->> 'accepted')::bigint), 0)::bigint AS accepted
    FROM orderflow.windows
    WHERE channel = %(channel)s AND window_start >= %(start)s AND window_start < %(end)s
"""
NEWEST = """
    SELECT max(window_end) AS newest FROM orderflow.windows WHERE channel = %(channel)s AND loaded_at IS NOT NULL
"""
VOLUME = f"""
    SELECT day, sum(orders)::bigint AS orders FROM (
        SELECT (o.channel_created_at AT TIME ZONE %(zone)s)::date AS day, count(*) AS orders
        FROM orderflow.orders AS o
        WHERE o.channel = %(channel)s AND o.channel_created_at >= %(before)s AND o.channel_created_at < %(end)s
            AND NOT EXISTS (SELECT FROM orderflow.quarantine AS q WHERE q.channel = o.channel
                AND q.subject = o.order_id AND ({_WAITS} OR q.state = 'discarded'))
        GROUP BY 1
        UNION ALL
        SELECT day, count(*) FROM ({_REFUSED.replace("%(start)s", "%(before)s")}) AS q
        WHERE waits OR state = 'discarded' GROUP BY 1
    ) AS each GROUP BY 1
"""
FIRST = "SELECT min(window_start) AS first FROM orderflow.windows WHERE channel = %(channel)s AND loaded_at IS NOT NULL"


def _proof(prefix: str) -> str:
    """The parts of each order are worked out once (MATERIALIZED), the sums over them afterwards."""
    return f"""
    WITH parts AS MATERIALIZED (
        SELECT o.{prefix}currency AS currency, o.{prefix}grand_total AS grand,
            (SELECT CASE WHEN count(*) = count(l.{prefix}total) THEN coalesce(sum(l.{prefix}total), 0) END
             FROM orderflow.order_lines AS l WHERE l.channel = o.channel AND l.order_id = o.order_id) AS lines,
            (SELECT CASE WHEN count(*) = count(c ->> '{prefix}total')
                THEN coalesce(sum((c ->> '{prefix}total')::numeric), 0) END
             FROM json_array_elements(o.document -> 'charges') AS c) AS charges,
            CASE WHEN o.taxes_included THEN 0 ELSE coalesce(o.{prefix}tax_total, 0) END AS tax,
            (SELECT coalesce(sum((d ->> '{prefix}amount')::numeric
                - coalesce((d ->> '{prefix}allocated')::numeric, 0)), 0)
             FROM json_array_elements(o.document -> 'discounts') AS d) AS unallocated,
            coalesce(o.{prefix}rounding, 0) AS rounding
        FROM (SELECT * FROM orderflow.orders AS o WHERE {_CREATED} AND o.{prefix}grand_total IS NOT NULL
              ORDER BY o.channel_created_at DESC LIMIT {MOST_PROVEN}) AS o
    ), proven AS MATERIALIZED (
        SELECT *, lines + charges + tax - unallocated + rounding - grand AS residue FROM parts
    )
    SELECT currency, CASE WHEN residue IS NULL THEN 'incomplete' WHEN residue = 0 THEN 'exact'
            WHEN abs(residue) <= %(tolerance)s THEN 'tolerance' ELSE 'beyond' END AS cause,
        count(*) AS orders, sum(lines) AS lines, sum(charges) AS charges, sum(tax) AS tax,
        sum(unallocated) AS discounts, sum(rounding) AS rounding, sum(grand) AS grand, sum(residue) AS residue
    FROM proven GROUP BY 1, 2 ORDER BY 1, 2
    """


PROOF = {"order": _proof(""), "shop": _proof("shop_")}
"""The money equation of staged orders, in the currency the buyer saw and in the shop's own."""

DELIVERY = """
    SELECT count(*) FILTER (WHERE outcome = 'accepted') AS accepted, count(*) FILTER (WHERE outcome = 'refused')
            AS refused, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS median,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) AS slow,
        (SELECT count(*) FROM orderflow.outbox WHERE channel = %(channel)s) AS pending
    FROM orderflow.receipts WHERE channel = %(channel)s AND accepted_at >= %(start)s AND accepted_at < %(end)s
"""
RUNS = """
    SELECT DISTINCT ON (day) id, day, started_at, seconds, orders, lines, partial, engine, expected, failed, asked_by
    FROM orderflow.expectation_runs
    WHERE channel = %(channel)s AND day >= (%(start)s AT TIME ZONE %(zone)s)::date
        AND day < (%(end)s AT TIME ZONE %(zone)s)::date
    ORDER BY day, started_at DESC
"""
RESULTS = """
    SELECT expectation_run AS run, position, name, kind, "table", "column", origin, meaning, success, evaluated,
        unexpected, observed, sample, error
    FROM orderflow.expectation_results WHERE expectation_run = ANY(%(runs)s) ORDER BY expectation_run, position
"""
CLUSTERED = f"""
    SELECT q.id, q.order_id, q.subject, q.source, q.reasons, q.value, q.currency
    FROM ({_REFUSED}) AS q WHERE {_IN_DAYS} AND waits
    ORDER BY q.last_seen_at DESC, q.id DESC LIMIT {MOST_REFUSED}
"""
USUAL = f"""
    SELECT coalesce(o.shop_currency, o.currency) AS value, count(*) AS orders FROM orderflow.orders AS o
    WHERE {_CREATED} AND o.currency IS NOT NULL GROUP BY 1
"""
WAITING = """
    SELECT id, order_id, document, fetched_at, sealed_raw IS NOT NULL AS sealed FROM orderflow.quarantine
    WHERE id = ANY(%(ids)s) ORDER BY id
"""
SAMPLED = f"""
    SELECT o.order_id, o.document, o.landing, o.ordinal, o.fetched_at FROM orderflow.orders AS o WHERE {_CREATED}
    ORDER BY o.channel_created_at DESC LIMIT %(size)s
"""


def ask(cursor: Cursor, question: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The answer's rows."""
    cursor.execute(question, values)
    return [dict(row) for row in cursor.fetchall()]


@contextmanager
def reading(connection: Connection) -> Iterator[Cursor]:
    """One read-only transaction: all figures of a page are of the same moment.

    Raises `TransientError` when the database goes away or takes too long.
    """
    try:
        with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SET LOCAL statement_timeout = %s", (SLOWEST,))
            yield cursor
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        said = str(error).strip() or type(error).__name__
        raise TransientError(f"the report could not be read from staging: {said}; ask for fewer days") from error
