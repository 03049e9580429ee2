"""The statements that compare the sides of a day: with `channel`, `start`, `end`, `since`, `settle` and `lookback`."""

from __future__ import annotations

TABLES = """
SET timezone = 'UTC';
DROP TABLE IF EXISTS
    pg_temp.sides_listed, pg_temp.sides_channel, pg_temp.sides_day, pg_temp.sides_oms, pg_temp.sides_differences;
CREATE TEMP TABLE sides_listed (
    number bigint, order_id text COLLATE "C", status text, amount text, currency text, lines bigint,
    updated_at timestamptz, total numeric GENERATED ALWAYS AS (amount::numeric) STORED);
CREATE TEMP TABLE sides_channel (LIKE sides_listed, PRIMARY KEY (order_id));
CREATE TEMP TABLE sides_day (
    order_id text COLLATE "C" PRIMARY KEY, version integer, asked_at timestamptz NOT NULL DEFAULT now());
CREATE TEMP TABLE sides_oms (
    order_id text COLLATE "C" PRIMARY KEY, oms_id text, orders bigint, version bigint, status text, amount text,
    currency text, lines bigint, total numeric GENERATED ALWAYS AS (amount::numeric) STORED);
CREATE TEMP TABLE sides_differences (
    order_id text COLLATE "C" NOT NULL, cause text NOT NULL, field text, ours text, theirs text, note text,
    repaired boolean NOT NULL DEFAULT false);
"""

OF_DAY = """(
    o.channel_created_at >= %(start)s AND o.channel_created_at < %(end)s
    OR o.channel_created_at IS NULL AND o.placed_at >= %(start)s AND o.placed_at < %(end)s
    OR o.channel_created_at IS NULL AND o.placed_at IS NULL
        AND o.first_seen_at >= %(start)s AND o.first_seen_at < %(end)s)"""
"""Orders of the day, by the first of these times that they have."""

# Platforms round the end of a span up to a whole second, so an order of the next day's first second may be listed, too.
CHANNEL = """
INSERT INTO pg_temp.sides_channel
SELECT DISTINCT ON (order_id) * FROM pg_temp.sides_listed ORDER BY order_id, number DESC;
TRUNCATE pg_temp.sides_listed;
DELETE FROM pg_temp.sides_channel AS c USING orderflow.orders AS o
WHERE o.channel = %(channel)s AND o.order_id = c.order_id
    AND coalesce(o.channel_created_at, o.placed_at) >= %(end)s
    AND coalesce(o.channel_created_at, o.placed_at) < %(end)s + interval '1 second';
ANALYZE pg_temp.sides_channel;
SELECT count(*) FROM pg_temp.sides_channel
"""

PROVEN = """
proven AS MATERIALIZED (
    SELECT coalesce(range_agg(span), '{}') AS spans FROM orderflow.windows
    WHERE channel = %(channel)s AND (loaded_at IS NOT NULL OR state = 'unreachable')
)"""

# Windows that ask for a moment of modified time begin at its settle lag and end with the lookback.
DUE = """(SELECT spans @> CASE WHEN c.updated_at IS NULL
        THEN tstzrange(%(start)s + %(settle)s, %(end)s + %(settle)s + %(lookback)s)
        ELSE tstzrange(c.updated_at + %(settle)s, c.updated_at + %(settle)s + %(lookback)s, '[]') END FROM proven)"""

CODES = """(SELECT string_agg(DISTINCT r ->> 'code', ', ') FROM jsonb_array_elements(q.reasons) AS r)"""

ABSENT = f"""
WITH {PROVEN}
INSERT INTO pg_temp.sides_differences (order_id, cause, note)
SELECT c.order_id,
    CASE WHEN q.state IN ('open', 'parked') THEN 'quarantined' WHEN q.state = 'discarded' THEN 'discarded'
        WHEN {DUE} THEN 'missed' ELSE 'not_yet_due' END,
    CASE WHEN q.state IN ('open', 'parked', 'discarded') THEN {CODES} END
FROM pg_temp.sides_channel AS c
LEFT JOIN orderflow.quarantine AS q ON q.channel = %(channel)s AND q.subject = c.order_id
WHERE NOT EXISTS (SELECT FROM orderflow.orders AS o WHERE o.channel = %(channel)s AND o.order_id = c.order_id)
"""  # noqa: S608 - text of this module, no input

