"""WooCommerce and Amazon are told of every parcel once, whatever is lost on the way."""

from __future__ import annotations

from itertools import count

import httpx
import pytest
from loop import Deadly, Killed, looping

from orderflow.domain.errors import TransientError


@pytest.fixture(scope="module")
def woo(postgres, tmp_path_factory):
    with looping("woocommerce", postgres, tmp_path_factory.mktemp("woocommerce")) as found:
        yield found


@pytest.fixture(scope="module")
def amazon(postgres, tmp_path_factory):
    with looping("amazon_sp_api", postgres, tmp_path_factory.mktemp("amazon")) as found:
        yield found


def trackings(loop, order_id):
    url = f"{loop.account.url}/wp-json/wc-shipment-tracking/v3/orders/{order_id}/shipment-trackings"
    return httpx.get(url, auth=("ck_demo", "cs_demo")).raise_for_status().json()


def until_told(loop):
    for _ in count():
        try:
            loop.tell()
            break
        except TransientError:
            loop.recover()


def test_woocommerce_completes_an_order_when_all_of_it_is_sent(woo):
    ((order_id, lines),) = woo.sendable(1).items()
    woo.send(order_id, lines[0], tracking="RR1")
    assert woo.tell().accepted == 1
    assert woo.parcels(order_id) == []
    woo.send(order_id, tracking="RR2", carrier="DHL")
    assert woo.tell().accepted == 1
    assert len(woo.parcels(order_id)) == 1
    told = [(each["tracking_number"], each["custom_tracking_provider"]) for each in trackings(woo, order_id)]
    assert told == [("RR1", "PostNord"), ("RR2", "DHL Express")]
    (page,) = woo.open().fetch_ids([order_id])
    assert b'"status":"completed"' in page.records[0]
    woo.send(order_id, lines[0], tracking="RR3")
    assert woo.tell().refused == 1
    assert "NOTHING_LEFT" in str(woo.standing(order_id))


def test_woocommerce_is_told_once_whatever_is_lost_or_killed(woo):
    for fault in ("drop-after", "429"):
        orders = woo.sendable(1)
        woo.ship(*orders)
        woo.fail(fault, "*/shipment-trackings*")
        until_told(woo)
        woo.told_once(orders)
        assert [len(trackings(woo, order_id)) for order_id in orders] == [1]
    for requests in (2, 3, 4):
        orders = woo.sendable(1)
        woo.ship(*orders)
        woo.transport = Deadly(requests)
        with pytest.raises(Killed):
            woo.tell()
        woo.transport = None
        woo.tell()
        woo.told_once(orders)
        assert [len(trackings(woo, order_id)) for order_id in orders] == [1]


def test_a_site_without_the_extension_goes_without_tracking_numbers(postgres, tmp_path):
    bare = looping("woocommerce", postgres, tmp_path, name="bare", options={"shipment_tracking": False})
    with bare as loop:
        orders = loop.sendable(1)
        loop.ship(*orders)
        assert loop.tell().accepted == 1
        loop.told_once(orders)


def test_amazon_is_told_once_whatever_is_lost_or_killed(amazon):
    for fault in ("drop-after", "throttled"):
        orders = amazon.sendable(1)
        amazon.ship(*orders)
        amazon.fail(fault, "*/shipmentConfirmation")
        until_told(amazon)
        amazon.told_once(orders)
    orders = amazon.sendable(2)
    amazon.ship(*orders)
    amazon.transport = Deadly(1)
    with pytest.raises(Killed):
        amazon.tell()
    amazon.transport = None
    amazon.tell()
    amazon.told_once(orders)
    (order_id, *_) = orders
    (parcel,) = amazon.parcels(order_id)
    assert parcel["carrier"] in {"PostNord", "DHL Express", "UPS"}


def test_amazon_refuses_more_than_was_ordered_and_says_so(amazon):
    ((order_id, lines),) = amazon.sendable(1).items()
    amazon.send(order_id, (lines[0][0], "99"), tracking="RR9")
    amazon.send(order_id, lines[0], tracking="")
    assert amazon.tell().refused == 2
    assert [why.partition(":")[0] for _, why in amazon.standing(order_id)] == ["FULFILMENT_REFUSED", "TRACKING_MISSING"]
