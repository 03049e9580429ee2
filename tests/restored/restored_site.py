"""One channel with its staging database, of which backups are made and restored while all else stays as it is."""

from __future__ import annotations

import base64
import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest
from edi_mailbox import change, one, x12

from orderflow import adapters
from orderflow.command import ports
from orderflow.command.flow import run_window
from orderflow.domain.alert import conditions
from orderflow.domain.batch import Batch
from orderflow.domain.channel import Channel, Delivery, Schedule, Validation
from orderflow.domain.snapshot import Condition
from orderflow.domain.target import OmsOrder
from orderflow.domain.window import Window
from orderflow.sandbox.postgres import Postgres
from orderflow.sandbox.server import OMS_TOKEN, platforms_app, serve
from orderflow.sandbox.shop import Shop
from orderflow.staging.lookout import Asked, snapshots
from orderflow.staging.store import Store

START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
HOUR = timedelta(hours=1)
_names = itertools.count(1)
_CSV = {
    "settle": "0s",
    "order": {
        "order_id": "id",
        "placed_at": "placed",
        "order_status": {"constant": "open"},
        "currency": {"constant": "EUR"},
        "grand_total": "total",
    },
    "line": {"sku": "sku", "title": "sku", "quantity": "qty", "total": "total"},
    "ship_to": {"name": "name", "address": ["street"], "city": "city", "country": {"constant": "DE"}},
}
_HEAD = "id,placed,sku,qty,total,name,street,city"
_EDI = {"settle": "0s", "partner": "BUYERCO"}


@dataclass
class Clock:
    """The time of the shop, moved by hand."""

    moment: datetime = START

    def __call__(self) -> datetime:
        return self.moment


