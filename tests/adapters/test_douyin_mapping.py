"""Douyin's mapping and signature, against the vectors and the sample that its README names."""

import copy
import json
from decimal import Decimal

import pytest
from money_equation import residue

from orderflow.adapters.douyin import ADAPTER, Options
from orderflow.adapters.douyin.auth import param_json, signature
from orderflow.adapters.douyin.values import time_text
from orderflow.domain.errors import RecordError
from orderflow.domain.source import Secret

PART = """{"order_id":"6900000000000000011","parent_order_id":"6900000000000000001","product_id":3500000000000000001,
"product_id_str":"3500000000000000001","sku_id":1700000000000001,"code":"TEE-BLK-L","out_sku_id":"0",
"product_name":"純棉 T 恤 🐼","spec":[{"name":"顏色","value":"黑"},{"name":"尺碼","value":"L"}],"origin_amount":12900,
"item_num":2,"sum_amount":25800,"promotion_amount":2700,"promotion_shop_amount":1600,"promotion_platform_amount":1100,
"pay_amount":23100,"order_status":2,"after_sale_info":{"after_sale_status":0,"after_sale_type":0,"refund_status":0},
"given_product_type":"MASTER"}"""
SOCKS = """{"order_id":"6900000000000000012","parent_order_id":"6900000000000000001","product_id":3500000000000000002,
"product_id_str":"3500000000000000002","sku_id":1700000000000002,"code":"SOCK-3P","out_sku_id":"0",
"product_name":"襪子三雙裝","spec":[],"origin_amount":5990,"item_num":1,"sum_amount":5990,"promotion_amount":690,
"promotion_shop_amount":400,"promotion_platform_amount":290,"pay_amount":5300,"order_status":2,
"after_sale_info":{"after_sale_status":0,"after_sale_type":0,"refund_status":0},"given_product_type":""}"""
ORDER = """{"order_id":"6900000000000000001","shop_id":100001,"shop_name":"測試小店","order_status":2,
"order_status_desc":"備貨中","order_type":0,"trade_type":0,"create_time":1773019120,"pay_time":1773019259,
"update_time":1773019267,"exp_ship_time":1773192059,"buyer_words":"要送人 🎁 請包漂亮","seller_words":"","pay_type":2,
"order_amount":31790,"post_amount":600,"promotion_amount":3390,"promotion_shop_amount":2000,
"promotion_platform_amount":1390,"promotion_talent_amount":0,"pay_amount":29000,"promotion_pay_amount":100,
"modify_amount":0,"tax_amount":0,"post_receiver":"","encrypt_post_receiver":"##demoName#","mask_post_receiver":"李*",
"post_tel":"","encrypt_post_tel":"$demoTel$1$","mask_post_tel":"1********90",
"post_addr":{"province":{"name":"湖南省","id":"43"},"city":{"name":"長沙市","id":"430100"},
"town":{"name":"嶽麓區","id":"430104"},"street":{"name":"望城坡街道","id":"430104001"},"detail":"",
"encrypt_detail":"##demoAddr#"},"sku_order_list":[%s,%s],"logistics_info":[]}"""


@pytest.fixture
def raw():
    return json.loads(ORDER % (PART, SOCKS))


def mapped(raw, **changes):
    return ADAPTER.to_order(raw | changes, Options())


def part(raw, place, **changes):
    """The order with one of its parts changed."""
    raw = copy.deepcopy(raw)
    raw["sku_order_list"][place] |= changes
    return raw


def after_sale(status, kind=0, refund=0):
    return {"after_sale_status": status, "after_sale_type": kind, "refund_status": refund}


def test_a_request_is_signed_as_documented():
    params = {
        "update_time_end": 1773019800,
        "page": 0,
        "order_by": "update_time",
        "update_time_start": 1773018000,
        "size": 100,
        "order_asc": True,
    }
    body = param_json(params)
    assert body == (
        b'{"order_asc":true,"order_by":"update_time","page":0,"size":100,'
        b'"update_time_end":1773019800,"update_time_start":1773018000}'
    )
    secret = Secret("a1b2c3d4e5f60718293a4b5c6d7e8f90")
    sign = signature(secret, "7000000000000000001", "order.searchList", "1773021600", body.decode())
    assert sign == "59563053c01ee4df98e960b73de8acbea3309f9d32c90ab9870e212bee7f1122"


