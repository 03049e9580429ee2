"""The outbox: which order versions the OMS has not got yet, who sends them, and what it answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import msgspec
import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.target import Receipt, Submission
from orderflow.staging import conflicts, contacts, ledger, measures
from orderflow.staging.copying import storable
from orderflow.staging.session import lock_channel, transaction
from orderflow.staging.vault import Vault

ALONE_AFTER = 2
"""Attempts after which an order travels in a request of its own, so that it cannot spoil its neighbours'."""

CLAIMS_AT_ONCE = 4
"""Claims that are recorded by one statement, as many as a channel sends side by side unless its file says otherwise."""

_RECEIPT = ("key", "outcome", "oms_id", "reason", "seconds", "stage")

_LONGEST_WAIT = "10min"
"""How long a sender waits for another sender of the same channel."""


@contextmanager
def sender(connection: Connection, channel: str) -> Iterator[None]:
    """Hold the channel's sender lock on this connection; a process that dies loses it with its connection.

    Raises `TransientError` when another sender holds it for ten minutes.
    """
    with transaction(connection) as cursor:
        cursor.execute("SET LOCAL lock_timeout = %s", (_LONGEST_WAIT,))
        cursor.execute("SELECT pg_advisory_lock(hashtext('orderflow.sync'), hashtext(%s))", (channel,))
    try:
        yield
    finally:
        with suppress(psycopg2.Error):  # a lost connection has lost its lock as well
            connection.rollback()
            with connection, connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtext('orderflow.sync'), hashtext(%s))", (channel,))


def claims(
    connection: Connection, vault: Vault, channel: str, size: int, *, behind: bool = False
) -> Iterator[Sequence[Submission]]:
    """Walk what is pending by order id, `size` at a time; each claim is committed before it is handed out.

    With `behind` it walks what came with batches that catch up, else the rest. Live claims are recorded some at a time;
    one that is never handed out is looked up first by the next sync.

    An order that a load is changing right now is passed over: its newer version comes with the next sync.
    """
    after = ""
    statement, at_once = (_CLAIM_BEHIND, 1) if behind else (_CLAIM_LIVE, CLAIMS_AT_ONCE)
    while True:
        with transaction(connection) as cursor:
            cursor.execute(statement, {"channel": channel, "after": after, "size": size * at_once})
            claimed = cursor.fetchall()
        if not claimed:
            return
        after = max(row[0] for row in claimed)
        with transaction(connection) as cursor:
            cursor.execute(_DOCUMENTS, (msgspec.json.encode(claimed).decode(), channel))
            documents = cursor.fetchall()
        together: list[Submission] = []
        for order_id, version, key, attempts, document, key_id, sealed in documents:
            people = contacts.NONE
            if sealed is not None:
                people = vault.open(bytes(sealed), key_id, channel, order_id)
            content = _splice(document, people, channel, version)
            submission = Submission(key, channel, order_id, version, content, earlier=attempts > 1)
            if attempts > ALONE_AFTER:
                yield [submission]
            else:
                together.append(submission)
        for first in range(0, len(together), size):
            yield together[first : first + size]


def settle(connection: Connection, receipts: Sequence[tuple[Submission, Receipt]]) -> None:
    """Store the answers, in one small transaction.

    A version that a newer one has replaced in the meantime leaves the newer one pending. Refusals and conflicts wait
    for a load of the channel that is under way, because both write to quarantine.
    """
    if not receipts:
        return
    channel = receipts[0][0].channel
    rows = [(sent.order_id, sent.version, *(getattr(receipt, name) for name in _RECEIPT)) for sent, receipt in receipts]
    with transaction(connection) as cursor:
        if any(conflicts.concerned(receipt) for _, receipt in receipts):
            lock_channel(cursor, channel)
        keys = [receipt.key for _, receipt in receipts]
        cursor.execute(_SETTLE, {"channel": channel, "rows": storable(msgspec.json.encode(rows)), "keys": keys})
        lags = {order_id: (behind, lag) for order_id, behind, lag in cursor.fetchall()}
        answers = [each for each in receipts if each[0].order_id in lags]
        conflicts.record(cursor, channel, answers)
        measures.settled(
            cursor,
            channel,
            answers=[(receipt.outcome, receipt.seconds) for _, receipt in answers],
            lags=[lags[sent.order_id] for sent, receipt in answers if receipt.outcome == "accepted"],
        )


