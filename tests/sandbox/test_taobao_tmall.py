"""The simulated Taobao Open Platform, and a day at it: nothing lost, nothing invented, nothing misread."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from orderflow.adapters import find
from orderflow.adapters.taobao_tmall.auth import signature
from orderflow.adapters.taobao_tmall.values import moment_text
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window
from orderflow.sandbox.conformance.day import HOUR, day, rules
from orderflow.sandbox.platforms.taobao_tmall.documents import index_of, tid
from orderflow.sandbox.server import platforms_app, serve
from orderflow.sandbox.shop import Shop

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + 6 * HOUR
SECRET = Secret("demo-app-secret")
FAULTS = ("429", "503", "torn", "throttled", "expired-token", "shifted-page", "late", "drop-after", "500-after")
TRADES = "*method=taobao.trade*"
"""No answer of a renewal is lost: a refresh token serves once, and only the seller could give another."""
CHANGED, DETAIL = "taobao.trades.sold.increment.get", "taobao.trade.fullinfo.get"


def shop(**more):
    settings = {"rate": 11, "pace": 0.2, "late": 0.1, "bursts": 0.05, "currency": "CNY", "timezone": "Asia/Shanghai"}
    return Shop(name="tmall", platform="taobao_tmall", start=START, **(settings | more))


def account(url):
    return Account(
        "tmall", url, "12345678", SECRET, {"access_token": "demo-access-token", "refresh_token": "demo-refresh-token"}
    )


def pulled(world, folder, **how):
    return day(world, account, {}, folder, **how)


def test_a_day_with_edits_late_changes_and_faults_loses_nothing(tmp_path):
    found = pulled(shop(), tmp_path, faults=rules(*FAULTS, path=TRADES), hours=9)
    assert len(found.truth) > 90
    assert found.retries > 5
    assert found.missing() == found.invented() == set()
    assert found.stale() == found.differing() == found.misjudged() == []


def test_every_planted_defect_is_refused_for_a_reason(tmp_path):
    found = pulled(shop(defects=0.5, rate=30), tmp_path, hours=3)
    assert found.missing() == found.invented() == set()
    assert found.misjudged() == []
    assert len({row["defect"] for row in found.truth if row["order_id"] in found.refused}) > 10


def test_more_trades_in_one_second_than_a_page_holds_all_arrive():
    adapter, runtime = find("taobao_tmall"), Runtime(clock=lambda: NOW, sleep=lambda _: None)
    with serve(platforms_app([shop(rate=1)], clock=lambda: NOW)) as url:
        put = httpx.post(f"{url}/_sandbox/tmall/orders", json={"count": 120}).raise_for_status().json()
        source = adapter.open(adapter.options(), account(f"{url}/tmall"), runtime)
        window = Window(NOW - timedelta(seconds=5), NOW + timedelta(seconds=5))
        pages = list(source.fetch(window))
        assert source.count(window) == 120
        assert len(pages) == 3
        found = [str(json.loads(record)["list"]["tid"]) for page in pages for record in page.records]
        assert sorted(found) == sorted(put["order_ids"])


@pytest.fixture(scope="module")
def server():
    with serve(platforms_app([shop(rate=60, options={"mask": True})], clock=lambda: NOW)) as url:
        yield f"{url}/tmall/router/rest"


def ask(server, method=CHANGED, *, sign=None, session="demo-access-token", at=NOW, key="12345678", **asked):
    system = {"method": method, "app_key": key, "timestamp": moment_text(at), "sign_method": "hmac-sha256"}
    system |= {"session": session, "v": "2.0", "format": "json"}
    body = {name: str(value) for name, value in asked.items()}
    return httpx.post(server, params=system | {"sign": sign or signature(SECRET, system | body)}, data=body).json()


def listing(server, **asked):
    span = {"start_modified": moment_text(START), "end_modified": moment_text(NOW)}
    return ask(server, **({"fields": "tid,tid_str,status,type,modified", "page_size": 100} | span | asked))


def trades(answer):
    return answer["trades_sold_increment_get_response"]["trades"]["trade"]


def test_a_trades_number_leads_back_to_its_order():
    assert [index_of(str(tid(index))) for index in (0, 7, 123_456)] == [0, 7, 123_456]
    assert [index_of(text) for text in (str(tid(7) + 1), "1", "", "四")] == [None] * 4


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"sign": "0" * 64}, 25),
        ({"at": NOW - timedelta(minutes=11)}, 31),
        ({"session": "nobody"}, 27),
        ({"key": "1"}, 29),
        ({"method": "taobao.nothing.get"}, 22),
        ({"page_size": 101}, 41),
        ({"fields": ""}, 40),
        ({"start_modified": ""}, 40),
        ({"start_modified": "yesterday"}, 41),
        ({"start_modified": moment_text(NOW - timedelta(hours=25))}, 41),
    ],
)
def test_a_wrong_request_is_refused_in_a_body_with_status_200(server, wrong, code):
    assert listing(server, **wrong)["error_response"]["code"] == code


def test_a_list_leaves_out_the_kinds_of_trade_that_are_not_named(server):
    usual, named = trades(listing(server)), trades(listing(server, type="fixed,tmall_i18n"))
    assert {trade["type"] for trade in usual} == {"fixed"}
    assert {trade["type"] for trade in named} == {"fixed", "tmall_i18n"}


def test_the_newest_change_comes_first_and_both_ends_belong_to_a_range(server):
    found = [trade["modified"] for trade in trades(listing(server))]
    assert found == sorted(found, reverse=True)
    one = listing(server, start_modified=found[-1], end_modified=found[-1])
    assert one["error_response"]["code"] == 41
    around = trades(listing(server, start_modified=found[-1], end_modified=found[0]))
    assert {found[0], found[-1]} <= {trade["modified"] for trade in around}


def test_a_list_tells_its_number_or_whether_there_is_more_and_an_empty_one_vanishes(server):
    counted = listing(server, page_size=1)["trades_sold_increment_get_response"]
    paged = listing(server, page_size=1, use_has_next="true")["trades_sold_increment_get_response"]
    assert counted["total_results"] > 1
    assert (paged["has_next"], "total_results" in paged) == (True, False)
    early = {"start_modified": "2026-02-01 00:00:00", "end_modified": "2026-02-01 00:30:00"}
    nothing = listing(server, **early)["trades_sold_increment_get_response"]
    assert nothing == {"total_results": 0, "request_id": "sandbox"}


def test_a_detail_holds_what_was_asked_for_with_stars_in_personal_data(server):
    known = trades(listing(server))[0]["tid_str"]
    found = ask(server, DETAIL, tid=known, fields="tid,receiver_name,receiver_address")
    trade = found["trade_fullinfo_get_response"]["trade"]
    assert str(trade["tid"]) == known
    assert set(trade) <= {"tid", "receiver_name", "receiver_address"}
    assert trade["receiver_name"].endswith("**")
    assert ask(server, DETAIL, tid="1", fields="tid")["error_response"]["sub_code"] == "isv.trade-not-exist"


def test_too_many_requests_are_refused_with_status_200():
    with serve(platforms_app([shop(options={"per_second": 3})], clock=lambda: NOW, ticks=lambda: 0.0)) as url:
        answers = [listing(f"{url}/tmall/router/rest", page_size=1) for _ in range(5)]
    assert [answer.get("error_response", {}).get("code") for answer in answers] == [None, None, None, 7, 7]
