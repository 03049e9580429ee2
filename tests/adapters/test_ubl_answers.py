"""What UBL answers: the OrderResponse."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ubl_orders import document, order

from orderflow.adapters import xml
from orderflow.adapters.edi.answer import Answer, LineAnswer
from orderflow.adapters.ubl.document import read, text
from orderflow.adapters.ubl.response import response

NOW = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)


def test_an_order_response_answers_every_line():
    source = document()
    answer = Answer(
        outcome="accepted",
        oms_id="SO-77",
        at=NOW,
        lines=[
            LineAnswer(line_id="1", ship_on="2026-03-04"),
            LineAnswer(line_id="2", outcome="backordered", quantity="1", ship_on="2026-03-12"),
        ],
    )
    written = response(order(source), answer, read(source), number="R-1")
    root = read_response(written)
    assert text(root, "cbc:OrderResponseCode") == "CA"
    assert text(root, "cac:OrderReference/cbc:ID") == "PO-1"
    assert text(root, "cbc:SalesOrderID") == "SO-77"
    assert text(root, "cac:BuyerCustomerParty/cac:Party/cbc:EndpointID") == "7300000000011"
    items = [each for each in root.iter() if each.tag.endswith("}LineItem")]
    assert [text(each, "cbc:LineStatusCode") for each in items] == ["5", "3"]
    assert text(items[1], "cbc:MaximumBackorderQuantity") == "1"
    assert text(items[1], "cac:Delivery/cac:PromisedDeliveryPeriod/cbc:StartDate") == "2026-03-12"
    assert "Zoë" not in written


@pytest.mark.parametrize(("outcome", "code"), [("accepted", "AP"), ("rejected", "RE")])
def test_an_order_response_without_changes_has_no_lines(outcome: Any, code: str):
    source = document()
    root = read_response(response(order(source), Answer(outcome=outcome, at=NOW), read(source), number="R-1"))
    assert text(root, "cbc:OrderResponseCode") == code
    assert not any(each.tag.endswith("}OrderLine") for each in root.iter())


def read_response(written: str) -> Any:
    root = xml.parse(written)
    assert root.tag == "{urn:oasis:names:specification:ubl:schema:xsd:OrderResponse-2}OrderResponse"
    return root
