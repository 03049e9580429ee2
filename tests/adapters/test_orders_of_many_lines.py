"""What is called off is told by its own status: lines are not compared with each other, which takes their square."""

import copy
from decimal import Decimal

import douyin_shop
import pytest
import taobao_tmall_trades
import tiktok_shop_orders

from orderflow.adapters.douyin import ADAPTER as DOUYIN
from orderflow.adapters.douyin import Options


class Unlike(dict):
    """A line that may be looked at, and not held against another."""

    __hash__ = None

    def __eq__(self, other):
        raise AssertionError("two lines were compared")


def many(lines, off, **called_off):
    """Each of the lines, and of `off` one more that was called off."""
    return [Unlike(line) for line in lines] + [Unlike(copy.deepcopy(off) | called_off)]


def taobao():
    trade = taobao_tmall_trades.sample()
    orders = taobao_tmall_trades.orders_of(trade)
    trade["orders"]["order"] = many(orders, orders[1], oid=9, status="TRADE_CLOSED_BY_TAOBAO")
    return taobao_tmall_trades.mapped(trade)


def tiktok():
    raw = tiktok_shop_orders.sample()
    raw["line_items"] = many(raw["line_items"], raw["line_items"][0], id="9", display_status="CANCELLED")
    return tiktok_shop_orders.mapped(raw)


def douyin():
    parts = [douyin_shop.PART | {"order_id": number, "sku_order_list": None} for number in "12"]
    raw = {
        "order_id": "7", "order_status": 2, "create_time": 1, "update_time": 1, "pay_amount": 1000,
        "sku_order_list": many(parts, parts[0], order_id="9", order_status=4),
    }  # fmt: skip
    return DOUYIN.to_order(raw, Options())


@pytest.mark.parametrize("mapped", [taobao, tiktok, douyin])
def test_a_line_that_was_called_off_counts_nothing_and_meets_no_other_line(mapped):
    order = mapped()
    counting, last = order.lines[:-1], order.lines[-1]
    assert (last.quantity, Decimal(last.total)) == ("0", 0)
    assert all(line.quantity != "0" for line in counting)
