"""The mapping of Taobao and Tmall, and its signature, against the vectors and the sample that the README names."""

import copy
import hashlib

import pytest
from money_equation import residue
from taobao_tmall_trades import line_residues, mapped, orders_of, sample

from orderflow.adapters.taobao_tmall import ADAPTER, Options
from orderflow.adapters.taobao_tmall.auth import signature, signed_text
from orderflow.adapters.taobao_tmall.values import time_text
from orderflow.domain.errors import RecordError
from orderflow.domain.source import Secret


@pytest.fixture
def trade():
    return sample()


PUBLISHED = {
    "app_key": "12345678",
    "fields": "num_iid,title,nick,price,num",
    "format": "json",
    "method": "taobao.item.seller.get",
    "num_iid": "11223344",
    "session": "test",
    "sign_method": "md5",
    "timestamp": "2016-01-01 12:00:00",
    "v": "2.0",
}


def test_the_signed_text_is_the_published_one():
    text = signed_text({"v": "2.0", **PUBLISHED, "sign": "an earlier attempt's", "simplify": ""})
    assert text.startswith("app_key12345678fieldsnum_iid,title,nick,price,numformatjsonmethodtaobao.item.seller.get")
    sign = hashlib.md5(f"helloworld{text}helloworld".encode(), usedforsecurity=False).hexdigest().upper()
    assert sign == "66987CB115214E59E6EC978214934FB8"


def test_a_request_is_signed_as_documented():
    params = {
        "use_has_next": "false",
        "app_key": "12345678",
        "start_modified": "2026-03-09 09:00:00",
        "end_modified": "2026-03-09 09:30:00",
        "fields": "tid,status,modified",
        "format": "json",
        "method": "taobao.trades.sold.increment.get",
        "page_no": "1",
        "page_size": "40",
        "session": "6100000DEMO",
        "sign_method": "hmac-sha256",
        "timestamp": "2026-03-09 10:00:00",
        "v": "2.0",
    }
    sign = signature(Secret("a1b2c3d4e5f60718293a4b5c6d7e8f90"), params)
    assert sign == "3A10DBAEDFB43CB4845E3B4F3CC62D078DFB7E6632B6C7502817214E0B27817B"


def test_the_sample_adds_up_and_every_order_is_a_line(trade):
    order = mapped(trade)
    assert residue(order) == 0
    assert line_residues(order) == [0, 0]
    assert (order.items_total, order.charge_total, order.grand_total, order.paid) == (
        "283.00",
        "6.00",
        "289.00",
        "289.00",
    )
    assert [(line.line_id, line.quantity, line.discount, line.total) for line in order.lines] == [
        ("4203417012345678902", "2", "30.00", "228.00"),
        ("4203417012345678903", "1", "4.90", "55.00"),
    ]
    assert (order.order_id, order.currency, order.taxes_included) == ("4203417012345678901", "CNY", True)


def test_times_have_the_zone_of_the_platform(trade):
    order = mapped(trade)
    assert (order.placed_at, order.channel_updated_at) == ("2026-03-09T09:18:40+08:00", "2026-03-09T09:21:07+08:00")
    assert [time_text(text) for text in ("yesterday", "", None)] == ["yesterday", None, None]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("2026-03-11", "2026-03-11T23:59:59+08:00"),
        ("2026-03-11 18:00:00", "2026-03-11T18:00:00+08:00"),
        ("48h", None),
    ],
)
def test_a_deadline_is_a_moment_or_the_end_of_a_day(trade, said, expected):
    order = mapped(trade | {"delivery_time": said})
    assert (order.lines[0].ship_by, order.ext["delivery_time"]) == (expected, said)


def test_promotions_stand_apart_with_what_they_are_called(trade):
    found = [(each.code, each.title, each.funded_by, each.amount, each.allocated) for each in mapped(trade).discounts]
    assert found == [
        ("shopbonus-demo_1", "店鋪滿300減24.9", "seller", "24.90", "24.90"),
        ("limit-demo_2", "限時打折", "seller", "10.00", "10.00"),
    ]


@pytest.mark.parametrize(
    ("subsidy", "funders"),
    [
        ("0.00", ["seller", "seller"]),
        (None, ["unknown", "unknown"]),
        ("14.00", ["platform", "seller"]),
        ("5.00", ["shared", "shared"]),
    ],
)
def test_the_platforms_part_is_told_apart_where_it_is_one_promotion(trade, subsidy, funders):
    first = trade["promotion_details"]["promotion_detail"][0]
    second = first | {"discount_fee": "10.90", "promotion_id": "mjs-2"}
    trade |= {"platform_subsidy_fee": subsidy, "promotion_details": {"promotion_detail": [first, second]}}
    first["discount_fee"] = "14.00"
    order = mapped(trade)
    assert [each.funded_by for each in order.discounts[:2]] == funders
    assert residue(order) == 0


