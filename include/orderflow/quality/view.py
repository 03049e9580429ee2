"""A view of many cleaned orders for the checks: columns as arrays, sums by order, what could not be typed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from orderflow.domain.money import MILLION, exponent

Ints: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
T = TypeVar("T")


@dataclass(slots=True)
class View:
    """`tables` by name: `orders`, and its parts with `order_row` and `position`; amounts are millionths.

    `problems` has the columns `order_row`, `table`, `position`, `field`, `code`, `value`. `tolerance` (millionths) is
    the residue of an equation that the channel's own rounding explains. `repeated_numbers` are hashes of order numbers
    that occur more than once in the whole batch. Computed columns are kept, because many checks share them.
    """

    tables: Mapping[str, pa.Table]
    problems: pa.Table
    tolerance: int = 0
    repeated_numbers: frozenset[int] = frozenset()
    _kept: dict[Hashable, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.tables["orders"])

    def keep(self, key: Hashable, make: Callable[[], T]) -> T:
        if key not in self._kept:
            self._kept[key] = make()
        found: T = self._kept[key]
        return found

    def column(self, table: str, name: str) -> pa.Array:
        return self.keep((table, name), lambda: _whole(self.tables[table][name]))

    def known(self, table: str, name: str) -> Mask:
        column = self.column(table, name)
        return self.keep((table, name, "known"), lambda: column.is_valid().to_numpy(zero_copy_only=False))

    def ints(self, table: str, name: str) -> Ints:
        """Amounts, times (microseconds) or numbers; 0 where there is none."""

        def make() -> Ints:
            column = self.column(table, name)
            numbers = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
            found: Ints = numbers.fill_null(0).to_numpy(zero_copy_only=False)
            return found

        return self.keep((table, name, "ints"), make)

    def rows(self, table: str) -> Ints:
        """The order of each part."""
        return self.ints(table, "order_row")

    def is_one_of(self, table: str, name: str, values: Sequence[str]) -> Mask:
        def make() -> Mask:
            found: Mask = pc.is_in(self.column(table, name), pa.array(values, pa.string())).to_numpy(
                zero_copy_only=False
            )
            return found

        return self.keep((table, name, tuple(values)), make)

    def flag(self, name: str) -> Mask:
        """A truth of the orders."""
        column = self.column("orders", name)
        return self.keep(("orders", name, "flag"), lambda: column.fill_null(False).to_numpy(zero_copy_only=False))

    def sums(self, table: str, name: str, only: Mask | None = None) -> Ints:
        """An amount of the parts summed by order; a missing one counts 0."""

        def make() -> Ints:
            return self.total(
                table, self.ints(table, name) if only is None else np.where(only, self.ints(table, name), 0)
            )

        return self.keep((table, name, "sums"), make) if only is None else make()

    def total(self, table: str, values: Ints) -> Ints:
        """Numbers of the parts summed by order."""
        sums = np.zeros(self.size, np.int64)
        np.add.at(sums, self.rows(table), values)
        return sums

    def counts(self, table: str) -> Ints:
        """How many parts each order has."""
        return self.keep((table, "counts"), lambda: np.bincount(self.rows(table), minlength=self.size))

    def some(self, table: str, mask: Mask) -> Mask:
        """Whether the mask is true for any part of each order."""
        found = np.zeros(self.size, bool)
        found[self.rows(table)[mask]] = True
        return found

    def every(self, table: str, mask: Mask) -> Mask:
        """Whether the mask is true for all parts of each order (it is where there are none)."""
        return ~self.some(table, ~mask)

    def untyped(self, *columns: tuple[str, str]) -> Mask:
        """Orders in which a value of these columns could not be typed: what depends on it cannot be judged."""
        found = np.zeros(self.size, bool)
        for column in columns:
            found[self._untyped_rows.get(column, [])] = True
        return found

    @property
    def _untyped_rows(self) -> dict[tuple[str, str], list[int]]:
        def make() -> dict[tuple[str, str], list[int]]:
            rows: dict[tuple[str, str], list[int]] = {}
            for problem in self.problems.select(["order_row", "table", "field", "code"]).to_pylist():
                if problem["code"] != "TIME_AMBIGUOUS":
                    rows.setdefault((problem["table"], problem["field"]), []).append(problem["order_row"])
            return rows

        return self.keep("untyped", make)

    def minor_unit(self, currency: str) -> Ints:
        """The smallest unit of each order's currency, in millionths; of two decimals where there is no currency."""

        def make() -> Ints:
            coded = self.column("orders", currency).fill_null("").dictionary_encode()
            units = np.array([MILLION // 10 ** exponent(code) for code in coded.dictionary.to_pylist()], np.int64)
            found: Ints = units[coded.indices.to_numpy()] if len(coded) else np.zeros(0, np.int64)
            return found

        return self.keep((currency, "unit"), make)

    def repeated(self, table: str, *names: str) -> Mask:
        """Parts whose values in `names` occur again in the same order; a missing value is like no other."""
        rows = self.rows(table)
        several = self.counts(table)[rows] > 1
        for name in names:
            several &= self.known(table, name)
        found = np.zeros(len(rows), bool)
        chosen = np.flatnonzero(several)
        if len(chosen):
            values = {name: _codes(self.column(table, name).take(pa.array(chosen))) for name in names}
            found[chosen] = pd.DataFrame({"order_row": rows[chosen], **values}).duplicated(keep=False).to_numpy()
        return found


def _codes(column: pa.Array) -> Any:
    return column.dictionary_encode().indices.to_numpy() if pa.types.is_string(column.type) else column.to_numpy()


def _whole(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole
