"""Changes that come after the OMS began its work: each is a typed conflict with a proposed action, or goes through."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from shop import channel, oms_running, target
from staged import line, load, order, person

from orderflow.domain.life import CONFLICTS, DECISIONS, STAGES, changes, judge
from orderflow.domain.order import Refund
from orderflow.pipeline.sync import sync
from orderflow.quality.rules import RULES

CANCELLED: dict[str, Any] = {"order_status": "cancelled"}
MOVED: dict[str, Any] = {"contacts": [person(address=["中山路1號"], city="台中市", postal_code="400")]}
FEWER: dict[str, Any] = {"lines": [line(), line(2)]}
MORE: dict[str, Any] = {"lines": [line(), line(2), line(3), line(4, quantity="1")]}
DEARER: dict[str, Any] = {"lines": [line(), line(2, unit_price="99"), line(3)], "grand_total": "300"}
REFUND: dict[str, Any] = {"refunds": [Refund(refund_id="退款", amount="1")], "refunded": "1"}
RETURNED: dict[str, Any] = {**REFUND, "return_status": "received"}
LINES = {"lines": [line(), line(2), line(3)]}

CASES = [
    ("picking", CANCELLED, "CONFLICT_CANCELLED_WHILE_PICKING", False),
    ("shipped", CANCELLED, "CONFLICT_CANCELLED_AFTER_SHIPMENT", False),
    ("closed", CANCELLED, "CONFLICT_CANCELLED_AFTER_SHIPMENT", False),
    ("picking", MOVED, "CONFLICT_ADDRESS_WHILE_PICKING", False),
    ("shipped", MOVED, "CONFLICT_ADDRESS_AFTER_SHIPMENT", False),
    ("picking", FEWER, "CONFLICT_LINE_REMOVED_WHILE_PICKING", False),
    ("shipped", FEWER, "CONFLICT_LINE_REMOVED_AFTER_SHIPMENT", False),
    ("shipped", MORE, "CONFLICT_LINE_ADDED_AFTER_START", False),
    ("picking", DEARER, "CONFLICT_PRICE_AFTER_START", False),
    ("shipped", REFUND, "CONFLICT_REFUND_WITHOUT_RETURN", True),
    ("picking", {"order_status": "on_hold"}, "CONFLICT_HELD_AFTER_START", True),
    ("shipped", RETURNED, None, True),
    ("shipped", {"paid": "24.5", "payment_status": "paid"}, None, True),
    ("received", CANCELLED, None, True),
    ("received", REFUND, None, True),
]


@pytest.fixture(scope="module")
def oms():
    with oms_running(picking_after=1e9, shipping_after=1e9) as running:
        yield running


@pytest.fixture
def shop(request):
    return channel(f"shop_{abs(hash(request.node.nodeid))}")


def deliver(store, shop, oms):
    return sync(shop, store, target(oms.url))


def advance(oms, shop, stage, order_id="A-1"):
    body = {"channel": shop.name, "order_ids": [order_id], "stage": stage}
    assert httpx.put(f"{oms.url}/_sandbox/stages", json=body).json() == {"advanced": 1}


def waiting(ask, shop):
    return ask(
        "SELECT state, reasons FROM orderflow.quarantine WHERE channel = %s AND state IN ('open', 'parked')", shop.name
    )


def test_what_comes_too_late_waits_for_a_person_with_a_proposed_action(store, ask, oms, shop):
    names = [f"№{number}" for number in range(len(CASES))]
    load(store, *[order(name, **LINES) for name in names], channel=shop.name)
    assert deliver(store, shop, oms).accepted == len(CASES)
    for name, (stage, *_) in zip(names, CASES, strict=True):
        advance(oms, shop, stage, name)
    changed = [order(name, 1, **{**LINES, **change}) for name, (_, change, _, _) in zip(names, CASES, strict=True)]
    load(store, *changed, channel=shop.name)
    delivered = deliver(store, shop, oms)
    assert (delivered.accepted, delivered.pending) == (sum(taken for *_, taken in CASES), 0)
    told = dict(ask("SELECT order_id, stage FROM orderflow.receipts WHERE channel = %s AND version = 2", shop.name))
    held = dict(ask("SELECT subject, reasons FROM orderflow.quarantine WHERE channel = %s", shop.name))
    for name, (stage, _, code, taken) in zip(names, CASES, strict=True):
        assert told[name] == (None if stage == "received" else stage)
        if code is None:
            assert name not in held
            continue
        (reason,) = held[name]
        assert (reason["code"], reason["value"], reason.get("taken", False)) == (code, stage, taken)
        assert reason["message"].endswith(CONFLICTS[code].action)
        assert "王小明" not in str(reason)
        assert RULES[code].cure == CONFLICTS[code].action


def test_a_refused_change_that_is_taken_back_settles_itself(store, ask, oms, shop):
    load(store, order(**LINES), channel=shop.name)
    deliver(store, shop, oms)
    advance(oms, shop, "picking")
    load(store, order(minute=1, **LINES, **CANCELLED), channel=shop.name)
    deliver(store, shop, oms)
    assert len(waiting(ask, shop)) == 1
    load(store, order(minute=2, **LINES), channel=shop.name)
    assert deliver(store, shop, oms).accepted == 1
    assert waiting(ask, shop) == []


def test_a_conflict_that_the_oms_took_stays_until_a_person_settles_it(store, ask, oms, shop):
    load(store, order(**LINES), channel=shop.name)
    deliver(store, shop, oms)
    advance(oms, shop, "shipped")
    load(store, order(minute=1, **LINES, **REFUND), channel=shop.name)
    deliver(store, shop, oms)
    load(store, order(minute=2, tags=["vip"], **LINES, **REFUND), channel=shop.name)
    assert deliver(store, shop, oms).accepted == 1
    load(store, order(minute=3, tags=["vip"], **LINES, **REFUND, **CANCELLED), channel=shop.name)
    assert deliver(store, shop, oms).refused == 1
    ((_, reasons),) = waiting(ask, shop)
    assert [each["code"] for each in reasons] == ["CONFLICT_CANCELLED_AFTER_SHIPMENT", "CONFLICT_REFUND_WITHOUT_RETURN"]


def test_a_conflict_survives_an_answer_that_is_lost(store, ask, oms, shop):
    load(store, order(**LINES), channel=shop.name)
    deliver(store, shop, oms)
    advance(oms, shop, "shipped")
    load(store, order(minute=1, **LINES, **REFUND), channel=shop.name)
    oms.fail("drop-after", "/orders/*", count=1)
    assert sync(shop, store, target(oms.url), pause=lambda _: None).accepted == 1
    oms.recover()
    assert [each["code"] for each in waiting(ask, shop)[0][1]] == ["CONFLICT_REFUND_WITHOUT_RETURN"]


def test_every_conflict_is_reached_and_says_what_to_do():
    reached = {code for by_stage in DECISIONS.values() for code in by_stage.values()} | {"CONFLICT_CHANGED_AFTER_START"}
    assert reached == set(CONFLICTS)
    for each in CONFLICTS.values():
        assert each.action.endswith(("discard the entry", "release the order to send it again", "arrange a return"))
    assert {stage for by_stage in DECISIONS.values() for stage in by_stage} == set(STAGES[1:])


def test_what_was_taken_back_is_no_conflict_and_what_nobody_can_name_is_one():
    assert judge(["cancelled", "reinstated"], "open", "picking", refused=False) == []
    assert [each.code for each in judge([], "open", "picking", refused=True)] == ["CONFLICT_CHANGED_AFTER_START"]
    assert judge(["cancelled"], "cancelled", "new", refused=False) == []


def test_changes_are_told_apart():
    tea = {"number": 1, "quantity": "2", "sku": "茶"}
    before = {"lines": [tea, {"number": 2, "quantity": "1"}], "grand_total": "3"}
    cut = {"lines": [{"number": 1, "quantity": "1", "sku": "茶"}, {"number": 2, "quantity": "0"}], "grand_total": "1"}
    assert changes(before, cut) == {"quantity_lowered", "line_removed"}
    assert changes(before, {**before, "grand_total": "4"}) == {"price_changed"}
    assert changes(before, {**before, "return_status": "received", "refunded": "1"}) == {"returned", "refunded"}
    assert changes({**before, "order_status": "on_hold"}, before) == {"released"}
    other = {"lines": [{"number": 1, "quantity": "2", "sku": "咖啡"}, before["lines"][1]], "grand_total": "3"}
    assert changes(before, other) == {"line_added", "line_removed"}
    assert changes(before, before) == set()
