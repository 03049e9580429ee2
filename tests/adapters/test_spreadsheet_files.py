"""Files that are no workbooks, or hostile ones."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from spreadsheet_books import book, opened, patched, refusal, run

from orderflow.adapters.spreadsheet import workbook


def archive(member: str = "notes.txt") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        target.writestr(member, "no sheets")
    return out.getvalue()


LEFT = {
    "an old workbook": (bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600, ".xls"),
    "a text file": (b"PO no;Item\n1;2\n", "no .xlsx workbook"),
    "nothing": (b"", "no .xlsx workbook"),
    "a cut workbook": (book()[:-400], "no .xlsx workbook"),
    "an OpenDocument sheet": (archive("content.xml"), "saved as .xlsx"),
    "another archive": (archive(), "cannot be read as a workbook"),
}


@pytest.mark.parametrize("what", LEFT)
def test_what_is_no_workbook_is_left_with_its_reason(what: str, tmp_path: Path):
    content, reason = LEFT[what]
    error = refusal(tmp_path, content)
    assert error.code == "FILE_FAULT"
    assert reason in str(error)
    assert opened(tmp_path).left() == ["orders.xlsx"]


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


@pytest.mark.parametrize("reference", ["A1:XFD1048576", "ZZ2:ZZ1048576"])
def test_merges_over_more_than_any_sheet_of_orders_are_not_unfolded(reference: str, tmp_path: Path):
    merges = rf'\g<0><mergeCells count="1"><mergeCell ref="{reference}"/></mergeCells>'
    content = patched(book(), "xl/worksheets/sheet1.xml", ("</sheetData>", merges))
    assert "merges over more than 1,000,000" in str(refusal(tmp_path, content))


def test_more_cells_than_the_memory_holds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(workbook, "CELLS", 20)
    assert "has more than 20 cells" in str(refusal(tmp_path, book()))


def test_a_lone_cell_at_the_far_end_of_the_sheet_hides_no_order_and_takes_no_memory(tmp_path: Path):
    def stray(made: Any) -> None:
        made.active.cell(1_048_576, 16_384, "x")

    orders, faults = run(tmp_path, book(shape=stray))
    assert ([order.order_id for order in orders], faults) == (["PO-1", "PO-2"], [])
