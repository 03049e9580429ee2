"""Polling stays the truth: whatever becomes of webhooks, every order is staged and sent once; hinted ones earlier."""

import base64
import hashlib
import hmac
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

import good_orders
from good_orders import FETCHED, unmapped
from orderflow.adapters.woocommerce.webhook import webhook
from orderflow.domain.errors import DeniedError, TransientError
from orderflow.domain.source import Account, Adapter, Hint, Limits, Options, Page, Runtime
from orderflow.domain.target import Receipt
from orderflow.domain.window import Window
from orderflow.pipeline.extract import extract
from orderflow.pipeline.flow import staged
from orderflow.pipeline.hints import look_all
from orderflow.pipeline.sync import sync
from orderflow.sandbox.server import serve
from orderflow.staging import inbox, story
from orderflow.staging.store import Store, connect
from orderflow.web.inbox import mount

SECRET = "wh_secret"
ORDERS = 60
ADAPTER = Adapter(Options, Limits(), lambda *_: None, unmapped, order_id=lambda raw: raw["order_id"], webhook=webhook)
CHANNEL = good_orders.channel(adapter=ADAPTER)
RUNTIME = Runtime(clock=lambda: FETCHED, sleep=lambda _: None)
HOURS = [Window(FETCHED - timedelta(hours=back), FETCHED - timedelta(hours=back - 4)) for back in (12, 8, 4)]


class Shop:
    """A platform that can be asked by window and, if it likes, by id. `hidden` orders do not show by id yet."""

    def __init__(self, *, by_id=True):
        self.orders = {each.order_id: each for each in map(good_orders.order, range(ORDERS))}
        self.asked, self.hidden, self.error = Counter(), set(), None
        if by_id:
            self.fetch_ids = self._fetch_ids

    def fetch(self, window: Window, after=None) -> Iterator[Page]:
        found = [each for each in self.orders.values() if datetime.fromisoformat(each.channel_updated_at) in window]
        yield Page(list(map(msgspec.json.encode, found)), f"/orders?{window}")

    def _fetch_ids(self, order_ids) -> Iterator[Page]:
        if self.error:
            raise self.error
        self.asked.update(order_ids)
        found = [self.orders[each] for each in order_ids if each in self.orders and each not in self.hidden]
        yield Page(list(map(msgspec.json.encode, found)), "/orders?ids")


class Oms:
    """Takes everything; `got` counts the versions that it was sent, by order."""

    def __init__(self):
        self.got = Counter()

    def submit(self, submissions):
        for each in submissions:
            self.got[each.order_id] += 1
            yield Receipt(each.key, "accepted", f"oms-{each.order_id}")

    def look_up(self, channel, order_ids):
        return {}


@pytest.fixture
def post(migrated):
    app = Starlette()
    account = Account("shop_tw", "https://shop.example", extra={"webhook_secret": SECRET})
    mount(app, lambda: [CHANNEL], lambda _: account, lambda: migrated, lambda: FETCHED)

    def post(order_id, delivery, secret=SECRET):
        body = msgspec.json.encode({"id": order_id})
        signature = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
        headers = {"X-WC-Webhook-Signature": signature, "X-WC-Webhook-Delivery-ID": delivery}
        return client.post("/inbox/shop_tw", content=body, headers=headers).status_code

    with serve(app) as url, httpx.Client(base_url=url) as client:
        yield post


@pytest.fixture
def look(store, tmp_path):
    runs = iter(range(100))

    def look(shop, to=store):
        @contextmanager
        def source():
            yield shop, RUNTIME

        queue = inbox.Queue(to.connection, CHANNEL.name)
        return look_all(CHANNEL, queue, to, source, tmp_path / "landing", run_id=f"look_{next(runs)}")

    return look


@pytest.fixture
def pull(store, tmp_path):
    def pull(shop, window, to=store):
        folder = tmp_path / window.name
        return staged(CHANNEL, extract(CHANNEL, window, shop, folder, run_id="w", runtime=RUNTIME), to)

    return pull


