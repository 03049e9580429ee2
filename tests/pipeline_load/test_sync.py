"""Delivery over real HTTP from a real outbox: what is sent, and what is not."""

from delivery import deliver, settled, stage
from shop import target
from staged import load, order, person

from orderflow.pipeline.sync import Delivered, sync
from orderflow.staging import erasure
from orderflow.staging.store import Store
from orderflow.staging.vault import Vault


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


def test_a_shadow_channel_sends_nothing(store, oms, shop):
    stage(store, shop, 3)
    assert deliver(store, shop.model_copy(update={"shadow": True}), oms) == Delivered(pending=3)


def test_erased_people_are_not_sent(store, oms, shop):
    stage(store, shop, 1)
    erasure.erase(store.connection, shop.name, ["№ 0/0"], who="mei", why="asked to be forgotten")
    deliver(store, shop, oms)
    document = oms.document("№ 0/0", shop.name)
    assert (document["contacts"], document["masking"]) == ([], "erased")


def test_contacts_of_another_key_are_opened_while_the_key_is_known(store, oms, shop, migrated):
    stage(store, shop, 2, contacts=[person("Ola Öst")])
    store = Store(store.connection, Vault({"k2": bytes(32), "k1": bytes(range(32))}))
    assert deliver(store, shop, oms).accepted == 2
    assert oms.document("№ 1/1", shop.name)["contacts"][0]["name"] == "Ola Öst"
