"""The simulated Douyin shop, and a day at it: nothing lost, nothing invented, nothing misread."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from orderflow.adapters import find
from orderflow.adapters.douyin.auth import param_json, signature
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window
from orderflow.sandbox.conformance.day import HOUR, day, rules
from orderflow.sandbox.platforms.douyin.documents import index_of, order_id
from orderflow.sandbox.server import platforms_app, serve
from orderflow.sandbox.shop import Shop

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + 6 * HOUR
KEY, SECRET = "7000000000000000001", Secret("demo-app-secret")
FAULTS = ("429", "503", "torn", "throttled", "expired-token", "shifted-page", "late", "drop-after", "500-after")


def shop(**more):
    settings = {"rate": 15, "pace": 0.2, "late": 0.1, "bursts": 0.05, "currency": "CNY", "timezone": "Asia/Shanghai"}
    return Shop(name="douyin_cn", platform="douyin", start=START, **(settings | more))


def account(url):
    tokens = {"access_token": "demo-access-token", "refresh_token": "demo-refresh-token"}
    return Account("douyin_cn", url, KEY, SECRET, tokens)


def pulled(world, folder, **how):
    return day(world, account, {}, folder, **how)


def test_a_day_with_edits_late_changes_and_faults_loses_nothing(tmp_path):
    found = pulled(shop(rate=24, options={"short": 20}), tmp_path, hours=12, faults=rules(*FAULTS))
    assert len(found.truth) > 250
    assert found.retries > 5
    assert found.requests["POST /douyin_cn/token/refresh 200"] >= 1
    assert found.missing() == found.invented() == set()
    assert found.stale() == found.differing() == found.misjudged() == []


def test_every_planted_defect_is_refused_for_the_planted_reasons(tmp_path):
    found = pulled(shop(defects=0.5, rate=30, late=0), tmp_path, hours=6)
    assert found.missing() == found.invented() == set()
    assert found.misjudged() == []
    planted = {
        row["order_id"]: set(row["codes"])
        for row in found.truth
        if row["outcome"] == "refuse" and row["order_id"] in found.refused
    }
    assert {order_id: found.refused[order_id] for order_id in planted} == planted
    assert len({row["defect"] for row in found.truth if row["order_id"] in planted}) > 10


def test_more_orders_in_one_second_than_a_page_holds_all_arrive():
    adapter, runtime = find("douyin"), Runtime(clock=lambda: NOW, sleep=lambda _: None)
    with serve(platforms_app([shop(rate=1)], clock=lambda: NOW)) as url:
        put = httpx.post(f"{url}/_sandbox/douyin_cn/orders", json={"count": 250}).raise_for_status().json()
        source = adapter.open(adapter.options(), account(f"{url}/douyin_cn"), runtime)
        window = Window(NOW - timedelta(seconds=5), NOW + timedelta(seconds=5))
        pages = list(source.fetch(window))
        assert source.count(window) == 250
        assert len(pages) == 3
        found = [json.loads(record)["order_id"] for page in pages for record in page.records]
        assert sorted(found) == sorted(put["order_ids"])
        stubs = list(source.identify(window))
        assert sorted(stub.order_id for stub in stubs) == sorted(put["order_ids"])
        assert {stub.currency for stub in stubs} == {"CNY"}


@pytest.fixture(scope="module")
def server():
    with serve(platforms_app([shop(rate=60, options={"mask": True})], clock=lambda: NOW)) as url:
        yield f"{url}/douyin_cn"


def ask(server, path, body, *, sign=None, token="demo-access-token", at=NOW):
    content, stamp, method = param_json(body), str(int(at.timestamp())), path.replace("/", ".")
    params = {"app_key": KEY, "method": method, "timestamp": stamp, "v": "2", "sign_method": "hmac-sha256"}
    params |= {"access_token": token} if token else {}
    params["sign"] = sign or signature(SECRET, KEY, method, stamp, content.decode())
    return httpx.post(f"{server}/{path}", params=params, content=content).raise_for_status().json()


RANGE = {"update_time_start": int(START.timestamp()), "update_time_end": int(NOW.timestamp())}


def search(server, *, body=None, **how):
    return ask(server, "order/searchList", {**RANGE, "page": 0, "size": 20, **(body or {})}, **how)


def test_an_order_id_leads_back_to_its_order():
    assert [index_of(order_id(index)) for index in (0, 7, 123_456)] == [0, 7, 123_456]
    assert index_of(str(int(order_id(7)) + 1)) is None
    assert index_of("東京") is None


@pytest.mark.parametrize(
    ("wrong", "code", "sub_code"),
    [
        ({"sign": "0" * 64}, 40003, "isv.signature-invalid"),
        ({"at": NOW - timedelta(minutes=11)}, 40003, "isv.timestamp-invalid"),
        ({"token": "nobody"}, 40003, "isv.access-token-expired"),
        ({"token": ""}, 40001, "isv.access-token-missing"),
        ({"body": {"size": 101}}, 40004, "isv.parameter-invalid"),
        ({"body": {"page": -1}}, 40004, "isv.parameter-invalid"),
        ({"body": {"update_time_end": "today"}}, 40003, "isv.parameter-format-invalid"),
    ],
)
def test_a_wrong_request_is_refused_in_a_body_with_status_200(server, wrong, code, sub_code):
    answer = search(server, **wrong)
    assert (answer["code"], answer["sub_code"]) == (code, sub_code)


def test_the_newest_created_order_comes_first_unless_asked_otherwise(server):
    newest = [order["create_time"] for order in search(server)["data"]["shop_order_list"]]
    assert newest == sorted(newest, reverse=True)
    asked = {"order_by": "update_time", "order_asc": True}
    oldest = [order["update_time"] for order in search(server, body=asked)["data"]["shop_order_list"]]
    assert oldest == sorted(oldest)


def test_pages_count_from_zero_and_an_empty_list_is_null(server):
    asked = {"order_by": "update_time", "order_asc": True, "size": 10}
    pages = [search(server, body=asked | {"page": page})["data"]["shop_order_list"] for page in (0, 1)]
    both = search(server, body=asked | {"size": 20})["data"]["shop_order_list"]
    assert pages[0] + pages[1] == both
    empty = search(server, body={"update_time_start": 1, "update_time_end": 2})["data"]
    assert (empty["total"], empty["shop_order_list"]) == (0, None)


def test_orders_created_long_ago_are_on_no_list_and_still_come_by_id():
    later = START + timedelta(days=100)
    with serve(platforms_app([shop(rate=1, ends=START + 2 * HOUR)], clock=lambda: later)) as url:
        server = f"{url}/douyin_cn"
        rows = httpx.get(f"{url}/_sandbox/douyin_cn/truth").json()["orders"]
        assert search(server, body={"update_time_end": int(later.timestamp())}, at=later)["data"]["total"] == 0
        answer = ask(server, "order/orderDetail", {"shop_order_id": rows[0]["order_id"]}, at=later)
        assert answer["data"]["shop_order_detail"]["order_id"] == rows[0]["order_id"]


def test_amounts_are_whole_fen_and_personal_data_is_masked_and_encrypted(server):
    order = search(server)["data"]["shop_order_list"][0]
    assert isinstance(order["pay_amount"], int)
    assert order["post_receiver"] == order["post_addr"]["detail"] == ""
    assert order["mask_post_receiver"].endswith("*")
    assert order["encrypt_post_tel"].startswith("$")


def test_an_unknown_order_is_a_failed_business(server):
    assert ask(server, "order/orderDetail", {"shop_order_id": "1"})["code"] == 50002


def test_tokens_are_renewed_and_created_and_everything_else_is_refused(server):
    renewed = ask(
        server, "token/refresh", {"grant_type": "refresh_token", "refresh_token": "demo-refresh-token"}, token=""
    )
    assert search(server, token=renewed["data"]["access_token"])["code"] == 10000
    mine = {"code": "", "grant_type": "authorization_self", "shop_id": 100001}
    assert search(server, token=ask(server, "token/create", mine, token="")["data"]["access_token"])["code"] == 10000
    assert ask(server, "token/create", mine | {"shop_id": 5}, token="")["code"] == 50001
    wrong = ask(server, "token/refresh", {"grant_type": "refresh_token", "refresh_token": "nobody"}, token="")
    assert wrong["sub_code"] == "dop.token-generate-failed:token-invalid"


def test_too_many_requests_are_refused_in_the_body():
    with serve(platforms_app([shop(options={"per_second": 3})], clock=lambda: NOW, ticks=lambda: 0.0)) as url:
        codes = [search(f"{url}/douyin_cn")["code"] for _ in range(5)]
    assert codes == [10000, 10000, 10000, 60000, 60000]
