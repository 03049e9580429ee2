"""Documents: canonical orders as JSON, written straight from typed frames, and the hashes of their content.

A document is what `msgspec` writes for the `Order`: fields in the order of the classes, defaults left out, amounts
without trailing zeros, times in UTC with a `Z`, no spaces. So equal content has equal bytes and an equal hash, whatever
chunk the order stood in. The text is put together by column, because a Python object per value would cost more than
everything else that cleaning does.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orderflow.domain.money import SCALE
from orderflow.domain.order import Order
from orderflow.pipeline import frames as fr
from orderflow.pipeline.frames import Field, Frames

VERSION_FIELD = "channel_updated_at"
"""Says which content is newer, and is no content itself: platforms move it without changing anything else."""


Pieces: TypeAlias = list[str | pa.Array]
"""Texts that stand one after the other in every row: the same for all, or one for each."""


class Documents(NamedTuple):
    """Per order: its document without contacts, its contacts as a JSON list, and the hash (SHA-256) of each.

    `content_hash` leaves out contacts and `VERSION_FIELD`.
    """

    document: pa.Array
    contacts: pa.Array
    content_hash: pa.Array
    contacts_hash: pa.Array


def documents(frames: Frames) -> Documents:
    """The documents of all orders of typed frames, in their order."""
    head, version, tail = _members(frames)
    before = _concatenated(["{", *_without_comma(head), pa.repeat("", fr.size(frames))])
    behind = _concatenated([*tail, pa.repeat("}", fr.size(frames))])
    document = _concatenated([before, *version, behind])
    contacts = _list_text(frames, "contacts").fill_null("[]")
    return Documents(document.cast(pa.binary()), contacts.cast(pa.binary()), _hashes(before, behind), _hashes(contacts))


def _hashes(*texts: pa.Array) -> pa.Array:
    """SHA-256 of each row's texts, one behind the other."""
    digests = [hashlib.sha256(text) for text in _rows(texts[0])]
    for more in texts[1:]:
        for digest, text in zip(digests, _rows(more), strict=True):
            digest.update(text)
    return pa.array([digest.digest() for digest in digests], pa.binary(32))


def _rows(texts: pa.Array) -> Iterator[memoryview]:
    """The bytes of each row, without copying."""
    _, ends, data = texts.buffers()
    text = memoryview(data or b"")
    places = np.frombuffer(ends or b"", np.int32)[: len(texts) + 1].tolist()
    return (text[start:end] for start, end in itertools.pairwise(places))


def _members(frames: Frames) -> tuple[Pieces, Pieces, Pieces]:
    """What the object of every order holds: before the version field, itself, and behind it."""
    fields = {field.name: field for field in fr.FIELDS["orders"]}
    head: Pieces = []
    tail: Pieces = []
    version: Pieces = []
    members = head
    for name in Order.__struct_fields__:
        if name == VERSION_FIELD:
            version, members = _field(frames, "orders", fields[name]), tail
        elif name in fields:
            members += _field(frames, "orders", fields[name])
        elif name != "contacts" and len(frames[name]["order_row"]):
            members += _member(name, "", _list_text(frames, name), "")
    return head, version, tail


def _list_text(frames: Frames, table: str) -> pa.Array:
    """The parts of each order as a JSON list; null where there are none."""
    offsets = fr.parts_of(frames, table)
    pieces = [piece for field in fr.FIELDS[table] for piece in _field(frames, table, field)]
    return _listed(offsets, _objects(pieces, int(offsets[-1])))


def _listed(offsets: object, texts: pa.Array) -> pa.Array:
    """JSON lists of JSON texts; null where a list is empty."""
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), texts)
    filled = pc.greater(pc.list_value_length(lists), 0)
    return pc.if_else(filled, _concatenated(["[", pc.binary_join(lists, ","), "]"]), None)


def _objects(members: Pieces, size: int) -> pa.Array:
    """JSON objects: a brace takes the place of the first member's comma."""
    if members and isinstance(members[0], str):
        return _concatenated(["{", *_without_comma(members), "}"])
    bare = _concatenated(members) if members else pa.array([""] * size, pa.string())
    return _concatenated([pc.binary_replace_slice(bare, 0, 1, "{"), "}"])


def _without_comma(members: Pieces) -> Pieces:
    """The pieces of members of which the first has a value in every row."""
    first, *rest = members or [""]
    assert isinstance(first, str)
    return [first[1:], *rest]