def test_delivered_lost_doubled_and_forged_webhooks_leave_every_order_staged_and_sent_once(
    store, ask, post, look, pull
):
    shop, oms = Shop(), Oms()
    hinted = [f"A{number}" for number in range(ORDERS) if number % 3]
    for number in range(ORDERS):
        for _ in range(number % 3):  # a third is lost, a third comes once, a third twice
            assert post(f"A{number}", f"d{number}") == 200
        if number % 5 == 0:
            assert post(f"A{number}", f"forged{number}", secret="guessed") == 401
            assert post(f"invented-{number}", f"forged-{number}", secret="") == 401
    done = look(shop)
    assert (done.orders, done.changed, done.quarantined, done.absent) == (len(hinted), len(hinted), 0, 0)
    assert shop.asked == Counter(hinted), "each was asked for once"
    sync(CHANNEL, store, oms)
    assert oms.got == Counter(hinted), "hinted orders are in the OMS before any window ran"
    assert ask("SELECT count(*) FROM orderflow.windows WHERE loaded_at IS NOT NULL") == [(0,)], "which proves nothing"
    loaded = [pull(shop, window) for window in HOURS]
    sync(CHANNEL, store, oms)
    assert oms.got == Counter(list(shop.orders)), "lost ones came with the windows, and none came twice"
    assert sum(batch.counts.inserted for batch in loaded) == ORDERS - len(hinted)
    assert ask("SELECT order_id, version FROM orderflow.orders ORDER BY 1") == [
        (each, 1) for each in sorted(shop.orders)
    ]
    assert ask("SELECT count(*), count(closed_at) FROM orderflow.hints") == [(len(hinted), len(hinted))]
    assert look(shop).orders == 0


def test_a_hint_and_a_window_at_once_stage_and_send_an_order_once(migrated, store, ask, post, look, pull):
    shop, oms = Shop(), Oms()
    for number in range(ORDERS):
        post(f"A{number}", f"d{number}")
    errors = []

    def windows():
        try:
            with closing(connect(migrated)) as own:
                for window in HOURS:
                    pull(shop, window, Store(own, store.vault))
                sync(CHANNEL, Store(own, store.vault), oms)
        except Exception as error:  # noqa: BLE001 - told below, in the test's own thread
            errors.append(error)

    beside = threading.Thread(target=windows)
    beside.start()
    look(shop)
    sync(CHANNEL, store, oms)
    beside.join()
    assert errors == []
    assert ask("SELECT count(*), max(version) FROM orderflow.orders") == [(ORDERS, 1)]
    assert oms.got == Counter(list(shop.orders))


def test_an_order_that_does_not_show_yet_is_looked_at_again_and_the_others_go_on(ask, post, look):
    shop = Shop()
    shop.hidden = {"A1"}
    post("A1", "d1")
    post("A2", "d2")
    done = look(shop)
    assert (done.orders, done.changed, done.absent) == (2, 1, 1)
    (left,) = ask(
        "SELECT order_id, attempts, last_error, not_before > now() FROM orderflow.hints WHERE closed_at IS NULL"
    )
    assert left == ("A1", 1, "the channel does not know this order (yet)", True)
    assert look(shop).orders == 0, "not before its time"
    shop.hidden = set()
    ask("UPDATE orderflow.hints SET not_before = now()")
    assert look(shop).changed == 1


def test_a_hint_that_keeps_failing_is_given_up_aloud_and_the_window_brings_its_order(store, ask, post, look, pull):
    shop = Shop()
    shop.hidden = {"A1"}
    post("A1", "d1")
    notes = []
    for _ in range(inbox.TRIES):
        ask("UPDATE orderflow.hints SET not_before = now()")
        notes += look(shop).notes
    assert notes[-1] == "hints given up, left to the windows: A1"
    assert sum("given up" in note for note in notes) == 1
    assert inbox.waiting(store.connection, "shop_tw") == inbox.Waiting(0, None, 1)
    ask("UPDATE orderflow.hints SET not_before = now()")
    assert look(shop).orders == 0
    for window in HOURS:
        pull(shop, window)
    assert ask("SELECT version FROM orderflow.orders WHERE order_id = 'A1'") == [(1,)]


