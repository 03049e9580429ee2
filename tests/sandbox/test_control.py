"""The sandbox's own switches over HTTP: truth, injections, comparison, and a restart that forgets nothing."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from msgspec.structs import replace

from orderflow.domain.errors import ConfigError
from orderflow.sandbox import platforms
from orderflow.sandbox.server import oms_app, platforms_app, serve, welcome
from orderflow.sandbox.shop import Shop

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + timedelta(hours=6)
SHOPS = [
    Shop(name="fox", platform="shopify", start=START, rate=30, defects=0.1, late=0),
    Shop(name="woo", platform="woocommerce", start=START, rate=30, defects=0.1, late=0),
]


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def client(clock):
    with serve(platforms_app(SHOPS, clock=clock)) as url, httpx.Client(base_url=url) as found:
        yield found


def truth(client, shop="woo", **params):
    return client.get(f"/_sandbox/{shop}/truth", params=params).raise_for_status().json()["orders"]


def woo_ids(client):
    params = {"consumer_key": "ck_demo", "consumer_secret": "cs_demo", "per_page": 100}
    pages = int(client.get("/woo/wp-json/wc/v3/orders", params=params).headers["X-WP-TotalPages"])
    found = [client.get("/woo/wp-json/wc/v3/orders", params=params | {"page": n + 1}).json() for n in range(pages)]
    return [str(order["id"]) for page in found for order in page]


def test_the_shops_and_the_kinds_of_defects_can_be_asked_for(client):
    answer = client.get("/_sandbox").json()
    assert answer == client.get("/_sandbox/shops").json()
    assert [shop["name"] for shop in answer["shops"]] == ["fox", "woo"]
    assert answer["now"] == "2026-03-01T06:00:00Z"
    assert client.get("/_sandbox/defects").json()["no_lines"]["outcome"] == "refuse"


def test_the_truth_of_an_earlier_moment_is_what_was_true_then(client):
    early, now = truth(client, until="2026-03-01T03:00:00Z"), truth(client)
    assert 0 < len(early) < len(now)
    assert max(row["changed_at"] for row in early) < "2026-03-01T03:00:00Z"
    assert {row["order_id"] for row in early} < {row["order_id"] for row in now}
    assert any(row["version"] < row["versions"] - 1 for row in early)
    assert early == truth(client, until="2026-03-01T11:00:00+08:00")
    for wrong in ("yesterday", "2026-03-01T03:00:00"):
        assert client.get("/_sandbox/woo/truth", params={"until": wrong}).status_code == 400


def test_the_summary_counts_what_the_truth_lists(client):
    rows, summary = truth(client), client.get("/_sandbox/woo/summary").json()
    assert summary["orders"] == len(rows)
    assert summary["lines"] == sum(row["lines"] for row in rows)
    assert sum(summary["statuses"].values()) == len(rows)
    assert sum(summary["defects"].values()) == sum(bool(row["defect"]) for row in rows) > 5
    assert summary["outcomes"]["accept"] == sum(not row["defect"] for row in rows)


def test_a_comparison_names_what_is_missing_twice_or_invented(client):
    ids = woo_ids(client)
    assert client.post("/_sandbox/woo/compare", json=ids).json() == {"missing": [], "repeated": [], "unexplained": []}
    wrong = [*ids[2:], ids[5], "東京-1"]
    found = client.post("/_sandbox/woo/compare", json=wrong).json()
    assert set(found["missing"]) == set(ids[:2])
    assert (found["repeated"], found["unexplained"]) == ([ids[5]], ["東京-1"])


def test_an_alias_names_its_order_too(client):
    (row, *_) = truth(client, "fox")
    assert row["aliases"] == [row["order_id"].rpartition("/")[2]]
    rest = [each["order_id"] for each in truth(client, "fox")[1:]]
    assert client.post("/_sandbox/fox/compare", json=[*row["aliases"], *rest]).json()["missing"] == []


def test_orders_put_in_by_hand_are_on_the_platform_at_once_or_later(client, clock):
    (mine,) = client.post("/_sandbox/woo/orders", json={}).json()["order_ids"]
    assert mine in woo_ids(client)
    late = client.post("/_sandbox/woo/orders", json={"count": 3, "late": 60, "defect": "no_lines"}).json()["order_ids"]
    assert not set(late) & set(woo_ids(client))
    assert {row["defect"] for row in truth(client) if row["order_id"] in late} == {"no_lines"}
    assert not any(row["listed"] for row in truth(client) if row["order_id"] in late)
    clock.now += timedelta(minutes=1)
    assert set(late) <= set(woo_ids(client))


def test_a_change_put_in_by_hand_is_a_new_version(client, clock):
    before = next(row for row in truth(client) if row["status"] == "open" and not row["defect"])
    clock.now += timedelta(seconds=5)
    wanted = {"order_id": before["order_id"], "change": "cancel"}
    after = client.post("/_sandbox/woo/changes", json=wanted).json()
    assert (after["status"], after["modified_at"]) == ("cancelled", "2026-03-01T06:00:05Z")
    assert after["version"] == before["version"] + 1
    unknown = client.post("/_sandbox/woo/changes", json=wanted | {"order_id": "999"})
    assert "holds no order '999' now" in unknown.json()["error"]
    assert "unknown change 'burn'" in client.post("/_sandbox/woo/changes", json=wanted | {"change": "burn"}).text
    assert "no shop 'hare'" in client.get("/_sandbox/hare/truth").text
    refused = client.post("/_sandbox/woo/orders", json={"defect": "time_naive"}).json()["error"]
    assert "woocommerce cannot show the defect 'time_naive'" in refused


def test_a_restart_with_the_same_state_file_forgets_nothing(tmp_path, clock):
    state = tmp_path / "state.sqlite"
    with serve(platforms_app(SHOPS, clock=clock, state=state)) as url, httpx.Client(base_url=url) as client:
        client.post("/_sandbox/woo/orders", json={"count": 2, "defect": "sku_empty"})
        chosen = truth(client, "fox")[3]["order_id"]
        client.post("/_sandbox/fox/changes", json={"order_id": chosen, "change": "annotate"})
        before = [truth(client, shop) for shop in ("fox", "woo")]
    with serve(platforms_app(SHOPS, clock=clock, state=state)) as url, httpx.Client(base_url=url) as client:
        assert [truth(client, shop) for shop in ("fox", "woo")] == before
    ending = [replace(SHOPS[0], ends=clock() + timedelta(hours=1))]
    with serve(platforms_app(ending, clock=clock, state=state)) as url, httpx.Client(base_url=url) as client:
        assert [row | {"versions": 0} for row in truth(client, "fox")] == [row | {"versions": 0} for row in before[0]]
    other = [Shop(name="fox", platform="shopify", start=START, rate=31)]
    with pytest.raises(ConfigError, match="holds the shop fox with other parameters"):
        platforms_app(other, clock=clock, state=state)


def test_two_shops_of_one_name_are_refused(clock):
    with pytest.raises(ConfigError, match="two shops have the same name: fox, fox"):
        platforms_app([SHOPS[0], SHOPS[0]], clock=clock)


def test_a_port_in_use_is_said_so():
    with serve(oms_app()) as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), serve(oms_app(), port=port):
            pass


def test_the_welcome_names_every_address_and_credential():
    text = welcome([*SHOPS, Shop(name="demo_csv", platform="csv_drop", start=START)], "http://127.0.0.1:8083")
    assert "http://127.0.0.1:8083/fox/admin/api/2026-07/graphql.json" in text
    assert "shpat_demo" in text
    assert "http://127.0.0.1:8083/woo/wp-json/wc/v3/orders" in text
    assert "ck_demo" in text
    assert "http://127.0.0.1:8083/_sandbox" in text


@pytest.mark.parametrize("name", platforms.names())
def test_every_platform_spells_ids_that_are_its_own(name):
    platform = platforms.find(name)
    spelled = [each for index in (0, 1, 5, 10_000_001) for each in platform.spell(index)]
    assert len(spelled) == len(set(spelled))
    assert platform.name == name
    assert platform.welcome(Shop(name="x", platform=name, start=START), "http://127.0.0.1:1")
