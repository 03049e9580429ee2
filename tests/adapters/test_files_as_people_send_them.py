"""Files as people and their spreadsheet programs write them: what is mended, what is refused, what is told."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from drop_box import DropBox
from spreadsheet_books import HEAD, LAYOUT, MORNING, ROWS, book, opened, patched, refusal
from spreadsheet_books import run as run_book

from orderflow.adapters import csv_drop
from orderflow.adapters.cells import amount, bare, whole
from orderflow.adapters.csv_drop import table as csv_table
from orderflow.adapters.files import FileError, text
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Order

COLUMNS: dict[str, Any] = {
    "order": {"order_id": "id", "currency": {"constant": "EUR"}},
    "line": {"sku": "sku", "quantity": "qty", "unit_price": "price"},
    "ship_to": {"name": "name"},
}
NEXT = ["PO-2", MORNING, "TORCH-01", "torch", 1, 10, None, "Zoë", "Götgatan 12", None, "211 20"]


def run(folder: Path, content: bytes | str, name: str = "a.csv", **form: Any) -> tuple[list[Order], list[RecordError]]:
    box = DropBox(folder, csv_drop.ADAPTER, **{**COLUMNS, **form})
    box.drop(name, content.encode() if isinstance(content, str) else content)
    return box.run()


def table(*rows: str) -> str:
    return "".join(f"{row}\n" for row in ("id,sku,qty,price,name", *rows))


@pytest.mark.parametrize("other", ["PO-1 ", " PO-1", "PO-1\u00a0", "\u200bPO-1", "\tPO-1", '="PO-1"', '"=""PO-1"""'])
def test_rows_whose_order_numbers_differ_in_what_nobody_sees_are_one_order(tmp_path: Path, other: str):
    (order,), refused = run(tmp_path, table("PO-1,A,1,5,Zoë", f"{other},B,1,7,Zoë "))
    assert refused == []
    assert (order.order_id, [line.sku for line in order.lines]) == ("PO-1", ["A", "B"])
    assert order.grand_total == "12"


def test_rows_of_a_sheet_whose_order_numbers_differ_in_what_nobody_sees_are_one_order(tmp_path: Path):
    (order,), refused = run_book(tmp_path, book([NEXT, ["PO-2\u200b", *NEXT[1:]]]))
    assert refused == []
    assert (order.order_id, len(order.lines)) == ("PO-2", 2)


def test_what_keeps_a_spreadsheet_from_dropping_zeros_is_no_part_of_a_number():
    assert [bare(each) for each in ('="0012"', "\t0012 ", '="', "a=b", "\ufeff")] == ["0012", "0012", '="', "a=b", ""]


@pytest.mark.parametrize("cut", ["1.23457E+15", "4,00638E+12", "5E+9"])
def test_what_a_spreadsheet_left_of_a_long_number_is_refused(tmp_path: Path, cut: str):
    _, refused = run(tmp_path, table(f'"{cut}",A,1,5,Zoë', f'PO-2,"{cut}",1,5,Zoë', f'PO-3,A,1,5,"{cut}"'))
    assert [(each.code, each.field) for each in refused] == [
        ("DIGITS_LOST", "order_id"),
        ("DIGITS_LOST", "sku"),
        ("DIGITS_LOST", "name"),
    ]
    assert refusal(tmp_path, book([["PO-1", MORNING, cut, *NEXT[3:]]])).code == "DIGITS_LOST"


@pytest.mark.parametrize("error", ["#N/A", "#NV", "#WERT!", "Err:502"])
def test_the_word_that_a_spreadsheet_writes_for_a_cell_in_error_is_no_value(tmp_path: Path, error: str):
    _, refused = run(tmp_path, table(f"{error},A,1,5,Zoë", f"PO-2,{error},1,5,Zoë", f"PO-3,A,1,5,{error}"))
    assert [(each.code, each.field) for each in refused] == [
        ("CELL_ERROR", "order_id"),
        ("CELL_ERROR", "sku"),
        ("CELL_ERROR", "name"),
    ]
    assert refusal(tmp_path, book([["PO-1", MORNING, error, *NEXT[3:]]])).code == "CELL_ERROR"


@pytest.mark.parametrize("article", ["E+12", "1E5", "12E+", "TORCH-1.5E+3", "#1", "#SALE!", "N/A", "Err:5"])
def test_what_only_looks_a_little_like_it_is_an_article(article: str):
    assert whole("sku", article) == article


