"""Lazada's mapping and signature, against the vector and sample that its README names."""

import copy
import json

import msgspec
import pytest
from money_equation import residue

from orderflow.adapters.lazada import ADAPTER, Options
from orderflow.adapters.lazada.auth import signature
from orderflow.adapters.lazada.values import time_text
from orderflow.domain.errors import RecordError
from orderflow.domain.source import Secret

ORDER = """{"order_id":560000000000001,"order_number":560000000000001,"statuses":["pending"],"items_count":3,
"price":"95.30","voucher":8.00,"voucher_platform":5.00,"voucher_seller":3.00,"shipping_fee":1.99,
"shipping_fee_original":3.99,"shipping_fee_discount_platform":2.00,"shipping_fee_discount_seller":0.00,
"payment_method":"MIXEDCARD","created_at":"2026-03-09 09:18:40 +0800","updated_at":"2026-03-09 09:21:07 +0800",
"customer_first_name":"L***","customer_last_name":"","remarks":"Please pack well 🙏 謝謝",
"address_shipping":{"first_name":"L***","last_name":"","phone":"65********34","address1":"B******",
"city":"Singapore","post_code":"******","country":"Singapore"},
"address_billing":{"first_name":"L***","phone":"65********34","country":"Singapore"},"warehouse_code":"dropshipping"}"""

ITEM = """{"order_item_id":560000000000101,"order_id":560000000000001,"name":"貓咪馬克杯 🐱 Red","sku":"MUG-RED",
"shop_sku":"100_SGAMZ-1","variation":"Color:Red","item_price":39.90,"paid_price":36.55,"voucher_amount":3.35,
"voucher_platform":2.09,"voucher_seller":1.26,"tax_amount":0.00,"shipping_amount":1.00,"currency":"SGD",
"status":"pending","package_id":"","tracking_code":"","shipment_provider":"","payment_time":"1773019259000",
"sla_time_stamp":"2026-03-11T23:59:59+08:00","buyer_id":"1001","is_fbl":"0","is_digital":0}"""


@pytest.fixture
def raw():
    decode = msgspec.json.Decoder(float_hook=str).decode
    cup, twin, lid = decode(ITEM), decode(ITEM), decode(ITEM)
    twin |= {"order_item_id": 560000000000102, "voucher_platform": "2.10", "voucher_seller": "1.25"}
    lid |= {
        "order_item_id": 560000000000103,
        "name": "杯蓋 Lid",
        "sku": "LID-01",
        "variation": "",
        "item_price": "15.50",
    }
    lid |= {"paid_price": "14.20", "voucher_platform": "0.81", "voucher_seller": "0.49"}
    return {"order": decode(ORDER), "items": [cup, twin, lid]}


def mapped(raw):
    return ADAPTER.to_order(raw, Options())


def of(raw, *statuses):
    """The order with these statuses of its items."""
    raw = copy.deepcopy(raw)
    for item, status in zip(raw["items"], statuses, strict=True):
        item["status"] = status
    raw["order"]["statuses"] = list(dict.fromkeys(statuses))
    return mapped(raw)


def test_a_request_is_signed_as_documented():
    params = {
        "app_key": "123456",
        "access_token": "demoLazadaToken",
        "timestamp": "1773021600000",
        "sign_method": "sha256",
        "limit": "100",
        "offset": "0",
        "sort_by": "updated_at",
        "sort_direction": "ASC",
        "update_after": "2026-03-09T09:00:00+08:00",
        "update_before": "2026-03-09T09:30:00+08:00",
        "sign": "an earlier attempt's",
    }
    sign = signature(Secret("a1b2c3d4e5f60718293a4b5c6d7e8f90"), "/orders/get", params)
    assert sign == "E726B3A1A8C1ADDE8C9D4277EDF55223FB55AD4CFF9B651FC70BB908C49D7CDF"


def test_the_sample_adds_up_and_every_piece_is_a_line(raw):
    order = mapped(raw)
    assert residue(order) == 0
    assert (order.items_total, order.charge_total, order.grand_total, order.paid) == ("87.30", "1.99", "89.29", "89.29")
    assert [(line.line_id, line.quantity, line.total, line.discount) for line in order.lines] == [
        ("560000000000101", "1", "36.55", "3.35"),
        ("560000000000102", "1", "36.55", "3.35"),
        ("560000000000103", "1", "14.20", "1.30"),
    ]


def test_vouchers_and_shipping_discounts_keep_their_funders(raw):
    found = [(each.title, each.funded_by, each.amount, each.allocated) for each in mapped(raw).discounts]
    assert found == [
        ("voucher_seller", "seller", "3.00", "3.00"),
        ("voucher_platform", "platform", "5.00", "5.00"),
        ("shipping_fee_discount_platform", "platform", "2.00", "2.00"),
    ]
    charge = mapped(raw).charges[0]
    assert (charge.amount, charge.discount, charge.total) == ("3.99", "2.00", "1.99")


def test_a_shipping_fee_that_its_discounts_do_not_explain_stands_alone(raw):
    raw["order"]["shipping_fee_original"] = "5.00"
    order = mapped(raw)
    assert (order.charges[0].amount, order.charges[0].discount, len(order.discounts)) == ("1.99", None, 2)
    assert residue(order) == 0


