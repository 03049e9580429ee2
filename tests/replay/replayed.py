"""A shop whose raw records are canonical orders, pulled window by window, and read again."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import shop
from staged import EPOCH, line, order

from orderflow.domain.batch import Batch, Counts
from orderflow.domain.channel import Channel
from orderflow.domain.order import Order
from orderflow.domain.replay import Choice
from orderflow.domain.source import Adapter, Limits, Options, Page
from orderflow.domain.window import Window
from orderflow.pipeline import flow, landing, replay
from orderflow.staging.raws import Raws
from orderflow.staging.store import Store

NAME = "shop_tw"


def channel(to_order=shop.to_order, order_id=lambda raw: raw.get("order_id"), **fields: Any) -> Channel:
    """The shop, as today's code maps it."""
    adapter = Adapter(options=Options, limits=Limits(), open=lambda *_: None, to_order=to_order, order_id=order_id)
    return shop.channel(NAME, **fields).model_copy(update={"adapter": adapter})


def good(order_id: str, minute: float = 0, **changes: Any) -> Order:
    return order(order_id, minute, **changes)


def bad(order_id: str, minute: float = 0, **changes: Any) -> Order:
    """Its money does not add up."""
    return order(order_id, minute, **({"grand_total": "99.5"} | changes))


def repaired(raw: dict[str, Any], options: Options) -> Order:
    """Today's mapping knows that this platform tells a wrong total."""
    mapped = shop.to_order(raw, options)
    if mapped.grand_total != "99.5":
        return mapped
    return msgspec.structs.replace(mapped, grand_total="24.5")


def window(number: int) -> Window:
    start = EPOCH + timedelta(hours=number)
    return Window(start, start + timedelta(hours=1))


@dataclass
class World:
    store: Store
    ask: Any
    landing: Path
    counter: Any = field(default_factory=lambda: itertools.count(1))

    @property
    def records(self) -> Raws:
        return Raws(self.store.connection, self.store.vault, NAME)

    def pull(self, about: Channel, number: int, *orders: Order | bytes) -> Batch:
        """One window of the channel through all stages up to staging; fetched at its end."""
        span = window(number)
        folder = landing.folder(self.landing, NAME, span, f"run-{number}")
        data = [each if isinstance(each, bytes) else msgspec.json.encode(each) for each in orders]
        with landing.Writer(folder) as writer:
            for page, at in enumerate(range(0, len(data), 2)):
                writer.write(Page(data[at : at + 2], f"/orders?page={page}"), span.end)
        batch = Batch(
            channel=NAME,
            window_start=span.start,
            window_end=span.end,
            run_id=f"run-{number}",
            landing=str(folder),
            counts=Counts(fetched=len(data), pages=writer.pages),
        )
        return flow.staged(about, batch, self.store, skus=self.records.skus(), decisions=self.records.decisions())

    def collected(self, about: Channel, **choice: Any) -> replay.Collected:
        now = EPOCH + timedelta(days=30, seconds=next(self.counter))
        return replay.collect(about, Choice(**choice), self.landing, now=now, records=self.records)

    def again(self, about: Channel, **choice: Any) -> Batch:
        """Read the chosen records again and load what comes of them."""
        return replay.replay(about, self.collected(about, **choice), records=self.records, staging=self.store)

    def preview(self, about: Channel, **choice: Any) -> Any:
        return replay.preview(about, self.collected(about, **choice), records=self.records)

    def catch_up(self, about: Channel) -> Batch | None:
        now = EPOCH + timedelta(days=60, seconds=next(self.counter))
        return replay.catch_up(about, self.landing, now=now, records=self.records, staging=self.store)

    def expire(self, number: int) -> None:
        """The raw files of a window reached their age."""
        shutil.rmtree(landing.folder(self.landing, NAME, window(number), f"run-{number}"))

    def waiting(self) -> dict[str, tuple[str, list[str]]]:
        rows = self.ask("SELECT subject, state, codes FROM orderflow.quarantine ORDER BY subject")
        return {subject: (state, codes) for subject, state, codes in rows}

    def staged(self) -> dict[str, tuple[int, Any]]:
        rows = self.ask("SELECT order_id, version, trim_scale(grand_total) FROM orderflow.orders ORDER BY order_id")
        return {order_id: (version, str(total)) for order_id, version, total in rows}


__all__ = ["World", "bad", "channel", "good", "line", "repaired", "window"]
