"""The simulated WooCommerce answers as the plugin's own code does, traps included."""

import base64
import hmac
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import httpx
import pytest
from starlette.requests import Request

from orderflow.sandbox.platforms.woocommerce.auth import WINDOW, base_string
from orderflow.sandbox.platforms.woocommerce.listing import bound
from orderflow.sandbox.server import platforms_app, serve
from orderflow.sandbox.shop import Shop

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + timedelta(hours=10)
ORDERS = "/fox/wp-json/wc/v3/orders"
KEY, SECRET = "ck_demo", "cs_demo"
STOCKHOLM = ZoneInfo("Europe/Stockholm")


@pytest.fixture(scope="module")
def url():
    settings = {
        "platform": "woocommerce", "start": START, "rate": 40, "bursts": 0.1, "edits": 0.3, "refunds": 0.5,
        "pace": 0.05, "late": 0,
    }  # fmt: skip
    shops = [
        Shop(name="fox", timezone="Asia/Taipei", trash=0.1, **settings),
        Shop(
            name="old", options={"old_site": True, "is_ssl": False, "hpos": False}, timezone="Asia/Taipei", **settings
        ),
    ]
    with serve(platforms_app(shops, clock=lambda: NOW)) as address:
        yield address


@pytest.fixture(scope="module")
def client(url):
    with httpx.Client(base_url=url, auth=(KEY, SECRET)) as found:
        yield found


def truth(client, shop="fox"):
    return client.get(f"/_sandbox/{shop}/truth").json()["orders"]


def listed(client, path=ORDERS, **params):
    """All pages of a list."""
    found, page = [], 1
    while True:
        answer = client.get(path, params={"per_page": 100, "page": page} | params)
        assert answer.status_code == 200, answer.text
        found += answer.json()
        if page >= int(answer.headers["X-WP-TotalPages"]):
            assert len(found) == int(answer.headers["X-WP-Total"])
            return found
        page += 1


def test_paging_shows_exactly_what_is_true_but_no_trash(client):
    rows = truth(client)
    found = listed(client, orderby="modified", order="asc")
    trashed = {row["order_id"] for row in rows if row["status"] == "trash"}
    assert trashed
    assert {str(each["id"]) for each in found} == {row["order_id"] for row in rows} - trashed
    assert {row["order_id"] for row in rows if not row["listed"]} == trashed
    assert {str(each["id"]) for each in listed(client, status="trash")} == trashed
    by_id = {row["order_id"]: row for row in rows}
    for each in found:
        row = by_id[str(each["id"])]
        assert each["date_modified_gmt"] + "Z" == row["modified_at"]
        assert row["totals"][each["currency"]] == each["total"]
        assert len(each["line_items"]) == row["lines"]
    assert [each["date_modified_gmt"] for each in found] == sorted(each["date_modified_gmt"] for each in found)


def test_a_page_tells_how_many_there_are_and_where_the_next_is(client):
    first = client.get(ORDERS, params={"per_page": 7})
    assert len(first.json()) == 7
    assert 'rel="next"' in first.headers["Link"]
    assert 'rel="prev"' not in first.headers["Link"]
    following = first.headers["Link"].partition("<")[2].partition(">")[0]
    second = client.get(following)
    assert 'rel="prev"' in second.headers["Link"]
    assert not {each["id"] for each in first.json()} & {each["id"] for each in second.json()}
    beyond = client.get(ORDERS, params={"page": 9999})
    assert (beyond.status_code, beyond.json()) == (200, [])
    assert len(client.get(ORDERS).json()) == 10
    assert client.get(ORDERS, params={"offset": 7, "per_page": 7}).json() == second.json()


def test_both_ends_of_a_time_filter_are_exclusive(client):
    middle = sorted(each["date_modified_gmt"] for each in listed(client))[50]
    gmt = {"dates_are_gmt": "true"}
    after = {each["date_modified_gmt"] for each in listed(client, modified_after=middle, **gmt)}
    before = {each["date_modified_gmt"] for each in listed(client, modified_before=middle, **gmt)}
    assert min(after) > middle > max(before)
    created = sorted(each["date_created_gmt"] for each in listed(client))[50]
    assert min(each["date_created_gmt"] for each in listed(client, after=created, **gmt)) > created
    assert max(each["date_created_gmt"] for each in listed(client, before=created, **gmt)) < created


def test_without_gmt_a_time_is_on_the_sites_clock(client):
    local = "2026-03-01T15:00:00"  # 07:00 in UTC
    found = listed(client, modified_after=local)
    assert found == listed(client, modified_after="2026-03-01T07:00:00", dates_are_gmt="true")
    assert min(each["date_modified"] for each in found) > local
    assert listed(client, modified_after="2026-03-01T07:00:00Z") == found


