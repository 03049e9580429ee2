"""Delivery over real HTTP from a real outbox: every version has its effect once, whatever happens to the answers."""

import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from shop import Oms, channel, oms_running, target
from staged import WINDOW, line, load, order, person

from orderflow.domain.errors import DeniedError, DriftError, TransientError
from orderflow.pipeline.sync import Delivered, sync
from orderflow.sandbox.server import oms_app, serve
from orderflow.staging import actions, erasure
from orderflow.staging.store import Store, connect
from orderflow.staging.vault import Vault

HEADERS = {"authorization": "Bearer demo-oms-token"}


@pytest.fixture(scope="module")
def running():
    with oms_running() as oms:
        yield oms


@pytest.fixture
def oms(running):
    """The OMS, without faults; every test has a channel of its own."""
    running.recover()
    yield running
    running.recover()


@pytest.fixture
def shop(request):
    return channel("shop_" + request.node.name.lower()[:40].replace("[", "_").replace("]", "").replace("-", "_"))


def stage(store, shop, count=25, **fields):
    load(store, *[order(f"№ {n}/{n}", **fields) for n in range(count)], channel=shop.name)


def deliver(store, shop, oms, **changes):
    naps = []
    return sync(shop, store, target(oms.url, **changes), pause=naps.append)


def settled(oms, shop, orders):
    """The OMS has each order exactly once."""
    effects = oms.effects(channel=shop.name)
    assert effects["repeated"] == []
    assert (effects["orders"], effects["effects"]) == (orders, orders)


def test_everything_pending_arrives_once_with_its_people(store, ask, oms, shop):
    stage(store, shop)
    told = []
    delivered = sync(shop, store, target(oms.url), progress=lambda *step: told.append(step))
    assert (delivered.sent, delivered.accepted, delivered.refused, delivered.pending) == (25, 25, 0, 0)
    assert told[-1] == ("sync", 25, 25)
    settled(oms, shop, 25)
    document = oms.document("№ 3/3", shop.name)
    assert (document["channel"], document["version"], document["grand_total"]) == (shop.name, 1, "24.5")
    assert document["contacts"][0]["name"] == "王小明"
    assert ask("SELECT count(*), count(oms_id), bool_and(seconds > 0) FROM orderflow.receipts") == [(25, 25, True)]
    assert ask("SELECT state FROM orderflow.windows") == [("synced",)]
    assert deliver(store, shop, oms).sent == 0


def test_a_change_is_sent_again_and_nothing_else(store, oms, shop):
    stage(store, shop, 5)
    deliver(store, shop, oms)
    load(store, order("№ 1/1", minute=5, order_status="on_hold"), order("№ 2/2"), channel=shop.name)
    assert deliver(store, shop, oms).sent == 1
    held = target(oms.url).look_up(shop.name, ["№ 1/1", "№ 2/2", "nobody"])
    assert {order_id: held_order.version for order_id, held_order in held.items()} == {"№ 1/1": 2, "№ 2/2": 1}


def test_an_order_that_returns_to_an_earlier_state_is_news(store, oms, shop):
    for minute, status in enumerate(["open", "on_hold", "open"]):
        load(store, order(minute=minute, order_status=status), channel=shop.name)
        assert deliver(store, shop, oms).accepted == 1
    assert oms.effects(channel=shop.name)["effects"] == 3


AFTER = ["500-after", "drop-after", "torn"]


@pytest.mark.parametrize("kind", ["500", "503", "drop", "html", "garbage", "429", *AFTER])
def test_an_answer_that_is_lost_or_spoilt_never_makes_a_second_effect(store, oms, shop, kind):
    stage(store, shop)
    oms.fail(kind, "/orders/batch", count=2)
    assert deliver(store, shop, oms).accepted == 25
    settled(oms, shop, 25)


