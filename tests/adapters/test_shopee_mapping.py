"""Shopee's mapping and signatures, against the vectors and samples that its README names."""

import copy

import msgspec
import pytest
from money_equation import residue

from orderflow.adapters.shopee import ADAPTER, Options
from orderflow.adapters.shopee.auth import signature
from orderflow.domain.errors import RecordError
from orderflow.domain.source import Secret

KEY = Secret("a1b2c3d4e5f60718293a4b5c6d7e8f90")
OPTIONS = Options(shop_id=14701711)

DETAIL = """{"order_sn":"2603099DEMO01","region":"TW","currency":"TWD","cod":false,"order_status":"READY_TO_SHIP",
"message_to_seller":"請幫我包裝 🎁","create_time":1773019120,
"update_time":1773019267,"pay_time":1773019259,"days_to_ship":2,"ship_by_date":1773192059,"total_amount":909,
"estimated_shipping_fee":60,"actual_shipping_fee":0,"actual_shipping_fee_confirmed":false,"buyer_user_id":100000001,
"buyer_username":"****","payment_method":"Credit Card","shipping_carrier":"7-ELEVEN","note":"","note_update_time":0,
"fulfillment_flag":"fulfilled_by_local_seller","pickup_done_time":0,"cancel_by":"","buyer_cancel_reason":"",
"recipient_address":{"name":"王**","phone":"******123","town":"","district":"大安區",
"city":"台北市","state":"","region":"TW","zipcode":"106","full_address":"****"},
"item_list":[{"item_id":11000000001,"item_name":"Cat mug 🐱","item_sku":"MUG","model_id":12000000001,
"model_name":"紅色","model_sku":"MUG-RED","model_quantity_purchased":2,"model_original_price":390,
"model_discounted_price":350,"promotion_type":"product_promotion","promotion_id":501,"order_item_id":11000000001,
"line_item_id":9001},{"item_id":11000000002,"item_name":"Lid","item_sku":"LID","model_id":0,"model_name":"",
"model_sku":"LID-01","model_quantity_purchased":1,"model_original_price":199,"model_discounted_price":199,
"promotion_type":"","promotion_id":0,"order_item_id":11000000002,"line_item_id":9002}],
"package_list":[{"package_number":"OFG1","logistics_status":"LOGISTICS_READY","shipping_carrier":"7-ELEVEN",
"item_list":[{"item_id":11000000001,"model_id":12000000001,"order_item_id":11000000001,"model_quantity":2},
{"item_id":11000000002,"model_id":0,"order_item_id":11000000002,"model_quantity":1}]}]}"""

ESCROW = """{"order_sn":"2603099DEMO01","return_order_sn_list":[],
"order_income":{"seller_discount":80,"shopee_discount":0,"seller_voucher_code":["CAT50"],"escrow_amount":802.5,"items":[]},
"buyer_payment_info":{"buyer_total_amount":909,
"merchant_subtotal":899,"shipping_fee":60,"seller_voucher":-50,"shopee_voucher":-0,"shopee_coins_redeemed":-0.0}}"""


@pytest.fixture
def raw():
    decode = msgspec.json.Decoder(float_hook=str).decode
    return {"list": {"order_sn": "2603099DEMO01"}, "detail": decode(DETAIL), "escrow": decode(ESCROW)}


def mapped(raw):
    return ADAPTER.to_order(raw, OPTIONS)


def test_a_request_for_a_shop_is_signed_as_documented():
    sign = signature(KEY, "2001887", "/api/v2/order/get_order_list", 1773021600, "demoShopeeToken", "14701711")
    assert sign == "611267f508158268e3b77d1f63e91aa521412a1621b666802286c53dd811639f"


def test_a_request_for_a_token_is_signed_without_shop():
    sign = signature(KEY, "2001887", "/api/v2/auth/access_token/get", 1773021600)
    assert sign == "ba5992381118724c13dda60e9cc9870bf52fe324b693fe428c6ec107b5e8cb65"


