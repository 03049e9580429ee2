"""Spreadsheets: rows become orders, wherever on a sheet they stand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from drop_box import WINDOW
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from spreadsheet_books import HEAD, LAYOUT, ROWS, book, opened, refusal, run

from orderflow.adapters.spreadsheet.layout import Options


def test_rows_become_orders(tmp_path: Path):
    box = opened(tmp_path)
    box.drop("orders.xlsx", book())
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
    assert opened(tmp_path).left() == ["orders.xlsx"]


def test_a_column_that_stands_twice_is_refused(tmp_path: Path):
    assert "twice" in str(refusal(tmp_path, book([[*row, 1] for row in ROWS], head=[*HEAD, "qty"])))


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


def test_a_batch_goes_on_behind_a_page(tmp_path: Path):
    rows = [[f"PO-{number}", *ROWS[2][1:]] for number in range(1200)]
    box = opened(tmp_path)
    box.drop("orders.xlsx", book(rows))
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
