"""Each trouble of a channel is told once, of the right kind, by mail and by web hook, and taken back once."""

from datetime import timedelta

import pytest
from alert_shop import NOW, QUARTER


def looks(shop, count=4):
    for _ in range(count):
        shop.look()


def raised_once(shop, told, kind):
    looks(shop)
    assert told() == [f"[{severity(shop, kind)}] shop_tw {kind}"]


def severity(shop, kind):
    (found,) = [each for each in shop.alerts() if each.kind == kind]
    return found.severity.upper()


def recovered_once(shop, told, kind):
    looks(shop)
    assert told() == [f"[RECOVERED] shop_tw {kind}"]
    assert shop.alerts() == []


def test_a_channel_that_is_well_is_not_worth_a_word(shop, told):
    shop.runs_until(NOW)
    shop.sold(NOW - timedelta(weeks=4), NOW)
    assert shop.look(NOW) == {"channels": 1, "wrong": {}, "unsent": 0}
    assert told() == []
    assert shop.alerts(over=True) == []


def test_a_channel_that_goes_silent(shop, told, hook):
    quiet = NOW - timedelta(hours=3)
    shop.runs_until(NOW + timedelta(minutes=20))
    shop.sold(NOW - timedelta(weeks=4), quiet)
    shop.look(NOW)
    (message,) = [each.text for each in hook.got]
    raised_once(shop, told, "silent")
    assert "0 orders since 2026-11-18 03:" in message
    assert "orders and " in message
    assert " TWD at risk" in message
    assert "owner: asia\n" in message
    assert "Runbook: docs/runbook.md#silent" in message
    back = shop.now
    shop.runs_until(back + timedelta(hours=1))
    shop.sold(back, back + timedelta(hours=1))
    shop.now = back + timedelta(hours=1)
    recovered_once(shop, told, "silent")


def test_a_channel_that_misses_its_deadline_even_when_nothing_runs(shop, told):
    shop.runs_until(NOW - timedelta(hours=1))
    raised_once(shop, told, "late")
    shop.runs_until(shop.now + timedelta(minutes=30))
    recovered_once(shop, told, "late")


def test_a_channel_that_refuses_a_third_of_its_orders(shop, told):
    shop.runs_until(NOW)
    for later in range(1, 7):
        shop.ran(NOW.replace(minute=0) + later * QUARTER, orders=10, refused=3)
    shop.now = NOW + timedelta(hours=1, minutes=20)
    raised_once(shop, told, "refused")
    (found,) = shop.alerts()
    assert "15 of the latest 50 orders (30%) are refused, more than the 5% allowed" in found.what
    shop.runs_until(NOW + timedelta(hours=3))
    for later in range(7, 13):
        shop.ran(NOW.replace(minute=0) + later * QUARTER)
    shop.now = NOW + timedelta(hours=2, minutes=50)
    recovered_once(shop, told, "refused")


def test_what_other_shops_sold_is_no_refused_share(shop, told):
    shop.runs_until(NOW)
    for later in range(1, 7):
        until = NOW.replace(minute=0) + later * QUARTER
        shop.ran(until, orders=10, refused=6, reasons={"SOLD_ELSEWHERE": 6})
    shop.now = NOW + timedelta(hours=1, minutes=20)
    looks(shop)
    assert [each for each in shop.alerts() if each.kind == "refused"] == []


def called(shop, at, seconds, throttled=0.0, calls=20):
    shop.sql(
        "INSERT INTO orderflow.endpoint_calls (channel, window_start, window_end, run_id, endpoint, calls, seconds,"
        " slowest, bytes, retries, throttled_seconds, at)"
        " VALUES ('shop_tw', %s, %s, 'r', 'GET /orders', %s, %s, 1, 1, 0, %s, %s)",
        at - QUARTER, at, calls, seconds * calls, throttled, at,
    )  # fmt: skip


@pytest.fixture
def usual(shop):
    shop.runs_until(NOW + timedelta(minutes=40))
    for back in range(5, 40):
        called(shop, NOW - back * QUARTER, seconds=0.3)
    return shop


def test_a_channel_that_slows_down(usual, told):
    called(usual, NOW, seconds=2.4)
    raised_once(usual, told, "slow")
    usual.runs_until(NOW + timedelta(hours=2))
    called(usual, NOW + timedelta(hours=2), seconds=0.3)
    usual.now = NOW + timedelta(hours=2)
    recovered_once(usual, told, "slow")


