"""The mapping of a UBL Order: amounts, taxes and parties, and what cannot be understood."""

from __future__ import annotations

import contextlib
import re
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ubl_orders import MONEY, document, line, order, refusal

from orderflow.adapters.ubl.document import read
from orderflow.domain.errors import RecordError


def test_an_order_becomes_an_order():
    found = order(document(head="<cbc:IssueTime>09:14:05+01:00</cbc:IssueTime>"))
    assert (found.order_id, found.placed_at) == ("PO-1", "2026-03-01T09:14:05+01:00")
    assert (found.currency, found.grand_total, found.tax_total, found.items_total) == (
        "EUR",
        "148.80",
        "24.80",
        "129.00",
    )
    assert [(each.kind, each.total) for each in found.charges] == [("shipping", "7.90")]
    assert [(each.code, each.amount) for each in found.discounts] == [("95", "12.90")]
    torch = found.lines[0]
    assert (torch.sku, torch.gtin, torch.uom, torch.unit_price) == ("TORCH-01", "07350000000016", "H87", "24.50")
    assert (torch.total, torch.deliver_by, torch.title) == ("49.00", "2026-03-10T00:00:00", "TORCH-01 菜刀 🔥")
    ship_to, buyer = found.contacts
    assert (ship_to.address, ship_to.city, ship_to.country) == (["Götgatan 12 B"], "Malmö", "SE")
    assert ship_to.note == "Ring på dörren – tack!"
    assert (buyer.name, buyer.company, buyer.tax_id) == ("Zoë Łukasiewicz-Nuñez", "Köket AB", "SE556677889901")
    assert found.payment_status == "unpaid"
    assert not any("Zoë" in value for value in found.ext.values())


def test_prefixes_are_free_and_namespaces_are_not():
    renamed = (
        document()
        .replace("cac:", "x:")
        .replace("cbc:", "y:")
        .replace("xmlns:cac", "xmlns:x")
        .replace("xmlns:cbc", "xmlns:y")
    )
    assert order(renamed) == order(document())
    with pytest.raises(RecordError, match="MESSAGE_TYPE_UNKNOWN"):
        read(document().replace("xsd:Order-2", "xsd:Order-1"))


def test_prepaid_and_rounding_are_told_apart():
    found = order(document(money=MONEY.format(prepaid="10.00", rounding="0.20", payable="139.00")))
    assert (found.grand_total, found.paid, found.rounding) == ("149.00", "10.00", "0.20")
    assert found.payment_status == "partially_paid"


def test_a_price_is_for_its_base_quantity():
    lines = line(1, "SCREW", "500", "12.00", "60.00", base="100")
    assert order(document(lines=lines, money="<!-- none -->")).lines[0].unit_price == "0.12"


def test_line_charges_stand_beside_the_line():
    amount = '<cbc:Amount currencyID="EUR">{}</cbc:Amount>'
    one = "<cac:AllowanceCharge><cbc:ChargeIndicator>{}</cbc:ChargeIndicator>{}</cac:AllowanceCharge>"
    more = one.format("true", amount.format("600")) + one.format("false", amount.format("300"))
    found = order(document(lines=line(1, "NEEDLE", "120", "50.000", "6300.00", more=more), money="<!-- none -->"))
    assert (found.lines[0].discount, found.lines[0].total) == ("300", "5700.00")
    assert [(each.charge_id, each.total) for each in found.charges] == [("1/1", "600")]
    assert found.grand_total == "6300.00"


def test_taxes_are_told_by_rate_where_they_are():
    by_rate = """<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">30</cbc:TaxAmount><cac:TaxSubtotal>
<cbc:TaxAmount currencyID="EUR">10</cbc:TaxAmount>
<cac:TaxCategory><cbc:Percent>10</cbc:Percent></cac:TaxCategory>
</cac:TaxSubtotal><cac:TaxSubtotal><cbc:TaxAmount currencyID="EUR">20</cbc:TaxAmount>
<cac:TaxCategory><cbc:Percent>25</cbc:Percent>
</cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>"""
    found = order(document(money=by_rate))
    assert [(tax.rate, tax.amount) for tax in found.taxes] == [("0.1", "10"), ("0.25", "20")]
    assert found.tax_total == "30"


