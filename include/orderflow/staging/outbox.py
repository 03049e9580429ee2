"""The outbox: which order versions the OMS has not got yet, who sends them, and what it answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

import msgspec
from psycopg2.extensions import BYTES
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.errors import ConfigError
from orderflow.domain.target import Receipt, Submission
from orderflow.staging import conflicts, contacts, ledger, measures
from orderflow.staging.copying import storable
from orderflow.staging.session import BY_KEY, alone, lock_channel, transaction
from orderflow.staging.vault import Vault

ALONE_AFTER = 2
"""Attempts after which an order travels in a request of its own, so that it cannot spoil its neighbours'."""

CLAIMS_AT_ONCE = 4
"""Claims that are recorded by one statement, as many as a channel sends side by side unless its file says otherwise."""

_JSON = 114
"""PostgreSQL's number of the type `json`."""

_LONGEST_WAIT = "10min"
"""How long a sender waits for another sender of the same channel."""


@contextmanager
def sender(connection: Connection, channel: str) -> Iterator[None]:
    """Hold the channel's sender lock on this connection; a process that dies loses it with its connection.

    Raises `TransientError` when another sender holds it for ten minutes.
    """
    with alone(connection, "sync", channel, longest_wait=_LONGEST_WAIT):
        yield


def claims(
    connection: Connection, vault: Vault, channel: str, size: int, *, behind: bool = False
) -> Iterator[Sequence[Submission]]:
    """Walk what is pending by order id, `size` at a time; each claim is committed before it is handed out.

    With `behind` it walks what came with batches that catch up, else the rest. Live claims are recorded some at a time;
    one that is never handed out is looked up first by the next sync.

    An order that a load is changing right now is passed over: its newer version comes with the next sync. One whose
    people cannot be read stays pending, and keeps no other from going: `ConfigError` is raised for it at the end.
    """
    after = ""
    sealed: ConfigError | None = None
    statement, at_once = (_CLAIM_BEHIND, 1) if behind else (_CLAIM_LIVE, CLAIMS_AT_ONCE)
    connection.string_types[_JSON] = BYTES
    while True:
        with transaction(connection) as cursor:
            cursor.execute(BY_KEY + statement, {"channel": channel, "after": after, "size": size * at_once})
            claimed = cursor.fetchall()
        if not claimed:
            break
        after = max(row[0] for row in claimed)
        found = [row for row in claimed if row[_DOCUMENT] is not None]
        together = [row for row in found if row[_ATTEMPTS] <= ALONE_AFTER]
        alone = [[row] for row in found if row[_ATTEMPTS] > ALONE_AFTER]
        for rows in chain((together[first : first + size] for first in range(0, len(together), size)), alone):
            opened = []
            for row in rows:
                try:
                    opened.append(_submission(vault, channel, *row))
                except ConfigError as error:
                    sealed = error
            if opened:
                yield opened
    if sealed:
        raise sealed


def settle(connection: Connection, receipts: Sequence[tuple[Submission, Receipt]]) -> None:
    """Store the answers, in one small transaction.

    A version that a newer one has replaced in the meantime leaves the newer one pending. Refusals and conflicts wait
    for a load of the channel that is under way, because both write to quarantine.
    """
    if not receipts:
        return
    channel = receipts[0][0].channel
    rows = [
        (sent.order_id, sent.version, got.key, got.outcome, got.oms_id, got.reason, got.seconds, got.stage)
        for sent, got in receipts
    ]
    rows.sort()
    with transaction(connection) as cursor:
        if any(conflicts.concerned(receipt) for _, receipt in receipts):
            lock_channel(cursor, channel)
        cursor.execute(BY_KEY + _SETTLE, {"channel": channel, "rows": storable(msgspec.json.encode(rows))})
        lags = {key: (behind, lag) for key, behind, lag in cursor.fetchall()}
        answers = [each for each in receipts if each[0].key in lags]
        conflicts.record(cursor, channel, answers)
        measures.settled(
            cursor,
            channel,
            answers=[(receipt.outcome, receipt.seconds) for _, receipt in answers],
            lags=[lags[sent.key] for sent, receipt in answers if receipt.outcome == "accepted"],
        )


