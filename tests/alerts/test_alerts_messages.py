"""When people are told: at once or in the morning, together, again, and never by two at the same time."""

import threading
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from alert_shop import NOW, QUARTER

from orderflow.domain.alert import raised
from orderflow.domain.errors import ConfigError
from orderflow.domain.routing import Heartbeat, Quiet, Route, Routing
from orderflow.pipeline.messages import Services
from orderflow.staging import alerts

NIGHT = Quiet(start="22:00", until="07:00", timezone="Asia/Taipei")


def waiting(shop):
    """A shop whose batches wait for a person: a warning."""
    shop.sql(
        "INSERT INTO orderflow.reviews (channel, run_id, window_start, window_end, purpose, state, why, batch, held_at)"
        " VALUES ('shop_tw', 'r', %s, %s, 'window', 'held', 'TOO_FEW_ORDERS: 3', '{}', %s)",
        NOW - QUARTER, NOW, NOW - QUARTER,
    )  # fmt: skip


def test_a_warning_waits_for_the_end_of_quiet_hours_and_comes_with_the_others(shop, told, hook):
    shop.routing = Routing(quiet=NIGHT, group=timedelta(minutes=2))
    night = datetime(2026, 11, 18, 18, 0, tzinfo=UTC)
    shop.runs_until(night + timedelta(hours=6))
    waiting(shop)
    shop.sql(
        "INSERT INTO orderflow.endpoint_calls SELECT 'shop_tw', at - interval '1 hour', at, 'r', 'GET /orders', 20,"
        " CASE WHEN at > %s THEN 60 ELSE 6 END, 1, 1, 0, 0, '{}', at"
        " FROM generate_series(%s, %s, interval '15 minutes') AS at",
        night - timedelta(hours=1), night - timedelta(hours=20), night + timedelta(hours=6),
    )  # fmt: skip
    for minutes in range(0, 299, 20):
        shop.look(night + timedelta(minutes=minutes))
    assert told() == []
    assert {each.kind for each in shop.alerts()} == {"held", "slow"}
    shop.look(datetime(2026, 11, 18, 23, 1, tzinfo=UTC))
    assert [line for line in hook.got[0].text.splitlines() if "shop_tw" in line] == [
        "[WARNING] held: 旗艦店 🏬 متجر (shop_tw), owner: asia",
        "[WARNING] slow: 旗艦店 🏬 متجر (shop_tw), owner: asia",
    ]
    assert told() == ["Orderflow: 2 alerts"]


def test_what_is_critical_is_told_at_night(shop, told):
    shop.routing = Routing(quiet=NIGHT)
    night = datetime(2026, 11, 18, 18, 5, tzinfo=UTC)
    shop.runs_until(night - timedelta(hours=2))
    shop.look(night)
    assert told() == ["[CRITICAL] shop_tw late"]


def test_what_came_and_went_before_anybody_was_told_is_not_told(shop, told):
    shop.routing = Routing(group=timedelta(minutes=10))
    shop.runs_until(NOW + timedelta(minutes=40))
    waiting(shop)
    shop.look(NOW)
    shop.sql("UPDATE orderflow.reviews SET state = 'superseded'")
    for _ in range(5):
        shop.look()
    assert told() == []
    (found,) = shop.alerts(over=True)
    assert (found.state, found.told_at) == ("recovered", None)


def test_what_stays_is_told_again_after_hours_until_somebody_acknowledges_it(shop, told):
    shop.runs_until(NOW - timedelta(hours=1))
    shop.look(NOW)
    told()
    shop.look(NOW + timedelta(hours=3, minutes=55))
    assert told() == []
    shop.look(NOW + timedelta(hours=4))
    assert told() == ["[STILL CRITICAL] shop_tw late"]
    (found,) = shop.alerts()
    done = alerts.acknowledge(shop.staging, found.id, "ana", "the platform is down 🔧", shop.now)
    assert (done.state, done.acknowledged_by) == ("acknowledged", "ana")
    for hours in range(5, 30):
        shop.look(NOW + timedelta(hours=hours))
    assert told() == []
    shop.runs_until(shop.now + timedelta(minutes=10))
    shop.look()
    assert told() == ["[RECOVERED] shop_tw late"]


