"""The simulated JD, and a day at it: nothing lost, nothing invented, nothing misread."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from orderflow.adapters import find
from orderflow.adapters.jd.auth import signature, stamp
from orderflow.adapters.jd.statuses import ASKED
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window
from orderflow.sandbox.conformance.day import HOUR, day, rules
from orderflow.sandbox.platforms.jd.documents import index_of, order_id
from orderflow.sandbox.server import platforms_app, serve
from orderflow.sandbox.shop import Shop

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + 6 * HOUR
SECRET = Secret("demo-jd-secret")
FAULTS = ("429", "503", "torn", "throttled", "expired-token", "shifted-page", "late", "drop-after", "500-after")
SEARCH, ONE = "jingdong.pop.order.search", "jingdong.pop.order.get"


def shop(**more):
    settings = {"rate": 25, "pace": 0.2, "late": 0.1, "bursts": 0.05, "currency": "CNY", "timezone": "Asia/Shanghai"}
    return Shop(name="jd_cn", platform="jd", start=START, **(settings | more))


def account(url):
    tokens = {"access_token": "demo-access-token", "refresh_token": "demo-refresh-token", "auth_url": f"{url}/oauth2"}
    return Account("jd_cn", url, "DEMOJDKEY", SECRET, tokens)


def pulled(world, folder, **how):
    return day(world, account, {}, folder, **how)


def test_a_day_with_edits_late_changes_and_faults_loses_nothing(tmp_path):
    found = pulled(shop(), tmp_path, hours=12, faults=rules(*FAULTS))
    assert len(found.truth) > 250
    assert found.retries > 5
    assert found.requests["GET /jd_cn/oauth2/refresh_token 200"] >= 1
    assert found.missing() == found.invented() == set()
    assert found.stale() == found.differing() == found.misjudged() == []


def test_every_planted_defect_is_refused_for_its_reasons(tmp_path):
    found = pulled(shop(defects=0.6), tmp_path, hours=6)
    assert found.missing() == found.invented() == set()
    assert found.misjudged() == []
    judged = [row for row in found.truth if row["order_id"] in found.raw and not found._newer(row)]
    assert [row["codes"] for row in judged] == [sorted(found.refused.get(row["order_id"], ())) for row in judged]
    assert len({row["defect"] for row in judged if row["codes"]}) > 15


@pytest.mark.parametrize("options", [{}, {"container": "paramOrderJSFQuery"}])
def test_more_orders_in_one_second_than_a_page_holds_all_arrive(options):
    adapter, runtime = find("jd"), Runtime(clock=lambda: NOW, sleep=lambda _: None)
    with serve(platforms_app([shop(rate=1, options=options)], clock=lambda: NOW)) as url:
        put = httpx.post(f"{url}/_sandbox/jd_cn/orders", json={"count": 250}).raise_for_status().json()
        source = adapter.open(adapter.options(**options), account(f"{url}/jd_cn"), runtime)
        window = Window(NOW - timedelta(seconds=5), NOW + timedelta(seconds=5))
        pages = list(source.fetch(window))
        assert source.count(window) == 250
        assert len(pages) == 3
        found = [json.loads(record)["orderId"] for page in pages for record in page.records]
        assert sorted(found) == sorted(put["order_ids"])
        stubs = list(source.identify(window))
        assert sorted(stub.order_id for stub in stubs) == sorted(found)
        again = [json.loads(each) for page in source.fetch_ids([*found[:30], "1", "x"]) for each in page.records]
        assert [each["orderId"] for each in again] == found[:30]
        totals = {stub.order_id: stub.total for stub in stubs}
        assert all(totals[each["orderId"]] == adapter.to_order(each, adapter.options()).grand_total for each in again)


@pytest.fixture
def server():
    with serve(platforms_app([shop(rate=60, options={"mask": True})], clock=lambda: NOW)) as url:
        yield f"{url}/jd_cn"


def ask(server, method=SEARCH, *, sign=None, token="demo-access-token", at=NOW, secret=SECRET, **params):
    query = {"method": method, "v": "2.0", "app_key": "DEMOJDKEY", "access_token": token, "timestamp": stamp(at)}
    body = {"360buy_param_json": json.dumps(params)}
    sign = sign or signature(secret, query | body)
    answer = httpx.post(f"{server}/routerjson", params=query | {"sign": sign}, data=body)
    assert answer.status_code == 200
    return answer.json()


def searched(server, **params):
    asked = {
        "start_date": "2026-03-01 08:00:00",
        "end_date": "2026-03-01 15:00:00",
        "order_state": ",".join(ASKED),
        "optional_fields": "orderState,modified",
        "page": "1",
        "page_size": "50",
        "dateType": 0,
    }
    return ask(server, **(asked | params))["jingdong_pop_order_search_responce"]["searchorderinfo_result"]


def test_an_order_id_leads_back_to_its_order():
    assert [index_of(order_id(index)) for index in (0, 7, 123_456)] == [0, 7, 123_456]
    assert [index_of(text) for text in ("300000000002", "1", "x", "")] == [None] * 4


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"sign": "0" * 32}, "12"),
        ({"at": NOW - timedelta(minutes=7)}, "8"),
        ({"token": "nobody"}, "19"),
        ({"method": "jingdong.pop.order.fly"}, "15"),
    ],
)
def test_a_wrong_request_is_refused_by_the_gateway(server, wrong, code):
    assert ask(server, **wrong)["error_response"]["code"] == code


@pytest.mark.parametrize(
    "wrong",
    [
        {"order_state": "3"},
        {"optional_fields": ""},
        {"page_size": "101"},
        {"page": "0"},
        {"start_date": "2026-01-20 08:00:00"},
        {"start_date": "yesterday"},
        {"start_date": "2025-11-01 08:00:00", "end_date": "2025-11-02 08:00:00"},
    ],
)
def test_a_wrong_search_fails_and_looks_like_an_empty_list(server, wrong):
    found = searched(server, **wrong)
    assert (found["apiResult"]["success"], found["orderTotal"], found["orderInfoList"]) == (False, 0, [])


def test_fields_come_only_when_asked_for_and_states_too(server):
    rows = searched(server)["orderInfoList"]
    assert {name for row in rows for name in row} == {"orderId", "orderState", "modified"}
    cancelled = searched(server, order_state="TRADE_CANCELED")["orderInfoList"]
    assert {row["orderState"] for row in cancelled} == {"TRADE_CANCELED"}


def test_the_oldest_change_comes_first_unless_asked_otherwise_and_both_ends_belong_to_a_range(server):
    oldest = [row["modified"] for row in searched(server)["orderInfoList"]]
    assert oldest == sorted(oldest)
    newest = [row["modified"] for row in searched(server, sortType=1)["orderInfoList"]]
    assert newest == sorted(newest, reverse=True)
    exact = searched(server, start_date=oldest[0], end_date=oldest[0])["orderInfoList"]
    assert exact[0]["modified"] == oldest[0]


def test_a_success_is_spelled_in_two_ways_and_pages_beyond_the_hundredth_are_empty(server):
    assert [searched(server, page=str(page))["apiResult"]["success"] for page in (1, 2)] == [True, "true"]
    assert searched(server, page="101", page_size="1")["orderInfoList"] == []


def test_personal_data_is_hidden_and_an_unknown_order_fails(server):
    known = searched(server)["orderInfoList"][0]["orderId"]
    info = ask(server, ONE, order_id=known, optional_fields="consigneeInfo")["jingdong_pop_order_get_responce"]
    person = info["orderDetailInfo"]["orderInfo"]["consigneeInfo"]
    assert "****" in person["mobile"]
    assert person["fullname"].endswith("==")
    unknown = ask(server, ONE, order_id="1")["jingdong_pop_order_get_responce"]["orderDetailInfo"]
    assert unknown["apiResult"]["success"] is False


def test_a_token_is_renewed_in_its_last_day_only_and_never_after_its_end():
    now = 0.0
    with serve(platforms_app([shop(options={"token_seconds": 200_000})], clock=lambda: NOW, ticks=lambda: now)) as url:

        def renewed(secret="demo-jd-secret"):
            query = {"app_key": "DEMOJDKEY", "app_secret": secret, "refresh_token": "demo-refresh-token"}
            return httpx.get(f"{url}/jd_cn/oauth2/refresh_token", params=query).json()

        assert renewed()["code"] == 407
        now = 150_000.0
        assert renewed(secret="other")["code"] == 405
        grant = renewed()
        now = 200_000.0
        assert renewed()["code"] == 405
        assert ask(f"{url}/jd_cn")["error_response"]["code"] == "19"
        assert "jingdong_pop_order_search_responce" in ask(f"{url}/jd_cn", token=grant["access_token"])


def test_too_many_requests_find_the_back_end_unavailable():
    with serve(platforms_app([shop(options={"per_second": 3})], clock=lambda: NOW, ticks=lambda: 0.0)) as url:
        codes = [ask(f"{url}/jd_cn").get("error_response", {}).get("code") for _ in range(5)]
    assert codes == [None, None, None, "66", "66"]
