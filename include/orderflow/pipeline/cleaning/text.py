"""Text: the same letters always have the same bytes, and nothing invisible hides between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orderflow.pipeline import frames as fr
from orderflow.pipeline.frames import Column, Frames

# Control characters, soft hyphen, zero-width space, word joiner, byte order mark, and the marks that turn the direction
# of writing. Joiners (U+200C, U+200D) and variation selectors stay: emoji and several scripts need them.
_INVISIBLE = r"\x{AD}\x{180E}\x{200B}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2064}\x{2066}-\x{206F}\x{FEFF}"
_CONTROL = r"\x00-\x08\x0E-\x1F\x7F-\x84\x86-\x9F"
_BREAKS = r"[\t\n\x0B\f\r\x{85}\x{2028}\x{2029}]+"
_SPACE = r"\s\x0B\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}"
_ENDS = f"^[{_SPACE}{_INVISIBLE}{_CONTROL}]+|[{_SPACE}{_INVISIBLE}{_CONTROL}]+$"

_MANY_LINES = {("contacts", "note"), ("refunds", "reason")}
"""Prose that may hold line breaks."""
_PROSE = {*fr.columns("text"), ("contacts", "address")}
_COLUMNS = fr.columns("text", "code", "texts")
_REQUIRED = {(table, field.name) for table, fields in fr.FIELDS.items() for field in fields if field.default}
"""Fields that are never null: an empty value stays, for validation to see."""


def unicode_text(frames: Frames) -> dict[Column, pa.Array]:
    """Prose in Unicode normal form C, on one line, without control and invisible characters.

    Identifiers and categories keep their spelling: only control characters leave them.
    """
    changes: dict[Column, pa.Array] = {}
    for column in _COLUMNS:
        array = fr.get(frames, *column)
        values = _values(array)
        if not _exotic(values):
            continue
        rewrite = _on_many_lines if column in _MANY_LINES else _on_one_line if column in _PROSE else _without_control
        cleaned = _each(values, rewrite)
        if cleaned is not None:
            changes[column] = cleaned if values is array else pa.ListArray.from_arrays(array.offsets, cleaned)
    return changes


def trimmed(frames: Frames) -> dict[Column, pa.Array]:
    """No white space around any text; text that was nothing else becomes null, and nulls leave a list."""
    changes: dict[Column, pa.Array] = {}
    for column in _COLUMNS:
        array = fr.get(frames, *column)
        values = _values(array)
        listed = values is not array
        if not _edged(values) and not (listed and values.null_count):
            continue
        cleaned = _each(values, _without_ends)
        if listed:
            changes[column] = _without_empty(array.offsets.to_numpy(), values if cleaned is None else cleaned)
        elif column not in _REQUIRED:
            cleaned = values if cleaned is None else cleaned
            changes[column] = pc.if_else(pc.equal(cleaned, ""), None, cleaned)
        elif cleaned is not None:
            changes[column] = cleaned
    return changes


def _values(array: pa.Array) -> pa.Array:
    return array.values if pa.types.is_list(array.type) else array


def _each(values: pa.Array, rewrite: Callable[[pa.Array], pa.Array]) -> pa.Array | None:
    """Every different text rewritten once; None when that changes nothing."""
    encoded = values.dictionary_encode()
    rewritten = rewrite(encoded.dictionary)
    return None if rewritten.equals(encoded.dictionary) else rewritten.take(encoded.indices)


def _on_one_line(texts: pa.Array) -> pa.Array:
    return _on_many_lines(pc.replace_substring_regex(texts, _BREAKS, " "))


def _on_many_lines(texts: pa.Array) -> pa.Array:
    return pc.utf8_normalize(pc.replace_substring_regex(texts, f"[{_INVISIBLE}{_CONTROL}]+", ""), "NFC")


def _without_control(texts: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(texts, rf"[{_CONTROL}\t\n\x0B\f\r\x{{85}}]+", "")


def _without_ends(texts: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(texts, _ENDS, "")


def _without_empty(offsets: Any, values: pa.Array) -> pa.Array:
    keep = pc.not_equal(values, "").fill_null(False).to_numpy(zero_copy_only=False)
    kept_before = np.concatenate([[0], np.cumsum(keep)])
    return pa.ListArray.from_arrays(pa.array(kept_before[offsets], pa.int32()), values.filter(pa.array(keep)))


def _bytes(values: pa.Array) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.frombuffer(values.buffers()[2] or b"", np.uint8)


def _exotic(values: pa.Array) -> bool:
    """Whether any byte is not a printable ASCII character: only then is there something to look for."""
    data = _bytes(values)
    return bool(len(data) and (data.min() < 0x20 or data.max() >= 0x7F))


def _edged(values: pa.Array) -> bool:
    """Whether any text is empty, or may have white space or something invisible at an end."""
    if fr.empty(values):
        return False
    data = _bytes(values)
    offsets = np.frombuffer(values.buffers()[1], np.int32)[values.offset : values.offset + len(values) + 1]
    filled = np.diff(offsets) > 0
    if filled.sum() < len(values) - values.null_count:
        return True
    if data.min() > 0x20 and data.max() < 0x7F:
        return False
    edges = np.concatenate([data[offsets[:-1][filled]], data[offsets[1:][filled] - 1]])
    return bool(((edges <= 0x20) | (edges >= 0x7F)).any())
