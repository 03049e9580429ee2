"""What the watch reads of all channels at once, so that `orderflow.domain.alert` can judge each of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from orderflow.domain.channel import Channel
from orderflow.domain.snapshot import Money, Seen, Snapshot, Speed
from orderflow.domain.volume import HISTORY, LONGEST_LOOK, Flow, floor, flow, learn, whole
from orderflow.domain.window import Window
from orderflow.staging import alerts
from orderflow.staging.session import transaction

LATEST_WINDOWS = 100
FEWEST_CALLS = 10
"""Calls in the last hour, and windows in the week before, that it takes to judge an endpoint's speed."""

Rows: TypeAlias = dict[str, list[tuple[Any, ...]]]
"""What a statement found, by channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A channel, and what staging does not know of it.

    `due_until` and `token_ends` as in `Snapshot`; `holidays` and `sales` are days in the schedule's time zone.
    """

    channel: Channel
    due_until: datetime
    token_ends: datetime | None = None
    holidays: frozenset[date] = frozenset()
    sales: frozenset[date] = frozenset()


def pulled_until(connection: Connection) -> dict[str, datetime]:
    """Every channel that was ever pulled, by name, with the newest moment that is proven (or out of reach)."""
    with transaction(connection) as cursor:
        cursor.execute("SELECT channel, upper(settled) FROM orderflow.coverage WHERE NOT isempty(settled)")
        return dict(cursor.fetchall())


def snapshots(connection: Connection, asked: Sequence[Asked], now: datetime) -> dict[str, Snapshot]:
    """One snapshot per channel, by name; all of one moment."""
    with transaction(connection) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        values = {
            "names": [each.channel.name for each in asked],
            "now": now,
            "hour": now - timedelta(hours=1),
            "day": now - timedelta(days=1),
            "week": now - timedelta(days=7),
            "history": floor(now - HISTORY),
            "windows": LATEST_WINDOWS,
            "calls": FEWEST_CALLS,
        }
        facts = {name: _by_channel(cursor, sql, values) for name, sql in _FACTS.items()}
        opened = alerts.opened(cursor)
    return {
        each.channel.name: _snapshot(
            each, {name: rows.get(each.channel.name, []) for name, rows in facts.items()},
            opened.get(each.channel.name, {}), now,
        )
        for each in asked
    }  # fmt: skip


def _by_channel(cursor: Cursor, sql: str, values: dict[str, Any]) -> Rows:
    cursor.execute(sql, values)
    found: Rows = defaultdict(list)
    for channel, *rest in cursor.fetchall():
        found[channel].append(tuple(rest))
    return found


def _snapshot(asked: Asked, facts: Rows, opened: dict[str, Seen], now: datetime) -> Snapshot:
    proven_until, holes = facts["coverage"][0] if facts["coverage"] else (None, [])
    windows = facts["windows"]
    held, held_since = facts["held"][0] if facts["held"] else (0, None)
    pending, pending_since = facts["outbox"][0] if facts["outbox"] else (0, None)
    differences, day = facts["certificates"][0] if facts["certificates"] else (0, None)
    recalled_at, stood_at, lost, recalled = facts["loads"][0] if facts["loads"] else (None, None, 0, 0)
    throttled = facts["throttled"][0][0] if facts["throttled"] else 0.0
    failed = [(failed_at, error) for _, _, _, failed_at, error, *_ in windows if failed_at and error]
    done = [loaded if asked.channel.shadow else synced for _, loaded, synced, *_ in windows]
    return Snapshot(
        due_until=asked.due_until,
        proven_until=proven_until,
        started_at=min((planned for planned, *_ in windows), default=None),
        done_at=max(filter(None, done), default=None),
        error=max(failed)[1] if failed else None,
        latest=[
            (orders, refused) for *_, judged_at, orders, refused in windows if judged_at and judged_at > now - _DAY
        ],
        held=held,
        held_since=held_since,
        gaps=[Window(start, end) for start, end in facts["gaps"]],
        flow=_flow(asked, facts, proven_until, holes, now) if proven_until else Flow(),
        money=_money(facts["money"]),
        pending=pending,
        pending_since=pending_since,
        speeds=[Speed(*each) for each in facts["speeds"]],
        throttled=timedelta(seconds=throttled),
        token_ends=asked.token_ends,
        differences=differences,
        difference_day=day,
        waiting={currency: (orders, value) for currency, orders, value in facts["quarantine"]},
        recalled_at=recalled_at,
        stood_at=stood_at,
        lost=lost,
        recalled=recalled,
        open=opened,
    )


