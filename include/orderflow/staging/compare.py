"""Compare a chunk of orders with staging: which are new, changed, the same or older, and what is known of their people.

A version is newer by `(channel_updated_at, fetched_at, ordinal)`, and a change only when the content or what is known
of its people differs. What a platform hides (a masked name, a cut postal code) is neither content nor knowledge.

Seeing the same again writes nothing, not even when it was seen: a second pull must cost little. Only an order that
shows A, B and A again at one modified time, loaded out of turn, can therefore end as B; its next fetch mends that.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.batch import Batch
from orderflow.domain.staging import Table
from orderflow.staging import contacts
from orderflow.staging.copying import Array, copy, one
from orderflow.staging.vault import Vault

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

_NEWER, _MOVED, _CONTENT, _CONTACTS, _HIDDEN, _CLEARER = 1, 2, 4, 8, 16, 32
"""What staging says of an order that it has: ours is newer; has another time, other content, other contacts; shows less
of its people, or more."""

_KEYS = ["order_id", "channel_updated_at", "content_hash", "contacts_hash", "fetched_at", "ordinal", "masking"]
_TIME = "channel_updated_at"
_HIDEABLE = {_TIME, "masking", "ship_country", "ship_region", "ship_postal_prefix"}

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Run:
    """What stays the same while one batch is merged."""

    cursor: Cursor
    vault: Vault
    batch: Batch
    deliver: bool
    supersedes: bool
    """Whether anything of this channel waits in quarantine."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What becomes of each row of a chunk; every array has one value per row."""

    known: Flags
    """Staging has the order."""
    newer: Flags
    """Ours is not older than staging's (true for new ones)."""
    changed: Flags
    """A new version: new, or newer with other content or contacts."""
    touched: Flags
    """Newer and the same, at another `channel_updated_at`."""
    late: Flags
    """Older, but it shows more of its people than we knew."""
    hidden: Flags
    """It shows less of its people than staging knows."""
    clearer: Flags
    """It shows more of its people than staging knows."""
    version: Numbers
    """The version after this load."""
    content_hash: Array
    contacts_hash: Array
    fields: dict[int, list[str]]
    """By row: which fields differ from what staging has, sorted."""
    people: dict[int, tuple[bytes, str]]
    """By row: the contacts known now and their masking, where something was gained."""


@dataclass(slots=True)
class _Differences:
    """What a look at the values found, by row of the chunk."""

    fields: dict[int, list[str]] = field(default_factory=dict)
    people: dict[int, tuple[bytes, str]] = field(default_factory=dict)
    content_hash: dict[int, bytes] = field(default_factory=dict)
    """The stored hash, where ours differs in nothing but what the platform hides."""
    contacts_hash: dict[int, bytes] = field(default_factory=dict)
    """The stored hash, where ours shows less and nothing was gained."""


def begin(cursor: Cursor) -> None:
    """Make the temporary table of a chunk's keys."""
    cursor.execute(
        """
        CREATE TEMP TABLE keys (
            row integer, order_id text, channel_updated_at timestamptz, content_hash bytea, contacts_hash bytea,
            fetched_at timestamptz, ordinal bigint, masking text
        ) ON COMMIT DROP
        """
    )


def compare(run: Run, orders: Table) -> Comparison:
    """Ask staging about every order of the chunk, by its key columns alone."""
    _copy_keys(run, orders)
    known, version, flags = _ask(run, orders.num_rows)
    newer = ~known | (flags & _NEWER > 0)
    seen = _Differences()
    if (known & newer & (flags & _CONTENT > 0)).any():
        _compare_content(run, orders, flags, seen)
    if (flags & (_CONTACTS | _HIDDEN)).any():
        _compare_people(run, orders, flags, seen)
    gained = _rows(seen.people, orders.num_rows)
    same_content = (flags & _CONTENT == 0) | _rows(seen.content_hash, orders.num_rows)
    changed = newer & (~known | ~same_content | gained)
    late = known & ~newer & gained
    return Comparison(
        known=known,
        newer=newer,
        changed=changed,
        touched=known & newer & ~changed & (flags & _MOVED > 0),
        late=late,
        hidden=flags & _HIDDEN > 0,
        clearer=flags & _CLEARER > 0,
        version=version + (changed | late),
        content_hash=_patched(orders["content_hash"], seen.content_hash),
        contacts_hash=_patched(orders["contacts_hash"], seen.contacts_hash),
        fields=seen.fields,
        people=seen.people,
    )


def _rows(some: Iterable[int], rows: int) -> Flags:
    flags = np.zeros(rows, dtype=bool)
    flags[list(some)] = True
    return flags


def _patched(hashes: Array, stored: dict[int, bytes]) -> Array:
    """The column with the stored hash in some rows."""
    if not stored:
        return hashes
    rows = sorted(stored)
    values = pa.array([stored[row] for row in rows], hashes.type)
    return pc.replace_with_mask(one(hashes), pa.array(_rows(rows, len(hashes))), values)


def _copy_keys(run: Run, orders: Table) -> None:
    sent = orders.select(_KEYS).append_column("row", pa.array(np.arange(orders.num_rows)))
    run.cursor.execute("TRUNCATE keys")
    copy(run.cursor, "keys", sent)


