"""SKU maps as CSV files: read with everything that is wrong with them at once, and written.

A file has a line of column names and then a pair per line. `sku` and `oms_sku` are needed, `channel` unless it is said
elsewhere; `valid_from` and `valid_to` are days (midnight in the channel's time zone) or ISO 8601 moments, the end not
included, and empty for always. What `orderflow sku list` adds for people (`title`, `gtin`, `orders`, `value`, `since`,
`note`) is passed over. UTF-8, with or without a byte order mark, or UTF-16 with one; separated by comma, semicolon, tab
or bar. Everything is text: leading zeros stay.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from orderflow.domain.errors import ConfigError
from orderflow.domain.sku import Pair
from orderflow.staging.skus import Clash

COLUMNS = ("channel", "sku", "oms_sku", "valid_from", "valid_to")
PASSED_OVER = ("title", "gtin", "orders", "value", "since", "note")
LONGEST = 200
"""Characters of a SKU; the rules refuse longer ones."""
MOST_BYTES = 64 * 1024 * 1024

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SCIENTIFIC = re.compile(r"\d[.,]?\d*[eE]\+\d+", re.ASCII)
_SPREADSHEET_ERROR = re.compile(r"#(N/A|NAME\?|REF!|VALUE!|DIV/0!|NULL!|NUM!|NV|WERT!|BEZUG!)")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a file: where (`line` counts from 1, as editors do), what stood there, and its cure."""

    line: int
    column: str | None
    value: str | None
    message: str
    cure: str

    def __str__(self) -> str:
        place = f"line {self.line}" + (f"  {self.column}" if self.column else "")
        found = "" if self.value is None else f" (found {self.value[:60]!r})"
        return f"{place}  {self.message}{found}; {self.cure}"


@dataclass(frozen=True, slots=True)
class Reading:
    """The pairs of a file with the line of each, and everything that is wrong with it."""

    pairs: list[Pair]
    lines: list[int]
    problems: list[Problem]


def read(data: bytes, zones: Mapping[str, ZoneInfo], *, channel: str | None = None) -> Reading:
    """The pairs of a file. `zones` is the time zone of every channel; `channel` is for files that name none."""
    text, problem = _decoded(data)
    if text is None:
        return Reading([], [], [problem] if problem else [])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    header, problems = _header(reader, channel)
    if problems:
        return Reading([], [], problems)
    pairs: list[Pair] = []
    lines: list[int] = []
    for line, cells in _rows(reader, problems):
        if not any(cell.strip() for cell in cells):
            continue
        found = list(_row_problems(line, cells, header, zones, channel))
        problems += found
        if not found:
            pairs.append(_made(dict(zip(header, cells, strict=True)), zones, channel))
            lines.append(line)
    if not pairs and not problems:
        problems.append(Problem(2, None, None, "the file has no pair", "write one per line below the column names"))
    problems += _twice(pairs, lines)
    return Reading(pairs, lines, sorted(problems, key=lambda each: each.line))


def clashing(reading: Reading, clashes: Iterable[Clash]) -> list[Problem]:
    """What the map holds against the pairs of a file, as problems of its lines."""
    return [
        Problem(
            reading.lines[each.place],
            "sku",
            reading.pairs[each.place].sku,
            f"the map has another pair for that time: {each.other.oms_sku}, {each.other.span}",
            "close that pair first, or give dates that do not overlap",
        )
        for each in clashes
    ]


def pair_problems(sku: str, oms_sku: str) -> list[str]:
    """What is wrong with a pair given by hand."""
    found = {"the channel's SKU": _code_problem(sku.strip()), "the OMS's SKU": _code_problem(oms_sku.strip())}
    return [f"{name}: {problem[0]}; {problem[1]}" for name, problem in found.items() if problem]


