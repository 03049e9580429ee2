"""Interchanges that are odd and legal, or nearly so: what they mean, and what is told where that cannot be known."""

from __future__ import annotations

from pathlib import Path

import edi_x12_orders as x12
import edifact_orders as edifact
import pytest
import ubl_orders as ubl
from drop_box import DropBox

from orderflow import adapters
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Order


def read(folder: Path, adapter: str, *files: bytes, **options: object) -> tuple[list[Order], list[RecordError]]:
    box = DropBox(folder, adapters.find(adapter), **options)
    for number, content in enumerate(files):
        box.drop(f"{number}.edi", content)
    return box.run()


X12 = x12.interchange(x12.transaction("850", [line for line in x12.LINES if line.isascii()]))
X12 = X12.replace("SE*22*", f"SE*{X12.split('SE*')[0].split('ST*')[1].count('~') + 1}*")
EDIFACT = edifact.interchange(edifact.message(edifact.BODY))


@pytest.mark.parametrize("marks", ["|^\n", "\x1d\x1f\x1c", "+:'"])
def test_x12_is_read_with_whatever_delimiters_it_announces(tmp_path: Path, marks: str):
    flat = X12.replace("\n", "")
    for old, new in zip("*>~", marks, strict=True):
        flat = flat.replace(old, new)
    (order,), refused = read(tmp_path, "edi_x12", flat.encode())
    assert (refused, [line.sku for line in order.lines]) == ([], ["TORCH-01", "KNIFE-02"])


@pytest.mark.parametrize("una", ["UNA;|.! ~", "UNA:+,? '", "UNA:+.? \n"])
def test_edifact_is_read_with_whatever_una_announces(tmp_path: Path, una: str):
    flat = EDIFACT.removeprefix("UNA:+.? '\n").replace("\n", "").replace("24?'", "24 inch").replace("?:", "")
    flat = flat.translate(str.maketrans(":+?'", una[3] + una[4] + una[6] + una[8]))
    (order,), refused = read(tmp_path, "edifact", (una + flat).encode("latin-1"))
    assert (refused, order.lines[1].title, order.grand_total) == ([], "Chef knife 24 inch", "148.80")


def test_a_group_without_sets_and_numbers_filled_up_with_zeros_are_no_fault(tmp_path: Path):
    empty = "GS*PO*BUYERCO*SELLERCO*20260301*0914*102*X*004010~\nGE*0*102~\n"
    odd = X12.replace("GE*1*101", "GE*00001*000000101").replace("IEA*1*", f"{empty}IEA*2*")
    (order,), refused = read(tmp_path, "edi_x12", odd.encode())
    assert (order.order_number, refused) == ("PO-1", [])


LETTERS = {
    "edi_x12": (x12.interchange(x12.transaction("850", x12.LINES)).replace("🔥", "é").encode(), {"charset": "latin-1"}),
    "edifact": (EDIFACT.encode(), {}),
    "edifact, plain letters declared": (EDIFACT.replace("UNOC", "UNOA").encode(), {}),
    "ubl": (ubl.document().replace("UTF-8", "windows-1252").encode(), {}),
}


@pytest.mark.parametrize("case", LETTERS)
def test_letters_in_utf_8_are_not_read_as_those_of_another_character_set(case: str, tmp_path: Path):
    content, options = LETTERS[case]
    _, (refused,) = read(tmp_path, case.partition(",")[0], content, **options)
    assert (refused.code, refused.field) == ("CHARACTER_SET", "file")
    assert "its letters are written in UTF-8" in refused.message
    (order,), _ = read(tmp_path, case.partition(",")[0], charset="utf-8")
    assert any(ord(letter) > 127 for line in order.lines for letter in line.title or "")


