"""Sweep: read again what is not final, because some changes do not move the platform's modified time.

Where the platform takes ids, orders are asked for by id; elsewhere the hours in which they changed last are read again.
What comes goes through the same stages as every other batch: only content that differs makes a new version.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from orderflow.domain.batch import Batch, Counts, Purpose
from orderflow.domain.channel import Channel
from orderflow.domain.decision import Decisions
from orderflow.domain.errors import ConfigError
from orderflow.domain.source import ById, Runtime, Source
from orderflow.domain.staging import Staging
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.pipeline.cleaning.mapped import named
from orderflow.pipeline.extract import extract_ids, read
from orderflow.pipeline.flow import staged
from orderflow.pipeline.progress import Progress, silent

log = logging.getLogger(__name__)

ORDERS_AT_ONCE = 5000
"""Orders of one sweep batch."""
UNREAD_FOR = timedelta(hours=20)
"""An order that was read in the last hours is left to tomorrow's sweep."""
GONE_TOLD = 20
"""Ids of vanished orders that a note names."""


class Queue(Protocol):
    """The staged orders of one channel that are not final and were not read lately."""

    def next(self, most: int) -> dict[str, datetime | None]:
        """So many of them, longest unread first: id -> modified time."""
        ...

    def done(self, order_ids: Iterable[str]) -> None:
        """These were read now."""
        ...


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep did. `changed` orders have a new version, `quarantined` ones broke a rule in their new form."""

    orders: int = 0
    changed: int = 0
    quarantined: int = 0
    notes: list[str] = []


def needed(channel: Channel) -> bool:
    """Whether the platform's modified time is blind to some change, so that windows alone miss it."""
    limits = channel.adapter.limits
    return bool(limits.blind) and not limits.acknowledges


def sweep_all(
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
) -> Swept:
    """Read again everything in the queue, batch by batch, up to staging. `root` is the landing zone."""
    total = Swept()
    while orders := queue.next(ORDERS_AT_ONCE):
        with source() as (opened, runtime):
            now = runtime.clock().replace(microsecond=0)
            part = f"{run_id}-{total.orders}"
            folder = landing.folder(root, channel.name, Window(now - timedelta(seconds=1), now), f"sweep-{part}")
            batch = sweep(channel, orders, opened, folder, run_id=part, runtime=runtime, progress=progress)
        batch = staged(channel, batch, staging, skus=skus, decisions=decisions, progress=progress)
        queue.done(orders)
        counts = batch.counts
        total = Swept(
            orders=total.orders + len(orders),
            changed=total.changed + counts.inserted + counts.updated,
            quarantined=total.quarantined + counts.quarantined + counts.unreadable,
            notes=[*total.notes, *batch.notes],
        )
    log.info("swept channel=%s orders=%d changed=%d", channel.name, total.orders, total.changed)
    return total


def sweep(
    channel: Channel,
    orders: Mapping[str, datetime | None],
    source: Source,
    folder: Path,
    *,
    run_id: str,
    runtime: Runtime,
    progress: Progress = silent,
) -> Batch:
    """Pull these orders (id -> modified time as staged) again into the landing folder of a batch that proves no window.

    Raises `ConfigError` for a mailbox, which gives nothing twice.
    """
    if channel.adapter.limits.acknowledges:
        raise ConfigError(
            f"{channel.name}: {channel.adapter_name} gives every document once, so nothing can be read again; "
            "wait for the sender's next one, or replay what lies in the landing zone"
        )
    now = runtime.clock().replace(microsecond=0)
    known = [moment for moment in orders.values() if moment]
    span = Window(min([*known, now - timedelta(seconds=1)]), now)
    if isinstance(source, ById):
        batch = extract_ids(
            channel, orders, source, folder, span=span, run_id=run_id, runtime=runtime, purpose="sweep",
            progress=progress,
        )  # fmt: skip
        batch = msgspec.structs.replace(batch, notes=[*batch.notes, *_gone(channel, orders, folder)])
    else:
        batch = by_hours(
            channel, known, source, folder, span=span, run_id=run_id, runtime=runtime, purpose="sweep",
            progress=progress,
        )  # fmt: skip
    return msgspec.structs.replace(batch, behind=True)


def by_hours(
    channel: Channel,
    moments: list[datetime],
    source: Source,
    folder: Path,
    *,
    span: Window,
    run_id: str,
    runtime: Runtime,
    purpose: Purpose,
    progress: Progress,
) -> Batch:
    """Read again the hours of these moments, where a channel cannot be asked for single orders."""
    begun = runtime.clock()
    notes: list[str] = []
    with landing.Writer(folder) as writer:
        for part in hours(moments):
            notes += read(channel, part, source, writer, runtime, progress)
    return Batch(
        channel=channel.name,
        window_start=span.start,
        window_end=span.end,
        run_id=run_id,
        landing=str(folder),
        purpose=purpose,
        counts=Counts(pages=writer.pages, bytes=writer.bytes, fetched=writer.records),
        endpoints=runtime.meter.endpoints,
        seconds={"extract": (runtime.clock() - begun).total_seconds()},
        notes=notes,
    )


def hours(moments: list[datetime]) -> list[Window]:
    """The whole hours (UTC) that hold these moments, neighbours as one window."""
    starts = sorted({moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0) for moment in moments})
    merged: list[Window] = []
    for start in starts:
        end = start + timedelta(hours=1)
        if merged and merged[-1].end == start:
            merged[-1] = Window(merged[-1].start, end)
        else:
            merged.append(Window(start, end))
    return merged


def absent(channel: Channel, orders: Iterable[str], folder: Path) -> list[str]:
    """Those of the asked orders that no record of the batch names; none where records do not name theirs."""
    came = {named(record.data, channel.adapter.order_id) for record in landing.records(folder)}
    return [] if came == {None} else [order_id for order_id in orders if order_id not in came]


def _gone(channel: Channel, orders: Iterable[str], folder: Path) -> Iterator[str]:
    """A note that names the orders which the channel, asked for their ids, does not have any more."""
    if gone := absent(channel, orders, folder):
        log.warning("orders gone from the channel channel=%s orders=%d", channel.name, len(gone))
        more = f" and {len(gone) - GONE_TOLD} more" if len(gone) > GONE_TOLD else ""
        yield f"no longer on the channel: {', '.join(gone[:GONE_TOLD])}{more}"
