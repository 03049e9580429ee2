"""How the Magento source asks: signature, ways in, what a query looks like, and refusals told in full."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import httpx
import pytest

from orderflow.adapters.magento import ADAPTER, LIMITS, Options
from orderflow.adapters.magento.answers import said
from orderflow.adapters.magento.auth import OAuth1, base_string, sign
from orderflow.adapters.magento.criteria import bounds, outside, query, within
from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TransientError
from orderflow.domain.source import Account, ById, Countable, Counting, Runtime, Secret
from orderflow.domain.window import Window

NOW = datetime.fromtimestamp(1772409600, UTC)
WINDOW = Window(NOW, NOW + timedelta(hours=1))
KEY, SECRET, TOKEN, TOKEN_SECRET = (f"{name}0000000000000000000000000001" for name in ("k1ck", "s1cs", "t1at", "u1ts"))
SHOP = "https://shop.example.test"
EXTRA = {"access_token": TOKEN, "access_token_secret": TOKEN_SECRET}
EMPTY = {"items": [], "total_count": 0}


def opened(handler, *, auth="oauth1", extra=EXTRA, login=KEY, on_token=None):
    slept = []
    runtime = Runtime(clock=lambda: NOW, sleep=slept.append, transport=httpx.MockTransport(handler), on_token=on_token)
    return ADAPTER.open(Options(auth=auth), Account("shop", SHOP, login, Secret(SECRET), extra), runtime)


def test_a_signature_is_the_documented_one():
    group = "searchCriteria[filter_groups][0][filters][0]"
    params = {
        f"{group}[field]": "updated_at",
        f"{group}[value]": "2026-03-01 00:00:00",
        f"{group}[condition_type]": "gteq",
        "searchCriteria[pageSize]": "100",
        "searchCriteria[currentPage]": "1",
    }
    protocol = {
        "oauth_consumer_key": KEY,
        "oauth_nonce": "n0nce0001",
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": "1772409600",
        "oauth_token": TOKEN,
        "oauth_version": "1.0",
    }
    text = base_string("GET", httpx.URL(f"{SHOP}/rest/V1/orders", params=params), protocol)
    assert text.startswith("GET&https%3A%2F%2Fshop.example.test%2Frest%2FV1%2Forders&oauth_consumer_key%3D")
    assert "%26searchCriteria%255Bfilter_groups%255D%255B0%255D%255Bfilters%255D%255B0%255D%255Bvalue%255D" in text
    assert "%3D2026-03-01%252000%253A00%253A00%26searchCriteria%255BpageSize%255D%3D100" in text
    assert sign(text, Secret(SECRET), Secret(TOKEN_SECRET)) == "VMhDxlop7N7eUw5436nEloujAh363BpusvzEB61xDrw="


def test_the_header_carries_the_signature_of_this_very_request():
    auth = OAuth1(KEY, *map(Secret, (SECRET, TOKEN, TOKEN_SECRET)), clock=lambda: NOW, nonce=lambda: "n0nce0001")
    request = httpx.Request("GET", f"{SHOP}/rest/V1/orders?{query(within('updated_at', WINDOW), size=100)}")
    header = next(auth.auth_flow(request)).headers["authorization"]
    assert header.startswith(f'OAuth oauth_consumer_key="{KEY}",oauth_nonce="n0nce0001"')
    assert 'oauth_signature="' in header
    assert SECRET not in header


def test_blanks_travel_as_percent_twenty_because_magento_takes_a_plus_for_a_plus():
    asked = []

    def answer(request):
        asked.append(request.url.raw_path.decode())
        return httpx.Response(200, json=EMPTY)

    list(opened(answer).fetch(WINDOW))
    assert "2026-03-02%2000%3A00%3A00" in asked[0]
    assert all("+" not in path for path in asked)


def test_a_query_holds_groups_and_alternatives():
    asked = parse_qs(
        query([*within("updated_at", WINDOW), outside("updated_at", WINDOW)], size=7, fields="total_count")
    )
    group = "searchCriteria[filter_groups][2][filters]"
    assert [asked[f"{group}[{n}][condition_type]"] for n in (0, 1)] == [["lt"], ["gteq"]]
    assert asked["searchCriteria[pageSize]"] == ["7"]
    assert asked["fields"] == ["total_count"]


def test_a_window_is_never_narrower_than_asked():
    start, end = bounds(Window(NOW + timedelta(microseconds=9), NOW + timedelta(seconds=1, microseconds=9)))
    assert (start, end) == (NOW, NOW + timedelta(seconds=2))


def test_a_source_can_do_all_that_the_ports_offer():
    source = opened(lambda _: httpx.Response(200, json=EMPTY))
    assert isinstance(source, ById)
    assert isinstance(source, Countable)
    assert isinstance(source, Counting)
    assert LIMITS.ceiling is None


def test_a_bearer_token_is_sent_as_it_stands_and_refused_once():
    seen = []

    def answer(request):
        seen.append(request.headers["authorization"])
        return httpx.Response(401, json={"message": "The consumer isn't authorized to access %resources."})

    with pytest.raises(DeniedError):
        opened(answer, auth="bearer").count(WINDOW)
    assert seen == [f"Bearer {TOKEN}"]


def test_adobes_login_gives_a_token_that_is_kept_before_it_is_used():
    kept, asked = [], []

    def answer(request):
        asked.append((request.url.host, request.url.path))
        if request.url.host == "ims-na1.adobelogin.com":
            form = parse_qs(request.content.decode())
            assert (form["grant_type"], form["client_id"]) == (["client_credentials"], ["client"])
            return httpx.Response(200, json={"access_token": "ims-token", "expires_in": 86399})
        assert kept[0]["access_token"] == "ims-token"
        assert request.headers["authorization"] == "Bearer ims-token"
        assert (request.headers["x-api-key"], request.headers["x-gw-ims-org-id"]) == ("client", "ORG@AdobeOrg")
        return httpx.Response(200, json={"total_count": 12})

    source = opened(answer, auth="ims", login="client", extra={"org_id": "ORG@AdobeOrg"}, on_token=kept.append)
    assert source.count(WINDOW) == 12
    assert asked == [("ims-na1.adobelogin.com", "/ims/token/v3"), ("shop.example.test", "/V1/orders")]


@pytest.mark.parametrize(("auth", "lacks"), [("oauth1", "access_token"), ("bearer", "access_token"), ("ims", "org_id")])
def test_a_connection_that_lacks_something_names_it(auth, lacks):
    with pytest.raises(ConfigError, match=lacks):
        opened(lambda _: httpx.Response(200), auth=auth, extra={})


@pytest.mark.parametrize(
    ("parameters", "told"),
    [(["x", 7], "x is 7, %name"), ({"name": "深い", "1": "a"}, "a is %2, 深い"), (None, "%1 is %2, %name")],
)
def test_places_in_a_message_are_filled(parameters, told):
    assert said(httpx.Response(400, json={"message": "%1 is %2, %name", "parameters": parameters})) == told


def test_rows_that_leave_the_list_between_two_pages_hide_no_other_row():
    ids = list(range(1, 251))

    def answer(request):
        params = dict(request.url.params)
        if request.url.path.endswith("shipments"):
            return httpx.Response(200, json=EMPTY)
        behind = int(params["searchCriteria[filter_groups][2][filters][0][value]"])
        rows = [{"entity_id": each} for each in ids if each > behind]
        del ids[:3]
        return httpx.Response(200, json={"items": rows[:100], "total_count": len(rows)})

    pages = list(opened(answer).fetch(WINDOW))
    assert [len(page.records) for page in pages] == [100, 100, 50]


def test_details_of_another_order_are_not_taken():
    def answer(request):
        if request.url.path.endswith("creditmemos"):
            return httpx.Response(200, json={"items": [{"entity_id": 5, "order_id": 99}], "total_count": 1})
        return httpx.Response(200, json={"items": [{"entity_id": 1, "total_refunded": 3.5}], "total_count": 1})

    with pytest.raises(TransientError, match="order 99"):
        list(opened(answer).fetch_ids(["1"]))


@pytest.mark.parametrize("rows", [[{"id": 1}], [{"entity_id": 4}, {"entity_id": 3}]])
def test_rows_that_cannot_be_paged_over_stop_the_run(rows):
    with pytest.raises(DriftError):
        list(opened(lambda _: httpx.Response(200, json={"items": rows, "total_count": 9})).fetch(WINDOW))