def test_the_sample_adds_up_because_the_settlement_explains_the_voucher(raw):
    order = mapped(raw)
    assert residue(order) == 0
    assert [(d.funded_by, d.amount, d.allocated, d.code) for d in order.discounts] == [
        ("seller", "80", "80", None),
        ("seller", "50", "0", "CAT50"),
    ]
    assert (order.items_total, order.charge_total, order.discount_total, order.grand_total) == (
        "899",
        "60",
        "130",
        "909",
    )


def test_without_settlement_the_voucher_is_missing_and_the_order_does_not_add_up(raw):
    raw["escrow"] = None
    order = mapped(raw)
    assert residue(order) == 50
    assert order.charges[0].amount == "60"
    assert order.discounts[0].funded_by == "unknown"


def test_ids_times_and_states_are_spelled_out(raw):
    order = mapped(raw)
    assert order.channel_updated_at == "2026-03-09T01:21:07+00:00"
    assert order.paid_at == "2026-03-09T01:20:59+00:00"
    assert order.cancelled_at is None
    assert (order.order_status, order.payment_status, order.fulfilment_status) == ("open", "paid", "unfulfilled")
    assert [line.line_id for line in order.lines] == ["9001", "9002"]
    assert [line.variant_id for line in order.lines] == ["12000000001", None]


def test_a_package_is_a_shipment_once_it_is_under_way(raw):
    assert mapped(raw).shipments == []
    raw["detail"]["package_list"][0]["logistics_status"] = "LOGISTICS_PICKUP_DONE"
    raw["detail"]["pickup_done_time"] = 1773030000
    shipment = mapped(raw).shipments[0]
    assert shipment.lines == [("9001", "2"), ("9002", "1")]
    assert (shipment.shipment_id, shipment.carrier, shipment.shipped_at) == (
        "OFG1",
        "7-ELEVEN",
        "2026-03-09T04:20:00+00:00",
    )


def test_stars_in_the_address_are_kept_and_told(raw):
    order = mapped(raw)
    assert order.masking == "masked"
    assert order.contacts[0].name == "王**"
    assert order.contacts[0].note == "請幫我包裝 🎁"
    raw["detail"]["recipient_address"] |= {"name": "王小明", "phone": "886912345678", "full_address": "忠孝東路 1 號"}
    assert mapped(raw).masking == "plain"  # whatever stars the buyer's user name has
    raw["detail"]["recipient_address"]["zipcode"] = "1**"
    assert mapped(raw).masking == "masked"


@pytest.mark.parametrize(
    ("status", "masking"), [("READY_TO_SHIP", "plain"), ("COMPLETED", "masked"), ("CANCELLED", "masked")]
)
@pytest.mark.parametrize("left", [{}, {"city": "臺北市", "state": "臺灣", "zipcode": "100"}])
def test_an_emptied_order_is_masked_unless_it_waits_to_be_sent_and_keeps_its_note(raw, status, masking, left):
    raw["detail"] |= {"order_status": status, "package_list": []}
    raw["detail"]["recipient_address"] = dict.fromkeys(raw["detail"]["recipient_address"], "") | left
    order = mapped(raw)
    assert (order.masking, [(each.role, each.note) for each in order.contacts]) == (
        masking,
        [("sold_to", "請幫我包裝 🎁")],
    )


def test_a_full_address_does_not_say_its_district_twice(raw):
    raw["detail"]["recipient_address"] |= {"full_address": "Jl. Mustika 5, MUSTIKA JAYA, KOTA BEKASI, 17158"}
    raw["detail"]["recipient_address"] |= {"district": "MUSTIKA JAYA", "town": "RW 11"}
    assert mapped(raw).contacts[0].address == ["Jl. Mustika 5, MUSTIKA JAYA, KOTA BEKASI, 17158", "RW 11"]


def test_the_article_that_brings_a_gift_is_none(raw):
    mug, lid = raw["detail"]["item_list"]
    mug["promotion_type"], lid["promotion_type"] = "add_on_free_gift_main", "add_on_free_gift_sub"
    assert [each.kind for each in mapped(raw).lines] == ["product", "gift"]