@pytest.mark.parametrize("place", [0, 2, 3, 4, 8])
def test_a_date_that_a_spreadsheet_made_of_an_article_or_a_house_number_is_refused(tmp_path: Path, place: int):
    row = [datetime(2026, 3, 5) if at == place else cell for at, cell in enumerate(NEXT)]  # noqa: DTZ001  a sheet's
    found = refusal(tmp_path, book([row]))
    assert found.code == "CELL_ERROR"
    assert "MAR1" in found.message


def test_a_control_character_that_excel_spelled_out_is_one_again(tmp_path: Path):
    row = [*NEXT[:8], "Götgatan 12XXlgh 1304", *NEXT[9:]]
    (order,), _ = run_book(tmp_path, patched(book([row]), "xl/worksheets/sheet1.xml", ("XX", "_x000D_\n")))
    assert order.contacts[0].address == ["Götgatan 12\r\nlgh 1304"]


def test_a_number_that_is_no_day_of_a_spreadsheet_is_left_for_cleaning_to_refuse(tmp_path: Path):
    (order,), _ = run_book(tmp_path, book([["PO-2", 2958466, *NEXT[2:]]]))
    assert order.placed_at == "2958466"


@pytest.mark.parametrize(
    ("written", "decimal", "grouping"),
    [
        ("24,50", ".", ","),
        ("24.50", ",", "."),
        ("1,23", ".", ","),
        ("1,2345.00", ".", ","),
        ("1.50,000", ".", ","),
        (",500", ".", ","),
        ("1,000,00", ".", ","),
        ("1 00", ",", " "),
    ],
)
def test_a_grouping_mark_that_groups_no_thousands_is_refused(written: str, decimal: str, grouping: str):
    with pytest.raises(RecordError, match="AMOUNT_MALFORMED") as caught:
        amount("unit_price", written, decimal=decimal, grouping=grouping, place="sheet Orders, row 2: ")
    assert caught.value.value == written
    assert "sheet Orders, row 2" in caught.value.message


@pytest.mark.parametrize(
    ("written", "plain"),
    [("1,234.50", "1234.50"), ("12,34,567", "1234567"), ("-1,234,567.", "-1234567."), ("24.50", "24.50")],
)
def test_grouping_marks_before_threes_go(written: str, plain: str):
    assert amount("price", written, decimal=".", grouping=",") == plain


def test_a_header_with_empty_cells_at_its_end_and_rows_of_nothing_are_no_fault(tmp_path: Path):
    content = "id,sku,qty,price,name,,\nPO-1,A,1,5,Zoë,,\n,,,,,,\n,,\nPO-2,B,1,5,Zoë,,\n"
    orders, refused = run(tmp_path, content)
    assert ([order.order_id for order in orders], refused) == (["PO-1", "PO-2"], [])


def test_rows_that_end_in_a_delimiter_are_not_each_taken_for_a_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    looks: list[list[str]] = []
    monkeypatch.setattr(csv_table, "_spelled", lambda names, _: looks.append(names) or names)
    rows = "id,sku,qty,price,name,\nPO-1,A,1,5,Zoë,\nPO-2,A,1,5,Zoë,\n"
    assert len(run(tmp_path, rows)[0]) == 2
    assert all(names[0] == "id" for names in looks)


def test_a_header_in_the_middle_of_joined_files_is_no_order(tmp_path: Path):
    orders, refused = run(tmp_path, table("PO-1,A,1,5,Zoë") + table("PO-2,B,1,5,Zoë"))
    assert ([order.order_id for order in orders], refused) == (["PO-1", "PO-2"], [])


def test_a_header_in_the_middle_that_moves_the_columns_makes_the_file_doubtful(tmp_path: Path):
    _, (refused,) = run(tmp_path, table("PO-1,A,1,5,Zoë") + "id,sku,price,qty,name\nPO-2,B,6,1,Zoë\n")
    assert (refused.code, refused.field) == ("FILE_FAULT", "a.csv, line 3")
    assert "another header" in refused.message


