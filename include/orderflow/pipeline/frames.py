"""Frames: many orders as tables of Arrow arrays, which pandas and pandera take over as columns without copying.

`orders` has one row per order; each part of an order (`lines`, `charges`, ...: `domain.order.PARTS`) has a table of its
own with `order_row`, the row of its order in `orders`, and `position`, which counts from 1 within the order. Rows of
parts are sorted by both.

Columns are the fields of the domain's classes, and their kind decides their type, first as the channel spelled them
(text), then typed:

    kind     field                          text                 typed
    id       `order_id`: never touched      string               string
    code     category or identifier         string               string
    text     prose                          string               string
    amount   decimal text                   string               int64, millionths
    time     ISO 8601                       string               timestamp[us, UTC]
    integer  `number`                       int64                int64
    flag     truth                          bool                 bool
    texts    list of text                   list<string>         list<string>
    pairs    (line id, quantity) pairs      list<struct<string, string>>   list<struct<string, int64>>
    map      own names and values           string (JSON, sorted by name)   string
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, get_args, get_origin, get_type_hints

import msgspec
import numpy as np
import pyarrow as pa

from orderflow.domain.order import PARTS, Order, Part

Frames: TypeAlias = dict[str, dict[str, pa.Array]]
"""Arrow arrays by table and field."""
Column: TypeAlias = tuple[str, str]
"""Table and field."""
Ints: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
Kind: TypeAlias = Literal["id", "code", "text", "amount", "time", "integer", "flag", "texts", "pairs", "map"]

TABLES: dict[str, type[Part]] = {"orders": Order, **PARTS}

TIMESTAMP = pa.timestamp("us", "UTC")
TEXT_TYPES: dict[Kind, pa.DataType] = {
    "id": pa.string(),
    "code": pa.string(),
    "text": pa.string(),
    "amount": pa.string(),
    "time": pa.string(),
    "integer": pa.int64(),
    "flag": pa.bool_(),
    "texts": pa.list_(pa.string()),
    "pairs": pa.list_(pa.struct([("line_id", pa.string()), ("quantity", pa.string())])),
    "map": pa.string(),
}
_TEXTS = {kind for kind, spelled in TEXT_TYPES.items() if spelled == pa.string()} - {"map"}
_SAID = {str, type(None)}
_EMPTY = {"texts", "pairs", "map"}
"""Kinds of which an empty value is none."""
_SIMPLE: dict[Any, Kind] = {
    str: "code",
    int: "integer",
    bool: "flag",
    list[str]: "texts",
    list[tuple[str, str]]: "pairs",
}


class Field(msgspec.Struct, frozen=True):
    """One scalar field or small list of a table; `default` is what documents leave out."""

    name: str
    kind: Kind
    default: Any = None


def _kind(name: str, hint: Any) -> Kind:
    if name == "order_id":
        return "id"
    if get_origin(hint) is Annotated:
        kind: Kind = hint.__metadata__[0]
        return kind
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if get_origin(hint) is dict:
        return "map"
    if get_origin(hint) is Literal:
        return "code"
    if get_origin(hint) is UnionType and get_args(hint) == (str, type(None)):
        return "text"
    raise TypeError(f"field {name!r} of the canonical order has the type {hint}, which no frame can hold")


def _fields(part: type[Part]) -> tuple[Field, ...]:
    hints = get_type_hints(part, include_extras=True)
    defaults = {field.name: field.default for field in msgspec.structs.fields(part)}
    return tuple(
        Field(name, _kind(name, hints[name]), None if defaults[name] is msgspec.NODEFAULT else defaults[name])
        for name in part.__struct_fields__
        if part is not Order or name not in PARTS
    )


FIELDS: dict[str, tuple[Field, ...]] = {name: _fields(part) for name, part in TABLES.items()}
"""The fields of every table, in the order of documents."""

_in_sorted_order = msgspec.json.Encoder(order="sorted")


def columns(*kinds: Kind) -> list[Column]:
    """Every column of these kinds."""
    return [(table, field.name) for table, fields in FIELDS.items() for field in fields if field.kind in kinds]


def get(frames: Frames, table: str, field: str) -> pa.Array:
    return frames[table][field]


def put(frames: Frames, changes: Mapping[Column, pa.Array]) -> Frames:
    """The frames with some columns replaced; the given frames stay as they are."""
    changed = dict(frames)
    for (table, field), array in changes.items():
        changed[table] = changed[table] | {field: array}
    return changed


def table(frames: Frames, name: str) -> pa.Table:
    """A table as Arrow has it, over the same memory."""
    return pa.table(frames[name])


def numbers(frames: Frames, table: str, field: str) -> tuple[Ints, Mask]:
    """An integer column as numpy: its values, 0 where there is none, and where there is one."""
    array = get(frames, table, field)
    return array.fill_null(0).to_numpy(zero_copy_only=False), array.is_valid().to_numpy(zero_copy_only=False)


def mapped(array: pa.Array, function: Callable[[str], Any]) -> pa.Array:
    """A text column with `function` applied to each different value once; nulls stay null."""
    encoded = array.dictionary_encode()
    values = pa.array([function(value) for value in encoded.dictionary.to_pylist()], pa.string())
    return values.take(encoded.indices)


def empty(array: pa.Array) -> bool:
    """Whether a column holds nothing but nulls."""
    return bool(array.null_count == len(array))


class Strip(NamedTuple):
    """Some orders as columns: how many parts each has by table, and the columns that hold anything."""

    size: int
    counts: dict[str, Ints]
    columns: Frames


def strip(orders: Sequence[Order]) -> Strip:
    """The columns of mapped orders, all values as the mapping left them.

    Meant for a few hundred orders at a time, whose objects still lie in the processor's cache. Raises TypeError,
    ValueError or an Arrow error when a value has another type than its class declares.
    """
    columns = {"orders": _arrays("orders", orders)}
    counts: dict[str, Ints] = {}
    for name in PARTS:
        lists: list[list[Part]] = list(map(attrgetter(name), orders))
        counts[name] = np.fromiter(map(len, lists), np.int64, len(lists))
        columns[name] = _arrays(name, list(chain.from_iterable(lists)))
    return Strip(len(orders), counts, columns)


def joined(strips: Sequence[Strip]) -> Frames:
    """Strips that follow each other as frames."""
    frames: Frames = {"orders": _concatenated(strips, "orders", [each.size for each in strips])}
    for name in PARTS:
        counts = np.concatenate([each.counts[name] for each in strips] or [np.zeros(0, np.int64)])
        before = np.repeat(np.cumsum(counts) - counts, counts)
        place = {
            "order_row": pa.array(np.repeat(np.arange(len(counts)), counts)),
            "position": pa.array(np.arange(len(before)) - before + 1),
        }
        frames[name] = place | _concatenated(strips, name, [int(each.counts[name].sum()) for each in strips])
    return frames


def from_orders(orders: Sequence[Order]) -> Frames:
    """The frames of mapped orders; raises what `strip` raises."""
    return joined([strip(orders)])


def size(frames: Frames) -> int:
    """How many orders there are."""
    return len(frames["orders"]["order_id"])


def parts_of(frames: Frames, name: str) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Offsets of the orders' parts: those of order i stand in the rows `offsets[i]` to `offsets[i + 1]`."""
    counts = np.bincount(frames[name]["order_row"].to_numpy(), minlength=size(frames))
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)