def test_a_failed_run_covers_that_the_channel_is_late_and_is_over_when_a_run_gets_through(shop, told):
    shop.runs_until(NOW - timedelta(hours=1))
    failed = raised("shop_tw", "failed", "a run failed: DriftError: a field is gone", at=NOW.isoformat())
    for _ in range(2):
        alerts.report(shop.staging, failed, lambda _: ["mail", "hook"], shop.routing, NOW)
    for _ in range(3):
        shop.look()
    assert told() == ["[CRITICAL] shop_tw failed"]
    shop.runs_until(shop.now + timedelta(minutes=20))
    for _ in range(3):
        shop.look(shop.now + timedelta(minutes=10))
    assert told() == ["[RECOVERED] shop_tw failed"]


def test_a_failed_run_is_not_told_where_its_channel_is_known_to_be_late(shop, told):
    shop.runs_until(NOW - timedelta(hours=1))
    shop.look(NOW)
    failed = raised("shop_tw", "failed", "a run failed: TransientError: status 502", at=NOW.isoformat())
    assert alerts.report(shop.staging, failed, lambda _: ["mail", "hook"], shop.routing, shop.now) == 0
    shop.look()
    assert told() == ["[CRITICAL] shop_tw late"]


def test_a_run_that_is_late_with_the_oms_is_over_when_a_run_gets_through(shop, told):
    shop.runs_until(NOW)
    shop.sql(
        "INSERT INTO orderflow.outbox (channel, order_id, version, key, window_start, window_end, enqueued_at)"
        " VALUES ('shop_tw', 'A-1', 1, 'k', %s, %s, %s)",
        NOW - QUARTER, NOW, NOW,
    )  # fmt: skip
    behind = raised("shop_tw", "backlog", "the run is not done 25m after it was queued", at=NOW.isoformat())
    alerts.report(shop.staging, behind, lambda _: ["mail", "hook"], shop.routing, NOW)
    for _ in range(3):
        shop.look()
    assert told() == ["[CRITICAL] shop_tw backlog"]
    shop.runs_until(NOW + timedelta(minutes=30))
    shop.look(NOW + timedelta(minutes=27))
    assert told() == ["[RECOVERED] shop_tw backlog"]


def test_what_an_event_tells_between_a_look_and_its_verdict_is_not_taken_back(shop):
    failed = raised("shop_tw", "failed", "a run failed", at=NOW.isoformat())
    alerts.report(shop.staging, failed, lambda _: [], shop.routing, NOW)
    with shop.staging, shop.staging.cursor() as cursor:
        before = alerts.opened(cursor)["shop_tw"]
    alerts.report(shop.staging, failed, lambda _: [], shop.routing, NOW + timedelta(seconds=1))
    alerts.judged(shop.staging, "shop_tw", [], before, lambda _: [], shop.routing, NOW + timedelta(seconds=2))
    assert [each.kind for each in shop.alerts()] == ["failed"]


def test_many_who_look_at_once_tell_once(shop, told, dsn):
    shop.runs_until(NOW - timedelta(hours=1))
    ready, wrong = threading.Barrier(6), []

    def look():
        from orderflow.orchestration import notify, watch

        deployment = notify.Deployment(dsn, shop.ways, shop.routing, {"shop_tw": shop.channel})
        connection = psycopg2.connect(dsn)
        ready.wait()
        try:
            watch.watch(connection, [shop.channel], NOW, deployment)
        except Exception as error:  # noqa: BLE001 - it is looked at below, outside of the thread
            wrong.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert told() == ["[CRITICAL] shop_tw late"]
    (found,) = shop.alerts(over=True)
    assert found.count == 6


def test_a_message_whose_sender_died_is_sent_again_rather_than_lost(shop, told):
    late = raised("shop_tw", "late", "too late")
    alerts.report(shop.staging, late, lambda _: ["mail"], shop.routing, NOW)
    taken = alerts.claim(shop.staging, NOW, timedelta(0))
    assert [each.alert.kind for each in taken.tellings] == ["late"]
    assert alerts.claim(shop.staging, NOW + timedelta(minutes=4), timedelta(0)) is None
    again = alerts.claim(shop.staging, NOW + timedelta(minutes=6), timedelta(0))
    assert (again.tellings[0].id, again.attempts) == (taken.tellings[0].id, 2)


