"""A shop's database as the `sql` adapter reads it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from orderflow import adapters
from orderflow.domain.source import Account, Runtime
from orderflow.domain.window import Window

DECODE = msgspec.json.Decoder(float_hook=str).decode
HOUR = Window.parse("2026-03-01T09:00Z/2026-03-01T10:00Z")
START = HOUR.start
RUNTIME = Runtime(clock=lambda: START, sleep=lambda _: None)
MAP = {"order": {"order_id": "id"}}


def opened(account, **options):
    adapter = adapters.find("sql")
    told = {"table": "orders", "id": "id", "modified": {"column": "modified"}, "map": MAP, **options}
    return adapter.open(adapter.options(**told), account, RUNTIME)


def records(source, window=HOUR):
    return [DECODE(each) for page in source.fetch(window) for each in page.records]


def ids(source, window=HOUR):
    return [each["id"] for each in records(source, window)]


@contextmanager
def sqlite_shop(folder: Path) -> Iterator[tuple[sqlite3.Connection, Account]]:
    """A SQLite file, and the account that reads it."""
    with closing(sqlite3.connect(folder / "店 1.db")) as connection:
        yield connection, Account("shop", f"sqlite://{folder}/店 1.db")
