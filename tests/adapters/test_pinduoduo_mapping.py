"""Pinduoduo's mapping and signatures, against the vectors and samples that its README names."""

import msgspec
import pytest
from money_equation import residue

from orderflow.adapters.pinduoduo import ADAPTER, Options
from orderflow.adapters.pinduoduo.auth import signature
from orderflow.domain.errors import RecordError
from orderflow.domain.source import Secret

DETAIL = """{"order_sn":"260309-000000000000001","order_status":1,"refund_status":1,"after_sales_status":0,
"confirm_status":1,"group_status":1,"risk_control_status":0,"trade_type":0,"created_time":"2026-03-09 09:17:10",
"pay_time":"2026-03-09 09:18:40","confirm_time":"2026-03-09 09:20:59","updated_at":"2026-03-09 09:21:07",
"last_ship_time":"2026-03-11 09:20:59","goods_amount":150.00,"order_change_amount":0.00,"platform_discount":10.00,
"seller_discount":5.00,"capital_free_discount":0.00,"discount_amount":15.00,"postage":0.00,"pay_amount":135.00,
"pay_type":"","buyer_memo":"要紅色的❤️ 謝謝","remark":"","receiver_name":"~AgAAdemoName~0~~",
"receiver_name_mask":"陳*","receiver_phone":"~AgAAdemoPhone~0~~","receiver_phone_mask":"1*********8",
"address":"~AgAAdemoAddr~0~~","address_mask":"***路***號","province":"江蘇省","city":"蘇州市","town":"吳中區",
"open_address_id":"oa-demo-1","item_list":[{"goods_id":700000000001,"sku_id":800000000001,"outer_id":"MUG-RED",
"outer_goods_id":"MUG","goods_name":"馬克杯 ☕ 紅","goods_spec":"紅色","goods_price":59.90,"goods_count":2},
{"goods_id":700000000002,"sku_id":800000000002,"outer_id":"","outer_goods_id":"LID","goods_name":"杯蓋",
"goods_spec":"通用","goods_price":30.20,"goods_count":1}],"gift_list":[],"extra_delivery_list":[],
"tracking_number":"","logistics_id":0}"""
GIFT = {
    "goods_id": 9,
    "sku_id": 90,
    "outer_id": "SPOON",
    "goods_name": "勺子 🥄",
    "goods_price": "9.9",
    "goods_count": 1,
}


@pytest.fixture
def raw():
    detail = msgspec.json.Decoder(float_hook=str).decode(DETAIL)
    return {"list": {"order_sn": "260309-000000000000001"}, "detail": detail, "fees": None}


def mapped(raw):
    return ADAPTER.to_order(raw, Options())


def test_the_signature_of_the_documentation_comes_out():
    params = {
        "access_token": "asd78172s8ds9a921j9qqwda12312w1w21211",
        "client_id": "1",
        "data_type": "XML",
        "order_status": "1",
        "page": "1",
        "page_size": "10",
        "timestamp": "1480411125",
        "type": "pdd.order.number.list.get",
    }
    assert signature(Secret("testSecret"), params) == "E4DE3ED21002510DED352819E7AE6775"


def test_an_increment_request_is_signed_without_what_is_empty():
    params = {
        "type": "pdd.order.number.list.increment.get",
        "client_id": "demo_client",
        "access_token": "demo_pdd_token",
        "timestamp": "1773021600",
        "data_type": "JSON",
        "version": "V1",
        "start_updated_at": "1773018000",
        "end_updated_at": "1773019800",
        "is_lucky_flag": "0",
        "order_status": "5",
        "refund_status": "5",
        "page": "1",
        "page_size": "100",
        "use_has_next": "false",
        "trade_type": "",
        "sign": "ignored",
    }
    assert signature(Secret("a1b2c3d4e5f60718293a4b5c6d7e8f90"), params) == "F4E51FABF7F89CFEA0482F941C311CD2"


def test_the_sample_adds_up_with_the_discounts_of_platform_and_shop_apart(raw):
    order = mapped(raw)
    assert residue(order) == 0
    assert [(each.funded_by, each.amount) for each in order.discounts] == [("platform", "10.00"), ("seller", "5.00")]
    assert (order.items_total, order.grand_total, order.paid, order.currency) == ("150.00", "135.00", "135.00", "CNY")


def test_ids_times_and_states_are_spelled_out(raw):
    order = mapped(raw)
    assert order.placed_at == "2026-03-09T09:17:10+08:00"
    assert order.channel_created_at == "2026-03-09T09:20:59+08:00"
    assert (order.order_status, order.payment_status, order.fulfilment_status) == ("open", "paid", "unfulfilled")
    assert [line.line_id for line in order.lines] == ["800000000001", "800000000002"]
    assert [line.sku for line in order.lines] == ["MUG-RED", "LID"]


