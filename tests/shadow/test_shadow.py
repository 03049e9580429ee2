"""A channel in shadow: how ready it is, and how what was staged meanwhile reaches the OMS when it goes live."""

from __future__ import annotations

import base64
import json
from datetime import UTC, timedelta
from decimal import Decimal

import pytest
from shop import channel, oms_running, target
from staged import EPOCH, WINDOW, at, load, order, refusal
from typer.testing import CliRunner

import orderflow.command.readiness as command
from orderflow.command import ports
from orderflow.command.app import app
from orderflow.domain.target import Receipt, idempotency_key
from orderflow.domain.window import Window
from orderflow.pipeline.sync import sync
from orderflow.staging import shadow

NOW = EPOCH + timedelta(days=9)


@pytest.fixture(scope="module")
def oms():
    with oms_running() as running:
        yield running


def stage(store, name, *orders, deliver=False, **fields):
    return load(store, *orders, channel=name, deliver=deliver, **fields)


def demands(found):
    return {demand.what: demand.met for demand in found.demands}


def test_what_was_staged_in_shadow_is_handed_over_once_and_delivered(store, ask, oms):
    shop = channel("live_商店")
    early = [order(f"old-{n}", channel_created_at=at(-60 * 24)) for n in range(3)]
    late = [order(f"№ {n}/☕", channel_created_at=at(n)) for n in range(5)]
    stage(store, shop.name, *early, *late)
    assert sync(shop, store, target(oms.url)).sent == 0, "that is the gap: nothing of it was ever queued"

    dry = shadow.hand_over(store.connection, shop.name, EPOCH, dry_run=True)
    assert (dry.queued.orders, dry.earlier, dry.queued.values) == (5, 3, {"TWD": Decimal("122.5")})
    assert ask("SELECT count(*) FROM orderflow.outbox") == [(0,)]

    done = shadow.hand_over(store.connection, shop.name, EPOCH, dry_run=False)
    again = shadow.hand_over(store.connection, shop.name, EPOCH, dry_run=False)
    assert (done.queued.orders, again.queued.orders) == (5, 0)
    delivered = sync(shop, store, target(oms.url))
    assert (delivered.sent, delivered.accepted, delivered.pending) == (5, 5, 0)
    assert shadow.hand_over(store.connection, shop.name, EPOCH, dry_run=False).queued.orders == 0
    effects = oms.effects(channel=shop.name)
    assert (effects["orders"], effects["effects"], effects["repeated"]) == (5, 5, [])


def test_the_key_is_the_one_that_a_load_gives(store, ask):
    for name, deliver in (("shadowed", False), ("delivering", True)):
        moments = (None, 3, 3.0000001)
        stage(store, name, *(order(f"A-{n}", minute) for n, minute in enumerate(moments)), deliver=deliver)
    ask("DELETE FROM orderflow.coverage RETURNING channel")  # that the other one delivers the same orders stays unseen
    shadow.hand_over(store.connection, "shadowed", EPOCH, dry_run=False)
    keys = dict(ask("SELECT order_id, key FROM orderflow.outbox WHERE channel = 'delivering'"))
    for order_id, version, content, people, updated in ask(
        "SELECT order_id, version, content_hash, contacts_hash, channel_updated_at FROM orderflow.orders"
        " WHERE channel = 'shadowed'"
    ):
        moment = str(updated.astimezone(UTC) if updated else None).encode()
        wanted = idempotency_key("delivering", order_id, version, bytes(content) + bytes(people) + moment)
        assert keys[order_id] == wanted


def test_what_waits_in_quarantine_stays_there_and_a_change_replaces_what_was_queued(store, ask):
    name = "quarantined"
    bad = order("B-1", 7, grand_total="99")
    stage(store, name, order("A-1"), order("B-1"))
    load(store, channel=name, refused=[refusal(bad, 0, "GRAND_TOTAL_MISMATCH")], raw=[b"{}"], window=_next())
    assert shadow.hand_over(store.connection, name, EPOCH, dry_run=False).queued.orders == 1
    stage(store, name, order("A-1", 5, order_status="completed"), deliver=True, window=_next(2))
    assert ask("SELECT order_id, version FROM orderflow.outbox") == [("A-1", 2)]


def _next(hours=1):
    return Window(WINDOW.start + timedelta(hours=hours), WINDOW.end + timedelta(hours=hours))


def test_readiness_tells_what_would_arrive_what_refuses_the_rest_and_what_to_do_first(store):
    shop = channel("watched", shadow=True)
    refused = [
        refusal(order("R-1", grand_total="900"), 0, "GRAND_TOTAL_MISMATCH"),
        refusal(order("R-2", grand_total="50"), 1, "STATUS_UNKNOWN", "GRAND_TOTAL_MISMATCH"),
        refusal(order("R-3", grand_total="60"), 2, "SKU_MISSING"),
    ]
    stage(store, shop.name, *(order(f"A-{n}") for n in range(4)), refused=refused, raw=[b"{}"] * 3)
    found = command.judged(store.connection, shop, NOW)
    assert (found.observed.ready.orders, found.observed.waiting.orders) == (4, 3)
    assert found.observed.waiting.values == {"TWD": Decimal(1010)}
    assert [code for code, _ in command._by_value(found)][:2] == ["GRAND_TOTAL_MISMATCH", "SKU_MISSING"]
    assert [(each.code, each.orders) for each in found.observed.unknown] == [("STATUS_UNKNOWN", 1)]
    assert not found.go
    assert found.score == 0
    assert demands(found) == {
        "time": False, "days": False, "value": False, "SKUs": True, "categories": False, "certificates": False,
    }  # fmt: skip


