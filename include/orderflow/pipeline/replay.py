"""Replay: raw records that were kept, read again by today's mapping, cleaning and rules. The channel is not asked.

The chosen records are collected into a landing folder of their own, with the origin and the moment at which they were
fetched; from there on a replay is a batch like any other. Newest still wins: a record that something newer replaced
changes nothing, and the record that stands for an order now brings whatever today's code makes of it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import cast

import msgspec
from upath import UPath

from orderflow.domain.batch import Batch, Counts
from orderflow.domain.channel import Channel
from orderflow.domain.decision import Decisions
from orderflow.domain.errors import BalanceError, ConfigError
from orderflow.domain.message import said
from orderflow.domain.replay import Choice, Place, Records
from orderflow.domain.source import Page
from orderflow.domain.staging import Staging
from orderflow.pipeline import landing
from orderflow.pipeline.changes import Changes, compare
from orderflow.pipeline.fingerprint import fingerprint
from orderflow.pipeline.flow import judged, staged
from orderflow.pipeline.progress import Progress, silent

log = logging.getLogger(__name__)

_MISSING = "{n} order has no raw record any more|{n} orders have no raw record any more"


@dataclass(frozen=True, slots=True)
class Collected:
    """Raw records in a landing folder of their own, with all that they are to be judged by."""

    batch: Batch
    places: Sequence[Place]
    missing: Sequence[Place]
    """Orders of which no raw record is left."""
    skus: Mapping[str, str] | None
    decisions: Decisions
    judged_by: str
    asked_at: datetime


def collect(
    channel: Channel,
    choice: Choice,
    root: Path,
    *,
    now: datetime,
    records: Records,
    progress: Progress = silent,
) -> Collected:
    """Copy the chosen raw records into a new folder of the landing zone `root`; `now` names it.

    Where a landing folder is gone, the sealed copies in quarantine stand in. Raises `ConfigError` where nothing is
    chosen, and `BalanceError` for a folder that is to be read whole and is damaged.
    """
    judged_by = fingerprint(channel)
    asked_at = records.moment()
    places = records.choose(choice, judged_by)
    span = choice.window or records.span(places)
    if not places or span is None:
        raise ConfigError(
            f"{channel.name}: {choice}: nothing of it is staged or waits in quarantine; look at `orderflow status "
            f"{channel.name}` and `orderflow quarantine list`, or pull it: `orderflow backfill`"
        )
    skus = records.skus() if channel.clean.sku == "mapped" else None
    decisions = records.decisions()
    run_id = f"replay__{now:%Y%m%dT%H%M%S.%fZ}"
    folder = landing.folder(root, channel.name, span, run_id)
    with landing.Writer(folder) as writer:
        missing = _copied(places, records, writer, progress)
    log.info("collected %s records=%d missing=%d", choice, writer.records, len(missing))
    batch = Batch(
        channel=channel.name,
        window_start=span.start,
        window_end=span.end,
        run_id=run_id,
        landing=str(folder),
        purpose="replay",
        behind=True,
        decided_until=asked_at,
        counts=Counts(pages=writer.pages, bytes=writer.bytes, fetched=writer.records),
        notes=[str(choice), *([said(_MISSING, n=len(missing))] if missing else [])],
    )
    return Collected(batch, places, missing, skus, decisions, judged_by, asked_at)


def replay(
    channel: Channel, collected: Collected, *, records: Records, staging: Staging, progress: Progress = silent
) -> Batch:
    """Judge the collected records as if they came today, and load what comes of them."""
    batch = staged(
        channel,
        collected.batch,
        staging,
        skus=collected.skus,
        decisions=collected.decisions,
        progress=progress,
    )
    rows = [each.quarantine_id for each in collected.places if each.quarantine_id is not None]
    records.remember(rows, collected.judged_by, asked_at=collected.asked_at)
    return batch


def preview(channel: Channel, collected: Collected, *, records: Records, progress: Progress = silent) -> Changes:
    """What replaying the collected records would change. Nothing outside of their landing folder is written."""
    batch = judged(channel, collected.batch, skus=collected.skus, decisions=collected.decisions, progress=progress)
    return compare(batch, records, missing=collected.missing, progress=progress)


def catch_up(
    channel: Channel, root: Path, *, now: datetime, records: Records, staging: Staging, progress: Progress = silent
) -> Batch | None:
    """Judge again what could leave quarantine: part of every run of the channel.

    None where nothing could, which costs one look at an index. What stays in quarantine is not tried again before
    something changes.
    """
    causes = records.waiting_on(fingerprint(channel)).causes
    if not causes:
        return None
    told = ", ".join(f"{cause} {count}" for cause, count in sorted(Counter(causes.values()).items()))
    collected = collect(channel, Choice(rows=tuple(causes)), root, now=now, records=records, progress=progress)
    notes = [f"judged again: {told}", *collected.batch.notes[1:]]
    told_why = replace(collected, batch=msgspec.structs.replace(collected.batch, behind=False, notes=notes))
    batch = replay(channel, told_why, records=records, staging=staging, progress=progress)
    c = batch.counts
    log.info("waiting orders judged again %s staged=%d refused=%d", told, c.accepted, c.quarantined + c.unreadable)
    return batch


def _copied(places: Sequence[Place], records: Records, writer: landing.Writer, progress: Progress) -> list[Place]:
    """Write every record that can be found; returns the places of the others."""
    missing: list[Place] = []
    for name, wanted in _by_landing(places).items():
        source = cast(Path, UPath(name))
        whole = any(each.raw_sha256 is None for each in wanted)
        if not _lies(source):
            missing += _from_copies(records.in_landing(name) if whole else wanted, records, writer)
        elif whole:
            for page in landing.pages(source):
                writer.write(Page(page.records, page.origin), page.fetched_at)
        else:
            missing += _from_copies(_found(source, wanted, writer), records, writer)
        progress("collect", writer.records, None)
    return missing


def _by_landing(places: Sequence[Place]) -> dict[str, list[Place]]:
    found: dict[str, list[Place]] = {}
    for place in places:
        found.setdefault(place.landing, []).append(place)
    return found


def _lies(source: Path) -> bool:
    """Whether the folder still holds raw files."""
    return source.is_dir() and next(source.glob(landing.RAW), None) is not None


def _found(source: Path, wanted: Sequence[Place], writer: landing.Writer) -> list[Place]:
    """Copy these records, each time they came; returns those that the folder does not hold."""
    shas = {each.raw_sha256 for each in wanted if each.raw_sha256 is not None}
    found: set[bytes] = set()
    try:
        for page in landing.pages(source):
            if chosen := [data for data, digest in zip(page.records, page.sha256, strict=True) if digest in shas]:
                writer.write(Page(chosen, page.origin), page.fetched_at)
                found |= shas.intersection(page.sha256)
    except BalanceError as error:
        log.warning("landing folder damaged, copies in quarantine stand in: %s", error)
    return [each for each in wanted if each.raw_sha256 not in found]


def _from_copies(wanted: Sequence[Place], records: Records, writer: landing.Writer) -> list[Place]:
    """Write the copies of these records that quarantine holds; returns those without one."""
    rows = [each.quarantine_id for each in wanted if each.quarantine_id is not None]
    found: set[int] = set()
    for copy in records.copies(rows) if rows else ():
        writer.write(Page([copy.data], f"quarantine/{copy.quarantine_id}"), copy.fetched_at)
        found.add(copy.quarantine_id)
    return [each for each in wanted if each.quarantine_id not in found]
