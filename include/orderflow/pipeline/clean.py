"""Clean: raw records become canonical orders, and all channels become the same.

Reads the landing zone chunk by chunk and writes Arrow files beside it; memory does not grow with the batch. Nothing is
judged here and nothing is lost: a value that cannot be typed leaves a row in `problems`, a record that cannot be mapped
one in `unreadable`, an older version of an order is counted as a duplicate, and

    fetched = cleaned + duplicates + unreadable.

What staging holds already, judged by the same code, channel file and SKU map, counts as cleaned and is left alone.

Per chunk n: `orders-n.arrow` has one row per order with its scalar fields, `document` and `contacts` (canonical
JSON), `content_hash`, `contacts_hash`, and the evidence `ordinal`, `raw_sha256`, `fetched_at`, `page_origin`. `lines-n`
and the others have the parts (`order_row`, `position`), `problems-n` and `unreadable-n` what went wrong, `repairs-n`
what was changed.
`profile.json` describes a sample of the raw records.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

import pyarrow as pa
from msgspec import structs
from upath import UPath

from orderflow.domain.batch import Batch, tally
from orderflow.domain.channel import Channel
from orderflow.domain.decision import Decisions
from orderflow.domain.order import Order
from orderflow.domain.window import Window
from orderflow.pipeline import frames as fr
from orderflow.pipeline import landing
from orderflow.pipeline.cleaning import duplicates, files, steps
from orderflow.pipeline.cleaning.counts import Counts
from orderflow.pipeline.cleaning.documents import documents
from orderflow.pipeline.cleaning.edits import changed_by_hand
from orderflow.pipeline.cleaning.mapped import UNREADABLE, Chunk, chunks, decoder
from orderflow.pipeline.cleaning.steps import Settings
from orderflow.pipeline.cleaning.typed import type_frames
from orderflow.pipeline.fingerprint import basis
from orderflow.pipeline.progress import Progress, silent
from orderflow.quality.profile import Sampler

log = logging.getLogger(__name__)

PROFILE = "profile.json"

Known: TypeAlias = Callable[[str, str, Window], Collection[bytes]]
"""`Staging.known`."""


def clean(
    channel: Channel,
    batch: Batch,
    *,
    skus: Mapping[str, str] | None = None,
    decisions: Decisions | None = None,
    known: Known | None = None,
    progress: Progress = silent,
) -> Batch:
    """Map, type and repair every record of the batch; replaces what an earlier attempt wrote.

    `known` tells which raw records of a window staging holds; those are counted, and neither cleaned nor judged again.
    `skus` is the channel's SKU map (its SKU -> the OMS's), used where the channel file says `sku: mapped`; `decisions`
    holds what people corrected. Raises `ConfigError` for look-ups that cannot work and `BalanceError` when records were
    lost.
    """
    began = time.perf_counter()
    folder = cast(Path, UPath(batch.landing))
    settings = Settings.of(channel, skus)
    files.clear(folder, [*files.CLEANED, "verdicts"])
    sampler = Sampler(batch.counts.fetched)
    order_ids: list[duplicates.Hashes] = []
    unreadable: dict[str, int] = {}
    repairs: dict[str, int] = {}
    counts_by_step = Counts()
    read = cleaned = dropped = left = 0
    own = None if decisions and decisions.edits else basis(channel, settings.skus)
    held = known(channel.name, own, channel.asks(batch.window)) if known and own and batch.purpose == "window" else ()
    for number, chunk in enumerate(_mapped(channel, folder, sampler, decisions, held)):
        tables, older, repaired = _cleaned(chunk, settings, counts_by_step)
        files.write(folder, number, tables)
        order_ids.append(duplicates.hashed(tables["orders"]["order_id"]))
        cleaned += len(tables["orders"])
        dropped += older
        unreadable = tally(unreadable, files.counted(tables["unreadable"]["code"]))
        repairs = tally(repairs, repaired)
        left += chunk.known
        read += chunk.records + chunk.known
        progress("clean", read, batch.counts.fetched)
    older = duplicates.settle(folder, order_ids)
    counts = {
        "cleaned": cleaned + left - older,
        "known": left,
        "duplicates": dropped + older,
        "unreadable": sum(unreadable.values()),
    }
    (folder / PROFILE).write_bytes(sampler.profile().to_json())
    log.info("cleaned orders=%(cleaned)d known=%(known)d duplicates=%(duplicates)d unreadable=%(unreadable)d", counts)
    return structs.replace(
        batch.counted(**counts, accepted=0, quarantined=0),
        reasons=unreadable,
        warnings={},
        repairs=repairs,
        steps=counts_by_step.steps(),
        basis=own,
        seconds=batch.seconds | {"clean": time.perf_counter() - began},
    ).balance("clean")


def _mapped(
    channel: Channel, folder: Path, sampler: Sampler, decisions: Decisions | None, known: Collection[bytes]
) -> Iterator[Chunk]:
    """The batch's records as canonical orders, with what people corrected, chunk by chunk."""
    adapter, options = channel.adapter, channel.options
    edits = decisions.edits if decisions else {}

    def to_order(raw: Any) -> Order:
        return adapter.to_order(raw, options)

    return chunks(
        landing.records(folder),
        to_order,
        decode=decoder(adapter.record),
        see=sampler.see,
        order_id=adapter.order_id,
        edits=edits,
        known=known,
    )


def _cleaned(chunk: Chunk, settings: Settings, counts: Counts) -> tuple[dict[str, pa.Table], int, dict[str, int]]:
    """The tables of one chunk, how many older versions are not in them, and how many values each repair changed.

    What the steps did is added to `counts`.
    """
    texts = chunk.take()
    typed, problems = type_frames(texts, settings.timezone)
    by_hand, misplaced = changed_by_hand(chunk.edits, chunk.misplaced, chunk.rows)
    moved = steps.times_to_utc(texts, typed)
    del texts
    frames, repaired = steps.apply(typed, settings)
    repairs = pa.concat_tables([by_hand, moved, repaired])
    counts.add(typed, frames, repairs, mapped=settings.skus is not None)
    frames["orders"] |= documents(frames)._asdict()
    found = {"problems": pa.concat_tables([problems, misplaced]), "repairs": repairs}
    tables = {name: fr.table(frames, name) for name in fr.TABLES} | found
    keep = duplicates.newest(tables["orders"])
    if not keep.all():
        tables = files.kept(tables, keep)
    unreadable = pa.Table.from_pylist(chunk.unreadable, UNREADABLE)
    return tables | {"unreadable": unreadable}, int((~keep).sum()), files.counted(repairs["rule"])
