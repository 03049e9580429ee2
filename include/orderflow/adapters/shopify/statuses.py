"""Shopify's vocabulary in ours. A value that no table knows is a fault of the order, never a guess."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orderflow.domain.errors import RecordError

PAYMENT_STATUS = {
    None: "unpaid",
    "AUTHORIZED": "authorized",
    "EXPIRED": "unpaid",
    "PAID": "paid",
    "PARTIALLY_PAID": "partially_paid",
    "PARTIALLY_REFUNDED": "partially_refunded",
    "PENDING": "unpaid",
    "REFUNDED": "refunded",
    "VOIDED": "voided",
}
FULFILMENT_STATUS = {
    "FULFILLED": "shipped",
    "IN_PROGRESS": "unfulfilled",
    "ON_HOLD": "unfulfilled",
    "OPEN": "unfulfilled",
    "PARTIALLY_FULFILLED": "partial",
    "PENDING_FULFILLMENT": "unfulfilled",
    "REQUEST_DECLINED": "unfulfilled",
    "RESTOCKED": "unfulfilled",
    "SCHEDULED": "unfulfilled",
    "UNFULFILLED": "unfulfilled",
}
RETURN_STATUS = {
    "NO_RETURN": "none",
    "RETURN_REQUESTED": "requested",
    "IN_PROGRESS": "in_transit",
    "INSPECTION_COMPLETE": "received",
    "RETURNED": "received",
    "RETURN_FAILED": "rejected",
}
PAYMENT_KINDS = {
    "AUTHORIZATION": "authorization",
    "EMV_AUTHORIZATION": "authorization",
    "CAPTURE": "capture",
    "SALE": "sale",
    "VOID": "void",
    "CHANGE": None,
    "REFUND": None,
    "SUGGESTED_REFUND": None,
}
"""None: no money towards the seller."""
PAYMENT_OUTCOMES = {
    "SUCCESS": "success",
    "PENDING": "pending",
    "AWAITING_RESPONSE": "pending",
    "UNKNOWN": "pending",
    "FAILURE": "failure",
    "ERROR": "failure",
}
NOT_SENT = frozenset({"CANCELLED", "ERROR", "FAILURE"})
"""Statuses of a fulfilment that moved nothing."""
DISCOUNT_KINDS = {
    "DiscountCodeApplication": "code",
    "AutomaticDiscountApplication": "automatic",
    "ScriptDiscountApplication": "automatic",
    "ManualDiscountApplication": "manual",
}
LIABLE = {None: "unknown", True: "marketplace", False: "seller"}
ORIGINS = {"shopify_draft_order": "draft", "subscription_contract": "subscription"}


def known(table: Mapping[Any, Any], value: Any, field: str) -> Any:
    """What a field's value means by `table`; raises `RecordError` for a value that stands in no table."""
    if value not in table:
        allowed = ", ".join(str(each) for each in table)
        raise RecordError(
            "STATUS_UNKNOWN", field, value, f"known are {allowed}; a new value needs a decision in the adapter's tables"
        )
    return table[value]


def order_status(cancelled_at: Any, closed_at: Any, fulfilment: Any) -> str:
    """Shopify has no single status of an order: it follows from two times and `displayFulfillmentStatus`."""
    if cancelled_at:
        return "cancelled"
    if closed_at:
        return "completed"
    return "on_hold" if fulfilment == "ON_HOLD" else "open"