def test_a_change_that_names_the_article_by_another_of_its_numbers_does_not_rename_it():
    by_ean = [line for line in edifact.CHANGE if not line.startswith("PIA")]
    assert edifact.order(edifact.change(by_ean), edifact.base()).lines[0].sku == "TORCH-01"
    by_upc = "POC*1*QI*3*1*EA*24.5*PE*UP*012345678905"
    order = x12.order(x12.change("BCH*04*SA*PO-1**{sequence}*20260301", by_upc, "CTT*1"), x12.base())
    assert (order.lines[0].sku, order.lines[0].quantity) == ("TORCH-01", "3")


def test_a_change_that_names_another_article_renames_it():
    other = [line.replace("7350000000016", "7350000000030") for line in edifact.CHANGE]
    assert edifact.order(edifact.change(other), edifact.base()).lines[0].sku == "7350000000030"


def test_free_goods_are_delivered_beside_what_was_ordered():
    body = [*edifact.BODY[:21], "QTY+59:10", "QTY+192:1", *edifact.BODY[21:]]
    torch, free, knife = edifact.order(edifact.base(body)).lines
    assert (free.kind, free.sku, free.quantity, free.unit_price, free.total) == ("gift", "TORCH-01", "1", "0", "0")
    assert (free.parent_line_id, torch.quantity, knife.number) == (torch.line_id, "2", 3)
    more = [*edifact.CHANGE[:4], "QTY+21:3:PCE", "QTY+192:2", "MOA+203:73.50", *edifact.CHANGE[6:]]
    changed = edifact.order(edifact.change(more), edifact.base(body))
    told = [(line.line_id, line.quantity, line.sku) for line in changed.lines]
    assert told == [("1", "3", "TORCH-01"), ("1/free", "2", "TORCH-01")]
    none = [line.replace("QTY+192:2", "QTY+192:0") for line in more]
    assert [line.line_id for line in edifact.order(edifact.change(none), edifact.base(body)).lines] == ["1"]
    anew = [line.replace("BGM+230+CHG-9+4", "BGM+230+CHG-9+21") for line in none]
    anew = [line for line in anew if not line.startswith(("LIN+2", "MOA+86", "CNT"))]
    assert [line.line_id for line in edifact.order(edifact.change(anew), edifact.base(body)).lines] == ["1"]
    gone = [line.replace("LIN+1+3", "LIN+1+2") for line in more]
    assert edifact.order(edifact.change(gone), edifact.base(body)).order_status == "cancelled"


@pytest.mark.parametrize(
    ("dtm", "day"), [("202610:616", "2026-03-08"), ("202603090800202603101700:719", "2026-03-10"), ("2610:616", None)]
)
def test_goods_that_are_asked_for_in_a_week_or_a_period_are_due_at_its_end(dtm: str, day: str | None):
    told = edifact.base([*edifact.BODY[:21], f"DTM+2:{dtm}", *edifact.BODY[21:]])
    if day is None:
        assert edifact.refusal(told).code == "TIME_MALFORMED"
    else:
        assert (edifact.order(told).lines[0].deliver_by or "").startswith(day)


def test_the_parts_of_a_free_text_are_words_apart_unless_they_were_cut():
    long = "x" * 70
    told = [f"FTX+DEL+++Ring bell:Leave at door:{long}:y" if line.startswith("FTX") else line for line in edifact.BODY]
    assert edifact.order(edifact.base(told)).contacts[0].note == f"Ring bell Leave at door {long}y"


def test_lines_between_two_section_marks_are_read():
    order = edifact.order(edifact.base([*edifact.BODY[:17], "UNS+D", *edifact.BODY[17:]]))
    assert len(order.lines) == 2


def test_the_unit_of_a_change_is_the_first_part_of_its_composite_whatever_parts_it():
    poc = "POC*1*QI*3*1*CA:12*24.5*CT*VP*TORCH-01"
    order = x12.order(x12.change("BCH*04*SA*PO-1**{sequence}*20260301", poc, "CTT*1"), x12.base())
    assert order.lines[0].uom == "CA"