def test_the_item_number_that_counts_can_be_chosen():
    assert order(document(), sku=["standard", "seller"]).lines[0].sku == "07350000000016"


def test_what_has_no_place_of_its_own_is_kept():
    head = "<cbc:CustomerReference>KITCHEN</cbc:CustomerReference><cac:Contract><cbc:ID>C-9</cbc:ID></cac:Contract>"
    found = order(document(head=head))
    assert (found.ext["CustomerReference"], found.ext["Contract/ID"]) == ("KITCHEN", "C-9")


def test_embedded_files_stay_in_the_raw_record():
    head = (
        "<cac:AdditionalDocumentReference><cbc:ID>D1</cbc:ID><cac:Attachment><cbc:EmbeddedDocumentBinaryObject>QUJD"
        "</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>"
    )
    found = order(document(head=head))
    assert found.ext["AdditionalDocumentReference/ID"] == "D1"
    assert "QUJD" not in str(found)


REFUSED = {
    "a second currency": (document().replace('currencyID="EUR">80', 'currencyID="USD">80'), "CURRENCY_MIXED"),
    "a line with an address of its own": (
        document(lines=line(1, "A", "1", "1", "1", more="<cac:Delivery><cac:DeliveryParty/></cac:Delivery>")),
        "LINE_SHIP_TO",
    ),
    "an unknown status": (
        document(lines=line(1, "A", "1", "1", "1", status="<cbc:LineStatusCode>99</cbc:LineStatusCode>")),
        "CODE_UNKNOWN",
    ),
    "a charge that is neither": (
        document().replace("<cbc:ChargeIndicator>false", "<cbc:ChargeIndicator>maybe"),
        "CODE_UNKNOWN",
    ),
    "an amount that is none": (document().replace(">148.80<", ">148,80<"), "AMOUNT_MALFORMED"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_order_that_cannot_be_understood_is_refused_with_its_reason(what: str):
    source, code = REFUSED[what]
    assert refusal(source).code == code


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=14)
AMOUNTS = st.decimals(0, 9999, places=2).map(lambda value: f"{value:f}")
RANDOM = st.fixed_dictionaries(
    {
        "number": WORDS,
        "lines": st.lists(
            st.fixed_dictionaries({"sku": WORDS, "title": WORDS, "quantity": st.integers(1, 999), "price": AMOUNTS}),
            min_size=1,
            max_size=6,
        ),
    }
)


@settings(max_examples=60, deadline=None)
@given(RANDOM)
def test_a_random_order_written_as_ubl_and_read_back_is_the_same(told: dict[str, Any]):
    lines = "".join(
        line(
            place,
            escape(each["sku"]),
            str(each["quantity"]),
            each["price"],
            f"{Decimal(each['price']) * each['quantity']:f}",
            title=escape(each["title"]),
        )
        for place, each in enumerate(told["lines"], 1)
    )
    found = order(document(number=escape(told["number"]), lines=lines, money="<!-- none -->"))
    assert found.order_id == told["number"]
    assert [(each.sku, each.title, each.quantity, each.unit_price) for each in found.lines] == [
        (each["sku"], each["title"], str(each["quantity"]), each["price"]) for each in told["lines"]
    ]
    assert Decimal(found.grand_total or 0) == sum(each["quantity"] * Decimal(each["price"]) for each in told["lines"])


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_spoilt_document_is_mapped_or_refused_and_never_fails(data: st.DataObject):
    source = data.draw(
        st.sampled_from([document(), document("OrderChange", profile="urn:x"), document("OrderCancellation")])
    )
    for _ in range(data.draw(st.integers(1, 4))):
        found = list(re.finditer(r">([^<>]+)<|<(cac:\w+)>.*?</\2>", source))
        hit = found[data.draw(st.integers(0, len(found) - 1))]
        new = data.draw(st.sampled_from(["", "x", "9" * 40, "-1", "菜", " ", "1,5"]))
        source = source[: hit.start()] + (f">{new}<" if hit[1] else "") + source[hit.end() :]
    with contextlib.suppress(RecordError):
        assert order(source, document()).order_id