def _arrays(name: str, parts: Sequence[Part]) -> dict[str, pa.Array]:
    """The columns that hold anything: rows become tuples in C, and all text columns one array in C, of which each is a
    slice, because an array of its own would cost as much as a hundred values.
    """
    if not parts:
        return {}
    by_name = dict(
        zip(TABLES[name].__struct_fields__, zip(*map(msgspec.structs.astuple, parts), strict=True), strict=True)
    )
    arrays: dict[str, pa.Array] = {}
    texts: list[str | None] = []
    size, starts = len(parts), {}
    for field in FIELDS[name]:
        values = by_name[field.name]
        if field.kind in _EMPTY and not any(values):
            continue
        if values[0] is None and values.count(None) == size:  # to count takes long where there are values
            continue
        if field.kind in _TEXTS:
            starts[field.name] = len(texts)
            texts += values
        elif field.kind == "map":
            arrays[field.name] = pa.array([_map_text(value) if value else None for value in values], pa.string())
        elif field.kind in _EMPTY:
            lists = [value or () for value in values]
            arrays[field.name] = _pairs(lists) if field.kind == "pairs" else pa.array(lists, TEXT_TYPES[field.kind])
        else:
            arrays[field.name] = pa.array(values, TEXT_TYPES[field.kind])
    joined = pa.array(texts, pa.string())
    return arrays | {field: joined.slice(start, size) for field, start in starts.items()}


def _concatenated(strips: Sequence[Strip], name: str, sizes: Sequence[int]) -> dict[str, pa.Array]:
    """Every column of a table, where strips that hold nothing of it are filled up."""
    found: dict[str, pa.Array] = {}
    for field in FIELDS[name]:
        pieces = [each.columns[name].get(field.name) for each in strips]
        kind = TEXT_TYPES[field.kind]
        if any(piece is not None for piece in pieces):
            filled = (
                _nothing(kind, size) if piece is None else piece for piece, size in zip(pieces, sizes, strict=True)
            )
            found[field.name] = pa.concat_arrays(filled)
        else:
            found[field.name] = _nothing(kind, sum(sizes))
    return found


def _nothing(kind: pa.DataType, size: int) -> pa.Array:
    """Nulls, or empty lists."""
    if not pa.types.is_list(kind):
        return pa.nulls(size, kind)
    return pa.ListArray.from_arrays(pa.array(np.zeros(size + 1, np.int32)), pa.nulls(0, kind.value_type))


def _map_text(value: dict[str, str | None]) -> str:
    """JSON, sorted by name, without the NUL character, which PostgreSQL lacks. Raises TypeError for what is no text."""
    if not isinstance(value, dict) or not {*map(type, value.values())} <= _SAID:
        raise TypeError("a map holds text, or null")
    text = _in_sorted_order.encode(value)
    if b"\\u0000" in text:
        plain = {name.replace("\0", ""): said and said.replace("\0", "") for name, said in value.items()}
        text = _in_sorted_order.encode(plain)
    return text.decode()


def _pairs(lists: Sequence[Sequence[tuple[str, str]]]) -> pa.Array:
    offsets = np.zeros(len(lists) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, lists), np.int32, len(lists)), out=offsets[1:])
    flat = list(chain.from_iterable(lists))
    lines, quantities = zip(*flat, strict=True)
    return paired(offsets, pa.array(lines, pa.string()), pa.array(quantities, pa.string()))


def paired(offsets: Any, line_ids: pa.Array, quantities: pa.Array) -> pa.Array:
    """A column of (line id, quantity) pairs, from its offsets and flat values."""
    pairs = pa.StructArray.from_arrays([line_ids, quantities], ["line_id", "quantity"])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pairs)
