"""What the reference OMS shipped: parcels in the same SQLite file, numbered as they were recorded."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b

import msgspec

_TABLE = """
create table if not exists parcels (
    number integer primary key, channel text not null, order_id text not null, body blob not null, at real not null);
create index if not exists parcels_of on parcels (channel, order_id);
create temporary view unsent as select * from main.orders o where cancelled_at is null and not exists
    (select 1 from main.parcels p where p.channel = o.channel and p.order_id = o.order_id);
"""
CARRIERS = ("PN", "DHL", "UPS")
"""The OMS's own names of carriers."""


class PackedLine(msgspec.Struct):
    line_id: str
    quantity: str


class OrderedLine(msgspec.Struct, gc=False):
    line_id: str = ""
    quantity: str = "0"
    quantity_fulfilled: str | None = None


class Document(msgspec.Struct, gc=False):
    """What packing reads of an order's document."""

    lines: list[OrderedLine] = []


class ByHand(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A parcel as somebody asks for it; without lines everything is in it."""

    channel: str
    order_id: str
    carrier: str | None = None
    tracking_numbers: list[str] = []
    lines: list[PackedLine] = []


class Sent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One parcel as the OMS tells it."""

    shipment_id: str
    order_id: str
    carrier: str | None
    tracking_numbers: list[str]
    shipped_at: str
    recorded_at: str
    lines: list[PackedLine] = []


class Parcels:
    """The OMS's shipping book, within the store's connection."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self._db.executescript(_TABLE)

    def send(self, wanted: ByHand, now: float) -> str:
        """Book a parcel; returns its number."""
        (number,) = self._db.execute("select coalesce(max(number), 0) + 1 from parcels").fetchone()
        at = datetime.fromtimestamp(now, UTC).isoformat()
        sent = Sent(
            shipment_id=f"P-{number:06d}",
            order_id=wanted.order_id,
            carrier=wanted.carrier,
            tracking_numbers=wanted.tracking_numbers,
            shipped_at=at,
            recorded_at=at,
            lines=wanted.lines,
        )
        self._db.execute(
            "insert into parcels values (?, ?, ?, ?, ?)",
            (number, wanted.channel, wanted.order_id, msgspec.json.encode(sent), now),
        )
        return sent.shipment_id

    def pack(self, channel: str, order_ids: Sequence[str], now: float) -> None:
        """Send orders that nothing was sent of yet, each whole and in one parcel."""
        for order_id in order_ids:
            found = self._db.execute(
                "select document from unsent where channel = ? and order_id = ?",
                (channel, order_id),
            ).fetchone()
            if found is None:
                continue
            lines = list(_left(msgspec.json.decode(found[0], type=Document)))
            if not lines:
                continue
            digest = blake2b(f"{channel}\0{order_id}".encode(), digest_size=6).digest()
            wanted = ByHand(
                channel=channel,
                order_id=order_id,
                carrier=CARRIERS[digest[0] % len(CARRIERS)],
                tracking_numbers=[f"RR{int.from_bytes(digest, 'big') % 10**10:010d}"],
                lines=lines,
            )
            self.send(wanted, now)

    def listed(self, channel: str, since: float, after: int, size: int) -> tuple[list[Sent], int | None]:
        """The channel's parcels recorded at `since` or later, behind number `after`, and where to go on."""
        rows = self._db.execute(
            "select number, body from parcels where channel = ? and at >= ? and number > ? order by number limit ?",
            (channel, since, after, size + 1),
        ).fetchall()
        found = [msgspec.json.decode(body, type=Sent) for _, body in rows[:size]]
        return found, rows[size - 1][0] if len(rows) > size else None


def _left(document: Document) -> Iterator[PackedLine]:
    """What the channel has not sent itself."""
    for line in document.lines:
        left = Decimal(line.quantity) - Decimal(line.quantity_fulfilled or 0)
        if line.line_id and left > 0:
            yield PackedLine(line.line_id, f"{left:f}")