STAMP = "to_char(date_trunc('second', {}), 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

# What the list does not tell is not compared, nor an order that staging holds in a later state than the list.
FIELDS = f"""
CROSS JOIN LATERAL (VALUES
    ('status', o.order_status, c.status),
    ('total', CASE WHEN c.currency = o.currency OR c.currency IS NULL THEN trim_scale(o.grand_total)::text
        WHEN c.currency = o.shop_currency THEN trim_scale(o.shop_grand_total)::text END, trim_scale(c.total)::text),
    ('currency', CASE WHEN c.currency = o.shop_currency THEN o.shop_currency ELSE o.currency END, c.currency),
    ('lines', o.line_count::text, c.lines::text),
    ('created_at', CASE WHEN NOT {OF_DAY} THEN {STAMP.format("coalesce(o.channel_created_at, o.placed_at)")} END,
        {STAMP.format("%(start)s")} || '/' || {STAMP.format("%(end)s")}),
    ('updated_at', {STAMP.format("o.channel_updated_at")}, {STAMP.format("c.updated_at")})
) AS f(field, ours, theirs)
WHERE f.ours <> f.theirs
    AND coalesce(o.channel_updated_at <= c.updated_at, o.channel_updated_at < %(listed_at)s, true)
"""

CONTENT = f"""
WITH {PROVEN}
INSERT INTO pg_temp.sides_differences (order_id, cause, field, ours, theirs, note)
SELECT c.order_id,
    CASE WHEN q.state IS NOT NULL THEN 'quarantined'
        WHEN c.updated_at > o.channel_updated_at AND NOT {DUE} THEN 'changed_since' ELSE 'missed_change' END,
    f.field, f.ours, f.theirs, CASE WHEN q.state IS NOT NULL THEN {CODES} END
FROM pg_temp.sides_channel AS c
JOIN orderflow.orders AS o ON o.channel = %(channel)s AND o.order_id = c.order_id
LEFT JOIN orderflow.quarantine AS q ON q.channel = %(channel)s AND q.subject = c.order_id
    AND q.state IN ('open', 'parked') AND q.source <> 'oms'
{FIELDS}
"""  # noqa: S608 - text of this module, no input

# An order that was fetched after the listing began may be younger than the list.
UNKNOWN = f"""
INSERT INTO pg_temp.sides_differences (order_id, cause)
SELECT o.order_id, 'unknown_to_channel' FROM orderflow.orders AS o
WHERE o.channel = %(channel)s AND {OF_DAY}
    AND NOT EXISTS (SELECT FROM pg_temp.sides_channel AS c WHERE c.order_id = o.order_id)
    AND o.fetched_at < %(listed_at)s
"""  # noqa: S608 - text of this module, no input

REPAIRABLE = """
SELECT DISTINCT order_id FROM pg_temp.sides_differences
WHERE cause = ANY(%s) AND NOT repaired AND order_id > %s ORDER BY 1 LIMIT %s
"""

DAY = f"""
INSERT INTO pg_temp.sides_day (order_id, version)
SELECT o.order_id, o.version FROM orderflow.orders AS o WHERE o.channel = %(channel)s AND {OF_DAY};
ANALYZE pg_temp.sides_day
"""  # noqa: S608 - text of this module, no input

NEXT = "SELECT order_id FROM pg_temp.sides_day WHERE order_id > %s ORDER BY 1 LIMIT %s"

SPANS = """
SELECT lower(part), upper(part) FROM (
    SELECT unnest(range_agg(CASE WHEN c.updated_at IS NULL THEN tstzrange(%(start)s, %(end)s) ELSE tstzrange(
        c.updated_at - interval '1 second', c.updated_at + %(settle)s + %(around)s) END)) AS part
    FROM pg_temp.sides_differences AS d JOIN pg_temp.sides_channel AS c USING (order_id)
    WHERE d.cause = ANY(%(causes)s) AND NOT d.repaired
) AS parts ORDER BY 1
"""

