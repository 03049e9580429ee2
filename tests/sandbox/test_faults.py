"""Every fault does what it says, once, where it was asked for; and the log tells of it."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest

from orderflow.sandbox.server import platforms_app, serve
from orderflow.sandbox.shop import Shop

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + timedelta(hours=6)
SHOPIFY = "/räv/admin/api/2026-07/graphql.json"
WOO = "/woo/wp-json/wc/v3/orders"
QUERY = {"query": "{ orders(first: 3, sortKey: UPDATED_AT) { nodes { id updatedAt } pageInfo { endCursor } } }"}


@pytest.fixture(scope="module")
def client():
    shops = [
        Shop(name="räv", platform="shopify", start=START, rate=60),
        Shop(name="woo", platform="woocommerce", start=START, rate=60),
    ]
    headers = {"X-Shopify-Access-Token": "shpat_demo"}
    with (
        serve(platforms_app(shops, clock=lambda: NOW)) as url,
        httpx.Client(base_url=url, auth=("ck_demo", "cs_demo"), timeout=60) as found,
    ):
        found.headers.update(headers)
        yield found


@pytest.fixture(autouse=True)
def _clean(client):
    client.delete("/_sandbox/faults")
    client.delete("/_sandbox/log")


def get(client, fault=None, **params):
    headers = {"X-Sandbox-Fault": fault} if fault else {}
    return client.get(WOO, params=params, headers=headers)


@pytest.mark.parametrize(
    ("fault", "status", "retry_after"),
    [
        ("429", 429, "1"),
        ("429; retry_after=7", 429, "7"),
        ("429-bare", 429, None),
        ("500", 500, None),
        ("503", 503, "1"),
    ],
)
def test_a_status_is_answered_instead(client, fault, status, retry_after):
    answer = get(client, fault)
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, retry_after)


def test_wrong_content_and_broken_json_come_with_200(client):
    page = get(client, "html")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    garbage = get(client, "garbage")
    assert garbage.headers["content-type"] == "application/json"
    with pytest.raises(UnicodeDecodeError):
        garbage.json()


@pytest.mark.parametrize("fault", ["drop", "drop-after", "timeout-before; seconds=0.05", "timeout-after; seconds=0.05"])
def test_a_connection_ends_without_an_answer(client, fault):
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        get(client, fault)


def test_a_client_that_waits_less_than_the_fault_times_out(client):
    with pytest.raises(httpx.ReadTimeout):
        client.get(WOO, headers={"X-Sandbox-Fault": "timeout-before; seconds=30"}, timeout=0.1)
    assert get(client).status_code == 200


def test_a_torn_body_is_shorter_than_promised(client):
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        get(client, "torn")


def test_a_slow_answer_is_the_right_one(client):
    usual = get(client).json()
    assert get(client, "slow; seconds=0.01").json() == usual
    (slow,) = [each for each in client.get("/_sandbox/log").json()["requests"] if each["fault"] == "slow"]
    assert slow["status"] == 200
    assert slow["milliseconds"] >= 10


def test_a_duplicated_page_is_the_one_before(client):
    first = get(client, page=1).json()
    assert get(client, "duplicated-page", page=2).json() == first
    assert get(client, page=2).json() != first


def test_a_shifted_page_moves_an_order_that_was_read_already(client):
    asked = {"orderby": "modified", "order": "asc", "per_page": 5}
    first, second, third = (get(client, page=page, **asked).json() for page in (1, 2, 3))
    shifted = get(client, "shifted-page", page=2, **asked).json()
    assert shifted == second[1:] + third[:1]
    moved = client.get(f"{WOO}/{first[0]['id']}").json()
    assert moved["date_modified_gmt"] == "2026-03-01T06:00:00"


def test_a_cursor_sees_a_shifted_order_again_at_the_end(client):
    page = client.post(SHOPIFY, json=QUERY).json()["data"]["orders"]
    cursor = page["pageInfo"]["endCursor"]
    more = {"query": QUERY["query"].replace("first: 3", f'first: 250, after: "{cursor}"')}
    second = client.post(SHOPIFY, json=more, headers={"X-Sandbox-Fault": "shifted-page"}).json()["data"]["orders"]
    cursor = second["pageInfo"]["endCursor"]
    more = {"query": QUERY["query"].replace("first: 3", f'first: 250, after: "{cursor}"')}
    rest = second["nodes"] + client.post(SHOPIFY, json=more).json()["data"]["orders"]["nodes"]
    again = next(node for node in rest if node["id"] == page["nodes"][0]["id"])
    assert again["updatedAt"] == "2026-03-01T06:00:00Z" > page["nodes"][0]["updatedAt"]


def test_late_visibility_hides_the_newest_changes(client):
    asked = {"orderby": "modified", "order": "desc"}
    newest = get(client, **asked).json()[0]["date_modified_gmt"]
    hidden = get(client, "late; seconds=3600", **asked).json()[0]["date_modified_gmt"]
    assert hidden <= "2026-03-01T05:00:00" < newest


def test_the_platforms_clock_can_be_ahead(client):
    usual, ahead = get(client), get(client, "skew; seconds=600")
    assert parsedate_to_datetime(usual.headers["date"]) == NOW
    assert parsedate_to_datetime(ahead.headers["date"]) == NOW + timedelta(minutes=10)
    signature = {"oauth_consumer_key": "ck_demo", "oauth_nonce": "1", "oauth_signature_method": "HMAC-SHA1"}
    signature |= {"oauth_timestamp": str(int(NOW.timestamp())), "oauth_signature": "x"}
    with httpx.Client(base_url=client.base_url) as nobody:
        usual = nobody.get(WOO, params=signature).json()["message"]
        ahead = nobody.get(WOO, params=signature, headers={"X-Sandbox-Fault": "skew; seconds=1000"}).json()["message"]
    assert "signature does not match" in usual
    assert "signature does not match" in ahead, "the signature is looked at before its time"


def test_a_token_expires_in_the_middle_of_paging(client):
    wanted = {"client_id": "demo-client", "client_secret": "demo-secret", "grant_type": "client_credentials"}
    token = client.post("/räv/admin/oauth/access_token", json=wanted).json()["access_token"]
    minted = {"X-Shopify-Access-Token": token}
    assert client.post(SHOPIFY, json=QUERY, headers=minted).status_code == 200
    assert client.post(SHOPIFY, json=QUERY, headers=minted | {"X-Sandbox-Fault": "expired-token"}).status_code == 401
    assert client.post(SHOPIFY, json=QUERY, headers=minted).status_code == 401
    assert client.post(SHOPIFY, json=QUERY).status_code == 200
    assert get(client, "expired-token").status_code == 401


def test_shopify_throttles_on_demand(client):
    answer = client.post(SHOPIFY, json=QUERY, headers={"X-Sandbox-Fault": "throttled"})
    assert answer.status_code == 200
    assert answer.json()["errors"][0]["extensions"]["code"] == "THROTTLED"


def statuses(client, count, path=WOO):
    return [client.get(path).status_code for _ in range(count)]


def test_a_rule_hits_as_often_as_it_says_and_where_it_says(client):
    rules = [{"kind": "503", "path": "*/orders*", "count": 2, "skip": 1}, {"kind": "500", "path": "*system_status"}]
    client.post("/_sandbox/faults", json=rules)
    assert len(client.get("/_sandbox/faults").json()) == 2
    assert statuses(client, 5) == [200, 503, 503, 200, 200]
    assert statuses(client, 2, "/woo/wp-json/wc/v3/system_status") == [500, 200]
    assert client.get("/_sandbox/faults").json() == []


def test_a_rule_with_a_probability_draws_the_same_from_the_same_seed(client):
    rule = {"kind": "500", "count": None, "probability": 0.5, "seed": 7}
    draws = []
    for _ in range(2):
        client.delete("/_sandbox/faults")
        client.post("/_sandbox/faults", json=rule)
        draws.append(statuses(client, 20))
    assert draws[0] == draws[1]
    assert {200, 500} == set(draws[0])


def test_a_rule_may_hit_one_method_alone(client):
    client.post("/_sandbox/faults", json={"kind": "500", "method": "POST", "count": None})
    assert get(client).status_code == 200
    assert client.post(SHOPIFY, json=QUERY).status_code == 500


def test_a_fault_that_does_not_exist_is_refused_with_those_that_do(client):
    answer = client.post("/_sandbox/faults", json={"kind": "earthquake"})
    assert answer.status_code == 400
    assert "kind" in answer.json()["error"]
    assert get(client, "earthquake").status_code == 400
    assert client.post("/_sandbox/faults", json={"kind": "500", "often": True}).status_code == 400


def test_the_log_counts_routes_and_keeps_no_secret(client):
    client.get(WOO, params={"consumer_key": "ck_demo", "consumer_secret": "cs_demo", "page": 2})
    client.get(f"{WOO}/1000")
    client.get(f"{WOO}/1016")
    log = client.get("/_sandbox/log").json()
    assert log["counts"] == {f"GET {WOO} 200": 1, f"GET {WOO}/{{id}} 200": 2}
    assert log["requests"][0]["query"] == "consumer_key=***&consumer_secret=***&page=2"
    assert "cs_demo" not in client.get("/_sandbox/log").text
    assert [each["path"] for each in client.get("/_sandbox/log", params={"path": "*/1016"}).json()["requests"]] == [
        f"{WOO}/1016"
    ]
