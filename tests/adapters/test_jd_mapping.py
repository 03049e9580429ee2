"""JD's mapping and signature, against the vectors and the sample that its README names."""

import copy
import json

import msgspec
import pytest
from money_equation import residue

from orderflow.adapters.jd import ADAPTER, Options
from orderflow.adapters.jd.auth import signature, stamp
from orderflow.adapters.jd.values import time_text
from orderflow.domain.errors import RecordError
from orderflow.domain.source import Secret

ORDER = """{"orderId":"300000000001","venderId":"10001","orderType":"22","payType":"4-在线支付",
"orderState":"WAIT_SELLER_STOCK_OUT","orderStateRemark":"等待出库","orderStartTime":"2026-03-09 09:18:40",
"paymentConfirmTime":"2026-03-09 09:20:59","modified":"2026-03-09 09:21:07","orderEndTime":"0001-01-01 00:00:00",
"orderTotalPrice":"447.90","sellerDiscount":"30.00","orderSellerPrice":"417.90","freightPrice":"6.00",
"balanceUsed":"0.00","orderPayment":"403.90","orderRemark":"麻煩週末送 🚚","venderRemark":"","logisticsId":"",
"waybill":"","parentOrderId":"0","storeOrder":"","consigneeInfo":{"fullname":"AbDemoCipher==","mobile":"138****1234",
"telephone":"","fullAddress":"AbDemoCipherAddr==","province":"廣東","city":"深圳市","county":"南山區","town":"粵海街道"},
"itemInfoList":[{"skuId":"100000000011","outerSkuId":"HP-BLK-01","skuName":"藍牙耳機 🎧 黑色","jdPrice":"199.00",
"itemTotal":"2","wareId":"20000001","giftPoint":"0"},{"skuId":"100000000012","outerSkuId":"CASE-01",
"skuName":"矽膠保護殼 غطاء","jdPrice":"49.90","itemTotal":"1","wareId":"20000002","giftPoint":"0"}],
"couponDetailList":[{"orderId":"300000000001","skuId":"100000000011","couponType":"30-单品促销优惠","couponPrice":"30.00"},
{"orderId":"300000000001","skuId":"","couponType":"41-京东券优惠","couponPrice":"20.00"}]}"""


@pytest.fixture
def raw():
    return msgspec.json.Decoder(float_hook=str).decode(ORDER)


def mapped(raw):
    return ADAPTER.to_order(raw, Options())


def coupon(kind, price, sku=""):
    return {"orderId": "300000000001", "skuId": sku, "couponType": kind, "couponPrice": price}


@pytest.mark.parametrize(
    ("secret", "params", "sign"),
    [
        (
            "a1b2c3d4e5f60718293a4b5c6d7e8f90",
            {
                "method": "jingdong.pop.order.search",
                "app_key": "DEMOJDAPPKEY",
                "access_token": "demo-jd-token",
                "timestamp": "2026-03-09 10:00:00.000+0800",
                "v": "2.0",
                "360buy_param_json": '{"dateType":0,"end_date":"2026-03-09 09:30:00","optional_fields":'
                '"orderId,orderState,modified","order_state":"WAIT_SELLER_STOCK_OUT","page":"1","page_size":"100",'
                '"sortType":0,"start_date":"2026-03-09 09:00:00"}',
                "sign": "an earlier attempt's",
            },
            "629AEA2A7370A5D814C6B356273502A9",
        ),
        (
            "yourappSecret",
            {
                "method": "jingdong.pop.order.search",
                "app_key": "yourappkey",
                "access_token": "yourtoken",
                "timestamp": "2021-05-07 09:20:39.683+0800",
                "v": "2.0",
                "360buy_param_json": '{"end_date":null,"optional_fields":null,"order_state":"WAIT_SELLER_STOCK_OUT",'
                '"page":"1","page_size":"200","start_date":null}',
            },
            "D70825340F4084360B9362B60DFD7930",
        ),
    ],
)
def test_a_request_is_signed_as_documented(secret, params, sign):
    assert signature(Secret(secret), params) == sign


def test_the_time_of_a_request_is_beijings_with_milliseconds():
    from datetime import UTC, datetime

    assert stamp(datetime(2021, 5, 7, 1, 20, 39, 683_999, UTC)) == "2021-05-07 09:20:39.683+0800"


