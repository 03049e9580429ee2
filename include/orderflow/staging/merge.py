"""Merge a chunk of orders into staging: new ones are copied straight into its tables, changed ones merged with one
statement per table, and what is unchanged is not written.

The caller holds the channel's lock, so what `compare` found still holds when it is written; primary keys and the
conditions of the statements repeat it nevertheless.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.batch import Batch
from orderflow.domain.errors import BalanceError
from orderflow.domain.staging import STAGED_LINE, STAGED_ORDER, Lines, Table
from orderflow.domain.target import idempotency_key
from orderflow.staging import compare, contacts, erasure, loads, quarantine
from orderflow.staging.compare import Comparison, Flags, Run
from orderflow.staging.copying import constant, copy, decimals, one
from orderflow.staging.keys import idempotency_keys
from orderflow.staging.vault import Vault

_COUNTERS = {"number", "ordinal"}
"""Whole numbers that are not amounts."""
_JSONB = b"\1"
"""What stands before the text when JSON comes to jsonb in binary: the version of this format."""


def begin(
    cursor: Cursor, vault: Vault, batch: Batch, *, deliver: bool, since: datetime | None = None, recalled: bool = False
) -> Run:
    """Make the temporary tables of this transaction; nothing is compressed on its way.

    What is `recalled` gives the versions that it gave before.
    """
    compare.begin(cursor)
    cursor.execute(
        """
        SET LOCAL timezone = 'UTC';
        CREATE TEMP TABLE incoming (
            LIKE orderflow.orders INCLUDING DEFAULTS,
            changed boolean NOT NULL, fields text, changes text, people jsonb, key text
        ) WITH (toast_tuple_target = 8160) ON COMMIT DROP;
        CREATE TEMP TABLE owed (order_id text COLLATE "C", version integer, key text) ON COMMIT DROP
        """
    )
    supersedes, erased = quarantine.any_waiting(cursor, batch.channel), erasure.any_erased(cursor, batch.channel)
    floor, recalled_at = (0, None) if recalled else loads.floor(cursor, batch.channel)
    return Run(cursor, vault, batch, deliver, since, supersedes, erased, floor, recalled_at)


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
    if run.erased:
        orders = erasure.without_buyers(run.cursor, run.batch.channel, orders)
    found = compare.compare(run, orders)
    owed = _owed(run, orders, found)
    run.cursor.execute("TRUNCATE incoming")
    if (found.changed | found.touched).any():
        all_lines = lines()
        rows = _rows(run, orders, all_lines, found, owed)
        _insert_new(run, rows, found)
        _copy_known(run, rows, found)
        _replace_lines(run, orders, all_lines, found)
    _add_late(run, orders, found, owed)
    if found.readable:
        run.cursor.execute(_SHOW_KNOWN)
    _merge_known(run, int((found.known & (found.changed | found.touched) | found.late).sum()))
    _replace_contacts(run, orders, found)
    if run.supersedes:
        settled = np.flatnonzero(found.changed | found.late).tolist()
        quarantine.supersede(run.cursor, run.batch, settled, deliver=run.deliver, since=run.since)
    return {
        "inserted": int((~found.known).sum()),
        "updated": int((found.known & found.changed).sum() + found.late.sum()),
        "unchanged": int((found.known & found.newer & ~found.changed).sum()),
        "stale": int((~found.newer & ~found.late).sum()),
    }


def _owed(run: Run, orders: Table, found: Comparison) -> Flags:
    """Orders whose new versions go to the OMS: all; of those created before `since`, what it was owed before."""
    if run.since is None or not run.deliver:
        return np.full(orders.num_rows, run.deliver)
    created = pc.coalesce(orders["channel_created_at"], orders["placed_at"])
    early = np.asarray(pc.less(created, pa.scalar(run.since, created.type)).fill_null(fill_value=False))
    if (again := early & (found.known | (found.version > 1))).any():  # or taken out of staging, but not of the OMS
        ids = one(orders["order_id"])
        run.cursor.execute(_OWED_BEFORE, {"channel": run.batch.channel, "ids": ids.filter(pa.array(again)).to_pylist()})
        before = pa.array([order_id for (order_id,) in run.cursor.fetchall()], ids.type)
        early &= ~np.asarray(pc.is_in(ids, before))
    return ~early


def _rows(run: Run, orders: Table, lines: Table, found: Comparison, owed: Flags) -> pa.Table:
    """Every order of the chunk as `orderflow.orders` has it, and the key of its version where that is owed to the OMS.

    What a channel calls placed only was created then: an order without that time would stand in no day's figures.
    """
    batch, count = run.batch, orders.num_rows
    rows = _typed(orders, STAGED_ORDER)
    created = pc.coalesce(rows["channel_created_at"], rows["placed_at"])
    rows = rows.set_column(rows.column_names.index("channel_created_at"), "channel_created_at", created)
    for name, column in {
        "content_hash": found.content_hash,
        "contacts_hash": found.contacts_hash,
        "raw_sha256": orders["raw_sha256"],
        "version": pa.array(found.version, pa.int32()),
        "line_count": pa.array(np.bincount(np.asarray(lines["order_row"]), minlength=count), pa.int32()),
        "channel": constant(batch.channel, count),
        "landing": constant(batch.landing, count),
        "basis": constant(batch.basis and bytes.fromhex(batch.basis), count),
        "window_start": constant(batch.window_start, count),
        "window_end": constant(batch.window_end, count),
        "key": idempotency_keys(batch.channel, orders, found.version, found.changed & owed),
    }.items():
        rows = rows.append_column(name, column)
    return rows


def _insert_new(run: Run, rows: pa.Table, found: Comparison) -> None:
    """Orders that staging does not have: without a detour, because nothing is there that they could meet.

    What the OMS was told of an order before it was taken out of staging may still wait in the outbox.
    """
    if found.known.all():
        return
    new = rows.filter(pa.array(~found.known)) if found.known.any() else rows
    copy(run.cursor, "orderflow.orders", new.select(_COLUMNS))
    copy(run.cursor, "orderflow.order_versions", new.select(_VERSION))
    if run.deliver:
        sent = new.select([*_OWED, "channel", "window_start", "window_end"]).filter(pc.is_valid(new["key"]))
        first = pc.equal(sent["version"], 1)
        sent = sent.append_column("behind", constant(run.batch.behind, sent.num_rows))
        copy(run.cursor, "orderflow.outbox", sent.filter(first))
        copy(run.cursor, "owed", sent.select(_OWED).filter(pc.invert(first)))


def _copy_known(run: Run, rows: pa.Table, found: Comparison) -> None:
    """What is to be merged with what staging has."""
    written = found.known & (found.changed | found.touched)
    if not written.any():
        return
    for name, column in {
        "changed": pa.array(found.changed),
        "fields": _texts(rows.num_rows, found.fields),
        "changes": _texts(rows.num_rows, found.changes),
        "people": _readable(rows.num_rows, found),
    }.items():
        rows = rows.append_column(name, column)
    copy(run.cursor, "incoming", rows.filter(pa.array(written)))


def _texts(rows: int, found: Mapping[int, Sequence[str]]) -> pa.Array:
    """Lists of names as PostgreSQL spells a text array; null for rows that have none."""
    texts = [f"{{{','.join(found[row])}}}" if row in found else None for row in range(rows)]
    return pa.array(texts, pa.string())


def _readable(rows: int, found: Comparison) -> pa.Array:
    """What of the people we know goes into the document, as JSON; null where the received document says so itself."""
    parts = map(found.readable.get, range(rows))
    return pa.array([None if part is None else _JSONB + msgspec.json.encode(part) for part in parts], pa.binary())


def _replace_lines(run: Run, orders: Table, lines: Table, found: Comparison) -> None:
    """Exactly the lines of the new version: a dropped line is gone. Where none differs they stay as they are."""
    if not found.relined.any():
        return
    if before := np.flatnonzero(found.relined & (found.version > 1)).tolist():
        run.cursor.execute(_DELETE_LINES, (run.batch.channel, one(orders["order_id"]).take(before).to_pylist()))
    if not found.relined.all():
        lines = lines.filter(pa.array(found.relined[np.asarray(lines["order_row"])]))
    sent = _typed(lines, STAGED_LINE)
    sent = sent.set_column(0, "number", sent["number"].cast(pa.int32()))
    sent = sent.append_column("order_id", one(orders["order_id"]).take(one(lines["order_row"])))
    sent = sent.append_column("channel", constant(run.batch.channel, lines.num_rows))
    copy(run.cursor, "orderflow.order_lines", sent)


def _add_late(run: Run, orders: Table, found: Comparison, owed: Flags) -> None:
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
                "changes": f"{{{','.join(found.changes[row])}}}",
                "people": msgspec.json.encode(found.readable[row]).decode(),
                "key": key if owed[row] else None,
            },
        )


def _merge_known(run: Run, expected: int) -> None:
    if not expected:
        return
    run.cursor.execute(_ADD_VERSIONS)
    run.cursor.execute(_UPSERT, {"floor": run.floor})
    if run.cursor.rowcount != expected:
        raise BalanceError(
            f"{run.batch.channel} {run.batch.window}: {expected} orders were to be written but {run.cursor.rowcount} "
            "were; something writes orderflow.orders without the channel's lock; nothing was written"
        )
    if run.deliver:
        run.cursor.execute(
            "INSERT INTO owed SELECT order_id, version, key FROM incoming WHERE changed AND key IS NOT NULL"
        )


def _replace_contacts(run: Run, orders: Table, found: Comparison) -> None:
    if found.known.all() and not found.people:
        return
    channel, vault, people = run.batch.channel, run.vault, found.people.values()
    of_people = one(orders["order_id"]).take(pa.array(list(found.people), pa.int64())).to_pylist()
    if of_people:
        run.cursor.execute(
            "DELETE FROM orderflow.order_contacts WHERE channel = %s AND order_id = ANY(%s)", (channel, of_people)
        )
    said = pc.and_(pa.array(~found.known), pc.not_equal(one(orders["contacts"]), contacts.NONE))
    if revived := np.flatnonzero(~found.known & (found.version > 1)).tolist():  # somebody took them out of staging
        run.cursor.execute(_DELETE_CONTACTS, (channel, one(orders["order_id"]).take(revived).to_pylist()))
    new = orders.select(["order_id", "contacts", "masking"]).filter(said).to_pydict()
    order_ids = new["order_id"] + of_people
    if not order_ids:
        return
    stamps = [_JSONB + msgspec.json.encode(each.stamps) if each.stamps else None for each in people]
    plains = new["contacts"] + [each.contacts for each in people]
    sent = pa.table(
        {
            "channel": constant(channel, len(order_ids)),
            "order_id": order_ids,
            "key_id": constant(vault.key_id, len(order_ids)),
            "sealed": pa.array(vault.seal(plains, order_ids, channel), pa.binary()),
            "masking": new["masking"] + [each.masking for each in people],
            "stamps": pa.array([None] * len(new["order_id"]) + stamps, pa.binary()),
        }
    )
    copy(run.cursor, "orderflow.order_contacts", sent)


def _typed(table: Table, names: list[str]) -> pa.Table:
    """These columns with amounts as exact decimals."""
    columns = {name: table[name] for name in names}
    for name, column in columns.items():
        if pa.types.is_int64(column.type) and name not in _COUNTERS:
            columns[name] = decimals(column)
    return pa.table(columns)


_COLUMNS = [
    "channel", *STAGED_ORDER, "content_hash", "contacts_hash", "raw_sha256", "version", "line_count", "landing",
    "basis", "window_start", "window_end",
]  # fmt: skip

_VERSION = ["channel", "order_id", "version", "content_hash", "channel_updated_at", "window_start", "window_end"]

_OWED = ["order_id", "version", "key"]

_UPSERT = f"""
INSERT INTO orderflow.orders AS o ({", ".join(_COLUMNS)})
SELECT {", ".join(_COLUMNS)} FROM incoming
ON CONFLICT (channel, order_id) DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:] if name != "document")},
    document = CASE WHEN excluded.version > o.version THEN excluded.document ELSE o.document END, loaded_at = now()
