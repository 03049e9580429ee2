"""Workbooks as people send them, and a folder where the adapter finds them."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
from drop_box import DropBox

from orderflow.adapters.spreadsheet import ADAPTER
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Order

MORNING = datetime(2026, 3, 1, 9, 14)  # noqa: DTZ001  a sheet knows no zone
LAYOUT: dict[str, Any] = {
    "order": {"order_id": "PO no", "placed_at": "Date", "currency": {"constant": "EUR"}},
    "line": {"sku": "Item", "title": "Description", "quantity": "Qty", "unit_price": "Price"},
    "charges": [{"amount": "Freight"}],
    "ship_to": {"name": "Name", "address": ["Street", "Street 2"], "postal_code": "ZIP", "country": {"constant": "SE"}},
}
HEAD = ["PO no", "Date", "Item", "Description", "Qty", "Price", "Freight", "Name", "Street", "Street 2", "ZIP"]
ROWS: list[list[Any]] = [
    [
        "PO-1",
        MORNING,
        "TORCH-01",
        "Crème-brûlée torch 🔥",
        2,
        24.5,
        7.9,
        "李小龍",
        "Götgatan 12",
        None,
        "211 20",
    ],
    ["PO-1", MORNING, "KNIFE-02", "菜刀", 1, 80, 7.9, "李小龍", "Götgatan 12", None, "211 20"],
    ["PO-2", date(2026, 3, 1), "מבער", "موقد المطبخ", 3, 0.1, None, "Zoë", "Peña 8", "Apt 4B", "00123"],
]


def book(rows: list[list[Any]] = ROWS, head: list[Any] = HEAD, shape: Callable[[Any], None] | None = None) -> bytes:
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.title = "Orders"
    sheet.append(head)
    for row in rows:
        sheet.append(row)
    if shape:
        shape(made)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def patched(content: bytes, member: str, *changes: tuple[str, str]) -> bytes:
    """A workbook with some text of one of its members replaced: what other programs write and openpyxl does not."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == member:
                text = data.decode()
                for pattern, new in changes:
                    text, count = re.subn(pattern, new, text)
                    assert count, pattern
                data = text.encode()
            target.writestr(name, data)
    return out.getvalue()


def opened(folder: Path, **options: Any) -> DropBox:
    return DropBox(folder, ADAPTER, **{**LAYOUT, **options})


def run(folder: Path, content: bytes, **options: Any) -> tuple[list[Order], list[RecordError]]:
    box = opened(folder, **options)
    box.drop("orders.xlsx", content)
    return box.run()


def refusal(folder: Path, content: bytes, **options: Any) -> RecordError:
    orders, refused = run(folder, content, **options)
    assert orders == []
    assert len(refused) == 1
    return refused[0]