def test_the_sample_adds_up(raw):
    order = mapped(raw)
    assert residue(order) == 0
    assert (order.items_total, order.discount_total, order.charge_total) == ("417.90", "50.00", "6.00")
    assert (order.grand_total, order.paid, order.currency, order.taxes_included) == ("403.90", "403.90", "CNY", True)
    assert [(line.line_id, line.sku, line.quantity, line.discount, line.total) for line in order.lines] == [
        ("100000000011", "HP-BLK-01", "2", "30.00", "368.00"),
        ("100000000012", "CASE-01", "1", "0", "49.90"),
    ]


def test_reductions_of_seller_and_platform_stand_apart(raw):
    found = [(each.code, each.funded_by, each.amount, each.allocated) for each in mapped(raw).discounts]
    assert found == [("30", "seller", "30.00", "30.00"), ("41", "platform", "20.00", "0")]


def test_a_reduction_of_a_kind_nobody_documented_has_an_unknown_funder(raw):
    raw["couponDetailList"].append(coupon("77-新优惠", "3.90"))
    raw["orderPayment"] = "400.00"
    order = mapped(raw)
    assert [each.funded_by for each in order.discounts] == ["seller", "platform", "unknown"]
    assert residue(order) == 0


def test_what_the_seller_takes_off_beyond_his_coupons_is_told(raw):
    raw |= {"sellerDiscount": "35.00", "orderPayment": "398.90"}
    order = mapped(raw)
    assert [(each.title, each.amount) for each in order.discounts][-1] == ("sellerDiscount", "5.00")
    assert residue(order) == 0


def test_a_promotion_of_a_sku_that_stands_twice_belongs_to_no_line(raw):
    raw["itemInfoList"][1] |= {"skuId": "100000000011"}
    order = mapped(raw)
    assert [line.line_id for line in order.lines] == ["100000000011", "100000000011-2"]
    assert [line.discount for line in order.lines] == ["0", "0"]
    assert residue(order) == 0


def test_the_balance_and_gift_cards_are_ways_to_pay_and_no_discounts(raw):
    raw["couponDetailList"].append(coupon("52-礼品卡优惠", "100.00"))
    raw |= {"orderPayment": "293.90", "balanceUsed": "10.00"}
    order = mapped(raw)
    assert (order.grand_total, order.paid, len(order.discounts)) == ("403.90", "403.90", 2)
    assert [(each.kind, each.method, each.amount) for each in order.payments] == [
        ("sale", "4-在线支付", "293.90"),
        ("gift_card", "gift card", "100.00"),
        ("sale", "JD balance", "10.00"),
    ]
    assert residue(order) == 0


@pytest.mark.parametrize("coupons", [None, []])
def test_an_order_without_reductions_has_none(raw, coupons):
    raw |= {"couponDetailList": coupons, "sellerDiscount": "", "orderPayment": "453.90", "freightPrice": "6.00"}
    order = mapped(raw)
    assert order.discounts == []
    assert residue(order) == 0


@pytest.mark.parametrize(
    ("state", "order_status", "fulfilment", "payment"),
    [
        ("WAIT_SELLER_STOCK_OUT", "open", "unfulfilled", "paid"),
        ("WAIT_SELLER_DELIVERY", "open", "unfulfilled", "paid"),
        ("WAIT_GOODS_RECEIVE_CONFIRM", "open", "shipped", "paid"),
        ("FINISHED_L", "completed", "delivered", "paid"),
        ("LOCKED", "on_hold", "unfulfilled", "paid"),
        ("PAUSE", "on_hold", "unfulfilled", "unpaid"),
        ("POP_ORDER_PAUSE", "on_hold", "unfulfilled", "unpaid"),
        ("NOT_PAY", "pending", "unfulfilled", "unpaid"),
        ("WAIT_SEND_CODE", "open", "unfulfilled", "paid"),
        ("DELIVERY_RETURN", "open", "returned_to_sender", "paid"),
        ("SEND_TO_DISTRIBUTION_CENER", "open", "shipped", "paid"),
        ("DISTRIBUTION_CENTER_RECEIVED", "open", "shipped", "paid"),
        ("RECEIPTS_CONFIRM", "completed", "delivered", "paid"),
        ("TRADE_CANCELED", "cancelled", "unfulfilled", "voided"),
    ],
)
def test_the_state_says_how_far_the_order_is_where_no_payment_is_confirmed(
    raw, state, order_status, fulfilment, payment
):
    order = mapped(raw | {"orderState": state, "paymentConfirmTime": "1970-01-01 00:00:00"})
    assert (order.order_status, order.fulfilment_status, order.payment_status) == (order_status, fulfilment, payment)
    assert order.raw_status == {"orderState": state}
    assert {line.quantity_fulfilled for line in order.lines} == ({"0"} if fulfilment == "unfulfilled" else {"2", "1"})


