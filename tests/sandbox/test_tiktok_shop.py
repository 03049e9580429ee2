"""The simulated TikTok Shop, and a day at it: nothing lost, nothing invented, nothing misread."""

from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest

from orderflow.adapters.tiktok_shop.auth import signature
from orderflow.domain.source import Account, Secret
from orderflow.sandbox.conformance.day import HOUR, day, rules
from orderflow.sandbox.platforms.tiktok_shop.documents import index_of, order_id
from orderflow.sandbox.server import platforms_app, serve
from orderflow.sandbox.shop import Shop

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + 6 * HOUR
SECRET = Secret("demo-app-secret")
FAULTS = ("429", "503", "torn", "throttled", "expired-token", "shifted-page", "late", "drop-after", "500-after")


def shop(**more):
    settings = {"rate": 20, "pace": 0.2, "late": 0.1, "bursts": 0.05, "currency": "USD"} | more
    return Shop(name="tiktok_us", platform="tiktok_shop", start=START, **settings)


def account(url):
    tokens = {"access_token": "demo-access-token", "refresh_token": "demo-refresh-token", "auth_url": url}
    return Account("tiktok_us", url, "6abc12def", SECRET, tokens)


def pulled(world, folder, **how):
    return day(world, account, {"shop_cipher": "GCP_demo"}, folder, **how)


def test_a_day_with_edits_late_changes_and_faults_loses_nothing(tmp_path):
    found = pulled(shop(), tmp_path, faults=rules(*FAULTS))
    assert len(found.truth) > 350
    assert found.retries > 5
    assert any("token/refresh" in route for route in found.requests)
    assert found.missing() == found.invented() == set()
    assert found.stale() == found.differing() == found.misjudged() == []


def test_a_shop_whose_prices_contain_tax_adds_up_as_well(tmp_path):
    found = pulled(shop(currency="GBP", rate=15), tmp_path, hours=9)
    assert found.missing() == found.invented() == set()
    assert found.differing() == found.misjudged() == []


def test_every_planted_defect_is_refused_for_a_reason(tmp_path):
    found = pulled(shop(defects=0.4), tmp_path, hours=9)
    assert found.missing() == found.invented() == set()
    assert found.misjudged() == []
    assert len({row["defect"] for row in found.truth if row["order_id"] in found.refused}) > 10


@pytest.fixture
def server():
    with serve(platforms_app([shop(rate=60, options={"mask": True})], clock=lambda: NOW)) as url:
        yield f"{url}/tiktok_us"


def ask(server, path, body=None, *, sign=None, token="demo-access-token", at=NOW, **query):
    system = {"app_key": "6abc12def", "shop_cipher": "GCP_demo", "timestamp": str(int(at.timestamp()))}
    params = system | {name: str(value) for name, value in query.items()}
    content = b"" if body is None else msgspec.json.encode(body)
    params["sign"] = sign or signature(SECRET, path, params, content)
    headers = {"x-tts-access-token": token, "content-type": "application/json"}
    return httpx.request(
        "GET" if body is None else "POST", server + path, params=params, content=content, headers=headers
    )


RANGE = {"update_time_ge": int(START.timestamp()), "update_time_lt": int(NOW.timestamp())}


def search(server, body=RANGE, **query):
    return ask(server, "/order/202309/orders/search", body, **({"page_size": 50} | query)).json()


def test_an_order_id_leads_back_to_its_order():
    assert [index_of(order_id(index)) for index in (0, 7, 123_456, 10_000_001)] == [0, 7, 123_456, 10_000_001]
    assert index_of(str(int(order_id(7)) + 1)) is None
    assert index_of("東京") is None


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"sign": "0" * 64}, 106001),
        ({"at": NOW - timedelta(minutes=6)}, 36009004),
        ({"at": NOW + timedelta(minutes=1)}, 36009004),
        ({"token": "nobody"}, 105002),
        ({"shop_cipher": "GCP_other"}, 106013),
        ({"page_size": 101}, 36009004),
        ({"page_token": "nonsense"}, 36009004),
        ({"body": {"unknown_filter": 1}}, 21001001),
    ],
)
def test_a_wrong_request_is_refused_in_the_body(server, wrong, code):
    assert search(server, **wrong)["code"] == code


def test_ranges_are_half_open_and_nothing_found_leaves_the_list_out(server):
    first = search(server, page_size=1, sort_field="update_time", sort_order="ASC")["data"]["orders"][0]
    moment = first["update_time"]
    inside = search(server, {"update_time_ge": moment, "update_time_lt": moment + 1})["data"]
    assert first["id"] in [order["id"] for order in inside["orders"]]
    before = search(server, {"update_time_ge": moment - 1, "update_time_lt": moment})["data"]
    assert before == {"next_page_token": "", "total_count": 0}


def test_a_page_token_is_good_for_its_own_query_alone(server):
    query = {"sort_field": "update_time", "sort_order": "ASC", "page_size": 20}
    token = search(server, **query)["data"]["next_page_token"]
    assert search(server, **query, page_token=token)["code"] == 0
    assert search(server, {"update_time_ge": RANGE["update_time_ge"]}, **query, page_token=token)["code"] == 36009004


def test_money_is_text_and_personal_data_has_stars(server):
    order = search(server)["data"]["orders"][0]
    assert isinstance(order["payment"]["total_amount"], str)
    assert order["recipient_address"]["phone_number"].endswith("***")


def test_orders_come_by_id_and_one_unknown_id_spoils_a_request(server):
    number = search(server)["data"]["orders"][0]["id"]
    assert ask(server, "/order/202309/orders", ids=number).json()["data"]["orders"][0]["id"] == number
    assert ask(server, "/order/202309/orders", ids=f"{number},1").json()["code"] == 21008111
    assert ask(server, "/order/202309/orders", ids=",".join([number] * 51)).json()["code"] == 36009004


def test_the_end_of_a_token_is_a_moment_and_no_duration(server):
    query = {"app_key": "6abc12def", "app_secret": "demo-app-secret", "grant_type": "refresh_token"}
    answer = httpx.get(f"{server}/api/v2/token/refresh", params=query | {"refresh_token": "demo-refresh-token"}).json()
    assert answer["data"]["access_token_expire_in"] == int(NOW.timestamp()) + 604_800
    wrong = httpx.get(f"{server}/api/v2/token/refresh", params=query | {"refresh_token": "nobody"}).json()
    assert wrong["code"] == 36004005


def test_too_many_requests_are_refused_in_the_body():
    with serve(platforms_app([shop(options={"per_second": 3})], clock=lambda: NOW, ticks=lambda: 0.0)) as url:
        codes = [search(f"{url}/tiktok_us")["code"] for _ in range(5)]
    assert codes == [0, 0, 0, 36009002, 36009002]
