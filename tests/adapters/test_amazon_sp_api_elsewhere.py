"""Multi-channel fulfilment: orders of other shops, which Amazon only ships, are never ours."""

import pytest
from amazon_orders import mapped, new_order, old_order

from orderflow.domain.errors import RecordError


def of_another_shop(name):
    order = new_order()
    return order | {"salesChannel": order["salesChannel"] | {"channelName": name}}


def old_of_another_shop(name, **more):
    raw = old_order()
    return raw | {"order": raw["order"] | {"SalesChannel": name, "FulfillmentChannel": "AFN"}} | more


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (of_another_shop("NON_AMAZON"), "salesChannel.channelName"),
        (of_another_shop("NON_AMAZON_US"), "salesChannel.channelName"),
        (of_another_shop("NON_AMAZON") | {"proceeds": None, "orderItems": []}, "salesChannel.channelName"),
        (old_of_another_shop("Non-Amazon"), "order.SalesChannel"),
        (old_of_another_shop("Non-Amazon US"), "order.SalesChannel"),
        (old_of_another_shop("Non-Amazon DE", items=None), "order.SalesChannel"),
    ],
)
def test_what_another_shop_sold_is_refused_for_that_alone_with_amounts_or_without(raw, field):
    with pytest.raises(RecordError) as refused:
        mapped(raw)
    assert (refused.value.code, refused.value.field) == ("SOLD_ELSEWHERE", field)


@pytest.mark.parametrize(
    "raw", [of_another_shop("AMAZON"), old_of_another_shop("Amazon.de"), old_of_another_shop(None)]
)
def test_what_amazon_sold_is_ours_whoever_ships_it(raw):
    assert mapped(raw).grand_total == "133.92"
