"""`oms.since`: what was created before, something else gave to the OMS; no change of it may bring it there twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from shop import channel
from staged import EPOCH, at, load, order, person, refusal

from orderflow.domain.channel import Delivery
from orderflow.domain.target import Receipt
from orderflow.staging import actions, backlog, shadow

SINCE = EPOCH + timedelta(minutes=30)
EARLY, LATER = {"channel_created_at": at(29), "placed_at": at(29)}, {"channel_created_at": at(30), "placed_at": at(30)}


def owed(ask):
    return [order_id for (order_id,) in ask("SELECT order_id FROM orderflow.outbox ORDER BY order_id")]


def deliver(store):
    for claim in store.claims("shop_tw", 10):
        store.settle([(each, Receipt(each.key, "accepted", oms_id="OMS-1")) for each in claim])


def test_what_was_created_before_is_staged_and_not_owed(store, ask):
    untimed = order("C-1", 40, channel_created_at=None, placed_at=None)
    placed = order("D-1", 40, channel_created_at=None, placed_at=at(29))
    loaded = load(store, order("A-1", 40, **EARLY), order("B-1", 40, **LATER), untimed, placed, since=SINCE)
    assert loaded.counts.inserted == 4
    assert owed(ask) == ["B-1", "C-1"]


def test_a_change_of_it_is_staged_and_not_owed_either(store, ask):
    load(store, order("A-1", 40, **EARLY), order("B-1", 40, **LATER), since=SINCE)
    load(store, order("A-1", 50, grand_total="20", **EARLY), order("B-1", 50, grand_total="20", **LATER), since=SINCE)
    assert owed(ask) == ["B-1"]
    assert ask("SELECT version FROM orderflow.orders WHERE order_id = 'A-1'") == [(2,)]


def test_an_older_version_that_tells_more_of_its_buyer_is_not_owed_either(store, ask):
    hidden = {"masking": "masked", "contacts": [person("王**")], **EARLY}
    load(store, order("A-1", 50, **hidden), since=SINCE)
    load(store, order("A-1", 40, **EARLY), since=SINCE)
    assert ask("SELECT version FROM orderflow.orders") == [(2,)]
    assert owed(ask) == []


@pytest.mark.parametrize("taken", [False, True], ids=["still queued", "taken by the OMS"])
def test_what_the_oms_was_owed_before_goes_on_being_delivered(store, ask, taken):
    load(store, order("A-1", 40, **EARLY))
    if taken:
        deliver(store)
    load(store, order("A-1", 50, grand_total="20", **EARLY), since=SINCE)
    assert ask("SELECT order_id, version FROM orderflow.outbox") == [("A-1", 2)]


def test_what_the_oms_took_goes_on_being_delivered_after_it_was_taken_out_of_staging(store, ask):
    load(store, order("A-1", 40, **EARLY))
    deliver(store)
    ask("DELETE FROM orderflow.orders RETURNING order_id")
    load(store, order("A-1", 50, grand_total="20", **EARLY), since=SINCE)
    assert ask("SELECT order_id, version FROM orderflow.outbox") == [("A-1", 2)]


def test_what_somebody_handed_over_goes_on_being_delivered(store, ask):
    load(store, order("A-1", 40, **EARLY), since=SINCE)
    assert shadow.hand_over(store.connection, "shop_tw", EPOCH, dry_run=False).queued.orders == 1
    load(store, order("A-1", 50, grand_total="20", **EARLY), since=SINCE)
    assert ask("SELECT order_id, version FROM orderflow.outbox") == [("A-1", 2)]


def test_what_comes_out_of_quarantine_is_not_owed_either(store, ask):
    old, new = order("A-1", 40, **EARLY), order("B-1", 40, **LATER)
    load(store, refused=[refusal(old, 0), refusal(new, 1)], raw=[b"{}", b"{}"], since=SINCE)
    rows = backlog.identify(store.connection, ["A-1", "B-1"])
    actions.discard(store.connection, rows, who="anna", why="a mistake")
    load(store, old, new, since=SINCE)
    assert owed(ask) == []
    actions.reopen(store.connection, rows, who="anna", why="it was none")
    load(store, old, new, since=SINCE)
    assert owed(ask) == ["B-1"]


@pytest.mark.parametrize(
    ("since", "zone", "moment"),
    [
        ("2026-03-01", "Asia/Taipei", datetime(2026, 2, 28, 16, tzinfo=UTC)),
        ("2026-03-01T10:30", "Asia/Taipei", datetime(2026, 3, 1, 2, 30, tzinfo=UTC)),
        ("2026-03-01T10:30:00+01:00", "Asia/Taipei", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        (None, "UTC", None),
    ],
)
def test_a_day_begins_in_the_schedules_zone(since, zone, moment):
    shop = channel()
    schedule = shop.schedule.model_copy(update={"timezone": zone})
    oms = Delivery.model_validate({"target": "demo", "since": since})
    assert shop.model_copy(update={"schedule": schedule, "oms": oms}).delivers_since == moment
