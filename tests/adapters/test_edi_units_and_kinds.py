"""What a price is for, which orders ask for no goods, and lines inside of lines, as trading partners write them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import edi_x12_orders as x12
import edifact_orders as edifact
import pytest
import ubl_orders as ubl

from orderflow.domain.order import Order

HEAD = ["BEG*00*SA*PO-1**20260301", "N1*ST**92*SHP01"]


def cases(quantity: str, unit: str, basis: str, *more: str, **options: Any) -> Order:
    lines = [*HEAD, f"PO1*1*{quantity}*{unit}*2.5*{basis}*VP*TORCH-01", *more, "CTT*1"]
    return x12.order(x12.base(lines), **options)


@pytest.mark.parametrize("unit", ["CA", "CT", "PL", "DZ"])
@pytest.mark.parametrize("basis", ["PE", "LE", "TE"])
def test_a_price_per_each_of_cases_is_not_guessed(unit: str, basis: str):
    lines = [*HEAD, f"PO1*1*10*{unit}*2.5*{basis}*VP*TORCH-01", "PO4*12*1*EA", "CTT*1"]
    refused = x12.refusal(x12.base(lines))
    assert (refused.code, refused.value) == ("AMOUNT_MISSING", "2.5")
    assert "source.price_each" in refused.message


@pytest.mark.parametrize(
    ("unit", "pack", "means", "price", "total"),
    [
        ("CA", "PO4*12*1*EA", "piece", "30.0", "300.00"),
        ("CA", "PO4*4*1*EA***********3", "piece", "30.0", "300.00"),
        ("DZ", "PO4*1", "piece", "30.0", "300.00"),
        ("CA", "PO4*12*1*EA", "ordered_unit", "2.5", "25.00"),
    ],
)
def test_what_a_price_per_each_is_for_is_said_in_the_channel_file(
    unit: str, pack: str, means: str, price: str, total: str
):
    (line,) = cases("10", unit, "PE", pack, price_each=means).lines
    assert (line.unit_price, line.total) == (price, total)


def test_cases_of_unknown_content_have_no_price_by_the_piece():
    lines = [*HEAD, "PO1*1*10*CA*2.5*PE*VP*TORCH-01", "CTT*1"]
    refused = x12.refusal(x12.base(lines), price_each="piece")
    assert "ask the sender for PO4" in refused.message


def test_a_total_that_the_sender_states_and_a_price_of_no_pieces_need_no_explanation():
    assert cases("10", "CA", "PE", "AMT*1*300").lines[0].total == "300"
    assert cases("10", "CA", "UM").lines[0].total == "25.00"
    assert cases("10", "EA", "PE").lines[0].total == "25.00"


def test_a_line_that_comes_in_parts_begins_with_the_first():
    order = cases("10", "EA", "PE", "SCH*5*EA***002*20260310", "SCH*5*EA***002*20260320")
    assert order.lines[0].deliver_by == "2026-03-10T00:00:00"


def test_allowances_of_old_versions_are_not_passed_over():
    header = x12.refusal(x12.base([HEAD[0], "ITA*A***02*1*-100", *x12.LINES[9:]]))
    line = x12.refusal(x12.base([*x12.LINES[:14], "ITA*C*VI**02**500", *x12.LINES[14:]]))
    assert [(each.code, each.field) for each in (header, line)] == [("CODE_UNKNOWN", "ITA")] * 2


def test_an_order_that_others_call_off_and_a_copy_ask_for_no_goods():
    for kind in ("BK", "BE", "IN"):
        refused = x12.refusal(x12.base([line.replace("BEG*00*SA", f"BEG*00*{kind}") for line in x12.LINES]))
        assert (refused.code, refused.field, refused.value) == ("PURPOSE_UNKNOWN", "BEG02", kind)
    blanket = edifact.refusal(edifact.base([line.replace("BGM+220", "BGM+221") for line in edifact.BODY]))
    assert (blanket.code, blanket.field) == ("PURPOSE_UNKNOWN", "BGM 1001")
    document = ubl.document(head="<cbc:OrderTypeCode>221</cbc:OrderTypeCode>")
    assert ubl.refusal(document).field == "cbc:OrderTypeCode"


def display(price: str) -> Order:
    """A display and what is in it, as sub-lines."""
    lines = [
        *edifact.BODY[:12],
        *("LIN+1++4000862141404:SRV", "PIA+1+DISPLAY:SA", "QTY+21:2:PCE", *([f"PRI+AAA:{price}"] if price else [])),
        *("LIN+2++4000862141411:SRV+1:1", "PIA+1+SOAP:SA", "QTY+21:20:PCE", "PRI+AAA:6.00"),
        *("LIN+3++4000862141428:SRV+1:1", "PIA+1+CREAM:SA", "QTY+21:20:PCE", "PRI+AAA:4.00"),
        *("UNS+S", "CNT+2:3"),
    ]
    return edifact.order(edifact.base(lines))


@pytest.mark.parametrize(("price", "total"), [("100.00", "200.00"), ("", "200.00")])
def test_what_is_in_a_display_is_not_paid_for_twice(price: str, total: str):
    order = display(price)
    assert [(line.kind, line.parent_line_id) for line in order.lines] == [
        ("product", None),
        ("bundle_child", "1"),
        ("bundle_child", "1"),
    ]
    assert Decimal(order.grand_total or "") == Decimal(total)
