"""Merge a chunk of orders into staging: COPY only what changes, and write each table with one statement.

The caller holds the channel's lock, so what `compare` found still holds when it is written; the conditions of the
statements repeat it nevertheless.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.batch import Batch
from orderflow.domain.errors import BalanceError
from orderflow.domain.staging import STAGED_LINE, STAGED_ORDER, Lines, Table
from orderflow.domain.target import idempotency_key
from orderflow.staging import compare, contacts, quarantine
from orderflow.staging.compare import Comparison, Run
from orderflow.staging.contacts import Known
from orderflow.staging.copying import constant, copy, decimals, one
from orderflow.staging.vault import Vault

_COUNTERS = {"number", "ordinal"}
"""Whole numbers that are not amounts."""


def begin(cursor: Cursor, vault: Vault, batch: Batch, *, deliver: bool) -> Run:
    """Make the temporary tables of this transaction; what all rows share is a default of their columns."""
    compare.begin(cursor)
    cursor.execute(
        """
        SET LOCAL timezone = 'UTC';
        CREATE TEMP TABLE incoming (
            LIKE orderflow.orders INCLUDING DEFAULTS INCLUDING COMPRESSION,
            changed boolean NOT NULL, fields text[], changes text[], people jsonb, key text
        ) ON COMMIT DROP;
        CREATE TEMP TABLE owed (order_id text COLLATE "C", version integer, key text) ON COMMIT DROP;
        ALTER TABLE incoming
            ALTER channel SET DEFAULT %(channel)s,
            ALTER landing SET DEFAULT %(landing)s,
            ALTER window_start SET DEFAULT %(start)s,
            ALTER window_end SET DEFAULT %(end)s
        """,
        {
            "channel": batch.channel,
            "landing": batch.landing,
            "start": batch.window_start,
            "end": batch.window_end,
        },
    )
    return Run(cursor, vault, batch, deliver, quarantine.any_waiting(cursor, batch.channel))


def enqueue(run: Run) -> None:
    """Owe the OMS every version that this run wrote; the last of its statements, so that senders hardly wait for it."""
    run.cursor.execute(
        _ENQUEUE,
        {
            "channel": run.batch.channel,
            "start": run.batch.window_start,
            "end": run.batch.window_end,
            "behind": run.batch.behind,
        },
    )


def write(run: Run, orders: Table, lines: Lines) -> dict[str, int]:
    """Merge these orders; returns how many were `inserted`, `updated`, `unchanged` and `stale`."""
    if not orders.num_rows:
        return {}
    found = compare.compare(run, orders)
    run.cursor.execute("TRUNCATE incoming")
    if (found.changed | found.touched).any():
        all_lines = lines()
        _copy_orders(run, orders, all_lines, found)
        _replace_lines(run, orders, all_lines, found)
    _add_late(run, orders, found)
    if found.readable:
        run.cursor.execute(_SHOW_KNOWN)
    _merge_orders(run, int((found.changed | found.touched | found.late).sum()))
    _replace_contacts(run, orders, found)
    if run.supersedes:
        quarantine.supersede(run.cursor, run.batch)
    return {
        "inserted": int((~found.known).sum()),
        "updated": int((found.known & found.changed).sum() + found.late.sum()),
        "unchanged": int((found.known & found.newer & ~found.changed).sum()),
        "stale": int((~found.newer & ~found.late).sum()),
    }


def _copy_orders(run: Run, orders: Table, lines: Table, found: Comparison) -> None:
    written = found.changed | found.touched
    sent = _typed(orders, STAGED_ORDER)
    for name, column in {
        "content_hash": found.content_hash,
        "contacts_hash": found.contacts_hash,
        "raw_sha256": orders["raw_sha256"],
        "version": pa.array(found.version),
        "changed": pa.array(found.changed),
        "fields": _texts(orders.num_rows, found.fields),
        "changes": _texts(orders.num_rows, found.changes),
        "people": _readable(orders.num_rows, found),
        "line_count": pa.array(np.bincount(np.asarray(lines["order_row"]), minlength=orders.num_rows)),
        "key": _idempotency_keys(run, orders, found),
    }.items():
        sent = sent.append_column(name, column)
    copy(run.cursor, "incoming", sent if written.all() else sent.filter(pa.array(written)))


def _idempotency_keys(run: Run, orders: Table, found: Comparison) -> pa.Array:
    """The key of each changed order; none where nothing is delivered. It covers all that the sent document holds."""
    if not run.deliver:
        return pa.nulls(orders.num_rows, pa.string())
    channel = run.batch.channel
    rows = zip(
        orders["order_id"].to_pylist(),
        found.version.tolist(),
        orders["content_hash"].to_pylist(),
        orders["contacts_hash"].to_pylist(),
        _spelled(one(orders["channel_updated_at"])),
        found.changed.tolist(),
        strict=True,
    )
    return pa.array(
        [
            idempotency_key(channel, order_id, version, content + people + updated) if changed else None
            for order_id, version, content, people, updated, changed in rows
        ],
        pa.string(),
    )


def _spelled(moments: pa.Array) -> list[bytes]:
    """Every moment as `str` spells it; keys that were sent once hold it so."""
    try:
        whole = moments.cast(pa.timestamp("s")).cast(pa.string())
    except pa.ArrowInvalid:
        return [str(moment).encode() for moment in moments.to_pylist()]
    spelled: list[bytes] = (
        pc.binary_join_element_wise(whole, "+00:00", "").fill_null("None").cast(pa.binary()).to_pylist()
    )
    return spelled


def _texts(rows: int, found: Mapping[int, Sequence[str]]) -> pa.Array:
    """Lists of names as PostgreSQL spells a text array; null for rows that have none."""
    texts = [f"{{{','.join(found[row])}}}" if row in found else None for row in range(rows)]
    return pa.array(texts, pa.string())


def _readable(rows: int, found: Comparison) -> pa.Array:
    """What of the people we know goes into the document, as JSON; null where the received document says so itself."""
    texts = [
        msgspec.json.encode(found.readable[row]).decode() if row in found.readable else None for row in range(rows)
    ]
    return pa.array(texts, pa.string())


def _replace_lines(run: Run, orders: Table, lines: Table, found: Comparison) -> None:
    """Exactly the lines of the new version: a dropped line is gone."""
    if not found.changed.any():
        return
    if (found.changed & (found.version > 1)).any():
        run.cursor.execute(_DELETE_LINES, (run.batch.channel,))
    if not found.changed.all():
        lines = lines.filter(pa.array(found.changed[np.asarray(lines["order_row"])]))
    sent = _typed(lines, STAGED_LINE)
    sent = sent.append_column("order_id", one(orders["order_id"]).take(one(lines["order_row"])))
    sent = sent.append_column("channel", constant(run.batch.channel, lines.num_rows))
    copy(run.cursor, "orderflow.order_lines", sent)


def _add_late(run: Run, orders: Table, found: Comparison) -> None:
    """An older version that tells more of its people than we knew: the stored content goes on with them, as news."""
    for row in np.flatnonzero(found.late).tolist():
        order = orders.slice(row, 1).to_pylist()[0]
        version = int(found.version[row])
        key = idempotency_key(run.batch.channel, order["order_id"], version, order["contacts_hash"])
        run.cursor.execute(
            _ADD_LATE,
            {
                "channel": run.batch.channel,
                "order_id": order["order_id"],
                "version": version,
                "changes": found.changes[row],
                "people": msgspec.json.encode(found.readable[row]).decode(),
                "key": key if run.deliver else None,
            },
        )


def _merge_orders(run: Run, expected: int) -> None:
    if not expected:
        return
    run.cursor.execute(_ADD_VERSIONS)
    run.cursor.execute(_UPSERT)
    if run.cursor.rowcount != expected:
        raise BalanceError(
            f"{run.batch.channel} {run.batch.window}: {expected} orders were to be written but {run.cursor.rowcount} "
            "were; something writes orderflow.orders without the channel's lock; nothing was written"
        )
    if run.deliver:
        run.cursor.execute("INSERT INTO owed SELECT order_id, version, key FROM incoming WHERE changed")


def _replace_contacts(run: Run, orders: Table, found: Comparison) -> None:
    if found.known.all() and not found.people:
        return
    channel, vault = run.batch.channel, run.vault
    order_ids, received, maskings = (orders[name].to_pylist() for name in ("order_id", "contacts", "masking"))
    if found.people:
        run.cursor.execute(
            "DELETE FROM orderflow.order_contacts WHERE channel = %s AND order_id = ANY(%s)",
            (channel, [order_ids[row] for row in found.people]),
        )
    erased = _left_over(run, found, order_ids)
    new = [row for row in np.flatnonzero(~found.known).tolist() if order_ids[row] not in erased]
    known = {row: Known(received[row], maskings[row], {}) for row in new if received[row] != contacts.NONE}
    known |= found.people
    if not known:
        return
    plains = ((people.contacts, order_ids[row]) for row, people in known.items())
    stamps = [msgspec.json.encode(people.stamps).decode() if people.stamps else None for people in known.values()]
    sent = pa.table(
        {
            "channel": constant(channel, len(known)),
            "order_id": [order_ids[row] for row in known],
            "key_id": constant(vault.key_id, len(known)),
            "sealed": pa.array(vault.seal(plains, channel), pa.binary()),
            "masking": [people.masking for people in known.values()],
            "stamps": pa.array(stamps, pa.string()),
        }
    )
    copy(run.cursor, "orderflow.order_contacts", sent)


def _left_over(run: Run, found: Comparison, order_ids: Sequence[str]) -> set[str]:
    """Clear the way for the contacts of orders that somebody took out of staging; those that stay erased are named."""
    revived = [order_ids[row] for row in np.flatnonzero(~found.known & (found.version > 1)).tolist()]
    if not revived:
        return set()
    run.cursor.execute(_DELETE_CONTACTS, {"channel": run.batch.channel, "order_ids": revived})
    return {order_id for (order_id,) in run.cursor.fetchall()}


def _typed(table: Table, names: list[str]) -> pa.Table:
    """These columns as PostgreSQL wants them: amounts as exact decimals, documents as text."""
    columns = {name: table[name] for name in names}
    for name, column in columns.items():
        if name == "document":
            columns[name] = column.cast(pa.string())
        elif pa.types.is_int64(column.type) and name not in _COUNTERS:
            columns[name] = decimals(column)
    return pa.table(columns)


_COLUMNS = [
    "channel", *STAGED_ORDER, "content_hash", "contacts_hash", "raw_sha256", "version", "line_count", "landing",
    "window_start", "window_end",
]  # fmt: skip

_UPSERT = f"""
INSERT INTO orderflow.orders AS o ({", ".join(_COLUMNS)})
SELECT {", ".join(_COLUMNS)} FROM incoming
ON CONFLICT (channel, order_id) DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:] if name != "document")},
    document = CASE WHEN excluded.version > o.version THEN excluded.document ELSE o.document END, loaded_at = now()
