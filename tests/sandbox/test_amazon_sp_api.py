"""The simulated Amazon, and days at it: nothing lost, nothing invented, nothing misread, in both versions."""

from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest

from orderflow.adapters import find
from orderflow.domain.errors import DeniedError
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window
from orderflow.sandbox.conformance.day import HOUR, day, rules
from orderflow.sandbox.platforms.amazon_sp_api.states import index_of, order_id
from orderflow.sandbox.server import platforms_app, serve
from orderflow.sandbox.shop import Shop

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + 6 * HOUR
HOME = "ATVPDKIKX0DER"
FAULTS = ("429", "503", "torn", "throttled", "expired-token", "shifted-page", "late", "drop-after", "500-after")


def shop(**more):
    settings = {"rate": 8, "pace": 0.2, "late": 0.1, "bursts": 0.05, "currency": "USD"} | more
    return Shop(name="amazon_us", platform="amazon_sp_api", start=START, **settings)


def account(url):
    tokens = {"access_token": "demo-access-token", "refresh_token": "demo-refresh-token"}
    extra = tokens | {"auth_url": f"{url}/auth/o2/token"}
    return Account("amazon_us", url, "amzn1.demo-client", Secret("demo-client-secret"), extra)


def pulled(world, folder, version="v2026-01-01", marketplace=HOME, **how):
    return day(world, account, {"marketplaces": [marketplace], "version": version}, folder, **how)


def test_a_day_with_edits_late_changes_and_faults_loses_nothing(tmp_path):
    found = pulled(shop(), tmp_path, faults=rules(*FAULTS))
    assert len(found.truth) > 140
    assert found.retries > 1
    assert any("/auth/o2/token" in route for route in found.requests)
    assert found.missing() == found.invented() == set()
    assert found.stale() == found.differing() == found.misjudged() == []


def test_a_day_in_v0_with_faults_and_items_in_pages_loses_nothing(tmp_path):
    world = shop(rate=10, options={"items_at_once": 2})
    found = pulled(world, tmp_path, "v0", hours=6, faults=rules(*FAULTS))
    assert len(found.truth) > 40
    assert any("restrictedDataToken" in route for route in found.requests)
    assert found.missing() == found.invented() == set()
    assert found.stale() == found.differing() == found.misjudged() == []


@pytest.mark.parametrize("version", ["v2026-01-01", "v0"])
def test_a_marketplace_whose_prices_contain_tax_adds_up_as_well(tmp_path, version):
    home = "A1F83G8C2ARO7P"
    found = pulled(shop(currency="GBP", rate=8, options={"marketplace": home}), tmp_path, version, home, hours=3)
    assert found.missing() == found.invented() == set()
    assert found.differing() == found.misjudged() == []


@pytest.mark.parametrize(("version", "rate", "hours"), [("v2026-01-01", 14, 6), ("v0", 12, 6)])
def test_every_planted_defect_is_refused_for_a_reason(tmp_path, version, rate, hours):
    found = pulled(shop(defects=0.4, rate=rate), tmp_path, version, hours=hours)
    assert found.missing() == found.invented() == set()
    assert found.misjudged() == []
    assert len({row["defect"] for row in found.truth if row["order_id"] in found.refused}) > 10


@pytest.mark.parametrize(("version", "hours"), [("v2026-01-01", 6), ("v0", 3)])
def test_what_other_shops_sold_and_amazon_only_ships_is_told_as_such(tmp_path, version, hours):
    found = pulled(shop(rate=10, options={"foreign": 3}), tmp_path, version, hours=hours)
    assert found.missing() == found.invented() == set()
    assert found.misjudged() == []
    elsewhere = {row["order_id"] for row in found.truth if row["codes"] == ["SOLD_ELSEWHERE"]}
    assert 5 < len(elsewhere) < len(found.truth) / 2
    assert not elsewhere & found.orders.keys()


@pytest.fixture
def server():
    with serve(platforms_app([shop(rate=60)], clock=lambda: NOW)) as url:
        yield f"{url}/amazon_us"


def source(url, version, **options):
    adapter, runtime = find("amazon_sp_api"), Runtime(clock=lambda: NOW, sleep=lambda _: None)
    return adapter.open(adapter.options(marketplaces=[HOME], version=version, **options), account(url), runtime)


def ask(server, path, *, token="demo-access-token", **query):
    return httpx.get(server + path, params=query, headers={"x-amz-access-token": token})


V0, V2026 = "/orders/v0/orders", "/orders/2026-01-01/orders"
RANGE = {"LastUpdatedAfter": "2026-03-01T00:00:00Z", "LastUpdatedBefore": "2026-03-01T05:58:00Z"}


def listed(server, **query):
    return ask(server, V0, **({"MarketplaceIds": HOME} | RANGE | query))


def test_an_order_id_leads_back_to_its_order():
    assert [index_of(order_id(index)) for index in (0, 7, 123_456, 10_000_001)] == [0, 7, 123_456, 10_000_001]
    assert order_id(7) == "114-3000000-0000007"
    assert index_of("東京") is None
    assert index_of("114-0000000-0000007") is None


