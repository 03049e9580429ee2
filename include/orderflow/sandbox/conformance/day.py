"""A day at a simulated marketplace, pulled window by window through adapter, HTTP and pipeline, all of them real."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
from pyarrow import feather

from orderflow import adapters
from orderflow.domain.batch import Batch
from orderflow.domain.channel import Channel, Delivery, Schedule, Validation
from orderflow.domain.errors import TransientError
from orderflow.domain.source import Account, Runtime
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.pipeline.clean import clean
from orderflow.pipeline.extract import extract
from orderflow.pipeline.validate import validate
from orderflow.sandbox.server import platforms_app, serve
from orderflow.sandbox.shop import Shop

DECODE = msgspec.json.Decoder(float_hook=str).decode
HOUR = timedelta(hours=1)


@dataclass
class Day:
    """What the truth says at the end of the day, and what became of every order in its newest version that was pulled.

    The last pull lies some hours after the day, so that an order may be newer than its row of the truth.
    """

    truth: list[dict[str, Any]] = field(default_factory=list)
    all_ids: set[str] = field(default_factory=set)
    raw: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: dict[str, set[str]] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    retries: int = 0

    def missing(self) -> set[str]:
        """Orders that the platform shows and that were never pulled."""
        return {row["order_id"] for row in self.truth if row["listed"]} - set(self.raw)

    def twice(self) -> set[str]:
        """Orders that were pulled under more than one spelling of their id, so that they would be two from now on."""
        return {row["order_id"] for row in self.truth if len({row["order_id"], *row["aliases"]} & set(self.raw)) > 1}

    def invented(self) -> set[str]:
        return set(self.raw) - self.all_ids

    def stale(self) -> list[str]:
        """Orders whose last change was not pulled; for an order that could not be read its refusal stands."""
        return [
            row["order_id"]
            for row in self.truth
            if row["listed"] and (seen := self.orders.get(row["order_id"])) and seen["channel_updated_at"]
            if seen["channel_updated_at"] < datetime.fromisoformat(row["modified_at"])
        ]

    def differing(self) -> list[tuple[str, object, object]]:
        """Healthy orders, in the version of the truth, whose total or number of lines is not the truth's."""
        found: list[tuple[str, object, object]] = []
        for row in self.truth:
            order = self.orders.get(row["order_id"])
            if row["outcome"] != "accept" or order is None:
                continue
            if order["channel_updated_at"] != datetime.fromisoformat(row["modified_at"]):
                continue
            total = row["totals"][order["currency"]]
            if total is not None and Decimal(order["grand_total"]) != Decimal(total).scaleb(6):
                found.append((row["order_id"], order["grand_total"], total))
            if len(order["document"].get("lines", [])) != row["lines"]:
                found.append((row["order_id"], len(order["document"].get("lines", [])), row["lines"]))
        return found

    def misjudged(self) -> list[tuple[str, str | None, set[str]]]:
        """Orders, in the version of the truth, that were refused and should not be, or the other way round."""
        return [
            (row["order_id"], row["defect"], self.refused.get(row["order_id"], set()))
            for row in self.truth
            if row["order_id"] in self.raw and not self._newer(row)
            if (row["outcome"] == "refuse") != bool(self.refused.get(row["order_id"]))
        ]

    def _newer(self, row: dict[str, Any]) -> bool:
        order = self.orders.get(row["order_id"])
        updated = order and order["channel_updated_at"]
        return bool(updated and updated > datetime.fromisoformat(row["modified_at"]))


def rules(*kinds: str, share: float = 0.5, path: str = "*") -> list[dict[str, Any]]:
    """Faults for `share` of all requests; and a token is refused thrice, far enough apart that no request meets two.

    Six details may be on their way at a time. Where every order is a request of its own, half of all would let one of
    them fail in every attempt; such a platform names a smaller share. `path` spares the requests that do not match.
    """
    often = [kind for kind in kinds if kind != "expired-token"]
    return [
        {"kind": kind, "count": None, "probability": share / len(often), "seed": seed, "seconds": 60, "path": path}
        for seed, kind in enumerate(often)
    ] + [
        {"kind": "expired-token", "skip": skip, "count": 1, "path": path}
        for skip in (3, 73, 143)
        if "expired-token" in kinds
    ]


