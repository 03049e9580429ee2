"""The ledger: coverage, gaps, and that nothing takes a proof back."""

from datetime import timedelta

import pytest
from staged import EPOCH, WINDOW, batch, load, order

from orderflow.domain.batch import Endpoint
from orderflow.domain.window import Window
from orderflow.staging import ledger

HOUR = timedelta(hours=1)


def hours(start: float, end: float) -> Window:
    return Window(EPOCH + start * HOUR, EPOCH + end * HOUR)


def proven(store, *windows: Window) -> None:
    for window in windows:
        store.load(batch(window=window), [], [], deliver=True)


def test_the_story_of_a_window(store, ask):
    ledger.begin(store.connection, "shop_tw", WINDOW, "run 1")
    assert ask("SELECT state, attempts, loaded_at FROM orderflow.windows") == [("planned", 1, None)]
    ledger.extracted(store.connection, batch(run_id="run 1").counted(fetched=2, bytes=9000))
    assert ask("SELECT state, bytes, counts -> 'fetched' FROM orderflow.windows") == [("extracted", 9000, 2)]
    load(store, order(), order("A-2"), run_id="run 1")
    assert ask("SELECT state, counts -> 'inserted' FROM orderflow.windows") == [("loaded", 2)]
    assert store.synced("shop_tw", 0.5) == 0
    ask("DELETE FROM orderflow.outbox")
    assert store.synced("shop_tw", 0.5) == 1
    assert ledger.reconciled(store.connection, "shop_tw", hours(0, 24)) == 1
    assert ask("SELECT state, synced_at IS NOT NULL, reconciled_at IS NOT NULL FROM orderflow.windows") == [
        ("reconciled", True, True)
    ]


def test_a_failed_attempt_never_takes_a_proof_back(store, ask):
    proven(store, WINDOW)
    ledger.begin(store.connection, "shop_tw", WINDOW, "run 2")
    ledger.failed(store.connection, "shop_tw", WINDOW, "run 2", "the platform is down")
    ledger.unreachable(store.connection, "shop_tw", WINDOW, "run 2", "too old")
    assert ask("SELECT state, attempts, error, failed_at IS NOT NULL FROM orderflow.windows") == [
        ("loaded", 2, "too old", True)
    ]
    assert ledger.gaps(store.connection, "shop_tw", WINDOW) == []
    load(store, order())
    ledger.extracted(store.connection, batch(run_id="run 3").counted(fetched=9))
    assert ask("SELECT state, run_id, counts ->> 'inserted', counts ->> 'fetched' FROM orderflow.windows") == [
        ("loaded", "run 3", "1", None)
    ]
    proven(store, WINDOW)
    assert ask("SELECT state, error FROM orderflow.windows") == [("loaded", None)]


def test_a_window_that_is_loaded_again_still_tells_what_it_brought_first(store, ask):
    """Clearing a task must not take its orders out of the channel's new ones."""
    later = hours(1, 2)
    for fetched in (0, 2, 4):
        load(store, *(order(f"A-{number}") for number in range(3)), fetched=fetched)
        load(store, order("A-2", minute=70), order("A-3", minute=70), fetched=fetched + 1, window=later)
    found = ask("SELECT counts FROM orderflow.windows ORDER BY window_start")
    told = [[counts.get(name, 0) for name in ("inserted", "updated", "unchanged", "stale")] for (counts,) in found]
    assert [sum(each) for each in told] == [3, 2], "and they balance"
    assert [each[0] for each in told] == [3, 1]


def test_coverage_and_gaps_are_range_arithmetic(store):
    proven(store, hours(1, 2), hours(2, 3), hours(2.5, 4), hours(6, 7))
    ledger.failed(store.connection, "shop_tw", hours(4, 5), "r", "down")
    ledger.held(store.connection, batch(window=hours(5, 6)), "40% refused")
    assert ledger.coverage(store.connection, "shop_tw", hours(0, 24)) == [hours(1, 4), hours(6, 7)]
    assert ledger.gaps(store.connection, "shop_tw", hours(0, 8)) == [hours(0, 1), hours(4, 6), hours(7, 8)]
    assert ledger.gaps(store.connection, "shop_tw", hours(1.5, 3.5)) == []
    assert ledger.gaps(store.connection, "nobody", hours(0, 1)) == [hours(0, 1)]


def test_what_cannot_be_reached_is_neither_proven_nor_a_gap(store):
    ledger.unreachable(store.connection, "shop_tw", hours(0, 2), "r", "the account reads 60 days back")
    assert ledger.coverage(store.connection, "shop_tw", hours(0, 3)) == []
    assert ledger.gaps(store.connection, "shop_tw", hours(0, 3)) == [hours(2, 3)]


def test_the_watermark_is_the_end_of_the_unbroken_chain(store):
    assert ledger.watermark(store.connection, "shop_tw", EPOCH) == EPOCH
    proven(store, hours(0, 1), hours(1, 2), hours(3, 4))
    assert ledger.watermark(store.connection, "shop_tw", EPOCH) == EPOCH + 2 * HOUR
    assert ledger.watermark(store.connection, "shop_tw", EPOCH + 2.5 * HOUR) == EPOCH + 2.5 * HOUR


@pytest.mark.parametrize("again", [False, True])
def test_what_endpoints_cost_is_written_once_per_run(store, ask, again):
    cost = Endpoint(calls=3, seconds=1.5, bytes=900, statuses={"200": 2, "429": 1})
    for _ in range(1 + again):
        load(store, order(), endpoints={"GET /orders": cost})
    assert ask("SELECT endpoint, calls, seconds, retries, statuses FROM orderflow.endpoint_calls") == [
        ("GET /orders", 3, 1.5, 0, {"200": 2, "429": 1})
    ]