def test_names_are_sorted_at_every_level_and_nothing_is_escaped():
    body = param_json({"z": 1, "nested": {"汉": "<&", "a": True}, "a": [3, {"b": 2, "a": 1}]}).decode()
    assert body == '{"a":[3,{"a":1,"b":2}],"nested":{"a":true,"汉":"<&"},"z":1}'
    sign = signature(Secret("contract-app-secret"), "1234567890123456789", "order.searchList", "1667899926", body)
    assert sign == "cfb0c61c20926f758e13f4bd3d59a0de0e22f3c6059f1045cae36e6cea2bd417"


def test_the_sample_adds_up_and_every_part_is_a_line(raw):
    order = mapped(raw)
    assert residue(order) == 0
    assert (order.items_total, order.charge_total, order.grand_total) == ("284.00", "6.00", "290.00")
    assert [
        (line.line_id, line.sku, line.quantity, line.unit_price, line.discount, line.total) for line in order.lines
    ] == [
        ("6900000000000000011", "TEE-BLK-L", "2", "129.00", "27.00", "231.00"),
        ("6900000000000000012", "SOCK-3P", "1", "59.90", "6.90", "53.00"),
    ]
    assert order.lines[0].title == "純棉 T 恤 🐼 黑 L"
    assert (order.order_status, order.payment_status, order.fulfilment_status) == ("open", "paid", "unfulfilled")
    assert order.lines[1].ship_by == "2026-03-11T01:20:59+00:00"


def test_promotions_keep_whose_they_are_and_stand_in_the_lines(raw):
    found = [(each.title, each.funded_by, each.amount, each.allocated) for each in mapped(raw).discounts]
    assert found == [
        ("promotion_shop_amount", "seller", "20.00", "20.00"),
        ("promotion_platform_amount", "platform", "13.90", "13.90"),
    ]


def test_a_promotion_that_no_part_bears_stands_alone(raw):
    order = mapped(raw, promotion_talent_amount=500, pay_amount=28500)
    assert [(each.funded_by, each.amount, each.allocated) for each in order.discounts][-1] == (
        "unknown",
        "5.00",
        "0.00",
    )
    assert residue(order) == 0


def test_what_the_payment_channel_gives_is_a_payment_and_no_discount(raw):
    order = mapped(raw)
    assert [(each.method, each.gateway, each.amount) for each in order.payments] == [
        ("alipay", None, "289.00"),
        ("promotion_pay_amount", "alipay", "1.00"),
    ]
    assert order.paid == "290.00"


def test_post_is_told_before_its_promotion_where_that_explains_it(raw):
    order = mapped(raw, post_origin_amount=1000, post_promotion_amount=400)
    assert (order.charges[0].amount, order.charges[0].discount, order.charges[0].total) == ("10.00", "4.00", "6.00")
    assert (order.discounts[-1].title, order.discounts[-1].allocated) == ("post_promotion_amount", "4.00")
    assert residue(order) == 0
    assert mapped(raw, post_origin_amount=1100, post_promotion_amount=400).charges[0].amount == "6.00"


@pytest.mark.parametrize(
    ("changes", "charges", "discounts"),
    [
        ({"packing_amount": 150}, [], []),
        ({"packing_amount": 150, "pay_amount": 29150}, [("packaging", "1.50")], []),
        ({"tax_amount": 2000, "packing_amount": 150, "pay_amount": 31000}, [("duty", "20.00")], []),
        ({"modify_amount": -900, "pay_amount": 28100}, [], [("modify_amount", "seller", "9.00")]),
        ({"modify_amount": 900, "pay_amount": 29900}, [("surcharge", "9.00")], []),
    ],
)
def test_further_amounts_count_where_the_total_holds_them(raw, changes, charges, discounts):
    order = mapped(raw, **changes)
    assert residue(order) == 0
    assert [(charge.kind, charge.total) for charge in order.charges[1:]] == charges
    assert [(each.title, each.funded_by, each.amount) for each in order.discounts[2:]] == discounts


def test_a_total_that_nothing_explains_is_left_as_it_is(raw):
    order = mapped(raw, pay_amount=29001, packing_amount=150)
    assert (order.grand_total, residue(order), len(order.charges)) == ("290.01", Decimal("-0.01"), 1)


@pytest.mark.parametrize("still_counted", [True, False])
def test_a_called_off_part_counts_nothing_whether_or_not_the_total_still_has_it(raw, still_counted):
    change = {} if still_counted else {"pay_amount": 29000 - 5300}
    order = mapped(part(raw, 1, order_status=4), **change)
    assert (order.grand_total, order.lines[1].quantity, order.lines[1].total) == ("237.00", "0", "0")
    assert order.lines[1].quantity_ordered == "1"
    assert [each.amount for each in order.discounts] == ["16.00", "11.00"]
    assert residue(order) == 0


