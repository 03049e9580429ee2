"""An OMS, or the code that talks to it, that fails over one order: the others get there all the same."""

import contextlib

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
