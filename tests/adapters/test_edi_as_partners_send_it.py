"""Interchanges and documents as real partners send them: cut into records, in the wrong character set, half stated."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import edi_x12_orders as x12
import edifact_orders as edifact
import pytest
import ubl_orders as ubl
from drop_box import DropBox
from edi_mailbox import change, mailbox, one
from edi_mailbox import x12 as interchange
from money_equation import residue
from pydantic import ValidationError

from orderflow import adapters
from orderflow.adapters.edi.message import Message
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Order

ENDS = ["\n", "\r\n"]


def records(text: str, end: str, length: int = 80) -> str:
    """A text as a mainframe sends it: in lines of one length, whatever stands at the cut."""
    flat = text.replace("\n", "")
    return "".join(flat[at : at + length] + end for at in range(0, len(flat), length))


def read(folder: Path, adapter: str, content: bytes) -> tuple[list[Order], list[RecordError]]:
    box = DropBox(folder, adapters.find(adapter))
    box.drop("order", content)
    return box.run()


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("length", [72, 80, 81])
def test_x12_in_records_of_one_length_reads_as_without(tmp_path: Path, end: str, length: int):
    text = x12.interchange(x12.transaction("850", x12.LINES))
    (tmp_path / "flat").mkdir()
    (tmp_path / "cut").mkdir()
    flat, _ = read(tmp_path / "flat", "edi_x12", text.encode())
    cut, refused = read(tmp_path / "cut", "edi_x12", records(text, end, length).encode())
    assert refused == []
    assert cut == flat


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("length", range(77, 84))
def test_edifact_in_records_of_one_length_reads_as_without(tmp_path: Path, end: str, length: int):
    text = edifact.interchange(edifact.message(edifact.BODY))
    (tmp_path / "flat").mkdir()
    (tmp_path / "cut").mkdir()
    flat, _ = read(tmp_path / "flat", "edifact", text.encode("latin-1"))
    cut, refused = read(tmp_path / "cut", "edifact", records(text, end, length).encode("latin-1"))
    assert refused == []
    assert cut == flat


@pytest.mark.parametrize("letter", ["€", "Š", "’"])
def test_a_byte_of_windows_in_an_interchange_of_iso_8859_is_refused_instead_of_lost(tmp_path: Path, letter: str):
    text = edifact.interchange(edifact.message(edifact.BODY))
    _, (refused,) = read(tmp_path, "edifact", text.replace("Zoë", f"{letter}oe").encode("cp1252"))
    assert refused.code == "CHARACTER_SET"
    assert refused.value == letter.encode("cp1252").hex()
    assert refused.field == f"byte {text.encode('latin-1').index('Zoë'.encode('latin-1'))}"


@pytest.mark.parametrize(
    ("declared", "word"), [("UTF-16", b"K"), ("UTF-7", b"+2AA-"), ("unicode_escape", b"\\ud800"), ("undefined", b"K")]
)
def test_a_document_that_declares_a_wrong_character_set_stops_no_other(tmp_path: Path, declared: str, word: bytes):
    box = DropBox(tmp_path, adapters.find("ubl"))
    wrong = ubl.document().replace('encoding="UTF-8"', f'encoding="{declared}"').encode("ascii", "ignore")
    box.drop("a.xml", wrong.replace(b"Kket", word))
    box.drop("b.xml", ubl.document(number="PO-2").encode())
    orders, (refused,) = box.run()
    assert ([order.order_number for order in orders], refused.code) == (["PO-2"], "CHARACTER_SET")


def test_a_character_set_that_nobody_knows_is_refused_in_the_channel_file():
    with pytest.raises(ValidationError, match="'latin-99' is no character set; write cp1252"):
        adapters.find("edi_x12").options(charset="latin-99")


@pytest.mark.parametrize("poc", ["POC**DI", "POC**CA*5**EA*80*PE*VP*KNIFE-02", "POC**AI*1**EA*9*PE*VP*NEW"])
def test_an_860_that_names_no_line_changes_none(poc: str):
    refused = x12.refusal(x12.change("BCH*04*SA*PO-1**{sequence}*20260301", poc, "CTT*1"), x12.base())
    assert (refused.code, refused.field) == ("ELEMENT_MISSING", "POC01")


def test_an_ordchg_that_names_no_line_changes_none():
    lines = ["LIN++2+7350000000023:EN" if line.startswith("LIN+2") else line for line in edifact.CHANGE]
    refused = edifact.refusal(edifact.change(lines), edifact.base())
    assert (refused.code, refused.field) == ("ELEMENT_MISSING", "LIN 1082")


def test_an_order_change_that_names_no_line_changes_none():
    status = "<cbc:LineStatusCode>2</cbc:LineStatusCode>"
    lines = ubl.line(2, "KNIFE-02", "1", "80.00", "80.00", status=status).replace("<cbc:ID>2</cbc:ID>", "", 1)
    refused = ubl.refusal(ubl.document("OrderChange", lines=lines, profile="urn:other"), ubl.document())
    assert (refused.code, refused.field) == ("ELEMENT_MISSING", "cac:LineItem/cbc:ID")


def test_the_number_of_a_place_stands_for_its_address():
    bare = [line for line in x12.LINES if not line.startswith(("N3", "N4"))]
    by_store = [line.replace("N1*ST*מרכז לוגיסטי*92*SHP01", "N1*ST**92*SHP01") for line in bare]
    by_gln = [line if not line.startswith("NAD+DP") else "NAD+DP+7300000000035::9" for line in edifact.BODY]
    place = '<cac:Delivery><cac:DeliveryLocation><cbc:ID schemeID="0088">7300000000035</cbc:ID></cac:DeliveryLocation>'
    document = ubl.document().replace(ubl.DELIVERY, f"{place}</cac:Delivery>")
    found = [x12.order(x12.base(by_store)), edifact.order(edifact.base(by_gln)), ubl.order(document)]
    shipped = [contact for order in found for contact in order.contacts if contact.role == "ship_to"]
    assert [contact.party_id for contact in shipped] == ["SHP01", "7300000000035", "7300000000035"]
    assert [contact.address for contact in shipped] == [[]] * 3


OWN_ADDRESS = one("PO-1").replace("CTT*1", "N1*ST*Shop 7*92*7~\nCTT*1").replace("SE*7", "SE*8")


@pytest.mark.parametrize("purpose", ["00", "05"])
def test_an_order_that_could_not_be_read_is_mended_by_the_next_one(tmp_path: Path, purpose: str):
    box = mailbox(tmp_path)
    box.drop("a.edi", interchange(OWN_ADDRESS))
    _, (refused,) = box.run()
    assert refused.code == "LINE_SHIP_TO"
    box.drop("b.edi", interchange(one("PO-1").replace("BEG*00", f"BEG*{purpose}"), control="000000102"))
    (order,), refused_now = box.run()
    assert (order.order_id, order.lines[0].quantity, refused_now) == ("PO-1", "2", [])


UNKNOWN = change("PO-1", "5", code="XX")


def test_a_change_that_could_not_be_read_no_longer_counts_once_the_order_is_stated_anew(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("a.edi", interchange(one("PO-1")))
    box.run()
    box.drop("b.edi", interchange(UNKNOWN, control="000000102"))
    _, (refused,) = box.run()
    assert refused.code == "CODE_UNKNOWN"
    box.drop("c.edi", interchange(one("PO-1"), control="000000103"))
    assert [each.code for each in box.run()[1]] == ["CODE_UNKNOWN"], "the same order again mends nothing"
    box.drop("d.edi", interchange(change("PO-1", "4", "2"), control="000000104"))
    assert [each.code for each in box.run()[1]] == ["CODE_UNKNOWN"], "nor does the next change"
    box.drop("e.edi", interchange(one("PO-1", "4").replace("BEG*00", "BEG*05"), control="000000105"))
    (order,), refused_now = box.run()
    assert (order.lines[0].quantity, refused_now) == ("4", [])


def test_a_cancellation_counts_whatever_came_of_the_changes_before_it(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("a.edi", interchange(one("PO-1")))
    box.drop("b.edi", interchange(UNKNOWN, control="000000102"))
    box.run()
    cancelling = change("PO-1", "0", "3", "DI").replace("BCH*04", "BCH*01")
    box.drop("c.edi", interchange(cancelling, control="000000103"))
    (order,), refused = box.run()
    assert (order.order_status, refused) == ("cancelled", [])


def test_a_change_that_came_first_and_cannot_be_read_still_holds_its_order_back(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("a.edi", interchange(UNKNOWN))
    box.drop("b.edi", interchange(one("PO-1"), control="000000102"))
    assert [each.code for each in box.run()[1]] == ["CODE_UNKNOWN", "CODE_UNKNOWN"]


def test_the_tax_of_lines_is_no_tax_beside_that_of_the_order():
    order = edifact.order(edifact.base(beside(edifact.BODY, "UNS", "TAX+7+VAT+++:::20+S", "MOA+124:16.00")))
    assert (order.lines[1].tax, order.tax_total, residue(order)) == ("16.00", "24.80", 0)
    told = '<cbc:TotalTaxAmount currencyID="EUR">24.80</cbc:TotalTaxAmount>'
    order = ubl.order(ubl.document(lines=ubl.line(1, "TORCH-01", "2", "64.50", "129.00", more=told)))
    assert (order.lines[0].tax, order.tax_total, residue(order)) == ("24.80", "24.80", 0)


def test_the_currency_is_that_of_the_amounts_where_the_order_names_none():
    body = [f"{line}:SEK" if line.startswith("MOA+203") else line for line in edifact.BODY if "CUX" not in line]
    assert edifact.order(edifact.base(body)).currency == "SEK"
    plain = ubl.document().replace("<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>", "")
    assert ubl.order(plain.replace("EUR", "SEK")).currency == "SEK"
    assert ubl.refusal(plain.replace("EUR", "SEK", 1)).code == "CURRENCY_MIXED"


def test_an_amount_in_another_currency_than_the_order_is_refused():
    body = [f"{line}:SEK" if line == "MOA+203:80.00" else line for line in edifact.BODY]
    refused = edifact.refusal(edifact.base(body))
    assert (refused.code, refused.field, refused.value) == ("CURRENCY_MIXED", "MOA 203", "SEK")


def beside(lines: list[str], tag: str, *more: str) -> list[str]:
    at = next(place for place, line in enumerate(lines) if line.startswith(tag))
    return [*lines[:at], *more, *lines[at:]]


SECOND = ubl.DELIVERY.replace("Malmö", "Lund")
TWO_ADDRESSES = {
    "x12": lambda: x12.order(x12.base(beside(x12.LINES, "N1*ST", "N1*ST*Other*92*9", "N4*Lund**22222*SE"))),
    "edifact": lambda: edifact.order(edifact.base(beside(edifact.BODY, "NAD+DP", "NAD+DP+7300000000099::9"))),
    "ubl": lambda: ubl.order(ubl.document().replace("<cac:Delivery>", f"{SECOND}<cac:Delivery>", 1)),
}
ONE_ADDRESS_TWICE = {
    "x12": lambda: x12.order(x12.base([*x12.LINES[:10], *x12.LINES[10:13], *x12.LINES[10:]])),
    "edifact": lambda: edifact.order(edifact.base([*edifact.BODY[:9], edifact.BODY[9], *edifact.BODY[9:]])),
    "ubl": lambda: ubl.order(ubl.document().replace("<cac:Delivery>", f"{ubl.DELIVERY}<cac:Delivery>", 1)),
}


@pytest.mark.parametrize("kind", TWO_ADDRESSES)
def test_of_two_delivery_addresses_none_is_chosen(kind: str):
    roles = [contact.role for contact in TWO_ADDRESSES[kind]().contacts]
    assert roles.count("ship_to") == 2, "validation refuses two contacts of one role"
    roles = [contact.role for contact in ONE_ADDRESS_TWICE[kind]().contacts]
    assert roles.count("ship_to") == 1


PER_PIECE = "PRI+AAA:24.50::::PCE"


@pytest.mark.parametrize(("ordered", "total"), [("PCE", "49.00"), ("EA", "49.00"), ("CT", None)])
def test_a_price_for_another_unit_than_the_quantity_makes_no_total(ordered: str, total: str | None):
    lines = [line.replace("21:2:PCE", f"21:2:{ordered}").replace("PRI+AAA:24.50", PER_PIECE) for line in edifact.BODY]
    assert edifact.order(edifact.base(lines)).lines[0].total == "49.00", "the sender states it"
    message = edifact.base([line for line in lines if line != "MOA+203:49.00"])
    unit = {"PCE": "H87", "EA": "EA", "CT": "CT"}[ordered]
    document = ubl.document().replace('<cbc:LineExtensionAmount currencyID="EUR">49.00</cbc:LineExtensionAmount>', "")
    document = document.replace("<cbc:BaseQuantity>", '<cbc:BaseQuantity unitCode="C62">', 1).replace(
        '"H87"', f'"{unit}"', 1
    )
    if total:
        assert (edifact.order(message).lines[0].total, ubl.order(document).lines[0].total) == (total, total)
        return
    for refused in (edifact.refusal(message), ubl.refusal(document)):
        assert refused.code == "AMOUNT_MISSING"
        assert "CT" in refused.message


@pytest.mark.parametrize(("kind", "times"), [("Order", ("2", "3")), ("Order", ("3", "2")), ("OrderChange", ("3", "2"))])
def test_of_two_documents_of_one_moment_none_is_taken_for_the_newer(kind: str, times: tuple[str, str]):
    def told(quantity: str, head: str = "") -> str:
        total = str(Decimal(quantity) * Decimal("24.50"))
        return ubl.document(kind, lines=ubl.line(1, "TORCH-01", quantity, "24.50", total), head=head)

    first, second = (told(quantity) for quantity in times)
    base = () if kind == "Order" else (ubl.document(),)
    refused = ubl.refusal(second, first, *base)
    assert (refused.code, refused.field) == ("CHANGE_NUMBER_REUSED", "cbc:IssueTime")
    assert ubl.order(second, second.replace("><", "> <"), *base).lines[0].quantity == times[1]
    mended = told(times[1], "<cbc:IssueTime>17:00:00</cbc:IssueTime>")
    assert ubl.order(mended, first, second, *base).lines[0].quantity == times[1]


def test_of_two_changes_of_one_minute_the_higher_control_number_is_the_later():
    def change(quantity: str, control: str) -> Message:
        lines = ["BGM+230+C-1+4", "RFF+ON:PO-1", "LIN+2+3", f"QTY+21:{quantity}:PCE", "UNS+S"]
        return edifact.change(lines, control=control)

    ninth, tenth = change("5", "9"), change("4", "10")
    for told, history in ((ninth, [edifact.base(), tenth]), (tenth, [edifact.base(), ninth])):
        assert edifact.order(told, *history).lines[1].quantity == "4"
