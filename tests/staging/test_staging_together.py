"""Loads that die, and loads that meet."""

import os
import signal
import threading
import time
from contextlib import closing

import psycopg2
import psycopg2.extensions
import pytest
from staged import EPOCH, Landed, batch, chunk, counts, line, load, order, person, refusal

from orderflow.domain.errors import TransientError
from orderflow.domain.target import Receipt
from orderflow.staging.store import Store, connect

RAW = [b"{}"]
TABLES = ["orders", "order_lines", "order_contacts", "order_versions", "outbox"]
TABLES += ["quarantine", "quarantine_events", "windows", "endpoint_calls"]
BOOKKEEPING = ["first_seen_at", "loaded_at", "enqueued_at", "last_seen_at", "planned_at", "at", "id", "quarantine_id"]


def contents(ask):
    """Everything in staging, without what tells when (and how often) it was written and without random bytes."""
    return {
        name: ask(
            f"SELECT to_jsonb(t) - %s::text[] FROM orderflow.{name} AS t ORDER BY 1",
            [*BOOKKEEPING, "sealed", "sealed_raw", "counts"],
        )
        for name in TABLES
    }


class Doomed(psycopg2.extensions.cursor):
    """Ends its process, as the kernel would, before the n-th statement."""

    left = 0

    def execute(self, *args):
        self._count()
        return super().execute(*args)

    def copy_expert(self, *args):
        self._count()
        return super().copy_expert(*args)

    def _count(self):
        Doomed.left -= 1
        if Doomed.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)


def second_load(store):
    """A load that inserts, updates, drops lines, seals, quarantines and supersedes."""
    changed = order("A-1", minute=5, lines=[line(2)], contacts=[person("李四")])
    chunks = [chunk(changed, order("A-5", minute=5)), chunk(order("A-3"), first=2, refused=[refusal(order("A-9"))])]
    return store.load(batch(3, quarantined=1), chunks, [Landed(0, EPOCH, b"{}")], deliver=True)


def dies_after(dsn, vault, statements):
    """Run the load in a process of its own; whether it was killed (or else came to its end)."""
    child = os.fork()
    if not child:
        try:
            Doomed.left = statements
            connection = psycopg2.connect(dsn, cursor_factory=Doomed)
            second_load(Store(connection, vault))
            os._exit(0)
        finally:
            os._exit(7)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def test_a_load_that_is_killed_anywhere_leaves_nothing_half(store, ask, migrated):
    load(store, order("A-1"), order("A-2"), refused=[refusal(order("A-5"))], raw=RAW)
    before = contents(ask)
    deaths = 0
    while dies_after(migrated, store.vault, deaths):
        assert contents(ask) == before, f"killed before statement {deaths}"
        deaths += 1
    assert deaths > 20
    after = contents(ask)
    assert sorted(row["order_id"] for (row,) in after["orders"]) == ["A-1", "A-2", "A-3", "A-5"]
    assert counts(second_load(store)) == (0, 0, 3, 0)
    assert contents(ask) == after


def test_two_loads_of_one_window_at_once_load_it_once(store, ask, migrated):
    orders = [order(f"A-{n}", lines=[line(1), line(2)]) for n in range(30)]
    results = []

    def run():
        with closing(connect(migrated)) as connection:
            results.append(counts(load(Store(connection, store.vault), *orders)))

    others = [threading.Thread(target=run) for _ in range(2)]

    def chunks():
        yield chunk(*orders[:10])
        for other in others:
            other.start()
        while ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") != [(2,)]:
            time.sleep(0.01)
        yield chunk(*orders[10:], first=10)

    assert counts(store.load(batch(30), chunks(), [], deliver=True)) == (30, 0, 0, 0)
    for other in others:
        other.join()
    assert results == [(0, 0, 30, 0)] * 2
    assert ask("SELECT count(*), max(version) FROM orderflow.orders") == [(30, 1)]
    assert ask("SELECT count(*) FROM orderflow.order_lines") == [(60,)]
    assert ask("SELECT count(*) FROM orderflow.order_versions") == [(30,)]


def test_channels_do_not_wait_for_each_other(store, ask, migrated):
    with closing(connect(migrated)) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('orderflow.load'), hashtext('shop_jp'))")
        assert counts(load(store, order())) == (1, 0, 0, 0)
        other.rollback()
    assert counts(load(store, order(grand_total="1"), channel="shop_jp")) == (1, 0, 0, 0)
    assert ask("SELECT count(*) FROM orderflow.orders WHERE order_id = 'A-1'") == [(2,)]


def test_a_lost_connection_is_worth_another_try(store, ask):
    pid = store.connection.info.backend_pid

    def records():
        ask("SELECT pg_terminate_backend(%s)", pid)
        yield from ()

    with pytest.raises(TransientError, match="nothing was written"):
        store.load(batch(1, quarantined=1), [chunk(order(), refused=[refusal(order("A-2"))])], records(), deliver=True)
    assert ask("SELECT count(*) FROM orderflow.orders") == [(0,)]


def test_a_server_that_is_not_there_is_worth_another_try():
    with pytest.raises(TransientError, match="does not answer"):
        connect("postgresql://127.0.0.1:1/nowhere")


def test_a_load_and_a_sender_never_wait_in_a_circle(store, ask, migrated):
    """The load touches Z before A, while the sender settles A before Z."""
    load(store, order("A"), order("Z"))
    claim = next(store.claims("shop_tw", 10))
    assert [each.order_id for each in claim] == ["A", "Z"]

    def settle():
        with closing(connect(migrated)) as connection:
            accepted = [(each, Receipt(each.key, "accepted", oms_id="1")) for each in claim]
            Store(connection, store.vault).settle(accepted)

    sender = threading.Thread(target=settle)

    def chunks():
        yield chunk(order("Z", minute=5, order_status="completed"))
        sender.start()
        sender.join(2)
        yield chunk(order("A", minute=5, order_status="completed"), first=1)

    assert counts(store.load(batch(2), chunks(), [], deliver=True)) == (0, 2, 0, 0)
    sender.join()
    assert ask("SELECT order_id, version FROM orderflow.outbox ORDER BY 1") == [("A", 2), ("Z", 2)]
    assert ask("SELECT count(*) FROM orderflow.receipts") == [(2,)]