def test_a_called_off_part_that_was_given_back_before_it_was_sent_is_no_return(raw):
    order = mapped(part(raw, 1, order_status=4, after_sale_info=after_sale(12, 2, 3)))
    assert (order.return_status, order.payment_status, order.paid) == ("none", "paid", "237.00")


def test_an_order_that_was_called_off_keeps_its_amounts(raw):
    raw["order_status"] = raw["sku_order_list"][0]["order_status"] = raw["sku_order_list"][1]["order_status"] = 4
    order = mapped(raw, pay_time=0)
    assert (order.order_status, order.payment_status, order.grand_total) == ("cancelled", "voided", "290.00")
    assert residue(order) == 0


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (1, ("pending", "unfulfilled", [])),
        (105, ("on_hold", "unfulfilled", ["not_released_by_platform"])),
        (2, ("open", "unfulfilled", [])),
        (101, ("open", "partial", [])),
        (3, ("open", "shipped", [])),
        (4, ("cancelled", "unfulfilled", [])),
        (5, ("completed", "delivered", [])),
    ],
)
def test_every_documented_status_has_its_place(raw, status, expected):
    order = mapped(raw, order_status=status)
    assert (order.order_status, order.fulfilment_status, order.hold_reasons) == expected
    assert order.raw_status["order_status"] == str(status)


@pytest.mark.parametrize(
    "change",
    [{"order_status": 77}, {"after_sale_info": after_sale(99)}],
)
def test_a_status_that_nobody_documented_is_refused(raw, change):
    with pytest.raises(RecordError, match="STATUS_UNKNOWN"):
        mapped(part(raw, 0, **change))
    with pytest.raises(RecordError, match="STATUS_UNKNOWN"):
        mapped(raw, order_status="shipped")


@pytest.mark.parametrize(
    ("info", "returning", "paying"),
    [
        (after_sale(6, 2, 1), "requested", "paid"),
        (after_sale(11), "in_transit", "paid"),
        (after_sale(12, 0, 3), "refunded", "partially_refunded"),
        (after_sale(12, 3), "exchanged", "paid"),
        (after_sale(27), "rejected", "paid"),
        (after_sale(28, 0, 1), "none", "paid"),
        (None, "none", "paid"),
    ],
)
def test_after_sale_requests_are_told(raw, info, returning, paying):
    order = mapped(part(raw, 1, after_sale_info=info))
    assert (order.return_status, order.payment_status) == (returning, paying)


def test_a_buyer_who_asks_for_the_money_back_holds_what_is_not_sent(raw):
    asked = part(raw, 1, after_sale_info=after_sale(6, 2, 1))
    assert (mapped(asked).order_status, mapped(asked).hold_reasons) == ("on_hold", ["buyer_asks_for_refund"])
    assert mapped(asked, order_status=3).hold_reasons == []


def test_goods_that_came_back_are_counted_and_an_order_given_back_whole_is_refunded(raw):
    for each in raw["sku_order_list"]:
        each["after_sale_info"] = after_sale(12, 0, 3)
    order = mapped(raw, order_status=5)
    assert [line.quantity_returned for line in order.lines] == ["2", "1"]
    assert order.payment_status == "refunded"


def test_parcels_tell_what_was_sent_and_when_all_has_arrived(raw):
    parcel = {
        "tracking_no": "SF123",
        "company_name": "顺丰",
        "ship_time": 1773100000,
        "delivery_id": "D1",
        "product_info": [{"sku_order_id": "6900000000000000011", "product_count": 1}],
    }
    order = mapped(raw, order_status=101, logistics_info=[parcel])
    assert [line.quantity_fulfilled for line in order.lines] == ["1", "0"]
    parcel["product_info"][0]["sku_order_id"] = 6900000000000000011
    assert mapped(raw, order_status=101, logistics_info=[parcel]) == order
    shipment = order.shipments[0]
    assert (shipment.shipment_id, shipment.carrier, shipment.tracking_numbers) == ("D1", "顺丰", ["SF123"])
    assert shipment.lines == [("6900000000000000011", "1")]
    for each in raw["sku_order_list"]:
        each |= {"order_status": 3, "logistics_receipt_time": 1773200000}
    assert mapped(raw, order_status=3).fulfilment_status == "delivered"
    assert mapped(raw, order_status=3, logistics_info=[parcel]).shipments[0].delivered_at == "2026-03-11T03:33:20+00:00"


