"""What follows the clock goes before what catches up."""

import threading
from contextlib import closing

from delivery import settled
from shop import target
from staged import load, order

from orderflow.pipeline.sync import sync
from orderflow.staging.store import Store, connect


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