def test_the_items_of_a_settlement_say_who_pays_for_a_gift(raw):
    raw["detail"]["item_list"][1] |= {"model_discounted_price": 0, "promotion_type": "add_on_free_gift_sub"}
    raw["escrow"]["order_income"] |= {
        "seller_discount": 80,
        "shopee_discount": 0,
        "items": [{"item_id": 1, "model_id": 2, "seller_discount": each, "shopee_discount": 0} for each in (80, 199)],
    }
    (promotion, *_) = mapped(raw).discounts
    assert (promotion.title, promotion.funded_by, promotion.amount) == ("item promotions", "seller", "279")


def test_a_bundle_costs_what_the_settlement_says(raw):
    item = raw["detail"]["item_list"][0]
    item |= {"promotion_type": "bundle_deal", "model_discounted_price": 0}
    settled = {"item_id": item["item_id"], "model_id": item["model_id"], "discounted_price": "650.50"}
    raw["escrow"]["order_income"] |= {"items": [settled], "seller_discount": "129.50"}
    raw["detail"]["total_amount"] = "859.50"
    order = mapped(raw)
    assert (order.lines[0].total, order.lines[0].discount, order.lines[0].unit_price) == ("650.50", "129.50", "390")
    assert residue(order) == 0


def test_fees_and_vouchers_that_shopee_added_later_explain_the_total(raw):
    raw["escrow"]["buyer_payment_info"] |= {
        "ads_voucher_discount": "-9",
        "buyer_instant_fee": "15",
        "buyer_paid_extended_warranty": "7",
        "buyer_paid_installation_fee": "3",
    }
    raw["detail"]["total_amount"] = "925"
    order = mapped(raw)
    assert residue(order) == 0
    assert (order.discounts[-1].title, order.discounts[-1].funded_by) == ("ads_voucher_discount", "platform")


def test_two_funders_of_a_promotion_are_told_apart_only_where_they_explain_it(raw):
    raw["escrow"]["order_income"] |= {"seller_discount": 30, "shopee_discount": 50}
    assert [(d.kind, d.funded_by, d.amount) for d in mapped(raw).discounts[:2]] == [
        ("automatic", "seller", "30"),
        ("platform", "platform", "50"),
    ]
    raw["escrow"]["order_income"] |= {"seller_discount": 30, "shopee_discount": 49}
    assert mapped(raw).discounts[0].funded_by == "unknown"


def test_a_free_gift_is_a_line_of_its_own_kind(raw):
    raw["detail"]["item_list"][1] |= {"promotion_type": "add_on_free_gift_sub", "model_discounted_price": 0}
    line = mapped(raw).lines[1]
    assert (line.kind, line.total, line.discount) == ("gift", "0", "199")


@pytest.mark.parametrize(
    ("status", "expected"), [("UNPAID", ("pending", "unpaid")), ("CANCELLED", ("cancelled", "voided"))]
)
@pytest.mark.parametrize("stated", [None, 0])
def test_an_order_that_was_never_paid_has_a_provisional_total(raw, status, expected, stated):
    raw["detail"] |= {"order_status": status, "pay_time": None, "total_amount": stated}
    raw["escrow"] = None
    order = mapped(raw)
    assert (order.order_status, order.payment_status) == expected
    assert order.grand_total == "959"
    assert "after payment" in order.ext["grand_total"]
    assert not order.payments
    assert order.paid_at is None


def test_a_paid_order_without_total_has_none(raw):
    raw["detail"]["total_amount"] = None
    raw["escrow"] = None
    assert mapped(raw).grand_total is None


def test_cash_on_delivery_is_due_until_the_order_is_completed(raw):
    raw["detail"] |= {"cod": True, "order_status": "SHIPPED"}
    order = mapped(raw)
    assert (order.payment_status, order.paid, order.payments[0].status) == ("cod_due", "0", "pending")
    raw["detail"]["order_status"] = "COMPLETED"
    order = mapped(raw)
    assert (order.payment_status, order.paid, order.payments[0].kind) == ("paid", "909", "cod")