def test_an_answer_that_comes_too_late_never_makes_a_second_effect(store, ask, oms, shop):
    stage(store, shop, 12)
    oms.fail("timeout-after", "/orders/batch", count=1)
    assert deliver(store, shop, oms, timeout=timedelta(seconds=0.5)).accepted == 12
    settled(oms, shop, 12)
    assert ask("SELECT count(*) FROM orderflow.receipts WHERE oms_id IS NULL") == [(0,)]


def test_even_an_oms_without_idempotency_has_every_effect_once(store, shop):
    with oms_running(idempotent=False) as simple:
        stage(store, shop)
        for kind in AFTER:
            simple.fail(kind, "/orders/batch", count=1)
        assert deliver(store, shop, simple).accepted == 25
        settled(simple, shop, 25)


def test_an_oms_that_is_down_keeps_everything_pending_and_says_so(store, ask, shop):
    stage(store, shop, 200)
    naps = []
    with pytest.raises(TransientError, match="no connection"):
        sync(shop, store, target("http://127.0.0.1:1"), pause=naps.append)
    assert ask("SELECT count(*), count(first_sent_at) > 0, count(last_error) > 0 FROM orderflow.outbox") == [
        (200, True, True)
    ]
    assert ask("SELECT count(*) <= 120 FROM orderflow.outbox WHERE attempts > 0") == [(True,)], "it gives up soon"
    assert ask("SELECT state FROM orderflow.windows") == [("loaded",)]


def test_an_oms_that_fails_for_a_while_gets_the_rest_later(store, ask, oms, shop):
    stage(store, shop, 60)
    oms.fail("500", "/orders/*", count=None, skip=2)
    with pytest.raises(TransientError, match="HTTP 500"):
        deliver(store, shop, oms)
    left = ask("SELECT count(*) FROM orderflow.outbox")[0][0]
    assert 0 < left < 60
    assert ask("SELECT count(*) FROM orderflow.receipts") == [(60 - left,)], "what is known is kept"
    oms.recover()
    assert deliver(store, shop, oms).accepted == left
    settled(oms, shop, 60)


def test_wrong_credentials_call_the_operator_at_once(store, ask, oms, shop):
    stage(store, shop, 200)
    with pytest.raises(DeniedError, match="check the secret"):
        sync(shop, store, target(oms.url, token="wrong"))
    assert ask("SELECT count(*) FROM orderflow.outbox") == [(200,)]
    assert ask("SELECT bool_or(last_error LIKE '%%wrong%%') FROM orderflow.outbox") == [(False,)]


def test_a_refused_order_is_quarantined_with_the_oms_reason_and_the_rest_go_on(store, ask, oms, shop):
    bad = order("B-1", lines=[line(sku="UNKNOWN-1")], shop_grand_total="7.5", shop_currency="EUR")
    load(store, bad, *[order(f"A-{n}") for n in range(12)], channel=shop.name)
    delivered = deliver(store, shop, oms)
    assert (delivered.accepted, delivered.refused, delivered.pending) == (12, 1, 0)
    assert ask(
        "SELECT order_id, source, state, value::text, currency, reasons -> 0 ->> 'code' FROM orderflow.quarantine"
    ) == [("B-1", "oms", "open", "7.500000", "EUR", "OMS_REFUSED")]
    assert "SKU_UNKNOWN: no product" in ask("SELECT reasons -> 0 ->> 'message' FROM orderflow.quarantine")[0][0]
    assert ask("SELECT outcome, reason LIKE 'SKU%%' FROM orderflow.receipts WHERE order_id = 'B-1'") == [
        ("refused", True)
    ]
    load(store, bad, channel=shop.name)
    assert ask("SELECT state FROM orderflow.quarantine") == [("open",)], "seeing the same again does not help it"
    mended = order("B-1", minute=5, lines=[line(sku="KNOWN-1")])
    load(store, mended, channel=shop.name)
    assert ask("SELECT state FROM orderflow.quarantine") == [("superseded",)]
    assert deliver(store, shop, oms).accepted == 1


