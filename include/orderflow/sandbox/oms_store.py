"""What the reference OMS remembers, in one SQLite file (WAL: an answer that was given survives SIGKILL).

`stages` says where somebody put an order (else its age decides); `oms_parcels` has what was shipped. Three ledgers
stand beside the orders: `keys` (which idempotency key was accepted, and for what content), `effects` (every create,
update or cancel that really happened; nothing makes its keys unique, so that a second effect shows) and `refusals`. A
refused key is not remembered: the same content may be accepted after the OMS changed its mind.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from orderflow.sandbox.oms_parcels import Parcels
from orderflow.sandbox.oms_rules import HEAD, STAGES, Head, Rules, refusal_of, status_at, too_late

_TABLES = """
create table if not exists orders (
    channel text not null, order_id text not null, oms_id text not null, version integer not null, key text not null,
    total text, currency text, lines integer not null, started_at real, cancelled_at real, document blob not null,
    unique (channel, order_id));
create table if not exists keys (
    key text primary key, channel text not null, order_id text not null, oms_id text not null, version integer not null,
    digest blob not null, at real not null, replays integer not null default 0) without rowid;
create table if not exists effects (
    number integer primary key, key text not null, channel text not null, order_id text not null,
    version integer not null, kind text not null, at real not null);
create index if not exists effects_by_key on effects (key);
create table if not exists stages (
    channel text not null, order_id text not null, stage text not null, primary key (channel, order_id)) without rowid;
create table if not exists refusals (
    number integer primary key, key text not null, channel text not null, order_id text not null, code text not null,
    reason text not null, at real not null);