@pytest.mark.parametrize(("version", "count", "pages"), [("v2026-01-01", 250, 3), ("v0", 3, 1)])
def test_a_crowd_of_one_second_arrives_whole_and_can_be_named_again(version, count, pages):
    now = [NOW]
    with serve(platforms_app([shop(rate=1, pace=20)], clock=lambda: now[0])) as url:
        httpx.post(f"{url}/_sandbox/amazon_us/orders", json={"count": count}).raise_for_status()
        now[0] += timedelta(minutes=3)
        adapter, runtime = find("amazon_sp_api"), Runtime(clock=lambda: now[0], sleep=lambda _: None)
        options = adapter.options(marketplaces=[HOME], version=version)
        asking = adapter.open(options, account(f"{url}/amazon_us"), runtime)
        found = list(asking.fetch(Window(NOW - timedelta(seconds=1), NOW + timedelta(seconds=1))))
        ids = [adapter.order_id(msgspec.json.decode(each)) for page in found for each in page.records]
        again = [page.records for page in asking.fetch_ids([*ids[:2], "114-9999999-9999999", "nonsense"])]
    assert len(found) == pages
    assert len(set(ids)) == len(ids) == count
    assert len(again) == 2


@pytest.mark.parametrize("version", ["v0", "v2026-01-01"])
def test_the_list_of_created_orders_tells_what_reconciliation_compares(server, version):
    window = Window(NOW - 3 * HOUR, NOW - HOUR)
    stubs = {stub.order_id: stub for stub in source(server, version).identify(window)}
    raw = [record for page in source(server, version).fetch_ids(list(stubs)[:3]) for record in page.records]
    adapter = find("amazon_sp_api")
    orders = [adapter.to_order(msgspec.json.decode(each), adapter.options(marketplaces=[HOME])) for each in raw]
    assert len(orders) == 3
    for order in orders:
        stub = stubs[order.order_id]
        assert stub.status == (None if order.order_status == "open" else order.order_status)
        assert stub.total in {order.grand_total, None}
        assert stub.lines in {len(order.lines), None}


def test_people_are_shown_to_a_restricted_token_alone(server):
    window = Window(NOW - 2 * HOUR, NOW - HOUR)
    adapter = find("amazon_sp_api")

    def orders(**options):
        pages = source(server, "v0", **options).fetch(window)
        records = [msgspec.json.decode(record) for page in pages for record in page.records]
        return [adapter.to_order(each, adapter.options(marketplaces=[HOME])) for each in records[:30]]

    shown = [order for order in orders() if order.order_status != "pending"]
    assert {order.masking for order in shown} == {"plain"}
    assert all(order.contacts[0].name for order in shown)
    hidden = [order for order in orders(personal_data=False) if order.order_status != "pending"]
    assert {order.masking for order in hidden} == {"masked"}
    assert not any(contact.name or contact.email for order in hidden for contact in order.contacts)


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"token": "nobody"}, 403),
        ({"MarketplaceIds": ""}, 400),
        ({"LastUpdatedBefore": "2026-03-01T05:59:00Z"}, 400),
        ({"LastUpdatedAfter": "yesterday"}, 400),
        ({"CreatedAfter": "2026-03-01T00:00:00Z"}, 400),
        ({"MaxResultsPerPage": 101}, 400),
        ({"NextToken": "nonsense"}, 400),
    ],
)
def test_a_wrong_request_is_refused(server, wrong, status):
    answer = listed(server, **wrong)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["code"] == {400: "InvalidInput", 403: "Unauthorized"}[status]


def test_both_ends_of_a_range_belong_to_it(server):
    moment = listed(server, MaxResultsPerPage=1).json()["payload"]["Orders"][0]["LastUpdateDate"]
    assert listed(server, LastUpdatedAfter=moment, LastUpdatedBefore=moment).json()["payload"]["Orders"]


def test_a_page_token_is_good_for_its_own_query_alone(server):
    token = listed(server, MaxResultsPerPage=20).json()["payload"]["NextToken"]
    assert listed(server, MaxResultsPerPage=20, NextToken=token).status_code == 200
    assert listed(server, MaxResultsPerPage=20, NextToken=token, OrderStatuses="Pending").status_code == 400


def test_another_marketplace_has_no_orders(server):
    assert listed(server, MarketplaceIds="A1F83G8C2ARO7P").json()["payload"]["Orders"] == []


def test_what_is_not_asked_for_is_absent(server):
    query = {"marketplaceIds": HOME, "lastUpdatedAfter": RANGE["LastUpdatedAfter"], "maxResultsPerPage": 1}
    order = ask(server, V2026, **query).json()["orders"][0]
    assert not order.keys() & {"proceeds", "buyer", "recipient", "fulfillment", "packages"}
    assert order["orderItems"]


def test_without_the_role_there_is_no_restricted_token():
    with serve(platforms_app([shop(options={"role": False})], clock=lambda: NOW)) as url:
        with pytest.raises(DeniedError, match="personal_data"):
            list(source(f"{url}/amazon_us", "v0").fetch(Window(NOW - HOUR, NOW - HOUR / 2)))
        assert list(source(f"{url}/amazon_us", "v0", personal_data=False).fetch(Window(NOW - HOUR, NOW - HOUR / 2)))


def test_too_many_requests_are_told_without_saying_how_long_to_wait():
    with serve(platforms_app([shop(options={"per_second": 3})], clock=lambda: NOW, ticks=lambda: 0.0)) as url:
        answers = [listed(f"{url}/amazon_us") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].json()["errors"][0]["code"] == "QuotaExceeded"
    assert "retry-after" not in answers[-1].headers