@pytest.mark.parametrize("head", ["ID,Sku,QTY,price,NAME", " id,sku ,qty,price,name", "id,sku,qty,price,n\u00a0ame"])
def test_capitals_and_blanks_of_a_heading_do_not_matter(tmp_path: Path, head: str):
    form = {**COLUMNS, "ship_to": {"name": "n ame" if "\u00a0" in head else "name"}}
    (order,), refused = run(tmp_path, f"{head}\nPO-1,A,1,5,Zoë\n", **form)
    assert (order.order_id, order.contacts[0].name, refused) == ("PO-1", "Zoë", [])


def test_an_accent_written_in_two_signs_is_the_same_heading(tmp_path: Path):
    form = {**COLUMNS, "ship_to": {"name": "Empfänger"}}
    (order,), _ = run(tmp_path, "id,sku,qty,price,Empfa\u0308nger\nPO-1,A,1,5,Zoë\n", **form)
    assert order.contacts[0].name == "Zoë"


def test_of_two_rows_that_are_one_order_each_none_is_chosen(tmp_path: Path):
    both = table("PO-1,A,1,5,Zoë", "PO-1,B,1,7,Zoë")
    _, (refused,) = run(tmp_path, both, rows="orders")
    assert (refused.code, refused.field) == ("ROWS_DISAGREE", "order_id")
    (order,), _ = run(tmp_path, table("PO-1,A,1,5,Zoë", "PO-1,A,1,5,Zoë"), rows="orders")
    assert order.grand_total == "5"
    dated = {"order": {**COLUMNS["order"], "channel_updated_at": "name"}}
    orders, _ = run(tmp_path, table("PO-1,A,1,5,2026-03-01", "PO-1,B,1,7,2026-03-02"), rows="orders", **dated)
    assert [order.channel_updated_at for order in orders] == ["2026-03-01", "2026-03-02"]


def test_the_end_that_old_systems_write_is_no_row(tmp_path: Path):
    orders, refused = run(tmp_path, table("PO-1,A,1,5,Zoë") + "\x1a")
    assert ([order.order_id for order in orders], refused) == (["PO-1"], [])


