"""What the story of one order asks of the database."""

from __future__ import annotations

RESOLVE = """
SELECT order_id FROM (
    SELECT order_id, 0 AS place FROM orderflow.orders WHERE channel = %(channel)s AND order_id = %(asked)s
    UNION ALL SELECT subject, 1 FROM orderflow.quarantine WHERE channel = %(channel)s AND subject = %(asked)s
    UNION ALL SELECT order_id, 2 FROM orderflow.orders WHERE channel = %(channel)s
        AND order_number IN (%(asked)s, '#' || %(asked)s, ltrim(%(asked)s, '#'))
    UNION ALL SELECT subject, 3 FROM orderflow.quarantine WHERE channel = %(channel)s
        AND left(document ->> 'order_number', 200) IN (%(asked)s, '#' || %(asked)s, ltrim(%(asked)s, '#'))
) AS found ORDER BY place LIMIT 1
"""

PLACES = """
SELECT o.channel, o.order_id FROM unnest(%(channels)s::text[]) AS asked(channel)
    JOIN orderflow.orders AS o ON o.channel = asked.channel COLLATE "C" AND o.order_id = %(asked)s
UNION SELECT channel, order_id FROM orderflow.orders
    WHERE order_number IN (%(asked)s, '#' || %(asked)s, ltrim(%(asked)s, '#')) AND channel = ANY(%(channels)s)
UNION SELECT channel, subject FROM orderflow.quarantine WHERE subject = %(asked)s AND channel = ANY(%(channels)s)
UNION SELECT channel, subject FROM orderflow.quarantine
    WHERE left(document ->> 'order_number', 200) IN (%(asked)s, '#' || %(asked)s, ltrim(%(asked)s, '#'))
        AND channel = ANY(%(channels)s)
ORDER BY 1, 2 LIMIT %(most)s
"""

SIMILAR = """
(SELECT order_id, order_number FROM orderflow.orders WHERE channel = %(channel)s AND order_id >= %(asked)s
 ORDER BY order_id LIMIT %(near)s)
UNION (SELECT order_id, order_number FROM orderflow.orders WHERE channel = %(channel)s AND order_id < %(asked)s
 ORDER BY order_id DESC LIMIT %(near)s)
UNION (SELECT order_id, document ->> 'order_number' FROM orderflow.quarantine
 WHERE channel = %(channel)s AND state IN ('open', 'parked') ORDER BY last_seen_at DESC LIMIT %(near)s)
"""

ORDER = """
SELECT order_number, version, order_status, channel_created_at, channel_updated_at, first_seen_at, landing, ordinal,
    grand_total, currency, line_count
FROM orderflow.orders WHERE channel = %(channel)s AND order_id = %(order_id)s
"""

# A batch's rows all carry the moment of its transaction, which is how a version finds a batch that proves no window.
VERSIONS = """
SELECT v.version, v.loaded_at, v.window_start, v.window_end, v.changed, v.changes,
    e.purpose, coalesce(e.run_id, w.run_id)
FROM orderflow.order_versions AS v
LEFT JOIN orderflow.windows AS w
    ON (w.channel, w.window_start, w.window_end) = (v.channel, v.window_start, v.window_end)
LEFT JOIN LATERAL (
    SELECT purpose, run_id FROM orderflow.extra_batches AS each
    WHERE (each.channel, each.window_start, each.window_end) = (v.channel, v.window_start, v.window_end)
        AND each.loaded_at = v.loaded_at LIMIT 1
) AS e ON true
WHERE v.channel = %(channel)s AND v.order_id = %(order_id)s ORDER BY v.version
"""

EDITS = """
SELECT made_at, path, value, sealed IS NOT NULL, who, why, withdrawn_at
FROM orderflow.order_edits WHERE channel = %(channel)s AND order_id = %(order_id)s ORDER BY id
"""

WAIVERS = """
SELECT made_at, codes, who, why FROM orderflow.order_waivers
WHERE channel = %(channel)s AND order_id = %(order_id)s ORDER BY id
"""

QUARANTINE = """
SELECT id, source, state, reasons, window_start, window_end, document ->> 'order_number',
    (document ->> 'channel_created_at')::timestamptz, channel_updated_at, value, currency, decided_by, decided_at
FROM orderflow.quarantine WHERE channel = %(channel)s AND subject = %(order_id)s
"""

ERASURE = """
SELECT erased_at, erased_by, erased_why FROM orderflow.order_contacts
WHERE channel = %(channel)s AND order_id = %(order_id)s AND erased_at IS NOT NULL
"""

QUARANTINE_EVENTS = "SELECT at, who, what, why FROM orderflow.quarantine_events WHERE quarantine_id = %s ORDER BY id"

RECEIPTS = """
SELECT version, outcome, oms_id, reason, stage, accepted_at FROM orderflow.receipts
WHERE channel = %(channel)s AND order_id = %(order_id)s ORDER BY accepted_at, version
"""

OUTBOX = """
SELECT version, enqueued_at, attempts, last_error, not_before, first_sent_at FROM orderflow.outbox
WHERE channel = %(channel)s AND order_id = %(order_id)s
"""

NOTICES = """
SELECT kind, subject, noted_at, attempts, last_error, outcome, reason, reference, settled_at, differs
FROM orderflow.notices WHERE channel = %(channel)s AND order_id = %(order_id)s ORDER BY number
"""

HINTS = """
SELECT received_at, closed_at, given_up, last_error FROM orderflow.hints
WHERE channel = %(channel)s AND order_id = %(order_id)s ORDER BY received_at LIMIT 50
"""

CERTIFICATES = """
SELECT c.made_at, c.day, d.cause, d.field, d.ours, d.theirs, d.repaired
FROM orderflow.certificate_differences AS d JOIN orderflow.certificates AS c USING (channel, number)
WHERE d.channel = %(channel)s AND d.order_id = %(order_id)s ORDER BY c.number
"""
