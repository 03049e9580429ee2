"""Quarantine: who waits, why, and what ends it."""

import psycopg2
import pytest
from staged import WINDOW, batch, chunk, counts, load, order, refusal, unreadable

from orderflow.domain.errors import BalanceError, ConfigError
from orderflow.domain.window import Window
from orderflow.staging import actions, quarantine

RAW = ['{"id": "A-1", "name": "王小明"}'.encode(), b'{"id": 2']
NEXT = Window(WINDOW.end, WINDOW.end + WINDOW.length)


def in_window(window):
    return {"window_start": window.start, "window_end": window.end}


def test_a_refused_order_waits_with_reasons_value_and_its_sealed_raw_record(store, ask):
    loaded = load(store, refused=[refusal(order(), 0, "MONEY_IMBALANCE", "SKU_MISSING"), unreadable(1)], raw=RAW)
    assert (loaded.counts.quarantined, loaded.counts.unreadable) == (1, 1)
    rows = ask(
        "SELECT id, subject, order_id, source, state, value, currency, times_seen FROM orderflow.quarantine ORDER BY 3"
    )
    assert [row[2:7] for row in rows] == [
        ("A-1", "validate", "open", rows[0][5], "TWD"),
        (None, "unreadable", "open", None, None),
    ]
    assert (str(rows[0][5]), rows[0][7]) == ("24.500000", 1)
    assert rows[1][1].startswith("sha256:")
    assert ask("SELECT r ->> 'code' FROM orderflow.quarantine, jsonb_array_elements(reasons) r ORDER BY 1") == [
        ("MONEY_IMBALANCE",),
        ("RECORD_MALFORMED",),
        ("SKU_MISSING",),
    ]
    assert [quarantine.raw(store.connection, store.vault, row[0]) for row in rows] == RAW
    assert ask("SELECT sealed_raw::text LIKE '%%e78e8b%%' FROM orderflow.quarantine WHERE order_id = 'A-1'") == [
        (False,)
    ]
    assert ask("SELECT who, what FROM orderflow.quarantine_events") == [("load", "open")] * 2


def test_seeing_the_same_again_changes_nothing_but_a_new_window_counts(store, ask):
    for window, fetched, times in ((WINDOW, 0, 1), (WINDOW, 0, 1), (NEXT, 60, 2), (NEXT, 60, 2)):
        load(store, refused=[refusal(order())], raw=RAW, fetched=fetched, **in_window(window))
        assert ask("SELECT state, times_seen FROM orderflow.quarantine") == [("open", times)]
    assert ask("SELECT count(*) FROM orderflow.quarantine_events") == [(1,)]


def test_a_good_version_ends_the_wait(store, ask):
    load(store, refused=[refusal(order(minute=1))], raw=RAW)
    load(store, order(minute=2), order("A-2"))
    assert ask("SELECT state FROM orderflow.quarantine") == [("superseded",)]
    assert ask("SELECT what, why FROM orderflow.quarantine_events ORDER BY id DESC LIMIT 1") == [
        ("superseded", f"a good version came in {WINDOW}")
    ]


def test_a_good_version_ends_the_wait_even_when_nothing_changed(store, ask):
    load(store, order(minute=1))
    load(store, refused=[refusal(order(minute=2, currency=None))], raw=RAW, fetched=2)
    assert ask("SELECT state FROM orderflow.quarantine") == [("open",)]
    assert counts(load(store, order(minute=3), fetched=3)) == (0, 0, 1, 0)
    assert ask("SELECT state FROM orderflow.quarantine") == [("superseded",)]


def test_an_older_good_version_does_not_end_the_wait(store, ask):
    load(store, refused=[refusal(order(minute=5))], raw=RAW, fetched=5)
    load(store, order(minute=4), fetched=4)
    assert ask("SELECT state FROM orderflow.quarantine") == [("open",)]


def test_a_refused_newer_version_leaves_the_staged_one_as_it_is(store, ask):
    load(store, order(minute=1))
    ask("DELETE FROM orderflow.outbox")
    load(store, refused=[refusal(order(minute=2, order_status="cancelled"))], raw=RAW)
    assert ask("SELECT version, order_status FROM orderflow.orders") == [(1, "open")]
    assert ask("SELECT state FROM orderflow.quarantine") == [("open",)]
    assert ask("SELECT count(*) FROM orderflow.outbox") == [(0,)]