WHERE ((coalesce(excluded.channel_updated_at, '-infinity'), excluded.fetched_at, excluded.ordinal)
    >= (coalesce(o.channel_updated_at, '-infinity'), o.fetched_at, o.ordinal)
    OR (excluded.raw_sha256, excluded.fetched_at) = (o.raw_sha256, o.fetched_at))
    AND excluded.version IN (o.version, o.version + 1)
"""  # noqa: S608 - names of columns, no values

_ADD_VERSIONS = """
INSERT INTO orderflow.order_versions
    (channel, order_id, version, content_hash, channel_updated_at, changed, changes, window_start, window_end)
SELECT channel, order_id, version, content_hash, channel_updated_at, fields, changes, window_start, window_end
FROM incoming WHERE changed
"""

# Rows are locked in the order in which senders lock them, so that nobody waits in a circle.
_ENQUEUE = """
INSERT INTO orderflow.outbox (channel, order_id, version, key, window_start, window_end, behind)
SELECT DISTINCT ON (order_id)
    %(channel)s, order_id, version, key, %(start)s::timestamptz, %(end)s::timestamptz, %(behind)s::boolean
FROM owed ORDER BY order_id, version DESC
ON CONFLICT (channel, order_id) DO UPDATE SET
    version = excluded.version, key = excluded.key, window_start = excluded.window_start,
    window_end = excluded.window_end, first_sent_at = NULL, attempts = 0, last_error = NULL, not_before = NULL,
    behind = outbox.behind AND excluded.behind
