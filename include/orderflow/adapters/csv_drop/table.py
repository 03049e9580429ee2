"""Reads a table out of a file, strictly: whatever makes one row doubtful makes the whole file doubtful."""

from __future__ import annotations

import csv
import difflib
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from typing import Any, BinaryIO, TypeAlias

import msgspec

from orderflow.adapters.csv_drop.layout import Options
from orderflow.adapters.files import FileError, text

Row: TypeAlias = tuple[int, Mapping[str, Any] | msgspec.Raw]
"""Number of the line on which the row begins, and the row: names to values, or a JSON object as it came."""

_ENDS = "have the file sent again"
_END = "\x1a"
"""What old systems write behind the last line."""
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def rows(content: BinaryIO, options: Options, *, vouched: bool) -> Iterator[Row]:
    """Every data row in the order of the file; raises `FileError` at the first that is not as declared.

    `vouched` tells that a manifest says how many rows there are, so that a missing line feed at the end means nothing.
    """
    lines = _whole(text(content, options.encoding), ended=options.last_line == "ended" and not vouched)
    yield from _objects(lines) if options.format == "jsonl" else _records(lines, options)


def _whole(lines: Iterator[str], *, ended: bool) -> Iterator[str]:
    """The lines, the first of them text and none of them blank zeros, and the last one `ended` by a line feed.

    A zero byte inside a value is that order's fault, not the file's; cleaning removes it.
    """
    number, last = 0, "\n"
    for line in lines:
        if line.strip("\r\n") == _END:
            continue
        number, last = number + 1, line
        if "\0" in line and (number == 1 or not line.strip("\0\r\n")):
            raise FileError(number, "holds zero bytes instead of text; declare the file's encoding (utf-16?)")
        yield line
    if ended and not last.endswith("\n"):
        raise FileError(
            number, f"ends without a line feed, so the file may be cut; {_ENDS}, or declare last_line: open"
        )


def _objects(lines: Iterator[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                _OBJECT.decode(line)
            except (msgspec.DecodeError, RecursionError):
                raise FileError(number, f"is no JSON object; {_ENDS}") from None
            yield number, msgspec.Raw(line.strip().encode())


def _records(lines: Iterator[str], options: Options) -> Iterator[Row]:
    reader = csv.reader(
        lines,
        delimiter=options.delimiter,
        quotechar=options.quote or None,
        quoting=csv.QUOTE_MINIMAL if options.quote else csv.QUOTE_NONE,
        strict=True,
    )
    names, needed = options.columns, options.needed()
    headings = {*(names or ()), *needed}
    begins = 1
    try:
        for values in reader:
            if not any(values) or _names_delimiter(begins, values):
                pass
            elif names is None:
                names = _header(values, needed)
                headings.update(filter(None, values))  # every row has what columns without a name hold
            elif not headings.isdisjoint(values) and needed.keys() <= set(again := _spelled(values, needed)):
                _demand_same(begins, again, names)
            elif len(values) != len(names):
                raise FileError(begins, f"has {len(values)} values for {len(names)} columns; {_ENDS}")
            else:
                yield begins, dict(zip(names, values, strict=True))
            begins = reader.line_num + 1
    except csv.Error as error:
        raise FileError(
            begins, f"cannot be read ({error}): a quote is not closed, or stands where none may; {_ENDS}"
        ) from error
    if names is None:
        raise FileError(None, f"is empty: not even a header; {_ENDS}, or declare the columns")


def _names_delimiter(line: int, values: list[str]) -> bool:
    """Whether this is the first line `sep=;` by which a sender tells Excel the delimiter."""
    return line == 1 and values[0].startswith("sep=") and len(values[0]) <= len("sep=;") and not any(values[1:])


def _demand_same(line: int, again: list[str], names: list[str]) -> None:
    """Raise `FileError` where a header that stands in the middle, as in files put together out of several, is another:
    the values behind it stand in other columns than they seem to.
    """
    if again != names:
        raise FileError(line, f"is another header than the one above, so that columns change their meaning; {_ENDS}")


def _spelled(names: list[str], needed: Collection[str]) -> list[str]:
    """A header in the channel file's spelling: capitals, blanks and the two ways to write an accent do not matter."""
    declared = {_plain(column): column for column in needed if column not in names}
    return [declared.get(_plain(name), name) for name in names]


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split()).casefold()


def _header(values: list[str], needed: Mapping[str, str]) -> list[str]:
    """The header, checked: every declared column is there, and no name twice. Columns may be without a name."""
    names = _spelled(values, needed)
    for name in filter(None, names):
        if names.count(name) > 1:
            raise FileError(1, f"names the column {name!r} twice; which of them is meant cannot be known; {_ENDS}")
    for column, field in needed.items():
        if column not in names:
            near = difflib.get_close_matches(column, names, n=1)
            hint = f"perhaps {near[0]!r} now" if near else f"it has {', '.join(map(repr, names))}"
            raise FileError(1, f"has no column {column!r} for {field} ({hint}); correct the channel file, or {_ENDS}")
    return names
