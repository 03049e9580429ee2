"""A channel whose raw records are canonical orders, and an OMS over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec

from orderflow import oms
from orderflow.domain.channel import Channel, Delivery, Schedule
from orderflow.domain.order import Order
from orderflow.domain.source import Account, Adapter, Limits, Options, Runtime, Secret
from orderflow.domain.target import Target
from orderflow.sandbox.oms_rules import Rules
from orderflow.sandbox.server import OMS_TOKEN, oms_app, serve

TARGETS = Path(__file__).resolve().parents[2] / "include" / "targets"


def to_order(raw: dict[str, Any], options: Options) -> Order:
    return msgspec.convert(raw, Order)


def channel(name: str = "shop_tw", *, batch: int = 10, concurrency: int = 3, **fields: Any) -> Channel:
    adapter = Adapter(options=Options, limits=Limits(), open=lambda *_: None, to_order=to_order)
    return Channel(
        name=name,
        title="Shop",
        owner="ops",
        adapter_name="plain",
        adapter=adapter,
        connection=name,
        options=Options(),
        schedule=Schedule(cron="0 * * * *", start=date(2026, 1, 1)),
        oms=Delivery(target="demo", batch=batch, concurrency=concurrency),
        **fields,
    )


def runtime() -> Runtime:
    return Runtime(clock=lambda: datetime.now(UTC), sleep=lambda _: None)


def target(url: str, token: str = OMS_TOKEN, **changes: Any) -> Target:
    """The target of `include/targets/demo.yml` at this address."""
    file = oms.find("demo", TARGETS)
    options = file.options.model_copy(update=changes)
    account = Account("demo_oms", url, password=Secret(token))
    return oms.open_target(oms.TargetFile("demo", "t", file.kind, file.connection, options), account, runtime())


class Oms:
    """A running reference OMS."""

    def __init__(self, url: str) -> None:
        self.url = url

    def effects(self, **asked: str) -> dict[str, Any]:
        return httpx.get(f"{self.url}/_effects", params=asked).json()

    def document(self, order_id: str, channel: str = "shop_tw") -> dict[str, Any]:
        headers = {"authorization": f"Bearer {OMS_TOKEN}"}
        return httpx.get(f"{self.url}/documents/{channel}/{order_id}", headers=headers).json()

    def fail(self, kind: str, path: str = "/orders/*", **fields: Any) -> None:
        rule = {"kind": kind, "path": path, **fields}
        httpx.post(f"{self.url}/_sandbox/faults", json=rule).raise_for_status()

    def recover(self) -> None:
        httpx.delete(f"{self.url}/_sandbox/faults").raise_for_status()

    def requests(self) -> dict[str, int]:
        return httpx.get(f"{self.url}/_sandbox/log").json()


@contextmanager
def oms_running(**rules: Any) -> Iterator[Oms]:
    with serve(oms_app(rules=Rules(**rules))) as url:
        yield Oms(url)
