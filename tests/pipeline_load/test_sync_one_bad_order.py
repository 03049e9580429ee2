"""An OMS, or the code that talks to it, that fails over one order: the others get there all the same."""

import contextlib
import threading

import pytest
from shop import channel
from staged import load, order

from orderflow.domain.errors import ConfigError, DeniedError, DriftError
from orderflow.domain.target import Receipt
from orderflow.pipeline.sync import sync

BAD = "B"


class Fussy:
    """A target that takes every order in hand until it comes to `BAD`, over which it raises."""

    def __init__(self, error):
        self.error = error

    def submit(self, submissions):
        for each in submissions:
            if each.order_id == BAD:
                raise self.error
            yield Receipt(each.key, "accepted", oms_id=each.order_id)


FAULTS = [
    KeyError("Wang Xiaoming"),
    DeniedError("the firewall says no"),
    ConfigError("no such column"),
    DriftError("?"),
]


@pytest.mark.parametrize("error", FAULTS, ids=lambda error: type(error).__name__)
def test_one_order_over_which_the_target_fails_waits_and_the_rest_get_there(store, ask, error):
    shop = channel(f"fussy_{type(error).__name__.lower()}")
    load(store, *[order(name) for name in ("A", BAD, "C", "D")], channel=shop.name)
    for _ in range(4):
        with contextlib.suppress(type(error)):
            sync(shop, store, Fussy(error), pause=lambda _: None)
    assert ask("SELECT order_id FROM orderflow.outbox") == [(BAD,)]
    assert ask("SELECT order_id FROM orderflow.receipts ORDER BY order_id") == [("A",), ("C",), ("D",)]
    ((kept,),) = ask("SELECT last_error FROM orderflow.outbox")
    assert "Xiaoming" not in kept
    load(store, *[order(f"E{number}") for number in range(5)], channel=shop.name)
    ask("UPDATE orderflow.outbox SET not_before = NULL")
    with pytest.raises(type(error)):
        sync(shop, store, Fussy(error), pause=lambda _: None)
    assert ask("SELECT order_id FROM orderflow.outbox") == [(BAD,)], "what comes later does not wait behind it"


def test_an_order_whose_people_cannot_be_read_waits_and_the_rest_get_there(store, ask):
    load(store, *[order(name) for name in ("A", BAD, "C")], channel="shop")
    ask("UPDATE orderflow.order_contacts SET sealed = sealed || 'x'::bytea WHERE order_id = %s", BAD)
    with pytest.raises(ConfigError, match="shop B: its personal data does not open"):
        sync(channel("shop"), store, Fussy(None), pause=lambda _: None)
    assert ask("SELECT order_id FROM orderflow.outbox") == [(BAD,)]
    assert ask("SELECT order_id FROM orderflow.receipts ORDER BY order_id") == [("A",), ("C",)]


class Doubting:
    """A target that does not know what a refusal means until it has seen that the OMS takes orders."""

    def __init__(self):
        self.tried, self.works = threading.Event(), False

    def submit(self, submissions):
        for each in submissions:
            if each.order_id != "0":
                assert self.tried.wait(20)
                self.works = True
                yield Receipt(each.key, "accepted", oms_id=each.order_id)
            elif self.works:
                yield Receipt(each.key, "refused", reason="HTTP 400")
            else:
                self.tried.set()
                raise DriftError("the requests are wrong, not the orders")


def test_an_order_that_is_answered_before_any_other_is_tried_again_when_the_others_are_taken(store, ask):
    load(store, *[order(name) for name in ("0", "A", "B")], channel="shop")
    delivered = sync(channel("shop", batch=1), store, Doubting(), pause=lambda _: None)
    assert (delivered.accepted, delivered.refused, delivered.pending) == (2, 1, 0)
    load(store, order("0", order_number="N-2"), channel="shop")
    with pytest.raises(DriftError, match="the requests are wrong"):
        sync(channel("shop", batch=1), store, Doubting(), pause=lambda _: None)


class Lanes:
    """A store that tells when the lane of what catches up is asked for."""

    def __init__(self, store):
        self._store, self.reached = store, threading.Event()

    def __getattr__(self, name):
        return getattr(self._store, name)

    def claims(self, channel, size, *, behind=False):
        if behind:
            self.reached.set()
        yield from self._store.claims(channel, size, behind=behind)


def test_what_flies_while_an_order_turns_out_to_be_unreadable_is_stored_and_the_other_lane_goes(store, ask):
    load(store, order("A"), order(BAD), channel="shop")
    load(store, order("late"), channel="shop", behind=True)
    ask("UPDATE orderflow.order_contacts SET sealed = sealed || 'x'::bytea WHERE order_id = %s", BAD)
    lanes = Lanes(store)

    class Slow(Fussy):
        def submit(self, submissions):
            lanes.reached.wait(5)
            yield from super().submit(submissions)

    with pytest.raises(ConfigError, match="shop B: its personal data does not open"):
        sync(channel("shop"), lanes, Slow(None), pause=lambda _: None)
    assert ask("SELECT order_id FROM orderflow.outbox") == [(BAD,)]
    assert ask("SELECT order_id FROM orderflow.receipts ORDER BY order_id") == [("A",), ("late",)]