def test_a_paid_order_that_was_called_off_stays_paid_until_it_is_refunded(raw):
    order = mapped(raw | {"orderState": "TRADE_CANCELED", "orderEndTime": "2026-03-09 10:00:00"})
    assert (order.payment_status, order.cancelled_at) == ("paid", "2026-03-09T10:00:00+08:00")


def test_a_buyer_who_wants_to_call_it_off_holds_the_order(raw):
    assert mapped(raw | {"orderState": "LOCKED"}).hold_reasons == ["buyer_asks_to_cancel"]


@pytest.mark.parametrize("state", ["locked", "12", ""])
def test_a_state_nobody_documented_is_refused(raw, state):
    with pytest.raises(RecordError, match="STATUS_UNKNOWN"):
        mapped(raw | {"orderState": state})


def test_cash_on_delivery_is_due_until_the_order_is_done(raw):
    order = mapped(raw | {"payType": "1-货到付款", "orderState": "WAIT_GOODS_RECEIVE_CONFIRM"})
    assert (order.payment_status, order.paid, order.payments[0].kind) == ("cod_due", "0", "cod")
    order = mapped(raw | {"payType": "1-货到付款", "orderState": "FINISHED_L"})
    assert (order.payment_status, order.paid) == ("paid", "403.90")
    assert mapped(raw | {"payType": "1-货到付款", "orderState": "TRADE_CANCELED"}).payment_status == "voided"


def test_placeholder_times_are_none_and_others_are_beijings(raw):
    order = mapped(raw)
    assert (order.placed_at, order.channel_updated_at, order.paid_at, order.closed_at) == (
        "2026-03-09T09:18:40+08:00",
        "2026-03-09T09:21:07+08:00",
        "2026-03-09T09:20:59+08:00",
        None,
    )
    assert [time_text(text) for text in ("", None, "0001-01-01 00:00:00", "1970-01-01 00:00:00")] == [None] * 4
    assert time_text("昨天") == "昨天"


def test_a_gift_may_lack_its_sku_number(raw):
    gift = {"skuName": "贈品 🎁", "jdPrice": "0.00", "itemTotal": "1", "outerSkuId": "GIFT", "wareId": "7"}
    raw["itemInfoList"] += [gift, copy.deepcopy(gift), gift | {"skuId": None, "wareId": ""}]
    order = mapped(raw)
    assert [(line.line_id, line.kind) for line in order.lines[2:]] == [
        ("ware-7", "gift"),
        ("ware-7-2", "gift"),
        ("ware-none", "gift"),
    ]
    assert residue(order) == 0


@pytest.mark.parametrize(
    ("carriers", "waybill", "parcels"),
    [
        ("", "", []),
        ("1274", "", []),
        ("467", "SF1", [("SF1", "467")]),
        ("467", "SF1,SF2，SF3", [("SF1", "467"), ("SF2", "467"), ("SF3", "467")]),
        ("467|2087", "SF1,SF2|JD9", [("SF1", "467"), ("SF2", "467"), ("JD9", "2087")]),
        ("467", "SF1|JD9", [("SF1", "467"), ("JD9", "467")]),
        ("467", "SF1,SF1", [("SF1", "467")]),
    ],
)
def test_each_waybill_number_is_a_parcel(raw, carriers, waybill, parcels):
    shipments = mapped(raw | {"logisticsId": carriers, "waybill": waybill}).shipments
    assert [(each.shipment_id, each.carrier) for each in shipments] == parcels


def test_masks_and_ciphertext_are_kept_and_told_and_the_wish_goes_with_the_address(raw):
    order = mapped(raw)
    (contact,) = order.contacts
    assert (order.masking, contact.name, contact.phone, contact.note) == (
        "masked",
        "AbDemoCipher==",
        "138****1234",
        "麻煩週末送 🚚",
    )
    assert contact.address == ["AbDemoCipherAddr==", "粵海街道", "南山區"]


@pytest.mark.parametrize(
    "person", [("张三", "13800001234", "深南大道1号"), ("Anneliese Groß", "", "High St 1, Shenzhen")]
)
def test_a_readable_person_is_plain(raw, person):
    raw["consigneeInfo"] |= dict(zip(("fullname", "mobile", "fullAddress"), person, strict=True))
    assert mapped(raw).masking == "plain"