@pytest.mark.parametrize("mark", [" ", "\u00a0", "\u202f", "\u2009"])
def test_every_blank_between_thousands_is_one(mark: str):
    assert amount("price", f"1{mark}234,50", decimal=",", grouping=" ") == "1234.50"
    assert amount("price", "1\u2019234.50", decimal=".", grouping="'") == "1234.50"


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_the_line_that_tells_excel_the_delimiter_is_no_header(tmp_path: Path, delimiter: str):
    content = f"sep={delimiter}\n" + table("PO-1,A,1,5,Zoë").replace(",", delimiter)
    orders, refused = run(tmp_path, content, delimiter=delimiter)
    assert ([order.order_id for order in orders], refused) == (["PO-1"], [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_byte_order_mark_is_no_part_of_the_first_heading(tmp_path: Path, encoding: str):
    content = table("PO-1,A,1,5,李小龍\u2028")
    marked = content if encoding == "utf-16" else "\ufeff" + content
    (order,), refused = run(tmp_path, marked.encode(encoding), encoding=encoding)
    assert (order.order_id, order.contacts[0].name, refused) == ("PO-1", "李小龍", [])


def test_a_wide_text_is_read_to_its_end_whatever_the_blocks():
    lines = ["菜刀 🔥" * 30_000, "", "end"]
    assert list(text(io.BytesIO("\n".join(lines).encode("utf-16")), "utf-16")) == [lines[0] + "\n", "\n", "end"]


@pytest.mark.parametrize("byte", ["€", "Š", "’"])
def test_a_byte_of_windows_in_a_file_of_iso_8859_is_refused_instead_of_lost(tmp_path: Path, byte: str):
    content = table("PO-1,A,1,5,Zoe", f"PO-2,A,1,5,{byte}imon").encode("cp1252")
    _, (refused,) = run(tmp_path, content, encoding="latin-1")
    assert (refused.code, refused.field) == ("FILE_FAULT", "a.csv, line 3")
    assert "cp1252" in refused.message
    assert run(tmp_path, content, encoding="cp1252")[0][1].contacts[0].name == f"{byte}imon"


@pytest.mark.parametrize(("name", "pattern"), [("ORDERS_1.CSV", "orders_*.csv"), ("orders_1.csv", "Orders_*.CSV")])
def test_capitals_in_a_name_hide_no_file(tmp_path: Path, name: str, pattern: str):
    orders, _ = run(tmp_path, table("PO-1,A,1,5,Zoë"), name=name, files=pattern)
    assert [order.order_id for order in orders] == ["PO-1"]


def test_capitals_in_a_name_hide_no_manifest_and_no_unfinished_file(tmp_path: Path):
    box = DropBox(tmp_path, csv_drop.ADAPTER, **COLUMNS, files="*", ready="manifest")
    for name in ("A.CSV", "B.CSV.PART", "~$c.csv"):
        box.drop(name, table("PO-1,A,1,5,Zoë").encode())
    box.drop("A.CSV.MANIFEST", b'{"rows": 1}')
    box.drop("B.CSV.PART.OK", b"")
    orders, refused = box.run()
    assert ([order.order_id for order in orders], refused) == (["PO-1"], [])
    assert box.left() == ["B.CSV.PART", "B.CSV.PART.OK", "~$c.csv"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("gzip", gzip.compress(b"id,sku\n1,2\n")), ("zip", b"PK\x03\x04\xff\xfe")],
    ids=["gzip", "zip"],
)
def test_an_archive_is_called_one(name: str, content: bytes):
    with pytest.raises(FileError, match=f"begins with the mark of {name}"):
        list(text(io.BytesIO(content), "utf-8"))


def test_a_bottomless_json_object_stops_no_other_file(tmp_path: Path):
    box = DropBox(tmp_path, csv_drop.ADAPTER, **COLUMNS, files="*.jsonl", format="jsonl")
    box.drop("a.jsonl", b'{"id": "PO-1", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n")
    box.drop("b.jsonl", b'{"id": "PO-2", "sku": "A", "qty": 1, "price": 5, "name": "Z"}\n')
    orders, (refused,) = box.run()
    assert ([order.order_id for order in orders], refused.code) == (["PO-2"], "FILE_FAULT")


def broken_zip(content: bytes) -> bytes:
    """A workbook whose archive says that it needs a version of the format that does not exist."""
    at = content.rindex(b"PK\x01\x02")
    return content[: at + 6] + b"\xff" + content[at + 7 :]


def without(content: bytes, member: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            if name != member:
                target.writestr(name, source.read(name))
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        patched(book(), "xl/worksheets/sheet1.xml", (r's="\d+"', 's="99"')),
        without(book(), "xl/worksheets/sheet1.xml"),
        broken_zip(book()),
    ],
    ids=["a style that is not there", "no sheet", "a zip of no known version"],
)
def test_a_workbook_that_openpyxl_fails_on_stops_no_other_file(tmp_path: Path, content: bytes):
    box = opened(tmp_path)
    box.drop("a.xlsx", content)
    box.drop("b.xlsx", book([NEXT]))
    orders, refused = box.run()
    assert ([order.order_id for order in orders], [each.code for each in refused]) == (["PO-2"], ["FILE_FAULT"])


def test_a_sheet_of_orders_with_a_heading_of_its_own_is_not_passed_over(tmp_path: Path):
    def shape(made: Any) -> None:
        sheet = made.create_sheet("February")
        sheet.append(["Unit price" if each == "Price" else each for each in HEAD])
        sheet.append(NEXT)

    found = refusal(tmp_path, book(ROWS, shape=shape))
    assert found.code == "FILE_FAULT"
    assert "'price'" in found.message
    assert "'February'" in found.message
    assert "source.sheet" in found.message


def test_a_header_in_the_middle_of_a_sheet_is_no_order_and_another_one_makes_the_file_doubtful(tmp_path: Path):
    (order,), refused = run_book(tmp_path, book([HEAD, NEXT]))
    assert (order.order_id, refused) == ("PO-2", [])
    found = refusal(tmp_path, book([NEXT, [*HEAD[:4], HEAD[5], HEAD[4], *HEAD[6:]], NEXT]))
    assert found.code == "FILE_FAULT"
    assert "another header in row 3" in found.message


def test_a_sheet_without_order_numbers_holds_no_orders(tmp_path: Path):
    def shape(made: Any) -> None:
        made.create_sheet("Summary").append(["Item", "Qty"])

    orders, refused = run_book(tmp_path, book([NEXT], shape=shape), **LAYOUT)
    assert ([order.order_id for order in orders], refused) == (["PO-2"], [])