"""


class Delivery(msgspec.Struct, gc=False):
    """One order version as it arrived: its key and its untouched JSON."""

    key: str
    document: msgspec.Raw


class Answer(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """What became of one delivery. `outcome` is `accepted`, `refused` or `stale`; see `orderflow.sandbox.oms`."""

    key: str
    outcome: str
    oms_id: str | None = None
    version: int | None = None
    replayed: bool = False
    status: str | None = None
    """Where the order stood when this delivery came; None where the OMS did not hold it."""
    code: str | None = None
    reason: str | None = None


class Held(msgspec.Struct, kw_only=True):
    """What the OMS holds of one order."""

    channel: str
    order_id: str
    oms_id: str
    version: int
    key: str
    status: str
    total: str | None
    currency: str | None
    lines: int


_ASKED = "(?1 is null or channel = ?1) and (?2 is null or order_id = ?2)"


class Store:
    """The OMS's books. One thread at a time; every public method is one transaction. Moments are epoch seconds."""

    def __init__(self, path: Path | str, rules: Rules) -> None:
        self.rules = rules
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = normal")
        self._db.executescript(_TABLES)
        self.parcels = Parcels(self._db)

    def close(self) -> None:
        self._db.close()

    def accept(self, deliveries: Sequence[Delivery], now: float) -> list[Answer]:
        """Judge and book all deliveries in one transaction; one answer each, in their order."""
        self._db.execute("begin immediate")
        try:
            answers = [self._judge(delivery, now) for delivery in deliveries]
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")
        return answers

    def _judge(self, delivery: Delivery, now: float) -> Answer:
        key, document = delivery.key, bytes(delivery.document)
        try:
            head = HEAD.decode(document)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            return self._refuse(key, "", "", "DOCUMENT_INVALID", f"the document cannot be read: {error}", now)
        digest = hashlib.blake2b(document, digest_size=16).digest()
        if self.rules.idempotent and (known := self._known(key)):
            oms_id, version, first_digest = known
            if first_digest != digest:
                reason = "this idempotency key was accepted before with another content"
                return self._refuse(key, head.channel, head.order_id, "KEY_REUSED", reason, now)
            self._db.execute("update keys set replays = replays + 1 where key = ?", (key,))
            return Answer(key=key, outcome="accepted", oms_id=oms_id, version=version, replayed=True)
        if refusal := refusal_of(head, self.rules):
            return self._refuse(key, head.channel, head.order_id, *refusal, now)
        held = self._db.execute(
            "select oms_id, version, started_at, cancelled_at from orders where channel = ? and order_id = ?",
            (head.channel, head.order_id),
        ).fetchone()
        if held:
            oms_id, version, started_at, cancelled_at = held
            status = self._status(head.channel, head.order_id, started_at, cancelled_at, now)
            if head.version < version or (head.version == version and self.rules.idempotent):
                reason = f"version {version} is held already"
                return Answer(key=key, outcome="stale", oms_id=oms_id, version=version, code="STALE", reason=reason)
            if status in STAGES[1:] and (refusal := too_late(self._head(head.channel, head.order_id), head, status)):
                answer = self._refuse(key, head.channel, head.order_id, *refusal, now)
                return msgspec.structs.replace(answer, oms_id=oms_id, status=status)
            answer = self._book(head, delivery, digest, held, now)
            return msgspec.structs.replace(answer, status=status)
        return self._book(head, delivery, digest, held, now)

    def _head(self, channel: str, order_id: str) -> Head | None:
        document = self.document(channel, order_id)
        return None if document is None else HEAD.decode(document)

    def _status(self, channel: str, order_id: str, started: float | None, cancelled: float | None, now: float) -> str:
        """Where the order stands: where a person put it, else what its age says."""
        status = status_at(started, cancelled, now, self.rules)
        asked = (channel, order_id)
        row = self._db.execute("select stage from stages where channel = ? and order_id = ?", asked).fetchone()
        return status if row is None or status == "cancelled" else str(row[0])

    def advance(self, channel: str, order_ids: Sequence[str], stage: str, now: float) -> int:
        """Put orders at this stage, whatever their age, and send what is shipped; returns how many are held."""
        held = [order_id for order_id in order_ids if self.document(channel, order_id) is not None]
        self._db.executemany(
            "insert or replace into stages values (?, ?, ?)", [(channel, order_id, stage) for order_id in held]
        )
        if stage in {"shipped", "closed"}:
            self.parcels.pack(channel, held, now)
        return len(held)

    def _book(self, head: Head, delivery: Delivery, digest: bytes, held: tuple[Any, ...] | None, now: float) -> Answer:
        cancels = head.order_status == "cancelled"
        if held is None:
            oms_id = _oms_id(head.channel, head.order_id)
            started, cancelled = (None, now) if cancels else (now, None)
            kind = "create"
        else:
            oms_id, _, started, was_cancelled = held
            cancelled = (was_cancelled or now) if cancels else None
            started = started or (None if cancels else now)
            kind = "cancel" if cancels and was_cancelled is None else "update"
        self._db.execute(
            "insert into orders values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (channel, order_id) do update set"
            " version = excluded.version, key = excluded.key, total = excluded.total, currency = excluded.currency,"
            " lines = excluded.lines, started_at = excluded.started_at, cancelled_at = excluded.cancelled_at,"
            " document = excluded.document",
            (
                head.channel, head.order_id, oms_id, head.version, delivery.key, head.grand_total, head.currency,
                len(head.lines), started, cancelled, bytes(delivery.document),
            ),
        )  # fmt: skip
        self._db.execute(
            "insert or replace into keys values (?, ?, ?, ?, ?, ?, ?, 0)",
            (delivery.key, head.channel, head.order_id, oms_id, head.version, digest, now),
        )
        self._db.execute(
            "insert into effects (key, channel, order_id, version, kind, at) values (?, ?, ?, ?, ?, ?)",
            (delivery.key, head.channel, head.order_id, head.version, kind, now),
        )
        return Answer(key=delivery.key, outcome="accepted", oms_id=oms_id, version=head.version)

    def _known(self, key: str) -> tuple[str, int, bytes] | None:
        row: tuple[str, int, bytes] | None = self._db.execute(
            "select oms_id, version, digest from keys where key = ?", (key,)
        ).fetchone()
        return row

    def _refuse(self, key: str, channel: str, order_id: str, code: str, reason: str, now: float) -> Answer:
        self._db.execute(
            "insert into refusals (key, channel, order_id, code, reason, at) values (?, ?, ?, ?, ?, ?)",
            (key, channel, order_id, code, reason, now),
        )
        return Answer(key=key, outcome="refused", code=code, reason=reason)

    def look_up(self, channel: str, order_ids: Iterable[str], now: float) -> list[Held]:
        """The orders among `order_ids` that the OMS holds."""
        found = []
        for order_id in order_ids:
            row = self._db.execute(
                "select channel, order_id, oms_id, version, key, total, currency, lines, started_at, cancelled_at"
                " from orders where channel = ? and order_id = ?",
                (channel, order_id),
            ).fetchone()
            if row:
                *head, total, currency, lines, started, cancelled = row
                names = ("channel", "order_id", "oms_id", "version", "key")
                status = self._status(channel, order_id, started, cancelled, now)
                found.append(
                    Held(
                        **dict(zip(names, head, strict=True)),
                        status=status,
                        total=total,
                        currency=currency,
                        lines=lines,
                    )
                )
        return found

    def look_up_keys(self, keys: Iterable[str]) -> list[Answer]:
        """The keys among `keys` that were accepted."""
        return [
            Answer(key=key, outcome="accepted", oms_id=known[0], version=known[1], replayed=True)
            for key in keys
            if (known := self._known(key))
        ]

    def document(self, channel: str, order_id: str) -> bytes | None:
        row = self._db.execute(
            "select document from orders where channel = ? and order_id = ?", (channel, order_id)
        ).fetchone()
        return row and bytes(row[0])

    def effects(self, channel: str | None = None, order_id: str | None = None) -> dict[str, Any]:
        """Counts of what happened, and every key that had more than one effect (none, where all is well)."""
        asked = (channel, order_id)

        def rows(sql: str) -> list[tuple[Any, ...]]:
            return self._db.execute(sql.format(where=_ASKED), asked).fetchall()

        def count(sql: str) -> int:
            return int(rows(sql)[0][0])

        repeated = rows(
            "select key, channel, order_id, count(*) from effects where {where} group by key having count(*) > 1"
        )
        return {
            "orders": count("select count(*) from orders where {where}"),
            "orders_by_channel": dict(rows("select channel, count(*) from orders where {where} group by channel")),
            "effects": count("select count(*) from effects where {where}"),
            "effects_by_kind": dict(rows("select kind, count(*) from effects where {where} group by kind")),
            "keys": count("select count(distinct key) from effects where {where}"),
            "replays": count("select coalesce(sum(replays), 0) from keys where {where}"),
            "refusals": dict(rows("select code, count(*) from refusals where {where} group by code")),
            "repeated": [dict(zip(("key", "channel", "order_id", "effects"), row, strict=True)) for row in repeated],
        }

    def effects_per_order(self, channel: str) -> dict[str, int]:
        """How many effects each order of the channel had."""
        rows = self._db.execute(
            "select order_id, count(*) from effects where channel = ? group by order_id", (channel,)
        ).fetchall()
        return dict(rows)


def _oms_id(channel: str, order_id: str) -> str:
    return "OMS-" + hashlib.blake2b(f"{channel}\0{order_id}".encode(), digest_size=6).hexdigest().upper()
