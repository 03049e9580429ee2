"""Compare a chunk of orders with staging: which are new, changed, the same or older, and what is known of their people.

A version is newer by `(channel_updated_at, fetched_at, ordinal)`, or when it is the staged raw record read again (by
today's mapping, whatever time that gives it), and a change only when the content or what is known
of its people differs. What a platform hides (a masked name, a cut postal code) is neither content nor knowledge.

What is known of the people is merged part by part (`contacts`) and is the same whatever order versions come in; the
readable parts of the document (masking, country, region, postal prefix) follow from it.

Seeing the same again writes nothing, not even when it was seen: a second pull must cost little. Only an order that
shows A, B and A again at one modified time, loaded out of turn, can therefore end as B; its next fetch mends that.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain import life
from orderflow.domain.batch import Batch
from orderflow.domain.staging import Table
from orderflow.staging import contacts
from orderflow.staging.contacts import Known
from orderflow.staging.copying import Array, copy, one
from orderflow.staging.session import BY_KEY
from orderflow.staging.vault import Vault

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

_NEWER, _MOVED, _CONTENT, _CONTACTS, _HIDDEN, _MIXED, _ABSENT, _OLD = 1, 2, 4, 8, 16, 32, 64, 128
"""What staging says of an order that it has: ours is newer; has another time, other content, other contacts; shows less
of its people; and what is known of them comes from several versions. Or that it has no such order. And that it is older
than the moment at which staging was found to have gone back."""

_PEOPLE_DIFFER = _CONTACTS | _HIDDEN | _MIXED

_KEYS = [
    "order_id",
    "channel_updated_at",
    "content_hash",
    "contacts_hash",
    "fetched_at",
    "ordinal",
    "masking",
    "raw_sha256",
]
_TIME = "channel_updated_at"
_READABLE = ("masking", "ship_country", "ship_region", "ship_postal_prefix")
_RANKED = (_TIME, "fetched_at", "ordinal")
_HIDEABLE = {_TIME, *_READABLE}

_decoded = msgspec.json.Decoder(dict[str, object]).decode


@dataclass(frozen=True, slots=True)
class Run:
    """What stays the same while one batch is merged."""

    cursor: Cursor
    vault: Vault
    batch: Batch
    deliver: bool
    since: datetime | None
    """Orders created before are owed to the OMS only where they were before; None: all are."""
    supersedes: bool
    """Whether anything of this channel waits in quarantine."""
    erased: bool
    """Whether a buyer of this channel was forgotten."""
    floor: int = 0
    """The least new version of orders that are older than `recalled_at`: the OMS may have seen lower ones."""
    recalled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What becomes of each row of a chunk; every array has one value per row."""

    known: Flags
    """Staging has the order."""
    newer: Flags
    """Ours is not older than staging's (true for new ones)."""
    changed: Flags
    """A new version: new, or newer with other content or contacts."""
    relined: Flags
    """A new version whose lines are not those that staging has."""
    touched: Flags
    """Newer and the same, at another `channel_updated_at`."""
    late: Flags
    """Older, but it tells more of its people than we knew."""
    version: Numbers
    """The version after this load."""
    content_hash: Array
    contacts_hash: Array
    fields: dict[int, list[str]]
    """By row: which fields differ from what staging has, sorted."""
    changes: dict[int, list[str]]
    """By row: what happened, in the words of `orderflow.domain.life`, sorted."""
    people: dict[int, Known]
    """By row: the contacts known now, where they, their masking or their stamps differ from what staging has."""
    readable: dict[int, dict[str, str | None]]
    """By row: the parts of the document that follow from the people we know, where they are not the received ones."""


@dataclass(slots=True)
class _Differences:
    """What a look at the values found, by row of the chunk."""

    fields: dict[int, list[str]] = field(default_factory=dict)
    changes: dict[int, set[str]] = field(default_factory=dict)
    gained: set[int] = field(default_factory=set)
    people: dict[int, Known] = field(default_factory=dict)
    readable: dict[int, dict[str, str | None]] = field(default_factory=dict)
    content_hash: dict[int, bytes] = field(default_factory=dict)
    """The stored hash, where ours differs in nothing but what the platform hides and nothing was gained."""
    contacts_hash: dict[int, bytes] = field(default_factory=dict)
    """The stored hash, where ours shows less and nothing was gained."""


def begin(cursor: Cursor) -> None:
    """Make the temporary table of a chunk's keys."""
    cursor.execute(
        BY_KEY
        + """
        CREATE TEMP TABLE keys (
            row integer, order_id text, channel_updated_at timestamptz, content_hash bytea, contacts_hash bytea,
            fetched_at timestamptz, ordinal bigint, masking text, raw_sha256 bytea
        ) ON COMMIT DROP
        """
    )