def test_gifts_and_bundles_are_told(raw):
    gift = {"given_product_type": "FREE", "master_sku_order_id_list": ["6900000000000000011"]}
    inside = [{"sku_id": "17", "product_id": "35", "product_name": "黑襪", "item_num": 2, "code": "SOCK-BLK"}]
    order = mapped(part(part(raw, 1, **gift), 0, bundle_sku_info=inside))
    assert [(line.number, line.kind, line.sku, line.quantity) for line in order.lines] == [
        (1, "bundle_parent", "TEE-BLK-L", "2"),
        (2, "bundle_child", "SOCK-BLK", "2"),
        (3, "gift", "SOCK-3P", "1"),
    ]
    assert [line.parent_line_id for line in order.lines] == [None, "6900000000000000011", "6900000000000000011"]
    assert residue(order) == 0


def test_cash_is_due_until_the_order_is_completed_and_is_nothing_before_it_is_confirmed(raw):
    cash = {"pay_type": 0, "pay_time": 0, "promotion_pay_amount": 0}
    assert mapped(raw, **cash).payment_status == "cod_due"
    assert mapped(raw, **cash, order_status=5).payment_status == "paid"
    assert mapped(raw, **cash, order_status=1).payments == []


def test_a_presale_deposit_is_a_part_of_the_payment(raw):
    phases = [
        {"phase_order_id": "1", "phase_pay_type": 1, "phase_pay_amount": 5000, "pay_success": True},
        {"phase_order_id": "2", "phase_pay_type": 0, "phase_pay_amount": 24000, "pay_success": False},
    ]
    order = mapped(raw, order_status=1, pay_time=0, order_phase_list=phases)
    assert (order.payment_status, order.paid) == ("partially_paid", "50.00")


def test_masks_are_kept_and_told_and_ciphertext_stays_out(raw):
    order = mapped(raw)
    contact = order.contacts[0]
    assert (order.masking, contact.name, contact.phone, contact.country) == ("masked", "李*", "1********90", "CN")
    assert (contact.region, contact.city, contact.address) == ("湖南省", "長沙市", ["嶽麓區", "望城坡街道"])
    assert contact.note == "要送人 🎁 請包漂亮"
    assert "demoName" not in repr(order)
    shown = {**raw["post_addr"], "detail": "某路 1 號"}
    clear = mapped(raw, post_receiver="李雷", post_tel="13800000090", post_addr=shown)
    assert (clear.masking, clear.contacts[0].name, clear.contacts[0].address[-1]) == ("plain", "李雷", "某路 1 號")


def test_an_order_that_names_nobody_is_masked_unless_it_waits_to_be_sent(raw):
    hidden = dict.fromkeys(("encrypt_post_receiver", "mask_post_receiver", "encrypt_post_tel", "mask_post_tel"), "")
    for status, masking in ((2, "plain"), (105, "masked"), (1, "masked"), (4, "masked"), (5, "masked")):
        order = mapped(raw, **hidden, post_addr=None, buyer_words="", order_status=status)
        assert (order.contacts, order.masking) == ([], masking)
    assert [contact.role for contact in mapped(raw, **hidden, post_addr=None).contacts] == ["sold_to"]


def test_an_order_without_its_parts_is_refused_with_its_id(raw):
    del raw["sku_order_list"]
    with pytest.raises(RecordError) as refused:
        mapped(raw)
    assert (refused.value.code, refused.value.value) == ("DETAIL_MISSING", "6900000000000000001")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sum_amount": "12,50"}, "AMOUNT_MALFORMED"),
        ({"origin_amount": "٣٤"}, "AMOUNT_MALFORMED"),
        ({"product_name": 7}, "RAW_SHAPE"),
        ({"spec": "黑"}, "RAW_SHAPE"),
    ],
)
def test_a_broken_part_refuses_the_whole_order(raw, change, code):
    with pytest.raises(RecordError, match=code):
        mapped(part(raw, 1, **change))


@pytest.mark.parametrize("shape", ["none", [7], 3, {"a": 1}])
def test_parts_of_another_shape_are_refused(raw, shape):
    with pytest.raises(RecordError, match="RAW_SHAPE"):
        mapped(raw, sku_order_list=shape)


def test_an_order_without_total_has_none(raw):
    assert mapped(raw, pay_amount=None).grand_total is None


def test_times_of_nothing_are_none_and_no_times_stay_as_they_are():
    assert time_text(0) is time_text(None) is time_text("0") is None
    assert time_text("1773019120") == time_text(1773019120) == "2026-03-09T01:18:40+00:00"
    assert time_text("yesterday") == "yesterday"
