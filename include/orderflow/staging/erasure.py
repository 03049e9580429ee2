"""Erasure: the buyers' data of some orders leave staging for good; the orders stay, and are counted as before."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from orderflow.domain.staging import Table
from orderflow.domain.target import idempotency_key
from orderflow.staging import contacts
from orderflow.staging.actions import demand_why
from orderflow.staging.copying import one
from orderflow.staging.session import lock_channel, transaction

PERSONAL = (("orders", "buyer_id"), ("refunds", "reason"))
"""Table and field of the personal data that stand in an order's document; the others are its contacts."""


class Erased(NamedTuple):
    """Order ids: of whom the data went now, of whom they had gone before, and those that staging does not know."""

    now: list[str]
    before: list[str]
    unknown: list[str]


def erase(
    connection: Connection, channel: str, order_ids: Collection[str], *, who: str, why: str, dry_run: bool = False
) -> Erased:
    """Remove the buyers' data of these orders, raw records in quarantine and people's corrections included.

    No later load brings them back, of orders that only wait in quarantine neither; what people corrected since goes
    when an order is erased again. Raw files in the landing zone expire on their own. What waits for the OMS becomes a
    version without its people, because one version is always sent as one document. Raises `ConfigError` where nobody or
    no reason is named.
    """
    demand_why(who, why)
    of = {"channel": channel, "order_ids": sorted(set(order_ids)), "who": who, "why": why}
    with transaction(connection) as cursor:
        lock_channel(cursor, channel)
        cursor.execute(_KNOWN, of)
        known = dict(cursor.fetchall())
        found = Erased(
            now=[order_id for order_id, erased in known.items() if not erased],
            before=[order_id for order_id, erased in known.items() if erased],
            unknown=[order_id for order_id in of["order_ids"] if order_id not in known],
        )
        if known and not dry_run:
            cursor.execute(_CONTACTS, of | {"order_ids": found.now})
            for statement in (_RAW, _EDITS):
                cursor.execute(statement, of | {"order_ids": list(known)})
            cursor.execute(_READ, of | {"order_ids": found.now})
            for table, order_id, document in cursor.fetchall():
                cursor.execute(_WRITE[table], (without_buyer(document.encode()).decode(), channel, order_id))
            _send_without_people(cursor, channel, found.now)
    return found


def again(connection: Connection, channel: str, order_ids: Collection[str], *, dry_run: bool = False) -> int:
    """Forget buyers that were forgotten before staging went back; returns how many were known again.

    Orders that are still to come back will come without them. Who is forgotten is left alone, with what people
    corrected since. A dry run forgets nobody.
    """
    if not order_ids:
        return 0
    said = {"who": "recall", "why": "was erased before staging went back"}
    found = erase(connection, channel, order_ids, dry_run=True, **said)
    if found.now and not dry_run:
        erase(connection, channel, found.now, dry_run=False, **said)
    if found.unknown and not dry_run:
        with transaction(connection) as cursor:
            lock_channel(cursor, channel)
            cursor.execute(_CONTACTS, {"channel": channel, "order_ids": found.unknown, **said})
    return len(found.now)


def without_buyer(document: bytes) -> bytes:
    """The document of an order without what it says of its buyer."""
    order = msgspec.json.decode(document)
    for table, name in PERSONAL:
        for part in [order] if table == "orders" else order.get(table, []):
            part.pop(name, None)
    return msgspec.json.encode(order)


def any_erased(cursor: Cursor, channel: str) -> bool:
    """Whether a buyer of this channel was forgotten."""
    cursor.execute(
        "SELECT EXISTS (SELECT FROM orderflow.order_contacts WHERE channel = %s AND erased_at IS NOT NULL)", (channel,)
    )
    row = cursor.fetchone()
    return row is not None and bool(row[0])


def erased(cursor: Cursor, channel: str, order_ids: Collection[str]) -> set[str]:
    """Those of these orders whose buyer was forgotten."""
    cursor.execute(_ERASED, {"channel": channel, "order_ids": list(order_ids)})
    return {order_id for (order_id,) in cursor.fetchall()}


def without_buyers(cursor: Cursor, channel: str, orders: Table) -> Table:
    """These orders, those whose buyer was forgotten without contacts and what else is said of the buyer."""
    order_ids = one(orders["order_id"])
    forgotten = erased(cursor, channel, order_ids.to_pylist())
    if not forgotten:
        return orders
    rows = pc.is_in(order_ids, pa.array(sorted(forgotten)))
    for name in ("contacts", "document"):
        whole = one(orders[name])
        values = [
            contacts.NONE if name == "contacts" else without_buyer(each) for each in whole.filter(rows).to_pylist()
        ]
        patched = pc.replace_with_mask(whole, rows, pa.array(values, whole.type))
        orders = orders.set_column(orders.column_names.index(name), name, patched)
    return orders