def test_gmt_with_an_offset_is_off_by_the_sites_offset(client):
    """The trap: `Z` makes WordPress turn the time into the site's and compare that with the GMT column."""
    asked = "2026-03-01T00:30:00"
    right = listed(client, modified_after=asked, dates_are_gmt="true")
    shifted = listed(client, modified_after=f"{asked}Z", dates_are_gmt="true")
    assert shifted == listed(client, modified_after="2026-03-01T08:30:00", dates_are_gmt="true")
    assert len(shifted) < len(right)


@pytest.mark.parametrize(
    ("text", "gmt", "tables", "in_gmt", "at"),
    [
        ("2026-03-01T09:00:00Z", True, True, True, "2026-03-01T10:00:00"),
        ("2026-03-01T09:00:00", True, True, True, "2026-03-01T09:00:00"),
        ("2026-03-29T02:30:00", True, True, True, "2026-03-29T03:30:00"),
        ("2026-03-01T09:00:00", False, True, False, "2026-03-01T09:00:00"),
        ("2026-03-01T09:00:00+00:00", False, True, True, "2026-03-01T09:00:00"),
        ("2026-03-01T09:00:00+00:00", False, False, False, "2026-03-01T10:00:00"),
    ],
)
def test_times_are_read_as_php_reads_them_on_a_site_in_stockholm(text, gmt, tables, in_gmt, at):
    found = bound(text, STOCKHOLM, gmt=gmt, tables=tables)
    assert (found.gmt, found.at.isoformat()) == (in_gmt, at)


@pytest.mark.parametrize(
    ("params", "name", "words"),
    [
        ({"per_page": "101"}, "per_page", "between 1 (inclusive) and 100 (inclusive)"),
        ({"per_page": "zwölf"}, "per_page", "not of type integer"),
        ({"page": "0"}, "page", "greater than or equal to 1"),
        ({"orderby": "total"}, "orderby", "not one of date, id, include, title, slug, and modified"),
        ({"order": "up"}, "order", "not one of asc, and desc"),
        ({"status": "teleported"}, "status", "not one of any, cancelled"),
        ({"modified_after": "yesterday"}, "modified_after", "Invalid date."),
        ({"modified_after": "2026-13-45T00:00:00"}, "modified_after", "Invalid date."),
        ({"include": "1,zwei"}, "include", "not of type integer"),
    ],
)
def test_a_wrong_parameter_is_refused(client, params, name, words):
    answer = client.get(ORDERS, params=params)
    assert answer.status_code == 400
    body = answer.json()
    assert (body["code"], body["data"]["status"]) == ("rest_invalid_param", 400)
    assert words in body["data"]["params"][name]


def test_a_misspelt_parameter_is_ignored_without_a_word(client):
    everything = listed(client)
    assert listed(client, **{"modified-after": "2026-03-01T09:59:00"}) == everything


def test_an_old_site_cannot_sort_by_modified_time(client, url):
    path = ORDERS.replace("fox", "old")
    answer = httpx.get(url + path, params=signed("GET", url + path, {"orderby": "modified"}))
    assert answer.status_code == 400
    assert "not one of date, id, include, title, and slug" in answer.json()["data"]["params"]["orderby"]


def test_lists_can_be_chosen_by_id_status_and_fields(client):
    some = [each["id"] for each in client.get(ORDERS).json()]
    asked = f"{some[3]},{some[1]},7"
    assert {each["id"] for each in listed(client, include=asked)} == {some[3], some[1]}
    assert [each["id"] for each in listed(client, include=asked, orderby="include", order="asc")] == [some[3], some[1]]
    assert {each["status"] for each in listed(client, status="completed,cancelled")} == {"completed", "cancelled"}
    assert {each["status"] for each in listed(client, **{"status[]": "refunded"})} == {"refunded"}
    assert set(client.get(ORDERS, params={"_fields": "id,total"}).json()[0]) == {"id", "total"}
    assert not {each["id"] for each in listed(client, exclude=str(some[0]))} & {some[0]}
    assert [
        each["id"] for each in client.get(ORDERS, params={"orderby": "id", "order": "asc", "per_page": 3}).json()
    ] == (sorted(int(row["order_id"]) for row in truth(client) if row["listed"])[:3])


def test_amounts_come_with_as_many_places_as_asked(client):
    order = client.get(ORDERS, params={"dp": 6}).json()[0]
    assert len(order["total"].partition(".")[2]) == 6
    assert len(order["line_items"][0]["total"].partition(".")[2]) == 6


def test_refunds_have_their_own_list_and_negative_lines(client):
    order = next(each for each in listed(client) if each["refunds"] and each["status"] != "cancelled")
    refunds = client.get(f"{ORDERS}/{order['id']}/refunds").json()
    assert {refund["id"] for refund in refunds} == {each["id"] for each in order["refunds"]}
    for refund, short in zip(sorted(refunds, key=lambda each: each["id"]), order["refunds"], strict=True):
        assert short["total"] == f"-{refund['amount']}"
        assert all(line["quantity"] < 0 for line in refund["line_items"])
    assert client.get(f"{ORDERS}/{refunds[0]['id']}").status_code == 404