WHERE ((coalesce(excluded.channel_updated_at, '-infinity'), excluded.fetched_at, excluded.ordinal)
    >= (coalesce(o.channel_updated_at, '-infinity'), o.fetched_at, o.ordinal)
    OR (excluded.raw_sha256, excluded.fetched_at) = (o.raw_sha256, o.fetched_at))
    AND excluded.version IN (o.version, o.version + 1, greatest(o.version + 1, %(floor)s))
"""  # noqa: S608 - names of columns, no values

_ADD_VERSIONS = f"""
INSERT INTO orderflow.order_versions ({", ".join(_VERSION)}, changed, changes)
SELECT {", ".join(_VERSION)}, fields::text[], changes::text[] FROM incoming WHERE changed
"""  # noqa: S608 - names of columns, no values

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

_OWED_BEFORE = """
SELECT a.order_id FROM unnest(%(ids)s) AS a(order_id)
CROSS JOIN LATERAL (
    (SELECT FROM orderflow.receipts AS r
    WHERE r.channel = %(channel)s AND r.order_id BETWEEN a.order_id AND a.order_id ORDER BY r.order_id LIMIT 1)
    UNION ALL
    (SELECT FROM orderflow.outbox AS b
    WHERE b.channel = %(channel)s AND b.order_id BETWEEN a.order_id AND a.order_id ORDER BY b.order_id LIMIT 1)
) AS told
"""

_DELETE_LINES = "DELETE FROM orderflow.order_lines WHERE channel = %s AND order_id = ANY(%s)"

_DELETE_CONTACTS = """
DELETE FROM orderflow.order_contacts WHERE channel = %s AND order_id = ANY(%s) AND erased_at IS NULL
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
WHERE o.channel = %(channel)s AND o.order_id BETWEEN %(order_id)s AND %(order_id)s ORDER BY o.order_id LIMIT 1;
UPDATE incoming SET version = %(version)s WHERE order_id = %(order_id)s
"""
