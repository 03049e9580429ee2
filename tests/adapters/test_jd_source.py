"""How the JD source asks: signing, renewal, pages of a list that moves, what is missing, and each refusal."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from jd_shop import (
    GOOD,
    JD,
    NOW,
    SECRET,
    TOKENS,
    WINDOW,
    asked_pages,
    detail,
    failed,
    found,
    gateway,
    numbers,
    opened,
    pulled,
)

from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TooManyError, TransientError


def test_a_small_window_is_one_request_and_a_large_one_is_read_from_its_end():
    shop = JD(range(100))
    assert numbers(pulled(shop)) == list(range(100))
    assert asked_pages(shop) == [1]
    shop = JD(range(350))
    pages = pulled(shop)
    assert sorted(numbers(pages)) == list(range(350))
    assert asked_pages(shop) == [1, 4, 3, 2, 1]


def test_a_search_asks_for_every_documented_state_in_beijings_time_rounded_outwards():
    shop = JD([1])
    page = pulled(shop, more_states=["WAIT_SEND_CODE", "LOCKED"])[0]
    params = shop.requests[0][2]
    assert (params["start_date"], params["end_date"]) == ("2026-03-09 09:00:00", "2026-03-09 09:30:01")
    assert (params["dateType"], params["sortType"], params["page"], params["page_size"]) == (0, 0, "1", "100")
    assert params["order_state"] == (
        "WAIT_SELLER_STOCK_OUT,WAIT_GOODS_RECEIVE_CONFIRM,WAIT_SELLER_DELIVERY,PAUSE,POP_ORDER_PAUSE,LOCKED,"
        "FINISHED_L,TRADE_CANCELED,WAIT_SEND_CODE"
    )
    assert "itemInfoList" in params["optional_fields"]
    assert page.origin.startswith("/routerjson?method=jingdong.pop.order.search&dateType=0&start_date=2026-03-09+09")
    assert "token" not in page.origin


def test_the_fields_of_a_search_can_be_wrapped():
    shop = JD([])
    shop.search = lambda params: found([], 0)
    pulled(shop, container="paramOrderJSFQuery")
    assert set(shop.requests[0][2]) == {"paramOrderJSFQuery"}
    assert shop.requests[0][2]["paramOrderJSFQuery"]["page"] == "1"


def test_orders_that_leave_while_we_read_hide_no_other():
    shop = JD(range(300))
    shop.between = [lambda orders: orders.remove(5), lambda orders: orders.remove(120)]
    assert set(numbers(pulled(shop))) >= set(range(300)) - {5, 120}


def test_a_list_that_grows_is_read_again_from_its_end():
    shop = JD(range(250))
    shop.between = [lambda _: None, lambda orders: orders.insert(3, 999)]
    assert set(numbers(pulled(shop))) == {*range(250), 999}
    assert asked_pages(shop) == [1, 3, 2, 3, 2, 1]


def test_a_list_that_grows_for_ever_fails_the_window():
    shop = JD(range(250))
    shop.between = [lambda orders: orders.insert(0, 1000 + len(orders))] * 20
    with pytest.raises(TransientError, match="grew 3 times"):
        pulled(shop)


def test_a_page_that_is_shorter_than_the_total_promises_fails_the_window():
    shop = JD([])
    shop.search = lambda params: found([{"orderId": "1"}], 3)
    with pytest.raises(TransientError, match="holds 1 and not 3"):
        pulled(shop)


@pytest.mark.parametrize("rows", [[], None])
def test_an_empty_list_is_empty_and_one_with_a_total_is_not(rows):
    shop = JD([])
    shop.search = lambda params: found(rows, 0)
    assert [list(page.records) for page in pulled(shop)] == [[]]
    shop.search = lambda params: found(rows, 7)
    with pytest.raises(TransientError, match="holds 0"):
        pulled(shop)


def test_more_than_can_be_paged_through_is_told():
    shop = JD([])
    shop.search = lambda params: found([{"orderId": "1"}] * int(params["page_size"]), 10_001)
    with pytest.raises(TooManyError) as told:
        pulled(shop)
    assert (told.value.found, told.value.ceiling) == (10_001, 10_000)
    assert opened(shop).count(WINDOW) == 10_001


def test_a_page_goes_on_behind_itself():
    shop = JD(range(350))
    pages = pulled(shop)
    for place, page in enumerate(pages[:-1]):
        assert numbers(opened(shop).fetch(WINDOW, page.cursor)) == numbers(pages[place + 1 :])
    assert pages[-1].cursor is None


def test_orders_are_counted_with_one_small_request():
    shop = JD(range(150))
    assert opened(shop).count(WINDOW) == 150
    assert [(params["page_size"], params["optional_fields"]) for _, _, params in shop.requests] == [("1", "orderId")]


def test_a_success_may_be_a_text_and_the_spelling_may_be_mended():
    shop = JD([])
    inner = {"apiResult": {"success": "true"}, "orderTotal": "1", "orderInfoList": [{"orderId": 300000000001}]}
    body = {"jingdong_pop_order_search_response": {"code": 0, "searchorderinfo_result": inner}}
    shop.search = lambda params: httpx.Response(200, json=body)
    assert numbers(pulled(shop)) == [300000000001]


def test_the_list_of_what_was_created_tells_what_it_can_and_stops_for_nobody():
    fine = {"orderId": "1", "orderState": "FINISHED_L", "modified": "2026-03-09 20:00:00", "orderPayment": "24.50"}
    rows = [fine | {"balanceUsed": "5.50"}]
    for number, (name, value) in enumerate(
        [
            ("modified", "昨天"),
            ("modified", 10**18),
            ("orderState", "?"),
            ("orderState", ["?"]),
            ("orderState", None),
            ("orderPayment", "N/A"),
            ("orderPayment", {}),
            ("couponDetailList", "none"),
            ("couponDetailList", [7]),
        ],
        start=2,
    ):
        rows.append(fine | {"orderId": str(number), name: value})
    shop = JD([])
    shop.search = lambda params: found(rows, len(rows))
    stubs = list(opened(shop).identify(WINDOW))
    assert shop.requests[0][2]["dateType"] == 1
    assert [stub.order_id for stub in stubs] == [str(number) for number in range(1, 11)]
    assert [stub.status for stub in stubs[:6]] == ["completed", "completed", "completed", "?", "['?']", None]
    assert [stub.total for stub in stubs] == ["30.00", *["24.50"] * 5, None, None, None, None]
    moment = datetime(2026, 3, 9, 12, tzinfo=UTC)
    assert [stub.updated_at for stub in stubs[:4]] == [moment, None, None, moment]


def test_a_reduction_whose_name_is_no_utf8_hides_no_order():
    shop = JD(range(2))

    def cut(request):
        torn = shop(request).content.replace(
            b'"orderId"', b'"couponDetailList":[{"couponType":"\xe4\xb8"}],"orderId"', 1
        )
        return httpx.Response(200, content=torn)

    assert [stub.order_id for stub in opened(cut).identify(WINDOW)] == ["0", "1"]


def test_orders_by_id_that_jd_does_not_know_are_absent():
    shop = JD([1, 2])
    assert numbers(opened(shop).fetch_ids(["1", "9", "2"])) == [1, 2]
    for result in (failed(10100030, "订单不存在"), failed("10500001", "商家不匹配")):
        shop.get = lambda params, result=result: detail(None, result)
        assert numbers(opened(shop).fetch_ids(["1"])) == []


def test_another_order_than_the_one_asked_for_is_never_taken():
    shop = JD([1])
    shop.get = lambda params: detail({"orderId": "8"})
    with pytest.raises(TransientError, match="asked for order 1, got 8"):
        list(opened(shop).fetch_ids(["1"]))


def test_a_token_in_its_last_hours_is_renewed_at_the_token_host_and_stored_before_it_is_used():
    stored, shop = [], JD([1])
    extra = TOKENS | {"expires_at": (NOW + timedelta(hours=5)).isoformat()}
    assert numbers(pulled(shop, extra=extra, stored=stored)) == [1]
    assert shop.requests[0][:2] == ("open-oauth.jd.com", "refresh")
    ends = (NOW + timedelta(days=1)).isoformat()
    assert stored == [{"access_token": "second", "refresh_token": "twice", "expires_at": ends}]
    assert [name for _, name, _ in shop.requests].count("refresh") == 1


def test_a_token_with_more_time_than_that_is_left_alone():
    shop = JD([1])
    pulled(shop, extra=TOKENS | {"expires_at": (NOW + timedelta(hours=7)).isoformat()})
    assert [name for _, name, _ in shop.requests] == ["jingdong.pop.order.search"]


def test_another_token_host_can_be_named():
    shop = JD([1])
    pulled(shop, extra={"refresh_token": "once", "auth_url": "https://tokens.test/oauth2/"})
    assert shop.requests[0][:2] == ("tokens.test", "refresh")


def test_a_refused_token_is_renewed_once_and_the_same_page_asked_again():
    shop = JD([1], access="another")
    assert numbers(pulled(shop)) == [1]
    search = "jingdong.pop.order.search"
    assert [name for _, name, _ in shop.requests] == [search, "refresh", search]


def test_a_refused_refresh_token_is_for_the_operator():
    with pytest.raises(DeniedError, match=r"code 405.*last 24 hours"):
        pulled(JD([1], access="another", refresh="other"))


def test_a_fresh_token_that_is_refused_is_for_the_operator():
    shop = JD([1])
    shop.search = lambda params: gateway("19", "Invalid access_token")
    with pytest.raises(DeniedError, match="code 19"):
        pulled(shop)
    assert len(shop.requests) == 3


def test_a_connection_without_tokens_says_what_to_do():
    with pytest.raises(ConfigError, match="refresh_token"):
        pulled(JD([1]), extra={})


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (("12", "8", "24", "72", "73"), DeniedError),
        (("5", "15", "60", "68", "999"), DriftError),
        (("1", "43", "65", "67"), TransientError),
    ],
)
def test_an_error_of_the_gateway_says_who_must_act(codes, expected):
    for code in codes:
        shop = JD([1])
        shop.search = lambda params, code=code: gateway(code, "because")
        with pytest.raises(expected, match=f"code {code} "):
            pulled(shop)


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (10100021, "订单状态不合法", DriftError),
        (10500001, "商家不匹配", DeniedError),
        (10100099, "系统异常，请稍后重试", TransientError),
        (10100099, "查询超时", TransientError),
        (None, None, DriftError),
    ],
)
def test_a_success_that_is_false_is_no_empty_list(code, text, expected):
    shop = JD([1])
    shop.search = lambda params: found([], 0, failed(code, text))
    with pytest.raises(expected, match="success is false"):
        pulled(shop)


def test_an_error_in_place_of_the_success_code_is_one():
    shop = JD([1])
    body = {"jingdong_pop_order_search_responce": {"code": "24", "zh_desc": "无权调用API"}}
    shop.search = lambda params: httpx.Response(200, json=body)
    with pytest.raises(DeniedError, match="无权调用API"):
        pulled(shop)


def test_a_day_whose_calls_are_used_up_goes_on_at_midnight_in_beijing():
    slept, shop = [], JD([1])
    shop.search = lambda params: gateway("2", "App Call Limited")
    with pytest.raises(TransientError) as refused:
        pulled(shop, slept=slept)
    assert (refused.value.retry_after, slept, len(shop.requests)) == (14 * 3600, [], 1)


def test_a_back_end_that_is_away_is_asked_again():
    slept, shop = [], JD([1])
    shop.first = [gateway("66", "not available"), gateway("65", "timeout")]
    assert numbers(pulled(shop, slept=slept)) == [1]
    assert len(slept) == 2


@pytest.mark.parametrize(
    "body",
    [
        {"jingdong_pop_order_search_responce": {"code": "0"}},
        {"jingdong_pop_order_search_responce": {"code": "0", "searchorderinfo_result": {"orderTotal": 0}}},
        {"jingdong_pop_order_search_responce": {"code": "0", "searchorderinfo_result": {"apiResult": GOOD}}},
        {
            "jingdong_pop_order_search_responce": {
                "code": "0",
                "searchorderinfo_result": {"apiResult": GOOD, "orderTotal": 1, "orderInfoList": {"orderInfo": []}},
            }
        },
        {"jingdong_pop_order_get_responce": {"code": "0"}},
        {"result": []},
        [],
    ],
)
def test_an_answer_of_another_shape_is_drift_and_never_an_empty_window(body):
    shop = JD([1])
    shop.first = [httpx.Response(200, json=body)]
    with pytest.raises(DriftError):
        pulled(shop)


def test_no_message_shows_a_secret(caplog):
    caplog.set_level("DEBUG")
    shop = JD([1], access="another", refresh="other")
    with pytest.raises(DeniedError) as refused:
        pulled(shop, extra=TOKENS | {"access_token": "tkn-first", "refresh_token": "tkn-once"})
    shown = caplog.text + str(refused.value)
    for secret in (SECRET.reveal(), "tkn-first", "tkn-once"):
        assert secret not in shown
