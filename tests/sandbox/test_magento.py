"""The simulated Magento, and a day at it: nothing lost, nothing invented, nothing misread."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from orderflow.adapters import find
from orderflow.domain.errors import DeniedError
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window
from orderflow.sandbox.conformance.day import HOUR, day, rules
from orderflow.sandbox.platforms.magento.documents import index_of, order_id
from orderflow.sandbox.server import platforms_app, serve
from orderflow.sandbox.shop import Shop

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + 6 * HOUR
FAULTS = ("429", "503", "torn", "throttled", "expired-token", "shifted-page", "late", "drop-after", "500-after")
TOKENS = {"access_token": "demo-token", "access_token_secret": "demo-token_secret"}


def shop(**more):
    settings = {"rate": 12, "pace": 0.2, "late": 0.1, "bursts": 0.05, "currency": "EUR", "currencies": ("SEK", "JPY")}
    return Shop(name="magento_eu", platform="magento", start=START, **(settings | more))


def admin(url):
    return Account("magento_eu", url, "demo", Secret("demo-password"))


def integration(url):
    return Account("magento_eu", url, "demo-key", Secret("demo-secret"), TOKENS)


def pulled(world, folder, **how):
    return day(world, admin, {"auth": "admin"}, folder, **how)


def opened(url, *, account=integration, options=None):
    adapter, runtime = find("magento"), Runtime(clock=lambda: NOW, sleep=lambda _: None)
    return adapter.open(adapter.options(**(options or {})), account(f"{url}/magento_eu"), runtime)


def test_a_day_with_edits_late_changes_and_faults_loses_nothing(tmp_path):
    found = pulled(shop(rate=10), tmp_path, hours=9, faults=rules(*FAULTS))
    assert len(found.truth) > 80
    assert found.retries > 5
    assert found.requests["POST /magento_eu/rest/V1/integration/admin/token 200"] >= 2
    assert found.missing() == found.invented() == set()
    assert found.stale() == found.differing() == found.misjudged() == []


def test_every_planted_defect_is_refused_for_a_reason(tmp_path):
    found = pulled(shop(defects=0.6, rate=14), tmp_path, hours=6)
    assert found.missing() == found.invented() == set()
    assert found.misjudged() == []
    assert len({row["defect"] for row in found.truth if row["order_id"] in found.refused}) > 10


def test_a_parcel_that_leaves_the_orders_updated_time_alone_brings_its_order():
    world = shop(blind=("fulfilment", "tracking"), pace=0.1, rate=20)
    with serve(platforms_app([world], clock=lambda: NOW)) as url:
        pages = list(opened(url).fetch(Window(NOW - HOUR, NOW)))
    records = [json.loads(record) for page in pages for record in page.records]
    start = (NOW - HOUR).strftime("%Y-%m-%d %H:%M:%S")
    old = [record for record in records if record["order"]["updated_at"] < start]
    assert len(old) > 2
    assert all(any(each["updated_at"] >= start for each in record["shipments"]) for record in old)
    ids = [record["order"]["entity_id"] for record in records]
    assert len(ids) == len(set(ids))


def test_more_orders_in_one_second_than_a_page_holds_all_arrive():
    with serve(platforms_app([shop(rate=1)], clock=lambda: NOW)) as url:
        put = httpx.post(f"{url}/_sandbox/magento_eu/orders", json={"count": 230}).raise_for_status().json()
        source = opened(url)
        window = Window(NOW - timedelta(seconds=5), NOW + timedelta(seconds=5))
        pages = list(source.fetch(window))
        assert source.count(window) == 230
        assert len(pages) == 3
        order_id = find("magento").order_id

        found = [order_id(json.loads(record)) for page in pages for record in page.records]
        assert sorted(found) == sorted(put["order_ids"])
        assert sorted(stub.order_id for stub in source.identify(window)) == sorted(put["order_ids"])


@pytest.fixture(scope="module")
def server():
    with serve(platforms_app([shop(rate=30, options={"max_page_size": 300})], clock=lambda: NOW)) as url:
        yield url


@pytest.fixture(scope="module")
def ask(server):
    root = f"{server}/magento_eu/rest/V1"
    token = httpx.post(f"{root}/integration/admin/token", json={"username": "demo", "password": "demo-password"}).json()

    def asking(path, token=token, **query):
        params = {"searchCriteria": ""} | {name.replace("__", "searchCriteria"): each for name, each in query.items()}
        return httpx.get(f"{root}/{path}", params=params, headers={"authorization": f"Bearer {token}"})

    return asking


def test_an_order_id_leads_back_to_its_order():
    assert [index_of(order_id(index)) for index in (0, 7, 123_456)] == [0, 7, 123_456]
    assert index_of(1) is None


def test_a_page_past_the_end_shows_the_last_one_again(ask):
    total = ask("orders", **{"__[pageSize]": 1}).json()["total_count"]
    last = -(-total // 100)
    pages = [ask("orders", **{"__[pageSize]": 100, "__[currentPage]": page}).json() for page in (last, last + 5)]
    assert pages[0]["items"] == pages[1]["items"] != []


def test_wrong_requests_are_refused_in_magentos_words(ask):
    assert ask("orders", token="nobody").status_code == 401
    assert ask("orders", **{"__[pageSize]": 301}).json()["message"] == "Maximum SearchCriteria pageSize is %max"
    unknown = ask("orders", **{"__[filter_groups][0][filters][0][field]": "colour"})
    assert (unknown.status_code, unknown.json()["parameters"]) == (400, ["colour"])
    assert ask("orders/1").status_code == 404
    assert ask("orders/3").json()["entity_id"] == 3


def test_fields_trim_what_comes(ask):
    rows = ask("orders", **{"__[pageSize]": 2}, fields="items[entity_id,items[item_id]],total_count").json()
    assert set(rows) == {"items", "total_count"}
    assert set(rows["items"][0]) == {"entity_id", "items"}
    assert set(rows["items"][0]["items"][0]) == {"item_id"}


def test_a_signature_with_another_secret_is_refused(server):
    def stranger(url):
        return Account("magento_eu", url, "demo-key", Secret("another"), TOKENS)

    window = Window(START, NOW)
    assert opened(server).count(window) > 100
    with pytest.raises(DeniedError, match="signature is invalid"):
        opened(server, account=stranger).count(window)
    with pytest.raises(DeniedError, match="sign-in was incorrect"):
        opened(server, account=stranger, options={"auth": "admin"}).count(window)


def test_too_many_requests_are_refused():
    with serve(platforms_app([shop(options={"per_second": 3})], clock=lambda: NOW, ticks=lambda: 0.0)) as url:
        codes = [httpx.get(f"{url}/magento_eu/rest/V1/orders").status_code for _ in range(5)]
    assert codes == [401, 401, 401, 429, 429]
