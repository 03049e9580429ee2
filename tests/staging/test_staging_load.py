"""Loading on a real PostgreSQL: once, whole, newest."""

from contextlib import closing
from decimal import Decimal

import pytest
from staged import EMOJI_ID, batch, chunk, counts, line, load, order, person

from orderflow.domain.errors import BalanceError, DeniedError
from orderflow.domain.order import Charge, Shipment
from orderflow.staging import erasure
from orderflow.staging.store import connect


def test_loading_twice_is_loading_once(store, ask):
    orders = [order("A-1"), order(EMOJI_ID, grand_total="1234567.000001"), order("ع-3", contacts=[])]
    assert counts(load(store, *orders)) == (3, 0, 0, 0)
    state = ask("SELECT order_id, version, document::text FROM orderflow.orders ORDER BY 1")
    assert counts(load(store, *orders)) == (0, 0, 3, 0)
    assert ask("SELECT order_id, version, document::text FROM orderflow.orders ORDER BY 1") == state
    assert ask("SELECT count(*) FROM orderflow.order_lines") == [(3,)]
    assert ask("SELECT count(*) FROM orderflow.order_versions") == [(3,)]
    assert ask("SELECT count(*) FROM orderflow.outbox") == [(3,)]


def test_amounts_arrive_exactly(store, ask):
    load(store, order(grand_total="999999999999.999999", refunded="-0.000001", lines=[line(unit_price="0.1")]))
    assert ask("SELECT grand_total, refunded FROM orderflow.orders") == [
        (Decimal("999999999999.999999"), Decimal("-0.000001"))
    ]
    assert ask("SELECT unit_price, quantity, discount FROM orderflow.order_lines") == [(Decimal("0.1"), 2, None)]


def test_text_of_every_script_arrives_as_it_was(store, ask):
    title = 'כוס תה "גדולה", 茶杯 ☕️\n' + "長" * 2000 + "\\N \\. ''"
    load(store, order(EMOJI_ID, order_number="", lines=[line(title=title, sku="")]))
    assert ask("SELECT order_id, order_number FROM orderflow.orders") == [(EMOJI_ID, "")]
    assert ask("SELECT title, sku, product_id FROM orderflow.order_lines") == [(title, "", None)]


def test_a_newer_version_replaces_everything_of_the_order(store, ask):
    load(store, order(lines=[line(1), line(2), line(3)]))
    loaded = load(store, order(minute=5, order_status="cancelled", lines=[line(2), line(4)]))
    assert counts(loaded) == (0, 1, 0, 0)
    assert ask("SELECT version, order_status, line_count FROM orderflow.orders") == [(2, "cancelled", 2)]
    assert ask("SELECT number FROM orderflow.order_lines ORDER BY 1") == [(2,), (4,)]
    assert ask("SELECT version, changed FROM orderflow.order_versions ORDER BY 1") == [
        (1, None),
        (2, ["lines", "order_status"]),
    ]


def test_an_older_version_never_wins(store, ask):
    load(store, order(minute=5, order_status="completed"))
    assert counts(load(store, order(minute=4, order_status="open"))) == (0, 0, 0, 1)
    assert ask("SELECT version, order_status FROM orderflow.orders") == [(1, "completed")]
    assert ask("SELECT count(*) FROM orderflow.order_versions") == [(1,)]


def test_of_two_versions_with_one_time_the_later_fetched_wins(store, ask):
    load(store, order(minute=5, order_status="open"), fetched=10)
    assert counts(load(store, order(minute=5, order_status="completed"), fetched=20)) == (0, 1, 0, 0)
    assert counts(load(store, order(minute=5, order_status="open"), fetched=10)) == (0, 0, 0, 1)
    assert ask("SELECT version, order_status FROM orderflow.orders") == [(2, "completed")]


def test_orders_without_a_modified_time_go_by_when_they_were_fetched(store, ask):
    load(store, order(minute=None), fetched=10)
    assert counts(load(store, order(minute=None, order_status="completed"), fetched=5)) == (0, 0, 0, 1)
    assert counts(load(store, order(minute=None, order_status="cancelled"), fetched=15)) == (0, 1, 0, 0)
    assert ask("SELECT order_status FROM orderflow.orders") == [("cancelled",)]


def test_a_moved_time_alone_is_no_new_version_but_counts_for_the_next(store, ask):
    load(store, order(minute=1))
    ask("DELETE FROM orderflow.outbox")
    assert counts(load(store, order(minute=9))) == (0, 0, 1, 0)
    assert ask("SELECT count(*) FROM orderflow.outbox") == [(0,)]
    assert counts(load(store, order(minute=5, order_status="on_hold"))) == (0, 0, 0, 1)
    assert ask("SELECT version, order_status FROM orderflow.orders") == [(1, "open")]