def test_promotions_that_do_not_explain_what_orders_bear_become_one_discount(trade):
    trade["promotion_details"]["promotion_detail"][0]["discount_fee"] = "20.00"
    order = mapped(trade)
    assert [(each.title, each.amount, each.allocated) for each in order.discounts] == [
        ("店鋪滿300減24.9", "24.90", "24.90"),
        ("限時打折", "10.00", "10.00"),
    ]
    del trade["promotion_details"]
    assert [each.title for each in mapped(trade).discounts] == ["discount_fee", None]
    assert residue(mapped(trade)) == 0


@pytest.mark.parametrize("left_out", ["part_mjz_discount", "divide_order_fee"])
def test_the_share_of_an_order_or_what_was_paid_for_it_is_enough(trade, left_out):
    for each in orders_of(trade):
        each[left_out] = None
    order = mapped(trade)
    assert [line.total for line in order.lines] == ["228.00", "55.00"]
    assert (residue(order), line_residues(order)) == (0, [0, 0])


def test_a_discount_that_no_order_bears_stays_unallocated(trade):
    for each in orders_of(trade):
        each |= {"part_mjz_discount": "0.00", "divide_order_fee": None}
    order = mapped(trade)
    assert (order.discounts[0].amount, order.discounts[0].allocated) == ("24.90", "0.00")
    assert (residue(order), line_residues(order)) == (0, [0, 0])


def test_a_price_changed_by_hand_is_a_discount_or_a_surcharge(trade):
    shirt, socks = orders_of(trade)
    shirt |= {"adjust_fee": "-8.00", "total_fee": "240.00", "divide_order_fee": "220.00"}
    socks |= {"adjust_fee": "3.00", "total_fee": "62.90", "divide_order_fee": "58.00"}
    trade["payment"] = "284.00"
    order = mapped(trade)
    assert (residue(order), line_residues(order)) == (0, [0, 0])
    assert [(each.kind, each.total) for each in order.charges] == [("shipping", "6.00"), ("surcharge", "3.00")]
    assert [(each.kind, each.amount) for each in order.discounts if each.kind == "manual"] == [("manual", "8.00")]


def test_a_trade_with_one_order_shows_the_whole_payment_on_it_and_still_adds_up(trade):
    trade["orders"]["order"] = [orders_of(trade)[1] | {"payment": "61.00"}]
    trade |= {"discount_fee": "4.90", "payment": "61.00", "promotion_details": {}}
    order = mapped(trade)
    assert (residue(order), order.lines[0].total) == (0, "55.00")


def test_an_order_closed_before_payment_counts_nothing_any_more(trade):
    orders_of(trade)[1]["status"] = "TRADE_CLOSED_BY_TAOBAO"
    trade |= {"payment": "234.00", "discount_fee": "20.00"}
    order = mapped(trade)
    assert [(line.quantity, line.quantity_ordered, line.total) for line in order.lines] == [
        ("2", "2", "228.00"),
        ("0", "1", "0"),
    ]
    assert (order.order_status, residue(order), line_residues(order)) == ("open", 0, [0, 0])


def test_an_order_refunded_before_it_was_sent_is_not_sent_and_its_money_stays_in_the_total(trade):
    orders_of(trade)[1] |= {"status": "TRADE_CLOSED", "refund_status": "SUCCESS"}
    order = mapped(trade)
    assert [(line.quantity, line.quantity_ordered, line.total) for line in order.lines] == [
        ("2", "2", "228.00"),
        ("0", "1", "0"),
    ]
    assert [(charge.kind, charge.total) for charge in order.charges] == [("shipping", "6.00"), ("surcharge", "55.00")]
    assert (order.grand_total, order.payment_status, order.return_status) == (
        "289.00",
        "partially_refunded",
        "refunded",
    )
    assert (order.order_status, residue(order), line_residues(order)) == ("open", 0, [0, 0])
    orders_of(trade)[1] |= {"consign_time": "2026-03-10 08:00:00"}
    order = mapped(trade)
    assert (order.lines[1].quantity, order.lines[1].quantity_returned, residue(order)) == ("1", "1", 0)