JUDGE_MISSED = f"""
UPDATE pg_temp.sides_differences AS d SET
    repaired = found.place IS NOT NULL,
    note = coalesce(found.place, 'pulled anew, and the channel did not hand it out')
FROM pg_temp.sides_differences AS m
LEFT JOIN LATERAL (
    SELECT 'pulled anew: staged' AS place FROM orderflow.orders AS o
    WHERE o.channel = %(channel)s AND o.order_id = m.order_id
    UNION ALL
    SELECT 'pulled anew: quarantined for ' || {CODES} FROM orderflow.quarantine AS q
    WHERE q.channel = %(channel)s AND q.subject = m.order_id AND q.state IN ('open', 'parked', 'discarded')
    LIMIT 1
) AS found ON true
WHERE m.cause = 'missed' AND d.cause = 'missed' AND d.order_id = m.order_id
"""  # noqa: S608 - text of this module, no input

JUDGE_CHANGES = f"""
UPDATE pg_temp.sides_differences AS d SET cause = 'quarantined', note = 'pulled anew: ' || {CODES}
FROM orderflow.quarantine AS q
WHERE d.cause = 'missed_change' AND q.channel = %(channel)s AND q.subject = d.order_id
    AND q.state IN ('open', 'parked') AND q.source <> 'oms';
CREATE TEMP TABLE sides_still ON COMMIT DROP AS
SELECT c.order_id, f.field, f.ours, f.theirs
FROM pg_temp.sides_channel AS c
JOIN orderflow.orders AS o ON o.channel = %(channel)s AND o.order_id = c.order_id
{FIELDS} AND EXISTS (
    SELECT FROM pg_temp.sides_differences AS d WHERE d.order_id = c.order_id AND d.cause = 'missed_change');
UPDATE pg_temp.sides_differences AS d SET repaired = true, note = 'pulled anew'
WHERE d.cause = 'missed_change'
    AND NOT EXISTS (SELECT FROM sides_still AS s WHERE s.order_id = d.order_id);
DELETE FROM pg_temp.sides_differences AS d
WHERE d.cause = 'missed_change' AND NOT d.repaired;
INSERT INTO pg_temp.sides_differences (order_id, cause, field, ours, theirs, note)
SELECT order_id, 'channel_differs', field, ours, theirs, 'pulled anew' FROM sides_still
"""  # noqa: S608 - text of this module, no input

AFTER_DELIVERIES = """(
    SELECT min(r.accepted_at) FROM orderflow.receipts AS r WHERE r.channel = o.channel
) < (
    SELECT v.loaded_at FROM orderflow.order_versions AS v
    WHERE (v.channel, v.order_id, v.version) = (o.channel, o.order_id, o.version))"""
"""The newest version came when the channel delivered already, so that it was not for being in shadow that it stayed."""

