"""UBL documents in a mailbox: envelopes, character sets, hostile files, and documents that come again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from drop_box import DropBox
from ubl_orders import document, line, order

from orderflow.adapters.ubl import ADAPTER
from orderflow.adapters.ubl.document import read


def test_an_envelope_is_taken_off():
    space = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
    inner = document().split("?>\n", 1)[1]
    wrapped = (
        f'<StandardBusinessDocument xmlns="{space}"><StandardBusinessDocumentHeader><DocumentIdentification>'
        "<InstanceIdentifier>a-b-c</InstanceIdentifier></DocumentIdentification></StandardBusinessDocumentHeader>"
        f"{inner}</StandardBusinessDocument>"
    )
    assert read(wrapped).instance == "a-b-c"
    assert order(wrapped).order_id == "PO-1"


@pytest.mark.parametrize("name", ["utf-8", "utf-8-sig", "iso-8859-1", "utf-16", "gb18030", "shift_jis", "windows-1252"])
def test_a_document_is_read_in_the_character_set_that_it_declares(name: str, tmp_path: Path):
    title = {"iso-8859-1": "Brûlée", "windows-1252": "Brûlée – 5 €", "shift_jis": "菜刀バーナー"}.get(
        name, "菜刀 Brûlée"
    )
    source = document(lines=line(1, "A", "1", "1", "1", title=title), money="<!-- none -->").replace("Ł", "L")
    if name in ("iso-8859-1", "shift_jis"):
        source = source.replace("–", "-")
    if name == "shift_jis":
        source = re.sub("[äöåëñ]", "x", source)
    box = DropBox(tmp_path, ADAPTER, partner="7300000000011")
    box.drop("order.xml", source.replace('encoding="UTF-8"', f'encoding="{name.removesuffix("-sig")}"').encode(name))
    (found,), refused = box.run()
    assert refused == []
    assert found.lines[0].title == title


def test_what_a_document_says_leads_to_no_place_outside_the_archive(tmp_path: Path):
    box = DropBox(tmp_path, ADAPTER)
    box.drop("order.xml", document().replace("<cbc:IssueDate>2026-03-01<", "<cbc:IssueDate>../../x<", 1).encode())
    box.source.acknowledge([page.origin for page in box.pages()])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "done"]


def test_hostile_and_torn_documents_are_left_with_their_reason(tmp_path: Path):
    box = DropBox(tmp_path, ADAPTER)
    box.drop("bomb.xml", b'<!DOCTYPE x [<!ENTITY a "b">]><Order>&a;</Order>')
    box.drop("invoice.xml", b'<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>')
    box.drop("latin.xml", document().encode("utf-8").replace("Köket".encode(), "Köket".encode("latin-1")))
    box.drop("torn.xml", document().encode()[:900])
    box.drop("whole.xml", document().encode())
    orders, refused = box.run()
    assert [each.order_number for each in orders] == ["PO-1"]
    assert {error.code for error in refused} == {
        "XML_FORBIDDEN",
        "MESSAGE_TYPE_UNKNOWN",
        "CHARACTER_SET",
        "XML_MALFORMED",
    }
    assert all("left where it is" in str(error) for error in refused)
    assert box.left() == ["bomb.xml", "invoice.xml", "latin.xml", "torn.xml"]


def test_a_document_that_comes_again_is_delivered_once_and_a_change_finds_its_order(tmp_path: Path):
    box = DropBox(tmp_path, ADAPTER)
    box.drop("a.xml", document().encode())
    assert len(box.run()[0]) == 1
    box.drop("b.xml", document().encode())
    assert box.run() == ([], [])
    box.drop("c.xml", document("OrderCancellation", date="2026-03-03").encode())
    (found,), refused = box.run()
    assert (found.order_id, found.order_status, refused) == ("7300000000011/PO-1", "cancelled", [])
    assert box.left() == []
