"""The simulated Shopify answers as the published API does: what it refuses, what it counts, and what it costs."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from orderflow.sandbox.platforms.shopify.bucket import Bucket
from orderflow.sandbox.platforms.shopify.values import decimal_text, index_of, order_number
from orderflow.sandbox.query_plan import connection_factor
from orderflow.sandbox.server import platforms_app, serve
from orderflow.sandbox.shop import Shop

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + timedelta(hours=12)
PATH = "/fox/admin/api/2026-07/graphql.json"


class Ticks:
    """Real seconds, as far as this test lets them pass."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def ticks():
    return Ticks()


@pytest.fixture(scope="module")
def url(ticks):
    options = {"ceiling": 700, "token_seconds": 60}
    shop = Shop(
        name="fox", platform="shopify", start=START, rate=60, long=0.05, late=0, edits=0.3, refunds=0.4, pace=0.05,
        timezone="Asia/Taipei", currencies=("JPY",), options=options,
    )  # fmt: skip
    small = Shop(name="hare", platform="shopify", start=START, rate=10, options={"bucket": 100, "restore": 10})
    young = Shop(name="elk", platform="shopify", start=START - timedelta(days=70), rate=1, options={"reach_days": 60})
    with serve(platforms_app([shop, small, young], clock=lambda: NOW, ticks=ticks)) as address:
        yield address


@pytest.fixture(scope="module")
def client(url):
    with httpx.Client(base_url=url, headers={"X-Shopify-Access-Token": "shpat_demo"}) as found:
        yield found


def ask(client, query, variables=None, path=PATH, **more):
    return client.post(path, json={"query": query, "variables": variables or {}, **more}, headers={})


def data(client, query, variables=None, path=PATH):
    answer = ask(client, query, variables, path).json()
    assert "errors" not in answer, answer
    return answer["data"]


