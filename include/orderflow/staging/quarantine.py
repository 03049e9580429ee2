"""Quarantine: where an order waits that may not go on, with its reason, its raw record and what people decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from orderflow.domain.batch import Batch
from orderflow.domain.target import idempotency_key
from orderflow.staging.copying import storable
from orderflow.staging.session import transaction
from orderflow.staging.vault import Vault

OMS_REFUSED = "OMS_REFUSED"
"""Code of an order that the OMS did not take."""

DELIVERED_ELSEWHERE = "DELIVERED_ELSEWHERE"
"""Code of a staged order that another channel delivers (`staging.twins`)."""
ELSEWHERE = f'[{{"code": "{DELIVERED_ELSEWHERE}"}}]'
"""What the reasons of such an order contain."""
LASTING = f'$[*] ? (@.taken == true || @.code == "{DELIVERED_ELSEWHERE}")'
"""Finds the reasons that no good version settles, but people alone."""


def any_waiting(cursor: Cursor, channel: str) -> bool:
    """Whether the channel has rows that a good version would end."""
    cursor.execute(
        """
        SELECT EXISTS (SELECT FROM orderflow.quarantine WHERE channel = %(channel)s AND state IN ('open', 'parked'))
            OR EXISTS (SELECT FROM orderflow.quarantine WHERE channel = %(channel)s AND state = 'discarded')
            OR EXISTS (SELECT FROM orderflow.quarantine WHERE channel = %(channel)s AND replay_asked_at IS NOT NULL)
        """,
        {"channel": channel},
    )
    row = cursor.fetchone()
    return row is not None and bool(row[0])


def supersede(
    cursor: Cursor, batch: Batch, changed: Sequence[int], *, deliver: bool, since: datetime | None = None
) -> None:
    """Good versions (in the loading transaction's `keys`) take the place of what waits of the same orders.

    What a person discarded gives way to another content only: as it is, it is staged and goes no further, whatever rule
    would let it pass now. What was released has gone on and stays released. What the OMS refused gives
    way to a changed version only (`changed` are their rows): the same one would be refused again. What it took too late
    people settle alone, and so they do with what another channel delivers: of an order that broke a rule besides, this
    is what stays.

    An order that broke a rule after the OMS had refused it, and is now again as the OMS refused it, is sent to it once
    more (with `deliver`): nothing else would tell of it. So is one whose discarding somebody took back, unless it was
    created before `since`.
    """
    cursor.execute(
        """
        WITH met AS (
            SELECT q.id, k.order_id, k.row = ANY(%(changed)s) AS changed,
                q.state = 'discarded' AND q.decided_by IS NOT NULL AND q.source <> 'oms'
                AND (q.raw_sha256 = k.raw_sha256 OR coalesce(q.content_hash = k.content_hash, false)) AS never,
                late, CASE WHEN late = '[]' THEN CASE q.state WHEN 'released' THEN q.state ELSE 'superseded' END
                    WHEN q.state IN ('parked', 'discarded') THEN q.state ELSE 'open' END AS next
            FROM keys AS k
            CROSS JOIN LATERAL (
                SELECT 'sha256:' || encode(k.raw_sha256, 'hex') AS subject
            ) AS record
            CROSS JOIN LATERAL (
                (SELECT * FROM orderflow.quarantine AS q
                WHERE q.channel = %(channel)s AND q.subject BETWEEN k.order_id AND k.order_id
                ORDER BY q.subject LIMIT 1)
                UNION ALL
                (SELECT * FROM orderflow.quarantine AS q
                WHERE q.channel = %(channel)s AND q.subject BETWEEN record.subject AND record.subject
                ORDER BY q.subject LIMIT 1)
            ) AS q
            CROSS JOIN LATERAL (
                SELECT CASE WHEN q.source = 'oms' OR q.state = 'discarded' AND NOT q.reasons @> %(elsewhere)s THEN '[]'
                    ELSE jsonb_path_query_array(q.reasons, %(lasting)s) END AS late
            ) AS left_over
            WHERE (q.state IN ('open', 'parked', 'discarded') OR q.replay_asked_at IS NOT NULL) AND CASE
                WHEN q.source = 'oms' AND q.reasons @> '[{"taken": true}]' THEN false
                WHEN q.source = 'oms' AND q.state <> 'released' AND q.reasons @> %(elsewhere)s THEN false
                WHEN q.source = 'oms' AND NOT (%(replay)s AND q.replay_asked_at IS NOT NULL)
                    THEN k.row = ANY(%(changed)s)
                WHEN q.channel_updated_at < k.channel_updated_at OR q.raw_sha256 = k.raw_sha256 THEN true
                ELSE q.fetched_at <= k.fetched_at
                    AND coalesce(q.channel_updated_at <= k.channel_updated_at, true) END
        ), better AS (
            SELECT * FROM met WHERE NOT never
        ), unsent AS (
            DELETE FROM orderflow.outbox WHERE ctid = ANY(ARRAY(
                SELECT o.ctid FROM met CROSS JOIN LATERAL (
                    SELECT ctid FROM orderflow.outbox
                    WHERE channel = %(channel)s AND order_id BETWEEN met.order_id AND met.order_id
                    ORDER BY order_id LIMIT 1
                ) AS o WHERE met.never))
        ), unowed AS (
            DELETE FROM owed WHERE order_id = ANY(ARRAY(SELECT order_id FROM met WHERE never))
        ), gone AS (
            UPDATE orderflow.quarantine AS q SET
                state = next,
                decided_by = CASE WHEN next = q.state THEN decided_by END,
                source = CASE WHEN late = '[]' THEN source ELSE 'oms' END,
                reasons = CASE WHEN late = '[]' THEN reasons ELSE late END,
                replay_asked_at = CASE WHEN replay_asked_at > %(until)s THEN replay_asked_at END
            FROM better AS b WHERE q.id = ANY(ARRAY(SELECT id FROM better)) AND b.id = q.id
            RETURNING q.id, q.state
        ), told AS (
            INSERT INTO orderflow.quarantine_events (quarantine_id, who, what, why)
            SELECT id, 'load', CASE state WHEN 'released' THEN 'went on' ELSE state END,
                'a good version came in ' || %(window)s
            FROM gone
        )
        SELECT b.order_id FROM better AS b CROSS JOIN LATERAL (
            SELECT version, channel_created_at FROM orderflow.orders AS o
            WHERE o.channel = %(channel)s AND o.order_id BETWEEN b.order_id AND b.order_id ORDER BY o.order_id LIMIT 1
        ) AS o
        WHERE NOT b.changed AND coalesce((
            SELECT bool_and(outcome = 'refused') FROM (
                SELECT outcome FROM orderflow.receipts
                WHERE channel = %(channel)s AND order_id BETWEEN b.order_id AND b.order_id AND version = o.version
                ORDER BY order_id, version
            ) AS r
        ), coalesce(o.channel_created_at >= %(since)s::timestamptz, true) AND (
            SELECT bool_or(what = 'discarded') FROM orderflow.quarantine_events AS e WHERE e.quarantine_id = b.id
        ))
        ORDER BY b.order_id
        """,
        {
            "channel": batch.channel,
            "changed": list(changed),
            "window": str(batch.window),
            "replay": batch.purpose == "replay",
            "until": batch.decided_until,
            "since": since,
            "elsewhere": ELSEWHERE,
            "lasting": LASTING,
        },
    )
    for (order_id,) in cursor.fetchall() if deliver else ():
        enqueue_again(cursor, batch.channel, order_id, behind=batch.behind)


def refuse(
    cursor: Cursor,
    channel: str,
    refusals: Sequence[tuple[str, int, Sequence[dict[str, Any]]]],
    *,
    who: str = "sync",
    why: str = "refused by the OMS",
) -> None:
    """Quarantine staged orders that the OMS refused, took too late or shall not get: `(order_id, version, reasons)`."""
    encoded = [
        {"order_id": order_id, "version": version, "reasons": reasons} for order_id, version, reasons in refusals
    ]
    of = {"channel": channel, "who": who, "why": why, "lasting": LASTING}
    cursor.execute(_NOT_FOR_OMS, of | {"refusals": storable(msgspec.json.encode(encoded))})


def raw(connection: Connection, vault: Vault, quarantine_id: int) -> bytes | None:
    """The raw record as the channel sent it; None where only the cleaned order is kept (refused by the OMS)."""
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT channel, raw_sha256, sealed_raw, key_id FROM orderflow.quarantine WHERE id = %s", (quarantine_id,)
        )
        row = cursor.fetchone()
    if row is None or row[2] is None:
        return None
    channel, sha256, sealed, key_id = row
    return vault.open(bytes(sealed), key_id, channel, bytes(sha256).hex())


def enqueue_again(cursor: Cursor, channel: str, order_id: str, *, behind: bool = False) -> None:
    """Owe the OMS a staged order that it refused once more, with a key of its own."""
    cursor.execute(
        """
        SELECT o.version, o.content_hash || o.contacts_hash, o.window_start, o.window_end,
            (SELECT count(*) FROM (
                SELECT FROM orderflow.receipts
                WHERE channel = o.channel AND order_id BETWEEN o.order_id AND o.order_id AND version = o.version
                ORDER BY order_id, version) AS answers)
        FROM orderflow.orders AS o WHERE o.channel = %(channel)s AND o.order_id BETWEEN %(order_id)s AND %(order_id)s
        ORDER BY o.order_id LIMIT 1
        """,
        {"channel": channel, "order_id": order_id},
    )
    row = cursor.fetchone()
    assert row is not None, "what the OMS refused is staged"
    version, content, start, end, answers = row
    key = idempotency_key(channel, order_id, version, bytes(content) + b"again %d" % answers)
    cursor.execute(
        """
        INSERT INTO orderflow.outbox (channel, order_id, version, key, window_start, window_end, behind)
        VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
        """,
        (channel, order_id, version, key, start, end, behind),
    )


# A newer version that waits for a rule of ours keeps the row; the order goes to the OMS again when that is settled.
_NOT_FOR_OMS = """
WITH refusal AS (
    SELECT * FROM jsonb_to_recordset(%(refusals)s::jsonb) AS r(order_id text, version integer, reasons jsonb)
), before AS (
    SELECT q.id, q.subject, q.state,
        q.source <> 'oms' AND (q.state IN ('open', 'parked') OR q.replay_asked_at IS NOT NULL) AS newer
    FROM refusal AS r CROSS JOIN LATERAL (
        SELECT * FROM orderflow.quarantine
        WHERE channel = %(channel)s AND subject BETWEEN r.order_id AND r.order_id ORDER BY subject LIMIT 1
    ) AS q
), joined AS (
    UPDATE orderflow.quarantine AS q
    SET reasons = q.reasons || jsonb_path_query_array(r.reasons, %(lasting)s)
    FROM before AS b JOIN refusal AS r ON r.order_id = b.subject
    WHERE q.id = ANY(ARRAY(SELECT id FROM before WHERE newer)) AND q.id = b.id
), written AS (
    INSERT INTO orderflow.quarantine AS q (
        channel, subject, order_id, source, state, reasons, raw_sha256, document, content_hash, channel_updated_at,
        value, currency, landing, ordinal, fetched_at, window_start, window_end
    )
    SELECT o.channel, o.order_id, o.order_id, 'oms', 'open', r.reasons, o.raw_sha256, o.document, o.content_hash,
        o.channel_updated_at, coalesce(o.shop_grand_total, o.grand_total),
        CASE WHEN o.shop_grand_total IS NULL THEN o.currency ELSE o.shop_currency END,
        o.landing, o.ordinal, o.fetched_at, o.window_start, o.window_end
    FROM refusal AS r
    CROSS JOIN LATERAL (
        SELECT * FROM orderflow.orders AS o
        WHERE o.channel = %(channel)s AND o.order_id BETWEEN r.order_id AND r.order_id AND o.version = r.version
        ORDER BY o.order_id LIMIT 1
    ) AS o
    WHERE NOT EXISTS (SELECT FROM before AS b WHERE b.subject = r.order_id AND b.newer)
    ON CONFLICT (channel, subject) DO UPDATE SET
        source = excluded.source,
        reasons = excluded.reasons || CASE WHEN q.state IN ('open', 'parked')
            THEN jsonb_path_query_array(q.reasons, '$[*] ? (@.taken == true)') ELSE '[]' END,
        raw_sha256 = excluded.raw_sha256, sealed_raw = NULL,
        key_id = NULL, document = excluded.document, content_hash = excluded.content_hash,
        channel_updated_at = excluded.channel_updated_at, value = excluded.value, currency = excluded.currency,
        landing = excluded.landing, ordinal = excluded.ordinal, fetched_at = excluded.fetched_at,
        window_start = excluded.window_start, window_end = excluded.window_end, last_seen_at = now(),
        times_seen = q.times_seen + 1, replay_asked_at = NULL,
        state = CASE WHEN q.state = 'parked' AND q.decided_by IS NOT NULL THEN 'parked' ELSE 'open' END,
        decided_by = CASE WHEN q.state = 'parked' THEN q.decided_by END
    RETURNING q.id, q.state, q.reasons
)
INSERT INTO orderflow.quarantine_events (quarantine_id, who, what, why)
SELECT w.id, %(who)s, w.state,
    CASE WHEN w.reasons @> '[{"taken": true}]' THEN 'came too late for the OMS' ELSE %(why)s END
FROM written AS w LEFT JOIN before AS b ON b.id = w.id
WHERE b.state IS DISTINCT FROM w.state
"""
