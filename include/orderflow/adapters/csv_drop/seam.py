"""Where one file ends and the next one begins: an order that stands on both sides with other lines was cut there.

Programs that export so many rows per file cut whatever stands at the end. Each half alone looks like a whole order, and
the second one like a correction of the first, which would lose its lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from orderflow.adapters.csv_drop.layout import Options, value
from orderflow.adapters.csv_drop.table import Row
from orderflow.adapters.files import Copy
from orderflow.domain.source import JsonValue

_decode = msgspec.json.Decoder(float_hook=str).decode


class End(NamedTuple):
    """The last order of a file, held back until the next file was looked into."""

    copy: Copy
    order_id: str
    rows: list[Row]
    orders: int
    """How many orders the file has."""
    place: JsonValue
    cut: str | None
    """The file before, where this order was cut there already."""

    @property
    def name(self) -> str:
        return self.copy.drop.name


def is_cut(end: End, order_id: str, together: list[Row], orders: int, options: Options) -> bool:
    """Whether the first order of a file (which has so many) goes on with the last one of the file before.

    One that says some of its lines again is a correction, and so may be a file that holds this order only.
    """
    if end.order_id != order_id or not order_id or end.orders + orders < 3 or options.rows != "lines":
        return False
    return not set(_lines(end.rows, options)) & set(_lines(together, options))


def _lines(rows: list[Row], options: Options) -> Iterator[str]:
    """What tells the lines of an order apart: their ids, else their SKUs, else all that they say."""
    columns = [options.line[name] for name in ("line_id", "sku") if isinstance(options.line.get(name), str)][:1]
    for _, row in rows:
        told: Mapping[str, Any] = _decode(row) if isinstance(row, msgspec.Raw) else row
        named = columns or [column for column in options.line.values() if isinstance(column, str)]
        yield repr([value(told, str(column)) for column in named])
