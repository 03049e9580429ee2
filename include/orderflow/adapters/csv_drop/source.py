"""Takes order files out of an inbox. A file in doubt is left where it is, and becomes one record that says why."""

from __future__ import annotations

import logging
from collections.abc import Collection, Generator, Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from orderflow.adapters.cells import bare
from orderflow.adapters.csv_drop import LIMITS
from orderflow.adapters.csv_drop.layout import Options, value
from orderflow.adapters.csv_drop.seam import End, is_cut
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
        end: End | None = None
        for copy in self._inbox.copies(drops[behind[0] if behind else 0 :]):
            resumed = after if after and after["origin"] == copy.origin else None
            end = yield from self._pages(
                copy, resumed["orders"] if resumed else 0, end, holds=copy.drop is not drops[-1]
            )
        yield from _let_go(end)

    def acknowledge(self, origins: Collection[str]) -> None:
        """Put the files with these origins away; files that were left because of a fault have no such origin."""
        self._inbox.acknowledge(origins)

    def _pages(self, copy: Copy, skipped: int, end: End | None, *, holds: bool) -> Generator[Page, None, End | None]:
        """The orders of one file, behind the first `skipped`; or the one record that says why it is left.

        `end` is the last order of the file before; that of this one is handed back, where the file `holds` it.
        """
        try:
            last = self._check(copy)
        except FileError as error:
            yield from _let_go(end)
            log.warning("file left name=%s line=%s fault=%s", copy.drop.name, error.line, error.message)
            if not skipped:
                yield Page([_fault(copy, error)], f"{copy.drop.name} left", _place(copy, 1))
            return None
        if not last:
            yield from _let_go(end)
            yield Page([], copy.origin, _place(copy, 0))
            return None
        name, final, page = copy.drop.name, max(last, key=last.__getitem__), list[bytes]()
        for at, (order_id, together) in enumerate(islice(self._orders(copy, last), skipped, None)):
            cut = None
            if at == 0 and end is not None:
                cut = end.name if is_cut(end, order_id, together, len(last), self._options) else None
                yield from _let_go(end, name if cut else None)
                end = None
            if holds and self._options.rows == "lines" and order_id and order_id == final:
                if page:
                    yield Page(page, copy.origin, _place(copy, skipped))
                place = _place(copy, skipped + 1)
                return End(copy, order_id, together, len(last), place, cut)
            page.append(_record(copy, order_id, together, cut))
            skipped += 1
            if len(page) == LIMITS.page_size:
                yield Page(page, copy.origin, _place(copy, skipped))
                page = []
        yield from _let_go(end)
        if page:
            yield Page(page, copy.origin, _place(copy, skipped))
        return None

    def _check(self, copy: Copy) -> dict[str, int]:
        """Read the file to its end; the last row of every order. Raises `FileError` for anything doubtful."""
        count, last = 0, dict[str, int]()
        for _, row in rows(copy.file, self._options, vouched=_vouched(copy)):
            last[self._order_id(row)] = count
            count += 1
        copy.manifest.check(rows=count, sha256=copy.sha256)
        return last

    def _orders(self, copy: Copy, last: Mapping[str, int]) -> Iterator[tuple[str, list[Row]]]:
        """One order after the other with its rows, as soon as the last of them has come.

        Each row is one of its own where it has no order id, and where an order is a row and a column tells which of its
        rows is the newer one.
        """
        alone = self._options.rows == "orders" and "channel_updated_at" in self._options.order
        waiting: dict[str, list[Row]] = {}
        for number, row in enumerate(rows(copy.file, self._options, vouched=_vouched(copy))):
            order_id = self._order_id(row[1])
            together = waiting.setdefault(order_id, [])
            together.append(row)
            if alone or not order_id or last[order_id] == number:
                yield order_id, waiting.pop(order_id)

    def _order_id(self, row: Mapping[str, Any] | msgspec.Raw) -> str:
        decoded = _decode(row) if isinstance(row, msgspec.Raw) else row
        return bare(str(value(decoded, str(self._options.order["order_id"])) or ""))


def _vouched(copy: Copy) -> bool:
    return copy.manifest != Manifest()


def _let_go(end: End | None, cut: str | None = None) -> Iterator[Page]:
    """The order that was held back, if any; `cut` is the file that holds the rest of it."""
    if end is not None:
        yield Page([_record(end.copy, end.order_id, end.rows, cut or end.cut)], end.copy.origin, end.place)


def _record(copy: Copy, order_id: str, together: list[Row], cut: str | None = None) -> bytes:
    """One order as JSON: its rows as they stood, where, when the file came, and which other file has the rest of it."""
    dropped, rows_alone = copy.dropped_at.isoformat(), [row for _, row in together]
    told = {"order_id": order_id, "line": together[0][0], "dropped_at": dropped, "rows": rows_alone}
    return _encode(told | {"file": copy.drop.name, "cut": cut} if cut else told)


def _fault(copy: Copy, error: FileError) -> bytes:
    return _encode({"file": copy.drop.name, "sha256": copy.sha256, "line": error.line, "fault": error.message})


def _place(copy: Copy, orders: int) -> JsonValue:
    return {"name": copy.drop.name, "origin": copy.origin, "orders": orders}
