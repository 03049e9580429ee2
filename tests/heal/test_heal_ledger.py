"""What the ledger tells of its channel: pace, last run, plans; and what healing remembers."""

import threading
from contextlib import closing
from datetime import timedelta

import pytest
from staged import EPOCH, batch

from orderflow.domain.batch import Counts, Endpoint
from orderflow.domain.window import Window
from orderflow.staging import healings
from orderflow.staging.pace import last_run, pace
from orderflow.staging.store import connect

HOUR = timedelta(hours=1)


def hours(first: int, last: int) -> Window:
    return Window(EPOCH + first * HOUR, EPOCH + last * HOUR)


def proven(store, window, orders=0, calls=0, seconds=0.0):
    loaded = batch(
        window=window,
        counts=Counts(fetched=orders),
        endpoints={"GET /orders": Endpoint(calls=calls), "GET /count": Endpoint(calls=2)},
        seconds={"extract": seconds / 2, "load": seconds / 2},
    )
    store.load(loaded, [], [], deliver=True)


def test_the_pace_tells_what_a_window_costs_from_what_an_order_adds(store):
    assert pace(store.connection, "shop_tw").windows == 0
    for number, orders in enumerate((0, 100, 300, 1000)):
        proven(store, hours(number, number + 1), orders, calls=1 + orders // 100, seconds=4 + orders / 50)
    found = pace(store.connection, "shop_tw")
    assert (found.windows, found.span, found.orders, found.calls) == (4, 4 * HOUR, 1400, 26)
    assert (found.calls_per_window, found.calls_per_order) == pytest.approx((3, 0.01))
    assert (found.seconds_per_window, found.seconds_per_order) == pytest.approx((4, 0.02))


def test_the_pace_of_windows_that_are_all_alike_is_their_mean(store):
    for number in range(3):
        proven(store, hours(number, number + 1), 10, calls=1, seconds=2)
    found = pace(store.connection, "shop_tw")
    assert (found.calls_per_window, found.calls_per_order, found.seconds_per_window) == (3, 0, 2)


def test_a_planned_window_is_no_attempt_and_takes_no_proof_back(store, ask):
    proven(store, hours(0, 1))
    for window in (hours(0, 1), hours(1, 2)):
        healings.start(store.connection, "shop_tw", window, "never run", "look_1", 0)
    assert ask("SELECT state, attempts FROM orderflow.windows ORDER BY window_start") == [("loaded", 1), ("planned", 0)]
    last = last_run(store.connection, "shop_tw")
    assert (last.state, last.window) == ("loaded", hours(0, 1))


def test_a_span_that_is_started_again_has_a_new_run_id(store):
    claims = [
        healings.start(store.connection, "shop_tw", hours(0, 6), "failed", f"look_{number}", 0) for number in range(2)
    ]
    name = hours(0, 6).name
    assert [claim.run_id for claim in claims] == [f"heal__{name}__1", f"heal__{name}__2"]
    assert healings.claimed(store.connection, "look_1") == [claims[1]]
    assert healings.started(store.connection, "shop_tw", f"heal__{name}__1") == healings.Started("look_0", 0)


def test_two_looks_at_one_channel_come_one_after_the_other(store, migrated):
    order, inside = [], threading.Event()

    def second():
        with closing(connect(migrated)) as connection:
            inside.set()
            with healings.alone(connection, "shop_tw"):
                order.append("second")

    with healings.alone(store.connection, "shop_tw"):
        other = threading.Thread(target=second)
        other.start()
        assert inside.wait(10)
        with healings.alone(store.connection, "another_shop"):
            order.append("first")
    other.join(10)
    assert order == ["first", "second"]
