"""Loading and sending look up orders by key: what else a channel has staged is not read, whatever the planner knows."""

from contextlib import closing

import pytest
from staged import WINDOW, load, order, refusal

from orderflow.domain.target import Receipt

MORE = """
INSERT INTO orderflow.orders
SELECT copy.* FROM orderflow.orders AS o CROSS JOIN generate_series(1, %(more)s) AS n
CROSS JOIN jsonb_populate_record(o, jsonb_build_object('channel', %(channel)s, 'order_id', '文' || n)) AS copy
WHERE o.ctid = (SELECT min(ctid) FROM orderflow.orders);
INSERT INTO orderflow.order_contacts
SELECT copy.* FROM orderflow.order_contacts AS p CROSS JOIN generate_series(1, %(more)s) AS n
CROSS JOIN jsonb_populate_record(p, jsonb_build_object('channel', %(channel)s, 'order_id', '文' || n)) AS copy
WHERE p.ctid = (SELECT min(ctid) FROM orderflow.order_contacts);
INSERT INTO orderflow.order_versions
SELECT copy.* FROM orderflow.order_versions AS v CROSS JOIN generate_series(1, %(more)s) AS n
CROSS JOIN jsonb_populate_record(v, jsonb_build_object('channel', %(channel)s, 'order_id', '文' || n)) AS copy
WHERE v.ctid = (SELECT min(ctid) FROM orderflow.order_versions);
INSERT INTO orderflow.outbox (channel, order_id, version, key, window_start, window_end)
SELECT %(channel)s, '文' || n, 1, n, now(), now() FROM generate_series(1, %(more)s) AS n
"""
"""So many copies of the first order that is staged, under ids of their own."""

WAITING = """
INSERT INTO orderflow.quarantine
    (channel, subject, source, state, reasons, raw_sha256, landing, ordinal, fetched_at, window_start, window_end)
SELECT %(channel)s, '文' || n, 'validate', 'open', '[]', '', '', n, now(), now(), now() + interval '1 hour'
FROM generate_series(1, %(more)s) AS n
"""

READ = """
SELECT coalesce((SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname = ANY(%(tables)s)), 0)
    + coalesce((SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = ANY(%(tables)s)), 0)
"""
TABLES = ["outbox", "orders", "order_contacts", "order_versions", "receipts", "quarantine"]
KNOWN = ["nothing", "another channel", "all but orders", "all but order_contacts"]
CHANNEL, STAGED, ASKED = "grown", 3000, 40


class Grown:
    """A channel of which 40 and then 3,000 orders were staged, and a planner that knows only some of it."""

    def __init__(self, store, known: str) -> None:
        self.store, self.cursor = store, store.connection.cursor()
        if known == "another channel":
            load(store, order("№ 0", grand_total="1"), channel="another")
            self._do(MORE, channel="another", more=1000)
            self._analyze(TABLES)
        load(store, *self.orders(), channel=CHANNEL)
        self._do(MORE, channel=CHANNEL, more=STAGED)
        if known.startswith("all but "):
            self._analyze([table for table in TABLES if not known.endswith(table)])

    @staticmethod
    def orders(name="№ {}", **fields):
        return [order(name.format(n), **fields) for n in range(ASKED)]

    def claim(self):
        with closing(self.store.claims(CHANNEL, ASKED)) as claims:
            return next(claims)

    def wait(self):
        """Quarantine of other orders, of which the planner knows nothing."""
        self._do(WAITING, channel=CHANNEL, more=STAGED)

    def give_basis(self):
        """Every order as one that was judged on basis 00."""
        self._do(r"UPDATE orderflow.orders SET basis = '\x00', raw_sha256 = sha256(convert_to(order_id, 'UTF8'))")

    def read(self) -> int:
        """Rows and index entries read so far."""
        self._do("SELECT pg_stat_force_next_flush()")
        self.cursor.execute("SELECT pg_stat_clear_snapshot()")
        self.cursor.execute(READ, {"tables": TABLES})
        return self.cursor.fetchone()[0]

    def _analyze(self, tables):
        self._do(f"ANALYZE {', '.join(f'orderflow.{table}' for table in tables)}")

    def _do(self, sql, **values):
        self.cursor.execute(sql, values)
        self.store.connection.commit()


