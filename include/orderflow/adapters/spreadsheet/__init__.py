"""Spreadsheet: orders that a partner drops as Excel workbooks (XLSX) into a folder. README.md shows channel files."""

from __future__ import annotations

from orderflow.adapters.spreadsheet.layout import Options
from orderflow.domain.order import Order
from orderflow.domain.source import Account, Adapter, Limits, Raw, Runtime, Source

LIMITS = Limits(page_size=500, acknowledges=True)


def open_(options: Options, account: Account, runtime: Runtime) -> Source:
    from orderflow.adapters.spreadsheet.source import Workbooks

    return Workbooks(options, account, runtime)


def to_order(raw: Raw, options: Options) -> Order:
    from orderflow.adapters.spreadsheet import mapping

    return mapping.to_order(raw, options)


ADAPTER = Adapter(
    options=Options, limits=LIMITS, open=open_, to_order=to_order, order_id=lambda raw: raw.get("order_id")
)