@pytest.mark.parametrize("still_counted", [True, False])
def test_a_called_off_piece_counts_nothing_whether_or_not_the_price_still_has_it(raw, still_counted):
    raw["items"][2]["status"] = "canceled"
    if not still_counted:
        raw["order"] |= {"price": "79.80", "voucher": "6.70", "voucher_seller": "3.00", "voucher_platform": "5.00"}
    order = mapped(raw)
    assert [line.quantity for line in order.lines] == ["1", "1", "0"]
    assert (order.lines[2].total, order.lines[2].quantity_ordered) == ("0", "1")
    assert (order.order_status, order.grand_total, residue(order)) == ("open", "75.09", 0)


def test_a_wholly_called_off_order_keeps_its_amounts(raw):
    order = of(raw, "canceled", "canceled", "canceled")
    assert (order.order_status, order.payment_status, order.grand_total) == ("cancelled", "voided", "89.29")
    assert [line.quantity for line in order.lines] == ["1", "1", "1"]
    assert residue(order) == 0


@pytest.mark.parametrize(
    ("statuses", "order_status", "fulfilment", "returning"),
    [
        (("unpaid", "unpaid", "unpaid"), "pending", "unfulfilled", "none"),
        (("pending", "packed", "ready_to_ship"), "open", "unfulfilled", "none"),
        (("ready_to_ship_pending", "pending", "pending"), "open", "unfulfilled", "none"),
        (("shipping", "shipped", "canceled"), "open", "shipped", "none"),
        (("package_returned",) * 3, "completed", "returned_to_sender", "none"),
        (("shipped", "pending", "pending"), "open", "partial", "none"),
        (("shipped", "delivered", "canceled"), "open", "shipped", "none"),
        (("delivered", "confirmed", "delivered"), "completed", "delivered", "none"),
        (("delivered", "returned", "delivered"), "completed", "delivered", "received"),
        (("failed", "shipped_back", "failed_delivery"), "open", "returned_to_sender", "none"),
        (("shipped_back_success", "shipped_back_success", "canceled"), "completed", "returned_to_sender", "none"),
        (("lost_by_3pl", "delivered", "delivered"), "completed", "shipped", "none"),
        (("INFO_ST_DOMESTIC_RETURN_WITH_LAST_MILE_3PL",) * 3, "open", "returned_to_sender", "none"),
        (("INFO_ST_DOMESTIC_PACKAGE_RETURNED", "LOST_BY_3PL", "canceled"), "completed", "shipped", "none"),
    ],
)
def test_the_items_say_how_far_the_order_is(raw, statuses, order_status, fulfilment, returning):
    order = of(raw, *statuses)
    assert (order.order_status, order.fulfilment_status, order.return_status) == (order_status, fulfilment, returning)


def test_a_status_nobody_documented_is_refused_on_items_and_orders(raw):
    with pytest.raises(RecordError, match="STATUS_UNKNOWN"):
        of(raw, "teleported", "pending", "pending")
    raw["order"]["statuses"] = ["teleported"]
    with pytest.raises(RecordError, match="STATUS_UNKNOWN"):
        mapped(raw)


def test_cash_on_delivery_is_due_until_all_is_delivered(raw):
    raw["order"]["payment_method"] = "COD"
    order = of(raw, "shipped", "delivered", "delivered")
    assert (order.payment_status, order.paid, order.payments[0].status) == ("cod_due", "0", "pending")
    order = of(raw, "delivered", "delivered", "delivered")
    assert (order.payment_status, order.paid, order.payments[0].kind) == ("paid", "89.29", "cod")


def test_items_of_one_package_are_one_parcel(raw):
    for item, package in zip(raw["items"], ("FP1", "FP2", "FP1"), strict=True):
        item |= {"package_id": package, "tracking_code": f"TR-{package}", "shipment_provider": "LEX TH"}
    shipments = of(raw, "shipped", "ready_to_ship", "delivered").shipments
    assert len(shipments) == 1
    assert (shipments[0].shipment_id, shipments[0].carrier, shipments[0].tracking_numbers) == (
        "FP1",
        "LEX TH",
        ["TR-FP1"],
    )
    assert shipments[0].lines == [("560000000000101", "1"), ("560000000000103", "1")]


def test_times_keep_their_offset_and_payment_is_in_milliseconds(raw):
    order = mapped(raw)
    assert order.channel_updated_at == "2026-03-09T09:21:07+08:00"
    assert order.paid_at == "2026-03-09T01:20:59+00:00"
    assert order.lines[0].ship_by == "2026-03-11T23:59:59+08:00"
    assert time_text("1413786247000") == "2014-10-20T06:24:07+00:00"
    assert time_text("yesterday") == "yesterday"
    assert time_text("") is None


def test_stars_are_kept_and_told_and_the_note_goes_with_the_address(raw):
    order = mapped(raw)
    assert (order.masking, order.contacts[0].name, order.contacts[0].note) == (
        "masked",
        "L***",
        "Please pack well 🙏 謝謝",
    )
    clear = json.loads(json.dumps(raw).replace("*", "x"))
    assert mapped(clear).masking == "plain"