def test_a_channel_without_anything_is_not_ready(store):
    found = command.judged(store.connection, channel("nothing", shadow=True), NOW)
    assert (found.score, found.go, demands(found)["time"]) == (0, False, False)


def test_a_channel_that_was_proven_for_days_goes(store, ask):
    shop = channel("ready", shadow=True)
    start = shop.start
    stage(store, shop.name, *(order(f"A-{n}") for n in range(3)), window=Window(start, start + timedelta(days=9)))
    for day in range(9):
        ask(
            "INSERT INTO orderflow.certificates"
            " (channel, number, day, revision, state, unexplained, body, sha256, made_at)"
            " VALUES ('ready', %s, %s, 1, 'settled', 0, '{}', %s, now())",
            day + 1, (start + timedelta(days=day)).date(), f"{day:064x}",
        )  # fmt: skip
    found = command.judged(store.connection, shop, start + timedelta(days=10))
    assert [demand for demand in found.demands if not demand.met] == []
    assert (found.go, found.score) == (True, 100)


@pytest.fixture
def command_line(store, migrated, monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW_CONN_ORDERFLOW_DB", migrated.replace("postgresql", "postgres", 1))
    key = base64.b64encode(bytes(range(32))).decode()
    monkeypatch.setenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY", f"k1:{key}")
    monkeypatch.setenv("ORDERFLOW_LANDING", str(tmp_path))
    shops = {"shop_tw": channel("shop_tw"), "dark": channel("dark", shadow=True)}
    monkeypatch.setattr(ports, "channel", shops.__getitem__)
    return lambda *told: CliRunner().invoke(app, ["channel", *told])


def test_the_commands_ask_before_they_change_anything(store, ask, command_line):
    stage(store, "shop_tw", *(order(f"A-{n}") for n in range(2)))
    stage(store, "dark", order("D-1"))
    told = command_line("live", "shop_tw", "--since", "2026-03-01", "--json")
    assert json.loads(told.stdout) | {"since": ""} == {
        "since": "", "queued": False, "orders": 2, "values": {"TWD": "49.000000"}, "states": {"open": 2}, "earlier": 0,
        "elsewhere": 0,
    }  # fmt: skip
    assert ask("SELECT count(*) FROM orderflow.outbox") == [(0,)]
    assert "still in shadow" in str(command_line("live", "dark", "--since", "2026-03-01", "--go").exception)
    assert command_line("live", "dark", "--since", "2026-03-01").exit_code == 0
    assert "queued for the OMS" in command_line("live", "shop_tw", "--since", "2026-03-01", "--go").stdout
    assert ask("SELECT count(*) FROM orderflow.outbox") == [(2,)]
    assert "no day or moment" in str(command_line("live", "shop_tw", "--since", "soon").exception)
    assert "write oms.since into shop_tw.yml" in str(command_line("live", "shop_tw").exception)
    shown = command_line("readiness", "dark")
    assert shown.exit_code == 1
    assert "not yet" in shown.stdout
    assert json.loads(command_line("readiness", "dark", "--json").stdout)["ready"]["orders"] == 1


def test_the_channel_file_says_from_when_on(store, ask, command_line, monkeypatch):
    shop = channel("shop_tw")
    dated = shop.model_copy(update={"oms": shop.oms.model_copy(update={"since": EPOCH + timedelta(minutes=30)})})
    monkeypatch.setattr(ports, "channel", lambda _: dated)
    stage(store, "shop_tw", order("A-1", channel_created_at=at(29)), order("B-1", channel_created_at=at(30)))
    assert "1 staged order is older" in command_line("live", "shop_tw", "--go").stdout
    assert ask("SELECT order_id FROM orderflow.outbox") == [("B-1",)]


def test_what_the_oms_refused_is_handed_over_with_a_key_of_its_own_so_that_its_answer_counts(store, ask):
    name = "refused_before"
    stage(store, name, order("A-1"), deliver=True)
    [[sent]] = store.claims(name, 10)
    store.settle([(sent, Receipt(sent.key, "refused"))])
    ask("DELETE FROM orderflow.quarantine")
    assert shadow.hand_over(store.connection, name, EPOCH, dry_run=False).queued.orders == 1
    [[again]] = store.claims(name, 10, behind=True)
    store.settle([(again, Receipt(again.key, "accepted"))])
    assert ask("SELECT outcome FROM orderflow.receipts ORDER BY outcome") == [("accepted",), ("refused",)]
    assert shadow.hand_over(store.connection, name, EPOCH, dry_run=False).queued.orders == 0
