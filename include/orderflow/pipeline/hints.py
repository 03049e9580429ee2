"""Hints: look at once at the orders that webhooks named, through the same stages as every other batch.

A hint proves nothing and a lost one costs nothing but time: windows bring every order whether it was hinted or not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from orderflow.domain.batch import Batch
from orderflow.domain.channel import Channel
from orderflow.domain.decision import Decisions
from orderflow.domain.errors import OrderflowError
from orderflow.domain.source import ById, Runtime, Source
from orderflow.domain.staging import Staging
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.pipeline.extract import extract_ids
from orderflow.pipeline.flow import staged
from orderflow.pipeline.progress import Progress, silent
from orderflow.pipeline.sweep import absent, by_hours

log = logging.getLogger(__name__)

ORDERS_AT_ONCE = 500
"""Orders of one batch: few, so that the first of a flood are staged while the rest is read."""
BEFORE = timedelta(minutes=10)
"""How long before its hint was received an order may have changed, where hours are read instead of ids."""
_TOLD = 20
"""Ids that one note names."""


class Queue(Protocol):
    """The orders of one channel that hints name and that nobody looked at since."""

    def next(self, run_id: str, most: int) -> dict[str, datetime]:
        """Take so many for the batch `run_id`: id -> when the first of its hints was received."""
        ...

    def keep(self, run_id: str, order_ids: Iterable[str] | None, why: str) -> list[str]:
        """These orders of the batch (None: all) stay to be looked at again; returns those tried often enough."""
        ...


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the hints. `absent` orders are not on the channel (yet) and are tried again."""

    orders: int = 0
    changed: int = 0
    quarantined: int = 0
    absent: int = 0
    notes: list[str] = []


def look_all(
    channel: Channel,
    queue: Queue,
    staging: Staging,
    source: Callable[[], AbstractContextManager[tuple[Source, Runtime]]],
    root: Path,
    *,
    run_id: str,
    skus: Mapping[str, str] | None = None,
    decisions: Decisions | None = None,
    progress: Progress = silent,
) -> Looked:
    """Look at everything that is hinted and due, up to staging. `root` is the landing zone.

    What fails stays in the queue with its reason; the error is raised.
    """
    total = Looked()
    number = 0
    while orders := queue.next(part := f"{run_id}-{number}", ORDERS_AT_ONCE):
        number += 1
        try:
            with source() as (opened, runtime):
                now = runtime.clock().replace(microsecond=0)
                folder = landing.folder(root, channel.name, Window(now - timedelta(seconds=1), now), f"hint-{part}")
                batch = look(channel, orders, opened, folder, run_id=part, runtime=runtime, progress=progress)
            missing = absent(channel, orders, folder)
            notes = _given_up(queue.keep(part, missing, "the channel does not know this order (yet)"))
            if batch.counts.fetched:
                batch = staged(channel, batch, staging, skus=skus, decisions=decisions, progress=progress)
        except OrderflowError as error:
            for note in _given_up(queue.keep(part, None, f"{type(error).__name__}: {error}")):
                log.warning("batch noted %s", note)
            raise
        counts = batch.counts
        total = Looked(
            orders=total.orders + len(orders),
            changed=total.changed + counts.inserted + counts.updated,
            quarantined=total.quarantined + counts.quarantined + counts.unreadable,
            absent=total.absent + len(missing),
            notes=[*total.notes, *batch.notes, *notes],
        )
    log.info("hints looked at channel=%s orders=%d changed=%d", channel.name, total.orders, total.changed)
    return total


def look(
    channel: Channel,
    orders: Mapping[str, datetime],
    source: Source,
    folder: Path,
    *,
    run_id: str,
    runtime: Runtime,
    progress: Progress = silent,
) -> Batch:
    """Pull these orders (id -> when they were hinted) into the landing folder of a batch that proves no window.

    Where the channel cannot be asked for single orders, the hours of the hints are read.
    """
    now = runtime.clock()
    received = list(orders.values())
    span = Window(min(received) - BEFORE, max(now, *received) + timedelta(seconds=1))
    if isinstance(source, ById):
        return extract_ids(
            channel, orders, source, folder, span=span, run_id=run_id, runtime=runtime, purpose="hint",
            progress=progress,
        )  # fmt: skip
    moments = [*received, *(moment - BEFORE for moment in received), now]
    return by_hours(
        channel, moments, source, folder, span=span, run_id=run_id, runtime=runtime, purpose="hint", progress=progress
    )


def _given_up(order_ids: list[str]) -> list[str]:
    if not order_ids:
        return []
    more = f" and {len(order_ids) - _TOLD} more" if len(order_ids) > _TOLD else ""
    return [f"hints given up, left to the windows: {', '.join(order_ids[:_TOLD])}{more}"]
