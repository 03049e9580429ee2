"""A real shop, a real database and a real OMS: each difference is named with its cause, what can be is repaired."""

from datetime import date, timedelta

import pytest
from worlds import HISTORY, NOON, NOW, SPAN, causes, of_day, servers

from orderflow.domain.window import Window
from orderflow.staging import certificates


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with servers(tmp_path_factory.mktemp("oms"), ["woocommerce"] * 15) as running:
        yield running


def test_a_day_on_which_all_agree_is_settled_and_its_windows_are_reconciled(shop, ask):
    shop.run(Window(NOW - timedelta(days=4), SPAN.start))
    shop.run(Window(SPAN.start, SPAN.end))
    shop.run(Window(SPAN.end, NOW - timedelta(minutes=10)))
    certificate, found = shop.reconcile()
    assert found == []
    assert (certificate.state, certificate.open, certificate.coverage.gaps) == ("settled", [], [])
    orders = len(of_day(shop))
    assert orders > 20
    assert certificate.agreed == orders
    assert {name: side.orders for name, side in certificate.sides.items()} == dict.fromkeys(
        ("channel", "staging", "oms"), orders
    )
    assert certificate.sides["staging"].sums == certificate.sides["oms"].sums
    states = ask("SELECT state FROM orderflow.windows ORDER BY window_start")
    assert states == [("synced",), ("reconciled",), ("synced",)]


def test_hidden_removed_and_hand_changed_orders_are_named_and_the_first_two_repaired(shop, ask):
    shop.run(HISTORY)
    shop.clock.moment = NOON
    hidden = shop.add_order()
    shop.clock.moment = NOW
    removed, changed, archived = [each for each in of_day(shop) if each != hidden][:3]
    ask("DELETE FROM orderflow.orders WHERE order_id = %s", removed)
    shop.in_oms("UPDATE orders SET total = '1.00', lines = 77 WHERE order_id = ?", changed)
    shop.in_oms("DELETE FROM orders WHERE order_id = ?", archived)

    certificate, found = shop.reconcile()
    assert causes(found) == {
        (hidden, "missed", True),
        (removed, "missed", True),
        (changed, "oms_differs", False),
        (archived, "oms_missing", False),
    }
    assert {(each.field, each.theirs) for each in found if each.cause == "oms_differs"} == {
        ("total", "1"),
        ("lines", "77"),
    }
    assert (certificate.unexplained, certificate.repaired, certificate.differing) == (2, 2, 4)
    assert certificate.state == "settled"
    assert {row["order_id"] for row in shop.truth() if row["listed"]} == {
        order_id for (order_id,) in ask("SELECT order_id FROM orderflow.orders")
    }
    assert shop.effects(hidden)["effects_by_kind"] == {"create": 1}
    assert shop.effects(removed)["effects_by_kind"] == {"create": 1, "update": 1}
    assert shop.effects(removed)["repeated"] == []
    assert ask("SELECT purpose, count(*) FROM orderflow.extra_batches GROUP BY 1") == [("repair", 1)]

    again, found = shop.reconcile()
    assert causes(found) == {(changed, "oms_differs", False), (archived, "oms_missing", False)}
    assert (again.number, again.revision, again.previous_sha256) == (2, 2, certificate.sha256)
    assert shop.effects(archived)["effects"] == 1, "what the OMS removed is never sent again by itself"


def test_an_order_removed_by_hand_goes_on_above_the_version_that_the_oms_has(shop, ask):
    shop.run(HISTORY)
    removed = of_day(shop)[0]
    ask("UPDATE orderflow.order_versions SET version = 4 WHERE order_id = %s AND version = 1", removed)
    shop.in_oms("UPDATE orders SET version = 4 WHERE order_id = ?", removed)
    ask("DELETE FROM orderflow.orders WHERE order_id = %s", removed)
    lines = ask("SELECT count(*) FROM orderflow.order_lines WHERE order_id = %s", removed)
    certificate, found = shop.reconcile()
    assert causes(found) == {(removed, "missed", True)}
    assert certificate.unexplained == 0
    assert ask("SELECT version, line_count FROM orderflow.orders WHERE order_id = %s", removed)[0][0] == 5
    assert ask("SELECT count(*) FROM orderflow.order_lines WHERE order_id = %s", removed) == lines
    assert ask("SELECT count(*) FROM orderflow.quarantine WHERE subject = %s", removed) == [(0,)]


