"""Shopify is told of every parcel once: whatever is cut, throttled, repeated or killed on the way."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest
from loop import CARRIERS, NOW, Deadly, Killed, looping

from orderflow.domain.errors import TransientError
from orderflow.domain.fulfilment import Parcel
from orderflow.domain.order import Shipment
from orderflow.domain.window import Window
from orderflow.staging.notices import ChannelNotices

GRAPHQL = "*/graphql.json"


@pytest.fixture(scope="module")
def loop(postgres, tmp_path_factory):
    with looping("shopify", postgres, tmp_path_factory.mktemp("shopify")) as found:
        yield found


def test_what_the_oms_shipped_reaches_the_shop_and_comes_back_as_a_change(loop):
    orders = loop.sendable(3)
    loop.ship(*orders)
    told = loop.tell()
    assert (told.noted, told.accepted, told.refused) == (3, 3, 0)
    loop.told_once(orders)
    order_id = next(iter(orders))
    (parcel,) = loop.parcels(order_id)
    assert parcel["carrier"] in CARRIERS.values()
    assert parcel["tracking"].startswith("RR")
    again = loop.tell()
    assert (again.noted, again.accepted) == (0, 0)
    for _ in range(2):
        loop.pull(Window(NOW - timedelta(minutes=1), NOW + timedelta(minutes=10)))
        with loop.store.connection, loop.store.connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT o.version, o.fulfilment_status, r.outcome, q.state
                FROM orderflow.orders AS o
                LEFT JOIN orderflow.receipts AS r ON r.order_id = o.order_id AND r.version = o.version
                LEFT JOIN orderflow.quarantine AS q ON q.subject = o.order_id
                WHERE o.order_id = ANY(%s)
                """,
                (list(orders),),
            )
            assert cursor.fetchall() == [(2, "shipped", "accepted", None)] * 3


def test_two_parcels_of_one_order_are_two_fulfilments_with_their_own_units(loop):
    ((order_id, lines),) = loop.sendable(1).items()
    assert len(lines) > 1
    loop.send(order_id, lines[0], tracking="RR1")
    assert loop.tell().accepted == 1
    loop.send(order_id, tracking="RR2", carrier="DHL")
    assert loop.tell().accepted == 1
    sent = loop.parcels(order_id)
    assert [(each["tracking"], each["carrier"]) for each in sent] == [("RR1", "PostNord"), ("RR2", "DHL Express")]
    assert sum(int(units) for each in sent for _, units in each["units"]) == sum(int(units) for _, units in lines)


def test_an_answer_that_is_lost_or_refused_leaves_one_parcel(loop):
    for fault in ("drop-after", "torn", "503", "throttled"):
        orders = loop.sendable(1)
        loop.ship(*orders)
        loop.fail(fault, GRAPHQL, skip=1)  # the mutation: before it stands the question what is left
        for _ in count():
            try:
                loop.tell()
                break
            except TransientError:
                assert None in {outcome for outcome, _ in loop.standing(*orders)}, fault
        loop.told_once(orders)


def test_a_run_that_dies_at_any_request_is_finished_by_the_next(loop):
    for requests in (1, 2, 4):
        orders = loop.sendable(2)
        loop.ship(*orders)
        loop.transport = Deadly(requests)
        with pytest.raises(Killed):
            loop.tell()
        loop.transport = None
        loop.tell()
        loop.told_once(orders)


def test_a_carrier_without_a_name_waits_and_the_others_go_on(loop):
    waits, goes = loop.sendable(2)
    loop.send(waits, tracking="RR3", carrier="ZZ")
    loop.send(goes, tracking="RR4")
    told = loop.tell()
    assert (told.accepted, told.held) == (1, 1)
    ((outcome, why),) = loop.standing(waits)
    assert outcome is None
    assert "'ZZ'" in why
    assert "fulfilment.carriers in shopify_back.yml" in why
    named = loop.channel.fulfilment.model_copy(update={"carriers": CARRIERS | {"ZZ": "Zebra 宅急便"}})
    assert loop.tell(fulfilment=named).accepted == 1
    assert loop.parcels(waits)[0]["carrier"] == "Zebra 宅急便"


def test_what_shopify_will_never_take_is_refused_with_its_reason(loop):
    orders = loop.sendable(3)
    many, bare, good = orders
    loop.send(many, (orders[many][0][0], "999"), tracking="RR5")
    loop.send(bare, tracking="")
    loop.send("gid://shopify/Order/1", tracking="RR6")
    loop.send(good, tracking="RR7")
    told = loop.tell()
    assert (told.accepted, told.refused) == (1, 2)
    assert [why.partition(":")[0] for _, why in loop.standing(many, bare)] == ["NOTHING_LEFT", "TRACKING_MISSING"]
    ((_, why),) = loop.standing("gid://shopify/Order/1")
    assert "not staged" in why
    assert loop.parcels(many) == []


def test_a_parcel_that_the_oms_changes_is_replaced_before_and_marked_after_it_was_told(loop):
    ((order_id, lines),) = loop.sendable(1).items()
    notices = ChannelNotices(loop.store.connection, loop.channel.name)

    def parcel(tracking: str) -> Parcel:
        shipment = Shipment(shipment_id="P-changed", carrier="PN", tracking_numbers=[tracking], lines=lines)
        return Parcel(order_id, shipment, loop.now)

    assert (notices.note([parcel("RR8")]), notices.note([parcel("RR9")])) == (1, 0)
    assert loop.tell().accepted == 1
    assert loop.parcels(order_id)[0]["tracking"] == "RR9"
    assert notices.note([parcel("RR10")]) == 0
    assert loop.tell().accepted == 0
    assert [each["tracking"] for each in loop.parcels(order_id)] == ["RR9"]


def test_a_shadow_channel_is_told_nothing(loop):
    (order_id,) = loop.sendable(1)
    loop.ship(order_id)
    told = loop.tell(shadow=True)
    assert (told.noted, told.accepted) == (1, 0)
    assert loop.parcels(order_id) == []
