"""Trades of Taobao as they come, too: refunded unsent, emptied of people, with promotions that are worth nothing."""

import pytest
from money_equation import residue
from taobao_tmall_trades import mapped, orders_of, sample


@pytest.fixture
def trade():
    return sample()


def test_what_was_refunded_before_it_was_sent_did_not_come_back(trade):
    for each in orders_of(trade):
        each |= {"status": "TRADE_CLOSED", "refund_status": "SUCCESS"}
    order = mapped(trade | {"status": "TRADE_CLOSED", "end_time": "2026-03-09 20:10:29"})
    assert (order.order_status, order.payment_status, residue(order)) == ("cancelled", "refunded", 0)
    assert [(each.quantity_fulfilled, each.quantity_returned) for each in order.lines] == [("0", None), ("0", None)]


def test_a_promotion_that_is_worth_nothing_names_no_discount(trade):
    number = orders_of(trade)[0]["oid"]
    worth = {"id": number, "promotion_name": "清仓", "promotion_id": "P-1", "discount_fee": "10.00"}
    nothing = {"id": number, "promotion_name": "满就送", "promotion_id": "mjs-2", "discount_fee": "0.00"}
    trade["promotion_details"] = {"promotion_detail": [worth, nothing]}
    orders_of(trade)[0]["discount_fee"] = "10.00"
    assert [each.title for each in mapped(trade).discounts if each.amount == "10.00"] == ["清仓"]


@pytest.mark.parametrize(
    ("status", "masking"),
    [("WAIT_SELLER_SEND_GOODS", "plain"), ("TRADE_FINISHED", "masked"), ("WAIT_BUYER_PAY", "masked")],
)
def test_an_emptied_trade_is_masked_unless_it_waits_to_be_sent_and_keeps_its_note(trade, status, masking):
    """Whether its town is left or not: a town that is taken for the newest address would wipe out the street."""
    for each in orders_of(trade):
        each["status"] = status
    emptied = dict.fromkeys((name for name in trade if name.startswith("receiver_")), "")
    order = mapped(trade | emptied | {"status": status, "buyer_message": "Åh! 謝謝"})
    assert (order.masking, [(each.role, each.note) for each in order.contacts]) == (masking, [("sold_to", "Åh! 謝謝")])
    assert mapped(trade | emptied | {"status": status, "receiver_city": "杭州市"}).masking == masking


def test_a_postal_code_of_noughts_is_none(trade):
    assert mapped(trade | {"receiver_zip": "000000"}).contacts[0].postal_code is None
    assert mapped(trade | {"receiver_zip": "310000"}).contacts[0].postal_code == "310000"
