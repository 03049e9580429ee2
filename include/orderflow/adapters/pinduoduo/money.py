"""Pinduoduo's money: discounts by funder, postage, fees and the payment. Amounts are yuan as decimal text."""

from __future__ import annotations

from typing import Any

from orderflow.adapters.amounts import amount, amount_text, total_of
from orderflow.adapters.pinduoduo.statuses import State, balance_due
from orderflow.adapters.pinduoduo.values import time_text
from orderflow.domain.order import Charge, Discount, Line, Payment
from orderflow.domain.source import Raw

REDUCTIONS = {
    "platform_discount": ("platform", "platform"),
    "seller_discount": ("automatic", "seller"),
    "capital_free_discount": ("platform", "unknown"),
    "order_change_amount": ("manual", "seller"),
}
"""What is taken off the order: our kind of discount and who pays for it. Nobody documented who pays for the third."""
FEES = ("delivery_home_value", "delivery_install_value", "home_install_value")


def discounts_of(order: Raw) -> list[Discount]:
    return [
        Discount(kind=kind, title=name, funded_by=funder, amount=amount_text(order[name]), allocated="0")
        for name, (kind, funder) in REDUCTIONS.items()
        if amount(order.get(name))
    ]


def charges_of(order: Raw, fees: Any, lines: list[Line], discounts: list[Discount]) -> list[Charge]:
    """Postage, and the fees for bringing and installing where the buyer paid them.

    Pinduoduo's two descriptions of `pay_amount` differ in whether these fees stand in it. So they count unless goods,
    discounts and postage add up to it without them.
    """
    postage = amount(order.get("postage"))
    charges = []
    if postage:
        text = amount_text(order["postage"])
        charges.append(Charge(kind="shipping", charge_id="postage", title="postage", amount=text, total=text))
    goods = total_of(line.total for line in lines)
    less = total_of(discount.amount for discount in discounts)
    if amount_text(order.get("pay_amount")) is not None and amount(order["pay_amount"]) == goods - less + postage:
        return charges
    return charges + _fees(order, fees)


def _fees(order: Raw, fees: Any) -> list[Charge]:
    named = [(fee.get("service_name") or "service_fee", fee.get("service_fee")) for fee in fees or []]
    return [
        Charge(kind="service", charge_id=name, title=name, amount=amount_text(value), total=amount_text(value))
        for name, value in named or [(name, order.get(name)) for name in FEES]
        if amount(value)
    ]


def payment_of(order: Raw, state: State) -> Payment | None:
    """The one payment. An order on deposit has paid as much as it says, until the balance has come."""
    if state.payment in {"unpaid", "voided"}:
        return None
    deposit = balance_due(order)
    paid = order["step_order_info"].get("step_paid_fee") if deposit else order.get("pay_amount")
    if deposit and not amount(paid):
        return None
    return Payment(method=order.get("pay_type") or None, amount=amount_text(paid), at=time_text(order.get("pay_time")))


def payment_status(order: Raw, state: State, payment: Payment | None) -> str:
    if state.payment == "paid" and balance_due(order):
        return "partially_paid" if payment else "unpaid"
    return state.payment