@dataclass
class Site:
    channel: Channel
    postgres: Postgres
    database: str
    landing: Path
    clock: Clock
    add: Callable[[], str]
    """Place an order; returns its id."""
    change: Callable[[str], None]
    """Change it."""
    backups: list[str] = field(default_factory=list)
    backed_up_at: datetime = START

    def pull(self, window: Window | None = None) -> Batch:
        """The hour up to now, and then the next one begins; or this window again, as healing does it."""
        if window is None:
            self.clock.moment += HOUR
            window = Window(self.clock.moment - HOUR, self.clock.moment)
        return run_window(self.channel, window)[0]

    def back_up(self) -> None:
        """Copy the database as it stands."""
        self.backed_up_at = datetime.now(UTC)
        self.backups.append(f"{self.database}_backup_{len(self.backups)}")
        self._do(f"CREATE DATABASE {self.backups[-1]} TEMPLATE {self.database}")

    def restore(self) -> None:
        """Put the newest backup in the database's place."""
        self._do(f"DROP DATABASE {self.database} WITH (FORCE)")
        self._do(f"CREATE DATABASE {self.database} TEMPLATE {self.backups[-1]}")

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.store() as store, store.connection, store.connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def store(self) -> Iterator[Store]:
        with ports.staging() as store:
            yield store

    def versions(self) -> dict[str, int]:
        """Of every staged order."""
        return dict(self.ask("SELECT order_id, version FROM orderflow.orders ORDER BY order_id"))

    def held(self) -> Mapping[str, OmsOrder]:
        """What the OMS holds of the staged orders."""
        return ports.target(self.channel).look_up(self.channel.name, list(self.versions()))

    def waiting(self) -> list[tuple[str, str]]:
        """Orders that wait in quarantine, and why."""
        return self.ask("SELECT order_id, reasons -> 0 ->> 'message' FROM orderflow.quarantine WHERE state = 'open'")

    def alerts(self) -> Sequence[Condition]:
        """What the watch would tell of a restored database."""
        now = datetime.now(UTC)
        with self.store() as store:
            found = snapshots(store.connection, [Asked(channel=self.channel, due_until=now)], now)[self.channel.name]
        return [each for each in conditions(found, self.channel, now) if each.kind == "restored"]

    def demand_agreement(self) -> None:
        """The OMS holds every staged order as it is staged, and nothing waits."""
        staged = self.ask("SELECT order_id, version, trim_scale(grand_total)::text FROM orderflow.orders ORDER BY 1")
        held = [(each.order_id, each.version, each.total) for each in self.held().values()]
        assert sorted(held) == staged
        assert self.waiting() == []
        assert self.ask("SELECT order_id FROM orderflow.outbox") == []

    def drop_databases(self) -> None:
        for name in (self.database, *self.backups):
            self._do(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _do(self, sql: str) -> None:
        with closing(psycopg2.connect(self.postgres.dsn())) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute(sql)


def lose(shop: Site) -> tuple[str, str]:
    """Two hours of orders and changes, of which staging forgets all but the first order."""
    first = shop.add()
    shop.pull()
    shop.back_up()
    second = shop.add()
    shop.change(first)
    shop.pull()
    shop.change(first)
    shop.pull()
    assert shop.versions() == {first: 3, second: 1}
    shop.restore()
    assert shop.versions() == {first: 1}
    return first, second


@contextmanager
def site(
    platform: str, postgres: Postgres, template: str, folder: Path, patch: pytest.MonkeyPatch, target: str = "demo"
) -> Iterator[Site]:
    """A channel of `csv_drop`, `edi_x12` or `shopify` that delivers to the target of this name."""
    name, clock = f"restored_{next(_names)}", Clock()
    inbox = folder / "inbox"
    inbox.mkdir()
    adapter = adapters.find(platform)
    options = {"csv_drop": _CSV, "edi_x12": _EDI}.get(platform, {})
    channel = Channel(
        name=name,
        title="Shop",
        owner="ops",
        adapter_name=platform,
        adapter=adapter,
        connection=name,
        options=adapter.options.model_validate(options),
        schedule=Schedule(cron="0 * * * *", start=date(2026, 1, 1)),
        validate=Validation(quarantine_at_most="100%", guards="warn"),
        oms=Delivery(target=target),
    )
    shop = Shop(name=name, platform="shopify", seed=7, start=START - HOUR, ends=START - HOUR, rate=1, late=0)
    with serve(platforms_app([shop], clock=clock)) as url:
        connection = {"conn_type": "fs", "extra": {"path": str(inbox)}}
        add, change = _files(inbox, clock) if platform == "csv_drop" else _interchanges(inbox, clock)
        if platform == "shopify":
            connection = {"conn_type": "http", "host": f"{url}/{name}", "password": "shpat_demo"}
            add, change = _shop(f"{url}/_sandbox/{name}")
        database = {"conn_type": "postgres", "extra": {"dsn": postgres.dsn(name)}}
        patch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
        patch.setenv("AIRFLOW_CONN_ORDERFLOW_DB", json.dumps(database))
        patch.setenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY", f"k1:{base64.b64encode(bytes(32)).decode()}")
        patch.setenv("ORDERFLOW_LANDING", str(folder / "landing"))
        made = Site(channel, postgres, name, folder / "landing", clock, add, change)
        made._do(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield made
        finally:
            made.drop_databases()


def beside(shop: Site, inbox: Path, patch: pytest.MonkeyPatch) -> Site:
    """Another channel of files, in the same database, for the same OMS; its orders are numbered alike."""
    inbox.mkdir()
    name = f"restored_{next(_names)}"
    patch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps({"conn_type": "fs", "extra": {"path": str(inbox)}}))
    channel = shop.channel.model_copy(update={"name": name, "connection": name})
    add, change = _files(inbox, shop.clock)
    return replace(shop, channel=channel, add=add, change=change)


def oms_connection(url: str) -> str:
    return json.dumps({"conn_type": "http", "host": url, "password": OMS_TOKEN})


def _shop(control: str) -> tuple[Callable[[], str], Callable[[str], None]]:
    def add() -> str:
        return str(httpx.post(f"{control}/orders", json={}).raise_for_status().json()["order_ids"][0])

    def change(order_id: str) -> None:
        body = {"order_id": order_id, "change": "add_line"}
        httpx.post(f"{control}/changes", json=body).raise_for_status()

    return add, change


def _files(inbox: Path, clock: Clock) -> tuple[Callable[[], str], Callable[[str], None]]:
    numbers, totals = itertools.count(1), itertools.count(10)

    def drop(order_id: str) -> str:
        total = next(totals)
        content = f"{_HEAD}\n{order_id},{START:%Y-%m-%dT%H:%MZ},TORCH-01,1,{total}.00,Zoë,Weg 1,Bonn\n"
        _drop(inbox / f"orders-{total}.csv", content.encode(), clock)
        return order_id

    return lambda: drop(f"A-{next(numbers)}"), lambda order_id: drop(order_id) and None


def _interchanges(inbox: Path, clock: Clock) -> tuple[Callable[[], str], Callable[[str], None]]:
    numbers, controls, sequences = itertools.count(1), itertools.count(101), {}

    def drop(message: str) -> None:
        control = f"{next(controls):09d}"
        _drop(inbox / f"po-{control}.edi", x12(message, control=control), clock)

    def add() -> str:
        order_id = f"PO-{next(numbers)}"
        sequences[order_id] = itertools.count(1)
        drop(one(order_id))
        return order_id

    def alter(order_id: str) -> None:
        sequence = next(sequences[order_id])
        drop(change(order_id, str(2 + sequence), sequence=str(sequence)))

    return add, alter


def _drop(path: Path, content: bytes, clock: Clock) -> None:
    path.write_bytes(content)
    os.utime(path, (clock().timestamp(), clock().timestamp()))
