"""What each step of cleaning did to each column of a batch: values before, values after, values changed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from orderflow.domain.batch import StepCount
from orderflow.pipeline import frames as fr
from orderflow.pipeline.cleaning import steps
from orderflow.pipeline.cleaning.edits import EDITED
from orderflow.pipeline.frames import Column, Frames

ORDER = (EDITED, "times_to_utc", *(step.__name__ for step in steps.REPAIRS))
"""Everything that repairs, in the order in which it is done."""


@dataclass(slots=True)
class Counts:
    """Adds up the chunks of a batch; the sums do not depend on how it was cut into chunks."""

    typed: Counter[Column] = field(default_factory=Counter)
    """Values that each column held once it was typed."""
    gained: Counter[tuple[str, Column]] = field(default_factory=Counter)
    """Values that each step filled in, without those that it emptied."""
    changed: Counter[tuple[str, Column]] = field(default_factory=Counter)
    mapped: Counter[str] = field(default_factory=Counter)
    """Lines with a SKU, those with one of the OMS, and those where the two differ."""

    def add(self, typed: Frames, cleaned: Frames, repairs: pa.Table, *, mapped: bool) -> None:
        """Take in one chunk: its frames before and after the steps, and what was repaired."""
        for table, columns in typed.items():
            for name, column in columns.items():
                self.typed[table, name] += len(column) - column.null_count
        keys = ["rule", "table", "field"]
        sums = repairs.group_by(keys).aggregate([("before_hash", "count"), ("after_hash", "count"), ([], "count_all")])
        for row in sums.to_pylist():
            key = row["rule"], (row["table"], row["field"])
            self.gained[key] += row["after_hash_count"] - row["before_hash_count"]
            self.changed[key] += row["count_all"]
        if mapped:
            skus, ours = fr.get(cleaned, "lines", "sku"), fr.get(cleaned, "lines", "oms_sku")
            self.mapped["before"] += len(skus) - skus.null_count
            self.mapped["after"] += len(ours) - ours.null_count
            self.mapped["changed"] += pc.sum(pc.not_equal(skus, ours)).as_py() or 0

    def steps(self) -> list[StepCount]:
        """Step by step, the columns that it changed."""
        told: list[StepCount] = []
        held = Counter(self.typed)
        for (rule, column), gained in self.gained.items():
            if rule == EDITED:
                held[column] -= gained
        for rule, column in sorted(self.changed, key=lambda key: (ORDER.index(key[0]), key[1])):
            before = held[column]
            held[column] += self.gained[rule, column]
            told.append(_told(rule, column, before, held[column], self.changed[rule, column]))
        if self.mapped:
            told.append(_told("oms_skus", ("lines", "oms_sku"), **self.mapped))
        return told


def _told(rule: str, column: Column, before: int, after: int, changed: int) -> StepCount:
    return StepCount(rule=rule, field=".".join(column), before=before, after=after, changed=changed)