def test_a_released_refusal_is_sent_again_with_a_key_of_its_own(store, ask, shop):
    with oms_running() as changing:
        load(store, order(lines=[line(sku="UNKNOWN-1")]), channel=shop.name)
        deliver(store, shop, changing)
        ((row_id,),) = ask("SELECT id FROM orderflow.quarantine")
        httpx.put(
            f"{changing.url}/_sandbox/rules", json={"unknown_sku_prefixes": []}, headers=HEADERS
        ).raise_for_status()
        actions.release(store.connection, [row_id], who="ann", why="product created")
        assert deliver(store, shop, changing).accepted == 1
        assert ask("SELECT outcome, count(DISTINCT key) FROM orderflow.receipts GROUP BY 1 ORDER BY 1") == [
            ("accepted", 1),
            ("refused", 1),
        ]


def test_one_order_that_spoils_its_batch_does_not_block_the_others(store, ask, shop):
    """An OMS that answers 400 to every request that holds a certain order."""
    inner = oms_app()

    async def picky(scope, receive, send):
        body = b""
        messages = []
        if scope["type"] == "http":
            while True:
                message = await receive()
                messages.append(message)
                body += message.get("body", b"")
                if not message.get("more_body"):
                    break
        if b'"POISON"' in body and b"order_ids" not in body:
            await send({"type": "http.response.start", "status": 400, "headers": []})
            await send({"type": "http.response.body", "body": b'{"reason": "cannot read this"}'})
            return

        async def replay():
            return messages.pop(0) if messages else await receive()

        await inner(scope, replay if scope["type"] == "http" else receive, send)

    with serve(picky) as url:
        stage(store, shop, 20)
        load(store, order("N", order_number="POISON"), channel=shop.name)
        delivered = deliver(store, shop, Oms(url))
        assert (delivered.accepted, delivered.refused) == (20, 1)
        assert ask("SELECT order_id, reasons -> 0 ->> 'message' FROM orderflow.quarantine") == [
            ("N", "HTTP 400: cannot read this")
        ]


def test_an_oms_that_takes_nothing_is_no_reason_to_quarantine_everything(store, ask, shop):
    async def teapot(scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 400, "headers": []})
            await send({"type": "http.response.body", "body": b"{}"})

    with serve(teapot) as url:
        stage(store, shop, 8)
        with pytest.raises(DriftError, match="the requests are wrong, not the orders"):
            deliver(store, shop, Oms(url))
    assert ask("SELECT count(*) FROM orderflow.quarantine") == [(0,)]
    assert ask("SELECT count(*) FROM orderflow.outbox") == [(8,)]


def test_a_shadow_channel_sends_nothing(store, oms, shop):
    stage(store, shop, 3)
    assert deliver(store, shop.model_copy(update={"shadow": True}), oms) == Delivered(pending=3)


def test_erased_people_are_not_sent(store, oms, shop):
    stage(store, shop, 1)
    erasure.erase(store.connection, shop.name, ["№ 0/0"], who="mei", why="asked to be forgotten")
    deliver(store, shop, oms)
    document = oms.document("№ 0/0", shop.name)
    assert (document["contacts"], document["masking"]) == ([], "erased")


def test_a_newer_version_that_is_loaded_while_the_older_flies_stays_pending(store, ask, oms, shop, migrated):
    stage(store, shop, 1)
    real = target(oms.url)

    class Meanwhile:
        look_up = real.look_up

        def submit(self, submissions):
            with closing(connect(migrated)) as connection:
                newer = order("№ 0/0", minute=9, order_status="completed")
                load(Store(connection, store.vault), newer, channel=shop.name)
            yield from real.submit(submissions)

    delivered = sync(shop, store, Meanwhile())
    assert (delivered.accepted, delivered.pending) == (1, 1)
    assert ask("SELECT version, first_sent_at FROM orderflow.outbox") == [(2, None)]
    assert ask("SELECT version FROM orderflow.receipts") == [(1,)]
    assert deliver(store, shop, oms).accepted == 1
    assert oms.document("№ 0/0", shop.name)["version"] == 2


