"""The Parquet files of a batch: for every chunk one of orders, one of each part, and one of each kind of finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orderflow.domain.order import PARTS
from orderflow.pipeline.frames import Mask

OF_ORDERS = ("orders", *PARTS, "problems", "repairs")
"""Tables of orders and of what belongs to them by `order_row`."""
CLEANED = (*OF_ORDERS, "unreadable")
"""What clean writes for every chunk."""


def path(folder: Path, name: str, chunk: int) -> Path:
    return folder / f"{name}-{chunk:05d}.parquet"


def chunks(folder: Path) -> Iterator[int]:
    """The numbers of the chunks that clean wrote."""
    for name in sorted(each.name for each in folder.glob("orders-*.parquet")):
        yield int(name.removeprefix("orders-").removesuffix(".parquet"))


_FORMAT: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,
    "use_dictionary": False,
    "write_statistics": False,
    "data_page_version": "2.0",
    "store_schema": False,
}
"""Zstandard finds repetitions better, and faster, than Parquet's dictionaries do at this size. All our types are
Parquet's own, so that a second schema beside them would only cost time."""


def write(folder: Path, chunk: int, tables: Mapping[str, pa.Table]) -> None:
    for name, table in tables.items():
        packed = pa.BufferOutputStream()
        pq.write_table(table, packed, **_FORMAT)
        path(folder, name, chunk).write_bytes(packed.getvalue())


def read(folder: Path, name: str, chunk: int, *, columns: Sequence[str] | None = None) -> pa.Table:
    with path(folder, name, chunk).open("rb") as packed:
        return pq.ParquetFile(packed).read(columns=None if columns is None else list(columns), use_threads=False)


def clear(folder: Path, names: Iterable[str]) -> None:
    """Remove these files of every chunk."""
    for name in names:
        for each in folder.glob(f"{name}-*.parquet"):
            each.unlink()


def kept(tables: Mapping[str, pa.Table], keep: Mask) -> dict[str, pa.Table]:
    """The tables of one chunk without the orders for which `keep` is false; `order_row` counts anew."""
    chosen, renumbered = pa.array(keep), pa.array(np.cumsum(keep) - 1)
    return {
        name: table.filter(chosen) if name == "orders" else _kept_parts(table, chosen, renumbered)
        for name, table in tables.items()
    }


def _kept_parts(table: pa.Table, chosen: pa.Array, renumbered: pa.Array) -> pa.Table:
    left = table.filter(chosen.take(_rows(table)))
    return left.set_column(left.schema.get_field_index("order_row"), "order_row", renumbered.take(_rows(left)))


def _rows(table: pa.Table) -> pa.Array:
    return table["order_row"].combine_chunks()


def counted(column: pa.ChunkedArray) -> dict[str, int]:
    """How often each value occurs."""
    return {each["values"]: each["counts"] for each in pc.value_counts(column).to_pylist()}
