"""Duplicates: of several versions of one order in a batch, the newest goes on.

Newer is: the later `channel_updated_at`; then the later fetch, because most platforms change orders without moving that
time; then, so that the answer never depends on the order of arrival, content, contacts and ordinal. Versions may stand
in different chunks: then the losers are taken out of the files that are already written. In memory stay eight bytes per
order, whatever the size of the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from orderflow.pipeline.cleaning import files
from orderflow.pipeline.frames import Ints, Mask

Hashes: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]

RANK = ["order_id", "channel_updated_at", "fetched_at", "content_hash", "contacts_hash", "ordinal"]
"""The columns that decide, the most important first."""


def hashed(texts: pa.Array) -> Hashes:
    """64-bit hashes; equal texts have equal ones, and what has equal ones is compared again."""
    hashes: Hashes = pd.util.hash_array(texts.fill_null("").to_numpy(zero_copy_only=False), categorize=False)
    return hashes


def newest(orders: pa.Table) -> Mask:
    """Which rows hold the newest version of their order; `orders` has the columns of `RANK`."""
    keep = np.ones(len(orders), bool)
    ids = orders["order_id"].to_pandas()
    doubtful = ids.duplicated(keep=False).to_numpy()
    if doubtful.any():
        rows = np.flatnonzero(doubtful)
        some = orders.select(RANK).take(pa.array(rows)).to_pandas()
        ranked = some.sort_values(RANK, na_position="first", kind="stable")
        losers = ranked.index[ranked.duplicated("order_id", keep="last")]
        keep[rows[losers]] = False
    return keep


def settle(folder: Path, order_ids: Sequence[Hashes]) -> int:
    """Take older versions out of the chunks' files; returns how many. `order_ids` are the hashes by chunk and row."""
    if not order_ids:
        return 0
    ordered = np.sort(np.concatenate(order_ids))
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    found = {chunk: np.flatnonzero(np.isin(hashes, repeated)) for chunk, hashes in enumerate(order_ids)}
    found = {chunk: rows for chunk, rows in found.items() if len(rows)}
    if not found:
        return 0
    candidates = pa.concat_tables(
        files.read(folder, "orders", chunk, columns=RANK).take(pa.array(rows)) for chunk, rows in found.items()
    )
    keep = newest(candidates)
    start = dropped = 0
    for chunk, rows in found.items():
        lost = rows[~keep[start : start + len(rows)]]
        start += len(rows)
        if len(lost):
            _drop(folder, chunk, lost)
            dropped += len(lost)
    return dropped


def _drop(folder: Path, chunk: int, rows: Ints) -> None:
    tables = {name: files.read(folder, name, chunk) for name in files.OF_ORDERS}
    keep = np.ones(len(tables["orders"]), bool)
    keep[rows] = False
    files.write(folder, chunk, files.kept(tables, keep))
