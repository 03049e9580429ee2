"""Rows out of a workbook: every value as exact text, with what kind of cell it stood in.

Cells become JSON: text as a string, `{"number": "24.5"}`, `{"time": "2026-03-01T00:00:00"}`, `{"error": "#REF!"}`, and
`{"formula": "=B2*C2", "value": ...}` with what the sender's program computed last. A number has at most 15 significant
digits, because that is what a spreadsheet keeps and shows:
https://support.microsoft.com/en-us/office/excel-specifications-and-limits-1672b34d-7043-467e-8e27-269d656771c3
"""

from __future__ import annotations

import contextlib
import difflib
import re
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias
from xml.parsers import expat

import openpyxl
from openpyxl.utils.cell import range_boundaries
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.utils.escape import unescape
from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula

from orderflow.adapters.cells import ARTICLE, is_total
from orderflow.adapters.files import FileError
from orderflow.adapters.spreadsheet.layout import Options, heading

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell as SheetCell
    from openpyxl.worksheet.worksheet import Worksheet

LARGEST, UNPACKED, MEMBERS = 20 * 1024 * 1024, 400 * 1024 * 1024, 5000
"""Most bytes of a workbook as it comes and unpacked, and most members of its archive."""
CELLS, MERGED = 5_000_000, 1_000_000
"""Most cells of a workbook, and most that its merges cover: openpyxl makes an object of each, of up to a kilobyte."""

HEADER_WITHIN = 100
"""Rows at the top of a sheet among which the header row must be."""

LONGEST_FORMAT = 255
"""Characters of a number's format."""
_FILLED = re.compile(r"(?:\[\$[^\]]*\])?(0(?:\\?[- ])?(?:0(?:\\?[- ])?)*0)(?:;.*)?")
"""Formats that show a number as a row of digits; a country may stand before it, and forms of other values behind."""

Cell: TypeAlias = str | dict[str, Any]
Filled: TypeAlias = "dict[int, list[SheetCell]]"
"""Cells by the number of their row, rows and cells in order."""
Origins: TypeAlias = dict[tuple[int, int], int]
"""Cells of merges over several rows, by row and column: the row of the one that holds their value."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row beneath the header: its number in the sheet, and its cells by compared heading, empty ones left out."""

    sheet: str
    number: int
    cells: dict[str, Cell]
    merged: list[str]
    """Headings whose cell is merged with the one of a row above or below."""


@dataclass(frozen=True, slots=True)
class Book:
    rows: list[Row]
    epoch: str
    """Day 0 of dates that stand as plain numbers: `1900` or `1904`."""


def read(content: BinaryIO, options: Options) -> Book:
    """Every row of every sheet that counts; raises `FileError` for a workbook in doubt."""
    try:
        _refuse_bombs(content)
        return _read(content, options)
    except FileError:
        raise
    except Exception as error:  # openpyxl promises no errors: a workbook may name a style, a sheet or a part it lacks
        raise FileError(
            None, f"cannot be read as a workbook ({type(error).__name__}); have it saved in Excel and sent again"
        ) from error


def _read(content: BinaryIO, options: Options) -> Book:
    book = _load(content, values=False)
    computed: Any = None
    rows: list[Row] = []
    sheets = _chosen(book, options)
    found = 0
    misses: list[str] = []
    for sheet in sheets:
        filled, origins = _filled(sheet), _merged(sheet)
        try:
            top, columns = _header(sheet, filled, origins, options)
        except _NoHeaderError as error:
            misses.append(error.message)
            continue
        found += 1
        if computed is None and any(cell.data_type == "f" for row in filled.values() for cell in row):
            computed = _load(content, values=True)
        below = {number: row for number, row in filled.items() if number > top and not _is_total(row, columns, options)}
        found_rows = _rows(sheet, below, origins, computed[sheet.title] if computed else None, columns)
        rows += [row for row in found_rows if not _is_header_again(row, options.needed())]
    if not found:
        raise FileError(None, misses[0] if misses else "has no visible sheet; name the hidden one in source.sheet")
    return Book(rows, "1904" if book.epoch == CALENDAR_MAC_1904 else "1900")


