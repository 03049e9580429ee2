"""The simulated Pinduoduo, and a day at it: nothing lost, nothing invented, nothing misread."""

from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest

from orderflow.adapters import find
from orderflow.adapters.pinduoduo.auth import signature
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window
from orderflow.sandbox.conformance.day import HOUR, day, rules
from orderflow.sandbox.platforms.pinduoduo.documents import index_of, order_sn
from orderflow.sandbox.server import platforms_app, serve
from orderflow.sandbox.shop import Shop

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + 3 * HOUR
SECRET = Secret("demo-secret")
TOKENS = {"access_token": "demo-access-token", "refresh_token": "demo-refresh-token"}
FAULTS = ("429", "503", "torn", "throttled", "expired-token", "shifted-page", "late", "drop-after", "500-after")
CHANGED, CONFIRMED, DETAIL = (
    "pdd.order.number.list.increment.get",
    "pdd.order.list.get",
    "pdd.order.information.get",
)


def shop(**more):
    settings = {"rate": 7, "pace": 0.2, "late": 0.1, "bursts": 0.05, "currency": "CNY"} | more
    return Shop(name="pdd", platform="pinduoduo", start=START, **settings)


def account(url):
    return Account("pdd", url, "demo_client", SECRET, TOKENS)


def test_a_day_with_edits_late_changes_and_faults_loses_nothing(tmp_path):
    found = day(shop(), account, {}, tmp_path, hours=12, faults=rules(*FAULTS, share=0.24))
    assert len(found.truth) > 60
    assert found.retries > 5
    assert found.missing() == found.invented() == set()
    assert found.stale() == found.differing() == found.misjudged() == []


def test_no_order_is_lost_from_a_list_of_several_pages_while_orders_leave_it():
    crowd = shop(rate=480, bursts=0.0, fulfilments=0.0)
    with serve(platforms_app([crowd], clock=lambda: NOW)) as url:
        source = opened(f"{url}/pdd", [])
        window = Window(NOW - timedelta(minutes=35), NOW - timedelta(minutes=6))
        before = source.count(window)
        httpx.post(f"{url}/_sandbox/faults", json={"kind": "shifted-page", "skip": 1, "count": 1}).raise_for_status()
        pages = list(source.fetch(window))
        after = source.count(window)
    assert (len(pages), after) == (3, before - 1)
    names = {msgspec.json.decode(record)["list"]["order_sn"] for page in pages for record in page.records}
    assert after <= len(names) <= before


def test_every_planted_defect_is_refused_for_a_reason(tmp_path):
    found = day(shop(defects=0.7), account, {}, tmp_path, hours=9)
    assert found.missing() == found.invented() == set()
    assert found.misjudged() == []
    assert len({row["defect"] for row in found.truth if row["order_id"] in found.refused}) > 8


@pytest.fixture(scope="module")
def server():
    with serve(platforms_app([shop(rate=300)], clock=lambda: NOW)) as url:
        yield f"{url}/pdd"


def ask(server, kind, *, sign=None, token="demo-access-token", at=NOW, **params):
    stamp = str(int(at.timestamp()))
    form = {"type": kind, "client_id": "demo_client", "timestamp": stamp, "data_type": "JSON", "access_token": token}
    form |= {name: str(value) for name, value in params.items()}
    form["sign"] = sign or signature(SECRET, form)
    return httpx.post(f"{server}/api/router", data=form).raise_for_status().json()


SPAN = {"start_updated_at": int((START + 2 * HOUR).timestamp()), "order_status": 5, "refund_status": 5, "page": 1}


def changed(server, **params):
    return ask(server, CHANGED, **(SPAN | {"end_updated_at": SPAN["start_updated_at"] + 1_800} | params))