def test_a_wholly_closed_trade_keeps_its_amounts(trade):
    for each in (trade, *orders_of(trade)):
        each["status"] = "TRADE_CLOSED_BY_TAOBAO"
    del trade["pay_time"]
    order = mapped(trade | {"end_time": "2026-03-10 00:00:00"})
    assert (order.order_status, order.payment_status, order.paid) == ("cancelled", "voided", "0")
    assert (order.cancelled_at, residue(order)) == ("2026-03-10T00:00:00+08:00", 0)


@pytest.mark.parametrize(
    ("status", "more", "expected"),
    [
        ("TRADE_NO_CREATE_PAY", {"pay_time": None}, ("pending", "unpaid", "unfulfilled")),
        ("WAIT_BUYER_PAY", {"pay_time": None}, ("pending", "unpaid", "unfulfilled")),
        ("PAY_PENDING", {"pay_time": None}, ("pending", "unpaid", "unfulfilled")),
        ("PAID_FORBID_CONSIGN", {}, ("on_hold", "paid", "unfulfilled")),
        ("WAIT_PRE_AUTH_CONFIRM", {"pay_time": None}, ("on_hold", "unpaid", "unfulfilled")),
        ("WAIT_SELLER_SEND_GOODS", {}, ("open", "paid", "unfulfilled")),
        ("WAIT_SELLER_SEND_GOODS", {"team_buy_hold": 1}, ("on_hold", "paid", "unfulfilled")),
        ("WAIT_SELLER_SEND_GOODS", {"team_buy_hold": 0, "ofp_hold": "0"}, ("open", "paid", "unfulfilled")),
        ("SELLER_CONSIGNED_PART", {}, ("open", "paid", "partial")),
        ("WAIT_BUYER_CONFIRM_GOODS", {"top_hold": 1}, ("open", "paid", "shipped")),
        ("TRADE_FINISHED", {}, ("completed", "paid", "delivered")),
        ("TRADE_CLOSED", {}, ("cancelled", "refunded", "unfulfilled")),
        ("TRADE_CLOSED", {"consign_time": "2026-03-10 08:00:00"}, ("completed", "refunded", "shipped")),
        ("WAIT_SELLER_SEND_GOODS", {"type": "cod", "pay_time": None}, ("open", "cod_due", "unfulfilled")),
        ("TRADE_BUYER_SIGNED", {"type": "cod", "pay_time": None}, ("open", "paid", "delivered")),
        (
            "WAIT_BUYER_PAY",
            {"step_trade_status": "FRONT_PAID_FINAL_NOPAID", "step_paid_fee": "20.00"},
            ("pending", "partially_paid", "unfulfilled"),
        ),
        (
            "TRADE_CLOSED_BY_TAOBAO",
            {"step_trade_status": "FRONT_PAID_FRONT_FORFEITED", "step_paid_fee": "20.00"},
            ("cancelled", "partially_paid", "unfulfilled"),
        ),
    ],
)
def test_statuses_in_our_words(trade, status, more, expected):
    for each in orders_of(trade):
        each["status"] = status
    order = mapped(trade | {"status": status} | more)
    assert (order.order_status, order.payment_status, order.fulfilment_status) == expected
    assert order.raw_status["status"] == status
    assert bool(order.hold_reasons) == (order.order_status == "on_hold")


def test_a_deposit_is_the_only_payment_until_the_rest_is_paid(trade):
    step = {"type": "step", "step_trade_status": "FRONT_PAID_FINAL_NOPAID", "step_paid_fee": "20.00"}
    order = mapped(trade | {"status": "WAIT_BUYER_PAY"} | step)
    assert ([each.amount for each in order.payments], order.paid, order.grand_total) == (["20.00"], "20.00", "289.00")
    assert order.programs == ["presale"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("WAIT_SELLER_AGREE", ("requested", "paid")),
        ("WAIT_BUYER_RETURN_GOODS", ("in_transit", "paid")),
        ("SELLER_REFUSE_BUYER", ("rejected", "paid")),
        ("CLOSED", ("none", "paid")),
        ("SUCCESS", ("refunded", "partially_refunded")),
    ],
)
def test_the_furthest_return_of_an_order_is_the_trades(trade, status, expected):
    orders_of(trade)[1]["refund_status"] = status
    order = mapped(trade)
    assert (order.return_status, order.payment_status) == expected
    assert order.raw_status["refund_status.4203417012345678903"] == status
    assert order.lines[1].quantity_returned is None  # it was not sent, so that nothing came back
    held = ("on_hold", ["buyer_asks_for_refund"]) if status == "WAIT_SELLER_AGREE" else ("open", [])
    assert (order.order_status, order.hold_reasons) == held
    assert residue(order) == 0