def test_a_refused_version_that_is_older_than_the_staged_one_waits_for_nothing(store, ask):
    load(store, order(minute=9), fetched=9)
    load(store, refused=[refusal(order(minute=2, currency=None)), unreadable(1, "A-1")][:1], raw=RAW)
    assert ask("SELECT state FROM orderflow.quarantine") == [("superseded",)]


def test_an_unreadable_record_of_a_known_order_goes_by_when_it_was_fetched(store, ask):
    load(store, order(minute=9), fetched=9)
    load(store, refused=[unreadable(0, "A-1")], raw=RAW, fetched=8)
    assert ask("SELECT state FROM orderflow.quarantine") == [("superseded",)]
    load(store, refused=[unreadable(0, "A-1")], raw=RAW, fetched=10)
    assert ask("SELECT state FROM orderflow.quarantine") == [("open",)]
    load(store, order(minute=9), fetched=11)
    assert ask("SELECT state FROM orderflow.quarantine") == [("superseded",)]


def test_a_decision_holds_until_the_order_changes(store, ask):
    load(store, refused=[refusal(order())], raw=RAW)
    ((row_id,),) = ask("SELECT id FROM orderflow.quarantine")
    for decide, decision in ((actions.park, "parked"), (actions.discard, "discarded")):
        decide(store.connection, [row_id], who="ann", why="測試訂單")
        load(store, refused=[refusal(order())], raw=RAW, **in_window(NEXT))
        assert ask("SELECT state FROM orderflow.quarantine") == [(decision,)]
    load(store, refused=[refusal(order(minute=3, grand_total="99"))], raw=[b'{"id": "A-1", "v": 2}'], **in_window(NEXT))
    assert ask("SELECT state FROM orderflow.quarantine") == [("open",)]
    assert [what for (what,) in ask("SELECT what FROM orderflow.quarantine_events ORDER BY id")] == [
        "open",
        "parked",
        "discarded",
        "open",
    ]
    assert ask("SELECT who, why FROM orderflow.quarantine_events WHERE what = 'parked'") == [("ann", "測試訂單")]


def test_what_is_superseded_or_unknown_cannot_be_decided(store, ask):
    load(store, refused=[refusal(order(minute=1))], raw=RAW)
    load(store, order(minute=2))
    ((row_id,),) = ask("SELECT id FROM orderflow.quarantine")
    with pytest.raises(ConfigError, match="superseded by a newer version"):
        actions.only(actions.release(store.connection, [row_id], who="ann", why="gut so"))
    with pytest.raises(ConfigError, match="has no row 999"):
        actions.release(store.connection, [999], who="ann", why="gut so")


def test_the_story_of_a_row_cannot_be_rewritten(store, ask):
    load(store, refused=[refusal(order())], raw=RAW)
    for change in ("UPDATE orderflow.quarantine_events SET who = 'x'", "DELETE FROM orderflow.quarantine_events"):
        with pytest.raises(psycopg2.errors.RaiseException, match="append-only"):
            ask(change)


def test_a_refused_order_without_its_raw_record_stops_the_load(store, ask):
    with pytest.raises(BalanceError, match="1 raw records were refused but 0"):
        load(store, order("A-2"), refused=[refusal(order(), 7)], raw=RAW)
    assert ask("SELECT count(*) FROM orderflow.orders") == [(0,)]


def test_counts_that_do_not_fit_stop_the_load(store, ask):
    with pytest.raises(BalanceError, match="2 orders were refused but 1 came"):
        store.load(batch(0, quarantined=2), [chunk(refused=[refusal(order())])], [], deliver=True)
    assert ask("SELECT count(*) FROM orderflow.quarantine") == [(0,)]


def test_two_refused_records_of_one_order_make_one_row_of_the_newer(store, ask):
    refused = [refusal(order(minute=2), 0, "NEWER"), refusal(order(minute=1), 1, "OLDER")]
    load(store, refused=refused, raw=RAW)
    assert ask("SELECT reasons -> 0 ->> 'code' FROM orderflow.quarantine") == [("NEWER",)]


def test_an_order_id_too_long_for_an_index_is_known_by_its_record(store, ask):
    load(store, refused=[refusal(order("長" * 3000))], raw=RAW)
    assert ask("SELECT subject LIKE 'sha256:%%', length(order_id) FROM orderflow.quarantine") == [(True, 3000)]