def test_a_channel_that_was_fast_is_not_said_to_take_no_time(shop, told):
    shop.runs_until(NOW + timedelta(minutes=40))
    for back in range(5, 40):
        called(shop, NOW - back * QUARTER, seconds=0.004)
    called(shop, NOW, seconds=2.8)
    looks(shop)
    (slow,) = [each for each in shop.alerts() if each.kind == "slow"]
    assert slow.what == "GET /orders answers in 2.8 s on average, where less than 0.1 s is usual"


def test_a_channel_that_throttles(usual, told):
    called(usual, NOW, seconds=0.3, throttled=900.0)
    raised_once(usual, told, "throttled")
    usual.runs_until(NOW + timedelta(hours=2))
    usual.now = NOW + timedelta(hours=2)
    recovered_once(usual, told, "throttled")


def test_a_channel_whose_token_expires(shop, told, monkeypatch):
    shop.runs_until(NOW + timedelta(minutes=40))

    def token(ends, **more):
        extra = {"access_token": "hush-hush", "expires_at": ends.isoformat(), **more}
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_TW", json_connection(extra))

    token(NOW + timedelta(hours=20), refresh_token="hush")
    looks(shop)
    assert told() == [], "what is renewed by itself is no trouble"
    token(NOW + timedelta(days=3))
    raised_once(shop, told, "access")
    token(NOW + timedelta(hours=12))
    assert severity(shop, "access") == "WARNING"
    shop.look()
    assert told() == ["[CRITICAL] shop_tw access"], "what got worse is told again"
    token(NOW + timedelta(days=90))
    shop.runs_until(shop.now + timedelta(minutes=30))
    recovered_once(shop, told, "access")


def json_connection(extra):
    import json

    return json.dumps({"conn_type": "http", "host": "https://x", "password": "p", "extra": extra})


def test_an_oms_that_falls_behind(shop, told):
    shop.runs_until(NOW + timedelta(minutes=40))
    for number in range(3):
        shop.sql(
            "INSERT INTO orderflow.outbox (channel, order_id, version, key, window_start, window_end, enqueued_at)"
            " VALUES ('shop_tw', %s, 1, 'k', %s, %s, %s)",
            f"A-{number}", NOW - QUARTER, NOW, NOW - timedelta(hours=2),
        )  # fmt: skip
    raised_once(shop, told, "backlog")
    shop.sql("DELETE FROM orderflow.outbox")
    recovered_once(shop, told, "backlog")


def test_a_gap_that_healing_gave_up_on(shop, told):
    shop.runs_until(NOW)
    hole = NOW.replace(minute=15)
    shop.runs_until(NOW + timedelta(minutes=40))
    shop.sql(
        "INSERT INTO orderflow.healings (channel, window_start, window_end, number, run_id, cause, dag_run_id,"
        " position, alerted_at) VALUES ('shop_tw', %s, %s, 3, 'heal__x__3', 'failed', 'd', 0, now())",
        hole - timedelta(weeks=20), hole - timedelta(weeks=20) + QUARTER,
    )  # fmt: skip
    raised_once(shop, told, "gap")
    shop.ran(hole - timedelta(weeks=20) + QUARTER)
    recovered_once(shop, told, "gap")


def test_valuable_orders_that_wait_in_quarantine(shop, told):
    shop.runs_until(NOW + timedelta(minutes=40))
    shop.sold(NOW - timedelta(days=2), NOW)
    shop.sql(
        "INSERT INTO orderflow.quarantine (channel, subject, source, state, reasons, landing, fetched_at, window_start,"
        " window_end, value, currency, first_seen_at) VALUES"
        " ('shop_tw', 'A-1', 'validate', 'open', '[]', 'l', now(), now(), now(), 99000, 'TWD', %s)",
        NOW - timedelta(days=2),
    )
    raised_once(shop, told, "quarantine")
    shop.sql("UPDATE orderflow.quarantine SET state = 'released'")
    recovered_once(shop, told, "quarantine")


def test_a_quiet_sunday_night_is_no_alarm(shop, told):
    """A shop that sells in the daytime only, looked at from Saturday evening to Monday morning."""
    start = NOW - timedelta(days=31)
    for day in range(36):
        opens = start.replace(hour=1, minute=0) + timedelta(days=day)
        shop.sold(opens, opens + timedelta(hours=11), every=timedelta(minutes=7))
    night = NOW.replace(hour=12, minute=5) + timedelta(days=3)
    assert night.strftime("%A") == "Saturday"
    shop.runs_until(night + timedelta(hours=36))
    shop.ran(night + timedelta(hours=30), since=NOW - timedelta(weeks=8))
    for hours in range(1, 36, 2):
        assert shop.look(night + timedelta(hours=hours))["wrong"] == {}
    assert told() == []
