"""From the rows of one order to our order, by the columns that the channel file names: pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from orderflow.adapters.cells import amount, bare, whole
from orderflow.adapters.csv_drop.layout import CHARGE, CHOSEN, LINE, ORDER, Constant, value
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Charge, Contact, Line, Order
from orderflow.domain.source import Raw

if TYPE_CHECKING:
    from orderflow.adapters.csv_drop.layout import Column, Options

FLAGS = {
    "1": True,
    "true": True,
    "yes": True,
    "y": True,
    "0": False,
    "false": False,
    "no": False,
    "n": False,
    "": False,
}


def to_order(raw: Raw, options: Options) -> Order:
    """Our order; raises `RecordError` for a file that was left, and for rows that contradict each other."""
    if "fault" in raw:
        line = raw["line"]
        place = f"{raw['file']}, line {line}" if line else raw["file"]
        raise RecordError("FILE_FAULT", place, None, f"the file was left where it is: {place} {raw['fault']}")
    if cut := raw.get("cut"):
        raise RecordError(
            "ROWS_DISAGREE",
            "order_id",
            None,
            f"this order is cut: some of its rows stand in {raw['file']}, others in {cut}; have it sent again in one "
            "file",
        )
    rows = raw["rows"]
    head = _head(rows, options)
    rows = rows[:1] if options.rows == "orders" else rows
    fields = _fields(head, options.order, ORDER, options)
    if not fields.get("order_id"):
        raise RecordError("ORDER_ID_MISSING", f"line {raw['line']}", None, "a row without order id belongs to no order")
    fields.setdefault("channel_updated_at", raw["dropped_at"])
    fields["raw_status"] = {field: fields[field] for field in CHOSEN if field in fields}
    for field in fields["raw_status"]:
        fields[field] = _chosen(field, fields[field], options)
    lines = [_line(number, row, options) for number, row in enumerate(_lines(rows, options), 1)]
    charges = [charge for block in options.charges if (charge := _charge(head, block, options))]
    people = (
        _contact("ship_to", head, options.ship_to),
        _contact("bill_to", head, options.bill_to),
        _contact("sold_to", head, options.sold_to),
    )
    contacts = [contact for contact in people if contact]
    return Order(**_totalled(fields, lines, charges, options.order), lines=lines, charges=charges, contacts=contacts)


def _head(rows: Sequence[Raw], options: Options) -> Raw:
    """The row that speaks for the whole order; raises `RecordError` when another one says something else of it."""
    first = rows[0]
    if options.rows == "orders" and any(row != first for row in rows):
        raise RecordError(
            "ROWS_DISAGREE",
            "order_id",
            None,
            "the file holds this order in several rows that differ, and which of them counts cannot be known; name the "
            "column of its modified time as channel_updated_at, or declare rows: lines where each is one line",
        )
    for row in rows[1:]:
        for column, field in options.needed().items():
            if field.startswith("line.") or value(row, column) == value(first, column):
                continue
            if _text(row, column) != _text(first, column):
                raise RecordError(
                    "ROWS_DISAGREE", column, None, f"the rows of this order do not agree on its {field}; ask the sender"
                )
    return first


def _lines(rows: Sequence[Raw], options: Options) -> Sequence[Raw]:
    """The rows that hold a line; an order without lines has a row whose line columns are empty."""
    if not options.line:
        return []
    if options.rows == "lines" or not options.lines_at:
        columns = [column for column in options.line.values() if isinstance(column, str)]
        return [row for row in rows if any(value(row, column) for column in columns)]
    inner = value(rows[0], options.lines_at)
    if not isinstance(inner, list):
        raise RecordError("RAW_SHAPE", options.lines_at, None, "the lines of the order must be a list there")
    return inner


def _fields(row: Raw, columns: Mapping[str, Column], kinds: Mapping[str, str], options: Options) -> dict[str, Any]:
    """Our fields out of a row, those that hold nothing left out. A constant is written the way we write values."""
    found: dict[str, Any] = {}
    for field, column in columns.items():
        text, form = _text(row, column), _PLAIN if isinstance(column, Constant) else options
        if text is not None:
            found[field] = _READERS[kinds[field]](field, text, form)
    return found


class _Form(NamedTuple):
    """How values are written."""

    decimal: str
    grouping: str
    time_format: str | None


_PLAIN = _Form(".", "", None)


def _text(row: Raw, column: Column) -> str | None:
    """A value as text; None for an empty one."""
    found = column.constant if isinstance(column, Constant) else value(row, column)
    if found is None or isinstance(found, (dict, list)):
        return None
    return str(found).lower() if isinstance(found, bool) else bare(str(found)) or None


def _as_is(field: str, text: str, _: _Form | Options) -> str:
    return whole(field, text)


def _amount(field: str, text: str, form: _Form | Options) -> str:
    return amount(field, text, decimal=form.decimal, grouping=form.grouping)


def _time(field: str, text: str, form: _Form | Options) -> str:
    if form.time_format is None:
        return text
    try:
        return datetime.strptime(text, form.time_format).isoformat()  # noqa: DTZ007 -- the zone is the channel's
    except ValueError:
        raise RecordError("TIME_MALFORMED", field, text, f"a time is written as {form.time_format}") from None


def _flag(field: str, text: str, _: _Form | Options) -> bool:
    try:
        return FLAGS[text.lower()]
    except KeyError:
        raise RecordError("FLAG_MALFORMED", field, text, f"a flag is one of {', '.join(filter(None, FLAGS))}") from None


_READERS: Mapping[str, Callable[[str, str, Any], Any]] = {
    "amount": _amount,
    "time": _time,
    "flag": _flag,
    "code": _as_is,
    "text": _as_is,
}


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


def _line(number: int, row: Raw, options: Options) -> Line:
    fields = _fields(row, options.line, LINE, options)
    if "total" not in fields and "unit_price" in fields and "quantity" in fields:
        fields["total"] = _computed(
            lambda: Decimal(fields["quantity"]) * Decimal(fields["unit_price"]) - Decimal(fields.get("discount", 0))
        )
    return Line(number=number, **fields)


def _charge(row: Raw, block: Mapping[str, Column], options: Options) -> Charge | None:
    """A charge, unless its amount is missing or zero."""
    fields = _fields(row, block, CHARGE, options)
    if not fields.get("amount", fields.get("total", "")).strip("0.-"):
        return None
    fields.setdefault("amount", fields.get("total"))
    if "total" not in fields:
        fields["total"] = _computed(lambda: Decimal(fields["amount"]) - Decimal(fields.get("discount", 0)))
    return Charge(**fields)


def _contact(
    role: Literal["ship_to", "bill_to", "sold_to"],
    row: Raw,
    columns: Mapping[str, Column | list[Column]],
) -> Contact | None:
    """A contact, unless nothing of it is there. Several columns are the lines of an address, or the words of a name."""
    found: dict[str, Any] = {}
    for field, column in columns.items():
        parts = [_text(row, each) for each in (column if isinstance(column, list) else [column])]
        words = [whole(field, part) for part in parts if part]
        if words:
            found[field] = words if field == "address" else " ".join(words)
    return Contact(role=role, **found) if found else None


def _totalled(
    fields: dict[str, Any], lines: Sequence[Line], charges: Sequence[Charge], columns: Collection[str]
) -> dict[str, Any]:
    """The fields with the sums that the file has no column for; a column's empty cell stays empty."""
    parts: list[Line | Charge] = [*lines, *charges]

    def stated(name: str, amount: str | None) -> str | None:
        return fields.setdefault(name, None if name in columns else amount)

    sums = [
        stated("items_total", _sum(line.total for line in lines)),
        stated("charge_total", _sum(charge.total for charge in charges)),
    ]
    tax = stated("tax_total", _sum(part.tax or "0" for part in parts))
    sums += [] if fields.get("taxes_included") else [tax]
    sums += [fields["rounding"]] if "rounding" in fields else []
    stated("grand_total", _sum(sums))
    return fields


def _sum(amounts: Iterable[str | None]) -> str | None:
    """The sum; None where one of the amounts is missing or none."""
    listed = list(amounts)
    return None if None in listed else _computed(lambda: sum((Decimal(each or 0) for each in listed), Decimal(0)))


def _computed(amount: Callable[[], Decimal]) -> str | None:
    """An amount of ours as text; None where the file's own are no decimal numbers, which cleaning then reports."""
    try:
        return f"{amount():f}"
    except InvalidOperation:
        return None