@pytest.mark.parametrize("error", [TransientError("busy; wait"), DeniedError("the token ended; renew it")])
def test_a_platform_that_fails_leaves_its_hints_with_the_reason(ask, post, look, error):
    shop = Shop()
    shop.error = error
    post("A1", "d1")
    with pytest.raises(type(error)):
        look(shop)
    assert ask("SELECT attempts, last_error, closed_at FROM orderflow.hints") == [
        (1, f"{type(error).__name__}: {error}", None)
    ]


def test_news_that_comes_while_one_looks_is_looked_at_again(ask, post, look):
    shop = Shop()
    post("A1", "d1")
    shop.asked.subtract(["A1"])
    original = shop.fetch_ids

    def late(order_ids):
        post("A1", "d2")
        yield from original(order_ids)

    shop.fetch_ids = late
    look(shop)
    shop.fetch_ids = original
    assert ask("SELECT delivery FROM orderflow.hints WHERE closed_at IS NOT NULL") == [("d1",), ("d2",)]
    assert ask("SELECT run_id FROM orderflow.hints ORDER BY delivery") == [("look_0-0",), ("look_0-1",)]


def test_a_look_that_died_before_it_loaded_is_repeated(store, ask, post, look):
    shop = Shop()
    post("A1", "d1")
    inbox.Queue(store.connection, "shop_tw").next("died", 10)
    assert look(shop).orders == 0
    ask("UPDATE orderflow.hints SET not_before = now()")
    assert look(shop).changed == 1


def test_where_ids_cannot_be_asked_for_a_hint_means_look_now(ask, post, look):
    shop = Shop(by_id=False)
    moved = {name: each for name, each in shop.orders.items() if name in {"A1", "A2"}}
    at = (FETCHED - timedelta(minutes=2)).isoformat()
    shop.orders |= {name: replace_time(each, at) for name, each in moved.items()}
    post("A1", "d1")
    assert look(shop).changed >= 2, "whatever changed in the last hours comes along"
    assert ask("SELECT count(*) FROM orderflow.hints WHERE closed_at IS NOT NULL") == [(1,)]


def replace_time(order, at):
    return msgspec.structs.replace(order, channel_updated_at=at)


def test_a_quarantined_order_is_no_reason_to_look_again(ask, post, look):
    shop = Shop()
    shop.orders["A1"] = msgspec.structs.replace(shop.orders["A1"], currency="XXX", grand_total="-1")
    post("A1", "d1")
    done = look(shop)
    assert (done.changed, done.quarantined, done.absent) == (0, 1, 0)
    assert ask("SELECT count(*) FROM orderflow.hints WHERE closed_at IS NULL") == [(0,)]


def test_the_story_of_an_order_shows_that_it_came_by_a_hint(store, post, look):
    post("A1", "d1")
    look(Shop())
    told = story.tell(store.connection, "shop_tw", "A1", lookback=timedelta(0), settle=timedelta(0))
    shown = [f"{fact.what}: {fact.detail}" for fact in told.facts]
    assert any("hint look_0-0" in each for each in shown)
    assert "webhook received: looked at" in shown


def test_old_hints_go(store, ask):
    for delivery in ("d1", "d2"):
        inbox.receive(store.connection, "shop_tw", Hint(["A1"]), delivery, FETCHED)
    ask("UPDATE orderflow.hints SET not_before = now() - interval '15 days' WHERE delivery = 'd1'")
    inbox.Queue(store.connection, "shop_tw").next("look", 10)
    assert ask("SELECT delivery FROM orderflow.hints") == [("d2",)]
