"""Text, codes and lists of text as cleaning leaves them."""

import pytest
from cleaned_orders import cleaned, contacted

from good_orders import order, with_line
from orderflow.domain.order import Contact, Line, Order, Shipment


def titled(title):
    orders, _ = cleaned(Order(order_id="1", lines=[Line(number=1, title=title)]))
    return orders[0].lines[0].title


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("Cafe\u0301", "Café"),
        ("  Tea \u3000", "Tea"),
        ("\ufeffTea\u200b", "Tea"),
        ("Te\x00a\x07", "Tea"),
        ("two\r\n\tlines", "two lines"),
        ("\u202eevil\u202c", "evil"),
        ("e\u200b\u0301", "é"),
        ("👩\u200d🔬 ☕\ufe0f", "👩\u200d🔬 ☕\ufe0f"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("ｆｕｌｌ　ｗｉｄｔｈ", "ｆｕｌｌ　ｗｉｄｔｈ"),
        ("가", "가"),
        (" \u200b\u3000 ", None),
        ("", None),
        (None, None),
    ],
)
def test_text_is_normal_visible_and_trimmed(dirty, clean):
    assert titled(dirty) == clean


def test_a_note_keeps_its_lines():
    assert contacted(note=" ring\r\ntwice \x07").note == "ring\r\ntwice"


def test_codes_are_trimmed_and_never_respelled():
    orders, _ = cleaned(with_line(order(1), sku=" SKU\u200bé\x00-1\ufeff ", gtin="\t"))
    assert orders[0].lines[0].sku == "SKU\u200bé-1"
    assert orders[0].lines[0].gtin is None


def test_an_order_id_is_never_touched():
    orders, _ = cleaned(Order(order_id=" A\u200b1 "))
    assert orders[0].order_id == " A\u200b1 "


def test_an_empty_status_stays_for_validation_to_see():
    orders, _ = cleaned(Order(order_id="1", order_status="  "))
    assert orders[0].order_status == ""


def test_empty_members_leave_lists():
    shop = Order(
        order_id="1",
        tags=[" new ", "", "急"],
        shipments=[Shipment(tracking_numbers=["", " 1Z "]), Shipment(tracking_numbers=["\u200b"])],
        contacts=[Contact(address=["Storgatan 1", "\u3000", " "]), Contact(role="bill_to", address=["", "x"])],
    )
    orders, repairs = cleaned(shop)
    assert orders[0].tags == ["new", "急"]
    assert [shipment.tracking_numbers for shipment in orders[0].shipments] == [["1Z"], []]
    assert [contact.address for contact in orders[0].contacts] == [["Storgatan 1"], ["x"]]
    assert {(each["table"], each["field"], each["position"]) for each in repairs} >= {
        ("orders", "tags", None),
        ("shipments", "tracking_numbers", 1),
        ("contacts", "address", 2),
    }
