"""Load: hand a validated batch to staging, chunk by chunk, from its landing files."""

from __future__ import annotations

import functools
import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import structs
from upath import UPath

from orderflow.domain.batch import Batch
from orderflow.domain.channel import Channel
from orderflow.domain.errors import BalanceError
from orderflow.domain.staging import HASHES, STAGED_LINE, STAGED_ORDER, Chunk, Refused, Staging, Table
from orderflow.pipeline import landing
from orderflow.pipeline.cleaning import files
from orderflow.pipeline.frames import Mask
from orderflow.pipeline.progress import Progress, silent

log = logging.getLogger(__name__)

_OF_REFUSED = [
    "order_id", "ordinal", "document", "content_hash", "channel_updated_at", "grand_total", "currency",
    "shop_grand_total", "shop_currency",
]  # fmt: skip


def load(channel: Channel, batch: Batch, staging: Staging, *, progress: Progress = silent) -> Batch:
    """Stage what validation accepted and quarantine what it refused, in one transaction; returns the batch's counts.

    Running it again finds everything unchanged. A shadow channel is staged, but nothing is queued for its OMS. What the
    landing zone knows and staging does not comes first (`recall`).
    """
    if (home := landing.home(batch)) is not None:
        recall(channel, home, staging, progress=progress)
    return _load(channel, batch, staging, progress=progress)


def recall(channel: Channel, home: Path, staging: Staging, *, progress: Progress = silent) -> int:
    """Repeat the loads that the channel's landing folder knows and staging does not; returns how many.

    Staging went back: a backup was restored, or a standby took over that lacked the last commits. In their old order
    the loads give the same versions and keys again, so that the OMS does nothing twice. Buyers that were forgotten are
    forgotten first, so that none comes back. What was held because another channel delivers it is held again, for that
    channel's loads may be repeated later. To be done before a channel is asked, too: a run that has the name of a lost
    one would write over its files.
    """
    newest = landing.newest(home)
    if newest <= staging.loads(channel.name):
        return 0
    repeated = 0
    with staging.recalling(channel.name, newest) as have:
        staging.forget(channel.name, landing.forgotten(home))
        held = landing.held(home)
        for number, batch in landing.remembered(home, have):
            try:
                _load(channel, _judged(channel, batch, staging), staging, recalled=number, held=held, progress=progress)
            except BalanceError as error:
                raise BalanceError(
                    f"{batch.landing}: staging went back, and this load cannot be repeated ({error}); move the folder "
                    f"out of {home} and keep it, put its files back into the inbox if the channel has one, and pull "
                    f"its window again: orderflow backfill {channel.name} {batch.window} --again"
                ) from error
            repeated += 1
    log.warning(
        "staging went back channel=%s stood=%d newest=%d repeated=%d landing=%s: see docs/runbook.md, restored",
        channel.name, have, newest, repeated, home,
    )  # fmt: skip
    return repeated


def _judged(channel: Channel, batch: Batch, staging: Staging) -> Batch:
    """Judge its raw records anew, which alone are sure to be whole: what clean wrote lacks all that staging knew then.

    As a replay, because guards had their say when the batch was loaded first.
    """
    from orderflow.pipeline.clean import clean
    from orderflow.pipeline.validate import validate

    batch = structs.replace(batch, counts=landing.counted(cast(Path, UPath(batch.landing))))
    records = staging.records(channel.name)
    skus = records.skus() if channel.clean.sku == "mapped" else None
    decisions = records.decisions()
    batch = clean(channel, batch, skus=skus, decisions=decisions, known=staging.known)
    judged = validate(channel, structs.replace(batch, purpose="replay"), decisions=decisions)
    return structs.replace(judged, purpose=batch.purpose)


def _load(
    channel: Channel,
    batch: Batch,
    staging: Staging,
    *,
    recalled: int | None = None,
    held: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Batch:
    began = time.perf_counter()
    folder = cast(Path, UPath(batch.landing))
    parts = _watched(chunks(folder), batch, progress)
    home = landing.home(batch)
    shadow = channel.shadow or (batch.shadow and recalled is not None)
    batch = structs.replace(batch, shadow=shadow, target=channel.oms.target)
    loaded = staging.load(
        batch,
        parts,
        landing.records(folder),
        deliver=not batch.shadow,
        since=channel.delivers_since,
        recalled=recalled,
        held=held,
        holding=None if home is None else functools.partial(landing.hold, home),
    )
    landing.remember(batch, loaded.load)
    return structs.replace(loaded, seconds=loaded.seconds | {"load": time.perf_counter() - began})


def chunks(folder: Path) -> Iterator[Chunk]:
    """What clean and validate wrote, chunk by chunk: accepted orders with their lines, and what was refused.

    Raises `BalanceError` for a chunk that was cleaned but never validated.
    """
    for number in files.chunks(folder):
        judged = files.path(folder, "verdicts", number)
        if not judged.exists():
            raise BalanceError(
                f"{folder}: chunk {number} was cleaned but never validated ({judged.name} is missing); "
                "run validate of this batch again"
            )
        orders = files.read(folder, "orders", number, columns=[*STAGED_ORDER, *HASHES, "contacts"])
        refused = _unreadable(files.read(folder, "unreadable", number))
        accepted = np.ones(orders.num_rows, dtype=bool)
        refusals = pc.equal(files.read(folder, "verdicts", number, columns=["severity"])["severity"], "refuse")
        if pc.any(refusals).as_py():
            broken = files.read(folder, "verdicts", number).filter(refusals)
            refused += _refused(orders, broken)
            accepted[np.asarray(broken["order_row"])] = False
        yield Chunk(
            orders if accepted.all() else orders.filter(pa.array(accepted)),
            functools.partial(_lines, folder, number, accepted),
            refused,
        )


def _lines(folder: Path, number: int, accepted: Mask) -> Table:
    """The lines of the chunk's accepted orders, by their rows among these."""
    lines = files.read(folder, "lines", number, columns=["order_row", *STAGED_LINE])
    return lines if accepted.all() else files.kept({"lines": lines}, accepted)["lines"]


def _watched(parts: Iterator[Chunk], batch: Batch, progress: Progress) -> Iterator[Chunk]:
    done, total = batch.counts.known, batch.counts.cleaned + batch.counts.unreadable
    for part in parts:
        yield part
        done += part.orders.num_rows + len(part.refused)
        progress("load", done, total)


def _unreadable(records: Table) -> list[Refused]:
    return [
        Refused(ordinal=row["ordinal"], source="unreadable", order_id=row["order_id"], reasons=[_reason(row)])
        for row in records.to_pylist()
    ]


def _refused(orders: Table, broken: Table) -> list[Refused]:
    reasons: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in broken.to_pylist():
        reasons[row["order_row"]].append(_reason(row))
    rows = orders.select(_OF_REFUSED).take(pa.array(list(reasons), pa.int64())).to_pylist()
    return [
        Refused(
            ordinal=order["ordinal"],
            source="validate",
            reasons=given,
            order_id=order["order_id"],
            document=order["document"],
            content_hash=order["content_hash"],
            channel_updated_at=order["channel_updated_at"],
            value=order["grand_total"] if order["shop_grand_total"] is None else order["shop_grand_total"],
            currency=order["currency"] if order["shop_grand_total"] is None else order["shop_currency"],
        )
        for order, given in zip(rows, reasons.values(), strict=True)
    ]


def _reason(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("code", "field", "value", "message")}
