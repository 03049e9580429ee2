"""Law of keys: windows overlap and come again, but one idempotency key never comes with two contents."""

from __future__ import annotations

import itertools
from random import Random
from typing import Any

import msgspec
import pytest
from staged import load, order, person

from orderflow.sandbox.oms_rules import Rules
from orderflow.sandbox.oms_store import Delivery
from orderflow.sandbox.oms_store import Store as Oms
from orderflow.staging import erasure
from orderflow.staging.store import Store

MASKED: dict[str, Any] = {
    "masking": "masked",
    "contacts": [person("王**", email=None, phone=None)],
    "ship_country": None,
}
SEEN: list[dict[str, Any]] = [
    {},
    {"order_status": "on_hold"},
    {"contacts": [person(), person("李小龍", role="bill_to")]},
    {"contacts": [person(phone=None)]},
    MASKED,
]
"""What a platform shows of one order: the same, another state, more people, fewer of them, hardly any."""


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_seen_between_two_claims_a_key_has_one_content(store: Store, ask: Any, seed: int):
    random = Random(seed)
    oms = Oms(":memory:", Rules(picking_after=1e12, shipping_after=1e12))
    sent: dict[str, bytes] = {}
    fetched, erased = itertools.count(), 0
    for _ in range(8):
        seen = random.choice(SEEN)
        load(store, order(minute=random.randrange(6), **seen), fetched=next(fetched))
        if random.random() < 0.15:
            erased += len(erasure.erase(store.connection, "shop_tw", ["A-1"], who="mei", why="asked").now)
        ask("UPDATE orderflow.outbox SET not_before = NULL; SELECT")
        for claim in store.claims("shop_tw", 10):
            for each in claim:
                assert sent.setdefault(each.key, each.document) == each.document
                (answer,) = oms.accept([Delivery(each.key, each.document)], 0.0)  # type: ignore[arg-type]
                assert answer.outcome == "accepted", "the answer is lost, so that it is sent again"
    assert sent
    last = list(sent.values())[-1]
    assert (msgspec.json.decode(last)["contacts"] == []) == bool(erased)


def test_an_order_that_was_merely_touched_is_sent_again_as_it_was(store: Store):
    load(store, order(minute=0))
    ((first,),) = store.claims("shop_tw", 10)
    load(store, order(minute=30), fetched=30)
    ((second,),) = store.claims("shop_tw", 10)
    assert (second.key, second.document, second.earlier) == (first.key, first.document, True)
