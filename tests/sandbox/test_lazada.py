"""The simulated Lazada, and a day at it: nothing lost, nothing invented, nothing misread."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from orderflow.adapters import find
from orderflow.adapters.lazada.auth import signature
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window
from orderflow.sandbox.conformance.day import HOUR, day, rules
from orderflow.sandbox.platforms.lazada.documents import index_of, order_id
from orderflow.sandbox.server import platforms_app, serve
from orderflow.sandbox.shop import Shop

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + 6 * HOUR
SECRET = Secret("demo-app-secret")
FAULTS = ("429", "503", "torn", "throttled", "expired-token", "shifted-page", "late", "drop-after", "500-after")


def shop(**more):
    settings = {"rate": 15, "pace": 0.2, "late": 0.1, "bursts": 0.05, "currency": "THB", "timezone": "Asia/Bangkok"}
    return Shop(name="lazada_th", platform="lazada", start=START, **(settings | more))


def account(url):
    tokens = {"access_token": "demo-access-token", "refresh_token": "demo-refresh-token", "auth_url": f"{url}/rest"}
    return Account("lazada_th", f"{url}/rest", "123456", SECRET, tokens)


def pulled(world, folder, **how):
    return day(world, account, {}, folder, **how)


def test_a_day_with_edits_late_changes_and_faults_loses_nothing(tmp_path):
    found = pulled(shop(), tmp_path, faults=rules(*FAULTS))
    assert len(found.truth) > 250
    assert found.retries > 5
    assert found.requests["GET /lazada_th/rest/auth/token/refresh 200"] >= 1
    assert found.missing() == found.invented() == set()
    assert found.stale() == found.differing() == found.misjudged() == []


def test_every_planted_defect_is_refused_for_a_reason(tmp_path):
    found = pulled(shop(defects=0.4, rate=20), tmp_path, hours=9)
    assert found.missing() == found.invented() == set()
    assert found.misjudged() == []
    assert len({row["defect"] for row in found.truth if row["order_id"] in found.refused}) > 10


def test_more_orders_in_one_second_than_a_page_holds_all_arrive():
    adapter, runtime = find("lazada"), Runtime(clock=lambda: NOW, sleep=lambda _: None)
    with serve(platforms_app([shop(rate=1)], clock=lambda: NOW)) as url:
        put = httpx.post(f"{url}/_sandbox/lazada_th/orders", json={"count": 250}).raise_for_status().json()
        source = adapter.open(adapter.options(), account(f"{url}/lazada_th"), runtime)
        window = Window(NOW - timedelta(seconds=5), NOW + timedelta(seconds=5))
        pages = list(source.fetch(window))
        assert source.count(window) == 250
        assert len(pages) > 2
        found = [str(json.loads(record)["order"]["order_id"]) for page in pages for record in page.records]
        assert sorted(found) == sorted(put["order_ids"])


@pytest.fixture
def server():
    with serve(platforms_app([shop(rate=60, options={"mask": True})], clock=lambda: NOW)) as url:
        yield f"{url}/lazada_th/rest"


def ask(server, path, *, sign=None, token="demo-access-token", at=NOW, **query):
    system = {"app_key": "123456", "timestamp": str(int(at.timestamp() * 1000)), "sign_method": "sha256"}
    params = {name: str(value) for name, value in (system | {"access_token": token} | query).items()}
    return httpx.get(server + path, params=params | {"sign": sign or signature(SECRET, path, params)})


def listing(server, **query):
    return ask(server, "/orders/get", **({"update_after": START.isoformat()} | query)).json()


def test_an_order_id_leads_back_to_its_order():
    assert [index_of(order_id(index)) for index in (0, 7, 123_456)] == [0, 7, 123_456]
    assert index_of(order_id(7) + 1) is None
    assert index_of(1) is None


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"sign": "0" * 64}, "IncompleteSignature"),
        ({"at": NOW - timedelta(hours=3)}, "InvalidTimestamp"),
        ({"token": "nobody"}, "IllegalAccessToken"),
        ({"limit": 101}, "19"),
        ({"offset": 5001}, "14"),
        ({"update_before": "yesterday"}, "17"),
    ],
)
def test_a_wrong_request_is_refused_in_a_body_with_status_200(server, wrong, code):
    assert listing(server, **wrong)["code"] == code


def test_a_list_without_a_range_is_refused(server):
    assert ask(server, "/orders/get").json()["code"] == "MissingParameter"


def test_the_newest_comes_first_unless_asked_otherwise(server):
    newest = [order["created_at"] for order in listing(server, limit=20)["data"]["orders"]]
    assert newest == sorted(newest, reverse=True)
    oldest = listing(server, limit=20, sort_by="updated_at", sort_direction="ASC")["data"]["orders"]
    assert [order["updated_at"] for order in oldest] == sorted(order["updated_at"] for order in oldest)
    assert oldest[0]["updated_at"].endswith(" +0700")


def test_both_ends_of_a_range_belong_to_it(server):
    first = listing(server, limit=1, sort_by="updated_at", sort_direction="ASC")["data"]["orders"][0]
    moment = datetime.strptime(first["updated_at"], "%Y-%m-%d %H:%M:%S %z").isoformat()
    again = listing(server, update_after=moment, update_before=moment)["data"]
    assert first["order_id"] in [order["order_id"] for order in again["orders"]]


def test_money_is_text_on_orders_and_a_number_on_items_and_every_piece_is_a_row(server):
    orders = listing(server, limit=50)["data"]["orders"]
    ids = [order["order_id"] for order in orders]
    answer = ask(server, "/orders/items/get", order_ids=str(ids)).json()["data"]
    assert isinstance(orders[0]["price"], str)
    assert isinstance(answer[0]["order_items"][0]["item_price"], int | float)
    assert [len(each["order_items"]) for each in answer] == [order["items_count"] for order in orders]
    assert orders[0]["address_billing"]["phone"].endswith("***")


def test_one_unknown_id_spoils_a_request(server):
    known = listing(server, limit=1)["data"]["orders"][0]["order_id"]
    assert ask(server, "/orders/items/get", order_ids=f"[{known},1]").json()["code"] == "37"
    assert ask(server, "/orders/items/get", order_ids=str(list(range(51)))).json()["code"] == "38"
    assert ask(server, "/orders/items/get", order_ids="1,2").json()["code"] == "56"
    assert ask(server, "/order/get", order_id=1).json()["code"] == "16"
    assert ask(server, "/order/get", order_id=known).json()["data"]["order_id"] == known


def test_too_many_requests_are_refused_with_status_200():
    with serve(platforms_app([shop(options={"per_second": 3})], clock=lambda: NOW, ticks=lambda: 0.0)) as url:
        codes = [listing(f"{url}/lazada_th/rest", limit=1)["code"] for _ in range(5)]
    assert codes == ["0", "0", "0", "ApiCallLimit", "ApiCallLimit"]
