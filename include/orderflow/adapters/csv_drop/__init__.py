"""CSV drop: orders that a partner drops as CSV, TSV or JSON Lines into a folder. README.md shows channel files."""

from __future__ import annotations

from orderflow.adapters.csv_drop.layout import Options
from orderflow.adapters.csv_drop.mapping import to_order
from orderflow.domain import source

LIMITS = source.Limits(page_size=500, acknowledges=True)


def open_source(options: Options, account: source.Account, runtime: source.Runtime) -> source.Source:
    """An open inbox; looks at nothing yet. The import stands here because reading a channel file needs no storage."""
    from orderflow.adapters.csv_drop.source import CsvDrop

    return CsvDrop(options, account, runtime)


ADAPTER = source.Adapter(
    options=Options, limits=LIMITS, open=open_source, to_order=to_order, order_id=lambda raw: raw.get("order_id")
)