_DAY = timedelta(days=1)


def _flow(asked: Asked, facts: Rows, proven_until: datetime, holes: Sequence[Any], now: datetime) -> Flow:
    """Whether orders come as they usually do, as far as all that the channel has is known to be here."""
    ((late,),) = facts["lateness"] or [(0.0,)]
    known = min(proven_until - asked.channel.settle, now - timedelta(seconds=late))
    zone = ZoneInfo(asked.channel.schedule.timezone)
    unjudged = [(hole.lower, hole.upper) for hole in holes] + whole(_lately(asked.holidays, now), zone)
    unjudged += [(start, end) for start, end in facts["silences"] if end and end - start < LONGEST_LOOK]
    silent = [start for start, end in facts["silences"] if not end and now - start < LONGEST_LOOK]
    unlearned = unjudged + whole(_lately(asked.sales, now), zone) + [(start, now) for start in silent]

    orders: dict[datetime, int] = dict(facts["orders"])
    if not orders:
        return Flow()
    first = max(asked.channel.start, min(orders))
    if known - _DAY <= first:
        return Flow()
    pattern = learn(orders, Window(first, known - _DAY), asked.channel.schedule.timezone, unlearned)
    if pattern is None:
        return Flow()
    return flow(pattern, orders, known, unjudged, silent_since=min(silent, default=None))


def _lately(days: Iterable[date], now: datetime) -> list[date]:
    """Days that the history may hold, in whatever zone: a calendar may go back for years."""
    first, last = (now - HISTORY - _DAY).date(), (now + _DAY).date()
    return [day for day in days if first <= day <= last]


def _money(rows: Sequence[tuple[Any, ...]]) -> list[Money]:
    total = sum(orders for _, _, orders in rows)
    return [Money(currency, Decimal(median), orders / total) for currency, median, orders in rows]