def test_a_change_that_does_not_move_the_modified_time_is_pulled_anew(shop, ask):
    shop.run(HISTORY)
    (stale,) = ask(
        "SELECT order_id FROM orderflow.orders WHERE order_status = 'open' AND fulfilment_status = "
        "'unfulfilled' AND order_id = ANY(%s) ORDER BY 1 LIMIT 1",
        of_day(shop),
    )[0]
    shop.change(stale, "cancel")
    certificate, found = shop.reconcile()
    assert causes(found) == {(stale, "missed_change", True)}
    assert {(each.field, each.ours, each.theirs) for each in found} == {("status", "open", "cancelled")}
    assert ask("SELECT order_status FROM orderflow.orders WHERE order_id = %s", stale) == [("cancelled",)]
    assert certificate.unexplained == 0
    assert shop.reconcile()[1] == []


def test_an_order_whose_window_is_still_to_come_is_not_yet_due(shop):
    shop.clock.moment = NOON + timedelta(hours=2)
    later = shop.add_order()
    shop.clock.moment = NOW
    shop.run(Window(HISTORY.start, NOON))
    certificate, found = shop.reconcile()
    assert (later, "not_yet_due", False) in causes(found)
    assert {each.cause for each in found} <= {"not_yet_due", "changed_since"}
    assert certificate.state == "provisional"
    assert any("not loaded" in each for each in certificate.open)
    assert certificate.unexplained == 0
    assert certificate.coverage.share == pytest.approx(12 / 24, abs=0.01)


def test_orders_within_settle_and_lookback_of_a_running_day_are_not_missed(shop):
    shop.clock.moment = NOON
    shop.run(Window(HISTORY.start, NOON - timedelta(minutes=1)))
    shop.clock.moment = NOON - timedelta(minutes=4)
    late = shop.add_order()
    shop.clock.moment = NOON
    certificate, found = shop.reconcile()
    assert (late, "not_yet_due", False) in causes(found)
    assert "the day is not over" in certificate.open


def test_quarantined_and_refused_orders_are_accounted_for(shop, ask):
    _, bad = shop.add_broken(NOON)
    shop.run(HISTORY)
    refused, elsewhere = of_day(shop)[:2]
    for order_id, code in ((refused, "SKU_UNKNOWN"), (elsewhere, "DELIVERED_ELSEWHERE")):
        ask("DELETE FROM orderflow.receipts WHERE order_id = %s", order_id)
        ask(
            """
            INSERT INTO orderflow.quarantine (channel, subject, order_id, source, state, reasons, landing, fetched_at,
                window_start, window_end)
            SELECT channel, order_id, order_id, 'oms', 'open', jsonb_build_array(jsonb_build_object('code', %s::text)),
                landing, fetched_at, window_start, window_end FROM orderflow.orders WHERE order_id = %s
            """,
            code,
            order_id,
        )
    certificate, found = shop.reconcile()
    assert causes(found) == {
        *((each, "quarantined", False) for each in bad),
        (refused, "refused_by_oms", False),
        (elsewhere, "quarantined", False),
    }
    assert {each.note for each in found} >= {"SKU_UNKNOWN", "DELIVERED_ELSEWHERE"}
    assert (certificate.unexplained, certificate.state) == (0, "settled")


def test_what_waits_for_the_oms_keeps_the_day_provisional(shop, ask):
    shop.run(HISTORY)
    waiting = of_day(shop)[0]
    ask(
        "INSERT INTO orderflow.outbox (channel, order_id, version, key, window_start, window_end) "
        "SELECT channel, order_id, version + 1, 'k', window_start, window_end FROM orderflow.orders "
        "WHERE order_id = %s",
        waiting,
    )
    certificate, found = shop.reconcile()
    assert causes(found) == {(waiting, "waiting", False)}
    assert certificate.state == "provisional"