def test_what_is_not_there_is_said_in_wordpress_words(client):
    missing = client.get(f"{ORDERS}/7")
    assert (missing.status_code, missing.json()["code"]) == (404, "woocommerce_rest_shop_order_invalid_id")
    nowhere = client.get("/fox/wp-json/wc/v3/ordrar")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "rest_no_route")
    status = client.get("/fox/wp-json/wc/v3/system_status").json()
    assert status["environment"]["version"] == "9.8.1"


def test_keys_are_looked_at_in_the_query_first_and_then_as_basic(url):
    keys = {"consumer_key": KEY, "consumer_secret": SECRET}
    assert httpx.get(url + ORDERS, params=keys).status_code == 200
    assert httpx.get(url + ORDERS, params=keys, auth=("ck_other", "錯")).status_code == 200
    wrong = httpx.get(url + ORDERS, auth=(KEY, "cs_wrong"))
    assert (wrong.status_code, wrong.json()["message"]) == (401, "Consumer secret is invalid.")
    for auth in (None, ("ck_unknown", SECRET)):
        nobody = httpx.get(url + ORDERS, auth=auth)
        assert (nobody.status_code, nobody.json()["code"]) == (401, "woocommerce_rest_cannot_view")


def signed(method, address, params, *, hasher=sha256, secret=SECRET, **oauth):
    """Parameters with an OAuth 1.0a signature, made without the sandbox's own code."""
    given = params | {
        "oauth_consumer_key": KEY, "oauth_nonce": str(time.perf_counter_ns()),
        "oauth_signature_method": f"HMAC-SHA{'256' if hasher is sha256 else '1'}",
        "oauth_timestamp": str(int(NOW.timestamp())),
    } | oauth  # fmt: skip

    def encoded(text):
        return quote(text, safe="~-._")

    joined = "&".join(f"{name}={value}" for name, value in sorted((encoded(k), encoded(v)) for k, v in given.items()))
    base = "&".join(map(encoded, (method, address, joined)))
    mac = hmac.new(f"{secret}&".encode(), base.encode(), hasher).digest()
    return given | {"oauth_signature": base64.b64encode(mac).decode()}


def test_over_plain_http_only_a_signature_counts(url):
    address = f"{url}/old/wp-json/wc/v3/orders"
    assert httpx.get(address, auth=(KEY, SECRET)).status_code == 401
    for hasher in (sha1, sha256):
        params = {"search": "naïve 東京 & more", "status": "any"}
        answer = httpx.get(address, params=signed("GET", address, params, hasher=hasher))
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"secret": "cs_wrong"}, "Invalid signature - provided signature does not match."),
        ({"oauth_timestamp": str(int(NOW.timestamp()) - WINDOW - 5)}, "Invalid timestamp."),
        ({"oauth_consumer_key": "ck_other"}, "Consumer key is invalid."),
        ({"oauth_signature_method": "PLAINTEXT"}, "Invalid signature - signature method is invalid."),
        ({"oauth_nonce": ""}, "Missing OAuth parameter oauth_nonce"),
    ],
)
def test_a_bad_signature_is_refused_for_its_reason(url, change, message):
    address = f"{url}/old/wp-json/wc/v3/orders"
    answer = httpx.get(address, params=signed("GET", address, {}, **change))
    assert (answer.status_code, answer.json()["message"]) == (401, message)


def test_a_nonce_counts_once(url):
    address = f"{url}/old/wp-json/wc/v3/orders"
    params = signed("GET", address, {})
    assert httpx.get(address, params=params).status_code == 200
    assert "nonce has already been used" in httpx.get(address, params=params).json()["message"]


def test_the_base_string_is_the_one_of_the_worked_example():
    """HMAC-SHA256 over the string of WooCommerce's documentation of one-legged OAuth, with known keys."""
    query = {
        "dates_are_gmt": "true", "modified_after": "2026-03-01T00:00:00", "order": "asc", "orderby": "modified",
        "page": "1", "per_page": "100", "oauth_consumer_key": "ck_0123456789abcdef0123456789abcdef01234567",
        "oauth_nonce": "a1b2c3d4e5f6g7h8", "oauth_signature_method": "HMAC-SHA256", "oauth_timestamp": "1772409600",
    }  # fmt: skip
    scope = {
        "type": "http", "method": "GET", "scheme": "http", "path": "/wp-json/wc/v3/orders", "root_path": "",
        "query_string": urlencode(query).encode(), "headers": [(b"host", b"shop.example.test")],
    }  # fmt: skip
    base = base_string(Request(scope), {})
    secret = b"cs_89abcdef0123456789abcdef0123456789abcdef&"
    mac = hmac.new(secret, base.encode(), sha256).digest()
    assert base64.b64encode(mac).decode() == "qxMQd4XtYM2elObRdeB+jHGmrOltUN3hM18/J5iVS80="
