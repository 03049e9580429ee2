"""Several senders, newer versions in flight, and a sender that is killed: everything arrives once."""

import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

from delivery import deliver, settled, stage
from shop import channel, target
from staged import WINDOW, load, order

from orderflow.pipeline.sync import sync
from orderflow.staging.store import Store, connect


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
