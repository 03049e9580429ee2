"""How the Douyin source asks: signing, renewal, pages of a list that moves, what a list leaves out, each refusal."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from douyin_shop import (
    NOW,
    SECRET,
    START,
    TOKENS,
    WINDOW,
    Shop,
    asked,
    done,
    each_second,
    numbers,
    opened,
    pulled,
    refusal,
)

from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TooManyError, TransientError
from orderflow.domain.source import OrderStub


def test_every_listed_order_comes_once_and_the_last_page_first():
    shop = Shop(each_second(350))
    found = pulled(shop)
    assert sorted(numbers(found)) == list(range(1, 351))
    assert [body["page"] for body in asked(shop)] == [0, 3, 2, 1, 0]
    assert asked(shop, "order.orderDetail") == []


def test_one_page_is_asked_for_once_and_nothing_is_an_empty_page():
    shop = Shop(each_second(100))
    assert len(numbers(pulled(shop))) == len(asked(shop)) * 100 == 100
    pages = pulled(Shop({}))
    assert [(page.records, page.cursor) for page in pages] == [([], None)]


def test_the_range_is_rounded_outwards_to_whole_seconds():
    shop = Shop({1: 0, 2: 1800, 3: 1801})
    page = pulled(shop)[0]
    body = asked(shop)[0]
    start = int(START.timestamp())
    assert (body["update_time_start"], body["update_time_end"]) == (start, start + 1801)
    assert numbers([page]) == [1, 2]
    assert page.origin.startswith(f"/gate/order/searchList?update_time_start={start}")
    assert "sign" not in page.origin
    assert "token" not in page.origin


def test_an_order_that_moves_away_while_we_read_hides_no_other():
    shop = Shop(each_second(350))
    shop.between = [
        lambda orders: orders.update({5: 3000}),
        lambda orders: orders.update({130: 3000, 131: 3000}),
        lambda orders: orders.update({250: 3000}),
    ]
    assert set(numbers(pulled(shop))) >= set(range(1, 351)) - {5, 130, 131}


def test_a_page_goes_on_behind_itself():
    shop = Shop(each_second(250))
    pages = pulled(shop)
    assert [page.cursor for page in pages] == [1, 0, None]
    for place, page in enumerate(pages[:-1]):
        assert numbers(opened(shop).fetch(WINDOW, page.cursor)) == numbers(pages[place + 1 :])


def test_more_than_can_be_paged_through_is_told():
    shop = Shop({})
    shop.order_searchList = lambda body: done({"total": 50_001, "shop_order_list": [shop.order(1, ())] * 100})
    with pytest.raises(TooManyError) as told:
        pulled(shop)
    assert (told.value.found, told.value.ceiling) == (50_001, 50_000)


def test_rows_that_are_promised_and_do_not_come_fail_the_window():
    shop = Shop({})
    shop.order_searchList = lambda body: done({"total": 3, "shop_order_list": None})
    with pytest.raises(TransientError, match="promised"):
        pulled(shop)


def test_orders_are_counted_without_being_fetched():
    shop = Shop(each_second(150))
    assert opened(shop).count(WINDOW) == 150
    assert [body["size"] for body in asked(shop)] == [1]


def test_what_a_list_leaves_out_is_asked_for():
    shop = Shop(each_second(5), short=[2, 4])
    records = [json.loads(record) for page in pulled(shop) for record in page.records]
    assert [len(record["sku_order_list"]) for record in records] == [1] * 5
    assert sorted(body["shop_order_id"] for body in asked(shop, "order.orderDetail")) == ["2", "4"]


def test_an_order_that_is_listed_and_not_shown_is_asked_for_twice_and_stays_as_it_is(caplog):
    shop = Shop(each_second(3), short=[2], unknown=[2])
    records = [json.loads(record) for page in pulled(shop) for record in page.records]
    assert ["sku_order_list" in record for record in records] == [True, False, True]
    assert len(asked(shop, "order.orderDetail")) == 2
    assert "details missing asked=1 lost=1" in caplog.text


def test_orders_by_id_that_douyin_does_not_know_are_absent():
    assert numbers(opened(Shop({}, unknown=[9])).fetch_ids(["1", "9", "2"])) == [1, 2]
    empty = Shop({})
    empty.order_orderDetail = lambda body: done({"shop_order_detail": None})
    assert numbers(opened(empty).fetch_ids(["1"])) == []


def test_many_orders_by_id_come_fifty_to_a_page():
    pages = list(opened(Shop({})).fetch_ids([str(number) for number in range(1, 121)]))
    assert [len(page.records) for page in pages] == [50, 50, 20]


def test_the_answer_to_another_question_is_not_taken():
    shop = Shop({})
    shop.order_orderDetail = lambda body: done({"shop_order_detail": shop.order(7, ())})
    with pytest.raises(TransientError, match="asked for order 1, got 7"):
        list(opened(shop).fetch_ids(["1"]))


def test_created_orders_are_identified_and_a_broken_one_is_still_named():
    shop = Shop({1: 1, 2: 2, 3: 3})
    whole = shop.order(1, ()) | {"pay_amount": 500}
    broken = {"order_id": 2, "order_status": [], "update_time": "then", "sku_order_list": "none"}
    rows = [whole, broken, {"order_id": "3"}]
    shop.order_searchList = lambda body: done({"total": 3, "shop_order_list": rows})
    found = list(opened(shop).identify(WINDOW))
    moment = datetime.fromtimestamp(1773019267, UTC)
    assert found == [
        OrderStub("1", "open", "5.00", "CNY", 1, moment),
        OrderStub("2", "[]"),
        OrderStub("3"),
    ]
    assert asked(shop)[0]["order_by"] == "create_time"


@pytest.mark.parametrize("value", [None, "", "昨天", 10**18, -5, 0, {"at": "noon"}, [1]], ids=repr)
@pytest.mark.parametrize("field", ["update_time", "pay_amount", "order_status", "pay_type", "logistics_info"])
def test_no_value_of_one_order_stops_the_identification_of_others(field, value):
    shop = Shop({})
    fine = shop.order(1, ()) | {"pay_amount": 500}
    rows = [fine, fine | {"order_id": "2", field: value}, fine | {"order_id": "3"}]
    shop.order_searchList = lambda body: done({"total": 3, "shop_order_list": rows})
    found = list(opened(shop).identify(WINDOW))
    assert [stub.order_id for stub in found] == ["1", "2", "3"]
    assert (found[1].updated_at is None) == (field == "update_time")
    assert found[2] == OrderStub("3", "open", "5.00", "CNY", 1, found[0].updated_at)


def test_a_name_that_is_no_utf8_hides_no_order():
    shop = Shop({1: 5, 2: 6})

    def cut(request):
        torn = shop(request).content.replace(b'"order_id"', b'"buyer_words":"\xe4\xb8","order_id"', 1)
        return httpx.Response(200, content=torn)

    assert len(list(opened(cut).identify(WINDOW))) == 2


def test_a_token_near_its_end_is_renewed_and_stored_before_it_is_used():
    stored, shop = [], Shop({1: 1})
    assert numbers(pulled(shop, extra=TOKENS | {"expires_at": NOW.isoformat()}, stored=stored)) == [1]
    assert [method for method, _, _ in shop.requests] == ["token.refresh", "order.searchList"]
    expected = {"access_token": "second", "refresh_token": "twice"}
    assert stored == [expected | {"expires_at": (NOW + timedelta(days=7)).isoformat()}]


def test_an_app_of_the_sellers_own_asks_for_its_token_itself():
    shop = Shop({1: 1})
    assert numbers(pulled(shop, extra={"shop_id": 100001})) == [1]
    assert shop.requests[0][2] == {"code": "", "grant_type": "authorization_self", "shop_id": 100001}
    with pytest.raises(ConfigError, match="shop_id"):
        pulled(Shop({}), extra={"shop_id": "my shop"})


def test_a_refused_token_is_renewed_once_and_the_same_page_asked_again():
    shop = Shop({1: 1}, access="another")
    assert numbers(pulled(shop)) == [1]
    assert [method for method, _, _ in shop.requests] == ["order.searchList", "token.refresh", "order.searchList"]


def test_a_refused_refresh_token_is_for_the_operator():
    with pytest.raises(DeniedError, match="token-expired"):
        pulled(Shop({1: 1}, access="another", refresh="other"))


def test_a_fresh_token_that_is_refused_is_for_the_operator():
    shop = Shop({1: 1})
    shop.order_searchList = lambda body: refusal(40003, "isv.access-token-no-existed")
    with pytest.raises(DeniedError, match="fresh access token"):
        pulled(shop)
    assert len(shop.requests) == 3


def test_a_connection_without_tokens_says_what_to_do():
    with pytest.raises(ConfigError, match="shop_id"):
        pulled(Shop({1: 1}), extra={})


@pytest.mark.parametrize(
    ("code", "sub_code", "expected"),
    [
        (30001, "dop.authorization-no-existed", DeniedError),
        (30001, "isv.app-permissions-insufficient", DeniedError),
        (30001, "isv.something-new", DeniedError),
        (30002, "", DeniedError),
        (40001, "isv.access-token-missing", DeniedError),
        (40001, "isv.parameter-missing", DriftError),
        (40003, "isv.signature-invalid", DeniedError),
        (40003, "isv.parameter-format-invalid", DriftError),
        (50002, "isv.business-failed:8888", DriftError),
        (50002, "isp.service-error:500", TransientError),
        (70000, "isp.api-service-off", DriftError),
        (20000, "dop.service-error", TransientError),
        (60000, "isv.traffic-limited", TransientError),
        (90000, "dop.unknown-error", TransientError),
    ],
)
def test_an_error_with_status_200_says_who_must_act(code, sub_code, expected):
    shop = Shop({1: 1})
    shop.order_searchList = lambda body: refusal(code, sub_code)
    with pytest.raises(expected, match=sub_code or str(code)):
        pulled(shop)


def test_a_throttled_request_is_asked_again():
    slept, shop = [], Shop({1: 1})
    shop.first = [refusal(60000, "isv.traffic-limited"), refusal(20000, "dop.service-error")]
    assert numbers(pulled(shop, slept=slept)) == [1]
    assert len(slept) == 2


def test_a_missing_order_in_a_list_is_no_unknown_order():
    shop = Shop({1: 1})
    shop.order_searchList = lambda body: refusal(50002, "isv.business-failed:1", "订单不存在")
    with pytest.raises(DriftError):
        pulled(shop)


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"total": 0, "shop_order_list": []}},
        {"code": 10000},
        {"code": 10000, "data": {"shop_order_list": []}},
        {"code": 10000, "data": {"total": 0, "shop_order_list": {}}},
        {"code": 10000, "data": {"total": 1, "shop_order_list": [{"id": 1}]}},
        {"code": 10000, "data": None},
        {"err_no": 0, "data": {"total": 0, "shop_order_list": []}},
        {"result": []},
    ],
)
def test_an_answer_of_another_shape_is_drift_and_never_an_empty_window(body):
    shop = Shop({1: 1})
    shop.first = [httpx.Response(200, json=body)]
    with pytest.raises(DriftError):
        pulled(shop)


def test_no_message_shows_a_secret(caplog):
    caplog.set_level("DEBUG")
    shop = Shop({1: 1}, access="another", refresh="other")
    with pytest.raises(DeniedError) as refused:
        pulled(shop, extra=TOKENS | {"access_token": "tkn-first", "refresh_token": "tkn-once"})
    shown = caplog.text + str(refused.value)
    for secret in (SECRET.reveal(), "tkn-first", "tkn-once", shop.requests[0][1]["sign"]):
        assert secret not in shown
