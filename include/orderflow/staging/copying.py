"""Arrow tables into PostgreSQL by COPY, without a Python object per value."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 spells its class like an instance

_PIECE = 1 << 18
"""Bytes handed to libpq at once."""
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
"""U+0000 as JSON spells it; a backslash that is escaped itself stands for no more than a backslash."""
_HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), dtype="<u2")

Array: TypeAlias = Any
"""A `pyarrow.Array` or `ChunkedArray`."""


def copy(cursor: Cursor, into: str, table: pa.Table) -> None:
    """COPY the table into `into`, by column name, in COPY's text format; columns of nothing but nulls are left out.

    Arrow's binary becomes bytea, its strings text, its decimals numeric. Times are written in UTC, so the session's
    time zone must be that.
    """
    columns = {name: one(table[name]) for name in table.column_names}
    given = {name: column for name, column in columns.items() if column.null_count < len(column)}
    if not given:
        return
    *texts, last = map(_text, given.values())
    ended = pc.binary_join_element_wise(last, "\n", "", null_handling="replace", null_replacement="\\N")
    rows = pc.binary_join_element_wise(*texts, ended, "\t", null_handling="replace", null_replacement="\\N")
    offsets = np.frombuffer(rows.buffers()[1], dtype=np.int32)
    data = rows.buffers()[2].slice(0, int(offsets[len(rows)]))
    cursor.copy_expert(f"COPY {into} ({', '.join(given)}) FROM STDIN", pa.BufferReader(data), _PIECE)


def _text(column: pa.Array) -> pa.Array:
    """Every value as COPY's text format spells it, nulls as they are."""
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us")).cast(pa.string())
    if pa.types.is_binary(column.type) or pa.types.is_fixed_size_binary(column.type):
        return _hexadecimal(column.cast(pa.binary()))
    if pa.types.is_string(column.type):
        return _escaped(column)
    return column.cast(pa.string())


def _escaped(texts: pa.Array) -> pa.Array:
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    if not len(data) or not (data.min() < 0x20 or (data == 0x5C).any()):
        return texts
    for plain, escaped in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        if (data == ord(plain)).any():
            texts = pc.replace_substring(texts, plain, escaped)
    return texts


def _hexadecimal(values: pa.Array) -> pa.Array:
    r"""Bytes as `\\x00ff...`: the hexadecimal spelling of bytea, its backslash escaped for COPY."""
    offsets = np.frombuffer(values.buffers()[1], np.int32)[values.offset : values.offset + len(values) + 1]
    data = np.frombuffer(values.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
    places = pa.py_buffer((offsets - offsets[0]) * np.int32(2))
    digits = pa.Array.from_buffers(pa.string(), len(values), [_validity(values), places, pa.py_buffer(_HEX[data])])
    return pc.binary_join_element_wise("\\\\x", digits, "")


def _validity(array: pa.Array) -> pa.Buffer | None:
    """The bitmap of what is not null, from bit 0 on; None where nothing is."""
    if not array.null_count:
        return None
    return pa.py_buffer(np.packbits(np.asarray(array.is_valid()), bitorder="little"))


def one(array: Array) -> pa.Array:
    """The column as one piece."""
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def decimals(array: Array) -> pa.Array:
    """Whole millionths (int64) as `decimal128(20, 6)`: the same bits, sign-extended, so that nothing can be rounded."""
    array = one(array)
    low = np.asarray(array.fill_null(0)).astype("<i8", copy=False)
    wide = np.empty((len(low), 2), dtype="<i8")
    wide[:, 0] = low
    wide[:, 1] = low >> 63
    return pa.Array.from_buffers(pa.decimal128(20, 6), len(low), [_validity(array), pa.py_buffer(wide)])


def constant(value: str, rows: int) -> pa.Array:
    """The same text in every row."""
    return pa.repeat(pa.scalar(value, pa.string()), rows)


def storable(json: bytes) -> str:
    """JSON without U+0000, which PostgreSQL cannot hold: it becomes the replacement character."""
    return (_NUL.sub(rb"\1\\ufffd", json) if b"\\u0000" in json else json).decode()
