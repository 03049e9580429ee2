"""Extract: ask the channel for a window and write down what comes, without judging it."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from orderflow.domain.batch import Batch, Counts, Purpose
from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError, DriftError, TooManyError, TransientError
from orderflow.domain.source import Acknowledging, ById, Counting, Runtime, Source
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.pipeline.progress import Progress, silent

log = logging.getLogger(__name__)

READINGS = 3
"""How often one slice is read, at most, while its count does not stand still or fewer records come."""
IDS_AT_ONCE = 500
"""Ids handed to a source together; it cuts them to what its platform takes."""


def extract(
    channel: Channel,
    window: Window,
    source: Source,
    folder: Path,
    *,
    run_id: str,
    runtime: Runtime,
    progress: Progress = silent,
) -> Batch:
    """Pull everything that changed in `window` into the landing folder of this batch.

    Asks for the window widened by lookback and settle lag, in slices no longer than the platform allows; a slice that
    holds more than the platform can page through is halved, and one whose count differs after paging is read again.
    Running it again replaces what it wrote before.
    """
    limits = channel.adapter.limits
    begun = runtime.clock()
    asked = window if limits.acknowledges else channel.asks(window)
    with landing.Writer(folder, keep=limits.acknowledges) as writer:
        notes = read(channel, asked, source, writer, runtime, progress)
    counts = Counts(pages=writer.pages, bytes=writer.bytes, fetched=writer.records)
    log.info("extracted window=%s asked=%s pages=%d records=%d", window, asked, counts.pages, counts.fetched)
    return Batch(
        channel=channel.name,
        window_start=window.start,
        window_end=window.end,
        run_id=run_id,
        landing=str(folder),
        asked_start=asked.start,
        asked_end=asked.end,
        counts=counts,
        endpoints=runtime.meter.endpoints,
        seconds={"extract": (runtime.clock() - begun).total_seconds()},
        notes=notes,
    )


def read(
    channel: Channel, asked: Window, source: Source, writer: landing.Writer, runtime: Runtime, progress: Progress
) -> list[str]:
    """Write down a span, in slices and halves that the platform can page through; returns what people should know."""
    notes: list[str] = []
    waiting = list(asked.slices(channel.adapter.limits.longest_window))[::-1]
    while waiting:
        part = waiting.pop()
        try:
            notes.extend(_read(source, part, writer, runtime, progress))
        except TooManyError as error:
            waiting.extend(_halved(channel, part, error)[::-1])
            notes.append(f"{part} held {error.found} orders, more than {error.ceiling}: read in halves")
    return notes


def extract_ids(
    channel: Channel,
    order_ids: Iterable[str],
    source: Source,
    folder: Path,
    *,
    span: Window,
    run_id: str,
    runtime: Runtime,
    purpose: Purpose,
    progress: Progress = silent,
) -> Batch:
    """Pull single orders by their ids into the landing folder of a batch that proves no window.

    Ids that the channel does not know bring no record. `span` is where these orders belong in time, for the story only.
    Raises `ConfigError` where the channel cannot be asked by id.
    """
    if not isinstance(source, ById):
        raise ConfigError(
            f"{channel.name}: {channel.adapter_name} cannot be asked for single orders; pull the window they changed in"
        )
    begun = runtime.clock()
    asked = 0
    with landing.Writer(folder) as writer:
        ids = iter(order_ids)
        while some := list(islice(ids, IDS_AT_ONCE)):
            for page in source.fetch_ids(some):
                writer.write(page, runtime.clock())
            asked += len(some)
            progress("extract", asked, None)
    counts = Counts(pages=writer.pages, bytes=writer.bytes, fetched=writer.records)
    log.info("extracted by id purpose=%s asked=%d records=%d", purpose, asked, counts.fetched)
    return Batch(
        channel=channel.name,
        window_start=span.start,
        window_end=span.end,
        run_id=run_id,
        landing=str(folder),
        purpose=purpose,
        counts=counts,
        endpoints=runtime.meter.endpoints,
        seconds={"extract": (runtime.clock() - begun).total_seconds()},
        notes=[] if writer.records >= asked else [f"asked for {asked} orders by id, the channel sent {writer.records}"],
    )


def _read(source: Source, part: Window, writer: landing.Writer, runtime: Runtime, progress: Progress) -> Iterator[str]:
    """Write down one slice; yields what a person should know of it.

    Where the platform counts, it counts before and after: a list that changed while it was paged through may have moved
    an order onto a page that was read already, and fewer different records than it counts are no whole answer. A list
    that never stands still is taken when all that it counts at the end came: what left it belongs to a later window.
    Raises `TransientError` when the last reading, too, brings fewer, because such a reading proves nothing.
    """
    counting = source if isinstance(source, Counting) else None
    before = counting.count(part) if counting else 0
    for reading in range(1, READINGS + 1):
        hashes = array("q")
        for page in source.fetch(part):
            digests = writer.write(page, runtime.clock())
            progress("extract", writer.records, None)
            if counting:
                hashes.frombytes(b"".join(digest[:8] for digest in digests))
        if counting is None:
            return
        came, after = _different(hashes), counting.count(part)
        if before == after and came >= after:
            return
        if reading == READINGS and came < after:
            raise TransientError(
                f"{part}: the platform counts {after} orders, but {came} different ones came in reading {reading}: its "
                "pages repeat or leave out, or it counts what it does not list; nothing of this window is loaded, and "
                "the run tries again by itself; if it stays so, compare the platform's own list of this span with what "
                f"came, in {writer.folder}, and tell the adapter's developer which orders are counted and not listed"
            )
        what = f"left after {reading} readings" if reading == READINGS else "read again"
        yield f"{part} counted {before} orders before and {after} after paging, {came} came: {what}"
        before = after


def _different(hashes: array[int]) -> int:
    """How many different ones there are; eight bytes each, where a set of a million would take a hundred megabytes."""
    import numpy as np

    if not hashes:
        return 0
    ordered = np.frombuffer(hashes, np.int64)
    ordered.sort()
    return 1 + int(np.count_nonzero(ordered[1:] != ordered[:-1]))


def acknowledge(batch: Batch, folder: Path, source: Source) -> int:
    """Tell a mailbox that this batch is safe in staging; returns how many origins were told. May be repeated."""
    if not isinstance(source, Acknowledging):
        return 0
    told = landing.origins(folder)
    source.acknowledge(told)
    log.info("acknowledged channel=%s origins=%d", batch.channel, len(told))
    return len(told)


def _halved(channel: Channel, part: Window, error: TooManyError) -> tuple[Window, Window]:
    halves = part.halves()
    if halves is None:
        raise DriftError(
            f"{channel.name}: one second ({part}) holds {error.found} orders but {channel.adapter_name} pages through "
            f"{error.ceiling} at most; no window can be shorter; pull these orders by id or by bulk export"
        ) from error
    return halves
