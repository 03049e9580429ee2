"""The story of one order, and the first fact that keeps it from the OMS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from staged import EPOCH, WINDOW, load, order, refusal

from orderflow.domain.target import Receipt
from orderflow.staging import blocking, ledger, outbox, story
from orderflow.staging.blocking import OnChannel

HOUR = timedelta(hours=1)
NOW = EPOCH + timedelta(days=1)


def tell(store, asked="A-1"):
    return story.tell(store.connection, "shop_tw", asked, lookback=timedelta(minutes=5), settle=timedelta(minutes=2))


def here(store, asked="A-1", *, shadow=False):
    return blocking.here(tell(store, asked), shadow=shadow, now=NOW)


def answer(store, outcome="accepted", **fields):
    for claim in store.claims("shop_tw", 10):
        store.settle([(each, Receipt(each.key, outcome, **fields)) for each in claim])


def test_an_order_in_the_oms_tells_its_whole_story_by_id_and_by_number(store, ask):
    load(store, order(minute=10, order_number="#１００１"))
    answer(store, oms_id="OMS-7")
    load(store, order(minute=20, order_number="#１００１", order_status="cancelled"), fetched=20)
    answer(store, oms_id="OMS-7", stage="new")
    told = tell(store, "１００１")
    assert told.order_id == "A-1"
    assert [fact.what for fact in told.facts if "staged" in fact.what] == ["version 1 staged", "version 2 staged"]
    assert any("order_status (cancelled)" in fact.detail for fact in told.facts)
    assert [(span.moment, span.state) for span in told.spans] == [("updated", "loaded"), ("created", "loaded")][::-1]
    verdict = here(store, "#１００１")
    assert (verdict.standing, verdict.step) == ("in the OMS", "nothing")
    assert "OMS-7" in verdict.fact
    shown = str(msgspec.to_builtins(told.facts, enc_hook=str))
    assert "王小明" not in shown
    assert "912345678" not in shown


def test_what_waits_and_what_is_held_back_names_its_cause(store):
    load(store, order("A-1"), refused=[refusal(order("A-2"), 0, "TOTAL_DIFFERS")], raw=[b"{}"])
    assert here(store, "A-1").standing == "waits for the OMS"
    assert here(store, "A-1", shadow=True).step.startswith("take `shadow: true`")
    verdict = here(store, "A-2")
    assert (verdict.standing, "TOTAL_DIFFERS" in verdict.fact) == ("quarantined", True)
    (claim,) = store.claims("shop_tw", 10)
    outbox.postpone(store.connection, claim, "the OMS is down for maintenance")
    assert "maintenance" in here(store, "A-1").fact
    answer(store, "refused", reason="SKU_UNKNOWN: 茶")
    verdict = here(store, "A-1")
    assert (verdict.standing, "SKU_UNKNOWN: 茶" in verdict.step) == ("refused by the OMS", True)
    assert blocking.here(tell(store, "A-3"), shadow=False, now=NOW) is None


def test_a_conflict_proposes_its_action(store):
    load(store, order())
    answer(store)
    load(store, order(minute=1, order_status="cancelled"))
    answer(store, "refused", reason="too late", stage="shipped")
    verdict = here(store)
    assert (verdict.standing, "arrange a return" in verdict.step) == ("conflict", True)


@pytest.mark.parametrize(
    ("updated", "state", "now", "standing"),
    [
        (30, "loaded", 60 * 24, "missed"),
        (30, "failed", 60 * 24, "window failed"),
        (30, "held", 60 * 24, "window held"),
        (30, None, 31, "within its settle lag"),
        (30, None, 40, "window not due"),
        (30, None, 60 * 24, "gap"),
        (-60 * 24 * 400, None, 60, "before the channel's start"),
    ],
)
def test_an_order_that_staging_does_not_have_is_found_between_the_channel_and_us(store, updated, state, now, standing):
    if state is not None:
        ledger.begin(store.connection, "shop_tw", WINDOW, "run")
    if state == "loaded":
        load(store)
    elif state == "failed":
        ledger.failed(store.connection, "shop_tw", WINDOW, "run", "HTTP 500")
    elif state == "held":
        with store.connection, store.connection.cursor() as cursor:
            cursor.execute("UPDATE orderflow.windows SET state = 'held', held_at = now()")
    moment = EPOCH + timedelta(minutes=updated)
    with store.connection, store.connection.cursor() as cursor:
        held = story.spans(cursor, "shop_tw", "updated", moment, lookback=HOUR, settle=timedelta(minutes=2))
    verdict = blocking.elsewhere(
        OnChannel(True, moment),
        held,
        channel="shop_tw",
        start=datetime(2026, 1, 1, tzinfo=UTC),
        settle=timedelta(minutes=2),
        due=WINDOW.end,
        now=EPOCH + timedelta(minutes=now),
    )
    assert verdict.standing == standing
    assert verdict.step


def test_one_that_never_existed_is_told_with_similar_ones(store):
    load(store, order("2603-0001", order_number="#1001"), order("2603-0002"), order("別の"))
    nobody = blocking.elsewhere(OnChannel(False), [], channel="shop_tw", start=EPOCH, settle=HOUR, due=None, now=NOW)
    assert nobody.standing == "unknown"
    assert story.similar(store.connection, "shop_tw", "2603-0003")[:2] == ["2603-0002", "2603-0001"]
    assert story.similar(store.connection, "shop_tw", "zzzzzzzz") == []


def test_an_order_that_changed_at_the_end_of_time_has_a_story(store):
    last = "9999-12-31T23:59:59Z"
    load(store, refused=[refusal(order(channel_updated_at=last))], raw=[b"{}"])
    assert tell(store).moments["updated"] == datetime.fromisoformat(last)
    assert [span.moment for span in tell(store).spans] == ["created"]
