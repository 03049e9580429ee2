"""The simulated Shopee, and a day at it: nothing lost, nothing invented, nothing misread."""

from datetime import UTC, datetime

import httpx
import pytest

from orderflow.adapters import find
from orderflow.adapters.shopee.auth import signature
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window
from orderflow.sandbox.conformance.day import HOUR, day, rules
from orderflow.sandbox.platforms.shopee.documents import index_of, order_sn
from orderflow.sandbox.server import platforms_app, serve
from orderflow.sandbox.shop import Shop

START = datetime(2026, 3, 1, tzinfo=UTC)
KEY = Secret("demo-partner-key")
TOKENS = {"access_token": "demo-access-token", "refresh_token": "demo-refresh-token"}
FAULTS = ("429", "503", "torn", "throttled", "expired-token", "shifted-page", "late", "drop-after", "500-after")


def shop(**more):
    settings = {"rate": 25, "pace": 0.2, "late": 0.1, "bursts": 0.05, "currency": "TWD"} | more
    return Shop(name="shopee_tw", platform="shopee", start=START, **settings)


def account(url):
    return Account("shopee_tw", url, "2001887", KEY, TOKENS)


def pulled(world, folder, **how):
    return day(world, account, {"shop_id": 14701711}, folder, **how)


def test_a_day_with_edits_late_changes_and_faults_loses_nothing(tmp_path):
    found = pulled(shop(), tmp_path, faults=rules(*FAULTS))
    assert len(found.truth) > 400
    assert found.retries > 5
    assert any(line.endswith("get 200") for line in found.requests), "a token was renewed"
    assert found.missing() == found.invented() == set()
    assert found.stale() == found.differing() == found.misjudged() == []


def test_every_planted_defect_is_refused_for_a_reason(tmp_path):
    found = pulled(shop(defects=0.4), tmp_path, hours=12)
    assert found.missing() == found.invented() == set()
    assert found.misjudged() == []
    assert len({row["defect"] for row in found.truth if row["order_id"] in found.refused}) > 12


@pytest.fixture
def server():
    with serve(platforms_app([shop(options={"mask": True})], clock=lambda: START + 3 * HOUR)) as url:
        yield f"{url}/shopee_tw"


def ask(server, path, *, sign=None, token="demo-access-token", at=START + 3 * HOUR, **query):
    stamp = int(at.timestamp())
    path = f"/api/v2/{path}"
    sign = sign or signature(KEY, "2001887", path, stamp, token, "14701711")
    common = {"partner_id": 2001887, "timestamp": stamp, "access_token": token, "shop_id": 14701711, "sign": sign}
    return httpx.get(server + path, params=common | query)


SPAN = {"time_range_field": "update_time", "time_from": int(START.timestamp()), "page_size": 100}


def listing(server, **query):
    return ask(server, "order/get_order_list", **(SPAN | {"time_to": int((START + 2 * HOUR).timestamp())} | query))


def test_an_order_number_leads_back_to_its_order():
    assert [index_of(order_sn(index)) for index in (0, 7, 123_456, 10_000_001)] == [0, 7, 123_456, 10_000_001]
    assert index_of("2603000000000A") is None
    assert index_of("東京") is None


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"sign": "0" * 64}, "error_sign"),
        ({"at": START}, "error_param"),
        ({"token": "nobody"}, "invalid_acceess_token"),
        ({"time_to": SPAN["time_from"] + 1_296_001}, "order.order_list_invalid_time"),
        ({"page_size": 101}, "error_param"),
    ],
)
def test_a_wrong_request_is_refused_in_the_body(server, wrong, error):
    assert listing(server, **wrong).json()["error"] == error


def test_fifteen_days_exactly_pass_and_nothing_found_leaves_the_list_out(server):
    assert listing(server, time_to=SPAN["time_from"] + 1_296_000).json()["error"] == ""
    empty = listing(server, time_from=0, time_to=100).json()["response"]
    assert empty == {"more": False, "next_cursor": ""}


def test_pending_orders_are_hidden_from_those_who_do_not_ask(server):
    hidden = {row["order_sn"] for row in listing(server).json()["response"]["order_list"]}
    all_of_them = listing(server, request_order_status_pending="true", response_optional_fields="order_status")
    pending = {
        row["order_sn"] for row in all_of_them.json()["response"]["order_list"] if row["order_status"] == "PENDING"
    }
    assert pending
    assert not pending & hidden


def test_fields_come_only_when_asked_for_and_masked_where_the_market_masks(server):
    number = listing(server).json()["response"]["order_list"][0]["order_sn"]
    bare = ask(server, "order/get_order_detail", order_sn_list=number).json()["response"]["order_list"][0]
    assert "item_list" not in bare
    wanted = "recipient_address,buyer_username"
    full = ask(server, "order/get_order_detail", order_sn_list=number, response_optional_fields=wanted).json()
    order = full["response"]["order_list"][0]
    assert order["buyer_username"] == order["recipient_address"]["full_address"] == "****"


def test_one_unknown_number_spoils_a_request(server):
    number = listing(server).json()["response"]["order_list"][0]["order_sn"]
    answer = ask(server, "order/get_order_detail", order_sn_list=f"{number},26039999999999").json()
    assert (answer["error"], "response" in answer) == ("error_not_found", False)


def test_too_many_requests_are_refused_in_the_body():
    world = shop(options={"per_second": 3})
    with serve(platforms_app([world], clock=lambda: START + 3 * HOUR, ticks=lambda: 0.0)) as url:
        errors = [listing(f"{url}/shopee_tw").json()["error"] for _ in range(5)]
    assert errors == ["", "", "", "error_rate_limit", "error_rate_limit"]


def test_a_refresh_token_serves_once_but_the_last_one_gives_the_same_pair(server):
    def renew(refresh):
        stamp, path = int((START + 3 * HOUR).timestamp()), "/api/v2/auth/access_token/get"
        query = {"partner_id": 2001887, "timestamp": stamp, "sign": signature(KEY, "2001887", path, stamp)}
        body = {"refresh_token": refresh, "partner_id": 2001887, "shop_id": 14701711}
        return httpx.post(server + path, params=query, json=body).json()

    first = renew("demo-refresh-token")
    assert renew("demo-refresh-token") == first
    second = renew(first["refresh_token"])
    assert second["access_token"] != first["access_token"]
    assert renew("demo-refresh-token")["error"] == "error_auth"


def test_orders_created_in_a_window_are_identified(server):
    adapter = find("shopee")
    options = adapter.options(shop_id=14701711)
    runtime = Runtime(clock=lambda: START + 3 * HOUR, sleep=lambda _: None)
    source = adapter.open(options, account(server), runtime)
    found = list(source.identify(Window(START, START + HOUR)))
    assert found
    assert {stub.status for stub in found} <= {"pending", "on_hold", "open", "completed", "cancelled"}
