"""The Arrow files of a batch: for every chunk one of orders, one of each part, and one of each kind of finding.

They pass from task to task and are read once or twice, so they are Arrow's own file format, compressed by LZ4: a third
of the processor time of Parquet, at twice its size. `pyarrow.feather.read_table` and pandas' `read_feather` open them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orderflow.domain.order import PARTS
from orderflow.pipeline.frames import Mask

OF_ORDERS = ("orders", *PARTS, "problems", "repairs")
"""Tables of orders and of what belongs to them by `order_row`."""
CLEANED = (*OF_ORDERS, "unreadable")
"""What clean writes for every chunk."""


def path(folder: Path, name: str, chunk: int) -> Path:
    return folder / f"{name}-{chunk:05d}.arrow"


def chunks(folder: Path) -> Iterator[int]:
    """The numbers of the chunks that clean wrote."""
    for name in sorted(each.name for each in folder.glob("orders-*.arrow")):
        yield int(name.removeprefix("orders-").removesuffix(".arrow"))


_FORMAT = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)


def write(folder: Path, chunk: int, tables: Mapping[str, pa.Table]) -> None:
    for name, table in tables.items():
        packed = pa.BufferOutputStream()
        with pa.ipc.new_file(packed, table.schema, options=_FORMAT) as out:
            out.write_table(table)
        path(folder, name, chunk).write_bytes(packed.getvalue())


def read(folder: Path, name: str, chunk: int, *, columns: Sequence[str] | None = None) -> pa.Table:
    packed = pa.py_buffer(path(folder, name, chunk).read_bytes())
    options = pa.ipc.IpcReadOptions(use_threads=False)
    if columns is None:
        return pa.ipc.open_file(packed, options=options).read_all()
    schema = pa.ipc.open_file(packed).schema
    options.included_fields = [schema.get_field_index(column) for column in columns]
    return pa.ipc.open_file(packed, options=options).read_all().select(columns)


def clear(folder: Path, names: Iterable[str]) -> None:
    """Remove these files of every chunk."""
    for name in names:
        for each in folder.glob(f"{name}-*.arrow"):
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