def test_an_order_number_leads_back_to_its_order():
    assert [index_of(order_sn(index)) for index in (0, 7, 123_456, 10_000_001)] == [0, 7, 123_456, 10_000_001]
    assert index_of("260301-1") is None
    assert index_of("東京") is None
    assert index_of("260301-٣٤") is None


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"sign": "0" * 32}, 20004),
        ({"at": START}, 10001),
        ({"token": "nobody"}, 10019),
        ({"end_updated_at": SPAN["start_updated_at"] + 1_801}, 10000),
        ({"page_size": 101}, 10000),
        ({"order_status": ""}, 10000),
        ({"client_id": "another"}, 10016),
    ],
)
def test_a_wrong_request_is_refused_in_the_body(server, wrong, code):
    assert changed(server, **wrong)["error_response"]["error_code"] == code


def test_changes_come_newest_first_and_the_total_only_without_has_next(server):
    counted = changed(server, page_size=10)["order_sn_increment_get_response"]
    times = [row["updated_at"] for row in counted["order_sn_list"]]
    assert times == sorted(times, reverse=True)
    assert counted["total_count"] > 10
    assert counted["has_next"]
    cheap = changed(server, page_size=10, use_has_next="true")["order_sn_increment_get_response"]
    assert "total_count" not in cheap
    assert cheap["order_sn_list"] == counted["order_sn_list"]


def test_a_status_filter_hides_orders(server):
    every = changed(server)["order_sn_increment_get_response"]["total_count"]
    waiting = changed(server, order_status=1)["order_sn_increment_get_response"]["total_count"]
    sent = changed(server, order_status=2)["order_sn_increment_get_response"]["total_count"]
    assert waiting < every
    assert sent < every


def test_people_are_ciphertext_only_while_an_order_waits(server):
    rows = changed(server)["order_sn_increment_get_response"]["order_sn_list"]
    waiting = [row["order_sn"] for row in rows if row["order_status"] == 1][:4]
    sent = [row["order_sn"] for row in rows if row["order_status"] != 1][:4]
    details = [ask(server, DETAIL, order_sn=each)["order_info_get_response"]["order_info"] for each in waiting + sent]
    for each in details:
        waits = each["order_status"] == 1 and each["risk_control_status"] == 0
        assert each["receiver_name"].startswith("~") if waits else each["receiver_name"] == ""
        assert each["receiver_name_mask"].endswith("***")
    assert len({each["receiver_name"] == "" for each in details}) == 2


def test_an_unknown_order_is_a_business_error(server):
    assert ask(server, DETAIL, order_sn="260301-999999999999999")["error_response"]["sub_msg"] == "订单不存在"


def test_too_many_requests_are_refused_in_the_body():
    world = shop(options={"per_second": 3})
    with serve(platforms_app([world], clock=lambda: NOW, ticks=lambda: 0.0)) as url:
        codes = [changed(f"{url}/pdd").get("error_response", {}).get("error_code") for _ in range(5)]
    assert codes == [None, None, None, 52101, 52101]


def opened(server, stored):
    adapter = find("pinduoduo")
    runtime = Runtime(clock=lambda: NOW, sleep=lambda _: None, on_token=stored.append)
    return adapter.open(adapter.options(), account(server), runtime)


def test_a_token_that_has_ended_is_renewed_once_and_stored():
    ticks = [0.0]
    stored = []
    with serve(platforms_app([shop(options={"token_seconds": 60})], clock=lambda: NOW, ticks=lambda: ticks[0])) as url:
        source = opened(f"{url}/pdd", stored)
        ticks[0] = 61.0
        assert source.count(Window(START + 2 * HOUR, START + 2 * HOUR + timedelta(minutes=29))) > 0
    assert [token["access_token"] for token in stored] == ["demo-access-1-pdd"]


def test_orders_confirmed_in_a_window_are_identified_with_their_totals(server):
    found = list(opened(server, []).identify(Window(START, START + HOUR)))
    assert len(found) > 100
    assert {stub.status for stub in found} <= {"on_hold", "open", "completed", "cancelled"}
    assert all(stub.total and stub.lines and stub.updated_at for stub in found)
