"""Douyin closes what was refunded, with one status for what never left and for what had been sent before."""

import pytest
from money_equation import residue

from orderflow.adapters.douyin import ADAPTER, Options


def part(name, **changes):
    return {
        "order_id": name,
        "order_status": 3,
        "item_num": 2,
        "product_name": "杯",
        "code": "CUP",
        "origin_amount": 500,
        "sum_amount": 1000,
        "ship_time": 1773020000,
    } | changes


def order(*parts, **changes):
    told = {
        "order_id": "6936476692437472563",
        "order_status": 3,
        "create_time": 1773019120,
        "update_time": 1773029120,
        "pay_time": 1773019130,
        "pay_type": 2,
        "pay_amount": 1000 * len(parts),
        "sku_order_list": list(parts),
    }
    return ADAPTER.to_order(told | changes, Options())


@pytest.mark.parametrize("why", [{"main_status": 22}, {"main_status": 39}, {"ship_time": 1773020000}])
def test_an_order_that_was_refunded_after_it_was_sent_is_no_cancellation(why):
    found = order(part("1", order_status=4, **why), order_status=4, **why)
    assert (found.order_status, found.fulfilment_status) == ("completed", "shipped")
    assert (found.return_status, found.payment_status) == ("refunded", "refunded")
    assert [(line.quantity, line.quantity_fulfilled, line.quantity_returned) for line in found.lines] == [
        ("2", "2", "0")
    ]
    assert residue(found) == 0


def test_cash_of_an_order_that_came_back_was_never_paid():
    told = {"order_status": 4, "main_status": 22, "pay_type": 0, "pay_time": 0}
    found = order(part("1", **told), **told)
    assert (found.order_status, found.payment_status, found.paid, found.payments) == ("completed", "voided", "0", [])


def test_an_order_that_was_refunded_before_it_was_sent_is_called_off():
    found = order(part("1", order_status=4, ship_time=0, main_status=21), order_status=4, main_status=21)
    assert (found.order_status, found.fulfilment_status, found.return_status) == ("cancelled", "unfulfilled", "none")


def test_a_part_that_was_refunded_after_it_was_sent_keeps_its_units_and_its_price():
    back = {"after_sale_status": 12, "after_sale_type": 0, "refund_status": 3}
    found = order(part("1"), part("2", order_status=4, main_status=22, after_sale_info=back))
    assert (found.order_status, found.payment_status, found.paid) == ("open", "partially_refunded", "20.00")
    assert [(line.quantity, line.quantity_returned) for line in found.lines] == [("2", "0"), ("2", "2")]
    assert residue(found) == 0


def test_goods_that_the_seller_is_to_send_again_are_a_request_that_is_known():
    again = {"after_sale_status": 8, "after_sale_type": 7, "refund_status": 0}
    assert order(part("1", after_sale_info=again)).return_status == "requested"
