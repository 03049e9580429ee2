"""Staging filled by SQL: many channels, each with a ledger, orders, deliveries, quarantine, and troubles of its own.

Channel number 7 has hours that failed, 13 hours that never ran, 21 a batch that is held, 34 time that is out of reach,
42 has brought nothing for two days, 5 owes the OMS orders. The rest is well.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

NAMES = "channel_%02d"


def names(channels: int) -> list[str]:
    return [NAMES % number for number in range(1, channels + 1)]


def fill(connection: Any, *, channels: int, orders: int, now: datetime, days: int = 8) -> None:
    """`orders` in the last `days` before `now` (UTC), hour by hour; 2% of them in quarantine instead of delivered."""
    values = {
        "names": names(channels), "channels": channels, "orders": orders, "days": days,
        "hour": now.replace(minute=0, second=0, microsecond=0),
    }  # fmt: skip
    with connection, connection.cursor() as cursor:
        for statement in (_ORDERS, _VERSIONS, _LINES, _WINDOWS, _QUARANTINE, _EVENTS, _RECEIPTS, _OUTBOX, _TROUBLES):
            cursor.execute(statement, values)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    connection.autocommit = False


_ORDERS = """
INSERT INTO orderflow.orders (
    channel, order_id, version, content_hash, contacts_hash, order_number, order_status, payment_status,
    fulfilment_status, return_status, placed_at, channel_created_at, channel_updated_at, currency, grand_total,
    line_count, document, landing, ordinal, raw_sha256, fetched_at, window_start, window_end, first_seen_at, loaded_at)
SELECT name, 'A' || i, 1, decode(md5(i::text) || md5(name), 'hex'), decode(md5(name) || md5(i::text), 'hex'),
    '#' || 100000 + i, 'open', 'paid', 'unfulfilled', 'none', at, at, at, 'TWD', 100 + i %% 9000, 2,
    json_build_object('order_id', 'A' || i, 'order_number', '#' || 100000 + i, 'currency', 'TWD', 'lines',
        json_build_array(json_build_object('number', 1, 'sku', 'SKU-' || i %% 400, 'title', 'Tea 茶', 'quantity', '2')))
    ,
    'landing/' || name, i, decode(md5(i::text) || md5(i::text), 'hex'), hour + interval '61 minutes', hour,
    hour + interval '1 hour', hour + interval '62 minutes', hour + interval '62 minutes'
FROM (
    SELECT i, name, at, date_trunc('hour', at, 'UTC') AS hour FROM (
        SELECT i, (%(names)s::text[])[1 + i %% %(channels)s] AS name,
            %(hour)s::timestamptz - interval '1 second'
                - interval '1 second' * ((i::bigint * 7919 + (i %% 97) * 3600 * 5) %% (%(days)s * 86400 - 7200)) AS at
        FROM generate_series(1, %(orders)s) AS i
    ) AS placed
) AS o
WHERE NOT (name = 'channel_42' AND at > %(hour)s::timestamptz - interval '2 days')
"""

_VERSIONS = """
INSERT INTO orderflow.order_versions
    (channel, order_id, version, content_hash, channel_updated_at, window_start, window_end, loaded_at)
SELECT channel, order_id, 1, content_hash, channel_updated_at, window_start, window_end, loaded_at FROM orderflow.orders
"""

_LINES = """
INSERT INTO orderflow.order_lines (channel, order_id, number, sku, oms_sku, title, quantity, total)
SELECT channel, order_id, 1, 'SKU-' || ordinal %% 400, 'OMS-' || ordinal %% 400, 'Tea 茶', 2, grand_total
FROM orderflow.orders
"""

_WINDOWS = """
INSERT INTO orderflow.windows (channel, window_start, window_end, state, run_id, counts, seconds, endpoints, landing,
    planned_at, extracted_at, loaded_at, synced_at, reconciled_at)
SELECT name, hour, hour + interval '1 hour',
    CASE WHEN hour < %(hour)s::timestamptz - interval '2 days' THEN 'reconciled'
         WHEN hour < %(hour)s::timestamptz - interval '2 hours' THEN 'synced' ELSE 'loaded' END,
    'scheduled__' || to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') || '+00:00',
    jsonb_build_object('fetched', coalesce(o.orders, 0) + 3, 'duplicates', 1, 'cleaned', coalesce(o.orders, 0) + 2,
        'accepted', coalesce(o.orders, 0) + 1, 'quarantined', 1, 'inserted', coalesce(o.orders, 0), 'unchanged', 1),
    '{"extract": 1.2, "clean": 0.4, "load": 0.3}', '{"orders": {"calls": 3, "seconds": 0.9}}', 'landing/' || name,
    hour + interval '1 hour', hour + interval '61 minutes', hour + interval '62 minutes', hour + interval '63 minutes',
    hour + interval '1 day'
FROM unnest(%(names)s::text[]) AS name
CROSS JOIN generate_series(%(hour)s::timestamptz - %(days)s * interval '1 day',
    %(hour)s::timestamptz - interval '1 hour', interval '1 hour') AS hour
LEFT JOIN (SELECT channel, window_start, count(*) AS orders FROM orderflow.orders GROUP BY 1, 2) AS o
    ON o.channel = name AND o.window_start = hour
