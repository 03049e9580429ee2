"""Shopee's statuses in our vocabulary."""

from __future__ import annotations

from typing import NamedTuple

from orderflow.domain.errors import RecordError
from orderflow.domain.order import Payment
from orderflow.domain.source import Raw


class State(NamedTuple):
    """What one `order_status` of Shopee means on our axes, as far as the parcels do not say more."""

    order: str
    fulfilment: str = "unfulfilled"
    returning: str = "none"
    hold: str | None = None

    @property
    def waits(self) -> bool:
        """Whether goods wait to be sent, so that somebody has to know where to."""
        return self.order == "open" and self.fulfilment == "unfulfilled"


STATES = {
    "UNPAID": State("pending"),
    "PENDING": State("on_hold"),
    "READY_TO_SHIP": State("open"),
    "PROCESSED": State("open"),
    "RETRY_SHIP": State("open"),
    "SHIPPED": State("open", "shipped"),
    "TO_CONFIRM_RECEIVE": State("open", "delivered"),
    "IN_CANCEL": State("on_hold", hold="buyer_asks_to_cancel"),
    "CANCELLED": State("cancelled"),
    "TO_RETURN": State("open", "delivered", "requested"),
    "COMPLETED": State("completed", "delivered"),
    "INVOICE_PENDING": State("on_hold", hold="invoice_pending"),
}
NOT_SENT = frozenset(
    {
        "LOGISTICS_COD_REJECTED",
        "LOGISTICS_INVALID",
        "LOGISTICS_NOT_START",
        "LOGISTICS_NOT_STARTED",
        "LOGISTICS_PENDING_ARRANGE",
        "LOGISTICS_PICKUP_FAILED",
        "LOGISTICS_PICKUP_RETRY",
        "LOGISTICS_READY",
        "LOGISTICS_REQUEST_CANCELED",
        "LOGISTICS_REQUEST_CREATED",
    }
)
"""Statuses of a package that is planned or called off, and no parcel under way."""
DELIVERED = "LOGISTICS_DELIVERY_DONE"
COMES_BACK = "LOGISTICS_DELIVERY_FAILED"
SENT = frozenset({DELIVERED, COMES_BACK, "LOGISTICS_LOST", "LOGISTICS_PICKUP_DONE"})


def is_sent(package: Raw) -> bool:
    """Whether a package has left; raises `RecordError` for a status that nobody documented: it may lie here still."""
    status = package.get("logistics_status") or "LOGISTICS_NOT_START"
    if status not in NOT_SENT | SENT:
        known = ", ".join(sorted(NOT_SENT | SENT))
        raise RecordError("STATUS_UNKNOWN", "package_list.logistics_status", status, f"known: {known}")
    return status in SENT


def payment_status(detail: Raw, state: State, payments: list[Payment]) -> str:
    if any(payment.status == "success" for payment in payments):
        return "paid"
    if state.order == "cancelled":
        return "voided"
    return "cod_due" if detail.get("cod") else "unpaid"


def fulfilment_status(state: State, packages: int, parcels: list[Raw]) -> str:
    """The packages say more than the order's status while only some of them are under way, or on their way back.

    Shopee calls an order off, too, that could not be delivered, or that its carrier lost.
    """
    if state.fulfilment == "delivered" or not parcels:
        return state.fulfilment
    if state.order == "cancelled":
        return "returned_to_sender" if all(each["logistics_status"] == COMES_BACK for each in parcels) else "shipped"
    if len(parcels) < packages:
        return "partial"
    return "delivered" if all(parcel["logistics_status"] == DELIVERED for parcel in parcels) else "shipped"
