"""From the rows of one order to our order, by the columns that the channel file names. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from orderflow.adapters.cells import amount, bare, whole
from orderflow.adapters.spreadsheet.layout import (
    CHARGE,
    CHOSEN,
    CONTACT,
    LINE,
    ORDER,
    Column,
    Constant,
    Options,
    heading,
)
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Charge, Contact, Line, Order
from orderflow.domain.source import Raw

_SERIAL = re.compile(r"\d{1,7}(\.\d+)?", re.ASCII)
"""A moment as a plain number: days since the workbook's day 0."""

_DAY_0 = {"1900": datetime(1899, 12, 30), "1904": datetime(1904, 1, 1)}  # noqa: DTZ001  a sheet's times have no zone
"""Day 0 of the two date systems; 1900 counts a 29 February that never was, so its day 0 lies a day early."""

_DAYS = 2958466
"""Days that a spreadsheet has, up to the year 9999."""

FLAGS = {"1": True, "true": True, "yes": True, "y": True, "0": False, "false": False, "no": False, "n": False}

_LONGEST = 15
"""Digits of a number that a spreadsheet keeps."""


class _Place:
    """Where a value is looked for: one row of the order, and the notes that its cells call for."""

    def __init__(self, raw: Raw, row: Mapping[str, Any], options: Options) -> None:
        self.raw, self.row, self.options = raw, row, options
        self.formulas: list[str] = []

    @property
    def name(self) -> str:
        return f"sheet {self.raw['sheet']}, row {self.row['number']}"

    def text(self, field: str, column: Column, kind: str) -> str | None:
        """The value of a column as text; None for an empty one. Raises `RecordError` for a cell in doubt."""
        if isinstance(column, Constant):
            return column.constant
        cell = self.row["cells"].get(heading(column))
        if isinstance(cell, dict) and "formula" in cell:
            cell = self._computed(field, column, cell)
        if cell is None or isinstance(cell, str):
            return self._typed(field, bare(cell) if cell else None, kind)
        if "error" in cell:
            raise RecordError(
                "CELL_ERROR", field, cell["error"], f"{self.name}: the cell shows an error; ask the sender"
            )
        if "time" in cell:
            return self._moment(field, str(cell["time"]), kind)
        return self._number(field, str(cell["number"]), kind)

    def _computed(self, field: str, column: str, cell: Mapping[str, Any]) -> Any:
        if self.options.formulas == "refuse":
            raise RecordError(
                "FORMULA",
                field,
                cell["formula"],
                f"{self.name}: what a formula means depends on who opens it; have values sent, or set formulas: values",
            )
        if cell["value"] is None:
            raise RecordError(
                "FORMULA",
                field,
                cell["formula"],
                f"{self.name}: no value was stored for it; have the file saved in Excel",
            )
        self.formulas.append(f"{column} {self.row['number']}")
        return cell["value"]

    def _typed(self, field: str, value: str | None, kind: str) -> str | None:
        """Text that means an amount or a moment, in the sender's spelling."""
        if value and kind == "amount":
            form = self.options
            return amount(field, value, decimal=form.decimal, grouping=form.grouping, place=f"{self.name}: ")
        if value and kind == "time" and self.options.time_format:
            try:
                return datetime.strptime(value, self.options.time_format).isoformat()  # noqa: DTZ007  the channel's zone
            except ValueError:
                raise RecordError(
                    "TIME_MALFORMED", field, value, f"{self.name}: a time is written as {self.options.time_format}"
                ) from None
        return whole(field, value, f"{self.name}: ") if value and kind in ("code", "text") else value

    def _moment(self, field: str, moment: str, kind: str) -> str:
        """A date; spreadsheet programs also make one out of an article MAR1 and a house number 3-5."""
        if kind != "time":
            raise RecordError(
                "CELL_ERROR",
                field,
                moment,
                f"{self.name}: the cell holds a date where none belongs, because a spreadsheet program takes much for "
                "one (MAR1, 3-5); have this column formatted as text, and written again",
            )
        return moment

    def _number(self, field: str, number: str, kind: str) -> str:
        if kind in ("code", "text") and len(number.lstrip("-").partition(".")[0]) > _LONGEST:
            raise RecordError(
                "DIGITS_LOST",
                field,
                number,
                f"{self.name}: a spreadsheet keeps {_LONGEST} digits of a number; have this column formatted as text",
            )
        if kind == "time" and _SERIAL.fullmatch(number) and Decimal(number) < _DAYS:
            moment = _DAY_0[self.raw["epoch"]] + timedelta(seconds=round(float(Decimal(number) * 86400)))
            return moment.isoformat()
        return number


def to_order(raw: Raw, options: Options) -> Order:
    """Our order; raises `RecordError` for a file that was left, for cells in doubt, for rows that disagree."""
    if "fault" in raw:
        raise RecordError(
            "FILE_FAULT", raw["file"], None, f"the file was left where it is: {raw['file']} {raw['fault']}"
        )
    places = [_Place(raw, row, options) for row in raw["rows"]]
    head = _head(places, options)
    fields = _fields(head, options.order, ORDER)
    if not fields.get("order_id"):
        raise RecordError("ORDER_ID_MISSING", head.name, None, "a row without order id belongs to no order")
    fields.setdefault("channel_updated_at", raw["dropped_at"])
    fields["raw_status"] = {field: fields[field] for field in CHOSEN if field in fields}
    for field in fields["raw_status"]:
        fields[field] = _chosen(field, fields[field], options)
    lines = [_line(number, place, options) for number, place in enumerate(places, 1)]
    charges = [charge for block in options.charges if (charge := _charge(head, block))]
    people = (
        _contact("ship_to", head, options.ship_to),
        _contact("bill_to", head, options.bill_to),
        _contact("sold_to", head, options.sold_to),
    )
    notes = sorted({note for place in places for note in place.formulas})
    return Order(
        **_totalled(fields, lines, charges),
        lines=lines,
        charges=charges,
        contacts=[contact for contact in people if contact],
        ext={"formulas": "; ".join(notes)} if notes else {},
    )