def postpone(connection: Connection, submissions: Sequence[Submission], error: str) -> None:
    """Keep these pending. From the third attempt on each waits twice as long as before, up to an hour."""
    if not submissions:
        return
    with transaction(connection) as cursor:
        cursor.execute(
            """
            WITH locked AS (
                SELECT order_id FROM orderflow.outbox
                WHERE channel = %s AND order_id = ANY(%s) AND key = ANY(%s) ORDER BY order_id FOR UPDATE
            )
            UPDATE orderflow.outbox SET last_error = %s, not_before = CASE WHEN attempts > 2
                THEN now() + interval '1 minute' * least(60, power(2, least(attempts - 3, 6))) END
            WHERE channel = %s AND order_id = ANY(ARRAY(SELECT order_id FROM locked))
            """,
            (
                submissions[0].channel,
                [each.order_id for each in submissions],
                [each.key for each in submissions],
                error[:1000],
                submissions[0].channel,
            ),
        )
        measures.postponed(cursor, submissions[0].channel, len(submissions))


def pending(connection: Connection, channel: str) -> int:
    with transaction(connection) as cursor:
        cursor.execute("SELECT count(*) FROM orderflow.outbox WHERE channel = %s", (channel,))
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def synced(connection: Connection, channel: str, seconds: float) -> int:
    with transaction(connection) as cursor:
        measures.synced(cursor, channel, seconds)
        return ledger.synced(cursor, channel)


def _splice(document: str, people: bytes, channel: str, version: int) -> bytes:
    """The stored document with its contacts, channel and version added at its end, without reading it."""
    return b'%b,"contacts":%b,"channel":%b,"version":%d}' % (
        document.encode()[:-1],
        people,
        msgspec.json.encode(channel),
        version,
    )


# `earlier` is told by the attempts: the first claim of a version finds none. Rows locked by a running load are skipped.
# The settings, arrays and `OFFSET 0` make every statement here go by primary key, whatever the planner knows of a table
# that has just grown: the first acknowledgement must not wait for a walk through everything that is pending.
_CLAIM = """
SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off;
WITH next AS (
    SELECT order_id FROM orderflow.outbox
    WHERE channel = %(channel)s AND order_id > %(after)s AND {lane} AND (not_before IS NULL OR not_before <= now())
    ORDER BY order_id LIMIT %(size)s
    FOR UPDATE SKIP LOCKED
)
UPDATE orderflow.outbox SET first_sent_at = coalesce(first_sent_at, now()), attempts = attempts + 1
WHERE channel = %(channel)s AND order_id = ANY(ARRAY(SELECT order_id FROM next))
RETURNING order_id, version, key, attempts
"""
_CLAIM_LIVE, _CLAIM_BEHIND = _CLAIM.format(lane="NOT behind"), _CLAIM.format(lane="behind")

# A statement of its own, so that it sees every load committed before the claim and leaves out what was replaced since.
_DOCUMENTS = """
SELECT o.order_id, o.version, c.claim ->> 2, (c.claim ->> 3)::integer,
    CASE WHEN o.known_masking IS DISTINCT FROM o.masking AND o.known_masking IS NOT NULL
        THEN jsonb_set(o.document::jsonb, '{masking}', to_jsonb(o.known_masking))::text ELSE o.document::text END,
    o.key_id, o.sealed
FROM json_array_elements(%s::json) AS c(claim)
CROSS JOIN LATERAL (
    SELECT o.*, p.masking AS known_masking, p.key_id, p.sealed
    FROM orderflow.orders AS o
    LEFT JOIN orderflow.order_contacts AS p ON p.channel = o.channel AND p.order_id = o.order_id
    WHERE o.channel = %s AND o.order_id = c.claim ->> 0 AND o.version = (c.claim ->> 1)::integer OFFSET 0
) AS o
"""

# The keys are constants, because PostgreSQL hashes such an array and walks through any other for every row.
_SETTLE = """
WITH answer AS (
    SELECT r ->> 0 AS order_id, (r ->> 1)::integer AS version, r ->> 2 AS key, r ->> 3 AS outcome, r ->> 4 AS oms_id,
        r ->> 5 AS reason, (r ->> 6)::float8 AS seconds, r ->> 7 AS stage
    FROM json_array_elements(%(rows)s::json) AS r
), stored AS (
    INSERT INTO orderflow.receipts (channel, order_id, version, key, outcome, oms_id, reason, seconds, stage)
    SELECT %(channel)s, order_id, version, key, outcome, oms_id, reason, seconds, stage FROM answer
    ON CONFLICT DO NOTHING
), locked AS (
    SELECT order_id FROM orderflow.outbox
    WHERE channel = %(channel)s AND order_id = ANY(ARRAY(SELECT order_id FROM answer))
        AND key = ANY(%(keys)s)
    ORDER BY order_id FOR UPDATE
)
DELETE FROM orderflow.outbox AS gone
WHERE channel = %(channel)s AND order_id = ANY(ARRAY(SELECT order_id FROM locked))
RETURNING order_id, behind, extract(epoch FROM clock_timestamp() - coalesce(
    (SELECT o.channel_updated_at FROM orderflow.orders AS o
     WHERE o.channel = gone.channel AND o.order_id = gone.order_id), enqueued_at))::float8
"""