def test_a_wrong_token_is_denied_and_a_wrong_version_is_not_there(client):
    denied = client.post(PATH, json={"query": "{shop{name}}"}, headers={"X-Shopify-Access-Token": "shpat_wrong"})
    assert (denied.status_code, denied.json()) == (
        401,
        {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"},
    )
    assert ask(client, "{shop{name}}", path=PATH.replace("2026-07", "2026-05")).status_code == 404
    assert ask(client, "{shop{name}}").headers["X-Shopify-API-Version"] == "2026-07"
    old = ask(client, "{shop{name}}", path=PATH.replace("2026-07", "2024-01"))
    assert old.headers["X-Shopify-API-Version"] == "2025-10"


def test_client_credentials_buy_a_token_that_expires(url, ticks):
    wanted = {"client_id": "demo-client", "client_secret": "demo-secret", "grant_type": "client_credentials"}
    grant = httpx.post(f"{url}/fox/admin/oauth/access_token", data=wanted).json()
    assert grant["expires_in"] == 60
    assert "read_all_orders" in grant["scope"]
    headers = {"X-Shopify-Access-Token": grant["access_token"]}
    assert httpx.post(url + PATH, json={"query": "{shop{name}}"}, headers=headers).status_code == 200
    ticks.now += 61
    assert httpx.post(url + PATH, json={"query": "{shop{name}}"}, headers=headers).status_code == 401
    wrong = httpx.post(f"{url}/fox/admin/oauth/access_token", json=wanted | {"client_secret": "錯"})
    assert (wrong.status_code, wrong.json()) == (401, {"error": "invalid_client"})


def test_a_field_that_shopify_does_not_have_is_refused_with_its_place(client):
    (error,) = ask(client, "{ orders(first: 1) { nodes { id total_price } } }").json()["errors"]
    assert error == {
        "message": "Field 'total_price' doesn't exist on type 'Order'",
        "locations": [{"line": 1, "column": 33}],
        "extensions": {"code": "undefinedField", "typeName": "Order", "fieldName": "total_price"},
    }


@pytest.mark.parametrize(
    ("query", "variables", "message"),
    [
        ("{ orders { nodes { id } } }", {}, "you must provide one of first or last"),
        ("{ orders(first: 251) { nodes { id } } }", {}, "first and last must be between 0 and 250"),
        ("{ orders(first: 1, sortKey: MODIFIED) { nodes { id } } }", {}, "Value 'MODIFIED' does not exist"),
        ('{ orders(first: 1, after: "nonsense") { nodes { id } } }', {}, "Invalid cursor"),
        ("{ orders(first: 1 { nodes { id } } }", {}, "Syntax Error"),
        ("query($n: Int!) { orders(first: $n) { nodes { id } } }", {"n": "two"}, "Int cannot represent"),
        ("{ orders(first: 1, sortKey: TOTAL_PRICE) { nodes { id } } }", {}, "does not sort by TOTAL_PRICE"),
        ("{ __schema { types { name } } }", {}, "introspection"),
        ("mutation { orderCancel }", {}, "Field 'orderCancel' doesn't exist on type 'Mutation'"),
        ("query A { shop { name } } query B { shop { name } }", {}, "An operation name is required"),
    ],
)
def test_a_wrong_query_is_refused_in_words(client, query, variables, message):
    answer = ask(client, query, variables)
    assert answer.status_code == 200
    assert "data" not in answer.json()
    assert message in answer.json()["errors"][0]["message"]


WALK = """query($query: String, $after: String, $first: Int!) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    edges { cursor node { id updatedAt createdAt } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""


def walk(client, query, first=100):
    after, found = None, []
    while True:
        page = data(client, WALK, {"query": query, "after": after, "first": first})["orders"]
        found += [edge["node"] for edge in page["edges"]]
        if page["edges"]:
            assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]


def truth(client, shop="fox"):
    return client.get(f"/_sandbox/{shop}/truth").json()["orders"]


def test_paging_shows_exactly_what_is_true_in_the_order_of_changes(client):
    """In two windows, because the ceiling of this shop is below what it holds."""
    found = walk(client, "updated_at:<'2026-03-01T06:00:00Z'") + walk(client, "updated_at:>='2026-03-01T06:00:00Z'")
    assert client.post("/_sandbox/fox/compare", json=[each["id"] for each in found]).json() == {
        "missing": [], "repeated": [], "unexplained": [],
    }  # fmt: skip
    assert [each["updatedAt"] for each in found] == sorted(each["updatedAt"] for each in found)
    assert {each["id"]: each["updatedAt"] for each in found} == {
        row["order_id"]: row["modified_at"] for row in truth(client)
    }


def test_time_filters_have_a_resolution_of_one_second(client):
    moment = walk(client, "updated_at:<'2026-03-01T06:00:00Z'")[-1]["updatedAt"]

    def times(operator):
        return {each["updatedAt"] for each in walk(client, f"updated_at:{operator}'{moment}'", 250)[:300]}

    assert times("") == {moment}
    assert moment in times("<=")
    assert moment not in times("<")
    late = walk(client, f"updated_at:>='{moment}' AND updated_at:<'2026-03-01T07:00:00Z'")
    assert late[0]["updatedAt"] == moment
    later = walk(client, f"updated_at:>'{moment}' updated_at:<'2026-03-01T07:00:00Z'")
    assert all(each["updatedAt"] > moment for each in later)


def test_a_bare_day_is_one_of_the_shops_zone(client):
    taipei = walk(client, "created_at:2026-03-01 AND updated_at:<'2026-03-01T06:00:00Z'")
    assert taipei
    assert walk(client, "created_at:2026-02-28") == []
    morning = walk(client, "created_at:'2026-03-01T00:00:00+08:00'")
    assert morning == []


def test_an_unknown_filter_is_ignored_with_a_warning(client):
    answer = ask(client, '{ orders(first: 1, query: "modified_at:>2026 status:any") { nodes { id } } }').json()
    (search,) = answer["extensions"]["search"]
    assert search["path"] == ["orders"]
    assert search["warnings"][0]["field"] == "modified_at"
    assert search["warnings"][0]["message"] == "Invalid search field for this query."
    assert answer["data"]["orders"]["nodes"]


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("status:cancelled", lambda row: row["status"] in {"cancelled", "failed"}),
        ("-status:cancelled", lambda row: row["status"] not in {"cancelled", "failed"}),
        ("NOT financial_status:paid", lambda row: row["payment"] != "paid"),
        ("financial_status:paid,refunded", lambda row: row["payment"] in {"paid", "refunded"}),
        ("(status:cancelled OR fulfillment_status:fulfilled)", None),
    ],
)
def test_search_terms_choose_orders(client, query, holds):
    early = "updated_at:<'2026-03-01T06:00:00Z'"
    chosen = {each["id"] for each in walk(client, f"{query} AND {early}")}
    rows = [row for row in truth(client) if row["modified_at"] < "2026-03-01T06:00:00Z"]
    holds = holds or (lambda row: row["status"] in {"cancelled", "failed"} or row["fulfilment"] == "fulfilled")
    assert chosen == {row["order_id"] for row in rows if holds(row)}
    assert chosen


def test_a_name_or_an_id_finds_its_order(client):
    row = truth(client)[17]
    for query in (f"name:{row['number']}", f"id:{row['aliases'][0]}", f"'{row['number']} '".replace(" ", "")):
        assert row["order_id"] in {each["id"] for each in walk(client, query)}
    assert len(walk(client, f"id:{row['aliases'][0]}")) == 1


def test_reverse_and_backwards_paging_meet_in_the_middle(client):
    window = "updated_at:<'2026-03-01T06:00:00Z'"
    forwards = [each["id"] for each in walk(client, window)]
    query = WALK.replace("sortKey: UPDATED_AT", "sortKey: UPDATED_AT, reverse: true")
    page = data(client, query, {"query": window, "first": 20})["orders"]
    assert [edge["node"]["id"] for edge in page["edges"]] == forwards[::-1][:20]
    page = data(client, query, {"query": window, "first": 20, "after": page["pageInfo"]["endCursor"]})["orders"]
    assert [edge["node"]["id"] for edge in page["edges"]] == forwards[::-1][20:40]
    last = '{ orders(last: 5, query: "%s", sortKey: UPDATED_AT) { nodes { id } pageInfo { hasPreviousPage } } }'
    tail = data(client, last % window)["orders"]
    assert [node["id"] for node in tail["nodes"]] == forwards[-5:]
    assert tail["pageInfo"]["hasPreviousPage"]


def test_lines_beyond_the_nested_page_are_said_to_be_there_and_can_be_followed(client):
    row = max(truth(client), key=lambda row: row["lines"])
    assert row["lines"] > 30
    query = """query($id: ID!, $after: String) { node(id: $id) { ... on Order {
        lineItems(first: 7, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } } } }"""
    after, found, more = None, [], True
    while more:
        page = data(client, query, {"id": row["order_id"], "after": after})["node"]["lineItems"]
        found += [node["id"] for node in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert len(found) == len(set(found)) == row["lines"]


def test_orders_by_id_keep_their_places_and_unknown_ids_are_null(client):
    ids = [row["order_id"] for row in truth(client)[:3]]
    asked = [ids[2], "gid://shopify/Order/1", "gid://shopify/Product/5", ids[0]]
    nodes = data(client, "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Order { name } } }", {"ids": asked})
    assert [node and node["id"] for node in nodes["nodes"]] == [ids[2], None, None, ids[0]]


def test_counts_are_exact_up_to_their_limit(client):
    count = "query($limit: Int) { ordersCount(limit: $limit) { count precision } }"
    total = len(truth(client))
    assert data(client, count, {"limit": 10})["ordersCount"] == {"count": 10, "precision": "AT_LEAST"}
    assert data(client, "{ ordersCount { count precision } }")["ordersCount"] == {"count": total, "precision": "EXACT"}
    assert total > 701
    assert data(client, count, {"limit": None})["ordersCount"] == {"count": 701, "precision": "AT_LEAST"}


def test_paging_ends_with_an_error_at_the_ceiling(client):
    after = None
    for _ in range(7):
        page = data(client, WALK, {"after": after, "first": 100})["orders"]
        after = page["pageInfo"]["endCursor"]
    answer = ask(client, WALK, {"after": after, "first": 100}).json()
    assert "limited to 700 objects" in answer["errors"][0]["message"]


def test_an_app_without_read_all_orders_sees_sixty_days_and_is_told_so(client):
    path = PATH.replace("fox", "elk")
    scopes = data(client, "{ currentAppInstallation { accessScopes { handle } } }", path=path)
    assert scopes["currentAppInstallation"]["accessScopes"] == [{"handle": "read_orders"}]
    page = data(client, "{ orders(first: 1, sortKey: CREATED_AT) { nodes { createdAt } } }", path=path)["orders"]
    oldest = datetime.fromisoformat(page["nodes"][0]["createdAt"])
    assert timedelta(days=59) < NOW - oldest <= timedelta(days=60)
    assert min(row["created_at"] for row in truth(client, "elk")) < oldest.isoformat()


def test_costs_are_the_two_bills_that_are_known():
    """Of community.shopify.dev t/23101 (25 points) and microsoft/BCApps#8545 (23 points for 3 lines, 43 for 10)."""
    assert 1 + 2 + connection_factor(250) * 2 == 25
    assert (43 - 23) / (connection_factor(10) - connection_factor(3)) == 10


def test_every_answer_tells_its_cost_and_an_empty_bucket_throttles(client, ticks):
    path = PATH.replace("fox", "hare")
    query = "{ orders(first: 250) { nodes { id lineItems(first: 20) { nodes { id } } } } }"
    first = ask(client, query, path=path).json()["extensions"]["cost"]
    assert first["requestedQueryCost"] == 2 + 11 * (1 + 2 + 5)
    assert first["actualQueryCost"] <= first["requestedQueryCost"]
    assert first["throttleStatus"]["maximumAvailable"] == 100
    throttled = ask(client, query, path=path).json()
    assert throttled["errors"] == [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]
    assert "data" not in throttled
    assert throttled["extensions"]["cost"]["actualQueryCost"] is None
    ticks.now += 10
    assert "data" in ask(client, query, path=path).json()


def test_a_query_above_the_maximal_cost_is_refused(client):
    lines = "lineItems(first: 250) { nodes { id taxLines { title } product { id } variant { id } } }"
    dear = f"{{ a: orders(first: 250) {{ nodes {{ {lines} }} }} b: orders(first: 250) {{ nodes {{ {lines} }} }} }}"
    (error,) = ask(client, dear).json()["errors"]
    cost = 2 * (2 + 11 * (1 + 2 + 11 * 4))
    assert error["extensions"] == {"code": "MAX_COST_EXCEEDED", "cost": cost, "maxCost": 1000}


def test_a_bucket_refills_with_time_and_never_overflows():
    now = 0.0
    bucket = Bucket(100, 10, lambda: now)
    assert bucket.take(90)
    assert not bucket.take(20)
    now = 1.0
    assert bucket.take(20)
    now = 1000.0
    assert bucket.level() == 100


@pytest.mark.parametrize(
    ("text", "spelled"),
    [("24.50", "24.5"), ("24.00", "24.0"), ("100", "100.0"), ("-3.10", "-3.1"), ("0.00", "0.0"), (None, None),
     ("12,50 kr", "12,50 kr"), ("٣٤", "٣٤")],
)  # fmt: skip
def test_amounts_are_spelled_with_at_least_one_decimal(text, spelled):
    assert decimal_text(text) == spelled


def test_ids_lead_back_to_their_order_in_both_spellings():
    assert index_of(str(order_number(77))) == index_of(f"gid://shopify/Order/{order_number(77)}") == 77
    assert index_of("gid://shopify/Order/١٢") is None
    assert index_of(str(order_number(77) + 1)) is None