def postpone(connection: Connection, submissions: Sequence[Submission], error: str) -> None:
    """Keep these pending. From the third attempt on each waits twice as long as before, up to an hour."""
    if not submissions:
        return
    with transaction(connection) as cursor:
        cursor.execute(
            BY_KEY + _POSTPONE,
            {
                "channel": submissions[0].channel,
                "rows": storable(msgspec.json.encode(sorted((each.order_id, each.key) for each in submissions))),
                "error": error[:1000],
            },
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


def _submission(
    vault: Vault,
    channel: str,
    order_id: str,
    version: int,
    key: str,
    attempts: int,
    document: bytes,
    key_id: str | None,
    sealed: memoryview | None,
) -> Submission:
    """The stored document with its contacts, channel and version added at its end, without reading it."""
    people = contacts.NONE
    if sealed is not None and key_id is not None:
        people = vault.open(sealed.tobytes(), key_id, channel, order_id)
    content = b'%b,"contacts":%b,"channel":%b,"version":%d}' % (
        document[:-1],
        people,
        msgspec.json.encode(channel),
        version,
    )
    return Submission(key, channel, order_id, version, content, attempts > 1)


# `earlier` is told by the attempts: the first claim of a version finds none. Rows locked by a running load are skipped,
# and a row that a load has replaced since the statement began has no document here.
_CLAIM = """
WITH next AS MATERIALIZED (
    SELECT ctid FROM orderflow.outbox
    WHERE channel = %(channel)s AND order_id > %(after)s AND {lane} AND (not_before IS NULL OR not_before <= now())
    ORDER BY order_id LIMIT %(size)s
    FOR UPDATE SKIP LOCKED
), claimed AS MATERIALIZED (
    UPDATE orderflow.outbox SET first_sent_at = coalesce(first_sent_at, now()), attempts = attempts + 1
    WHERE ctid = ANY(ARRAY(SELECT ctid FROM next))
    RETURNING order_id, version, key, attempts
)
SELECT c.order_id, c.version, c.key, c.attempts, CASE WHEN p.masking <> o.masking
    THEN jsonb_set(o.document::jsonb, '{{masking}}', to_jsonb(p.masking))::text::json ELSE o.document END,
    p.key_id, p.sealed
FROM claimed AS c
LEFT JOIN LATERAL (
    SELECT document, masking FROM orderflow.orders
    WHERE channel = %(channel)s AND order_id BETWEEN c.order_id AND c.order_id AND version = c.version
    ORDER BY order_id LIMIT 1
) AS o ON true
LEFT JOIN LATERAL (
    SELECT key_id, sealed, masking FROM orderflow.order_contacts
    WHERE channel = %(channel)s AND order_id BETWEEN c.order_id AND c.order_id
    ORDER BY order_id LIMIT 1
) AS p ON true
"""
_CLAIM_LIVE, _CLAIM_BEHIND = _CLAIM.format(lane="NOT behind"), _CLAIM.format(lane="behind")
_ATTEMPTS, _DOCUMENT = 3, 4
"""Places in a row of it."""

# Answers come by order id, so that rows are locked in the order in which loads lock them.
_SETTLE = """
WITH answer AS MATERIALIZED (
    SELECT r ->> 0 AS order_id, (r ->> 1)::integer AS version, r ->> 2 AS key, r ->> 3 AS outcome, r ->> 4 AS oms_id,
        r ->> 5 AS reason, (r ->> 6)::float8 AS seconds, r ->> 7 AS stage
    FROM jsonb_array_elements(%(rows)s::jsonb) AS r
), stored AS (
    INSERT INTO orderflow.receipts (channel, order_id, version, key, outcome, oms_id, reason, seconds, stage)
    SELECT %(channel)s, order_id, version, key, outcome, oms_id, reason, seconds, stage FROM answer
    ON CONFLICT DO NOTHING
), locked AS (
    SELECT owed.ctid FROM answer AS a CROSS JOIN LATERAL (
        SELECT ctid FROM orderflow.outbox
        WHERE channel = %(channel)s AND order_id BETWEEN a.order_id AND a.order_id AND key = a.key
        ORDER BY order_id LIMIT 1 FOR UPDATE
    ) AS owed
)
DELETE FROM orderflow.outbox AS gone
WHERE ctid = ANY(ARRAY(SELECT ctid FROM locked))
RETURNING key, behind, date_part('epoch', clock_timestamp() - coalesce(
    (SELECT o.channel_updated_at FROM orderflow.orders AS o
     WHERE o.channel = gone.channel AND o.order_id BETWEEN gone.order_id AND gone.order_id
     ORDER BY o.order_id LIMIT 1), enqueued_at))
"""

_POSTPONE = """
WITH locked AS MATERIALIZED (
    SELECT owed.ctid FROM jsonb_array_elements(%(rows)s::jsonb) AS a CROSS JOIN LATERAL (
        SELECT ctid FROM orderflow.outbox
        WHERE channel = %(channel)s AND order_id BETWEEN a ->> 0 AND a ->> 0 AND key = a ->> 1
        ORDER BY order_id LIMIT 1 FOR UPDATE
    ) AS owed
)
UPDATE orderflow.outbox SET last_error = %(error)s, not_before = CASE WHEN attempts > 2
    THEN now() + interval '1 minute' * least(60, power(2, least(attempts - 3, 6))) END
WHERE ctid = ANY(ARRAY(SELECT ctid FROM locked))
"""
