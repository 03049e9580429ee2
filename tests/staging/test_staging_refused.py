"""What the OMS refused, or took too late, while other versions of the order come and go: it is never forgotten."""

import random
from dataclasses import replace

import pytest
from staged import WINDOW, load, order, refusal

from orderflow.domain.target import Receipt
from orderflow.domain.window import Window
from orderflow.staging import actions

NEXT = Window(WINDOW.end, WINDOW.end + WINDOW.length)
RAW = [b'{"id": "A-1"}']


@pytest.fixture
def answer(store):
    """Send what is pending, and let the OMS answer so; returns how many there were."""

    def sent(outcome, **said):
        claimed = [each for claim in store.claims("shop_tw", 10) for each in claim]
        store.settle([(each, Receipt(each.key, outcome, **said)) for each in claimed])
        return len(claimed)

    return sent


@pytest.fixture
def waiting(ask):
    return lambda: ask("SELECT source, state, codes FROM orderflow.quarantine")


def broken(minute):
    """A newer version that breaks a rule."""
    return {"refused": [refusal(order(minute=minute, grand_total="99"))], "raw": RAW, "fetched": minute}


def test_an_order_that_broke_a_rule_after_it_was_refused_and_is_itself_again_goes_to_the_oms_again(
    store, answer, waiting, ask
):
    load(store, order(minute=1))
    answer("refused", reason="no such customer")
    load(store, **broken(2))
    assert waiting() == [("validate", "open", ["BAD"])]
    load(store, order(minute=3), fetched=3)
    assert waiting() == [("validate", "superseded", ["BAD"])]
    assert answer("refused", reason="no such customer") == 1
    assert waiting() == [("oms", "open", ["OMS_REFUSED"])]
    assert ask("SELECT count(DISTINCT key) FROM orderflow.receipts") == [(2,)]


def test_an_accepted_order_that_broke_a_rule_and_is_itself_again_is_not_sent_twice(store, answer):
    load(store, order(minute=1))
    answer("accepted")
    load(store, **broken(2))
    load(store, order(minute=3), fetched=3)
    assert answer("accepted") == 0


def test_a_rule_that_is_new_does_not_hide_that_the_oms_refused_the_order(store, answer, waiting):
    load(store, order(minute=1))
    answer("refused", reason="no such customer")
    load(store, refused=[refusal(order(minute=1))], raw=RAW, fetched=2)
    assert waiting() == [("oms", "open", ["OMS_REFUSED"])]


def test_a_late_refusal_leaves_the_newer_version_that_waits_where_it_is(store, answer, waiting, ask):
    load(store, order(minute=1))
    load(store, **broken(2))
    answer("refused", reason="no such customer")
    assert waiting() == [("validate", "open", ["BAD"])]
    assert ask("SELECT sealed_raw IS NOT NULL FROM orderflow.quarantine") == [(True,)]
    load(store, order(minute=3), fetched=3)
    assert answer("refused", reason="no such customer") == 1
    assert waiting() == [("oms", "open", ["OMS_REFUSED"])]


@pytest.mark.parametrize("broken_first", [True, False])
def test_what_the_oms_took_too_late_stays_until_a_person_settles_it(store, answer, waiting, broken_first):
    load(store, order(minute=1))
    answer("accepted")
    load(store, order(minute=2, order_status="cancelled"), fetched=2)
    if broken_first:
        load(store, **broken(3))
    answer("accepted", stage="shipped")
    if not broken_first:
        load(store, **broken(3))
    assert waiting() == [("validate", "open", ["BAD", "CONFLICT_CANCELLED_AFTER_SHIPMENT"])]
    load(store, order(minute=4, order_status="cancelled"), fetched=4)
    assert waiting() == [("oms", "open", ["CONFLICT_CANCELLED_AFTER_SHIPMENT"])]


def test_a_rule_that_is_new_does_not_hide_what_the_oms_took_too_late(store, answer, waiting):
    load(store, order(minute=1))
    answer("accepted")
    load(store, order(minute=2, order_status="cancelled"), fetched=2)
    answer("accepted", stage="shipped")
    load(store, **broken(3))
    load(store, refused=[refusal(order(minute=4, order_status="cancelled"))], raw=RAW, fetched=4)
    assert waiting() == [("validate", "open", ["BAD", "CONFLICT_CANCELLED_AFTER_SHIPMENT"])]


def test_a_rule_can_be_waived_beside_what_the_oms_took_too_late_which_stays(store, answer, waiting, ask):
    load(store, order(minute=1))
    answer("accepted")
    load(store, order(minute=2, order_status="cancelled"), fetched=2)
    answer("accepted", stage="shipped")
    load(store, **broken(3))
    [(number,)] = ask("SELECT id FROM orderflow.quarantine")
    done = actions.release(store.connection, [number], who="ann", why="as agreed", waive=["BAD"], waivable=["BAD"])
    assert done.done == 1
    [(now,)] = ask("SELECT now()")
    load(store, order(minute=3, grand_total="99"), fetched=3, purpose="replay", decided_until=now)
    assert waiting() == [("oms", "open", ["CONFLICT_CANCELLED_AFTER_SHIPMENT"])]
    assert answer("accepted") == 1


def test_a_refused_order_that_is_not_staged_any_more_cannot_be_released(store, answer, ask):
    load(store, order())
    answer("refused", reason="no such customer")
    ask("DELETE FROM orderflow.orders")
    [(number,)] = ask("SELECT id FROM orderflow.quarantine")
    done = actions.release(store.connection, [number], who="ann", why="mended")
    assert done.hindered == {"is not staged any more: pull it again first (orderflow backfill)": 1}


def test_a_channel_in_shadow_owes_nothing_whatever_is_taken_back(store, ask):
    load(store, **broken(1), deliver=False)
    [(number,)] = ask("SELECT id FROM orderflow.quarantine")
    actions.discard(store.connection, [number], who="ann", why="a test order")
    again = order(minute=1, grand_total="99")
    load(store, again, fetched=2, deliver=False)
    assert ask("SELECT state FROM orderflow.quarantine") == [("discarded",)]
    actions.reopen(store.connection, [number], who="ann", why="it was none")
    load(store, again, fetched=3, deliver=False)
    assert ask("SELECT state FROM orderflow.quarantine") == [("superseded",)]
    assert ask("SELECT order_id FROM orderflow.outbox") == []


def test_garbage_instead_of_a_currency_keeps_no_batch_from_loading(store, ask):
    garbage = random.Random(1).randbytes(5_000).hex()
    load(store, order("A-1"), refused=[replace(refusal(order("A-2")), currency=garbage)], raw=RAW)
    assert ask("SELECT order_id, left(currency, 8), length(currency) < 100 FROM orderflow.quarantine") == [
        ("A-2", garbage[:8], True)
    ]
