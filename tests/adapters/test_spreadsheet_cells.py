"""What stands in a cell: numbers, moments, formulas, errors, and cells that were merged."""

from __future__ import annotations

from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from spreadsheet_books import HEAD, MORNING, ROWS, book, patched, refusal, run


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


@pytest.mark.parametrize(
    ("number", "form", "shown"),
    [
        (123, "00000", "00123"),
        (123, "[$-407]00000", "00123"),
        (123, "[$-804]00000;@", "00123"),
        (123456, "000\\-0000", "012-3456"),
        (123456789012, "00000-0000", "12345678-9012"),
        (123, "0", "123"),
        (123, "0.00000", "123"),
        (123.5, "00000", "123.5"),
    ],
)
def test_a_number_that_its_format_fills_up_with_zeros_keeps_them(tmp_path: Path, number: float, form: str, shown: str):
    def shape(made: Any) -> None:
        made.active["K2"].value = number
        made.active["K2"].number_format = form

    (order,), _ = run(tmp_path, book([ROWS[2]], shape=shape))
    assert order.contacts[0].postal_code == shown


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


def test_a_time_of_day_and_a_duration_are_told_as_they_are(tmp_path: Path):
    (order,), _ = run(tmp_path, book([["PO-1", time(9, 14), *ROWS[2][2:]]]))
    assert order.placed_at == "09:14:00", "cleaning refuses it"
    (order,), _ = run(tmp_path, book([[*ROWS[2][:4], timedelta(hours=12), *ROWS[2][5:]]]))
    assert order.lines[0].quantity == "0.5"