WHERE NOT (name = 'channel_42' AND hour > %(hour)s::timestamptz - interval '2 days')
    AND NOT (name = 'channel_13' AND hour BETWEEN %(hour)s::timestamptz - interval '80 hours'
        AND %(hour)s::timestamptz - interval '70 hours');
INSERT INTO orderflow.windows (channel, window_start, window_end, state, run_id, unreachable_at, error)
SELECT name, '2025-12-31T16:00Z', %(hour)s::timestamptz - %(days)s * interval '1 day', 'unreachable', 'opening', now(),
    'the shop had not opened yet'
FROM unnest(%(names)s::text[]) AS name;
"""

_QUARANTINE = """
INSERT INTO orderflow.quarantine (channel, subject, order_id, source, state, reasons, document, content_hash,
    channel_updated_at, value, currency, landing, ordinal, raw_sha256, fetched_at, window_start, window_end,
    first_seen_at, last_seen_at)
SELECT channel, 'Q' || ordinal, 'Q' || ordinal, 'validate',
    CASE WHEN ordinal %% 4 = 0 THEN 'parked' ELSE 'open' END,
    CASE WHEN ordinal %% 4 = 0
        THEN '[{"code": "SKU_UNMAPPED", "field": "lines.sku", "value": "SKU-7", "message": "the SKU map has no SKU-7"}]'
        ELSE '[{"code": "GRAND_TOTAL_MISMATCH", "field": "grand_total", "value": "100", "message": "parts sum to 99"},
               {"code": "CURRENCY_MISSING", "field": "currency", "value": null, "message": "no currency"}]' END::jsonb,
    jsonb_build_object('order_id', 'Q' || ordinal, 'order_number', '#Q' || ordinal, 'lines', jsonb_build_array(
        jsonb_build_object('number', 1, 'sku', 'SKU-' || ordinal %% 400, 'title', 'Chair, oak', 'quantity', '1'))),
    content_hash, channel_updated_at, grand_total, currency, landing, ordinal, raw_sha256, fetched_at, window_start,
    window_end, loaded_at, loaded_at
FROM orderflow.orders WHERE ordinal %% 53 = 0
"""

_EVENTS = """
INSERT INTO orderflow.quarantine_events (quarantine_id, at, who, what)
SELECT id, first_seen_at, 'load', state FROM orderflow.quarantine
"""

_RECEIPTS = """
INSERT INTO orderflow.receipts (channel, order_id, version, key, outcome, oms_id, seconds, accepted_at)
SELECT channel, order_id, 1, md5(order_id), 'accepted', 'OMS-' || ordinal, 0.2, loaded_at + interval '30 seconds'
FROM orderflow.orders WHERE NOT (channel = 'channel_05' AND loaded_at > %(hour)s::timestamptz - interval '1 day')
"""

_OUTBOX = """
INSERT INTO orderflow.outbox (channel, order_id, version, key, window_start, window_end, enqueued_at)
SELECT channel, order_id, 1, md5(order_id), window_start, window_end, loaded_at
FROM orderflow.orders WHERE channel = 'channel_05' AND loaded_at > %(hour)s::timestamptz - interval '1 day'
"""

_TROUBLES = """
UPDATE orderflow.windows SET state = 'failed', loaded_at = NULL, attempts = 4, failed_at = window_end,
    error = 'DeniedError: shop answers 401: the key was revoked; make a new one and put it into the connection'
WHERE channel = 'channel_07' AND window_start >= %(hour)s::timestamptz - interval '30 hours'
    AND window_start < %(hour)s::timestamptz - interval '26 hours';
UPDATE orderflow.windows SET state = 'held', loaded_at = NULL, held_at = window_end,
    error = 'guard volume: 4 orders, at least 20 expected'
WHERE channel = 'channel_21' AND window_start = %(hour)s::timestamptz - interval '9 hours';
UPDATE orderflow.windows SET state = 'unreachable', loaded_at = NULL, unreachable_at = now(), error = 'too old'
WHERE channel = 'channel_34' AND window_start < %(hour)s::timestamptz - interval '6 days';
UPDATE orderflow.windows SET state = 'planned', loaded_at = NULL, planned_at = window_end + interval '1 minute'
WHERE channel = 'channel_28' AND window_start = %(hour)s::timestamptz - interval '1 hour';
INSERT INTO orderflow.alerts (channel, kind, severity, state, what, first_seen_at, last_seen_at, acknowledged_by,
    acknowledged_why)
SELECT each.channel, each.kind, each.severity, each.state, each.what, %(hour)s::timestamptz - interval '3 hours',
    %(hour)s, each.who, each.why
FROM (VALUES
    ('channel_07', 'access', 'critical', 'open', 'the shop refuses our key: DeniedError, 4 attempts', NULL, NULL),
    ('channel_42', 'silent', 'critical', 'acknowledged', '0 orders in 47 h, 90 are usual', 'admin', 'called them'),
    ('channel_21', 'held', 'warning', 'open', 'a batch of 4 orders waits for a person', NULL, NULL)
) AS each(channel, kind, severity, state, what, who, why) WHERE each.channel = ANY(%(names)s);
"""
