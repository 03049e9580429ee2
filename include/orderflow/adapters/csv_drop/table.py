"""Reads a table out of a file, strictly: whatever makes one row doubtful makes the whole file doubtful."""

from __future__ import annotations

import csv
import difflib
import unicodedata
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, TypeAlias

import msgspec

from orderflow.adapters.cells import ARTICLE, bare, is_total
from orderflow.adapters.csv_drop.layout import Options
from orderflow.adapters.files import FileError, text

Row: TypeAlias = tuple[int, Mapping[str, Any] | msgspec.Raw]
"""Number of the line on which the row begins, and the row: names to values, or a JSON object as it came."""

_ENDS = "have the file sent again"
_TOO_MANY = " (a value with a delimiter has no quotes, or rows end in a delimiter and the header does not)"
_END = "\x1a"
"""What old systems write behind the last line."""
HEADER_WITHIN = 100
"""Rows at the top of a file among which the header must be."""
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
    order_id = str(options.order["order_id"])
    article = [column for name in ARTICLE if isinstance(column := options.line.get(name), str)]
    above: list[tuple[int, list[str]]] = []
    begins = 1
    try:
        for values in reader:
            if not any(values) or _names_delimiter(begins, values):
                pass
            elif names is None:
                above.append((begins, values))
                if needed.keys() <= set(_spelled(values, needed)):
                    _demand_titles(above)
                    names = _header(begins, _spelled(values, needed))
                    headings.update(filter(None, values))  # every row has what columns without a name hold
                elif len(above) == HEADER_WITHIN:
                    deque(lines, maxlen=0)  # read to its end, it may tell that it is in another encoding
                    raise _no_header(above, needed)
            elif not headings.isdisjoint(values) and needed.keys() <= set(again := _spelled(values, needed)):
                _demand_same(begins, again, names)
            elif len(values) != len(names):
                why = _TOO_MANY if len(values) > len(names) else ""
                raise FileError(begins, f"has {len(values)} values for {len(names)} columns{why}; {_ENDS}")
            elif not _is_total(row := dict(zip(names, values, strict=True)), order_id, article):
                yield begins, row
            begins = reader.line_num + 1
    except csv.Error as error:
        why = "a quote is not closed, or stands where none may"
        if "new-line" in str(error):
            why = "its lines end as those of old Macs; have it saved with line feeds"
        raise FileError(begins, f"cannot be read ({error}): {why}; {_ENDS}") from error
    if names is None:
        raise _no_header(above, needed)


def _is_total(row: Mapping[str, str], order_id: str, article: Sequence[str]) -> bool:
    """Whether a row holds the sums of others: it says so, and names no order and no article."""
    named = bare(row.get(order_id, ""))
    if any(bare(row.get(column, "")) for column in article) or (named and not is_total(named)):
        return False
    return any(map(is_total, row.values()))


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


def _header(line: int, names: list[str]) -> list[str]:
    """The header, checked: no name stands there twice. Columns may be without a name."""
    for name in filter(None, names):
        if names.count(name) > 1:
            raise FileError(line, f"names the column {name!r} twice; which of them is meant cannot be known; {_ENDS}")
    return names


def _demand_titles(rows: list[tuple[int, list[str]]]) -> None:
    """Raise `FileError` where what stands above the header, the last of these rows, are orders and no titles."""
    *above, (_, header) = rows
    for line, values in above:
        if 2 * len(list(filter(None, values))) > len(list(filter(None, header))):
            raise FileError(
                line,
                "stands above the header and has as many values as an order: perhaps files were joined; have each of "
                "them sent alone, or the row taken out",
            )


def _no_header(rows: list[tuple[int, list[str]]], needed: Mapping[str, str]) -> FileError:
    """The fault of a file none of whose first rows has every column: what the one lacks that has most of them."""
    if not rows:
        return FileError(None, f"is empty: not even a header; {_ENDS}, or declare the columns")
    spelled = [(line, _spelled(values, needed)) for line, values in rows]
    line, names = max(spelled, key=lambda row: len(needed.keys() & set(row[1])))
    column, field = next((column, field) for column, field in needed.items() if column not in names)
    near = difflib.get_close_matches(column, names, n=1)
    hint = f"perhaps {near[0]!r} now" if near else f"it has {', '.join(map(repr, names))}"
    if needed.keys().isdisjoint(names):  # the row is perhaps an order, whose buyer is not to be told
        hint = "its first rows name none of the columns"
    return FileError(line, f"has no column {column!r} for {field} ({hint}); correct the channel file, or {_ENDS}")