def test_every_payment_of_a_brazilian_order_is_told(raw):
    raw["detail"]["payment_info"] = [
        {"payment_method": "PIX", "payment_amount": 900, "transaction_id": "t1"},
        {"payment_method": "Card", "payment_amount": 9, "transaction_id": "t2"},
    ]
    assert [(p.method, p.amount, p.payment_id) for p in mapped(raw).payments] == [
        ("PIX", "900", "t1"),
        ("Card", "9", "t2"),
    ]


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        (["LOGISTICS_READY", "LOGISTICS_READY"], "unfulfilled"),
        (["LOGISTICS_NOT_STARTED", ""], "unfulfilled"),
        (["LOGISTICS_PICKUP_DONE", "LOGISTICS_READY"], "partial"),
        (["LOGISTICS_PICKUP_DONE", "LOGISTICS_DELIVERY_DONE"], "shipped"),
        (["LOGISTICS_DELIVERY_DONE", "LOGISTICS_DELIVERY_DONE"], "delivered"),
    ],
)
def test_the_parcels_say_how_much_is_under_way(raw, moved, expected):
    parcel = raw["detail"]["package_list"][0]
    raw["detail"]["package_list"] = [copy.copy(parcel) | {"logistics_status": status} for status in moved]
    raw["detail"]["order_status"] = "PROCESSED"
    assert mapped(raw).fulfilment_status == expected


def test_a_request_to_cancel_and_a_pending_term_hold_the_order(raw):
    raw["detail"] |= {"order_status": "PENDING", "pending_terms": ["KYC_PENDING"]}
    assert (mapped(raw).order_status, mapped(raw).hold_reasons) == ("on_hold", ["KYC_PENDING"])
    raw["detail"] |= {"order_status": "IN_CANCEL", "pending_terms": []}
    assert (mapped(raw).order_status, mapped(raw).hold_reasons) == ("on_hold", ["buyer_asks_to_cancel"])


def test_an_order_that_is_listed_but_not_shown_is_refused_with_its_number(raw):
    raw["detail"] = None
    with pytest.raises(RecordError) as refused:
        mapped(raw)
    assert (refused.value.code, refused.value.value) == ("DETAIL_MISSING", "2603099DEMO01")


@pytest.mark.parametrize(
    ("package", "fulfilment"),
    [
        ("LOGISTICS_REQUEST_CANCELED", "unfulfilled"),
        ("LOGISTICS_DELIVERY_FAILED", "returned_to_sender"),
        ("LOGISTICS_LOST", "shipped"),
    ],
)
def test_an_order_that_was_called_off_under_way_had_been_sent(raw, package, fulfilment):
    raw["detail"]["order_status"] = "CANCELLED"
    raw["detail"]["package_list"][0]["logistics_status"] = package
    assert (mapped(raw).order_status, mapped(raw).fulfilment_status) == ("cancelled", fulfilment)


def test_a_status_nobody_documented_is_refused(raw):
    raw["detail"]["order_status"] = "TELEPORTED"
    with pytest.raises(RecordError, match="STATUS_UNKNOWN"):
        mapped(raw)


def test_a_package_in_a_status_nobody_documented_is_not_taken_for_sent(raw):
    raw["detail"]["package_list"][0]["logistics_status"] = "LOGISTICS_TELEPORTED"
    with pytest.raises(RecordError, match=r"package_list\.logistics_status.*LOGISTICS_TELEPORTED"):
        mapped(raw)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"item_list": None}, "RAW_SHAPE"),
        ({"item_list": [{}]}, "RAW_SHAPE"),
        ({"create_time": "tomorrow"}, None),
        ({"update_time": 1773019267000}, None),
    ],
)
def test_another_shape_is_refused_and_a_malformed_time_goes_on_to_cleaning(raw, change, code):
    raw["detail"] |= change
    if code is None:
        order = mapped(raw)
        assert {order.placed_at, order.channel_updated_at} & {str(value) for value in change.values()}
    else:
        with pytest.raises(RecordError, match=code):
            mapped(raw)


def test_a_price_that_is_no_number_is_refused(raw):
    raw["detail"]["item_list"][0]["model_original_price"] = "12,50"
    with pytest.raises(RecordError, match="AMOUNT_MALFORMED"):
        mapped(raw)