@pytest.mark.parametrize(
    "hidden", [{"fullname": "AbDemoCipher=="}, {"fullAddress": "Q2lwaGVy" * 6}, {"mobile": "138****1234"}]
)
def test_one_hidden_part_of_a_person_is_enough(raw, hidden):
    raw["consigneeInfo"] |= {"fullname": "张三", "mobile": "13800001234", "fullAddress": "深南大道1号"} | hidden
    assert mapped(raw).masking == "masked"


@pytest.mark.parametrize(
    ("state", "masking"),
    [("WAIT_SELLER_STOCK_OUT", "plain"), ("FINISHED_L", "masked"), ("TRADE_CANCELED", "masked")],
)
def test_an_order_that_names_nobody_is_masked_unless_it_waits_to_be_sent_and_keeps_the_wish(raw, state, masking):
    for nobody in (None, dict.fromkeys(raw["consigneeInfo"], "")):
        order = mapped(raw | {"consigneeInfo": nobody, "orderState": state})
        assert (order.masking, [(each.role, each.note) for each in order.contacts]) == (
            masking,
            [("sold_to", "麻煩週末送 🚚")],
        )


def test_a_full_address_does_not_say_its_parts_twice(raw):
    raw["consigneeInfo"] |= {"fullAddress": "廣東深圳市南山區粵海街道深南大道1號", "mobile": "13800001234"}
    assert mapped(raw).contacts[0].address == ["廣東深圳市南山區粵海街道深南大道1號"]


@pytest.mark.parametrize(
    ("wish", "note"),
    [
        ("不需要开具发票", "麻煩週末送 🚚"),
        ("发票抬头:个人(张三);发票内容:明细", "麻煩週末送 🚚\n发票抬头:个人(张三);发票内容:明细"),
    ],
)
def test_to_whom_an_invoice_goes_is_personal_data(raw, wish, note):
    order = mapped(raw | {"invoiceInfo": wish})
    assert (order.contacts[0].note, "invoiceInfo" in order.ext) == (note, False)


def test_what_jds_warehouses_send_is_told_and_a_part_names_its_whole(raw):
    order = mapped(raw | {"storeOrder": "京仓订单", "parentOrderId": 299999999999, "open_id_buyer": "o-1", "pin": "p"})
    assert (order.programs, order.lines[0].fulfilled_by, order.parent_id) == (
        ["jd_warehouse"],
        "marketplace",
        "299999999999",
    )
    assert order.buyer_id == "o-1"
    assert mapped(raw).parent_id is None


def test_an_order_without_payment_has_no_total(raw):
    order = mapped(raw | {"orderPayment": ""})
    assert (order.grand_total, order.payments) == (None, [])


def test_an_order_whose_lines_are_not_shown_is_refused_with_its_id(raw):
    with pytest.raises(RecordError) as refused:
        mapped(raw | {"itemInfoList": None})
    assert (refused.value.code, refused.value.value) == ("DETAIL_MISSING", "300000000001")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"orderPayment": "12,50 元"}, "AMOUNT_MALFORMED"),
        ({"orderPayment": "٣٤"}, "AMOUNT_MALFORMED"),
        ({"couponDetailList": [coupon("100-店铺优惠", "N/A")]}, "AMOUNT_MALFORMED"),
        ({"itemInfoList": [7]}, "RAW_SHAPE"),
        ({"consigneeInfo": "深圳"}, "RAW_SHAPE"),
        ({"itemInfoList": [{"skuId": "1", "jdPrice": "1.00"}]}, "RAW_SHAPE"),
    ],
)
def test_a_broken_part_refuses_the_whole_order(raw, change, code):
    with pytest.raises(RecordError, match=code):
        mapped(raw | change)


@pytest.mark.parametrize("name", ["orderState", "modified", "orderStartTime", "orderId"])
def test_an_order_without_a_field_that_it_must_have_is_another_shape(raw, name):
    del raw[name]
    with pytest.raises(RecordError, match="RAW_SHAPE"):
        mapped(raw)


def test_every_text_of_the_sample_survives(raw):
    order = json.dumps(msgspec.to_builtins(mapped(raw)), ensure_ascii=False)
    for text in ("藍牙耳機 🎧 黑色", "غطاء", "🚚", "等待出库"):
        assert text in order
