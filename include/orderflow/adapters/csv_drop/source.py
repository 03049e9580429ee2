"""Takes order files out of an inbox. A file in doubt is left where it is, and becomes one record that says why."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from orderflow.adapters.cells import bare
from orderflow.adapters.csv_drop import LIMITS
from orderflow.adapters.csv_drop.layout import Options, value
from orderflow.adapters.csv_drop.table import Row, rows
from orderflow.adapters.files import Copy, FileError, Inbox, Manifest
from orderflow.domain.source import Account, JsonValue, Page, Runtime
from orderflow.domain.window import Window

log = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(float_hook=str).decode


class CsvDrop:
    """One inbox; a `Source` that wants to be told what arrived."""

    def __init__(self, options: Options, account: Account, runtime: Runtime) -> None:
        self._options = options
        self._inbox = Inbox(
            account,
            runtime,
            pattern=options.files,
            settle=options.settle,
            needs_manifest=options.ready == "manifest",
            done=options.done,
        )

    def fetch(self, window: Window, after: JsonValue = None) -> Iterator[Page]:  # noqa: ARG002 -- a mailbox has no past
        """Every order of every file that is ready, oldest file first, whatever the window: arrival is what counts."""
        drops = self._inbox.ready()
        behind = [place for place, drop in enumerate(drops) if after and after["name"] == drop.name]
        for drop in drops[behind[0] if behind else 0 :]:
            with self._inbox.copy(drop) as copy:
                resumed = after if after and after["origin"] == copy.origin else None
                yield from self._pages(copy, resumed["orders"] if resumed else 0)

    def acknowledge(self, origins: Collection[str]) -> None:
        """Put the files with these origins away; files that were left because of a fault have no such origin."""
        self._inbox.acknowledge(origins)

    def _pages(self, copy: Copy, skipped: int) -> Iterator[Page]:
        """The orders of one file, behind the first `skipped`; or the one record that says why it is left."""
        try:
            last = self._check(copy)
        except FileError as error:
            log.warning("file left name=%s line=%s fault=%s", copy.drop.name, error.line, error.message)
            if not skipped:
                yield Page([_fault(copy, error)], f"{copy.drop.name} left", _place(copy, 1))
            return
        if not last:
            yield Page([], copy.origin, _place(copy, 0))
        orders = islice(self._orders(copy, last), skipped, None)
        while page := list(islice(orders, LIMITS.page_size)):
            skipped += len(page)
            yield Page(page, copy.origin, _place(copy, skipped))

    def _check(self, copy: Copy) -> dict[str, int]:
        """Read the file to its end; the last row of every order. Raises `FileError` for anything doubtful."""
        count, last = 0, dict[str, int]()
        for _, row in rows(copy.file, self._options, vouched=_vouched(copy)):
            last[self._order_id(row)] = count
            count += 1
        copy.manifest.check(rows=count, sha256=copy.sha256)
        return last

    def _orders(self, copy: Copy, last: Mapping[str, int]) -> Iterator[bytes]:
        """One record per order, as soon as its last row has come; an order id that is empty makes each row its own."""
        waiting: dict[str, list[Row]] = {}
        for number, row in enumerate(rows(copy.file, self._options, vouched=_vouched(copy))):
            order_id = self._order_id(row[1])
            together = waiting.setdefault(order_id, [])
            together.append(row)
            if self._options.rows == "orders" or not order_id or last[order_id] == number:
                yield _record(copy, order_id, waiting.pop(order_id))

    def _order_id(self, row: Mapping[str, Any] | msgspec.Raw) -> str:
        decoded = _decode(row) if isinstance(row, msgspec.Raw) else row
        return bare(str(value(decoded, str(self._options.order["order_id"])) or ""))


def _vouched(copy: Copy) -> bool:
    return copy.manifest != Manifest()


def _record(copy: Copy, order_id: str, together: list[Row]) -> bytes:
    """One order as JSON: its rows as they stood, where, and when the file came."""
    dropped = copy.drop.modified.isoformat() if copy.drop.modified else None
    rows_alone = [row for _, row in together]
    return _encode({"order_id": order_id, "line": together[0][0], "dropped_at": dropped, "rows": rows_alone})


def _fault(copy: Copy, error: FileError) -> bytes:
    return _encode({"file": copy.drop.name, "sha256": copy.sha256, "line": error.line, "fault": error.message})


def _place(copy: Copy, orders: int) -> JsonValue:
    return {"name": copy.drop.name, "origin": copy.origin, "orders": orders}