def _head(places: Sequence[_Place], options: Options) -> _Place:
    """The row that speaks for the whole order; raises `RecordError` when another one says something else of it."""
    first = places[0]
    for place in places[1:]:
        for column, field in options.needed().items():
            said = _said(place, column)
            blank = said is None and options.order_id == "first_row"
            if not field.startswith("line.") and not blank and said != _said(first, column):
                raise RecordError(
                    "ROWS_DISAGREE", column, None, f"{place.name}: the rows do not agree on {field}; ask the sender"
                )
    return first


def _said(place: _Place, column: str) -> Any:
    cell = place.row["cells"].get(column)
    if place.options.formulas == "values" and isinstance(cell, dict) and cell.get("value") is not None:
        cell = cell["value"]
    return bare(cell) if isinstance(cell, str) else cell


def _fields(place: _Place, columns: Mapping[str, Column], kinds: Mapping[str, str]) -> dict[str, Any]:
    """Our fields out of a row, those that hold nothing left out."""
    found = {field: place.text(field, column, kinds[field]) for field, column in columns.items()}
    return {
        field: _flag(field, value) if kinds[field] == "flag" else value
        for field, value in found.items()
        if value is not None
    }


def _flag(field: str, text: str) -> bool:
    if text.lower() not in FLAGS:
        raise RecordError("FLAG_MALFORMED", field, text, f"a flag is one of {', '.join(FLAGS)}")
    return FLAGS[text.lower()]


def _line(number: int, place: _Place, options: Options) -> Line:
    shared = set(place.row["merged"]) & {heading(column) for column in options.line.values() if isinstance(column, str)}
    if shared:
        raise RecordError(
            "CELLS_MERGED",
            min(shared),
            None,
            f"{place.name}: the cell belongs to several lines at once, and whose value it is cannot be known",
        )
    fields = _fields(place, options.line, LINE)
    if "total" not in fields and "unit_price" in fields and "quantity" in fields:
        fields["total"] = _computed(
            lambda: Decimal(fields["quantity"]) * Decimal(fields["unit_price"]) - Decimal(fields.get("discount", 0))
        )
    return Line(number=number, **fields)


def _charge(place: _Place, block: Mapping[str, Column]) -> Charge | None:
    """A charge, unless its amount is missing or zero."""
    fields = _fields(place, block, CHARGE)
    if not fields.get("amount", fields.get("total", "")).strip("0.-"):
        return None
    fields.setdefault("amount", fields.get("total"))
    if "total" not in fields:
        fields["total"] = _computed(lambda: Decimal(fields["amount"]) - Decimal(fields.get("discount", 0)))
    return Charge(**fields)


def _contact(
    role: Literal["ship_to", "bill_to", "sold_to"], place: _Place, columns: Mapping[str, Column | list[Column]]
) -> Contact | None:
    """A contact, unless nothing of it is there."""
    plain = {field: column for field, column in columns.items() if not isinstance(column, list) and field != "address"}
    address = columns.get("address", [])
    parts = [place.text("address", column, "text") for column in (address if isinstance(address, list) else [address])]
    fields = _fields(place, plain, CONTACT)
    lines = [part for part in parts if part]
    return Contact(role=role, address=lines, **fields) if fields or lines else None


def _chosen(field: str, text: str, options: Options) -> str:
    """One of our own words for the partner's; raises `RecordError` for one that the channel file does not explain."""
    word = options.values.get(field, {}).get(text, text)
    if word not in CHOSEN[field]:
        raise RecordError(
            "STATUS_UNKNOWN",
            field,
            text,
            f"it means none of {', '.join(CHOSEN[field])}; say what it means under source.values.{field}",
        )
    return word


def _totalled(fields: dict[str, Any], lines: Sequence[Line], charges: Sequence[Charge]) -> dict[str, Any]:
    """The fields with the sums that the sheet has no column for; what a sheet states is never touched."""
    parts: list[Line | Charge] = [*lines, *charges]
    fields.setdefault("items_total", _sum(line.total for line in lines))
    fields.setdefault("charge_total", _sum(charge.total for charge in charges))
    fields.setdefault("tax_total", _sum(part.tax or "0" for part in parts))
    sums = [fields["items_total"], fields["charge_total"], fields.get("rounding", "0")]
    sums += [] if fields.get("taxes_included") else [fields["tax_total"]]
    fields.setdefault("grand_total", _sum(sums))
    return fields


def _sum(amounts: Iterable[str | None]) -> str | None:
    """The sum; None where one of the amounts is missing or none."""
    listed = list(amounts)
    return None if None in listed else _computed(lambda: sum((Decimal(each or 0) for each in listed), Decimal(0)))


def _computed(amount: Callable[[], Decimal]) -> str | None:
    """An amount of ours as text; None where the sheet's own are no decimal numbers, which cleaning then reports."""
    try:
        return f"{amount():f}"
    except InvalidOperation:
        return None