def _ask(run: Run, rows: int) -> tuple[Flags, Numbers, Numbers]:
    """For each row: whether staging has the order, in which version, and how ours differs."""
    query = run.cursor.mogrify(_ASK, {"channel": run.batch.channel})
    answer = io.BytesIO()
    run.cursor.copy_expert(query.decode(), answer)
    table = np.array(answer.getvalue().split(), dtype=np.int64).reshape(-1, 3)
    known = np.zeros(rows, dtype=bool)
    version, flags = np.zeros((2, rows), dtype=np.int64)
    known[table[:, 0]] = True
    version[table[:, 0]] = table[:, 1]
    flags[table[:, 0]] = table[:, 2]
    return known, version, flags


def _compare_content(run: Run, orders: Table, flags: Numbers, seen: _Differences) -> None:
    """Find the fields in which newer orders differ; where those are only what the platform hides, keep what we have."""
    documents = orders["document"].to_pylist()
    run.cursor.execute(_DOCUMENTS, (run.batch.channel,))
    for row, content_hash, document in run.cursor:
        ours, theirs = _members(documents[row]), _members(document)
        fields = {name for name, value in ours.items() if theirs.pop(name, None) != value} | theirs.keys()
        fields -= _HIDEABLE if flags[row] & _HIDDEN else {_TIME}
        if fields:
            seen.fields[row] = sorted(fields)
        else:
            seen.content_hash[row] = bytes(content_hash)


def _compare_people(run: Run, orders: Table, flags: Numbers, seen: _Differences) -> None:
    """Compare contacts by value where their hash differs: only there is anything decrypted."""
    received, masking = orders["contacts"], orders["masking"]
    run.cursor.execute(_PEOPLE, (run.batch.channel,))
    for row, order_id, contacts_hash, key_id, sealed, known_masking, erased in run.cursor:
        stored = now = contacts.NONE
        if sealed is not None:
            stored = now = run.vault.open(bytes(sealed), key_id, run.batch.channel, order_id)
        if flags[row] & _CONTACTS and not erased:
            now, clearest = contacts.merge(
                stored,
                known_masking or "erased",
                received[row].as_py(),
                masking[row].as_py(),
                newer=bool(flags[row] & _NEWER),
            )
            if now != stored:
                seen.people[row] = now, clearest
                seen.fields[row] = sorted({*seen.fields.get(row, ()), "contacts"})
        if now == stored and flags[row] & _HIDDEN:
            seen.contacts_hash[row] = bytes(contacts_hash)


# A chunk finds its orders by primary key. `OFFSET 0` keeps it so: a planner without statistics of a table that has just
# grown would rather read the whole channel for every chunk.
_ASK = """
COPY (
    SELECT k.row, o.version,
        CASE WHEN (coalesce(k.channel_updated_at, '-infinity'), k.fetched_at, k.ordinal)
            >= (coalesce(o.channel_updated_at, '-infinity'), o.fetched_at, o.ordinal) THEN 1 ELSE 0 END
        + CASE WHEN k.channel_updated_at IS DISTINCT FROM o.channel_updated_at THEN 2 ELSE 0 END
        + CASE WHEN k.content_hash <> o.content_hash THEN 4 ELSE 0 END
        + CASE WHEN k.contacts_hash <> o.contacts_hash THEN 8 ELSE 0 END
        + CASE WHEN orderflow.clarity(k.masking) < orderflow.clarity(o.masking) THEN 16 ELSE 0 END
        + CASE WHEN orderflow.clarity(k.masking) > orderflow.clarity(o.masking) THEN 32 ELSE 0 END
    FROM keys AS k
    CROSS JOIN LATERAL (
        SELECT * FROM orderflow.orders AS o WHERE o.channel = %(channel)s AND o.order_id = k.order_id OFFSET 0
    ) AS o
) TO STDOUT
"""

_DOCUMENTS = """
SELECT k.row, o.content_hash, o.document::text
FROM keys AS k
CROSS JOIN LATERAL (
    SELECT * FROM orderflow.orders AS o WHERE o.channel = %s AND o.order_id = k.order_id OFFSET 0
) AS o
WHERE o.content_hash <> k.content_hash
    AND (coalesce(k.channel_updated_at, '-infinity'), k.fetched_at, k.ordinal)
        >= (coalesce(o.channel_updated_at, '-infinity'), o.fetched_at, o.ordinal)
"""

_PEOPLE = """
SELECT k.row, k.order_id, o.contacts_hash, o.key_id, o.sealed, o.known_masking, o.erased
FROM keys AS k
CROSS JOIN LATERAL (
    SELECT o.contacts_hash, o.masking, c.key_id, c.sealed, c.masking AS known_masking, c.erased_at IS NOT NULL AS erased
    FROM orderflow.orders AS o
    LEFT JOIN orderflow.order_contacts AS c ON c.channel = o.channel AND c.order_id = o.order_id
    WHERE o.channel = %s AND o.order_id = k.order_id OFFSET 0
) AS o
WHERE o.contacts_hash <> k.contacts_hash OR orderflow.clarity(k.masking) < orderflow.clarity(o.masking)
"""