def _refuse_bombs(content: BinaryIO) -> None:
    """Look at the archive's table of contents before anything is unpacked."""
    content.seek(0, 2)
    size = content.tell()
    content.seek(0)
    if content.read(8) == bytes.fromhex("d0cf11e0a1b11ae1"):
        raise FileError(None, "is an old .xls or protected by a password; have it saved as .xlsx without a password")
    try:
        archive = zipfile.ZipFile(content)
        members = archive.infolist()
        if "content.xml" in archive.namelist():
            raise FileError(None, "is an OpenDocument sheet (.ods); have it saved as .xlsx")
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise FileError(None, "is no .xlsx workbook, or was cut; have it sent again") from error
    unpacked = sum(member.file_size for member in members)
    if size > LARGEST or unpacked > UNPACKED or len(members) > MEMBERS:
        raise FileError(
            None, f"is too large ({size} bytes, {unpacked} unpacked); have it split, or sent as CSV (adapter csv_drop)"
        )
    _count_cells(content)


def _count_cells(content: BinaryIO) -> None:
    """Refuse what openpyxl would fill the memory with: 5 KB can merge all 17 billion cells of a sheet."""
    cells = merged = 0

    def begins(tag: str, attributes: dict[str, str]) -> None:
        nonlocal cells, merged
        name = tag.rpartition(":")[2]
        if name == "c":
            cells += 1
        elif name == "mergeCell":
            left, top, right, bottom = range_boundaries(attributes["ref"])
            merged += (right - left + 1) * (bottom - top + 1)
        if cells > CELLS or merged > MERGED:
            raise FileError(
                None,
                f"has more than {CELLS:,} cells, or merges over more than {MERGED:,}; have it split, the merges of "
                "empty cells taken out, or the orders sent as CSV (adapter csv_drop)",
            )

    with zipfile.ZipFile(content) as archive:
        for member in archive.infolist():
            parser = expat.ParserCreate()
            parser.StartElementHandler = begins
            # A picture is no XML; of a part that should be some, openpyxl says so.
            with archive.open(member) as part, contextlib.suppress(expat.ExpatError):
                parser.ParseFile(part)


def _load(content: BinaryIO, *, values: bool) -> Any:
    """The workbook with formulas, or with the values that were computed last."""
    content.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions that do not concern values
        return openpyxl.load_workbook(content, data_only=values)