def day(
    shop: Shop,
    account: Callable[[str], Account],
    options: dict[str, Any],
    folder: Path,
    *,
    hours: int = 24,
    step: int = 3,
    faults: Iterable[dict[str, Any]] = (),
) -> Day:
    """Pull the day in windows of `step` hours under `faults`, and two more windows without.

    Two, because an order of the day that changes at the very end of the first one is on no list before the next pull.
    """
    adapter = adapters.find(shop.platform)
    now = shop.start
    found = Day()
    settings = adapter.options(**options)
    channel = Channel(
        name=shop.name, title=shop.name, owner="sandbox", adapter_name=shop.platform, adapter=adapter, connection="c",
        options=settings, schedule=Schedule(cron="0 * * * *", start=shop.start.date()), oms=Delivery(target="demo"),
        validate=Validation(guards="warn", waive=["TEST_ORDER"]),
    )  # fmt: skip

    def clock() -> datetime:
        return now

    with serve(platforms_app([shop], clock=clock)) as url:
        runtime = Runtime(clock=clock, sleep=lambda _: None)
        source = adapter.open(settings, account(f"{url}/{shop.name}"), runtime)
        httpx.post(f"{url}/_sandbox/faults", content=json.dumps(list(faults))).raise_for_status()
        for hour in range(0, hours + 2 * step, step):
            window = Window(shop.start + hour * HOUR, shop.start + (hour + step) * HOUR)
            now = window.end
            if hour >= hours:
                httpx.delete(f"{url}/_sandbox/faults")
            pull = partial(extract, channel, window, source, folder / window.name, run_id="r", runtime=runtime)
            batch = again(pull)
            note(found, validate(channel, clean(channel, batch)).landing, adapter.order_id)
        until = (shop.start + hours * HOUR).isoformat()
        truth = f"{url}/_sandbox/{shop.name}/truth"
        found.truth = httpx.get(truth, params={"until": until}).raise_for_status().json()["orders"]
        found.all_ids = {row["order_id"] for row in httpx.get(truth).raise_for_status().json()["orders"]}
        found.requests = httpx.get(f"{url}/_sandbox/log").json()["counts"]
        found.retries = sum(endpoint.retries for endpoint in runtime.meter.endpoints.values())
    return found


def again(pull: Callable[[], Batch], attempts: int = 5) -> Batch:
    """What the scheduler does with an error that may pass."""
    for _ in range(attempts - 1):
        with contextlib.suppress(TransientError):
            return pull()
    return pull()


def note(found: Day, where: str, order_id: Callable[[dict[str, Any]], str | None]) -> None:
    """Take over what one batch knows; later batches replace earlier ones."""
    names: dict[int, str] = {}
    for record in landing.records(Path(where)):
        raw = DECODE(record.data)
        name = names[record.ordinal] = order_id(raw) or ""
        found.raw[name] = raw
        found.refused.pop(name, None)
        found.orders.pop(name, None)
    for path in sorted(Path(where).glob("orders-*.arrow")):
        for row in feather.read_table(path).drop_columns(["contacts"]).to_pylist():
            found.orders[row["order_id"]] = row | {"document": json.loads(row["document"])}
    for path in sorted(Path(where).glob("verdicts-*.arrow")):
        for row in feather.read_table(path).to_pylist():
            if row["severity"] == "refuse":
                found.refused.setdefault(row["order_id"], set()).add(row["code"])
    for path in sorted(Path(where).glob("unreadable-*.arrow")):
        for row in feather.read_table(path).to_pylist():
            found.refused.setdefault(names[row["ordinal"]], set()).add(row["code"])
