"""Files in a folder: what the shop's system writes there every few seconds, for whoever comes to fetch it.

Each drop holds the orders that came or changed since the last one, in their newest state, in a file
`orders-<end>-<part>.csv` (or `.tsv`, `.jsonl`), and beside it `<file>.manifest.json` with `{"file", "rows", "orders",
"bytes", "sha256", "from", "until"}`. The file comes first and the manifest last, which is the sign that the file is
complete. Now and then a file is first seen half-written, under its final name and without manifest; and now and then
an earlier file is delivered again, under another name.

CSV and TSV have one row per line, with the order's columns repeated (RFC 4180, UTF-8); an order without lines has one
row without line columns. JSON Lines have one order per line, with `lines` as a list. Amounts are in the buyer's
currency, times in UTC with a `Z`; `unit_price`, `line_discount`, `shipping` and `line_total` show tax inside when
`taxes_included` is `true`.

Options of a shop: `format` (`csv`, `tsv`, `jsonl`), `rows_per_file` (orders in one file), `half_written` and `again`
(shares of the files that this happens to).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec

from orderflow.sandbox.defects import with_discount
from orderflow.sandbox.generator import moment, seed_of
from orderflow.sandbox.order import Address
from orderflow.sandbox.platforms import Platform
from orderflow.sandbox.snapshot import Line, Snapshot, counted, stamp
from orderflow.sandbox.world import World

_SIGNS = {"csv": ",", "tsv": "\t"}
LINE_COLUMNS = (
    "line_number", "line_id", "sku", "title", "gtin", "quantity", "quantity_shipped", "quantity_returned", "unit_price",
    "line_discount", "line_tax", "line_total",
)  # fmt: skip


class Drop(NamedTuple):
    """One file of a drop, ready to be written."""

    name: str
    data: bytes
    manifest: bytes
    half_first: bool
    """Write half of it now, and the rest with the next drop."""


def order_id(index: int) -> str:
    return f"SO-{100_000 + index}"


def order_columns(snap: Snapshot) -> dict[str, str]:
    """What every row of an order repeats."""
    parcels = [parcel for parcel in snap.parcels if parcel.tracking]
    return {
        "order_id": order_id(snap.index),
        "order_number": snap.number or "",
        "status": snap.status,
        "payment_status": snap.payment,
        "fulfilment_status": snap.fulfilment,
        "created_at": snap.created_at,
        "modified_at": snap.modified_at or "",
        "paid_at": snap.paid_at or "",
        "cancelled_at": snap.cancelled_at or "",
        "cancel_reason": snap.cancel_reason or "",
        "currency": snap.currency or "",
        "taxes_included": "true" if snap.taxes_included else "false",
        "tax_rate": snap.tax_rate,
        "shipping_method": snap.method[0],
        "shipping": snap.shipping[0] or "",
        "shipping_discount": snap.shipping_discount[0] or "",
        "shipping_tax": snap.shipping_tax[0] or "",
        "tip": snap.tip[0] or "",
        "discount_code": snap.code or "",
        "discount_total": snap.discount[0] or "",
        "tax_total": snap.tax[0] or "",
        "grand_total": snap.total[0] or "",
        "paid": snap.received[0] or "",
        "refunded": snap.refunded[0] or "",
        "payment_method": snap.gateway[0],
        "email": snap.email,
        **_address("ship", snap.ship_to),
        **_address("bill", snap.bill_to),
        "carrier": parcels[-1].carrier if parcels else "",
        "tracking_numbers": " ".join(parcel.tracking for parcel in parcels),
        "note": snap.note,
        "tags": "|".join(snap.tags),
        "test": "true" if snap.test else "false",
    }


def line_columns(snap: Snapshot, number: int, line: Line) -> dict[str, str]:
    return {
        "line_number": str(number),
        "line_id": f"{order_id(snap.index)}-{line.line_id}",
        "sku": line.sku or "",
        "title": f"{line.title} - {line.variant}" if line.variant else line.title,
        "gtin": line.gtin,
        "quantity": line.quantity,
        "quantity_shipped": line.shipped,
        "quantity_returned": line.refunded,
        "unit_price": line.unit[0] or "",
        "line_discount": line.discount[0] or "",
        "line_tax": line.tax[0] or "",
        "line_total": _shown(snap, line),
    }


def _shown(snap: Snapshot, line: Line) -> str:
    """The line's total as the shop shows prices: with tax where they include it."""
    return (line.whole[0] if snap.taxes_included else line.net[0]) or ""


def _address(role: str, address: Address | None) -> dict[str, str]:
    names = ("given", "family", "company", "street", "extra", "city", "region", "postcode", "country", "phone")
    return {f"{role}_{name}": getattr(address, name) if address else "" for name in names}


def changed(world: World, since: int, until: int) -> list[Snapshot]:
    """The orders whose shown state changed in `(since, until]`, in that state, oldest change first."""
    shelf = world.listed(until)
    found = [version for version in shelf.modified() if version.visible_from > since]
    return [world.snapshot(version) for version in found]