def test_an_order_that_the_shop_deleted_is_unknown_to_the_channel(shop, ask):
    shop.run(HISTORY)
    kept = of_day(shop)[0]
    ask(
        """
        INSERT INTO orderflow.orders SELECT (copied).* FROM (
            SELECT jsonb_populate_record(o, '{"order_id": "gone-👻"}') AS copied
            FROM orderflow.orders AS o WHERE order_id = %s
        ) AS copies
        """,
        kept,
    )
    shop.in_oms("UPDATE orders SET order_id = 'gone-👻' WHERE order_id = ?", of_day(shop)[1])
    ask("DELETE FROM orderflow.receipts WHERE order_id = %s", of_day(shop)[1])
    certificate, found = shop.reconcile()
    assert ("gone-👻", "unknown_to_channel", False) in causes(found)
    assert (of_day(shop)[1], "shadow", False) in causes(found)
    assert certificate.unexplained == 1


def test_a_dry_run_repairs_and_keeps_nothing(shop, ask):
    shop.run(HISTORY)
    ask("DELETE FROM orderflow.orders WHERE order_id = %s", of_day(shop)[0])
    before = ask("SELECT count(*) FROM orderflow.orders")
    certificate, found = shop.reconcile(keep=False)
    assert causes(found) == {(of_day(shop)[0], "missed", False)}
    assert (certificate.number, certificate.unexplained) == (0, 1)
    assert ask("SELECT count(*) FROM orderflow.orders") == before
    assert certificates.newest(shop.store.connection, shop.channel.name) is None


def test_a_channel_in_shadow_is_compared_with_its_list_alone(sandbox, store, migrated, tmp_path):
    shop = sandbox.world(store, migrated, tmp_path, shadow=True)
    shop.run(HISTORY)
    certificate, found = shop.reconcile()
    assert found == []
    assert not certificate.sides["oms"].compared
    assert "shadow" in certificate.sides["oms"].how


def test_a_day_without_orders_is_settled_and_empty(shop):
    shop.run(Window(NOW - timedelta(days=10), HISTORY.end))
    certificate, found = shop.reconcile(date(2026, 11, 15))
    assert (found, certificate.agreed, certificate.state) == ([], 0, "settled")
    assert certificate.sides["staging"].sums == {}


def test_an_order_that_staging_has_on_another_day_is_named(shop, ask):
    shop.run(HISTORY)
    moved = of_day(shop)[0]
    ask("UPDATE orderflow.orders SET channel_created_at = '2026-11-18T00:00:00Z' WHERE order_id = %s", moved)
    certificate, found = shop.reconcile()
    assert [(each.order_id, each.cause, each.field, each.ours, each.theirs) for each in found] == [
        (moved, "channel_differs", "created_at", "2026-11-18T00:00:00Z", "2026-11-19T16:00:00Z/2026-11-20T16:00:00Z")
    ]
    assert certificate.unexplained == 1


def test_what_is_put_away_when_it_is_pulled_anew_is_no_longer_missed(shop, ask):
    shop.run(HISTORY)
    added, bad = shop.add_broken(NOON)
    with shop.store.connection, shop.store.connection.cursor() as cursor:  # as if its rule left nothing to decide
        cursor.execute(
            "CREATE OR REPLACE FUNCTION orderflow.waiting_state(reasons jsonb) RETURNS text LANGUAGE sql IMMUTABLE"
            " AS $$ SELECT 'discarded' $$"
        )
    certificate, found = shop.reconcile()
    assert causes(found) == {(each, "missed", True) for each in added}
    assert {each.order_id for each in found if "LINES_MISSING" in each.note} == bad
    assert certificate.unexplained == 0
    assert causes(shop.reconcile()[1]) == {(each, "discarded", False) for each in bad}
