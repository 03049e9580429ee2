"""When an order has to say where it goes: once it is open, and not while it waits for payment or review."""

import pytest
from msgspec.structs import replace

import good_orders
from orderflow.pipeline.clean import clean
from orderflow.pipeline.validate import validate


@pytest.mark.parametrize(
    ("status", "reasons"),
    [("pending", {}), ("on_hold", {}), ("draft", {}), ("open", {"SHIP_TO_MISSING": 1})],
)
def test_an_order_without_an_address_is_refused_when_it_is_to_be_shipped(tmp_path, status, reasons):
    nowhere = replace(good_orders.order(1, order_status=status), contacts=[])
    channel = good_orders.channel()
    batch = validate(channel, clean(channel, good_orders.land(tmp_path, [nowhere])))
    assert batch.reasons == reasons
