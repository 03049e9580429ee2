"""Orders of a channel staged, delivered, and counted in the OMS."""

from shop import target
from staged import load, order

from orderflow.pipeline.sync import sync


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
