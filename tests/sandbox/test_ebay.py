"""The simulated eBay, and a day at it: nothing lost, nothing invented, nothing misread."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from orderflow.adapters import find
from orderflow.domain.errors import TooManyError
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window
from orderflow.sandbox.conformance.day import HOUR, day, rules
from orderflow.sandbox.platforms.ebay.api import ORDERS, TOKENS
from orderflow.sandbox.platforms.ebay.documents import index_of, order_id
from orderflow.sandbox.server import platforms_app, serve
from orderflow.sandbox.shop import Shop

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + 6 * HOUR
FAULTS = ("429", "503", "torn", "throttled", "expired-token", "shifted-page", "late", "drop-after", "500-after")


def shop(**more):
    settings = {"rate": 15, "pace": 0.2, "late": 0.1, "bursts": 0.05, "currency": "USD"}
    return Shop(name="ebay_us", platform="ebay", start=START, **(settings | more))


def account(url):
    tokens = {"access_token": "demo-access-token", "refresh_token": "demo-refresh-token"}
    return Account("ebay_us", url, "Demo-PRD-1", Secret("demo-client-secret"), tokens)


def pulled(world, folder, options=None, **how):
    return day(world, account, options or {}, folder, **how)


def test_a_day_with_edits_late_changes_and_faults_loses_nothing(tmp_path):
    found = pulled(shop(rate=60, currencies=("GBP", "PLN")), tmp_path, hours=6, faults=rules(*FAULTS))
    assert len(found.truth) > 250
    assert found.retries > 5
    assert found.requests["POST /ebay_us/identity/v1/oauth2/token 200"] >= 1
    assert found.missing() == found.invented() == set()
    assert found.stale() == found.differing() == found.misjudged() == []


def test_every_planted_defect_is_refused_for_a_reason(tmp_path):
    found = pulled(shop(defects=0.7, rate=12), tmp_path, {"tracking": False}, hours=6)
    assert found.missing() == found.invented() == set()
    assert found.misjudged() == []
    assert len({row["defect"] for row in found.truth if row["order_id"] in found.refused}) > 10


def pages_of(found):
    return [[json.loads(record)["order"]["orderId"] for record in page.records] for page in found]


def test_more_orders_in_one_second_than_a_page_holds_all_arrive():
    adapter, runtime = find("ebay"), Runtime(clock=lambda: NOW, sleep=lambda _: None)
    with serve(platforms_app([shop(rate=1)], clock=lambda: NOW)) as url:
        put = httpx.post(f"{url}/_sandbox/ebay_us/orders", json={"count": 450}).raise_for_status().json()
        source = adapter.open(adapter.options(tracking=False), account(f"{url}/ebay_us"), runtime)
        window = Window(NOW - timedelta(seconds=5), NOW + timedelta(seconds=5))
        found = pages_of(source.fetch(window))
        assert source.count(window) == 450
        assert [len(page) for page in found] == [200, 190, 60]
        assert sorted(name for page in found for name in page) == sorted(put["order_ids"])


def test_a_list_that_pages_no_further_asks_for_less():
    adapter, runtime = find("ebay"), Runtime(clock=lambda: NOW, sleep=lambda _: None)
    with serve(platforms_app([shop(rate=1, options={"deepest": 100})], clock=lambda: NOW)) as url:
        httpx.post(f"{url}/_sandbox/ebay_us/orders", json={"count": 220}).raise_for_status()
        source = adapter.open(adapter.options(tracking=False), account(f"{url}/ebay_us"), runtime)
        with pytest.raises(TooManyError) as told:
            list(source.fetch(Window(NOW - timedelta(seconds=5), NOW + timedelta(seconds=5))))
    assert told.value.ceiling == 190


@pytest.fixture(scope="module")
def server():
    world = shop(rate=60, options={"per_second": 0})
    with serve(platforms_app([world], clock=lambda: NOW)) as url:
        yield f"{url}/ebay_us"


def ask(server, path=ORDERS, token="demo-access-token", **query):
    return httpx.get(server + path, params=query, headers={"authorization": f"Bearer {token}"})


def since(moment=START, end=""):
    return f"lastmodifieddate:[{stamp(moment)}..{stamp(end) if end else ''}]"


def stamp(moment):
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def error_of(response):
    return response.status_code, response.json()["errors"][0]["errorId"]


def test_an_order_id_leads_back_to_its_order():
    assert [index_of(order_id(index)) for index in (0, 7, 123_456)] == [0, 7, 123_456]
    assert [index_of(name) for name in ("", "05-09876-5432", "00-00000-00001", "ab-cdefg-hijkl")] == [None] * 4


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"token": "nobody"}, (401, 1001)),
        ({"limit": "201"}, (400, 31100)),
        ({"limit": "0"}, (400, 31100)),
        ({"offset": "-1"}, (400, 31000)),
        ({"fieldGroups": "ALL"}, (400, 32800)),
        ({"filter": "modified:[2026-03-01T00:00:00.000Z..]"}, (400, 30700)),
        ({"filter": "orderfulfillmentstatus:{NOT_STARTED|FULFILLED}"}, (400, 30800)),
        ({"filter": "lastmodifieddate:[yesterday..]"}, (400, 30810)),
        ({"filter": "lastmodifieddate:[..2026-03-01T00:00:00.000Z]"}, (400, 30820)),
        ({"filter": since(NOW - timedelta(days=900))}, (400, 30830)),
        ({"filter": since(NOW, START)}, (400, 30840)),
        ({"filter": since(START, NOW + HOUR)}, (400, 30850)),
        ({"orderIds": ",".join(["00-10000-00001"] * 51)}, (400, 30900)),
    ],
)
def test_a_wrong_request_is_refused_with_its_error(server, wrong, error):
    assert error_of(ask(server, **wrong)) == error


def test_a_request_without_a_token_is_refused(server):
    assert error_of(httpx.get(server + ORDERS)) == (400, 1002)


def test_a_token_is_given_for_client_and_refresh_token_only(server):
    form = {"grant_type": "refresh_token", "refresh_token": "demo-refresh-token"}
    client = ("Demo-PRD-1", "demo-client-secret")
    granted = httpx.post(server + TOKENS, data=form, auth=client).json()
    assert granted["token_type"] == "User Access Token"
    assert ask(server, token=granted["access_token"], filter=since()).status_code == 200
    assert httpx.post(server + TOKENS, data=form, auth=("Demo-PRD-1", "wrong")).status_code == 401
    wrong = httpx.post(server + TOKENS, data=form | {"refresh_token": "old"}, auth=client)
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")


def test_pages_are_cut_by_offset_and_name_the_next(server):
    first = ask(server, filter=since()).json()
    assert (len(first["orders"]), first["limit"], first["offset"]) == (50, 50, 0)
    second = ask(server, filter=since(), limit="60", offset="45").json()
    assert second["orders"][:5] == first["orders"][45:]
    assert "offset=105" in second["next"]
    last = ask(server, filter=since(), limit="200", offset=str(first["total"] - 3)).json()
    assert (len(last["orders"]), "next" in last) == (3, False)


def test_both_ends_of_a_range_belong_to_it_and_a_created_range_wins(server):
    moment = datetime.fromisoformat(ask(server, filter=since(), limit="1").json()["orders"][0]["lastModifiedDate"])
    assert ask(server, filter=since(moment, moment)).json()["total"] >= 1
    created = f"creationdate:[{stamp(START)}..]"
    both = ask(server, filter=f"{created},{since(moment, moment)}").json()
    assert both["total"] == ask(server, filter=created).json()["total"] > 200


def test_the_breakdown_alone_tells_of_taxes_and_a_list_by_ids_ignores_it(server):
    plain, whole = (ask(server, filter=since(), limit="200", **more).json()["orders"] for more in ({}, BREAKDOWN))
    place = next(n for n, order in enumerate(whole) if order.get("ebayCollectAndRemitTax"))
    assert plain[place]["pricingSummary"]["total"] != whole[place]["pricingSummary"]["total"]
    assert not any(line["taxes"] for line in plain[place]["lineItems"])
    assert any(line["taxes"] for line in whole[place]["lineItems"])
    again = ask(server, orderIds=whole[place]["orderId"], **BREAKDOWN).json()["orders"]
    assert again == [plain[place]]


BREAKDOWN = {"fieldGroups": "TAX_BREAKDOWN"}


def test_only_one_order_alone_tells_why_it_was_cancelled(server):
    orders = ask(server, filter=since(), limit="200").json()["orders"]
    listed = next(order for order in orders if order["cancelStatus"]["cancelState"] == "CANCELED")
    assert listed["cancelStatus"]["cancelRequests"] == []
    alone = ask(server, f"{ORDERS}/{listed['orderId']}").json()
    assert alone["cancelStatus"]["cancelRequests"][0]["cancelReason"]
    assert error_of(ask(server, f"{ORDERS}/zz")) == (400, 32100)
    assert error_of(ask(server, f"{ORDERS}/99-99999-99999")) == (404, 32100)


def test_the_second_list_and_single_orders_agree_with_the_first(server):
    adapter, runtime = find("ebay"), Runtime(clock=lambda: NOW, sleep=lambda _: None)
    source = adapter.open(adapter.options(), account(server), runtime)
    window = Window(START, START + HOUR)
    stubs = {stub.order_id: stub for stub in source.identify(window)}
    pages = list(source.fetch_ids([*stubs, "no-such-order", "99-99999-99999"]))
    records = [json.loads(record) for page in pages for record in page.records]
    orders = {order.order_id: order for order in (adapter.to_order(raw, adapter.options()) for raw in records)}
    assert len(orders) == len(stubs) > 10
    for name, order in orders.items():
        stub = stubs[name]
        assert (stub.total, stub.lines, stub.currency) == (order.grand_total, len(order.lines), order.currency)


def test_too_many_requests_are_refused():
    world = shop(options={"per_second": 3})
    with serve(platforms_app([world], clock=lambda: NOW, ticks=lambda: 0.0)) as url:
        codes = [ask(f"{url}/ebay_us", limit="1").status_code for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]