# One reason per order, the first that applies; fields are compared only where nothing else accounts for the order.
# What changed or was delivered after we began to ask the OMS is not judged by what it answered: it counts as waiting.
OMS = f"""
WITH asked AS MATERIALIZED (
    SELECT o.order_id, o.version, o.order_status, o.line_count, o.grand_total, o.currency, o.shop_grand_total,
        o.shop_currency, h.order_id IS NOT NULL AS held, h.oms_id, h.version AS oms_version, h.status AS oms_status,
        h.orders AS oms_orders, h.total AS oms_total, h.currency AS oms_currency, h.lines AS oms_lines,
        CASE WHEN b.order_id IS NOT NULL OR o.version IS DISTINCT FROM d.version THEN 'waiting'
            WHEN coalesce(o.channel_created_at, o.placed_at) < %(since)s AND q.state IS NULL AND NOT EXISTS (
                SELECT FROM orderflow.receipts AS r WHERE r.channel = o.channel AND r.order_id = o.order_id
            ) THEN 'before_since'
            WHEN q.source = 'oms' AND q.state = 'discarded' THEN 'discarded'
            WHEN q.codes @> '{{DELIVERED_ELSEWHERE}}' AND q.state <> 'discarded' THEN 'quarantined'
            WHEN q.source = 'oms' THEN 'refused_by_oms'
            WHEN h.order_id IS NULL AND EXISTS (
                SELECT FROM orderflow.receipts AS r
                WHERE r.channel = o.channel AND r.order_id = o.order_id AND r.outcome = 'accepted') THEN 'oms_missing'
            WHEN (h.order_id IS NULL OR h.version < o.version) AND NOT EXISTS (
                SELECT FROM orderflow.receipts AS r
                WHERE r.channel = o.channel AND r.order_id = o.order_id AND r.version = o.version
                    AND r.outcome = 'accepted') THEN CASE
                WHEN q.state = 'discarded' THEN 'discarded'
                WHEN q.state IS NOT NULL THEN 'quarantined'
                WHEN {AFTER_DELIVERIES} THEN 'not_sent'
                ELSE 'shadow' END END AS cause,
        CASE WHEN b.order_id IS NOT NULL THEN b.attempts || ' attempts'
            WHEN q.state IS NOT NULL THEN {CODES} END AS note
    FROM orderflow.orders AS o
    LEFT JOIN pg_temp.sides_day AS d ON d.order_id = o.order_id
    LEFT JOIN pg_temp.sides_oms AS h ON h.order_id = o.order_id
    LEFT JOIN orderflow.outbox AS b ON b.channel = o.channel AND b.order_id = o.order_id
    LEFT JOIN orderflow.quarantine AS q ON q.channel = o.channel AND q.subject = o.order_id
        AND q.state IN ('open', 'parked', 'discarded')
    WHERE o.channel = %(channel)s AND {OF_DAY}
)
INSERT INTO pg_temp.sides_differences (order_id, cause, field, ours, theirs, note)
SELECT order_id, cause, NULL, NULL, NULL, note FROM asked WHERE cause IS NOT NULL
UNION ALL
SELECT a.order_id, 'oms_differs', f.field, f.ours, f.theirs, 'OMS id ' || a.oms_id
FROM asked AS a
CROSS JOIN LATERAL (VALUES
    ('orders', '1', a.oms_orders::text),
    ('version', a.version::text, a.oms_version::text),
    ('status', CASE WHEN lower(a.oms_status) LIKE 'cancel%%' OR a.order_status = 'cancelled'
            AND lower(a.oms_status) = ANY(%(living)s) THEN a.order_status ELSE a.oms_status END,
        CASE WHEN lower(a.oms_status) LIKE 'cancel%%' AND a.order_status = 'cancelled' THEN a.order_status
            ELSE a.oms_status END),
    ('total', CASE WHEN a.oms_currency = a.currency OR a.oms_currency IS NULL THEN trim_scale(a.grand_total)::text
        WHEN a.oms_currency = a.shop_currency THEN trim_scale(a.shop_grand_total)::text END,
        trim_scale(a.oms_total)::text),
    ('currency', CASE WHEN a.oms_currency = a.shop_currency THEN a.shop_currency ELSE a.currency END, a.oms_currency),
    ('lines', a.line_count::text, a.oms_lines::text)
) AS f(field, ours, theirs)
WHERE a.cause IS NULL AND f.ours <> f.theirs
"""  # noqa: S608 - text of this module, no input

OVERTAKEN = """
UPDATE pg_temp.sides_differences AS d SET cause = 'waiting', field = NULL, ours = NULL, theirs = NULL,
    note = 'delivered while the OMS was asked'
FROM pg_temp.sides_day AS y
WHERE y.order_id = d.order_id AND d.cause IN ('oms_missing', 'oms_differs') AND EXISTS (
    SELECT FROM orderflow.receipts AS r
    WHERE r.channel = %(channel)s AND r.order_id = d.order_id AND r.accepted_at >= y.asked_at)
"""