def _field(frames: Frames, table: str, field: Field) -> Pieces:
    """The pieces of `,"name":value` for every row; nothing where the value is the default."""
    array = fr.get(frames, table, field.name)
    if field.kind == "integer":
        return _member(field.name, "", array.fill_null(0).cast(pa.string()), "")
    if fr.empty(array):
        return []
    if field.kind == "flag":
        return _member(field.name, "", pc.if_else(array, "true", None), "") if pc.any(array).as_py() else []
    if field.kind == "map":
        return _member(field.name, "", array, "")
    if field.kind in {"texts", "pairs"}:
        values = _pair_text(array.values) if field.kind == "pairs" else _quoted(array.values)
        return _member(field.name, "", _listed(array.offsets, values), "") if len(values) else []
    if field.default is not None:
        array = pc.if_else(pc.equal(array, field.default), None, array)
        if fr.empty(array):
            return []
    spell = {"amount": amount_text, "time": time_text}.get(field.kind, escaped)
    return _member(field.name, '"', spell(array), '"')


def _member(name: str, opening: str, values: pa.Array, closing: str) -> Pieces:
    """The pieces of a member; those of a row without value are put together here, so that all of them are missing."""
    before = f',"{name}":{opening}'
    if not values.null_count:
        return [before, values, closing] if closing else [before, values]
    return [pc.binary_join_element_wise(before, values, closing, "")]


def _pair_text(pairs: pa.StructArray) -> pa.Array:
    lines, quantities = escaped(pairs.field("line_id")), amount_text(pairs.field("quantity"))
    return _concatenated(['["', lines, '","', quantities, '"]'])


def _quoted(texts: pa.Array) -> pa.Array:
    return _concatenated(['"', escaped(texts), '"'])


def _concatenated(pieces: Pieces) -> pa.Array:
    """The pieces of each row one after the other; nulls count as empty text."""
    merged: Pieces = []
    for piece in pieces:
        if merged and isinstance(piece, str) and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    return pc.binary_join_element_wise(*merged, "", null_handling="replace", null_replacement="")


def escaped(texts: pa.Array) -> pa.Array:
    """Text as it stands between the quotes of JSON."""
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    if not len(data) or not (data.min() < 0x20 or (data == 0x22).any() or (data == 0x5C).any()):
        return texts
    rows = pc.match_substring_regex(texts, '[\x00-\x1f"\\\\]').fill_null(False)
    changed = [msgspec.json.encode(text)[1:-1].decode() for text in texts.filter(rows).to_pylist()]
    return pc.replace_with_mask(texts, rows, pa.array(changed, pa.string()))


def amount_text(millionths: pa.Array) -> pa.Array:
    """Decimal text without trailing zeros: 24500000 is `24.5`."""
    values = millionths.fill_null(0).to_numpy(zero_copy_only=False)
    places = next(places for places in (0, 2, SCALE) if not (values % 10 ** (SCALE - places)).any())
    mask = millionths.is_null().to_numpy(zero_copy_only=False) if millionths.null_count else None
    digits = pa.array(np.abs(values) // 10 ** (SCALE - places), mask=mask).cast(pa.string())
    if places:
        pointed = pc.binary_replace_slice(pc.ascii_lpad(digits, places + 1, "0"), -places, -places, ".")
        digits = pc.ascii_rtrim(pc.ascii_rtrim(pointed, "0"), ".")
    if (values >= 0).all():
        return digits
    return pc.if_else(pa.array(values < 0), pc.binary_join_element_wise("-", digits, ""), digits)


def time_text(moments: pa.Array) -> pa.Array:
    """`2026-03-01T09:00:00Z`, with as many decimals of a second as it needs."""
    whole = pc.floor_temporal(moments, unit="second")
    short = _spelled(whole.cast(pa.timestamp("s")), "Z")
    if whole.equals(moments):
        return short
    exact = pc.ascii_rtrim(pc.ascii_rtrim(_spelled(moments.cast(pa.timestamp("us")), ""), "0"), ".")
    return pc.if_else(pc.equal(whole, moments), short, pc.binary_join_element_wise(exact, "Z", ""))


def _spelled(moments: pa.Array, suffix: str) -> pa.Array:
    return pc.binary_join_element_wise(pc.binary_replace_slice(moments.cast(pa.string()), 10, 11, "T"), suffix, "")