def _chosen(book: Any, options: Options) -> list[Worksheet]:
    """The sheet that is named, else the visible ones."""
    if options.sheet is None:
        return [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    named = [sheet for sheet in book.worksheets if heading(sheet.title) == heading(options.sheet)]
    if not named:
        there = ", ".join(repr(sheet.title) for sheet in book.worksheets)
        raise FileError(None, f"has no sheet {options.sheet!r} (it has {there}); correct source.sheet")
    return named


class _NoHeaderError(FileError):
    """A sheet without a header row, and without the column of order numbers: notes, a summary."""


def _header(sheet: Worksheet, filled: Filled, origins: Origins, options: Options) -> tuple[int, dict[int, str]]:
    """The first row that has every heading: its number, and the headings by column. Some may be merged over rows above.

    Raises `_NoHeaderError` where there is none, and a plain `FileError` for a sheet that has order numbers and lacks
    another heading, because its orders must not be passed over.
    """
    needed = options.needed()
    best: dict[int, str] = {}
    for number, row in filled.items():
        if number > HEADER_WITHIN:
            break
        said = {cell.column: sheet.cell(origins.get((number, cell.column), number), cell.column).value for cell in row}
        columns = {column: name for column, value in said.items() if (name := heading(str(value or "")))}
        if needed.keys() <= set(columns.values()):
            for name in needed:
                if list(columns.values()).count(name) > 1:
                    raise FileError(None, f"has the column {name!r} twice in row {number} of sheet {sheet.title!r}")
            return number, columns
        if len(needed.keys() & set(columns.values())) > len(needed.keys() & set(best.values())):
            best = columns
    missing = next(name for name in needed if name not in best.values())
    near = difflib.get_close_matches(missing, best.values(), n=1)
    hint = f"perhaps {near[0]!r} now" if near else f"headings found: {', '.join(map(repr, best.values())) or 'none'}"
    in_doubt = heading(str(options.order["order_id"])) in best.values()
    raise (FileError if in_doubt else _NoHeaderError)(
        None,
        f"has no header row with column {missing!r} for {needed[missing]} in sheet {sheet.title!r} ({hint}); "
        "correct the channel file, have the file sent again, or name the sheet of the orders in source.sheet",
    )


def _filled(sheet: Worksheet) -> Filled:
    """The cells that the workbook holds: a single one at the far end of a sheet has billions before it."""
    rows: Filled = defaultdict(list)
    for (number, _), cell in sorted(sheet._cells.items(), key=itemgetter(0)):  # noqa: SLF001 - the rest makes cells
        rows[number].append(cell)
    return rows


def _is_total(row: Sequence[SheetCell], columns: dict[int, str], options: Options) -> bool:
    """Whether a row holds the sums of others: it says so, and names no order and no article.

    Raises `FileError` where nothing tells it from a line of the order above.
    """
    said = {columns.get(cell.column): cell.value for cell in row if cell.value not in (None, "")}
    article = {heading(column) for name in ARTICLE if isinstance(column := options.line.get(name), str)}
    order_id = said.get(heading(str(options.order["order_id"])))
    is_named = bool(article & said.keys()) or not (order_id is None or is_total(str(order_id)))
    if is_named or not any(is_total(cell.value) for cell in row if isinstance(cell.value, str)):
        return False
    if options.order_id == "first_row" and order_id is None and not article:
        raise FileError(
            row[0].row,
            f"has row {row[0].row} of sheet {row[0].parent.title!r}, which says that it holds sums, but may be a line "
            "of the order above, because no column tells articles; name one of them (sku, gtin, product_id) under "
            "source.line, or have the row taken out",
        )
    return True


def _rows(
    sheet: Worksheet, filled: Filled, origins: Origins, computed: Worksheet | None, columns: dict[int, str]
) -> Iterator[Row]:
    """These rows, as far as they hold anything."""
    for number, row in filled.items():
        cells: dict[str, Cell] = {}
        merged: list[str] = []
        for cell in row:
            name = columns.get(cell.column)
            if name is None:
                continue
            at = origins.get((cell.row, cell.column))
            if at is not None:
                merged.append(name)
            source = sheet.cell(at or cell.row, cell.column)
            told = computed.cell(source.row, source.column) if computed is not None else None
            value = _value(source, told)
            if value is not None:
                cells[name] = value
        if cells and (set(cells) - set(merged) or not merged):
            yield Row(sheet.title, number, cells, merged)


def _is_header_again(row: Row, needed: Collection[str]) -> bool:
    """Whether the header stands here once more, as where tables were put beneath each other.

    Raises `FileError` for another one: the values beneath it stand in other columns than they seem to.
    """
    said = {name: heading(cell) for name, cell in row.cells.items() if isinstance(cell, str)}
    if not set(needed) <= set(said.values()):
        return False
    if any(said.get(name) != name for name in needed):
        raise FileError(
            row.number,
            f"holds another header in row {row.number} of sheet {row.sheet!r} than above, so that columns change their "
            "meaning; have the file sent again",
        )
    return True


def _merged(sheet: Worksheet) -> Origins:
    """Cells of merges over several rows: the row of the one that holds their value. Columns are not merged into one."""
    found = {}
    for area in sheet.merged_cells.ranges:
        if area.max_row > area.min_row:
            for number in range(area.min_row, area.max_row + 1):
                found[number, area.min_col] = area.min_row
    return found


def _value(cell: SheetCell, computed: SheetCell | None) -> Cell | None:
    if cell.data_type == "f":
        formula = cell.value.text if isinstance(cell.value, ArrayFormula) else cell.value
        told = "=" if isinstance(formula, DataTableFormula) else str(formula)
        return {"formula": told, "value": _value(computed, None) if computed is not None else None}
    if cell.data_type == "e":
        return {"error": str(cell.value)}
    value = cell.value
    if value is None or isinstance(value, str):
        # Control characters stand in workbooks as _x000D_, which openpyxl leaves so.
        return unescape(value) if value and value.strip() else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (datetime, date, time)):
        moment = value if isinstance(value, (datetime, time)) else datetime.combine(value, time())
        return {"time": moment.isoformat()}
    if isinstance(value, timedelta):
        return {"number": _plain(value / timedelta(days=1))}
    if isinstance(value, (int, float)):
        return {"number": _zeros(_plain(value), cell.number_format)}
    return str(value)


def _plain(value: float) -> str:
    """A number as a spreadsheet shows it: 15 significant digits, no exponent."""
    return f"{Decimal(f'{value:.15g}'):f}"


def _zeros(number: str, form: str) -> str:
    """A number as its format (`00000`, `[$-407]00000`) fills it up with zeros, such as a postal code."""
    found = _FILLED.fullmatch(form)
    if not found or not number.isdigit() or len(form) > LONGEST_FORMAT:
        return number
    shape = found[1].replace("\\", "")
    digits = list(number.zfill(shape.count("0")))
    shown = [digits.pop() if sign == "0" else sign for sign in reversed(shape)]
    return "".join([*digits, *reversed(shown)])
