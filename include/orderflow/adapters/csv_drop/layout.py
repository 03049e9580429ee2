"""What a channel file says of a partner's files: their form, and which column is which field of ours."""

from __future__ import annotations

import codecs
import difflib
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

import msgspec
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from orderflow.domain import order, source
from orderflow.domain.channel import Duration


class Constant(BaseModel):
    """A value that stands in no column."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    constant: str


Column: TypeAlias = str | Constant
"""The name of a column (in JSON Lines a key, or keys joined by dots), or a constant."""
Address: TypeAlias = dict[str, Column | list[Column]]
"""Columns of a contact; several of them make the lines of `address`, and are joined by blanks for any other field."""

_KINDS = {"amount", "time", "code"}
CHOSEN = {
    "order_status": order.ORDER_STATUS,
    "payment_status": order.PAYMENT_STATUS,
    "fulfilment_status": order.FULFILMENT_STATUS,
    "return_status": order.RETURN_STATUS,
}
"""Fields that hold one of our own words; `values` translates the partner's."""


def kinds(part: type[msgspec.Struct]) -> dict[str, str]:
    """The scalar fields of a part of an order with what each holds: `amount`, `time`, `code`, `text` or `flag`."""
    found = {}
    for name, hint in get_type_hints(part, include_extras=True).items():
        if get_origin(hint) is Annotated:
            found[name] = next(mark for mark in get_args(hint)[1:] if mark in _KINDS)
        elif hint is bool:
            found[name] = "flag"
        elif hint is str or set(get_args(hint)) == {str, type(None)}:
            found[name] = "text"
    return found


ORDER = kinds(order.Order)
LINE = kinds(order.Line)
CHARGE = kinds(order.Charge)
CONTACT = kinds(order.Contact)


def _check(fields: dict[str, Any], known: dict[str, str], *extra: str) -> None:
    for name in fields:
        if name not in known and name not in extra:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
            raise ValueError(f"{name!r} is no field of ours{hint}")


def value(row: Mapping[str, Any], column: str) -> Any:
    """What stands in a column; in JSON, dots lead into objects unless the very name is a key."""
    if column in row:
        return row[column]
    inner: Any = row
    for key in column.split("."):
        if not isinstance(inner, Mapping):
            return None
        inner = inner.get(key)
    return inner


class Options(source.Options):
    """The form of the files, and where our fields stand in them."""

    files: str = "*.csv"
    """Which names are order files, with `*` and `?`."""
    format: Literal["csv", "jsonl"] = "csv"
    """`csv` for anything with a delimiter, `jsonl` for one JSON object per line."""
    rows: Literal["lines", "orders"] = "lines"
    """Whether a row is one line of an order (rows of one order need not stand together) or a whole order."""
    lines_at: str | None = None
    """In JSON Lines with a whole order per row: the key of its list of lines."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """A tab is written `"\\t"`."""
    quote: Annotated[str, Field(max_length=1)] = '"'
    """Encloses values that hold a delimiter; empty: nothing does."""
    encoding: str = "utf-8"
    decimal: Literal[".", ","] = "."
    """The decimal mark of amounts and quantities."""
    grouping: Annotated[str, Field(max_length=1)] = ""
    """What stands between thousands, such as `.` in 1.234,50; empty: nothing."""
    time_format: str | None = None
    """How times are written, in the signs of strptime (`%d.%m.%Y %H:%M`); None: ISO 8601."""
    columns: list[str] | None = None
    """The columns' names where the file has no header line."""
    last_line: Literal["ended", "open"] = "ended"
    """Whether the last line ends with a line feed. Only then does a missing one show that a file was cut."""
    ready: Literal["settled", "manifest"] = "settled"
    """When a file may be read: after `settle` without a change (or beside a manifest), or only beside a manifest."""
    settle: Duration = timedelta(seconds=10)
    done: str = "done"
    """The folder inside the inbox that takes what is safe in staging."""

    order: dict[str, Column]
    """Our order's fields; `order_id` must be a column."""
    line: dict[str, Column] = Field(default_factory=dict)
    charges: list[dict[str, Column]] = Field(default_factory=list)
    """One for each kind of charge; an empty or zero amount is no charge."""
    ship_to: Address = Field(default_factory=dict)
    bill_to: Address = Field(default_factory=dict)
    sold_to: Address = Field(default_factory=dict)
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    """The partner's words for our `order_status`, `payment_status`, `fulfilment_status` and `return_status`."""

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            return codecs.lookup(name).name
        except LookupError as error:
            raise ValueError(f"{name!r} is no encoding; write utf-8, cp1252, gb18030, shift_jis, utf-16 ...") from error

    @model_validator(mode="after")
    def _known_fields(self) -> Options:
        _check(self.order, ORDER)
        _check(self.line, LINE)
        for charge in self.charges:
            _check(charge, CHARGE)
        for contact in (self.ship_to, self.bill_to, self.sold_to):
            _check(contact, CONTACT, "address")
        _check(self.values, dict.fromkeys(CHOSEN, "code"))
        if self.order.get("order_id") is None or isinstance(self.order["order_id"], Constant):
            raise ValueError("order.order_id must name the column that tells orders apart")
        for field, words in self.values.items():
            for word, ours in words.items():
                if ours not in CHOSEN[field]:
                    raise ValueError(f"values.{field}.{word}: {ours!r} is none of {', '.join(CHOSEN[field])}")
        if self.lines_at and (self.format, self.rows) != ("jsonl", "orders"):
            raise ValueError("lines_at needs format: jsonl and rows: orders")
        return self

    def needed(self) -> dict[str, str]:
        """The columns that must be there, each with the field of ours that it is for."""
        found: dict[str, str] = {}
        blocks: list[tuple[str, dict[str, Any]]] = [("order", self.order), ("line", self.line)]
        blocks += [(f"charges[{number}]", charge) for number, charge in enumerate(self.charges)]
        blocks += [("ship_to", self.ship_to), ("bill_to", self.bill_to), ("sold_to", self.sold_to)]
        for block, fields in blocks:
            for field, columns in fields.items():
                for column in columns if isinstance(columns, list) else [columns]:
                    if isinstance(column, str):
                        found.setdefault(column, f"{block}.{field}")
        return found
