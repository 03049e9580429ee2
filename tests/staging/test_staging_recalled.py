"""A load that is repeated gives what it gave; what comes after it gets versions that the OMS has never seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from staged import load, order

from orderflow.staging import erasure, loads

TIMES = ("placed_at", "channel_created_at", "channel_updated_at")


def versions(ask):
    return dict(ask("SELECT order_id, version FROM orderflow.orders ORDER BY order_id"))


def test_loads_of_a_channel_are_counted(store):
    assert [load(store, order()).load, load(store).load] == [1, 2]
    assert (loads.number(store.connection, "shop_tw"), loads.number(store.connection, "other")) == (2, 0)


def test_versions_after_a_loss_are_above_all_that_were_given(store, ask):
    load(store, order(), order("A-2"))
    with store.recalling("shop_tw", 4) as have:
        assert have == 1
    later = dict.fromkeys(TIMES, (datetime.now(UTC) + timedelta(days=1)).isoformat())
    last = load(store, order(grand_total="99"), order("A-3"), order("A-4", **later), fetched=1)
    found = versions(ask)
    assert found["A-2"] == 1
    assert found["A-1"] > 1 + 3, "three loads were lost, and each may have made a version"
    assert found["A-3"] > 3, "one of them may have brought it"
    assert found["A-4"] == 1, "it is younger than the loss"
    assert last.load == 5


def test_an_order_that_a_lost_load_may_have_brought_is_above_it_whatever_changed_it_since(store, ask):
    load(store, order("A-0"))
    with store.recalling("shop_tw", 4):
        pass
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    load(store, order(channel_updated_at=tomorrow.isoformat()), fetched=1)
    assert versions(ask)["A-1"] > 3


def test_erasing_the_buyer_of_what_waits_makes_no_version_that_the_oms_may_have_seen(store, ask):
    load(store, order())
    with store.recalling("shop_tw", 4):
        pass
    erasure.erase(store.connection, "shop_tw", ["A-1"], who="mei", why="ticket 4711")
    waiting = dict(ask("SELECT order_id, version FROM orderflow.outbox"))
    assert versions(ask)["A-1"] == waiting["A-1"] > 1 + 3


def test_notices_are_numbered_anew_once_for_a_loss_however_often_repeating_it_fails(store, ask):
    load(store, order())
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), store.recalling("shop_tw", 4):
            raise ZeroDivisionError
    ((number,),) = ask("SELECT nextval(pg_get_serial_sequence('orderflow.notices', 'number'))")
    assert 10_000 < number < 20_000


def test_what_waits_for_the_oms_is_looked_for_there_first(store):
    load(store, order())
    with store.recalling("shop_tw", 2):
        pass
    ((claimed,),) = store.claims("shop_tw", 10)
    assert claimed.earlier


def test_nothing_went_back_when_another_process_has_repeated_all(store, ask):
    load(store, order())
    with store.recalling("shop_tw", 1) as have:
        assert have == 1
    assert ask("SELECT recalled_at, floor FROM orderflow.loads") == [(None, 0)]