def given(channel: str, zone: ZoneInfo, sku: str, oms_sku: str, start: str, end: str) -> Pair:
    """A pair given by hand, its days in the channel's zone; raises `ConfigError` with what is wrong with it."""
    if problems := pair_problems(sku, oms_sku):
        raise ConfigError("; ".join(problems))
    begins, ends = (moment(text, zone) if text else None for text in (start, end))
    if begins is not None and ends is not None and begins >= ends:
        raise ConfigError(f"the pair would end at {end}, before it begins at {start}; swap them")
    return Pair(channel=channel, sku=sku.strip(), oms_sku=oms_sku.strip(), valid_from=begins, valid_to=ends)


def write(pairs: Iterable[Pair]) -> str:
    """The pairs as a file that `read` takes, with a byte order mark so that spreadsheets read it as UTF-8."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for pair in pairs:
        ends = (each.isoformat() if each else "" for each in (pair.valid_from, pair.valid_to))
        writer.writerow([pair.channel, pair.sku, pair.oms_sku, *ends])
    return "\ufeff" + out.getvalue()


def moment(text: str, zone: ZoneInfo) -> datetime:
    """A day (its midnight in `zone`) or an ISO 8601 moment, in UTC; raises `ConfigError` for anything else."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"{text!r} is no day; write it like 2026-03-01 or 2026-03-01T08:00:00+08:00") from error


def _decoded(data: bytes) -> tuple[str | None, Problem | None]:
    if len(data) > MOST_BYTES:
        return None, Problem(1, None, None, f"the file has {len(data):,} bytes", "split it: 64 MiB at once")
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        cure = "save it as CSV UTF-8 (in Excel: Save as, CSV UTF-8), or convert it: iconv -f BIG5 -t UTF-8"
        return None, Problem(line, None, None, f"byte {error.start} is no {encoding.upper()}", cure)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        return None, Problem(line, None, None, "the file holds U+0000", "save it as CSV UTF-8; it may be a workbook")
    if not text.strip():
        return None, Problem(1, None, None, "the file is empty", f"write a line of column names: {','.join(COLUMNS)}")
    return text, None


def _separator(text: str) -> str:
    first = text.lstrip().splitlines()[0]
    return max(",;\t|", key=first.count)


def _header(reader: Iterator[list[str]], channel: str | None) -> tuple[list[str], list[Problem]]:
    try:
        header = [cell.strip().lower().replace(" ", "_") for cell in next(reader)]
    except csv.Error as error:
        return [], [Problem(1, None, None, f"the column names cannot be read: {error}", "write them without quotes")]
    problems = []
    allowed = [*COLUMNS, *PASSED_OVER]
    for name in header:
        if name not in allowed:
            near = difflib.get_close_matches(name, COLUMNS, 1)
            cure = f"did you mean {near[0]!r}?" if near else f"allowed are {', '.join(allowed)}"
            problems.append(Problem(1, name or "(no name)", None, "unknown column", cure))
    problems += [
        Problem(1, name, None, "the column stands there twice", "keep one of them")
        for name in sorted(set(header))
        if header.count(name) > 1
    ]
    needed = ["sku", "oms_sku", *([] if channel else ["channel"])]
    problems += [
        Problem(1, name, None, "the column is missing", _MISSING.get(name, f"add a column {name}"))
        for name in needed
        if name not in header
    ]
    return header, problems


_MISSING = {"channel": "add it, or say --channel for the whole file"}


