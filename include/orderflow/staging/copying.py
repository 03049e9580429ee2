"""Arrow tables into PostgreSQL by COPY in its binary format, without a Python object per value.

A row is the number of its fields, and each field the length of its value (-1 for null) and the bytes that the type's
receive function reads (PostgreSQL's manual: COPY, "Binary Format"). Nothing is spelled, escaped and parsed again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 spells its class like an instance

_PIECE = 1 << 18
"""Bytes handed to libpq at once."""
_BEGIN, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_EPOCH = 946_684_800_000_000
"""PostgreSQL's epoch, 2000-01-01 UTC, in microseconds since 1970."""
_NEGATIVE = 0x4000
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
"""U+0000 as JSON spells it; a backslash that is escaped itself stands for no more than a backslash."""

Array: TypeAlias = Any
"""A `pyarrow.Array` or `ChunkedArray`."""
_Values: TypeAlias = npt.NDArray[Any]


def copy(cursor: Cursor, into: str, table: pa.Table) -> None:
    """COPY the table into `into`, by column name; columns of nothing but nulls are left out.

    Types must be those of the columns there: bool is boolean, int32 integer, int64 bigint, a timestamp timestamptz (in
    UTC), `decimals` are numeric; strings and binary are text, bytea or json.
    """
    columns = {name: one(table[name]) for name in table.column_names}
    given = {name: column for name, column in columns.items() if column.null_count < len(column)}
    if not given:
        return
    names, rows = _rows(given, table.num_rows)
    data = pa.BufferReader(b"".join([_BEGIN, rows, _END]))
    cursor.copy_expert(f"COPY {into} ({', '.join(names)}) FROM STDIN (FORMAT binary)", data, _PIECE)


def _rows(columns: dict[str, pa.Array], count: int) -> tuple[list[str], pa.Buffer]:
    """The names in the order of the fields, and the bytes of all rows.

    What has one length in every row comes first, as one record; the rest is joined column by column.
    """
    record, first, joined, then = [np.array(len(columns), ">i2")], [], [], []
    for name, column in columns.items():
        if (values := _fixed(column)) is None:
            then.append(name)
            joined += _variable(column)
        elif column.null_count:
            then.append(name)
            joined.append(_records([_length(values), values], count, _validity(column)))
        else:
            first.append(name)
            record += [_length(values), values]
    pieces = [_records(record, count), *joined, b""]
    rows = pc.binary_join_element_wise(*pieces, null_handling="replace", null_replacement=_NULL)
    _, offsets, data = rows.buffers()
    return first + then, data.slice(0, int(np.frombuffer(offsets, np.int32)[count]))


def _fixed(column: pa.Array) -> _Values | None:
    """The values as PostgreSQL receives them, anything where null; None for types whose values differ in length."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return np.asarray(column.fill_null(False))
    if pa.types.is_integer(kind):
        return _held(column, f"<i{kind.bit_width // 8}").astype(f">i{kind.bit_width // 8}")
    if pa.types.is_timestamp(kind):
        return (_held(column.cast(pa.timestamp("us", kind.tz)), "<i8") - _EPOCH).astype(">i8")
    if pa.types.is_decimal(kind):
        return _numeric(_held(column, "<i8,<i8")["f0"])
    return None


def _held(column: pa.Array, kind: str) -> _Values:
    """The values as Arrow holds them."""
    return np.frombuffer(column.buffers()[1], kind)[column.offset : column.offset + len(column)]


def _numeric(millionths: _Values) -> _Values:
    """Count of digits, weight of the first, sign, scale, and the digits to the base 10,000: two behind the point."""
    size = np.abs(millionths).astype("<u8")  # the absolute value of the least int64 is itself, and right as unsigned
    most = int(size.max())
    before = 1 if most < 10**10 else 2 if most < 10**14 else 4
    number = np.empty((len(size), 6 + before), ">i2")
    number[:, 0] = before + 2
    number[:, 1] = before - 1
    number[:, 2] = np.where(millionths < 0, _NEGATIVE, 0)
    number[:, 3] = 6
    whole, fraction = np.divmod(size, 1_000_000)
    for place in range(3 + before, 4, -1):
        whole, number[:, place] = np.divmod(whole, 10_000)
    number[:, 4] = whole
    number[:, -2], rest = np.divmod(fraction, 100)
    number[:, -1] = rest * 100
    return number


def _length(values: _Values) -> _Values:
    """Bytes of each value."""
    return np.array(values.nbytes // len(values), ">i4")


def _records(parts: Sequence[_Values], count: int, validity: pa.Buffer | None = None) -> pa.Array:
    """The bytes of these values row by row; a part without rows is the same in all."""
    kinds = [(str(place), part.dtype, part.shape[1:]) for place, part in enumerate(parts)]
    records = np.empty(count, kinds)
    for place, part in enumerate(parts):
        records[str(place)] = part
    ends = np.arange(count + 1, dtype=np.int32) * np.int32(records.itemsize)
    return pa.Array.from_buffers(pa.binary(), count, [validity, pa.py_buffer(ends), pa.py_buffer(records)])


def _variable(column: pa.Array) -> list[pa.Array]:
    """Lengths, null where the value is, and the bytes, none where null."""
    values = column.cast(pa.binary()).fill_null(b"")
    ends = np.frombuffer(values.buffers()[1], np.int32)[values.offset : values.offset + len(values) + 1]
    return [_records([np.diff(ends).astype(">i4")], len(values), _validity(column)), values]


def _validity(array: pa.Array) -> pa.Buffer | None:
    """The bitmap of what is not null, from bit 0 on; None where nothing is."""
    if not array.null_count:
        return None
    return pa.py_buffer(np.packbits(np.asarray(array.is_valid()), bitorder="little"))


def one(array: Array) -> pa.Array:
    """The column as one piece."""
    if not isinstance(array, pa.ChunkedArray):
        return array
    return array.chunk(0) if array.num_chunks == 1 else array.combine_chunks()


def decimals(array: Array) -> pa.Array:
    """Whole millionths (int64) as `decimal128(20, 6)`: the same bits, sign-extended, so that nothing can be rounded."""
    array = one(array)
    low = np.asarray(array.fill_null(0)).astype("<i8", copy=False)
    wide = np.empty((len(low), 2), dtype="<i8")
    wide[:, 0] = low
    wide[:, 1] = low >> 63
    return pa.Array.from_buffers(pa.decimal128(20, 6), len(low), [_validity(array), pa.py_buffer(wide)])


def constant(value: object, rows: int) -> pa.Array:
    """The same value in every row."""
    return pa.repeat(pa.scalar(value), rows)


def storable(json: bytes) -> str:
    """JSON without U+0000, which PostgreSQL cannot hold: it becomes the replacement character."""
    return (_NUL.sub(rb"\1\\ufffd", json) if b"\\u0000" in json else json).decode()
