"""A folder that partners drop files in, read by any adapter that watches one."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from orderflow.domain.errors import RecordError
from orderflow.domain.order import Order
from orderflow.domain.source import Account, Adapter, Page, Runtime
from orderflow.domain.window import Window

DECODE = msgspec.json.Decoder(float_hook=str).decode
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(hours=1), NOW)


class DropBox:
    """The folder and its adapter; the clock stands still until a test moves `now`."""

    def __init__(self, folder: Path, adapter: Adapter, url: str | None = None, **options: object):
        self.folder, self.adapter, self.now = folder, adapter, NOW
        self.options: Any = adapter.options(**options)
        self.runtime = Runtime(clock=lambda: self.now, sleep=lambda seconds: None)
        self.account = Account(name="partner", url=url or str(folder))

    def drop(self, name: str, content: bytes, age: timedelta = timedelta(hours=2)) -> None:
        path = self.folder / name
        path.write_bytes(content)
        moment = (self.now - age).timestamp()
        os.utime(path, (moment, moment))

    @property
    def source(self) -> Any:
        """Opened anew each time, as every run does."""
        return self.adapter.open(self.options, self.account, self.runtime)

    def pages(self) -> list[Page]:
        return list(self.source.fetch(WINDOW))

    def mapped(self, pages: list[Page]) -> tuple[list[Order], list[RecordError]]:
        orders, refused = [], []
        for record in (record for page in pages for record in page.records):
            try:
                orders.append(self.adapter.to_order(DECODE(record), self.options))
            except RecordError as error:
                refused.append(error)
        return orders, refused

    def outcome(self) -> tuple[list[Order], list[RecordError]]:
        return self.mapped(self.pages())

    def run(self) -> tuple[list[Order], list[RecordError]]:
        """One whole run: fetch, map, acknowledge."""
        pages = self.pages()
        result = self.mapped(pages)
        self.source.acknowledge([page.origin for page in pages])
        return result

    def out(self, charset: str = "utf-8") -> list[str]:
        """What was answered, by name of the file."""
        return [path.read_text(charset) for path in sorted((self.folder / "out").glob("*"))]

    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.is_file())

    def done(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "done").glob("*"))
