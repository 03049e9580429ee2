"""eBay's statuses in our vocabulary (Sell Fulfillment API, types OrderPaymentStatusEnum and its neighbours)."""

from __future__ import annotations

from collections.abc import Mapping

from orderflow.domain.errors import RecordError
from orderflow.domain.source import Raw

PAYMENT = {
    "PAID": "paid",
    "PENDING": "unpaid",
    "FAILED": "unpaid",
    "PARTIALLY_REFUNDED": "partially_refunded",
    "FULLY_REFUNDED": "refunded",
}
FULFILMENT = {"NOT_STARTED": "unfulfilled", "IN_PROGRESS": "partial", "FULFILLED": "shipped"}
CANCEL = {"NONE_REQUESTED": "none", "IN_PROGRESS": "requested", "CANCELED": "cancelled"}
MONEY = {"PAID": "success", "PENDING": "pending", "FAILED": "failure"}
"""Status of one payment."""


def meaning(known: Mapping[str, str], field: str, status: str | None) -> str:
    """Raises `RecordError` for a status that nobody documented."""
    if status is None or status not in known:
        raise RecordError("STATUS_UNKNOWN", field, status, f"known: {', '.join(known)}")
    return known[status]


def cancel_state(order: Raw) -> str:
    """`none`, `requested` or `cancelled`; an order that does not say is not being cancelled."""
    state = (order.get("cancelStatus") or {}).get("cancelState")
    return meaning(CANCEL, "cancelStatus.cancelState", state) if state else "none"


def order_status(order: Raw) -> str:
    """Our status of an order."""
    payment = meaning(PAYMENT, "orderPaymentStatus", order.get("orderPaymentStatus"))
    fulfilment = meaning(FULFILMENT, "orderFulfillmentStatus", order.get("orderFulfillmentStatus"))
    if cancel_state(order) == "cancelled":
        return "cancelled"
    if payment == "unpaid":
        return "pending"
    if fulfilment == "shipped":
        return "completed"
    return "on_hold" if hold_reasons(order) else "open"


def hold_reasons(order: Raw) -> list[str]:
    """Why goods may not be sent: the buyer wishes to cancel, or has all of the money back."""
    reasons = {
        "cancellation_requested": cancel_state(order) == "requested",
        "refunded_before_it_was_sent": order.get("orderPaymentStatus") == "FULLY_REFUNDED"
        and order.get("orderFulfillmentStatus") != "FULFILLED",
    }
    return [reason for reason, holds in reasons.items() if holds and cancel_state(order) != "cancelled"]


def payment_status(order: Raw, *, received: bool) -> str:
    status = meaning(PAYMENT, "orderPaymentStatus", order.get("orderPaymentStatus"))
    if status != "unpaid":
        return status
    if cancel_state(order) == "cancelled":
        return "voided"
    return "partially_paid" if received else "unpaid"