def test_two_senders_at_once_send_everything_once(store, ask, oms, shop, migrated):
    stage(store, shop, 120)
    results = []

    def run():
        with closing(connect(migrated)) as connection:
            results.append(sync(shop, Store(connection, store.vault), target(oms.url)).sent)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0, 0, 120]
    settled(oms, shop, 120)
    assert oms.effects(channel=shop.name)["replays"] == 0


SENDER = """
import sys
sys.path[:0] = sys.argv[4:]
from contextlib import closing
from shop import channel, target
from orderflow.pipeline.sync import sync
from orderflow.staging.store import Store, connect
from orderflow.staging.vault import Vault
from staging_fixtures import KEY

with closing(connect(sys.argv[1])) as connection:
    shop = channel(sys.argv[2], batch=5, concurrency=2)
    sync(shop, Store(connection, Vault({"k1": KEY})), target(sys.argv[3]))
"""


def test_a_sender_that_is_killed_in_the_middle_leaves_nothing_lost_or_twice(store, ask, oms, shop, migrated):
    """Killed while the OMS has two requests that it carried out but has not answered; twice."""
    stage(store, shop, 100)
    here = Path(__file__).parent
    paths = [str(here), str(here.parent / "staging"), str(here.parents[1] / "include")]
    command = [sys.executable, "-c", SENDER, migrated, shop.name, oms.url, *paths]
    for arrived, recorded in ((30, 40), (60, 30)):
        oms.fail("timeout-after", "/orders/batch", count=None, skip=4, seconds=60)
        with subprocess.Popen(command) as child:
            while (
                oms.effects(channel=shop.name)["orders"] < arrived
                or ask("SELECT count(*) > %s FROM orderflow.outbox", 110 - arrived)[0][0]
            ):
                assert child.poll() is None
                time.sleep(0.02)
            child.kill()
        oms.recover()
        claimed = ask("SELECT count(*) FROM orderflow.outbox WHERE first_sent_at IS NOT NULL")[0][0]
        assert 10 <= claimed <= recorded, "two requests in flight, some ready, and what was recorded with them"
        assert ask("SELECT count(*) FROM orderflow.outbox") == [(110 - arrived,)]
    delivered = deliver(store, shop, oms)
    assert delivered.accepted == 50
    settled(oms, shop, 100)
    assert oms.effects(channel=shop.name)["replays"] == 0, "what was looked up is not sent again"
    assert ask("SELECT count(*), count(DISTINCT order_id) FROM orderflow.receipts") == [(100, 100)]
    assert ask("SELECT state, window_start FROM orderflow.windows") == [("synced", WINDOW.start)]


def test_an_order_that_fails_again_and_again_travels_alone_and_waits_longer(store, ask, oms, shop):
    stage(store, shop, 6)
    oms.fail("500", "/orders/batch", count=None)
    oms.fail("500", f"/orders/{shop.name}/*", count=None)
    for _ in range(2):
        with pytest.raises(TransientError):
            deliver(store, shop, oms)
    assert ask("SELECT bool_and(not_before IS NULL) FROM orderflow.outbox") == [(True,)]
    with pytest.raises(TransientError):
        deliver(store, shop, oms)
    ((waiting,),) = ask("SELECT count(*) FROM orderflow.outbox WHERE not_before > now() + interval '30 s'")
    assert 3 <= waiting <= 6, "three requests that settle nothing, and what flew beside them"
    oms.recover()
    assert deliver(store, shop, oms).accepted == 6 - waiting
    ask("UPDATE orderflow.outbox SET not_before = now()")
    assert deliver(store, shop, oms).accepted == waiting
    settled(oms, shop, 6)


def test_contacts_of_another_key_are_opened_while_the_key_is_known(store, oms, shop, migrated):
    stage(store, shop, 2, contacts=[person("Ola Öst")])
    store = Store(store.connection, Vault({"k2": bytes(32), "k1": bytes(range(32))}))
    assert deliver(store, shop, oms).accepted == 2
    assert oms.document("№ 1/1", shop.name)["contacts"][0]["name"] == "Ola Öst"


