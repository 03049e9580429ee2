"""What another shop sold is put away when it comes: explained, and nobody has to decide."""

import msgspec
import pytest
from staged import WINDOW, load, order, unreadable

from orderflow.domain.staging import Refused
from orderflow.domain.window import Window
from orderflow.quality.rules import RULES, SETTLED

RAW = [b'{"id": "A-1"}']
NEXT = {"window_start": WINDOW.end, "window_end": WINDOW.end + WINDOW.length}


def sold_elsewhere():
    reason = {"code": "SOLD_ELSEWHERE", "field": "salesChannel", "value": "NON_AMAZON", "message": "..."}
    return Refused(ordinal=0, source="unreadable", reasons=[reason], order_id="A-1")


def test_it_is_discarded_as_it_comes_and_stays_so_however_often_it_changes(store, ask):
    for fetched, raw, window in ((1, RAW, {}), (2, RAW, NEXT), (3, [b'{"id": "A-1", "shipped": true}'], NEXT)):
        load(store, refused=[sold_elsewhere()], raw=raw, fetched=fetched, **window)
    assert ask("SELECT order_id, state, codes, decided_by FROM orderflow.quarantine") == [
        ("A-1", "discarded", ["SOLD_ELSEWHERE"], None)
    ]
    assert ask("SELECT who, what, why FROM orderflow.quarantine_events") == [
        ("load", "discarded", f"refused in {Window(WINDOW.start, WINDOW.end)}")
    ]
    assert ask("SELECT count(*) FROM orderflow.outbox") == [(0,)]


def test_one_that_waited_for_another_reason_is_put_away(store, ask):
    load(store, refused=[unreadable(0, "A-1")], raw=RAW, fetched=1)
    load(store, refused=[sold_elsewhere()], raw=RAW, fetched=2)
    assert ask("SELECT state FROM orderflow.quarantine") == [("discarded",)]


def test_one_that_is_staged_already_waits_for_a_person_because_the_oms_may_have_it_twice(store, ask):
    load(store, order(), fetched=1)
    load(store, refused=[sold_elsewhere()], raw=RAW, fetched=2)
    assert ask("SELECT state FROM orderflow.quarantine") == [("open",)]


@pytest.mark.parametrize("raw", ["the same", "another"])
def test_a_mapping_that_was_wrong_about_it_lets_it_go_on(store, ask, raw):
    records = [msgspec.json.encode(order()) if raw == "the same" else RAW[0]]
    load(store, refused=[sold_elsewhere()], raw=records, fetched=1)
    load(store, order(), fetched=2)
    assert ask("SELECT state FROM orderflow.quarantine") == [("superseded",)]
    assert ask("SELECT order_id FROM orderflow.outbox") == [("A-1",)]


def test_staging_and_the_catalogue_agree_on_what_nobody_has_to_decide(ask):
    states = {
        code: ask("SELECT orderflow.waiting_state(jsonb_build_array(jsonb_build_object('code', %s::text)))", code)
        for code in RULES
    }
    assert {code for code, state in states.items() if state == [("discarded",)]} == SETTLED
    two = 'orderflow.waiting_state(\'[{"code": "SOLD_ELSEWHERE"}, {"code": "TEST_ORDER"}]\')'
    assert ask(f"SELECT {two}") == [("open",)]
