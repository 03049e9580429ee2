"""What is certified: an adapter, its recorded cases, and the simulated platform it can be played against."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec

from orderflow import adapters
from orderflow.domain.batch import Batch
from orderflow.domain.channel import Channel, Delivery, Schedule, Validation
from orderflow.domain.source import Account, Adapter, Page, Runtime, Source
from orderflow.domain.window import Window
from orderflow.pipeline.clean import clean
from orderflow.pipeline.extract import extract
from orderflow.pipeline.validate import validate
from orderflow.sandbox import accounts, platforms
from orderflow.sandbox.conformance import cases
from orderflow.sandbox.conformance.cases import Case
from orderflow.sandbox.platforms import Platform
from orderflow.sandbox.server import platforms_app, serve
from orderflow.sandbox.shop import Shop

START = datetime(2026, 3, 1, tzinfo=UTC)
BEGUN = START + timedelta(hours=6)
"""Where a scene's clock stands when it opens."""
DECODE = msgspec.json.Decoder(float_hook=str).decode


@dataclass(frozen=True)
class Subject:
    """`platform` is None for an adapter that no simulated platform is there for."""

    name: str
    adapter: Adapter
    cases: list[Case]
    platform: Platform | None

    @classmethod
    def of(cls, name: str) -> Subject:
        """Raises `ConfigError` for an adapter that is not there."""
        adapter = adapters.find(name)
        played = platforms.find(name) if platforms.plays(name) and not adapter.limits.acknowledges else None
        return cls(name, adapter, cases.of(name), played)

    @property
    def options(self) -> Mapping[str, Any]:
        return accounts.way(self.name).options if self.platform else {}

    def shop(self, **settings: Any) -> Shop:
        """A shop in which nothing happens by itself, unless told otherwise."""
        quiet: dict[str, Any] = {
            "ends": START,
            "rate": 0.001,
            "late": 0.0,
            "bursts": 0.0,
            "timezone": self.adapter.limits.timezone,
        }
        currency = accounts.way(self.name).currency or "EUR"
        return Shop(name="trial", platform=self.name, start=START, **(quiet | {"currency": currency} | settings))

    def account(self, url: str) -> Account:
        return accounts.account(self.name, "trial", url)


@dataclass
class Scene:
    """A simulated shop on a real HTTP server, the adapter's open source, and a clock that is moved by hand."""

    subject: Subject
    url: str
    folder: Path
    now: datetime = BEGUN
    runtime: Runtime = field(init=False)
    source: Source = field(init=False)
    channel: Channel = field(init=False)

    def __post_init__(self) -> None:
        adapter, options = self.subject.adapter, self.subject.adapter.options(**self.subject.options)
        self.runtime = Runtime(clock=self.clock, sleep=lambda _: None)
        self.source = adapter.open(options, self.subject.account(f"{self.url}/trial"), self.runtime)
        self.channel = Channel(
            name="trial",
            title="trial",
            owner="sandbox",
            adapter_name=self.subject.name,
            adapter=adapter,
            connection="trial",
            options=options,
            schedule=Schedule(cron="0 * * * *", start=date(2026, 1, 1)),
            oms=Delivery(target="demo"),
            validate=Validation(guards="warn", waive=["TEST_ORDER"]),
        )

    def clock(self) -> datetime:
        return self.now

    def put(self, count: int = 1, **more: Any) -> list[str]:
        """So many new orders, now; their ids."""
        answer = httpx.post(f"{self.url}/_sandbox/trial/orders", json={"count": count, **more}).raise_for_status()
        found: list[str] = answer.json()["order_ids"]
        return found

    def change(self, order_id: str, change: str) -> None:
        body = {"order_id": order_id, "change": change}
        httpx.post(f"{self.url}/_sandbox/trial/changes", json=body).raise_for_status()

    def break_(self, kind: str, **more: Any) -> None:
        """From now on requests are broken as a rule of `sandbox.faults` says; the next one only, unless told."""
        body = json.dumps({"kind": kind, **more})
        httpx.post(f"{self.url}/_sandbox/faults", content=body).raise_for_status()

    def mend(self) -> None:
        httpx.delete(f"{self.url}/_sandbox/faults").raise_for_status()

    def truth(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(f"{self.url}/_sandbox/trial/truth").raise_for_status().json()["orders"]
        return found

    def wait(self, window: Window) -> Window:
        """Move the clock to where the platform can be asked for exactly this window."""
        self.now = max(self.now, window.end + self.channel.settle)
        return window

    def fetched(self, window: Window) -> list[Page]:
        """The pages of exactly this window, asked for in slices that the platform allows."""
        slices = self.wait(window).slices(self.subject.adapter.limits.longest_window)
        return [page for part in slices for page in self.source.fetch(part)]

    def listed(self, window: Window) -> list[str]:
        """Ids of the orders that the adapter finds in exactly this window, as often as they come."""
        return [self.id_of(record) for page in self.fetched(window) for record in page.records]

    def id_of(self, record: bytes) -> str:
        return self.subject.adapter.order_id(DECODE(record)) or ""

    def pull(self, window: Window) -> Batch:
        """The window through extract, clean and validate, as it would run when it is over."""
        where = self.folder / window.name
        self.now = max(self.now, window.end)
        batch = extract(self.channel, window, self.source, where, run_id="trial", runtime=self.runtime)
        return validate(self.channel, clean(self.channel, batch))


@contextmanager
def scene(subject: Subject, folder: Path, **settings: Any) -> Iterator[Scene]:
    """A shop of the subject's platform, for as long as the block lasts."""
    now: list[Scene] = []

    def clock() -> datetime:
        return now[0].now if now else BEGUN

    with serve(platforms_app([subject.shop(**settings)], clock=clock)) as url:
        now.append(Scene(subject, url, folder))
        yield now[0]