def test_goods_that_were_sent_are_not_held_by_a_wish_for_a_refund(trade):
    orders_of(trade)[1] |= {"refund_status": "WAIT_SELLER_AGREE", "consign_time": "2026-03-10 08:00:00"}
    assert mapped(trade).order_status == "open"


def test_orders_with_one_waybill_are_one_parcel(trade):
    for each in orders_of(trade):
        each |= {"invoice_no": "SF1", "logistics_company": "顺丰速运", "consign_time": "2026-03-10 08:00:00"}
    parcel = mapped(trade).shipments[0]
    assert (parcel.shipment_id, parcel.carrier, parcel.tracking_numbers) == ("SF1", "顺丰速运", ["SF1"])
    assert parcel.lines == [("4203417012345678902", "2"), ("4203417012345678903", "1")]
    assert parcel.shipped_at == "2026-03-10T08:00:00+08:00"


def test_a_service_is_a_line_and_a_promotions_gift_is_named(trade):
    service = {"oid": 77, "title": "上门安装", "num": 1, "price": "30.00", "payment": "30.00", "total_fee": "30.00"}
    gift = {"id": 1, "promotion_id": "mjs-9", "gift_item_name": "هدية 🎁", "gift_item_num": "2"}
    trade["promotion_details"]["promotion_detail"].append(gift)
    order = mapped(trade | {"service_orders": {"service_order": [service]}, "payment": "319.00"})
    assert [line.kind for line in order.lines] == ["product", "product", "service"]
    assert (residue(order), order.ext["gift.mjs-9"]) == (0, "2 x هدية 🎁")


def test_stars_are_kept_and_said_and_the_key_to_decipher_them_goes_along(trade):
    order = mapped(trade)
    contact = order.contacts[0]
    assert (contact.name, contact.phone, order.masking) == ("王**", "*******1234", "masked")
    assert contact.address == ["餘杭區", "五常街道", "文一西路***"]
    assert order.ext["oaid"] == "demoOAID~~abc"
    plain = {name: value.replace("*", "某") for name, value in trade.items() if name.startswith("receiver_")}
    assert mapped(trade | plain).masking == "plain"


def test_a_county_is_the_city_where_there_is_no_other(trade):
    contact = mapped(trade | {"receiver_city": "", "receiver_district": "济源市"}).contacts[0]
    assert (contact.city, contact.address) == ("济源市", ["五常街道", "文一西路***"])


def test_a_duty_is_a_charge_unless_the_seller_bears_it(trade):
    assert residue(mapped(trade | {"order_tax_fee": "9.10", "payment": "298.10"})) == 0
    orders_of(trade)[0]["tax_free"] = True
    assert residue(mapped(trade | {"order_tax_fee": "9.10"})) == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda trade: trade.update(status="TELEPORTED"), "STATUS_UNKNOWN"),
        (lambda trade: orders_of(trade)[0].update(status="TELEPORTED"), "STATUS_UNKNOWN"),
        (lambda trade: orders_of(trade)[0].update(refund_status="TELEPORTED"), "STATUS_UNKNOWN"),
        (lambda trade: trade.update(step_trade_status="TELEPORTED"), "STATUS_UNKNOWN"),
        (lambda trade: orders_of(trade)[0].update(total_fee="12,50"), "AMOUNT_MALFORMED"),
        (lambda trade: orders_of(trade)[0].update(total_fee="٣٤"), "AMOUNT_MALFORMED"),
        (lambda trade: trade.pop("created"), "RAW_SHAPE"),
        (lambda trade: orders_of(trade)[0].pop("price"), "RAW_SHAPE"),
        (lambda trade: trade.update(orders=[1, 2]), "RAW_SHAPE"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_code(trade, change, code):
    broken = copy.deepcopy(trade)
    change(broken)
    with pytest.raises(RecordError) as caught:
        mapped(broken)
    assert caught.value.code == code


def test_a_listed_trade_that_is_not_shown_is_refused_by_its_number():
    raw = {"list": {"tid": 4203417012345678901}, "detail": None}
    with pytest.raises(RecordError) as caught:
        ADAPTER.to_order(raw, Options())
    assert (caught.value.code, caught.value.value) == ("DETAIL_MISSING", "4203417012345678901")
    assert ADAPTER.order_id(raw) == "4203417012345678901"