def test_an_address_says_state_town_and_postal_code_once(raw):
    raw["order"]["address_shipping"] = {
        "first_name": "วนิดา", "address1": "99/1 หมู่ 5", "address2": "", "address3": "นนทบุรี/ Nonthaburi",
        "address4": "บางใหญ่/ Bang Yai", "address5": "11140", "addressDistrict": "เสาธงหิน",
        "city": "บางใหญ่/ Bang Yai", "post_code": "11140", "country": "Thailand",
    }  # fmt: skip
    to = mapped(raw).contacts[0]
    assert (to.address, to.city, to.region, to.postal_code) == (
        ["99/1 หมู่ 5", "เสาธงหิน"],
        "บางใหญ่/ Bang Yai",
        "นนทบุรี/ Nonthaburi",
        "11140",
    )


def test_a_street_that_is_hidden_or_called_as_its_town_is_is_kept(raw):
    for street, code in (("Singapore", "018989"), ("******", "******")):
        raw["order"]["address_shipping"] |= {"address1": street, "address2": "", "post_code": code}
        assert mapped(raw).contacts[0].address == [street]


def test_what_the_buyer_wrote_and_the_tax_number_are_personal_data(raw):
    raw["order"] |= {"remarks": "โทรก่อน", "buyer_note": "red", "gift_message": "חג שמח", "tax_code": "110"}
    raw["items"][2] |= {"personalization": "Åsa", "gift_wrapping": "生日快樂"}
    order = mapped(raw)
    assert order.contacts[0].note == "โทรก่อน\nred\nחג שמח\n杯蓋 Lid: Åsa\n杯蓋 Lid: 生日快樂"
    assert order.contacts[1].tax_id == "110"
    assert not order.ext.keys() & {"gift_message", "tax_code"}


def test_digital_goods_go_to_an_e_mail_address(raw):
    raw["order"] |= {"address_shipping": None, "address_billing": None, "remarks": ""}
    raw["items"][0] |= {"is_digital": 1, "digital_delivery_info": "li@example.test"}
    assert [(each.role, each.email) for each in mapped(raw).contacts] == [("sold_to", "li@example.test")]


@pytest.mark.parametrize("left", [{}, {"country": "Thailand", "city": "บางใหญ่/ Bang Yai", "post_code": "11140"}])
@pytest.mark.parametrize(("status", "masking"), [("pending", "plain"), ("delivered", "masked"), ("canceled", "masked")])
def test_an_emptied_order_is_masked_unless_it_waits_to_be_sent(raw, status, masking, left):
    raw["order"] |= {"address_shipping": {"first_name": "", "address1": "", **left}, "address_billing": {}}
    assert of(raw, *[status] * 3).masking == masking


def test_a_buyer_who_wants_to_call_it_off_holds_the_order(raw):
    raw["items"][1]["need_cancel_confirm"] = "true"
    order = mapped(raw)
    assert (order.order_status, order.hold_reasons) == ("on_hold", ["buyer_asks_to_cancel"])
    assert of(raw, "shipped", "shipped", "shipped").order_status == "open"


def test_a_presale_waits_for_its_balance_and_is_not_paid_before(raw):
    for each in raw["items"]:
        each |= {"order_type": "PreSale", "stage_pay_status": "unpaid final payment"}
    order = mapped(raw)
    assert (order.order_status, order.hold_reasons, order.programs) == ("on_hold", ["balance_due"], ["pre_sale"])
    assert (order.payment_status, order.paid, order.payments) == ("unpaid", "0", [])


def test_what_lazada_ships_and_what_is_digital_is_told(raw):
    raw["items"][0] |= {"is_fbl": 1, "is_digital": "1"}
    order = mapped(raw)
    assert (order.programs, order.lines[0].fulfilled_by, order.lines[0].kind) == (["fbl"], "marketplace", "service")
    assert (order.lines[1].fulfilled_by, order.lines[1].kind) == ("merchant", "product")


def test_an_order_without_price_has_no_total(raw):
    raw["order"]["price"] = None
    assert mapped(raw).grand_total is None


def test_an_order_whose_items_are_not_shown_is_refused_with_its_id(raw):
    raw["items"] = None
    with pytest.raises(RecordError) as refused:
        mapped(raw)
    assert (refused.value.code, refused.value.value) == ("DETAIL_MISSING", "560000000000001")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"currency": "THB"}, "CURRENCY_MIXED"),
        ({"paid_price": "12,50"}, "AMOUNT_MALFORMED"),
        ({"order_item_id": None, "name": 7}, "RAW_SHAPE"),
    ],
)
def test_a_broken_item_refuses_the_whole_order(raw, change, code):
    raw["items"][1] |= change
    with pytest.raises(RecordError, match=code):
        mapped(raw)


def test_an_item_without_price_is_another_shape(raw):
    del raw["items"][1]["item_price"]
    with pytest.raises(RecordError, match="RAW_SHAPE"):
        mapped(raw)