@pytest.mark.parametrize("known", KNOWN)
def test_the_first_answer_is_stored_without_a_walk_through_what_is_pending(store, known):
    grown = Grown(store, known)
    before = grown.read()
    store.settle([(each, Receipt(each.key, "accepted")) for each in grown.claim()])
    assert grown.read() - before < 1000
    assert store.pending(CHANNEL) == STAGED


@pytest.mark.parametrize("known", KNOWN[:2])
def test_what_the_oms_does_not_take_waits_and_gives_way_without_a_walk(store, known):
    grown = Grown(store, known)
    claim = grown.claim()
    before = grown.read()
    store.postpone(claim, "the OMS is down")
    assert grown.read() - before < 1000
    before = grown.read()
    store.settle([(each, Receipt(each.key, "refused", reason="no")) for each in claim])
    assert grown.read() - before < 1500
    grown.give_basis()
    before = grown.read()
    assert len(store.known(CHANNEL, "00", WINDOW)) == STAGED, "not what quarantine has seen"
    assert grown.read() - before < 3 * STAGED
    before = grown.read()
    load(store, *grown.orders(tags=["gift"], channel_updated_at="2027-01-01T00:00:00Z"), channel=CHANNEL)
    assert grown.read() - before < 1500
    grown.cursor.execute("SELECT state, count(*) FROM orderflow.quarantine WHERE channel = %s GROUP BY 1", (CHANNEL,))
    assert grown.cursor.fetchall() == [("superseded", ASKED)]


@pytest.mark.parametrize("known", KNOWN[:2])
def test_refusals_are_written_and_end_without_a_walk_through_what_waits(store, known):
    grown = Grown(store, known)
    grown.wait()
    claim = grown.claim()
    ids = [each.order_id for each in claim]
    broken = {
        "refused": [refusal(order(each, grand_total="99", minute=9), n) for n, each in enumerate(ids)],
        "raw": [b"%d" % n for n in range(ASKED)],
        "fetched": 9,
    }
    for said, step in {
        "refused by the OMS": lambda: store.settle([(each, Receipt(each.key, "refused")) for each in claim]),
        "refused by a rule": lambda: load(store, **broken, channel=CHANNEL),
        "itself again": lambda: load(store, *[order(each, minute=10) for each in ids], fetched=10, channel=CHANNEL),
    }.items():
        before = grown.read()
        step()
        assert grown.read() - before < 1000, said
    grown.cursor.execute(
        "SELECT count(*) FROM orderflow.outbox WHERE channel = %s AND order_id = ANY(%s)", (CHANNEL, ids)
    )
    assert grown.cursor.fetchall() == [(ASKED,)]


@pytest.mark.parametrize("known", KNOWN)
def test_a_load_reads_what_it_brings_and_not_what_is_staged(store, known):
    grown = Grown(store, known)
    for said, orders in {
        "new": grown.orders("№ new {}"),
        "the same again": grown.orders(),
        "edited": grown.orders(tags=["gift"], channel_updated_at="2027-01-01T00:00:00Z"),
    }.items():
        before = grown.read()
        load(store, *orders, channel=CHANNEL)
        assert grown.read() - before < 1000, said


def test_orders_that_another_channel_delivers_are_found_without_a_walk_through_either(store):
    grown = Grown(store, "another channel")
    load(store, *grown.orders("№ both {}")[:9], channel="another")
    before = grown.read()
    assert load(store, *grown.orders("№ both {}"), channel=CHANNEL).notes
    assert grown.read() - before < 1000
