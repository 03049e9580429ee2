"""A channel on a real sandbox server and the reference OMS, with every day's reconciliation in one call."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from shop import target

from orderflow import adapters
from orderflow.domain.channel import Channel, Delivery, Schedule, Validation
from orderflow.domain.reconciliation import Certificate, Difference, business_day
from orderflow.domain.source import Account, Runtime
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.pipeline.extract import extract
from orderflow.pipeline.flow import staged
from orderflow.pipeline.reconcile import Repair, lags, reconcile
from orderflow.pipeline.sync import sync
from orderflow.sandbox.accounts import WAYS, account
from orderflow.sandbox.server import oms_app, platforms_app, serve
from orderflow.sandbox.shop import Shop
from orderflow.staging import certificates, ledger
from orderflow.staging.sides import DaySides
from orderflow.staging.store import Store, connect

DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
HISTORY = Window(NOW - timedelta(days=4), NOW - timedelta(minutes=10))
NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
SPAN = business_day(DAY, "Asia/Taipei")


class Clock:
    """The world's time and ours, moved by hand."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment


@dataclass
class World:
    channel: Channel
    store: Store
    dsn: str
    clock: Clock
    account: Account
    shop_url: str
    oms_url: str
    oms_file: Path
    landing: Path
    source: Any = None
    """A source in the platform's place, where a test needs another."""

    def runtime(self) -> Runtime:
        return Runtime(clock=self.clock, sleep=lambda _: None)

    def open(self) -> Any:
        return self.source or self.channel.adapter.open(self.channel.options, self.account, self.runtime())

    def run(self, window: Window, run_id: str = "scheduled__1", *, deliver: bool = True) -> None:
        """One window through all five stages; without `deliver` through four."""
        ledger.begin(self.store.connection, self.channel.name, window, run_id)
        folder = landing.folder(self.landing, self.channel.name, window, run_id)
        batch = extract(self.channel, window, self.open(), folder, run_id=run_id, runtime=self.runtime())
        ledger.extracted(self.store.connection, batch)
        staged(self.channel, batch, self.store)
        if deliver:
            self.sync()

    def sync(self) -> object:
        return sync(self.channel, self.store, target(self.oms_url), pause=lambda _: None)

    def reconcile(self, day: date = DAY, *, keep: bool = True) -> tuple[Certificate, list[Difference]]:
        self.clock.moment += timedelta(seconds=1)
        window = business_day(day, self.channel.schedule.timezone)
        repair = Repair(self.landing, partial(staged, self.channel, staging=self.store), self.sync) if keep else None
        with closing(connect(self.dsn)) as own:
            sides = DaySides(own, self.channel.name, window, **lags(self.channel), since=self.channel.delivers_since)
            certificate = reconcile(
                self.channel,
                day,
                sides,
                source=self.open(),
                target=None if self.channel.shadow else target(self.oms_url),
                repair=repair,
                run_id="reconcile__1",
                runtime=self.runtime(),
            )
            found = list(sides.differences())
        if keep:
            assert found == list(certificates.differences(self.store.connection, self.channel.name, certificate.number))
        return certificate, found

    def truth(self) -> list[dict[str, Any]]:
        return httpx.get(f"{self.shop_url}/_sandbox/{self.channel.name}/truth").json()["orders"]

    def add_order(self, **wanted: Any) -> str:
        answer = httpx.post(f"{self.shop_url}/_sandbox/{self.channel.name}/orders", json=wanted)
        return answer.raise_for_status().json()["order_ids"][0]

    def add_broken(self, at: datetime) -> tuple[set[str], set[str]]:
        """Orders that are placed without lines; which of them nobody has healed until now."""
        self.clock.moment = at
        added = {self.add_order(defect="no_lines") for _ in range(3)}
        self.clock.moment = NOW
        broken = {row["order_id"] for row in self.truth() if row["order_id"] in added and row["defect"]}
        assert broken
        return added, broken

    def change(self, order_id: str, change: str) -> None:
        body = {"order_id": order_id, "change": change}
        httpx.post(f"{self.shop_url}/_sandbox/{self.channel.name}/changes", json=body).raise_for_status()

    def in_oms(self, sql: str, *values: object) -> None:
        """Change one of this channel's rows by hand; `sql` ends in a condition."""
        with closing(sqlite3.connect(self.oms_file)) as database, database:
            assert database.execute(f"{sql} AND channel = ?", (*values, self.channel.name)).rowcount == 1

    def effects(self, order_id: str) -> dict[str, Any]:
        asked = {"channel": self.channel.name, "order_id": order_id}
        return httpx.get(f"{self.oms_url}/_effects", params=asked).json()


@dataclass
class Servers:
    """Many shops on one server and one OMS, for a whole test module; every test takes a shop of its own."""

    shop_url: str
    oms_url: str
    oms_file: Path
    clock: Clock
    shops: Iterator[Shop]

    def world(
        self,
        store: Store,
        dsn: str,
        folder: Path,
        *,
        timezone: str = "Asia/Taipei",
        shadow: bool = False,
    ) -> World:
        name, platform = (shop := next(self.shops)).name, shop.platform
        adapter = adapters.find(platform)
        channel = Channel(
            name=name,
            title="旗艦店 🏬 חנות",
            owner="ops",
            adapter_name=platform,
            adapter=adapter,
            connection=name,
            options=adapter.options(**WAYS[platform].options),
            schedule=Schedule(cron="0 * * * *", timezone=timezone, start=date(2026, 11, 1)),
            validate=Validation(guards="warn"),
            oms=Delivery(target="demo"),
            shadow=shadow,
        )
        self.clock.moment = NOW
        reached = account(platform, name, f"{self.shop_url}/{name}")
        return World(channel, store, dsn, self.clock, reached, self.shop_url, self.oms_url, self.oms_file, folder)


@contextmanager
def servers(folder: Path, platforms: Sequence[str], **more: Any) -> Iterator[Servers]:
    clock = Clock(NOW)
    settings = {
        "start": NOW - timedelta(days=3), "ends": NOW - timedelta(hours=6), "rate": 1.0, "pace": 0.01, "seed": 7,
        "defects": 0.0, "late": 0.0, "blind": ("status",), **more,
    }  # fmt: skip
    shops = [
        Shop(name=f"shop_{count}", platform=platform, **settings | {"currency": WAYS[platform].currency or "TWD"})
        for count, platform in enumerate(platforms)
    ]
    with (
        serve(platforms_app(shops, clock=clock)) as shop_url,
        serve(oms_app(path=folder / "oms.sqlite", clock=clock)) as oms_url,
    ):
        yield Servers(shop_url, oms_url, folder / "oms.sqlite", clock, iter(shops))


def causes(found: list[Difference]) -> set[tuple[str, str, bool]]:
    return {(each.order_id, each.cause, each.repaired) for each in found}


def of_day(shop: World) -> list[str]:
    inside = (row for row in shop.truth() if datetime.fromisoformat(row["created_at"]) in SPAN)
    return [row["order_id"] for row in inside if row["listed"]]
