"""Reconcile: compare a channel's day on all sides, pull what is missing, and certify what was found."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import msgspec

from orderflow.domain.batch import Batch
from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError, TransientError
from orderflow.domain.reconciliation import NEVER_LISTED, Certificate, Head, Sides, business_day
from orderflow.domain.source import ById, Countable, OrderStub, Runtime, Source
from orderflow.domain.target import Target
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.pipeline.extract import extract, extract_ids
from orderflow.pipeline.progress import Progress, silent

log = logging.getLogger(__name__)

AROUND = timedelta(minutes=5)
"""Spans of missed orders that lie closer together are read in one go, where a channel cannot be asked by id."""

AT_ONCE = 500
"""Orders in one look-up at the OMS."""


@dataclass(frozen=True, slots=True)
class Repair:
    """How missed orders go on once they are pulled: `stage` is clean, validate and load, `deliver` the sync."""

    folder: Path
    """The landing zone."""
    stage: Callable[[Batch], Batch]
    deliver: Callable[[], object]


def reconcile(
    channel: Channel,
    day: date,
    sides: Sides,
    *,
    source: Source,
    target: Target | None,
    repair: Repair | None,
    run_id: str,
    runtime: Runtime,
    progress: Progress = silent,
) -> Certificate:
    """Compare, repair, look up, certify; without `repair` nothing is pulled, sent or kept.

    `target` is None where nothing is delivered (shadow). Raises what channel, database and OMS raise: then there is no
    certificate, and what was repaired until then stays repaired.
    """
    window = demand_day(channel, day, runtime)
    absent: dict[str, str] = {}
    if isinstance(source, Countable):
        listed_at = runtime.clock()
        sides.list_channel(_told(source.identify(window), channel.clean.lookups, progress), listed_at=listed_at)
        sides.compare_channel()
        if repair is not None:
            _repair(channel, window, sides, source, repair, run_id, runtime, progress)
    else:
        absent["channel"] = f"{channel.adapter_name} {NEVER_LISTED}"
    if target is None:
        absent["oms"] = "the channel runs in shadow: nothing is handed to the OMS"
    else:
        sides.ask_oms(lambda order_ids: target.look_up(channel.name, order_ids), size=AT_ONCE)
        sides.compare_oms()
    head = Head(
        channel=channel.name,
        title=channel.title,
        platform=channel.adapter_name,
        target=channel.oms.target,
        day=day,
        timezone=channel.schedule.timezone,
        window=window,
        run_id=run_id,
        now=runtime.clock(),
        how={
            "channel": f"the list of {channel.adapter_name} by created time",
            "staging": "orders by created time, after repairs",
            "oms": f"looked up in {channel.oms.target} by order id",
        },
        absent=absent,
        notes=_notes(channel),
    )
    return sides.certify(head, keep=repair is not None)


def demand_day(channel: Channel, day: date, runtime: Runtime) -> Window:
    """The day's span; raises `ConfigError` for one before the channel's start or one that has not begun."""
    window = business_day(day, channel.schedule.timezone)
    if window.end <= channel.start:
        raise ConfigError(
            f"{channel.name}: {day} lies before the channel's start {channel.schedule.start}; nothing was ever pulled "
            f"for it; choose a later day, or an earlier `schedule.start` in {channel.name}.yml"
        )
    if window.start > runtime.clock():
        raise ConfigError(f"{channel.name}: {day} has not begun in {channel.schedule.timezone}; choose an earlier day")
    return window


def lags(channel: Channel) -> Mapping[str, timedelta]:
    """How late a day's orders may come: nothing for a mailbox, whose windows follow arrival."""
    mailbox = channel.adapter.limits.acknowledges
    return {
        "settle": timedelta(0) if mailbox else channel.settle,
        "lookback": timedelta(0) if mailbox else channel.lookback,
    }


def _repair(
    channel: Channel,
    window: Window,
    sides: Sides,
    source: Source,
    repair: Repair,
    run_id: str,
    runtime: Runtime,
    progress: Progress,
) -> None:
    if next(sides.repairable(), None) is None:
        return
    for batch in _pulled(channel, window, sides, source, repair.folder, run_id, runtime, progress):
        if batch.counts.fetched:
            repair.stage(batch)
    try:
        repair.deliver()
    except TransientError as error:
        log.warning("delivery left to the next sync channel=%s: %s", channel.name, error)
    log.info("repaired channel=%s day=%s orders=%d", channel.name, window, sides.judge_repairs())


def _pulled(
    channel: Channel,
    window: Window,
    sides: Sides,
    source: Source,
    root: Path,
    run_id: str,
    runtime: Runtime,
    progress: Progress,
) -> Iterator[Batch]:
    """Batches with the orders to repair: by id, or where that cannot be asked, by the times of their changes."""
    if isinstance(source, ById):
        folder = landing.folder(root, channel.name, window, f"{run_id}-repair")
        yield extract_ids(
            channel,
            sides.repairable(),
            source,
            folder,
            span=window,
            run_id=run_id,
            runtime=runtime,
            purpose="repair",
            progress=progress,
        )
        return
    for span in sides.spans(around=AROUND):
        folder = landing.folder(root, channel.name, span, f"{run_id}-repair")
        batch = extract(channel, span, source, folder, run_id=run_id, runtime=runtime, progress=progress)
        yield msgspec.structs.replace(batch, purpose="repair")


def _told(
    stubs: Iterator[OrderStub], lookups: Mapping[str, Mapping[str, str]], progress: Progress
) -> Iterator[OrderStub]:
    """The list, with statuses and currencies that the channel file reads otherwise in our spelling, as clean has it."""
    statuses, currencies = (lookups.get(name, {}) for name in ("order_status", "currency"))
    for count, stub in enumerate(stubs, 1):
        status, currency = (stub.status or "").strip(), (stub.currency or "").strip()
        if status in statuses or currency in currencies:
            status, currency = statuses.get(status, status), currencies.get(currency, currency)
            yield replace(stub, status=status or None, currency=currency or None)
        else:
            yield stub
        if count % 1000 == 0:
            progress("list", count, None)


def _notes(channel: Channel) -> list[str]:
    limits = channel.adapter.limits
    notes = []
    if limits.blind:
        notes.append(
            f"changes of {', '.join(sorted(limits.blind))} may not move the modified time on {channel.adapter_name}; "
            "the sweep of open orders finds them"
        )
    return notes