def test_a_price_that_was_changed_by_hand_and_postage_add_up(raw):
    raw["detail"] |= {"order_change_amount": "0.01", "postage": 6, "pay_amount": "140.99"}
    order = mapped(raw)
    assert residue(order) == 0
    assert [(each.kind, each.amount) for each in order.charges] == [("shipping", "6")]
    assert order.discounts[-1].kind == "manual"


@pytest.mark.parametrize(("paid", "charged"), [("135.00", []), ("153.50", ["18.50"])])
def test_fees_count_only_where_the_buyer_paid_them(raw, paid, charged):
    raw["fees"] = [{"service_name": "送貨入戶", "service_fee": "18.50"}]
    raw["detail"]["pay_amount"] = paid
    order = mapped(raw)
    assert [charge.amount for charge in order.charges] == charged
    assert residue(order) == 0


def test_fees_stand_on_the_order_where_nothing_stands_beside_it(raw):
    raw["detail"] |= {"delivery_home_value": "8.0", "home_install_value": 0, "pay_amount": 143}
    order = mapped(raw)
    assert [(charge.charge_id, charge.amount) for charge in order.charges] == [("delivery_home_value", "8.0")]
    assert residue(order) == 0


def test_what_nobody_explains_stays_unexplained(raw):
    raw["detail"]["pay_amount"] = "134.00"
    assert residue(mapped(raw)) == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ("open", "paid", "unfulfilled", "none", [])),
        ({"order_status": 2}, ("open", "paid", "shipped", "none", [])),
        ({"order_status": 3}, ("completed", "paid", "delivered", "none", [])),
        ({"confirm_status": 0}, ("pending", "unpaid", "unfulfilled", "none", [])),
        ({"confirm_status": 2}, ("cancelled", "voided", "unfulfilled", "none", [])),
        ({"group_status": 2}, ("cancelled", "voided", "unfulfilled", "none", [])),
        ({"group_status": 0}, ("on_hold", "paid", "unfulfilled", "none", ["group_incomplete"])),
        ({"risk_control_status": 1}, ("on_hold", "paid", "unfulfilled", "none", ["risk_review"])),
        (
            {"refund_status": 2, "after_sales_status": 2},
            ("on_hold", "paid", "unfulfilled", "requested", ["buyer_asks_for_refund"]),
        ),
        ({"refund_status": 4, "after_sales_status": 10}, ("cancelled", "refunded", "unfulfilled", "refunded", [])),
        ({"order_status": 3, "refund_status": 4}, ("completed", "paid", "delivered", "refunded", [])),
        ({"order_status": 3, "after_sales_status": 16}, ("completed", "paid", "delivered", "exchanged", [])),
        (
            {"order_status": 2, "refund_status": 2, "after_sales_status": 77},
            ("open", "paid", "shipped", "requested", []),
        ),
        (
            {"order_tag_list": [{"name": "ship_hold", "value": 1}], "stock_out_handle_status": 0},
            ("on_hold", "paid", "unfulfilled", "none", ["ship_hold", "stock_out"]),
        ),
    ],
)
def test_the_axes_come_to_a_state(raw, change, expected):
    raw["detail"] |= change
    order = mapped(raw)
    found = order.order_status, order.payment_status, order.fulfilment_status, order.return_status, order.hold_reasons
    assert found == expected


def test_an_order_that_was_refunded_before_it_was_sent_gave_all_back_and_one_sent_says_no_amount(raw):
    raw["detail"]["refund_status"] = 4
    assert mapped(raw).refunded == "135.00"
    raw["detail"]["order_status"] = 3
    assert mapped(raw).refunded is None


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({"step_trade_status": 0, "step_paid_fee": 0}, ("unpaid", "0", [], ["balance_due"])),
        ({"step_trade_status": 1, "step_paid_fee": "20.0"}, ("partially_paid", "20.0", ["20.0"], ["balance_due"])),
        ({"step_trade_status": 2, "step_paid_fee": "135.00"}, ("paid", "135.00", ["135.00"], [])),
    ],
)
def test_an_order_on_deposit_has_paid_as_much_as_it_says(raw, step, expected):
    raw["detail"] |= {"trade_type": 1, "step_order_info": step}
    order = mapped(raw)
    payments = [payment.amount for payment in order.payments]
    assert (order.payment_status, order.paid, payments, order.hold_reasons) == expected
    assert order.programs == ["deposit"]


