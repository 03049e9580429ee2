"""Spreadsheets: real workbooks in a folder, and what people do to them."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from pydantic import ValidationError

from orderflow.adapters.spreadsheet import ADAPTER, workbook
from orderflow.adapters.spreadsheet.layout import Options
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Order
from orderflow.domain.source import Account, Page, Runtime
from orderflow.domain.window import Window

DECODE = msgspec.json.Decoder(float_hook=str).decode
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MORNING = datetime(2026, 3, 1, 9, 14)  # noqa: DTZ001  a sheet knows no zone
WINDOW = Window(NOW - timedelta(hours=1), NOW)
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


class Box:
    """An inbox in a folder."""

    def __init__(self, folder: Path, **options: Any):
        self.folder = folder
        self.options = Options(**{**LAYOUT, **options})
        runtime = Runtime(clock=lambda: NOW, sleep=lambda seconds: None)
        self.source: Any = ADAPTER.open(self.options, Account(name="sheets", url=str(folder)), runtime)

    def drop(self, content: bytes, name: str = "orders.xlsx") -> None:
        (self.folder / name).write_bytes(content)
        os.utime(self.folder / name, (NOW.timestamp() - 7200, NOW.timestamp() - 7200))

    def pages(self) -> list[Page]:
        return list(self.source.fetch(WINDOW))

    def run(self) -> tuple[list[Order], list[RecordError]]:
        orders: list[Order] = []
        refused: list[RecordError] = []
        pages = self.pages()
        for record in (record for page in pages for record in page.records):
            try:
                orders.append(ADAPTER.to_order(DECODE(record), self.options))
            except RecordError as error:
                refused.append(error)
        self.source.acknowledge([page.origin for page in pages])
        return orders, refused

    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.is_file())


def run(folder: Path, content: bytes, **options: Any) -> tuple[list[Order], list[RecordError]]:
    box = Box(folder, **options)
    box.drop(content)
    return box.run()


def refusal(folder: Path, content: bytes, **options: Any) -> RecordError:
    orders, refused = run(folder, content, **options)
    assert orders == []
    assert len(refused) == 1
    return refused[0]


def test_rows_become_orders(tmp_path: Path):
    box = Box(tmp_path)
    box.drop(book())
    (first, second), refused = box.run()
    assert refused == []
    assert (first.order_id, first.placed_at, first.currency) == ("PO-1", "2026-03-01T09:14:00", "EUR")
    assert [(line.number, line.sku, line.quantity, line.unit_price, line.total) for line in first.lines] == [
        (1, "TORCH-01", "2", "24.5", "49.0"),
        (2, "KNIFE-02", "1", "80", "80"),
    ]
    assert (first.charges[0].total, first.grand_total) == ("7.9", "136.9")
    assert first.contacts[0].name == "李小龍"
    assert (second.placed_at, second.lines[0].total, second.grand_total) == ("2026-03-01T00:00:00", "0.3", "0.3")
    assert second.contacts[0].address == ["Peña 8", "Apt 4B"]
    assert second.contacts[0].postal_code == "00123"
    assert second.lines[0].sku == "מבער"
    assert box.left() == []
    assert box.pages() == []


def test_rows_of_one_order_need_not_stand_together(tmp_path: Path):
    orders, _ = run(tmp_path, book([ROWS[0], ROWS[2], ROWS[1]]))
    assert [(order.order_id, len(order.lines)) for order in orders] == [("PO-1", 2), ("PO-2", 1)]


def test_the_header_row_is_found_beneath_titles_and_beside_other_columns(tmp_path: Path):
    def shape(made: Any) -> None:
        sheet = made.active
        sheet.insert_rows(1, 3)
        sheet.insert_cols(1, 2)
        sheet["A1"] = "Purchase orders of week 9"
        sheet.merge_cells("A1:H1")
        sheet["C4"] = " po  NO\n"
        sheet["A5"] = "a remark beside the table"

    orders, refused = run(tmp_path, book(shape=shape))
    assert [order.order_id for order in orders] == ["PO-1", "PO-2"]
    assert refused == []


def test_trailing_rows_that_are_only_formatted_are_no_rows(tmp_path: Path):
    def shape(made: Any) -> None:
        sheet = made.active
        for number in range(6, 500):
            for column in range(1, 12):
                sheet.cell(number, column).number_format = "0.00"
            sheet.cell(number, 1).value = "   " if number % 2 else None

    orders, refused = run(tmp_path, book(shape=shape))
    assert (len(orders), refused) == (2, [])


def test_a_missing_column_is_named_with_the_nearest(tmp_path: Path):
    error = refusal(tmp_path, book(head=["PO no", "Date", "Items", *HEAD[3:]]))
    assert error.code == "FILE_FAULT"
    assert "'item'" in str(error)
    assert "perhaps 'items' now" in str(error)
    assert "line.sku" in str(error)
    assert Box(tmp_path).left() == ["orders.xlsx"]


def test_a_column_that_stands_twice_is_refused(tmp_path: Path):
    assert "twice" in str(refusal(tmp_path, book([[*row, 1] for row in ROWS], head=[*HEAD, "qty"])))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (0.1 + 0.2, "0.3"),
        (1e-7, "0.0000001"),
        (123456789012345, "123456789012345"),
        (1234567.891, "1234567.891"),
        (-3, "-3"),
        (24.50, "24.5"),
        ("24.50", "24.50"),
        (1e14, "100000000000000"),
    ],
)
def test_numbers_are_exact_text(value: Any, text: str, tmp_path: Path):
    (order,), _ = run(tmp_path, book([[*ROWS[2][:5], value, *ROWS[2][6:]]]))
    assert order.lines[0].unit_price == text


def test_a_number_as_order_id_or_sku_is_read_whole_or_refused(tmp_path: Path):
    (order,), _ = run(tmp_path, book([[4500012345, *ROWS[2][1:]]]))
    assert order.order_id == "4500012345"
    error = refusal(tmp_path, book([[12345678901234567890, *ROWS[2][1:]]]))
    assert (error.code, error.field) == ("DIGITS_LOST", "order_id")
    assert "formatted as text" in str(error)


def test_a_number_that_its_format_fills_up_with_zeros_keeps_them(tmp_path: Path):
    def shape(made: Any) -> None:
        made.active["K2"].value = 123
        made.active["K2"].number_format = "00000"

    (order,), _ = run(tmp_path, book([ROWS[2]], shape=shape))
    assert order.contacts[0].postal_code == "00123"


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (MORNING + timedelta(seconds=5), "2026-03-01T09:14:05"),
        (date(2026, 3, 1), "2026-03-01T00:00:00"),
        ("2026-03-01T09:14:05+01:00", "2026-03-01T09:14:05+01:00"),
        (46082, "2026-03-01T00:00:00"),
        (46082.3847222222, "2026-03-01T09:14:00"),
    ],
)
def test_moments_are_read_from_dates_serials_and_text(value: Any, moment: str, tmp_path: Path):
    (order,), _ = run(tmp_path, book([["PO-1", value, *ROWS[2][2:]]]))
    assert order.placed_at == moment


def test_the_date_system_of_the_workbook_counts(tmp_path: Path):
    def shape(made: Any) -> None:
        made.epoch = CALENDAR_MAC_1904

    (order,), _ = run(tmp_path, book([["PO-1", 44620, *ROWS[2][2:]]], shape=shape))
    assert order.placed_at == "2026-03-01T00:00:00"


def test_moments_as_text_follow_the_declared_form(tmp_path: Path):
    (order,), _ = run(tmp_path, book([["PO-1", "1.3.2026", *ROWS[2][2:]]]), time_format="%d.%m.%Y")
    assert order.placed_at == "2026-03-01T00:00:00"
    error = refusal(tmp_path, book([["PO-1", "March 1st", *ROWS[2][2:]]]), time_format="%d.%m.%Y")
    assert error.code == "TIME_MALFORMED"


def test_amounts_as_text_follow_the_declared_marks(tmp_path: Path):
    rows = [[*ROWS[2][:5], "1.234,50", *ROWS[2][6:]]]
    (order,), _ = run(tmp_path, book(rows), decimal=",", grouping=".")
    assert order.lines[0].unit_price == "1234.50"
    assert refusal(tmp_path, book(rows), decimal=",").code == "AMOUNT_MALFORMED"
    (order,), _ = run(tmp_path, book([ROWS[2]]), decimal=",")
    assert order.lines[0].unit_price == "0.1", "a number has no mark to read"


def formulas(cached: str | None) -> bytes:
    content = book([[*ROWS[2][:5], "=0.05*2", *ROWS[2][6:]]])
    if cached is None:
        return content
    empty = r"(<f>0\.05\*2</f>)<v ?/>|(<f>0\.05\*2</f>)<v></v>"
    return patched(content, "xl/worksheets/sheet1.xml", (empty, rf"<f>0.05*2</f><v>{cached}</v>"))


def test_a_formula_is_refused_unless_its_value_is_wanted(tmp_path: Path):
    error = refusal(tmp_path, formulas("0.1"))
    assert (error.code, error.field, error.value) == ("FORMULA", "unit_price", "=0.05*2")
    assert "formulas: values" in str(error)
    (order,), _ = run(tmp_path, formulas("0.1"), formulas="values")
    assert (order.lines[0].unit_price, order.ext) == ("0.1", {"formulas": "Price 2"})


def test_a_formula_without_a_value_is_refused_in_any_case(tmp_path: Path):
    assert "no value" in str(refusal(tmp_path, formulas(None), formulas="values"))


def test_a_formula_in_a_column_that_nobody_needs_does_not_matter(tmp_path: Path):
    (order,), refused = run(tmp_path, book([[*ROWS[2], "=1+1"]], head=[*HEAD, "Check"]))
    assert (order.order_id, refused) == ("PO-2", [])


def test_an_error_in_a_cell_refuses_its_order_alone(tmp_path: Path):
    orders, refused = run(tmp_path, book([ROWS[2], ["PO-9", *ROWS[2][1:4], "#REF!", *ROWS[2][5:]]]))
    assert [order.order_id for order in orders] == ["PO-2"]
    assert [(error.code, error.field, error.value) for error in refused] == [("CELL_ERROR", "quantity", "#REF!")]


def test_a_merged_order_cell_speaks_for_all_its_rows(tmp_path: Path):
    def shape(made: Any) -> None:
        for column in "ABGHIJK":
            made.active.merge_cells(f"{column}2:{column}3")

    (order, _), refused = run(tmp_path, book(shape=shape))
    assert refused == []
    assert (order.order_id, len(order.lines), order.contacts[0].name) == ("PO-1", 2, "李小龍")


def test_a_merged_line_cell_is_refused_because_it_cannot_be_shared(tmp_path: Path):
    def shape(made: Any) -> None:
        made.active.merge_cells("F2:F3")

    orders, refused = run(tmp_path, book(shape=shape))
    assert [order.order_id for order in orders] == ["PO-2"]
    assert [(error.code, error.field) for error in refused] == [("CELLS_MERGED", "price")]


def test_a_row_without_order_id_is_refused_or_belongs_to_the_order_above(tmp_path: Path):
    rows = [ROWS[0], [None, None, *ROWS[1][2:6], None, None, None, None, None], ROWS[2]]
    orders, refused = run(tmp_path, book(rows))
    assert [(order.order_id, len(order.lines)) for order in orders] == [("PO-1", 1), ("PO-2", 1)]
    assert [(error.code, error.field) for error in refused] == [("ORDER_ID_MISSING", "sheet Orders, row 3")]
    orders, refused = run(tmp_path, book(rows), order_id="first_row")
    assert [(order.order_id, len(order.lines)) for order in orders] == [("PO-1", 2), ("PO-2", 1)]
    assert refused == []


def test_rows_that_disagree_about_their_order_refuse_it(tmp_path: Path):
    other = [*ROWS[1][:7], "Somebody Else", *ROWS[1][8:]]
    orders, refused = run(tmp_path, book([ROWS[0], other, ROWS[2]]))
    assert [order.order_id for order in orders] == ["PO-2"]
    assert [(error.code, error.field) for error in refused] == [("ROWS_DISAGREE", "name")]
    assert "Somebody" not in str(refused[0])


def test_hidden_sheets_are_read_only_when_they_are_named(tmp_path: Path):
    def shape(made: Any) -> None:
        made.active.sheet_state = "hidden"
        made.create_sheet("Readme").append(["nothing here"])

    error = refusal(tmp_path, book(shape=shape))
    assert "Readme" in str(error)
    (first, _), refused = run(tmp_path, book(shape=shape), sheet="orders")
    assert (first.order_id, refused) == ("PO-1", [])


def test_several_sheets_are_read_and_an_order_may_stand_in_one_only(tmp_path: Path):
    def shape(made: Any) -> None:
        again = made.create_sheet("More")
        again.append(HEAD)
        again.append(["PO-3", *ROWS[2][1:]])
        made.create_sheet("Notes").append(["call me"])

    orders, refused = run(tmp_path, book(shape=shape))
    assert ([order.order_id for order in orders], refused) == (["PO-1", "PO-2", "PO-3"], [])

    def twice(made: Any) -> None:
        shape(made)
        made["More"].append(["PO-1", *ROWS[2][1:]])

    assert "PO-1" in str(refusal(tmp_path, book(shape=twice)))
    assert "no sheet 'Orderz'" in str(refusal(tmp_path, book(), sheet="Orderz"))


def test_words_are_translated_and_unknown_ones_refused(tmp_path: Path):
    layout = {"order": {**LAYOUT["order"], "order_status": "Status"}, "values": {"order_status": {"ny": "open"}}}
    head = [*HEAD, "Status"]
    (order,), _ = run(tmp_path, book([[*ROWS[2], "ny"]], head=head), **layout)
    assert (order.order_status, order.raw_status) == ("open", {"order_status": "ny"})
    assert refusal(tmp_path, book([[*ROWS[2], "??"]], head=head), **layout).code == "STATUS_UNKNOWN"


def test_a_time_of_day_and_a_duration_are_told_as_they_are(tmp_path: Path):
    (order,), _ = run(tmp_path, book([["PO-1", time(9, 14), *ROWS[2][2:]]]))
    assert order.placed_at == "09:14:00", "cleaning refuses it"
    (order,), _ = run(tmp_path, book([[*ROWS[2][:4], timedelta(hours=12), *ROWS[2][5:]]]))
    assert order.lines[0].quantity == "0.5"


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        target.writestr("notes.txt", "no sheets")
    return out.getvalue()


LEFT = {
    "an old workbook": (bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600, ".xls"),
    "a text file": (b"PO no;Item\n1;2\n", "no .xlsx workbook"),
    "nothing": (b"", "no .xlsx workbook"),
    "a cut workbook": (book()[:-400], "no .xlsx workbook"),
    "another archive": (archive(), "cannot be read as a workbook"),
}


@pytest.mark.parametrize("what", LEFT)
def test_what_is_no_workbook_is_left_with_its_reason(what: str, tmp_path: Path):
    content, reason = LEFT[what]
    error = refusal(tmp_path, content)
    assert error.code == "FILE_FAULT"
    assert reason in str(error)
    assert Box(tmp_path).left() == ["orders.xlsx"]


def test_a_workbook_that_unpacks_to_far_too_much_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(workbook, "UNPACKED", 10_000)
    monkeypatch.setattr(workbook, "_load", lambda *_, **__: pytest.fail("it was opened"))
    assert "too large" in str(refusal(tmp_path, book()))


@pytest.mark.parametrize(
    "member", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml", "xl/styles.xml"]
)
def test_entities_inside_a_workbook_are_refused(member: str, tmp_path: Path):
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    content = patched(book(), member, (r"^(<\?xml[^>]*\?>)?", rf"\1{bomb}"))
    error = refusal(tmp_path, content)
    assert error.code == "FILE_FAULT"


def test_a_batch_goes_on_behind_a_page(tmp_path: Path):
    rows = [[f"PO-{number}", *ROWS[2][1:]] for number in range(1200)]
    box = Box(tmp_path)
    box.drop(book(rows))
    whole = box.pages()
    assert [len(page.records) for page in whole] == [500, 500, 200]
    rest = list(box.source.fetch(WINDOW, whole[0].cursor))
    assert [record for page in rest for record in page.records] == [
        record for page in whole[1:] for record in page.records
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order": {"order_nr": "PO no"}}, "did you mean"),
        ({"order": {"placed_at": "Date"}}, "order_id must name"),
        ({"line": {"colour": "Colour"}}, "no field of ours"),
        ({"values": {"order_status": {"ny": "new"}}}, "none of"),
        ({"formulas": "guess"}, "formulas"),
    ],
)
def test_a_wrong_channel_file_is_refused(change: dict[str, Any], message: str):
    with pytest.raises(ValidationError, match=message):
        Options(**{**LAYOUT, **change})


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(TEXT.filter(lambda text: text[0] not in "=#"), st.integers(1, 999), st.decimals(0, 9999, places=2)),
        min_size=1,
        max_size=6,
    )
)
def test_a_random_order_written_as_a_sheet_and_read_back_is_the_same(tmp_path_factory: Any, lines: Any):
    rows = [
        ["PO-1", None, sku, sku, quantity, float(price), None, None, None, None, None] for sku, quantity, price in lines
    ]
    (order,), refused = run(tmp_path_factory.mktemp("sheet"), book(rows))
    assert refused == []
    assert [(line.sku, line.quantity, Decimal(line.unit_price or 0)) for line in order.lines] == [
        (sku, str(quantity), price) for sku, quantity, price in lines
    ]
    assert Decimal(order.grand_total or 0) == sum(quantity * price for _, quantity, price in lines)