def test_the_same_order_in_two_chunks_ends_as_its_newest(store, ask):
    early, late = order(minute=1), order(minute=2, order_status="completed", lines=[line(7)])
    for first, second in ((early, late), (late, early)):
        ask("TRUNCATE orderflow.orders, orderflow.order_lines, orderflow.order_contacts, orderflow.order_versions")
        ask("TRUNCATE orderflow.outbox")
        loaded = store.load(batch(2), [chunk(first), chunk(second, first=1)], [], deliver=True)
        assert loaded.counts.inserted == 1
        assert ask("SELECT order_status FROM orderflow.orders") == [("completed",)]
        assert ask("SELECT number FROM orderflow.order_lines") == [(7,)]
        assert ask("SELECT o.version = x.version FROM orderflow.orders o JOIN orderflow.outbox x USING (order_id)") == [
            (True,)
        ]


@pytest.mark.parametrize(
    "change", [{"order_status": "completed"}, {"contacts": [person("林小美")]}], ids=["status", "people"]
)
def test_lines_are_not_written_again_while_none_of_them_changes(store, ask, change):
    lines = [line(1), line(2)]
    load(store, order(lines=lines), order("A-2", lines=lines))
    before = ask("SELECT order_id, number, ctid::text FROM orderflow.order_lines ORDER BY 1, 2")
    changed = order(minute=1, lines=lines, **change)
    assert counts(load(store, changed, order("A-2", minute=1, lines=[line(1), line(3)]))) == (0, 2, 0, 0)
    after = ask("SELECT order_id, number, ctid::text FROM orderflow.order_lines ORDER BY 1, 2")
    assert after[:2] == before[:2]
    assert [number for order_id, number, _ in after if order_id == "A-2"] == [1, 3]


def test_an_empty_batch_proves_its_window(store, ask):
    assert counts(store.load(batch(), [], [], deliver=True)) == (0, 0, 0, 0)
    assert ask("SELECT state, counts FROM orderflow.windows") == [("loaded", {})]


def test_a_batch_that_does_not_balance_writes_nothing(store, ask):
    with pytest.raises(BalanceError, match="load took 3 orders but gave 1"):
        store.load(batch(3), [chunk(order())], [], deliver=True)
    assert ask("SELECT count(*) FROM orderflow.orders") == [(0,)]
    assert ask("SELECT count(*) FROM orderflow.windows") == [(0,)]


def test_a_shadow_load_queues_nothing(store, ask):
    load(store, order(), deliver=False)
    assert ask("SELECT count(*) FROM orderflow.orders") == [(1,)]
    assert ask("SELECT count(*) FROM orderflow.outbox") == [(0,)]


def test_a_newer_version_takes_the_place_of_an_unsent_one(store, ask):
    load(store, order())
    ask("UPDATE orderflow.outbox SET first_sent_at = now(), attempts = 3, last_error = 'x', not_before = now()")
    load(store, order(minute=2, order_status="completed"))
    assert ask("SELECT version, first_sent_at, attempts, last_error, not_before FROM orderflow.outbox") == [
        (2, None, 0, None, None)
    ]


def test_an_order_that_postgresql_cannot_hold_goes_to_quarantine_and_the_others_go_on(store, ask):
    def numbered(n):
        """Every other order without some amounts, so that nulls must stay where they are when the chunk is halved."""
        fields = {"paid": f"{n}.5", "shop_currency": "EUR"} if n % 3 else {"refunded": f"-{n}"}
        return order(f"A-{n}", lines=[line(1, sku=f"S{n}", tax=None if n % 2 else f"{n}.25")], **fields)

    orders = [numbered(n) for n in range(20)]
    orders[7] = order("x" * 9000 + "".join(map(chr, range(0x4E00, 0x5A00))))
    raw = [b'{"n": %d}' % n for n in range(20)]
    loaded = load(store, *orders, raw=raw)
    assert (loaded.counts.accepted, loaded.counts.quarantined, loaded.counts.inserted) == (19, 1, 19)
    assert loaded.reasons == {"UNSTORABLE": 1}
    assert ask("SELECT count(*), min(ordinal) FROM orderflow.quarantine") == [(1, 7)]
    assert ask(
        """
        SELECT o.ordinal, o.paid, o.refunded, l.sku, l.tax FROM orderflow.orders o
        JOIN orderflow.order_lines l USING (channel, order_id) ORDER BY 1
        """
    ) == [
        (
            n,
            Decimal(f"{n}.5") if n % 3 else None,
            None if n % 3 else Decimal(-n),
            f"S{n}",
            None if n % 2 else Decimal(f"{n}.25"),
        )
        for n in range(20)
        if n != 7
    ]
    assert counts(load(store, *orders, raw=raw)) == (0, 0, 19, 0)


