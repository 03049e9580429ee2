"""What a check is: a rule, the column that is the evidence, and the question that pandera asks of every value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import pandas as pd
import pyarrow as pa

from orderflow.quality.view import Ints, Mask, View

Shown: TypeAlias = Literal["text", "amount", "seconds", "nothing"]
Evidence: TypeAlias = Callable[[View], Any]


class Check(NamedTuple):
    """One rule on one field.

    `evidence` gives a column for the rows of `table` (a numpy or Arrow array), or None where there is nothing to ask.
    `holds` answers for that column as a Series. `shown` says how a broken value is written into the verdict: as text,
    as an amount in millionths, as microseconds, or not at all.
    """

    code: str
    table: str
    field: str
    evidence: Evidence
    holds: Callable[[pd.Series], pd.Series]
    shown: Shown = "text"

    @property
    def name(self) -> str:
        """Unique among the checks of a table: several fields may break one rule."""
        return f"{self.code}:{self.field}"


def one_of(code: str, table: str, field: str, values: Sequence[str]) -> Check:
    """The field is one of these words."""
    return Check(code, table, field, lambda view: view.column(table, field), lambda column: column.isin(values))


def not_negative(code: str, table: str, field: str) -> Check:
    return Check(code, table, field, lambda view: _filled(view, table, field), lambda column: column >= 0, "amount")


def missing(code: str, table: str, field: str, mask: Callable[[View], Mask | None]) -> Check:
    """The mask is true nowhere: something lacks there."""
    return Check(code, table, field, mask, lambda column: ~column, "nothing")


def residue(code: str, table: str, field: str, left: Callable[[View], Ints | None]) -> Check:
    """Nothing is left over of an equation in millionths."""
    return Check(code, table, field, left, lambda column: column == 0, "amount")


def too_late(code: str, table: str, field: str, excess: Callable[[View], Ints | None]) -> Check:
    """No time lies later than it may; the excess is in microseconds."""
    return Check(code, table, field, excess, lambda column: column <= 0, "seconds")


def absent(code: str, table: str, field: str, found: Callable[[View], pa.Array | None]) -> Check:
    """The column of broken values is null everywhere."""
    return Check(code, table, field, found, lambda column: column.isna())


def _filled(view: View, table: str, field: str) -> Ints | None:
    return None if view.column(table, field).null_count == len(view.column(table, field)) else view.ints(table, field)
