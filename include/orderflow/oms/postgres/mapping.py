"""The target file's mapping of a document onto tables, checked when it is read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from orderflow.domain.order import PARTS, Contact, Order
from orderflow.domain.target import Submission
from orderflow.oms.document import Document, contact

_OWN = ("channel", "version", "key", "document")
_ROLES = ("ship_to", "bill_to", "sold_to")


def _known(path: str, allowed: Iterable[str]) -> str:
    names = sorted(allowed)
    if path in names:
        return path
    near = difflib.get_close_matches(path, names, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(names)}"
    raise ValueError(f"{path!r} is no part of the document{hint}")


def _fields(kind: type[msgspec.Struct]) -> list[str]:
    return [field for field in kind.__struct_fields__ if field not in PARTS]


_PATHS = [
    *_OWN,
    *_fields(Order),
    *(f"{role}.{field}" for role in _ROLES for field in _fields(Contact) if field != "role"),
]


def _path(path: str) -> str:
    return _known(path, _PATHS)


def _function(name: str) -> str:
    return name.removesuffix("(jsonb)")


Name = Annotated[str, Field(pattern=r"^[^.%\x00]+$")]
"""A column."""
Dotted = Annotated[str, Field(pattern=r"^[^.%\x00]+(\.[^.%\x00]+)?$")]
"""A table: `name` or `schema.name`."""
Path = Annotated[str, AfterValidator(_path)]
"""What stands in a column: a field of the order, `ship_to.city` (or `bill_to`, `sold_to`), `channel`, `version`, `key`
(the idempotency key), or `document` (everything, as JSON). Lists and dictionaries arrive as JSON."""


class Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PartTable(Block):
    """Where the parts of one kind go; an order's rows are replaced exactly."""

    name: Dotted
    link: Name
    """The column that holds the order's `id`."""
    columns: Annotated[dict[Name, str], Field(min_length=1)]
    """Column: field of the part."""


class Table(Block):
    """The OMS's table of orders."""

    name: Dotted
    id: Name
    """The column that identifies an order in the OMS: goes into receipts and into the parts' `link`."""
    unique: Annotated[list[Name], Field(min_length=1)]
    """The columns of the unique constraint that lets an order stand only once."""
    columns: dict[Name, Path]
    state: Name | None = None
    """The OMS's own column that says how far it is with an order; only read. See `stages`."""
    parts: dict[
        Literal["lines", "charges", "discounts", "taxes", "payments", "shipments", "refunds", "contacts"], PartTable
    ] = {}

    @model_validator(mode="after")
    def _proves_once(self) -> Table:
        if missing := [column for column in self.unique if column not in self.columns]:
            raise ValueError(f"unique column {missing[0]!r} is not among `columns`")
        if sorted(self.columns[column] for column in self.unique) != ["channel", "order_id"]:
            raise ValueError("`unique` is the column of `channel` and that of `order_id`: they are an order's identity")
        if self.state in self.columns:
            raise ValueError(f"`state` {self.state!r} belongs to the OMS; take it out of `columns`")
        if "version" not in self.columns.values():
            raise ValueError(
                "map `version` to an integer column: it keeps a late old version from replacing a newer one"
            )
        for part, table in self.parts.items():
            for path in table.columns.values():
                _known(path, PARTS[part].__struct_fields__)
        return self

    def column(self, path: str) -> str | None:
        """The column that holds `path`."""
        return next((column for column, mapped in self.columns.items() if mapped == path), None)


class LookUp(Block):
    """A table or view that tells what the OMS holds: one row per order; the values are its columns."""

    name: Dotted
    order_id: Name
    oms_id: Name
    channel: Name
    key: Name | None = None
    version: Name | None = None
    status: Name | None = None
    total: Name | None = None
    currency: Name | None = None
    lines: Name | None = None

    @model_validator(mode="after")
    def _tells_versions(self) -> LookUp:
        if self.key is None and self.version is None:
            raise ValueError("name the column of `key` or `version`: without it nobody can tell what has arrived")
        return self


class Shipments(Block):
    """A table or view that tells what the OMS shipped: one row per parcel; the values are its columns."""

    name: Dotted
    channel: Name
    order_id: Name
    shipment_id: Name
    """The OMS's own number of the parcel, which never changes."""
    recorded_at: Name
    """`timestamptz`: when the OMS wrote it down."""
    carrier: Name | None = None
    tracking_number: Name | None = None
    shipped_at: Name | None = None
    """`timestamptz`."""
    lines: Name | None = None
    """JSON such as `[{"line_id": "L1", "quantity": "2"}]`; null, or no column: everything that was left."""


FunctionName = Annotated[str, AfterValidator(_function), Field(pattern=r"^[^.%\x00]+(\.[^.%\x00]+)?$")]


def values(paths: Iterable[str], submission: Submission, document: Document) -> list[Any]:
    """What stands at these paths, in their order, ready to be bound."""
    return [_value(path, submission, document) for path in paths]


def part_values(paths: Iterable[str], part: msgspec.Struct) -> list[Any]:
    return [_bound(getattr(part, path)) for path in paths]


def with_key(submission: Submission) -> str:
    """The document as JSON with its idempotency key as `key`."""
    return submission.document.decode().rstrip()[:-1] + f', "key": "{submission.key}"}}'


def _value(path: str, submission: Submission, document: Document) -> Any:
    if path == "document":
        return with_key(submission)
    if path in _OWN:
        own: Mapping[str, Any] = {"channel": submission.channel, "version": submission.version, "key": submission.key}
        return own[path]
    role, _, field = path.partition(".")
    if not field:
        return _bound(getattr(document, path))
    who = contact(document, role)
    return None if who is None else _bound(getattr(who, field))


def _bound(value: Any) -> Any:
    return msgspec.json.encode(value).decode() if isinstance(value, list | dict | tuple) else value
