"""Pinduoduo's statuses in our vocabulary. There are several axes, and every one is a number."""

from __future__ import annotations

from typing import Any, NamedTuple

from orderflow.domain.errors import RecordError
from orderflow.domain.source import Raw

AXES = {
    "order_status": {1, 2, 3},
    "refund_status": {1, 2, 3, 4},
    "confirm_status": {0, 1, 2},
    "group_status": {0, 1, 2},
    "risk_control_status": {0, 1},
}
"""What is documented. The first two are on every order; the others count as usual where they are left out."""
USUAL = {"confirm_status": 1, "group_status": 1, "risk_control_status": 0}
RETURNS = {
    0: "none", 2: "requested", 3: "requested", 4: "requested", 5: "requested", 6: "rejected", 7: "requested",
    8: "requested", 9: "rejected", 10: "refunded", 11: "none", 12: "none", 13: "none", 14: "requested",
    15: "requested", 16: "exchanged", 17: "rejected", 18: "requested", 31: "requested", 32: "requested",
    33: "requested",
}  # fmt: skip
"""`after_sales_status`; it gains new numbers now and then, and for those `refund_status` decides."""
GIFT_HAS_ITS_ORDER = 1
"""`gift_order_status`: the gifts are sent with an order of their own, which comes by itself."""
BALANCE_PAID = 2
"""`step_trade_status` of an order on deposit that is paid in full."""
RETURNS_BY_REFUND = {1: "none", 2: "requested", 3: "requested", 4: "refunded"}


class State(NamedTuple):
    """What the axes come to."""

    order: str
    payment: str
    fulfilment: str
    returning: str
    holds: list[str]


def state_of(order: Raw) -> State:
    """Raises `RecordError` for a number that nobody documented. Reads the axes alone, of a detail or of a list row."""
    shipped, refund, confirmed, group, risk = (_number(order, axis) for axis in AXES)
    returning = RETURNS.get(order.get("after_sales_status") or 0, RETURNS_BY_REFUND[refund])
    if refund == 4 and returning == "none":
        returning = "refunded"
    fulfilment = {1: "unfulfilled", 2: "shipped", 3: "delivered"}[shipped]
    if shipped == 1 and (confirmed == 2 or group == 2 or refund == 4):
        return State("cancelled", "refunded" if refund == 4 else "voided", fulfilment, returning, [])
    if confirmed == 0:
        return State("pending", "unpaid", fulfilment, returning, [])
    if shipped == 1:
        holds = _holds(order, refund, group, risk)
        return State("on_hold" if holds else "open", "paid", fulfilment, returning, holds)
    return State("completed" if shipped == 3 else "open", "paid", fulfilment, returning, [])


def balance_due(order: Raw) -> bool:
    """Whether the order is on deposit, and the rest still to be paid."""
    step = order.get("step_order_info") or {}
    return bool(step) and step.get("step_trade_status") != BALANCE_PAID


def _number(order: Raw, axis: str) -> int:
    value: Any = order.get(axis)
    if value is None:
        value = USUAL.get(axis)
    if value not in AXES[axis]:
        raise RecordError("STATUS_UNKNOWN", axis, value, f"known: {', '.join(map(str, sorted(AXES[axis])))}")
    return int(value)


def _holds(order: Raw, refund: int, group: int, risk: int) -> list[str]:
    """Why an order that waits must not be sent yet."""
    tags = {tag.get("name") for tag in order.get("order_tag_list") or [] if tag.get("value") == 1}
    reasons = {
        "risk_review": risk == 1,
        "group_incomplete": group == 0,
        "buyer_asks_for_refund": refund in {2, 3},
        "balance_due": balance_due(order),
        "ship_hold": "ship_hold" in tags,
        "stock_out": order.get("stock_out_handle_status") == 0,
        "gift_pending": bool(order.get("gift_list")) and order.get("gift_order_status") == 0,
    }
    return [reason for reason, holds in reasons.items() if holds]