class Watched:
    """A staging that writes down whose turn it is and whose orders are claimed."""

    def __init__(self, store, told, name):
        self._store, self._told, self._name = store, told, name

    def __getattr__(self, name):
        return getattr(self._store, name)

    def claims(self, channel, size, *, behind=False):
        for claim in self._store.claims(channel, size, behind=behind):
            self._told.append((self._name, "behind" if behind else "live", len(claim)))
            yield claim


def test_what_follows_the_clock_is_sent_before_what_catches_up(store, oms, shop):
    load(store, *[order(f"a{n}") for n in range(30)], channel=shop.name, behind=True)
    load(store, *[order(f"z{n}") for n in range(5)], channel=shop.name)
    told = []
    sync(shop, Watched(store, told, "live"), target(oms.url))
    assert [lane for _, lane, _ in told] == ["live", "behind", "behind", "behind"]
    settled(oms, shop, 35)


def test_an_answer_is_stored_while_the_next_one_is_awaited(store, oms, shop):
    stage(store, shop, 40)
    real, stored, waited = target(oms.url), threading.Event(), []

    class Patient:
        """Answers the first request at once, and the others when that answer is stored."""

        look_up = real.look_up
        first = True

        def submit(self, submissions):
            if not self.first:
                waited.append(stored.wait(20))
            self.first = False
            yield from real.submit(submissions)

    def told(_stage, done, _total):
        if done:
            stored.set()

    assert sync(channel(shop.name, concurrency=1), store, Patient(), progress=told).accepted == 40
    assert waited == [True] * 3
    settled(oms, shop, 40)


def test_a_live_delivery_leaves_a_long_backlog_to_whoever_catches_up(store, oms, shop, monkeypatch):
    monkeypatch.setattr("orderflow.pipeline.sync.TURN", 20)
    load(store, *[order(f"a{n}") for n in range(90)], channel=shop.name, behind=True)
    load(store, *[order(f"z{n}") for n in range(5)], channel=shop.name)
    done = sync(shop, store, target(oms.url))
    assert (done.accepted, done.pending) == (25, 70)
    caught_up = sync(shop, store, target(oms.url), behind=True)
    assert (caught_up.accepted, caught_up.pending) == (70, 0)
    settled(oms, shop, 95)


def test_a_live_delivery_waits_for_one_turn_of_a_backlog_and_not_for_all_of_it(store, migrated, oms, shop, monkeypatch):
    monkeypatch.setattr("orderflow.pipeline.sync.TURN", 10)
    load(store, *[order(f"a{n:03d}") for n in range(60)], channel=shop.name, behind=True)
    told, begun, arrived = [], threading.Event(), threading.Event()

    class Slow(Watched):
        def claims(self, channel, size, *, behind=False):
            for claim in super().claims(channel, size, behind=behind):
                begun.set()
                arrived.wait(20)
                yield claim

    def catch_up():
        with closing(connect(migrated)) as connection:
            sync(shop, Slow(Store(connection, store.vault), told, "catching up"), target(oms.url), behind=True)

    with closing(connect(migrated)) as watching:
        thread = threading.Thread(target=catch_up)
        thread.start()
        assert begun.wait(20)
        load(store, *[order(f"z{n}") for n in range(3)], channel=shop.name)
        live = threading.Thread(target=lambda: sync(shop, Watched(store, told, "live"), target(oms.url)))
        live.start()
        with watching.cursor() as cursor:
            cursor.execute("SET statement_timeout = '20s'")
            while True:
                cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
                if cursor.fetchone()[0]:
                    break
        arrived.set()
        live.join(30)
        thread.join(30)
    first_live = next(place for place, (_, lane, _) in enumerate(told) if lane == "live")
    assert first_live <= 2, told
    settled(oms, shop, 63)