def _send_without_people(cursor: Cursor, channel: str, order_ids: list[str]) -> None:
    """A new version of those that the OMS has not got yet."""
    cursor.execute(_RENEW, {"channel": channel, "order_ids": order_ids})
    for order_id, version, content in cursor.fetchall():
        cursor.execute(
            """
            UPDATE orderflow.outbox SET version = %s, key = %s, first_sent_at = NULL, attempts = 0, last_error = NULL,
                not_before = NULL
            WHERE channel = %s AND order_id = %s
            """,
            (version, idempotency_key(channel, order_id, version, bytes(content) + b"erased"), channel, order_id),
        )


_KNOWN = """
SELECT asked.order_id, c.erased_at IS NOT NULL
FROM unnest(%(order_ids)s::text[]) AS asked(order_id)
LEFT JOIN orderflow.order_contacts AS c ON c.channel = %(channel)s AND c.order_id = asked.order_id
WHERE c.order_id IS NOT NULL
    OR EXISTS (SELECT FROM orderflow.orders WHERE channel = %(channel)s AND order_id = asked.order_id)
    OR EXISTS (SELECT FROM orderflow.quarantine WHERE channel = %(channel)s AND subject = asked.order_id)
ORDER BY 1
"""

_ERASED = """
SELECT order_id FROM orderflow.order_contacts
WHERE channel = %(channel)s AND order_id = ANY(%(order_ids)s) AND erased_at IS NOT NULL
"""

# An order without contacts gets a row, too, so that those of a later version are not taken in.
_CONTACTS = """
INSERT INTO orderflow.order_contacts AS c (channel, order_id, key_id, masking, erased_at, erased_by, erased_why)
SELECT %(channel)s, order_id, '', 'erased', now(), %(who)s, %(why)s
FROM unnest(%(order_ids)s::text[]) AS asked(order_id)
ON CONFLICT (channel, order_id) DO UPDATE SET sealed = NULL, masking = 'erased', stamps = NULL, key_id = '',
    erased_at = excluded.erased_at, erased_by = excluded.erased_by, erased_why = excluded.erased_why
"""

_RAW = """
UPDATE orderflow.quarantine SET sealed_raw = NULL, key_id = NULL
WHERE channel = %(channel)s AND subject = ANY(%(order_ids)s)
"""

# What a document says is found in Python alone: only few orders are erased at once.
_READ = """
SELECT 'orders', order_id, document::text FROM orderflow.orders
WHERE channel = %(channel)s AND order_id = ANY(%(order_ids)s)
UNION ALL
SELECT 'quarantine', subject, document::text FROM orderflow.quarantine
WHERE channel = %(channel)s AND subject = ANY(%(order_ids)s) AND document IS NOT NULL
"""
_WRITE = {
    "orders": "UPDATE orderflow.orders SET document = %s WHERE channel = %s AND order_id = %s",
    "quarantine": "UPDATE orderflow.quarantine SET document = %s WHERE channel = %s AND subject = %s",
}

_EDITS = """
UPDATE orderflow.order_edits SET sealed = NULL, key_id = NULL,
    withdrawn_at = coalesce(withdrawn_at, now()), withdrawn_by = coalesce(withdrawn_by, 'erasure')
WHERE channel = %(channel)s AND order_id = ANY(%(order_ids)s) AND sealed IS NOT NULL
"""

_RENEW = """
WITH pending AS (
    SELECT order_id FROM orderflow.outbox WHERE channel = %(channel)s AND order_id = ANY(%(order_ids)s)
    ORDER BY order_id FOR UPDATE
), renewed AS (
    UPDATE orderflow.orders SET version = greatest(version + 1, (
        SELECT l.floor FROM orderflow.loads AS l WHERE l.channel = %(channel)s AND first_seen_at <= l.recalled_at
    ))
    WHERE channel = %(channel)s AND order_id = ANY(ARRAY(SELECT order_id FROM pending))
    RETURNING order_id, version, content_hash, channel_updated_at, window_start, window_end
), kept AS (
    INSERT INTO orderflow.order_versions (channel, order_id, version, content_hash, channel_updated_at, changed,
        changes, window_start, window_end)
    SELECT %(channel)s, order_id, version, content_hash, channel_updated_at, '{contacts}',
        '{contacts_changed}', window_start, window_end
    FROM renewed
)
SELECT order_id, version, content_hash FROM renewed
"""
