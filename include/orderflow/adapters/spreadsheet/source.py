"""Takes workbooks out of an inbox. A file in doubt is left where it is, and becomes one record that says why."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from orderflow.adapters.cells import bare
from orderflow.adapters.files import Copy, FileError, Inbox
from orderflow.adapters.spreadsheet import LIMITS, workbook
from orderflow.adapters.spreadsheet.layout import Options, heading
from orderflow.adapters.spreadsheet.workbook import Book, Row
from orderflow.domain.source import Account, JsonValue, Page, Runtime
from orderflow.domain.window import Window

log = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode


class Workbooks:
    """One inbox; a `Source` that wants to be told what arrived."""

    def __init__(self, options: Options, account: Account, runtime: Runtime) -> None:
        self._options = options
        self._inbox = Inbox(account, runtime, pattern=options.files, settle=options.settle)

    def fetch(self, window: Window, after: JsonValue = None) -> Iterator[Page]:  # noqa: ARG002  a mailbox has no past
        """Every order of every file that is ready, oldest file first, whatever the window: arrival is what counts."""
        drops = self._inbox.ready()
        behind = [place for place, drop in enumerate(drops) if after and after["name"] == drop.name]
        for copy in self._inbox.copies(drops[behind[0] if behind else 0 :]):
            resumed = after if after and after["origin"] == copy.origin else None
            yield from self._pages(copy, resumed["orders"] if resumed else 0)

    def acknowledge(self, origins: Collection[str]) -> None:
        """Put the files with these origins away; files that were left because of a fault have no such origin."""
        self._inbox.acknowledge(origins)

    def _pages(self, copy: Copy, skipped: int) -> Iterator[Page]:
        """The orders of one file, behind the first `skipped`; or the one record that says why it is left."""
        try:
            orders = _orders(copy, self._options)
        except FileError as error:
            log.warning("file left name=%s fault=%s", copy.drop.name, error.message)
            if not skipped:
                fault = _encode({"file": copy.drop.name, "sha256": copy.sha256, "fault": error.message})
                yield Page([fault], f"{copy.drop.name} left", _place(copy, 1))
            return
        if not orders:
            yield Page([], copy.origin, _place(copy, 0))
        for at in range(skipped, len(orders), LIMITS.page_size):
            page = orders[at : at + LIMITS.page_size]
            yield Page(page, copy.origin, _place(copy, at + len(page)))


def _orders(copy: Copy, options: Options) -> list[bytes]:
    """One record per order; raises `FileError` for a workbook in doubt."""
    book = workbook.read(copy.file, options)
    copy.manifest.check(rows=len(book.rows), sha256=copy.sha256)
    column = heading(str(options.order["order_id"]))
    together: dict[str, list[Row]] = {}
    above: tuple[str, str] | None = None
    for row in book.rows:
        name = _key(row, column, options)
        if not name and options.order_id == "first_row" and above and above[0] == row.sheet:
            name = above[1]
        # A row that names no order is a record of its own, so that it stops no other.
        own = name or f"\0{row.sheet}\0{row.number}"
        above = (row.sheet, own)
        together.setdefault(own, []).append(row)
        if together[own][0].sheet != row.sheet:
            raise FileError(
                row.number,
                f"has order {name} in {together[own][0].sheet!r} and in {row.sheet!r}; name one in source.sheet",
            )
    return [_record(copy, book, name, rows) for name, rows in together.items()]


def _key(row: Row, column: str, options: Options) -> str:
    """What tells the row's order apart from others; empty where it names none. A cell in doubt is a name to itself."""
    cell: Any = row.cells.get(column, "")
    if options.formulas == "values" and isinstance(cell, dict) and cell.get("value") is not None:
        cell = cell["value"]
    return bare(cell) if isinstance(cell, str) else str(cell.get("number") or f"\0{_encode(cell).decode()}")


def _record(copy: Copy, book: Book, name: str, rows: list[Row]) -> bytes:
    return _encode(
        {
            "order_id": None if name.startswith("\0") else name,
            "sheet": rows[0].sheet,
            "epoch": book.epoch,
            "dropped_at": copy.dropped_at.isoformat(),
            "rows": [{"number": row.number, "cells": row.cells, "merged": row.merged} for row in rows],
        }
    )


def _place(copy: Copy, orders: int) -> JsonValue:
    return {"name": copy.drop.name, "origin": copy.origin, "orders": orders}