_FACTS = {
    "coverage": """
        SELECT c.channel, upper(c.settled), ARRAY(
            SELECT hole FROM unnest(tstzmultirange(tstzrange(%(history)s, greatest(%(history)s, upper(c.settled))))
                - c.settled) AS hole)
        FROM orderflow.coverage AS c WHERE c.channel = ANY(%(names)s)
    """,
    "windows": """
        SELECT w.* FROM unnest(%(names)s::text[]) AS asked(channel) CROSS JOIN LATERAL (
            SELECT channel, planned_at, loaded_at, synced_at, CASE WHEN loaded_at IS NULL THEN failed_at END, error,
                coalesce(loaded_at, held_at),
                coalesce((counts ->> 'cleaned')::bigint, 0) + coalesce((counts ->> 'unreadable')::bigint, 0)
                    - coalesce((reasons ->> 'SOLD_ELSEWHERE')::bigint, 0),
                coalesce((counts ->> 'quarantined')::bigint, 0) + coalesce((counts ->> 'unreadable')::bigint, 0)
                    - coalesce((reasons ->> 'SOLD_ELSEWHERE')::bigint, 0)
            FROM orderflow.windows WHERE channel = asked.channel COLLATE "C"
            ORDER BY window_start DESC LIMIT %(windows)s
        ) AS w
    """,
    "held": "SELECT channel, count(*), min(held_at) FROM orderflow.reviews WHERE state = 'held' GROUP BY 1",
    "gaps": """
        SELECT DISTINCT h.channel, h.window_start, h.window_end FROM orderflow.healings AS h
        LEFT JOIN orderflow.coverage AS c USING (channel)
        WHERE h.alerted_at IS NOT NULL AND NOT coalesce(c.settled @> tstzrange(h.window_start, h.window_end), false)
    """,
    "orders": """
        SELECT o.* FROM unnest(%(names)s::text[]) AS asked(channel) CROSS JOIN LATERAL (
            SELECT channel, date_bin('15 minutes', channel_created_at, '2000-01-01 00:00Z') AS quarter, count(*)
            FROM orderflow.orders WHERE channel = asked.channel COLLATE "C"
                AND channel_created_at >= %(history)s AND channel_created_at < %(now)s
            GROUP BY 1, 2
        ) AS o
    """,
    "lateness": """
        SELECT asked.channel, extract(epoch FROM percentile_cont(0.9) WITHIN GROUP (ORDER BY one.late))::float8
        FROM unnest(%(names)s::text[]) AS asked(channel)
        CROSS JOIN generate_series(%(now)s - interval '14 days', %(now)s - interval '1 hour', interval '1 hour') AS hour
        CROSS JOIN LATERAL (
            SELECT first_seen_at - channel_created_at AS late FROM orderflow.orders
            WHERE channel = asked.channel COLLATE "C" AND channel_created_at >= hour
                AND channel_created_at < hour + interval '1 hour'
            ORDER BY channel_created_at LIMIT 1
        ) AS one GROUP BY 1
    """,
    "silences": """
        SELECT channel, coalesce((facts ->> 'since')::timestamptz, first_seen_at), recovered_at FROM orderflow.alerts
        WHERE kind = 'silent' AND last_seen_at >= %(history)s
    """,
    "money": """
        SELECT asked.channel, currency, percentile_disc(0.5) WITHIN GROUP (ORDER BY value), count(*)
        FROM unnest(%(names)s::text[]) AS asked(channel) CROSS JOIN LATERAL (
            SELECT coalesce(shop_currency, currency) AS currency, coalesce(shop_grand_total, grand_total) AS value
            FROM orderflow.orders WHERE channel = asked.channel COLLATE "C" AND channel_created_at >= %(history)s
            ORDER BY channel_created_at DESC LIMIT 500
        ) AS latest WHERE currency IS NOT NULL AND value IS NOT NULL GROUP BY 1, 2
    """,
    "loads": "SELECT channel, recalled_at, stood_at, lost, recalled FROM orderflow.loads WHERE recalled_at >= %(day)s",
    "outbox": "SELECT channel, count(*), min(enqueued_at) FROM orderflow.outbox WHERE NOT behind GROUP BY 1",
    "speeds": """
        WITH rows AS (
            SELECT channel, endpoint, at >= %(hour)s AS latest, calls, seconds, seconds / calls AS each
            FROM orderflow.endpoint_calls WHERE at >= %(week)s AND calls > 0
        ), latest AS (
            SELECT channel, endpoint, sum(seconds) / sum(calls) AS now FROM rows WHERE latest
            GROUP BY 1, 2 HAVING sum(calls) >= %(calls)s
        ), usual AS (
            SELECT channel, endpoint, percentile_cont(0.5) WITHIN GROUP (ORDER BY each) AS usual FROM rows
            WHERE NOT latest GROUP BY 1, 2 HAVING count(*) >= %(calls)s
        )
        SELECT channel, endpoint, now::float8, usual::float8 FROM latest JOIN usual USING (channel, endpoint)
    """,
    "throttled": """
        SELECT channel, sum(throttled_seconds)::float8 FROM orderflow.endpoint_calls WHERE at >= %(hour)s GROUP BY 1
    """,
    "certificates": """
        SELECT channel, sum(unexplained)::bigint, min(day) FROM (
            SELECT DISTINCT ON (channel, day) channel, day, unexplained FROM orderflow.certificates
            WHERE day >= %(week)s::date ORDER BY channel, day, revision DESC
        ) AS newest WHERE unexplained > 0 GROUP BY 1
    """,
    "quarantine": """
        SELECT channel, currency, count(*), sum(value) FROM orderflow.quarantine
        WHERE state = 'open' AND first_seen_at < %(day)s AND currency IS NOT NULL AND value IS NOT NULL GROUP BY 1, 2
    """,
}
"""Statements whose first column is the channel."""
