"""A renamed channel file, or two files for one shop, do not bring the same orders to the OMS twice."""

import pytest
from staged import WINDOW, at, load, order, person

from orderflow.domain.errors import ConfigError
from orderflow.domain.target import Receipt
from orderflow.domain.window import Window
from orderflow.staging import shadow, twins

LATER = Window(WINDOW.end, WINDOW.end + WINDOW.length)


def taken(store, channel="shop_tw"):
    for claim in store.claims(channel, 10):
        store.settle([(each, Receipt(each.key, "accepted", oms_id="OMS-1")) for each in claim])


@pytest.mark.parametrize("delivered", [False, True], ids=["still queued", "taken by the OMS"])
def test_an_order_that_another_channel_delivers_stops_the_load_before_anything_is_written(store, ask, delivered):
    load(store, order("№ 1"), order("№ 2"))
    if delivered:
        taken(store)
    with pytest.raises(ConfigError, match=r"order № \d, .* by the channel shop_tw already .* give it its name back"):
        load(store, order("№ 2"), order("№ 3"), channel="renamed")
    assert ask("SELECT DISTINCT channel FROM orderflow.orders UNION SELECT channel FROM orderflow.outbox") == [
        ("shop_tw",)
    ]


def test_a_change_of_such_an_order_is_found_as_well(store):
    load(store, order("№ 1", 5))
    taken(store)
    with pytest.raises(ConfigError, match="order № 1"):
        load(store, order("№ 1", 70, order_status="cancelled"), channel="renamed", window=LATER)


@pytest.mark.parametrize(
    "other",
    [
        {"channel_created_at": at(1)},
        {"grand_total": "1"},
        {"currency": "JPY"},
        {"order_number": None},
        {"channel_created_at": None, "placed_at": None},
    ],
    ids="/".join,
)
def test_another_shops_order_of_the_same_id_is_another_order(store, other):
    load(store, order("1001"))
    assert load(store, order("1001", **other), channel="another").counts.inserted == 1


@pytest.mark.parametrize("other", [{"contacts": []}, {"contacts": [person("李小龍")]}], ids=["nobody", "another buyer"])
def test_stores_that_number_their_orders_alike_and_tell_days_alone_do_not_stop_each_other(store, other):
    load(store, order("1001", **{"contacts": []} if other["contacts"] == [] else {}))
    assert load(store, order("1001", **other), channel="another").counts.inserted == 1


def test_a_time_to_the_second_tells_an_order_whose_buyer_is_unknown(store):
    bare = {"contacts": [], "channel_created_at": "2026-03-01T00:00:07+00:00"}
    load(store, order("№ 1", **bare))
    with pytest.raises(ConfigError, match="order № 1"):
        load(store, order("№ 1", **bare), channel="renamed")


def test_channels_of_one_shop_may_deliver_to_two_oms(store):
    load(store, order("№ 1"), target="erp")
    assert load(store, order("№ 1"), channel="to_the_warehouse", target="wms").counts.inserted == 1
    with pytest.raises(ConfigError, match="by the channel shop_tw already"):
        load(store, order("№ 1"), channel="renamed", target="erp")


def test_a_shadow_beside_a_channel_that_delivers_hinders_neither(store, ask):
    load(store, order("№ 1"), deliver=False, channel="shadow")
    load(store, order("№ 1"), order("№ 2"))
    load(store, order("№ 2"), deliver=False, channel="shadow", window=LATER)
    assert ask("SELECT DISTINCT channel FROM orderflow.outbox") == [("shop_tw",)]


def test_a_shadow_is_not_handed_over_beside_the_channel_that_delivers(store, ask):
    load(store, order("№ 1"))
    load(store, order("№ 1"), deliver=False, channel="shadow")
    with pytest.raises(ConfigError, match="delivered by the channel shop_tw already"):
        shadow.hand_over(store.connection, "shadow", WINDOW.start, dry_run=False)
    assert ask("SELECT DISTINCT channel FROM orderflow.outbox") == [("shop_tw",)]


def test_who_takes_over_from_another_channel_says_from_when_on(store, ask):
    load(store, order("№ 1"))
    taken(store)
    fields = {"channel_created_at": at(60), "placed_at": at(60)}
    load(store, order("№ 1", 61), order("№ 2", 61, **fields), channel="next", since=WINDOW.end, window=LATER)
    assert ask("SELECT channel, order_id FROM orderflow.outbox") == [("next", "№ 2")]


def test_what_a_channel_delivers_already_stops_none_of_its_loads(store, ask):
    """Two channels that loaded the same orders at the same moment did not see each other."""
    load(store, order("№ 1"))
    taken(store)
    ask("UPDATE orderflow.coverage SET channel = 'hidden' RETURNING channel")
    load(store, order("№ 1"), channel="second")
    taken(store, "second")
    ask("UPDATE orderflow.coverage SET channel = 'shop_tw' WHERE channel = 'hidden' RETURNING channel")
    assert load(store, order("№ 1", 70, order_status="completed"), channel="second", window=LATER).counts.updated == 1


def test_with_many_channels_fewer_orders_of_a_load_are_looked_at(store, ask, monkeypatch):
    monkeypatch.setattr(twins, "LOOKS", 6)
    load(store, *(order(f"№ {n}") for n in range(50)))
    names = "SELECT 'other ' || n, '{}' FROM generate_series(1, 5) AS n"
    ask(f"INSERT INTO orderflow.coverage (channel, settled) {names} RETURNING channel")
    with pytest.raises(ConfigError, match="delivered by the channel shop_tw"):
        load(store, *(order(f"№ {n}") for n in range(50)), channel="renamed")
