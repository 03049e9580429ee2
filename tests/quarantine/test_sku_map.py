"""The SKU map: one article per SKU and moment, every change told, waiting orders woken."""

import threading
from contextlib import closing
from datetime import UTC, datetime

import psycopg2
import pytest
from staged import line, load, order, refusal

from orderflow.domain.errors import ConfigError
from orderflow.domain.sku import Pair
from orderflow.staging import skus
from orderflow.staging.store import connect

ANN = {"who": "ann", "why": "Katalog 2026"}


def day(number, month=3):
    return datetime(2026, month, number, tzinfo=UTC)


def pair(sku="茶-001", oms_sku="O-1", start=None, end=None, channel="shop_tw"):
    return Pair(channel=channel, sku=sku, oms_sku=oms_sku, valid_from=start, valid_to=end)


def test_pairs_are_added_once_and_told_as_text(store, ask):
    given = [pair("00042", "0007"), pair("ط-1", "😀")]
    assert skus.put(store.connection, given, **ANN) == skus.Change(added=2)
    assert skus.put(store.connection, given, **ANN) == skus.Change(same=2)
    assert dict(skus.current(store.connection, "shop_tw")) == {"00042": "0007", "ط-1": "😀"}
    assert dict(skus.current(store.connection, "shop_ar")) == {}
    assert ask("SELECT count(*) FROM orderflow.sku_map_events") == [(2,)]
    assert skus.changed_at(store.connection, "shop_tw") is not None
    assert skus.changed_at(store.connection, "shop_ar") is None


def test_a_later_pair_ends_the_endless_one_before_it_and_an_order_goes_by_its_own_time(store):
    skus.put(store.connection, [pair()], **ANN)
    assert skus.put(store.connection, [pair(oms_sku="O-2", start=day(1))], **ANN) == skus.Change(added=1, closed=1)
    held = skus.current(store.connection, "shop_tw")
    assert held.at("茶-001", day(28, 2)) == "O-1"
    assert held.at("茶-001", day(1)) == "O-2"
    assert held.get("茶-001") is None
    assert [
        (each.what, each.pair.oms_sku, each.pair.span) for each in skus.history(store.connection, "shop_tw", "茶-001")
    ] == [
        ("added", "O-1", "always"),
        ("added", "O-2", "from 2026-03-01 00:00Z"),
        ("changed", "O-1", "until 2026-03-01 00:00Z"),
    ]


def test_overlapping_pairs_are_told_and_nothing_of_the_file_is_written(store, ask):
    skus.put(store.connection, [pair(start=day(1), end=day(10))], **ANN)
    given = [pair("neu"), pair(oms_sku="O-9", start=day(5), end=day(20)), pair(oms_sku="O-8")]
    clashes = skus.clashes(store.connection, given)
    assert [(each.place, each.other.oms_sku, each.given) for each in clashes] == [
        (2, "O-1", None),
        (1, "O-1", None),
        (1, "O-8", 2),
    ]
    with pytest.raises(ConfigError, match=r"O-9 .* holds at the same time as O-1"):
        skus.put(store.connection, given, **ANN)
    assert ask("SELECT oms_sku FROM orderflow.sku_map") == [("O-1",)]


def test_the_database_itself_refuses_two_articles_at_one_time(store, ask):
    skus.put(store.connection, [pair()], **ANN)
    with pytest.raises(psycopg2.errors.ExclusionViolation):
        ask(
            "INSERT INTO orderflow.sku_map (channel, sku, oms_sku, valid_from) VALUES ('shop_tw', '茶-001', 'x', now())"
        )
    ask("INSERT INTO orderflow.sku_map (channel, sku, oms_sku) VALUES ('shop_ar', '茶-001', 'x')")


def test_a_pair_is_replaced_where_it_begins_and_closed_where_it_ends(store):
    skus.put(store.connection, [pair()], **ANN)
    assert skus.put(store.connection, [pair(oms_sku="O-2")], **ANN) == skus.Change(changed=1)
    assert skus.close(store.connection, "shop_tw", "茶-001", day(1), **ANN) == skus.Change(closed=1)
    held = skus.current(store.connection, "shop_tw")
    assert (held.at("茶-001", day(28, 2)), held.at("茶-001", day(2))) == ("O-2", None)
    with pytest.raises(
        ConfigError, match="no pair that holds at 2026-03-02 00:00Z or later, but: O-2 until 2026-03-01"
    ):
        skus.close(store.connection, "shop_tw", "茶-001", day(2), **ANN)
    skus.put(store.connection, [pair(oms_sku="O-3", start=day(5))], **ANN)
    assert skus.close(store.connection, "shop_tw", "茶-001", day(5), **ANN) == skus.Change(removed=1)


def test_a_dry_run_writes_nothing(store, ask):
    assert skus.put(store.connection, [pair()], dry_run=True, **ANN).added == 1
    assert ask("SELECT (SELECT count(*) FROM orderflow.sku_map), (SELECT count(*) FROM orderflow.sku_map_events)") == [
        (0, 0)
    ]


def test_new_pairs_wake_the_orders_that_waited_for_them(store, ask):
    waiting = [order(f"A-{n}", lines=[line(sku=f"S-{n % 2}")]) for n in range(4)]
    refused = [refusal(each, number, "SKU_UNMAPPED") for number, each in enumerate(waiting)]
    load(store, refused=refused, raw=[b"{}"] * 4)
    assert skus.put(store.connection, [pair("S-1", "O-1")], **ANN).waiting == 2
    assert ask("SELECT order_id FROM orderflow.quarantine WHERE replay_asked_at IS NOT NULL ORDER BY 1") == [
        ("A-1",),
        ("A-3",),
    ]


def test_two_imports_at_once_wait_for_each_other(migrated, ask):
    barrier, outcomes = threading.Barrier(2), []

    def put(number):
        with closing(connect(migrated)) as connection:
            barrier.wait()
            given = [pair(f"S-{n}", f"O-{number}") for n in range(200)]
            outcomes.append(skus.put(connection, given, **ANN))

    people = [threading.Thread(target=put, args=(number,)) for number in (1, 2)]
    for person in people:
        person.start()
    for person in people:
        person.join(30)
    assert sorted((each.added, each.changed) for each in outcomes) == [(0, 200), (200, 0)]
    assert ask("SELECT count(DISTINCT oms_sku), count(*) FROM orderflow.sku_map") == [(1, 200)]


def test_a_change_of_the_map_stays_in_its_history(store, ask):
    skus.put(store.connection, [pair()], **ANN)
    with pytest.raises(psycopg2.errors.RaiseException, match="append-only"):
        ask("DELETE FROM orderflow.sku_map_events")
