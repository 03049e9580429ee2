"""TOP's statuses in our vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from orderflow.domain.errors import RecordError
from orderflow.domain.source import Raw


class State(NamedTuple):
    """What one `status` of a trade means on our axes, as far as its orders do not say more."""

    order: str
    fulfilment: str = "unfulfilled"
    holds: tuple[str, ...] = ()


CALLED_OFF = "TRADE_CLOSED_BY_TAOBAO"
"""Closed before payment: never to be shipped."""
PAID_BACK = "TRADE_CLOSED"
"""Closed after payment, because all was refunded."""
WAITING = ("WAIT_SELLER_SEND_GOODS", "SELLER_CONSIGNED_PART")
"""Goods wait here still, and may have to be held."""
SIGNED = "TRADE_BUYER_SIGNED"
DONE = "TRADE_FINISHED"
STATES = {
    "TRADE_NO_CREATE_PAY": State("pending"),
    "WAIT_BUYER_PAY": State("pending"),
    "PAY_PENDING": State("pending"),
    "WAIT_PRE_AUTH_CONFIRM": State("on_hold", holds=("pre_authorisation",)),
    "PAID_FORBID_CONSIGN": State("on_hold", holds=("shipping_forbidden",)),
    "WAIT_SELLER_SEND_GOODS": State("open"),
    "SELLER_CONSIGNED_PART": State("open", "partial"),
    "WAIT_BUYER_CONFIRM_GOODS": State("open", "shipped"),
    SIGNED: State("open", "delivered"),
    DONE: State("completed", "delivered"),
    PAID_BACK: State("cancelled"),
    CALLED_OFF: State("cancelled"),
}
SENT = frozenset({"WAIT_BUYER_CONFIRM_GOODS", SIGNED, DONE})
"""Statuses of an order (line) whose goods left."""
HOLDS = ("top_hold", "team_buy_hold", "share_group_hold", "ofp_hold")
"""Flags of a trade that forbid shipping: 0 or 1."""
ASKED = "WAIT_SELLER_AGREE"
REFUNDED = "SUCCESS"
RETURNS = {
    "NO_REFUND": "none",
    "CLOSED": "none",
    "SELLER_REFUSE_BUYER": "rejected",
    ASKED: "requested",
    "WAIT_BUYER_RETURN_GOODS": "in_transit",
    "WAIT_SELLER_CONFIRM_GOODS": "in_transit",
    REFUNDED: "refunded",
}
"""`refund_status` of an order (line), the weakest first."""
STEPS = {
    "FRONT_NOPAID_FINAL_NOPAID": "unpaid",
    "FRONT_PAID_FINAL_NOPAID": "partially_paid",
    "FRONT_PAID_FINAL_PAID": "paid",
    "FRONT_PAID_FRONT_FORFEITED": "partially_paid",
}
"""`step_trade_status` of a trade that is paid in two steps, and our status of payment."""


def refunded_unsent(order: Raw) -> bool:
    """Whether an order (line) was closed after payment before it was sent: it is not to be sent any more."""
    return order.get("status") == PAID_BACK and not (order.get("consign_time") or order.get("invoice_no"))


def state_of(trade: Raw, orders: Sequence[Raw]) -> State:
    """Raises `RecordError` for a status that nobody documented.

    What was refunded after it had been sent is no cancellation: it left.
    """
    status = trade["status"]
    for each in (status, *(order.get("status") or status for order in orders)):
        if each not in STATES:
            raise RecordError("STATUS_UNKNOWN", "status", each, f"known: {', '.join(STATES)}")
    state = STATES[status]
    if status == PAID_BACK and trade.get("consign_time"):
        return State("completed", "shipped")
    held = tuple(name for name in HOLDS if str(trade.get(name) or 0) != "0")
    if any(_asks_for_refund(order) for order in orders):
        held += ("buyer_asks_for_refund",)
    return State("on_hold", state.fulfilment, held) if held and status in WAITING else state


def _asks_for_refund(order: Raw) -> bool:
    """Whether the buyer wants the money back for goods that wait here still."""
    return order.get("refund_status") == ASKED and not (order.get("consign_time") or order.get("invoice_no"))


def return_status(orders: Sequence[Raw]) -> str:
    """How far the order (line) is whose return is furthest."""
    found = [order.get("refund_status") or "NO_REFUND" for order in orders]
    for status in found:
        if status not in RETURNS:
            raise RecordError("STATUS_UNKNOWN", "orders.refund_status", status, f"known: {', '.join(RETURNS)}")
    return RETURNS[max(found, key=list(RETURNS).index)] if found else "none"


def payment_status(trade: Raw, orders: Sequence[Raw]) -> str:
    status, step = trade["status"], trade.get("step_trade_status")
    if step and step not in STEPS:
        raise RecordError("STATUS_UNKNOWN", "step_trade_status", step, f"known: {', '.join(STEPS)}")
    if status == PAID_BACK:
        return "refunded"
    if status == CALLED_OFF:
        return "partially_paid" if step == "FRONT_PAID_FRONT_FORFEITED" else "voided"
    if is_cash(trade):
        return "paid" if status in {SIGNED, DONE} else "cod_due"
    if not trade.get("pay_time"):
        return STEPS[step] if step else "unpaid"
    if step == "FRONT_PAID_FINAL_NOPAID":
        return "partially_paid"
    return "partially_refunded" if any(order.get("refund_status") == REFUNDED for order in orders) else "paid"


def is_cash(trade: Raw) -> bool:
    """Whether the courier collects the money."""
    return trade.get("type") in {"cod", "b2c_cod", "super_market_cod_trade"}