def compare(run: Run, orders: Table) -> Comparison:
    """Ask staging about every order of the chunk, by its key columns alone."""
    _copy_keys(run, orders)
    version, flags = _ask(run, orders.num_rows)
    known = flags & _ABSENT == 0
    floor = np.where((flags & _OLD > 0) | ~known & _born(run, orders), run.floor, 0)
    newer = ~known | (flags & _NEWER > 0)
    seen = _Differences()
    if (known & newer & (flags & _CONTENT > 0)).any():
        _compare_content(run, orders, flags, seen)
    if (flags & _PEOPLE_DIFFER).any():
        _compare_people(run, orders, flags, seen)
    gained = _rows(seen.gained, orders.num_rows)
    same_content = (flags & _CONTENT == 0) | _rows(seen.content_hash, orders.num_rows)
    changed = newer & (~known | ~same_content | gained)
    late = known & ~newer & gained
    for row in seen.gained & seen.content_hash.keys():
        del seen.content_hash[row]  # another postal prefix is what this version says, not what the platform hides
    return Comparison(
        known=known,
        newer=newer,
        changed=changed,
        relined=changed & (~known | _rows((row for row, names in seen.fields.items() if "lines" in names), len(known))),
        touched=known & newer & ~changed & (flags & _MOVED > 0),
        late=late,
        version=np.where(changed | late, np.maximum(version + 1, floor), version),
        content_hash=_patched(orders["content_hash"], seen.content_hash),
        contacts_hash=_patched(orders["contacts_hash"], seen.contacts_hash),
        fields=seen.fields,
        changes={row: sorted(changes) for row, changes in seen.changes.items()},
        people=seen.people,
        readable=seen.readable,
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
    sent = orders.select(_KEYS).append_column("row", pa.array(np.arange(orders.num_rows), pa.int32()))
    run.cursor.execute("TRUNCATE keys")
    copy(run.cursor, "keys", sent)


def _born(run: Run, orders: Table) -> Flags:
    """Orders that were there when staging was found to have gone back: a load that was lost may have brought them."""
    if run.recalled_at is None:
        return np.zeros(orders.num_rows, dtype=bool)
    times = [orders[name] for name in ("channel_created_at", "placed_at", "channel_updated_at")]
    told = pc.coalesce(*times)
    moment = pa.scalar(run.recalled_at, told.type)
    born = np.zeros(orders.num_rows, dtype=bool)
    for each in times:
        born |= np.asarray(pc.less_equal(pc.coalesce(each, told), moment).fill_null(fill_value=True))
    return born


def _ask(run: Run, rows: int) -> tuple[Numbers, Numbers]:
    """For each row: its last version, 0 for none, and how ours differs from what staging has.

    An order that somebody took out of staging has a last version, too: the OMS may have it, so the next one follows.
    """
    query = run.cursor.mogrify(_ASK, {"channel": run.batch.channel, "recalled_at": run.recalled_at})
    answer = io.BytesIO()
    run.cursor.copy_expert(query.decode(), answer)
    table = np.array(answer.getvalue().split(), dtype=np.int64).reshape(-1, 3)
    version, flags = np.empty((2, rows), dtype=np.int64)
    version[table[:, 0]] = table[:, 1]
    flags[table[:, 0]] = table[:, 2]
    return version, flags


def _compare_content(run: Run, orders: Table, flags: Numbers, seen: _Differences) -> None:
    """Find the fields in which newer orders differ; where those are only what the platform hides, keep what we have."""
    documents = orders["document"].to_pylist()
    run.cursor.execute(_DOCUMENTS, (run.batch.channel,))
    for row, content_hash, document in run.cursor:
        ours, theirs = _decoded(documents[row]), _decoded(document)
        fields = {name for name, value in ours.items() if theirs.get(name) != value}
        fields |= {name for name in theirs.keys() - ours.keys() if theirs[name] is not None}
        fields -= _HIDEABLE if flags[row] & _PEOPLE_DIFFER else {_TIME}
        if fields:
            seen.fields[row] = sorted(fields)
            seen.changes[row] = set(life.changes(theirs, ours))
        else:
            seen.content_hash[row] = bytes(content_hash)


def _compare_people(run: Run, orders: Table, flags: Numbers, seen: _Differences) -> None:
    """Merge contacts by value where they may differ: only there is anything decrypted."""
    run.cursor.execute(_PEOPLE, {"channel": run.batch.channel})
    found = run.cursor.fetchall()
    received = orders.select([*_READABLE, "contacts", *_RANKED]).take([row for row, *_ in found]).to_pylist()
    for ours, one_found in zip(received, found, strict=True):
        row, order_id, contacts_hash, key_id, sealed, masking, stamps, erased, *staged = one_found
        stored = contacts.NONE
        if sealed is not None:
            stored = run.vault.open(bytes(sealed), key_id, run.batch.channel, order_id)
        before = Known(stored, masking or "erased", stamps or {})
        if erased or before.contacts == ours["contacts"] == contacts.NONE:
            if flags[row] & _HIDDEN:
                seen.readable[row] = dict(zip(_READABLE, staged[3:], strict=True))
                seen.contacts_hash[row] = bytes(contacts_hash)
            continue
        _merge_people(row, ours, before, contacts.rank(*staged[:3]), int(flags[row]), seen)
        if flags[row] & _HIDDEN and row not in seen.gained:
            seen.contacts_hash[row] = bytes(contacts_hash)


def _merge_people(row: int, ours: dict[str, Any], before: Known, taken: str, flags: int, seen: _Differences) -> None:
    """What becomes of one order's people; `taken` is the rank of its staged version."""
    own = contacts.rank(*(ours[name] for name in _RANKED))
    rank = max(own, taken) if flags & _NEWER else own
    now = contacts.merge(before, taken, Known(ours["contacts"], ours["masking"], {}), rank)
    if gained := now[:2] != before[:2]:
        seen.gained.add(row)
        seen.fields[row] = sorted({*seen.fields.get(row, ()), "contacts"})
        moved = contacts.moved(before.contacts, now.contacts) and now.masking == before.masking
        seen.changes.setdefault(row, set()).add("address_changed" if moved else "contacts_changed")
    written = flags & _NEWER and (gained or flags & _MOVED or (flags & _CONTENT and row not in seen.content_hash))
    stamps = contacts.unusual(now.stamps, own if written else taken)
    if gained or stamps != before.stamps:
        seen.people[row] = now._replace(stamps=stamps)
    readable = contacts.coarse(now.contacts, now.masking)
    if not flags & _NEWER or contacts.coarse(ours["contacts"], ours["masking"]) != readable:
        seen.readable[row] = readable


# A chunk finds its orders as `session.BY_KEY` says. Whether any of the channel's orders has people from several
# versions is asked once; only where one has is each order asked.
_ASK = """
COPY (
    SELECT k.row, coalesce(o.version, (
            SELECT max(v.version) FROM orderflow.order_versions AS v
            WHERE v.channel = %(channel)s AND v.order_id = k.order_id
        ), 0), CASE WHEN o.version IS NULL THEN 64 ELSE
        CASE WHEN (coalesce(k.channel_updated_at, '-infinity'), k.fetched_at, k.ordinal)
            >= (coalesce(o.channel_updated_at, '-infinity'), o.fetched_at, o.ordinal)
            OR (k.raw_sha256, k.fetched_at) = (o.raw_sha256, o.fetched_at) THEN 1 ELSE 0 END
        + CASE WHEN k.channel_updated_at IS DISTINCT FROM o.channel_updated_at THEN 2 ELSE 0 END
        + CASE WHEN k.content_hash <> o.content_hash THEN 4 ELSE 0 END
        + CASE WHEN k.contacts_hash <> o.contacts_hash THEN 8 ELSE 0 END
        + CASE WHEN orderflow.clarity(k.masking) < orderflow.clarity(o.masking) THEN 16 ELSE 0 END
        + CASE WHEN o.mixed THEN 32 ELSE 0 END + CASE WHEN o.first_seen_at <= %(recalled_at)s THEN 128 ELSE 0 END END
    FROM keys AS k
    LEFT JOIN LATERAL (
        SELECT o.*, (
            SELECT EXISTS (SELECT FROM orderflow.order_contacts WHERE channel = %(channel)s AND stamps IS NOT NULL)
        ) AND EXISTS (
            SELECT FROM orderflow.order_contacts AS c
            WHERE c.channel = o.channel AND c.order_id = o.order_id AND c.stamps IS NOT NULL OFFSET 0
        ) AS mixed
        FROM orderflow.orders AS o WHERE o.channel = %(channel)s AND o.order_id BETWEEN k.order_id AND k.order_id
        ORDER BY o.order_id LIMIT 1
    ) AS o ON true
) TO STDOUT
"""

_DOCUMENTS = """
SELECT k.row, o.content_hash, o.document::text
FROM keys AS k
CROSS JOIN LATERAL (
    SELECT * FROM orderflow.orders AS o WHERE o.channel = %s AND o.order_id BETWEEN k.order_id AND k.order_id
    ORDER BY o.order_id LIMIT 1
) AS o
WHERE o.content_hash <> k.content_hash
    AND ((coalesce(k.channel_updated_at, '-infinity'), k.fetched_at, k.ordinal)
        >= (coalesce(o.channel_updated_at, '-infinity'), o.fetched_at, o.ordinal)
        OR (k.raw_sha256, k.fetched_at) = (o.raw_sha256, o.fetched_at))
"""

_PEOPLE = """
SELECT k.row, k.order_id, o.contacts_hash, c.key_id, c.sealed, c.masking, c.stamps, c.erased_at IS NOT NULL,
    o.channel_updated_at, o.fetched_at, o.ordinal, o.masking, o.ship_country, o.ship_region, o.ship_postal_prefix
FROM keys AS k
CROSS JOIN LATERAL (
    SELECT * FROM orderflow.orders AS o WHERE o.channel = %(channel)s AND o.order_id BETWEEN k.order_id AND k.order_id
    ORDER BY o.order_id LIMIT 1
) AS o
LEFT JOIN LATERAL (
    SELECT * FROM orderflow.order_contacts AS c
    WHERE c.channel = %(channel)s AND c.order_id BETWEEN k.order_id AND k.order_id
    ORDER BY c.order_id LIMIT 1
) AS c ON true
WHERE o.contacts_hash <> k.contacts_hash OR orderflow.clarity(k.masking) < orderflow.clarity(o.masking)
    OR c.stamps IS NOT NULL
"""
