"""What a channel file says of a table: its columns, its clock, the rows that belong to an order."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from orderflow.adapters.described.mapping import Mapped
from orderflow.domain import source
from orderflow.domain.channel import Zone

Name = Annotated[str, Field(min_length=1, max_length=128)]


class Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _sorts_as_time(form: str) -> str:
    if form not in {"time", "epoch", "epoch_ms"} and not form.startswith("%Y"):
        raise ValueError(
            f"{form!r} is none of time, epoch, epoch_ms, nor signs of strftime that begin with the year: only such "
            "text sorts as time does"
        )
    return form


class Clock(Block):
    """A column of time."""

    column: Name
    form: Annotated[str, AfterValidator(_sorts_as_time)] = "time"
    """`time` for the database's own type, `epoch` or `epoch_ms` for numbers, or the signs of strftime for text."""
    timezone: Zone = "UTC"
    """Zone of times that are kept without one."""


class Children(Block):
    """Rows of another table or view that belong to an order: its lines, its payments."""

    table: Name
    key: Name
    """Their column that holds the order's id."""
    order_by: Name
    """Their column that gives them a fixed order, such as the number of the line."""


class Options(source.Options):
    """A table, or a view, with one row for each order."""

    schema_name: Name | None = None
    """Schema of the tables (MySQL: the database); the connection's own unless given."""
    table: Name
    id: Name
    """Column of the order's id: filled, and unique in this table or view."""
    modified: Clock
    """The column that moves with every change of the row; filled, and with an index."""
    created: Clock | None = None
    """The column of the order's creation: reconciliation needs it."""
    where: dict[Name, str | list[str]] = Field(default_factory=dict)
    """Only rows whose column is this, or one of these: the shop, where a table holds several."""
    json_columns: list[Name] = Field(default_factory=list)
    """Text columns that hold JSON, whose insides the mapping names; columns of a JSON type need not be named."""
    children: dict[Name, Children] = Field(default_factory=dict)
    """Further rows of each order, by the name that the mapping gives them."""
    batch: Annotated[int, Field(ge=1, le=5000)] = 500
    """Orders that one question asks for."""
    map: Mapped

    @model_validator(mode="after")
    def _one_name_each(self) -> Options:
        clash = sorted(set(self.children) & {self.id, self.modified.column, *self.json_columns})
        if clash:
            raise ValueError(f"children: {clash[0]!r} is also the name of a column; call these rows something else")
        return self
