"""Douyin's statuses in our vocabulary: of orders, of their parts (SKU orders), and of after-sale requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from orderflow.adapters.douyin.values import time_text
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Payment
from orderflow.domain.source import Raw


class State(NamedTuple):
    """What one `order_status` means on our axes, as far as parcels do not say more."""

    order: str
    fulfilment: str = "unfulfilled"
    hold: str | None = None


CANCELLED = "4"
STATES = {
    "1": State("pending"),
    "105": State("on_hold", hold="not_released_by_platform"),
    "2": State("open"),
    "101": State("open", "partial"),
    "3": State("open", "shipped"),
    CANCELLED: State("cancelled"),
    "5": State("completed", "delivered"),
}
"""Goods may be sent in status 2 and 101 alone; 105 is paid and still with the platform."""
SENT_AND_REFUNDED = State("completed", "shipped")
"""What was closed because its money went back after it had been sent: that is no cancellation, it left."""
BEFORE_SENDING, AFTER_SENDING = "21", frozenset({"22", "39"})
"""`main_status` of what was closed by a refund: before it was sent; after that, or after it was received."""

ASKED, EXCHANGE_KINDS = "6", frozenset({"3", "7"})
"""A request that waits for the seller; after-sale types that send goods again instead of money."""
GOODS_BACK = "0"
"""The after-sale type in which goods come back for money."""
RETURNS = {
    "0": "none",
    "6": "requested",
    "7": "in_transit",
    "8": "requested",
    "11": "in_transit",
    "12": "refunded",
    "13": "exchanged",
    "14": "exchanged",
    "27": "rejected",
    "28": "none",
    "29": "rejected",
    "51": "refunded",
    "53": "refunded",
}
PRESSING = ("requested", "in_transit", "refunded", "exchanged", "rejected", "none")
"""What an order's return status is when its parts differ: the first of these that one of them has."""
REFUNDED = "3"


def state_of(part: Raw) -> State:
    """Raises `RecordError` for a status that nobody documented."""
    status = str(part["order_status"])
    if status not in STATES:
        raise RecordError("STATUS_UNKNOWN", "order_status", status, f"known: {', '.join(STATES)}")
    return SENT_AND_REFUNDED if _sent_and_refunded(part) else STATES[status]


def _sent_and_refunded(part: Raw) -> bool:
    reason = str(part.get("main_status"))
    sent = reason in AFTER_SENDING or (reason != BEFORE_SENDING and time_text(part.get("ship_time")) is not None)
    return sent and str(part["order_status"]) == CANCELLED


def after_sale(part: Raw, name: str) -> str:
    """One code of the after-sale request of a part; `0` where there is none."""
    return str((part.get("after_sale_info") or {}).get(name) or 0)


def return_of(part: Raw) -> str:
    """Raises `RecordError` for an after-sale status that nobody documented."""
    status = after_sale(part, "after_sale_status")
    if status not in RETURNS:
        known = ", ".join(RETURNS)
        raise RecordError("STATUS_UNKNOWN", "after_sale_info.after_sale_status", status, f"known: {known}")
    if status == "12" and after_sale(part, "after_sale_type") in EXCHANGE_KINDS:
        return "exchanged"
    return "refunded" if _sent_and_refunded(part) and status == "0" else RETURNS[status]


def return_status(parts: Sequence[Raw]) -> str:
    found = {return_of(part) for part in parts} or {"none"}
    return next(status for status in PRESSING if status in found)


def is_returned(part: Raw) -> bool:
    """Whether the goods of a part came back for money."""
    told = bool(part.get("after_sale_info"))
    return told and return_of(part) == "refunded" and after_sale(part, "after_sale_type") == GOODS_BACK


def fulfilment_status(state: State, live: Sequence[Raw], parcels: Sequence[Any]) -> str:
    """The parts say when goods have arrived; a called-off order may have been sent before."""
    if state.order == "cancelled":
        return "shipped" if parcels else "unfulfilled"
    if state.fulfilment == "shipped" and live and all(map(arrived_at, live)):
        return "delivered"
    return state.fulfilment


def arrived_at(part: Raw) -> str | None:
    return time_text(part.get("logistics_receipt_time")) or time_text(part.get("confirm_receipt_time"))


def hold_reasons(state: State, parts: Sequence[Raw]) -> list[str]:
    """Why goods may not be sent now; a shipment fails while a refund is asked for."""
    asked = state.fulfilment in {"unfulfilled", "partial"} and state.order in {"open", "on_hold"}
    waits = asked and any(after_sale(part, "after_sale_status") == ASKED for part in parts)
    return [*([state.hold] if state.hold else []), *(["buyer_asks_for_refund"] if waits else [])]


def payment_status(state: State, parts: Sequence[Raw], payments: Sequence[Payment]) -> str:
    done = [payment for payment in payments if payment.status == "success"]
    if not done:
        over = state.order == "cancelled" or state == SENT_AND_REFUNDED  # cash that was refused, or given back
        return "voided" if over else "cod_due" if payments else "unpaid"
    if state.order == "pending":
        return "partially_paid"
    back = [after_sale(part, "refund_status") == REFUNDED or _sent_and_refunded(part) for part in parts]
    if back and all(back):
        return "refunded"
    return "partially_refunded" if any(back) else "paid"
