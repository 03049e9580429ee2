"""Tables that people make for people: titles above them, sums beneath, headings that span cells, formulas for names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from drop_box import DECODE, DropBox
from spreadsheet_books import HEAD, MORNING, ROWS, book, opened, patched, run

from orderflow.adapters import csv_drop
from orderflow.adapters.cells import is_total
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Order

COLUMNS: dict[str, Any] = {
    "order": {"order_id": "id", "currency": {"constant": "EUR"}},
    "line": {"sku": "sku", "title": "title", "quantity": "qty", "unit_price": "price"},
}
TABLE = "id,sku,title,qty,price\nPO-1,A,Torch,1,5\nPO-1,B,Knife,2,7\n"
FIRST = ["PO-2", MORNING, "TORCH-01", "torch", 1, 10, None, "Zoë", "Götgatan 12", None, "211 20"]
NEXT = [None, None, "KNIFE-02", "knife", 2, 7, *[None] * 5]


def table(folder: Path, content: str | bytes, **form: Any) -> tuple[list[Order], list[RecordError]]:
    box = DropBox(folder, csv_drop.ADAPTER, **{**COLUMNS, **form})
    box.drop("a.csv", content if isinstance(content, bytes) else content.encode())
    return box.run()


@pytest.mark.parametrize("total", ["Total,,,3,19", ",,Sum:,3,19", ",, Gesamtsumme ,3,19", "合計,,,3,19", ",,,3,TOTAL"])
def test_a_row_of_sums_is_no_line_and_no_order(tmp_path: Path, total: str):
    (order,), refused = table(tmp_path, f"{TABLE}{total}\n")
    assert (order.order_id, len(order.lines), refused) == ("PO-1", 2, [])


@pytest.mark.parametrize("row", [",,,3,19", ",C,Total,3,19", ",,Total cover,3,19"])
def test_a_row_of_sums_that_does_not_say_so_is_told(tmp_path: Path, row: str):
    orders, refused = table(tmp_path, f"{TABLE}{row}\n")
    assert (len(orders), [each.code for each in refused]) == (1, ["ORDER_ID_MISSING"])


def test_an_order_that_has_a_row_called_total_keeps_it(tmp_path: Path):
    (order,), _ = table(tmp_path, f"{TABLE}PO-1,,Total,1,3\n")
    assert [line.title for line in order.lines] == ["Torch", "Knife", "Total"]


@pytest.mark.parametrize("total", [[None] * 3 + ["Total", 3, 24], ["Sum", *[None] * 3, "=SUM(E2:E3)", "=SUM(F2:F3)"]])
@pytest.mark.parametrize("rows", ["first_row", "every_row"])
def test_a_row_of_sums_beneath_a_sheet_joins_no_order(tmp_path: Path, rows: str, total: list[Any]):
    both = NEXT if rows == "first_row" else [*FIRST[:2], *NEXT[2:6], *FIRST[6:]]
    (order,), refused = run(tmp_path, book([FIRST, both, total]), order_id=rows)
    assert (order.order_id, len(order.lines), refused) == ("PO-2", 2, [])


def test_a_row_of_sums_may_say_so_beside_the_table(tmp_path: Path):
    rows = [FIRST, NEXT, [*[None] * 4, 3, 24, *[None] * 5, "Total"]]
    (order,), _ = run(tmp_path, book(rows, head=[*HEAD, "Remarks"]), order_id="first_row")
    assert len(order.lines) == 2


@pytest.mark.parametrize("word", ["Total", "TOTALS:", " Grand  total", "Sous-total", "i alt", "小計", "Итого"])
def test_words_of_sums_are_known_whatever_stands_around_them(word: str):
    assert is_total(word)
    assert not is_total(f"{word} cover")


def test_titles_above_a_table_are_passed_over(tmp_path: Path):
    (order,), refused = table(tmp_path, f"Orders of March\n\nmade by,Anna,,,\n{TABLE}")
    assert (order.order_id, refused) == ("PO-1", [])


@pytest.mark.parametrize(
    "old", ["", "id,sku,title,qty,Preis\n", "id,sku,title,qty,price,colour\nPO-8,A,Torch,1,,red\n"]
)
def test_orders_above_the_header_are_not_taken_for_titles(tmp_path: Path, old: str):
    orders, (refused,) = table(tmp_path, f"{old.replace('price', 'Preis')}PO-9,A,Torch,1,5\n{TABLE}")
    assert (orders, refused.field) == ([], "a.csv, line 1")
    assert "perhaps files were joined" in refused.message
    assert "PO-9" not in refused.message


def test_a_table_without_its_header_is_told_by_the_row_that_is_nearest_to_one(tmp_path: Path):
    _, (refused,) = table(tmp_path, f"Orders of March\n{TABLE.replace('price', 'Preis')}")
    assert refused.field == "a.csv, line 2"
    assert "no column 'price' for line.unit_price" in refused.message
    for missing in ("PO-1,A,Torch,1,5\n" * 1000, "Orders of March\n" * 100 + TABLE):
        _, (refused,) = table(tmp_path, missing)
        assert refused.field == "a.csv, line 1"
        assert "Torch" not in refused.message, "a row may name a buyer"


def test_more_values_than_columns_are_explained(tmp_path: Path):
    _, (refused,) = table(tmp_path, TABLE.replace("Torch", "Torch, red"))
    assert "6 values for 5 columns (a value with a delimiter has no quotes" in refused.message


def test_line_ends_of_old_macs_are_called_by_their_name(tmp_path: Path):
    _, (refused,) = table(tmp_path, TABLE.replace("\n", "\r"), last_line="open")
    assert "lines end as those of old Macs" in refused.message


def test_headings_that_are_merged_over_two_rows_are_headings_of_both(tmp_path: Path):
    groups = ["PO no", "Date", "Goods", *[None] * 4, "Ship to", *[None] * 3]
    below = [None, None, *HEAD[2:]]

    def shape(made: Any) -> None:
        for area in ("A1:A2", "B1:B2", "C1:G1", "H1:K1"):
            made.active.merge_cells(area)

    (order,), refused = run(tmp_path, book([below, FIRST], head=groups, shape=shape))
    assert (order.order_id, order.lines[0].sku, refused) == ("PO-2", "TORCH-01", [])


def named_by_formulas() -> bytes:
    rows = [[f'="PO-"&{number}', f"={number}*1", *ROWS[2][2:]] for number in (2, 3)]
    values = [(rf"(<f>{text}</f>)(<v ?/>|<v></v>)", rf"\1<v>{value}</v>") for text, value in
              (('"PO-"&amp;2', "PO-9"), ('"PO-"&amp;3', "PO-9"), (r"2\*1", "46082"), (r"3\*1", "46082"))]  # fmt: skip
    return patched(book(rows), "xl/worksheets/sheet1.xml", *values, (r'(<c r="A[23]")', r'\1 t="str"'))


def test_rows_whose_order_number_is_computed_are_one_order_where_its_value_is(tmp_path: Path):
    (order,), refused = run(tmp_path, named_by_formulas(), formulas="values")
    assert (order.order_id, len(order.lines), order.placed_at, refused) == ("PO-9", 2, "2026-03-01T00:00:00", [])


def test_a_row_whose_order_number_was_not_computed_joins_no_other_order(tmp_path: Path):
    rows = [FIRST, ['="PO-"&3', *NEXT[1:]], [None, None, *NEXT[2:6], '="9.00"', *NEXT[7:]]]
    orders, refused = run(tmp_path, book(rows[:2]), order_id="first_row", formulas="values")
    assert ([len(order.lines) for order in orders], [each.code for each in refused]) == ([1], ["FORMULA"])
    _, (refused_too,) = run(tmp_path, book([rows[0], rows[2]]), order_id="first_row", formulas="values")
    assert refused_too.code == "ROWS_DISAGREE"


def test_a_row_that_says_total_may_be_a_line_where_no_column_tells_the_article(tmp_path: Path):
    line = {"title": "Description", "quantity": "Qty", "unit_price": "Price"}
    rows = [FIRST, [None, None, None, "Total", 1, 3, *[None] * 5]]
    orders, (refused,) = run(tmp_path, book(rows), order_id="first_row", line=line)
    assert (orders, refused.code) == ([], "FILE_FAULT")
    assert "has row 3 of sheet 'Orders', which says that it holds sums" in refused.message


def test_an_order_number_in_doubt_is_not_spelled_as_one(tmp_path: Path):
    box = opened(tmp_path)
    box.drop("orders.xlsx", named_by_formulas())
    assert [DECODE(record)["order_id"] for page in box.pages() for record in page.records] == [None, None]
    assert [each.code for each in box.outcome()[1]] == ["FORMULA", "FORMULA"]
