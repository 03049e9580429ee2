"""What the OMS says to an order: the matter of an X12 855, an EDIFACT ORDRSP and a UBL OrderResponse."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec


class LineAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line's answer. `quantity` and `unit_price` are decimal text, given where they differ from the order."""

    line_id: str
    outcome: Literal["accepted", "changed", "backordered", "rejected"] = "accepted"
    quantity: str | None = None
    unit_price: str | None = None
    ship_on: str | None = None
    """ISO 8601 date."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole answer. Lines that it does not mention have its own outcome."""

    outcome: Literal["accepted", "changed", "rejected"] = "accepted"
    oms_id: str | None = None
    reason: str | None = None
    at: datetime
    """Aware; documents carry it in its own zone."""
    lines: list[LineAnswer] = []

    def line(self, line_id: str | None) -> LineAnswer:
        """What the answer says of one line."""
        for line in self.lines:
            if line.line_id == line_id:
                return line
        return LineAnswer(line_id=line_id or "", outcome="rejected" if self.outcome == "rejected" else "accepted")