WHERE outbox.version < excluded.version
"""

_DELETE_LINES = """
DELETE FROM orderflow.order_lines
WHERE channel = %s AND order_id = ANY(ARRAY(SELECT order_id FROM incoming WHERE changed AND version > 1))
"""

_DELETE_CONTACTS = """
WITH gone AS (
    DELETE FROM orderflow.order_contacts
    WHERE channel = %(channel)s AND order_id = ANY(%(order_ids)s) AND erased_at IS NULL
)
SELECT order_id FROM orderflow.order_contacts
WHERE channel = %(channel)s AND order_id = ANY(%(order_ids)s) AND erased_at IS NOT NULL
"""

# What the received version does not show of the people we know.
_SHOW_KNOWN = """
UPDATE incoming SET
    document = orderflow.with_people(document, people),
    masking = coalesce(people ->> 'masking', 'plain'),
    ship_country = CASE WHEN people ? 'ship_country' THEN people ->> 'ship_country' ELSE ship_country END,
    ship_region = CASE WHEN people ? 'ship_region' THEN people ->> 'ship_region' ELSE ship_region END,
    ship_postal_prefix = CASE WHEN people ? 'ship_postal_prefix' THEN people ->> 'ship_postal_prefix'
        ELSE ship_postal_prefix END
WHERE people IS NOT NULL
"""

_ADD_LATE = """
INSERT INTO incoming SELECT o.*, true, '{contacts}', %(changes)s, %(people)s, %(key)s FROM orderflow.orders AS o
WHERE o.channel = %(channel)s AND o.order_id = %(order_id)s;
UPDATE incoming SET version = %(version)s WHERE order_id = %(order_id)s
"""
