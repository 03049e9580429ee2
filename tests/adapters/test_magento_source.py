"""How the Magento source asks: signature, ways in, what a query looks like, and refusals told in full."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import httpx
import msgspec
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


def test_an_administrator_with_a_second_factor_is_told_of_integrations():
    said = {"message": "Please use the 2fa provider-specific endpoints to obtain a token.", "parameters": {}}
    with pytest.raises(DeniedError, match=r"2fa provider.*second factor.*auth: oauth1"):
        opened(lambda _: httpx.Response(401, json=said), auth="admin", extra={}).count(WINDOW)


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


def shop(count, *, bears=100, refusal=None, total=None):
    """Orders 1 to `count`, updated in the window or before it as the filters like, each with a parcel.

    It fails at pages of more rows than it `bears`.
    """
    refusal = refusal or httpx.Response(500, json={"message": "Internal Error. Report ID: webapi-1"})

    def answer(request):
        params = {name: values[0] for name, values in parse_qs(request.url.query.decode()).items()}
        size = int(params["searchCriteria[pageSize]"])
        if size > bears:
            return refusal
        behind = int([value for name, value in params.items() if "][value]" in name][-1])
        rows = [{"entity_id": each, "order_id": each} for each in range(behind + 1, count + 1)]
        known = request.url.path.endswith(("orders", "shipments"))
        listed = {"items": rows[:size] if known else None, "total_count": len(rows) if known else 0}
        return httpx.Response(200, json=listed | ({"total_count": total} if total and rows else {}))

    return answer


def ids(pages):
    return [msgspec.json.decode(record)["order"]["entity_id"] for page in pages for record in page.records]


LIMITED = {"message": "Maximum SearchCriteria pageSize is %max", "parameters": {"max": 50}}


@pytest.mark.parametrize(
    ("bears", "refusal"),
    [
        (50, httpx.Response(400, json=LIMITED)),
        (7, httpx.Response(500, json={"message": "Internal Error"})),
        (1, httpx.Response(504, html="<html>Gateway Time-out</html>")),
    ],
    ids=["a limit", "no memory", "no time"],
)
def test_a_shop_that_does_not_bear_our_pages_is_asked_for_smaller_ones(bears, refusal):
    pages = opened(shop(9, bears=bears, refusal=refusal)).fetch(WINDOW)
    assert set(ids(pages)) == set(range(1, 10))


def test_a_shop_without_an_answer_is_asked_for_fewer_rows():
    whole = shop(30)

    def answer(request):
        if "pageSize%5D=100" in str(request.url):
            raise httpx.ReadTimeout("", request=request)
        return whole(request)

    assert set(ids(opened(answer).fetch(WINDOW))) == set(range(1, 31))


def test_a_shop_that_was_down_for_seconds_is_asked_for_whole_pages_again():
    whole, asked = shop(1700), []

    def answer(request):
        asked.append(parse_qs(request.url.query.decode())["searchCriteria[pageSize]"][0])
        return whole(request) if len(asked) > 5 else httpx.Response(503)

    assert len(list(opened(answer).identify(WINDOW))) == 1700
    assert asked == ["100"] * 5 + ["25"] * 64 + ["100"] * 2, "the last full page may hide another"


def test_the_one_order_that_a_shop_fails_at_is_told_by_its_place():
    whole = shop(30)

    def answer(request):
        listed = whole(request)
        broken = b'"entity_id":12,' in listed.content
        return httpx.Response(500, json={"message": "Report ID: webapi-12"}) if broken else listed

    read = []
    with pytest.raises(TransientError, match=r"Report ID: webapi-12.* the first of the orders behind id 11"):
        read.extend(opened(answer).fetch(WINDOW))
    assert ids(read) == list(range(1, 12))


def test_a_count_that_is_too_low_hides_no_row():
    assert set(ids(opened(shop(230, total=1)).fetch(WINDOW))) == set(range(1, 231))


def test_who_goes_on_among_the_orders_of_one_page_of_parcels_misses_none():
    whole, less = shop(9), shop(9, bears=7)
    source = opened(lambda request: (less if request.url.path.endswith("orders") else whole)(request))
    begin = {"list": "shipments", "behind": 0}
    pages = list(source.fetch(WINDOW, begin))
    assert [ids([page]) for page in pages[:2]] == [[1, 2, 3, 4, 5, 6], [7, 8, 9]]
    assert set(ids(source.fetch(WINDOW, pages[0].cursor))) >= {7, 8, 9}
    assert pages[-1].cursor == {"list": "shipments", "behind": 9}


def test_a_name_that_is_no_utf_8_does_not_stop_the_page():
    row = '{"entity_id":1,"items":[{"name":"Crème"}]}'.encode("latin-1")

    def answer(request):
        orders = request.url.path.endswith("orders")
        return httpx.Response(
            200, content=b'{"items":[%b],"total_count":%d}' % ((row, 1) if orders else (b"", 0))
        )  # fmt: skip

    assert [page.records for page in opened(answer).fetch(WINDOW)] == [
        [b'{"order":%b,"creditmemos":[],"shipments":[]}' % row]
    ]
    assert [stub.order_id for stub in opened(answer).identify(WINDOW)] == ["1"]
