"""Load: hand a validated batch to staging, chunk by chunk, from its landing files."""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Iterator
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

_OF_REFUSED = [
    "order_id", "ordinal", "document", "content_hash", "channel_updated_at", "grand_total", "currency",
    "shop_grand_total", "shop_currency",
]  # fmt: skip


def load(channel: Channel, batch: Batch, staging: Staging, *, progress: Progress = silent) -> Batch:
    """Stage what validation accepted and quarantine what it refused, in one transaction; returns the batch's counts.

    Running it again finds everything unchanged. A shadow channel is staged, but nothing is queued for its OMS.
    """
    began = time.perf_counter()
    folder = cast(Path, UPath(batch.landing))
    parts = _watched(chunks(folder), batch, progress)
    loaded = staging.load(batch, parts, landing.records(folder), deliver=not channel.shadow)
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