def test_a_dead_way_out_is_told_on_the_others_and_gets_its_messages_when_it_lives(shop, mailbox, hook):
    hook.status = 500
    shop.runs_until(NOW - timedelta(hours=1))
    for minutes in (0, 5, 10, 15, 20):
        shop.look(NOW + timedelta(minutes=minutes))
    assert [str(each["subject"]) for each in mailbox.got] == ["[CRITICAL] shop_tw late", "[CRITICAL] orderflow unsent"]
    (dead,) = [each for each in shop.alerts() if each.kind == "unsent"]
    assert "hook: JSON at 127.0.0.1: Failed to send JSON POST notification" in dead.what
    assert "error=500" in dead.what
    assert "s3cr3t" not in dead.what
    assert "hush" not in dead.what
    told_of = alerts.messages_of(shop.staging, min(each.id for each in shop.alerts()))
    waits = {route: (attempts, sent is None, bool(error)) for _, route, _, attempts, sent, error in told_of}
    assert waits["mail"] == (1, False, False)
    assert waits["hook"][0] >= 3
    assert waits["hook"][1:] == (True, True)
    hook.status = 200
    shop.look(NOW + timedelta(hours=2))
    assert [each.title for each in hook.got] == ["[CRITICAL] shop_tw late"]
    shop.look(NOW + timedelta(hours=2, minutes=5))
    assert str(mailbox.got[-1]["subject"]) == "[RECOVERED] orderflow unsent"


def test_the_heart_beats_once_a_day_on_every_way_out(shop, told, hook):
    shop.routing = Routing(heartbeat=Heartbeat(at="14:00", timezone="Asia/Taipei"))
    shop.runs_until(NOW + timedelta(days=1))
    shop.look(NOW - timedelta(minutes=10))
    assert told() == []
    for _ in range(3):
        shop.look()
    assert "Orderflow watches 1 channels. All are well." in hook.got[0].text
    assert told() == ["Orderflow heartbeat"]
    shop.look(NOW + timedelta(days=1))
    assert told() == ["Orderflow heartbeat"]


def test_routes_add_to_the_channels_own_tags_by_owner_and_severity(channel):
    routing = Routing(
        routes=[
            Route(to=["ops"]),
            Route(owner="asia", to=["asia-chat", "mail"]),
            Route(owner="europe", to=["berlin"]),
            Route(severity="critical", to=["pager"]),
        ]
    )
    assert routing.tags(channel, "warning") == ["mail", "hook", "ops", "asia-chat"]
    assert routing.tags(channel, "critical") == ["mail", "hook", "ops", "asia-chat", "pager"]
    assert routing.everybody([channel]) == ["mail", "hook", "ops", "asia-chat", "berlin", "pager"]


@pytest.mark.parametrize(
    ("now", "awake"),
    [
        ("2026-11-18T13:59+00:00", "2026-11-18T13:59+00:00"),
        ("2026-11-18T14:00+00:00", "2026-11-18T23:00+00:00"),
        ("2026-11-18T20:00+00:00", "2026-11-18T23:00+00:00"),
        ("2026-11-18T23:00+00:00", "2026-11-18T23:00+00:00"),
    ],
)
def test_quiet_hours_go_over_midnight_in_their_own_zone(now, awake):
    assert Routing(quiet=NIGHT).awake(datetime.fromisoformat(now)) == datetime.fromisoformat(awake)


@pytest.mark.parametrize("config", [{"url": "json://127.0.0.1/", "tag": "ops"}, ["json://127.0.0.1/"], "json://x", 7])
def test_services_in_another_form_are_refused_with_the_right_one(config):
    with pytest.raises(ConfigError, match=r"service 1 in the extra .* has no path; write .*mailto"):
        Services.of({"config": config})


def test_a_service_that_cannot_be_read_is_named_without_its_address():
    with pytest.raises(ConfigError, match=r"service 1 .* \(tag ops\) is none that Apprise can read") as error:
        Services.of({"config": {"path": "nonsense://hush", "tag": "ops"}})
    assert "hush" not in str(error.value)


def test_a_tag_without_a_service_says_which_there_are(ways):
    assert Services.of(ways).send("pager", "t", "b") == (
        "the Airflow connection 'orderflow_alerts' has no service with the tag 'pager'; known are hook, mail"
    )


def test_what_a_platform_said_is_no_link_in_a_mail_and_keeps_its_lines(ways, mailbox):
    body = "a run failed: status 500 (<a href='http://evil.example'>log in</a>)\nPage: http://airflow.example & more"
    assert Services.of(ways).send("mail", "[CRITICAL] shop_tw failed", body) is None
    (mail,) = mailbox.got
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().splitlines() == body.splitlines()


def test_a_service_that_fails_inside_is_told_without_its_address(ways, monkeypatch):
    services = Services.of(ways)
    monkeypatch.setattr(type(services.by_tag["hook"][0]), "send", lambda *_, **__: 1 / 0)
    said = services.send("hook", "t", "b")
    assert "exception" in said
    assert "s3cr3t-word" not in said
