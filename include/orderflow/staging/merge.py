"""Merge a chunk of orders into staging: COPY only what changes, and write each table with one statement.

The caller holds the channel's lock, so what `compare` found still holds when it is written; the conditions of the
statements repeat it nevertheless.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.batch import Batch
from orderflow.domain.errors import BalanceError
from orderflow.domain.staging import STAGED_LINE, STAGED_ORDER, Lines, Table
from orderflow.domain.target import idempotency_key
from orderflow.staging import compare, contacts, quarantine
from orderflow.staging.compare import Comparison, Run
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
            changed boolean NOT NULL, hidden boolean NOT NULL, fields text[], key text
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
        {"channel": run.batch.channel, "start": run.batch.window_start, "end": run.batch.window_end},
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
    if (found.known & found.hidden).any():
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
        "hidden": pa.array(found.hidden),
        "fields": _fields(orders.num_rows, found),
        "line_count": pa.array(np.bincount(np.asarray(lines["order_row"]), minlength=orders.num_rows)),
        "key": _idempotency_keys(run, orders, found),
    }.items():
        sent = sent.append_column(name, column)
    copy(run.cursor, "incoming", sent if written.all() else sent.filter(pa.array(written)))


def _idempotency_keys(run: Run, orders: Table, found: Comparison) -> pa.Array:
    """The key of each changed order; none where nothing is delivered."""
    if not run.deliver:
        return pa.nulls(orders.num_rows, pa.string())
    channel = run.batch.channel
    rows = zip(
        orders["order_id"].to_pylist(),
        found.version.tolist(),
        orders["content_hash"].to_pylist(),
        orders["contacts_hash"].to_pylist(),
        found.changed.tolist(),
        strict=True,
    )
    return pa.array(
        [
            idempotency_key(channel, order_id, version, content + people) if changed else None
            for order_id, version, content, people, changed in rows
        ],
        pa.string(),
    )


def _fields(rows: int, found: Comparison) -> pa.Array:
    """The changed fields of each order as PostgreSQL spells a text array; null for new orders."""
    fields: list[str | None] = [None] * rows
    for row, names in found.fields.items():
        fields[row] = f"{{{','.join(names)}}}"
    return pa.array(fields, pa.string())


def _replace_lines(run: Run, orders: Table, lines: Table, found: Comparison) -> None:
    """Exactly the lines of the new version: a dropped line is gone."""
    if not found.changed.any():
        return
    if (found.known & found.changed).any():
        run.cursor.execute(_DELETE_LINES, (run.batch.channel,))
    if not found.changed.all():
        lines = lines.filter(pa.array(found.changed[np.asarray(lines["order_row"])]))
    sent = _typed(lines, STAGED_LINE)
    sent = sent.append_column("order_id", one(orders["order_id"]).take(one(lines["order_row"])))
    sent = sent.append_column("channel", constant(run.batch.channel, lines.num_rows))
    copy(run.cursor, "orderflow.order_lines", sent)


def _add_late(run: Run, orders: Table, found: Comparison) -> None:
    """An older version that shows more of its people than we know: the stored content goes on with them, as news."""
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
                "key": key if run.deliver else None,
                "contacts_hash": order["contacts_hash"],
                "masking": order["masking"],
                "document": order["document"].decode(),
                "clearer": bool(found.clearer[row]),
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
    new = np.flatnonzero(~found.known).tolist()
    known = [(row, received[row], maskings[row]) for row in new if received[row] != contacts.NONE]
    known += [(row, plain, masking) for row, (plain, masking) in found.people.items()]
    if not known:
        return
    plains = ((plain, order_ids[row]) for row, plain, _ in known)
    sent = pa.table(
        {
            "channel": constant(channel, len(known)),
            "order_id": [order_ids[row] for row, _, _ in known],
            "key_id": constant(vault.key_id, len(known)),
            "sealed": pa.array(vault.seal(plains, channel), pa.binary()),
            "masking": [masking for _, _, masking in known],
        }
    )
    copy(run.cursor, "orderflow.order_contacts", sent)


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
    {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:])}, loaded_at = now()
WHERE (coalesce(excluded.channel_updated_at, '-infinity'), excluded.fetched_at, excluded.ordinal)
    >= (coalesce(o.channel_updated_at, '-infinity'), o.fetched_at, o.ordinal)
    AND excluded.version IN (o.version, o.version + 1)
"""  # noqa: S608 - names of columns, no values

_ADD_VERSIONS = """
INSERT INTO orderflow.order_versions
    (channel, order_id, version, content_hash, channel_updated_at, changed, window_start, window_end)
SELECT channel, order_id, version, content_hash, channel_updated_at, fields, window_start, window_end
FROM incoming WHERE changed
"""

# Rows are locked in the order in which senders lock them, so that nobody waits in a circle.
_ENQUEUE = """
INSERT INTO orderflow.outbox (channel, order_id, version, key, window_start, window_end)
SELECT DISTINCT ON (order_id) %(channel)s, order_id, version, key, %(start)s::timestamptz, %(end)s::timestamptz
FROM owed ORDER BY order_id, version DESC
ON CONFLICT (channel, order_id) DO UPDATE SET
    version = excluded.version, key = excluded.key, window_start = excluded.window_start,
    window_end = excluded.window_end, first_sent_at = NULL, attempts = 0, last_error = NULL, not_before = NULL
WHERE outbox.version < excluded.version
"""

_DELETE_LINES = """
DELETE FROM orderflow.order_lines
WHERE channel = %s AND order_id = ANY(ARRAY(SELECT order_id FROM incoming WHERE changed AND version > 1))
"""

# What a platform hides now but showed before stays readable.
_SHOW_KNOWN = """
UPDATE incoming AS i SET (document, masking, ship_country, ship_region, ship_postal_prefix) = (
    SELECT orderflow.with_known(i.document, o.document), o.masking, coalesce(o.ship_country, i.ship_country),
        coalesce(o.ship_region, i.ship_region), coalesce(o.ship_postal_prefix, i.ship_postal_prefix)
    FROM orderflow.orders AS o WHERE o.channel = i.channel AND o.order_id = i.order_id)
WHERE i.hidden
"""

_ADD_LATE = """
INSERT INTO incoming SELECT o.*, true, false, '{contacts}', %(key)s FROM orderflow.orders AS o
WHERE o.channel = %(channel)s AND o.order_id = %(order_id)s;
UPDATE incoming SET version = %(version)s WHERE order_id = %(order_id)s;
UPDATE incoming SET
    document = orderflow.with_known(document, %(document)s),
    contacts_hash = %(contacts_hash)s,
    masking = %(masking)s,
    ship_country = coalesce(%(document)s::jsonb ->> 'ship_country', ship_country),
    ship_region = coalesce(%(document)s::jsonb ->> 'ship_region', ship_region),
    ship_postal_prefix = coalesce(%(document)s::jsonb ->> 'ship_postal_prefix', ship_postal_prefix)
WHERE order_id = %(order_id)s AND %(clearer)s
"""