def drops(world: World, since: int, until: int) -> Iterator[Drop]:
    """The files of one drop: a function of the world and the span alone."""
    options = world.shop.options
    form, most = str(options.get("format", "csv")), int(options.get("rows_per_file", 500))
    half, again = float(options.get("half_written", 0.15)), float(options.get("again", 0.08))
    snaps = changed(world, since, until)
    random = Random(seed_of(world.shop, "drop", until))
    name_of = stamp(until).replace("-", "").replace(":", "")
    for part, start in enumerate(range(0, len(snaps), most)):
        chunk = snaps[start : start + most]
        data, rows = render(chunk, form)
        name = f"orders-{name_of}-{part:03d}.{form}"
        whole = Drop(name, data, _manifest(name, data, rows, len(chunk), since, until), random.random() < half)
        yield whole
        if random.random() < again:
            copy = f"orders-{name_of}-{part:03d}-again.{form}"
            yield Drop(copy, data, _manifest(copy, data, rows, len(chunk), since, until), half_first=False)


def render(snaps: list[Snapshot], form: str) -> tuple[bytes, int]:
    """The file's bytes, and how many rows (without the header) it has."""
    if form == "jsonl":
        records = [json.dumps(_nested(snap), ensure_ascii=False) for snap in snaps]
        return "".join(f"{record}\n" for record in records).encode(), len(records)
    rows = [row for snap in snaps for row in _flat(snap)]
    text = io.StringIO(newline="")
    columns = [*order_columns(snaps[0]), *LINE_COLUMNS]
    writer = csv.DictWriter(text, columns, delimiter=_SIGNS[form], lineterminator="\r\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(), len(rows)


def _flat(snap: Snapshot) -> list[dict[str, str]]:
    head = order_columns(snap)
    lines = [line_columns(snap, number, line) for number, line in enumerate(counted(snap), 1)]
    return [head | line for line in lines or [{}]]


def _nested(snap: Snapshot) -> dict[str, Any]:
    return order_columns(snap) | {
        "lines": [line_columns(snap, number, line) for number, line in enumerate(counted(snap), 1)]
    }


def _manifest(name: str, data: bytes, rows: int, orders: int, since: int, until: int) -> bytes:
    return msgspec.json.encode({
        "file": name, "rows": rows, "orders": orders, "bytes": len(data), "sha256": sha256(data).hexdigest(),
        "from": stamp(since), "until": stamp(until),
    })  # fmt: skip


class Dropper:
    """Writes one shop's drops into a folder.

    Where it stopped stands beside the folder, so that a restart goes on there.
    """

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self._memory = folder.with_name(f".{folder.name}.{world.shop.name}.json")
        folder.mkdir(parents=True, exist_ok=True)
        kept = msgspec.json.decode(self._memory.read_bytes()) if self._memory.exists() else {}
        # The first drop holds what came in the very second the shop opened.
        self._since = int(kept.get("until", world.shop.start.timestamp() - 1))
        self._unfinished: list[Drop] = []

    def drop(self, until: int) -> list[str]:
        """Finish what was left half-written, then write what is new at `until`; gives the names of files touched."""
        touched = [self._finish(each) for each in self._unfinished]
        self._unfinished = []
        if until <= self._since:
            return touched
        for each in drops(self.world, self._since, until):
            if each.half_first:
                (self.folder / each.name).write_bytes(each.data[: len(each.data) // 2])
                self._unfinished.append(each)
                touched.append(each.name)
            else:
                touched.append(self._finish(each))
        if not self._unfinished:
            ends = self.world.shop.ends
            # Should the shop go on after its end, what happens then is in no file yet.
            written = until if ends is None else min(until, moment(ends))
            self._memory.write_bytes(msgspec.json.encode({"until": written}))
        self._since = until
        return touched

    def _finish(self, each: Drop) -> str:
        """The whole file under its name at once, then its manifest."""
        for name, data in ((each.name, each.data), (f"{each.name}.manifest.json", each.manifest)):
            (self.folder / f".{name}.part").write_bytes(data)
            (self.folder / f".{name}.part").replace(self.folder / name)
        return each.name


PLATFORM = Platform(
    name="csv_drop",
    spell=lambda index: [order_id(index)],
    shown=lambda snap: (len(counted(snap)), snap.total),
    routes=lambda _: [],
    unshown=frozenset({"shop_money_imbalance", "currency_mixed", "modified_missing"}),
    codes={
        "unit_price_negative": lambda snap: (
            "GRAND_TOTAL_MISMATCH",
            *(("LINE_EQUATION",) if with_discount(snap) else ()),
            "LINE_TOTAL_NEGATIVE",
            "UNIT_PRICE_NEGATIVE",
        ),
    },
    welcome=lambda shop, _: f"{shop.options.get('format', 'csv')} files in its folder (start with one to drop into)",
)