def test_ciphertext_is_kept_as_it_is_and_what_was_withdrawn_is_told(raw):
    order = mapped(raw)
    assert (order.masking, order.contacts[0].name) == ("masked", "~AgAAdemoName~0~~")
    assert order.contacts[0].note == "要紅色的❤️ 謝謝"
    raw["detail"] |= {"receiver_name": "", "receiver_phone": "", "address": ""}
    order = mapped(raw)
    assert (order.masking, order.contacts[0].name, order.contacts[0].country) == ("erased", "陳*", "CN")
    raw["detail"] |= {"receiver_name": "陳小明", "receiver_phone": "13800000000", "address": "一路 2 號"}
    assert (mapped(raw).masking, mapped(raw).contacts[0].address) == ("plain", ["一路 2 號", "吳中區"])
    raw["detail"]["address"] = "江蘇省蘇州市吳中區一路 2 號"
    assert mapped(raw).contacts[0].address == ["江蘇省蘇州市吳中區一路 2 號"]


def test_an_order_without_people_has_no_contact(raw):
    for name in [name for name in raw["detail"] if name.startswith(("receiver", "address")) or name == "city"]:
        raw["detail"][name] = ""
    assert (mapped(raw).contacts, mapped(raw).masking) == ([], "erased")


def test_gifts_travel_along_unless_they_have_an_order_of_their_own(raw):
    raw["detail"] |= {"gift_list": [GIFT | {"order_sn": "260309-2"}], "gift_order_status": 2}
    gift = mapped(raw).lines[2]
    assert (gift.kind, gift.sku, gift.total, gift.line_id) == ("gift", "SPOON", "0", "gift-90")
    assert residue(mapped(raw)) == 0
    raw["detail"]["gift_order_status"] = 0
    assert mapped(raw).hold_reasons == ["gift_pending"]
    raw["detail"]["gift_order_status"] = 1
    assert len(mapped(raw).lines) == 2
    assert mapped(raw).ext["gift_orders"] == "260309-2"


def test_the_order_of_a_gift_names_the_order_it_belongs_to(raw):
    raw["detail"]["related_order_list"] = [{"order_sn": "260309-7", "relation_type": 4}]
    assert mapped(raw).parent_id == "260309-7"


def test_every_parcel_is_told_and_one_alone_holds_everything(raw):
    raw["detail"] |= {
        "order_status": 3,
        "tracking_number": "YT1",
        "logistics_id": 85,
        "shipping_time": "2026-03-09 12:00:00",
        "receive_time": "2026-03-10 12:00:00",
    }
    (parcel,) = mapped(raw).shipments
    assert (parcel.carrier, parcel.shipped_at) == ("85", "2026-03-09T12:00:00+08:00")
    assert parcel.lines == [("800000000001", "2"), ("800000000002", "1")]
    raw["detail"] |= {
        "extra_delivery_list": [{"tracking_number": "YT2", "logistics_id": 85}],
        "resend_delivery_list": [{"tracking_number": "YT3", "logistics_id": 44}],
    }
    assert [(each.shipment_id, each.status) for each in mapped(raw).shipments] == [
        ("YT1", "shipped"),
        ("YT2", "shipped"),
        ("YT3", "resent"),
    ]
    assert all(each.lines == [] for each in mapped(raw).shipments)


def test_an_order_that_is_listed_but_not_shown_is_refused_with_its_number(raw):
    raw["detail"] = None
    with pytest.raises(RecordError) as refused:
        mapped(raw)
    assert (refused.value.code, refused.value.value) == ("DETAIL_MISSING", "260309-000000000000001")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"order_status": 9}, "STATUS_UNKNOWN"),
        ({"refund_status": None}, "STATUS_UNKNOWN"),
        ({"confirm_status": 3}, "STATUS_UNKNOWN"),
        ({"order_status": [1]}, "RAW_SHAPE"),
        ({"item_list": None}, "RAW_SHAPE"),
        ({"item_list": [{}]}, "RAW_SHAPE"),
        ({"platform_discount": "12,50"}, "AMOUNT_MALFORMED"),
        ({"postage": "٣٤"}, "AMOUNT_MALFORMED"),
    ],
)
def test_what_is_unknown_or_malformed_is_refused(raw, change, code):
    raw["detail"] |= change
    with pytest.raises(RecordError, match=code):
        mapped(raw)


def test_a_malformed_time_goes_on_to_cleaning(raw):
    raw["detail"]["created_time"] = "yesterday"
    assert mapped(raw).placed_at == "yesterday"


def test_a_field_that_is_missing_is_named(raw):
    del raw["detail"]["updated_at"]
    with pytest.raises(RecordError, match="updated_at"):
        mapped(raw)