def _rows(reader: Iterator[list[str]], problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    """Every row with the line it begins at; a row that CSV cannot hold ends the reading."""
    while True:
        line = int(reader.line_num) + 1  # type: ignore[attr-defined] # csv's readers count lines
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cure = 'close the quote; a quote inside a quoted value is written twice: "27"" screen"'
            problems.append(
                Problem(line, None, None, f"the line cannot be read: {error}; nothing below was read", cure)
            )
            return
        yield line, cells


def _row_problems(
    line: int, cells: Sequence[str], header: Sequence[str], zones: Mapping[str, ZoneInfo], channel: str | None
) -> Iterator[Problem]:
    if len(cells) != len(header):
        cure = "quote values that hold the separator; leave unused columns empty"
        yield Problem(line, None, None, f"{len(cells)} values for {len(header)} columns", cure)
        return
    row = dict(zip(header, cells, strict=True))
    for name in ("sku", "oms_sku"):
        if problem := _code_problem(row[name].strip()):
            yield Problem(line, name, row[name] or None, *problem)
    yield from _channel_problems(line, row, zones, channel)
    zone = zones.get(row.get("channel", "").strip() or channel or "", ZoneInfo("UTC"))
    ends: list[datetime | None] = []
    for name in ("valid_from", "valid_to"):
        text = row.get(name, "").strip()
        try:
            ends.append(moment(text, zone) if text else None)
        except ConfigError:
            yield Problem(line, name, text, "this is no day", "write it like 2026-03-01 or 2026-03-01T08:00:00+08:00")
            return
    start, end = ends
    if start is not None and end is not None and start >= end:
        cure = "the end is not included and lies after the start; swap them, or leave one empty"
        yield Problem(line, "valid_to", row["valid_to"], f"the pair ends before it begins ({row['valid_from']})", cure)


def _channel_problems(
    line: int, row: Mapping[str, str], zones: Mapping[str, ZoneInfo], channel: str | None
) -> Iterator[Problem]:
    named = row.get("channel", "").strip()
    if not named and not channel:
        yield Problem(line, "channel", None, "no channel is named", "write its name, or say --channel for the file")
    elif named and channel and named != channel:
        cure = f"leave it out, or read the file without --channel {channel}"
        yield Problem(line, "channel", named, f"another channel than the one asked for, {channel}", cure)
    elif (named or channel) not in zones:
        near = difflib.get_close_matches(named, zones, 1)
        known = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(zones)) or 'none yet'}"
        yield Problem(line, "channel", named or channel, "there is no such channel", known)


def _code_problem(code: str) -> tuple[str, str] | None:
    """What is wrong with a SKU, and its cure."""
    if not code:
        return "the value is missing", "write the SKU, or remove the line"
    if len(code) > LONGEST:
        return f"a SKU has at most {LONGEST} characters, this one {len(code)}", "look whether a title stands here"
    if hidden := next((each for each in code if unicodedata.category(each) in {"Cc", "Cf", "Zl", "Zp"}), None):
        return f"U+{ord(hidden):04X}, which nobody sees, is part of it", "type the SKU anew instead of pasting it"
    if _SCIENTIFIC.fullmatch(code):
        return "a spreadsheet made a number of it", "format the column as text and enter the SKU again; digits are lost"
    if _SPREADSHEET_ERROR.match(code):
        return "a spreadsheet's formula failed here", "correct the formula, or write the SKU itself"
    if code[0] == "=":
        return "this is a formula, not its value", "export the values of the sheet"
    return None


def _made(row: Mapping[str, str], zones: Mapping[str, ZoneInfo], channel: str | None) -> Pair:
    name = row.get("channel", "").strip() or channel or ""
    start, end = (row.get(each, "").strip() for each in ("valid_from", "valid_to"))
    return Pair(
        channel=name,
        sku=row["sku"].strip(),
        oms_sku=row["oms_sku"].strip(),
        valid_from=moment(start, zones[name]) if start else None,
        valid_to=moment(end, zones[name]) if end else None,
    )


def _twice(pairs: Sequence[Pair], lines: Sequence[int]) -> Iterator[Problem]:
    """Pairs of the file that hold at the same time as another of its pairs."""
    seen: dict[tuple[str, str], list[tuple[int, Pair]]] = {}
    for line, pair in zip(lines, pairs, strict=True):
        others = seen.setdefault((pair.channel, pair.sku), [])
        for other_line, other in others:
            if other.overlaps(pair):
                again = f"the SKU stands in line {other_line} as well ({other.oms_sku}, {other.span})"
                yield Problem(line, "sku", pair.sku, again, "keep one, or give dates that do not overlap")
                break
        others.append((line, pair))