def test_a_batch_of_nothing_but_unstorable_orders_is_our_fault(store, ask):
    too_long = "".join(map(chr, range(0x4E00, 0x5A00)))
    with pytest.raises(BalanceError, match="more than 100 orders cannot be stored"):
        load(store, *[order(f"{n}{too_long}") for n in range(120)], raw=[b"{}"] * 120)
    assert ask("SELECT count(*) FROM orderflow.quarantine") == [(0,)]


def test_the_parts_are_readable_as_tables(store, ask):
    shipment = Shipment(shipment_id="S1", carrier="黑貓", tracking_numbers=["1", "2"], lines=[("L1", "1.5")])
    charges = [Charge(amount="3.5", total="3.5"), Charge(kind="tip", title="感謝", amount="1", total="1")]
    load(store, order(charges=charges, shipments=[shipment], grand_total="29"), order("A-2"))
    assert ask("SELECT order_id, position, kind, title, amount FROM orderflow.order_charges") == [
        ("A-1", 1, "shipping", None, Decimal("3.5")),
        ("A-1", 2, "tip", "感謝", Decimal(1)),
    ]
    assert ask("SELECT carrier, tracking_numbers, lines FROM orderflow.order_shipments") == [
        ("黑貓", ["1", "2"], [["L1", "1.5"]])
    ]
    for view in ("discounts", "taxes", "payments", "refunds"):
        assert ask(f"SELECT count(*) FROM orderflow.order_{view}") == [(0,)]


def test_personal_data_is_nowhere_in_the_clear(store, ask):
    load(store, order(contacts=[person("Zebediah Quux", note="back door")]))
    tables = ask("SELECT table_name FROM information_schema.tables WHERE table_schema = 'orderflow'")
    for (table,) in tables:
        text = str(ask(f"SELECT t::text FROM orderflow.{table} t"))
        assert "Quux" not in text
        assert "5175757" not in text, "nor as plain hexadecimal"
        assert "back door" not in text


def test_an_order_that_somebody_took_out_of_staging_comes_back_as_the_next_version(store, ask):
    load(store, order(), order("A-2"))
    load(store, order(minute=1, order_status="on_hold"))
    erasure.erase(store.connection, "shop_tw", ["A-2"], who="mei", why="asked to be forgotten")
    ask("DELETE FROM orderflow.orders; SELECT")
    assert counts(load(store, order(minute=1, order_status="on_hold"), order("A-2"))) == (2, 0, 0, 0)
    assert ask("SELECT order_id, version FROM orderflow.orders ORDER BY 1") == [("A-1", 3), ("A-2", 3)]
    assert ask("SELECT order_id, sealed IS NULL FROM orderflow.order_contacts ORDER BY 1") == [
        ("A-1", False),
        ("A-2", True),
    ]
    assert ask("SELECT order_id, count(*) FROM orderflow.order_lines GROUP BY 1 ORDER BY 1") == [("A-1", 1), ("A-2", 1)]
    assert ask("SELECT order_id, version FROM orderflow.outbox ORDER BY 1") == [("A-1", 3), ("A-2", 3)]


def test_a_user_whom_the_database_does_not_let_in_calls_the_operator(postgres):
    stranger = postgres.dsn().replace("postgres:@", "nobody:s3cret@")
    with pytest.raises(DeniedError, match="does not let its user in") as denied:
        connect(stranger)
    assert "s3cret" not in str(denied.value)


def test_moments_come_in_utc_from_a_server_in_another_zone(migrated):
    with closing(connect(migrated)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {connection.info.dbname} SET timezone TO 'Asia/Taipei'")
    with closing(connect(migrated)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT '2026-03-01T08:00+08:00'::timestamptz")
        (moment,) = cursor.fetchone()
    assert f"{moment:%H:%M %Z}" == "00:00 UTC"


def test_an_order_twice_in_one_chunk_is_loaded_twice(store, ask):
    loaded = load(store, order("A-1", 0), order("B-1", 0), order("A-1", 5, grand_total="30"))
    assert counts(loaded) == (2, 1, 0, 0)
    for table in ("orders", "outbox"):
        assert ask(f"SELECT order_id, version FROM orderflow.{table} ORDER BY 1") == [("A-1", 2), ("B-1", 1)]
    assert ask("SELECT count(*) FROM orderflow.order_versions") == [(3,)]
    assert ask("SELECT count(*) FROM orderflow.order_lines") == [(2,)]
