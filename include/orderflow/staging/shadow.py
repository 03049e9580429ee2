"""A channel in shadow: what it would have brought to the OMS, and how it hands over when it goes live."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import execute_values

from orderflow.domain.target import idempotency_key
from orderflow.staging import twins
from orderflow.staging.session import lock_channel, transaction

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Some:
    """Orders, and their value by currency (`?` where they name none)."""

    orders: int = 0
    values: dict[str, Decimal] = field(default_factory=dict)

    def add(self, orders: int, currency: str | None, value: Decimal | None) -> None:
        self.orders += orders
        if value is not None:
            self.values[currency or "?"] = self.values.get(currency or "?", Decimal(0)) + value


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value of the platform that nobody has given a meaning yet."""

    code: str
    field: str
    value: str
    orders: int


@dataclass(frozen=True, slots=True)
class Observed:
    """What a channel brought. An order that breaks two rules counts under both `reasons`."""

    ready: Some
    waiting: Some
    reasons: dict[str, Some]
    unknown: Sequence[Unknown]
    windows: int
    first: datetime | None
    """Beginning of the first proven window."""
    last: datetime | None
    """End of the last one."""


def observed(connection: Connection, channel: str) -> Observed:
    """Everything that was staged, everything that waits, and since when windows are proven."""
    ready, waiting, reasons = Some(), Some(), dict[str, Some]()
    with transaction(connection) as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        for orders, currency, value in _asked(cursor, _READY, channel):
            ready.add(orders, currency, value)
        for orders, currency, value in _asked(cursor, _WAITING, channel):
            waiting.add(orders, currency, value)
        for code, orders, currency, value in _asked(cursor, _REASONS, channel):
            reasons.setdefault(code, Some()).add(orders, currency, value)
        unknown = [Unknown(*row) for row in _asked(cursor, _UNKNOWN, channel)]
        [(windows, first, last)] = _asked(cursor, _WINDOWS, channel)
    return Observed(ready, waiting, reasons, unknown, windows, first, last)


@dataclass(frozen=True, slots=True)
class Handover:
    """What was queued for the OMS, or would be; `states` counts these orders by their status."""

    queued: Some
    states: dict[str, int]
    earlier: int
    """Staged orders that were created before."""
    elsewhere: int
    """Orders that wait in quarantine instead: another channel delivers them."""


def hand_over(connection: Connection, channel: str, since: datetime, *, dry_run: bool) -> Handover:
    """Queue staged orders created from `since` on whose newest version is neither queued nor accepted.

    What waits in quarantine stays there. The key is the one that a load would have given, so that a second call, and a
    version that the OMS has already, change nothing; what the OMS refused has a key of its own. They go behind live
    orders. A dry run takes everything back. Raises `ConfigError` when another channel delivers most of them.
    """
    queued, states = Some(), dict[str, int]()
    with transaction(connection) as cursor:
        lock_channel(cursor, channel)
        cursor.execute(_OWED, {"channel": channel, "since": since})
        owed = cursor.fetchall()
        rows = []
        for order_id, version, content, people, updated, answers, start, end, *_ in owed:
            moment = str(updated.astimezone(UTC) if updated else None)
            told = (f"again {answers}" if answers else moment).encode()
            key = idempotency_key(channel, order_id, version, bytes(content) + bytes(people) + told)
            rows.append((channel, order_id, version, key, start, end, True))
        [(earlier,)] = _asked(cursor, _EARLIER, channel, since=since)
        execute_values(cursor, _ENQUEUE, rows)
        held = set(twins.hold(cursor, channel, behind=True))
        for order_id, *_, status, currency, value in owed:
            if order_id not in held:
                queued.add(1, currency, value)
                states[status] = states.get(status, 0) + 1
        if dry_run:
            connection.rollback()
        else:
            log.info("handed over channel=%s since=%s orders=%d", channel, since.isoformat(), queued.orders)
    return Handover(queued, states, earlier, len(held))


def _asked(cursor: Cursor, question: str, channel: str, **values: Any) -> list[tuple[Any, ...]]:
    cursor.execute(question, {"channel": channel, **values})
    found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


_VALUE = "CASE WHEN o.shop_grand_total IS NULL THEN o.currency ELSE o.shop_currency END AS currency"
_HELD = """EXISTS (
    SELECT FROM orderflow.quarantine AS q
    WHERE q.channel = o.channel AND q.subject = o.order_id AND q.state IN ('open', 'parked', 'discarded'))"""

_READY = f"""
SELECT count(*), {_VALUE}, sum(coalesce(o.shop_grand_total, o.grand_total))
FROM orderflow.orders AS o WHERE o.channel = %(channel)s AND NOT {_HELD} GROUP BY 2
"""  # noqa: S608 - columns and fixed texts, here and below
_WAITING = """
SELECT count(*), currency, sum(value) FROM orderflow.quarantine
WHERE channel = %(channel)s AND state IN ('open', 'parked') GROUP BY 2
"""
_REASONS = """
SELECT code, count(*), currency, sum(value) FROM (
    SELECT DISTINCT q.id, q.currency, q.value, r ->> 'code' AS code
    FROM orderflow.quarantine AS q, jsonb_array_elements(q.reasons) AS r
    WHERE q.channel = %(channel)s AND q.state IN ('open', 'parked')
) AS each GROUP BY 1, 3
"""
_UNKNOWN = """
SELECT r ->> 'code', coalesce(r ->> 'field', ''), coalesce(r ->> 'value', ''), count(DISTINCT q.id)
FROM orderflow.quarantine AS q, jsonb_array_elements(q.reasons) AS r
WHERE q.channel = %(channel)s AND q.state IN ('open', 'parked')
    AND r ->> 'code' LIKE '%%\\_UNKNOWN' AND r ->> 'code' NOT LIKE 'SKU%%'
GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3 LIMIT 50
"""
_WINDOWS = """
SELECT count(*), min(window_start), max(window_end) FROM orderflow.windows
WHERE channel = %(channel)s AND loaded_at IS NOT NULL
"""
_UNSENT = """NOT EXISTS (
    SELECT FROM orderflow.outbox AS b WHERE b.channel = o.channel AND b.order_id = o.order_id)
    AND NOT EXISTS (
        SELECT FROM orderflow.receipts AS r
        WHERE r.channel = o.channel AND r.order_id = o.order_id AND r.version = o.version AND r.outcome = 'accepted')"""
_OWED = f"""
SELECT o.order_id, o.version, o.content_hash, o.contacts_hash, o.channel_updated_at, (
        SELECT count(*) FROM orderflow.receipts AS r
        WHERE r.channel = o.channel AND r.order_id = o.order_id AND r.version = o.version),
    o.window_start, o.window_end, o.order_status, {_VALUE}, coalesce(o.shop_grand_total, o.grand_total)
FROM orderflow.orders AS o
WHERE o.channel = %(channel)s AND coalesce(o.channel_created_at, o.placed_at, o.first_seen_at) >= %(since)s
    AND NOT {_HELD} AND {_UNSENT}
ORDER BY o.order_id
"""  # noqa: S608
_EARLIER = f"""
SELECT count(*) FROM orderflow.orders AS o
WHERE o.channel = %(channel)s AND coalesce(o.channel_created_at, o.placed_at, o.first_seen_at) < %(since)s
    AND {_UNSENT}
"""  # noqa: S608
_ENQUEUE = """
INSERT INTO orderflow.outbox (channel, order_id, version, key, window_start, window_end, behind) VALUES %s
ON CONFLICT (channel, order_id) DO NOTHING
"""
