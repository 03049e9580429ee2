"""What a channel file says of a partner's workbooks: which sheet, and which column is which field of ours."""

from __future__ import annotations

import difflib
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from orderflow.domain import order, source
from orderflow.domain.channel import Duration


class Constant(BaseModel):
    """A value that stands in no column."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    constant: str


Column: TypeAlias = str | Constant
"""A column's heading, as it stands in the header row (case and blanks do not matter), or a constant."""
Address: TypeAlias = dict[str, Column | list[Column]]

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


ORDER, LINE = kinds(order.Order), kinds(order.Line)
CHARGE, CONTACT = kinds(order.Charge), kinds(order.Contact)


def heading(text: str) -> str:
    """A heading the way headings are compared: case, line breaks and repeated blanks do not matter."""
    return " ".join(text.split()).casefold()


class Options(source.Options):
    """The workbooks, and where our fields stand in them. A row is one line of an order."""

    files: str = "*.xlsx"
    """Which names are order files, with `*` and `?`."""
    sheet: str | None = None
    """The sheet to read, even if it is hidden; None: every visible sheet that has the header row."""
    order_id: Literal["every_row", "first_row"] = "every_row"
    """`first_row`: a row without an order id belongs to the order above it."""
    formulas: Literal["refuse", "values"] = "refuse"
    """`values`: take what the sender's program computed last, and note it in the order."""
    decimal: Literal[".", ","] = "."
    """The decimal mark of amounts that stand as text; numbers have none."""
    grouping: Annotated[str, Field(max_length=1)] = ""
    """What stands between thousands in amounts that stand as text; empty: nothing."""
    time_format: str | None = None
    """How times that stand as text are written, in the signs of strptime (`%d.%m.%Y`); None: ISO 8601."""
    settle: Duration = timedelta(seconds=10)
    """How long a file must stay unchanged before it is read."""

    order: dict[str, Column]
    """Our order's fields; `order_id` must be a column."""
    line: dict[str, Column]
    charges: list[dict[str, Column]] = Field(default_factory=list)
    """One for each kind of charge; an empty or zero amount is no charge."""
    ship_to: Address = Field(default_factory=dict)
    bill_to: Address = Field(default_factory=dict)
    sold_to: Address = Field(default_factory=dict)
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    """The partner's words for our `order_status`, `payment_status`, `fulfilment_status` and `return_status`."""

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
        return self

    def needed(self) -> dict[str, str]:
        """The headings that must be there, each with the field of ours that it is for."""
        blocks: list[tuple[str, dict[str, Any]]] = [("order", self.order), ("line", self.line)]
        blocks += [(f"charges[{number}]", charge) for number, charge in enumerate(self.charges)]
        blocks += [("ship_to", self.ship_to), ("bill_to", self.bill_to), ("sold_to", self.sold_to)]
        found: dict[str, str] = {}
        for block, fields in blocks:
            for field, columns in fields.items():
                for column in columns if isinstance(columns, list) else [columns]:
                    if isinstance(column, str):
                        found.setdefault(heading(column), f"{block}.{field}")
        return found


def _check(fields: dict[str, Any], known: dict[str, str], *extra: str) -> None:
    for name in fields:
        if name not in known and name not in extra:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
            raise ValueError(f"{name!r} is no field of ours{hint}")
