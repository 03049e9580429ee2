"""Amazon's statuses in our vocabulary, in the spelling of both versions."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from orderflow.domain.errors import RecordError


class State(NamedTuple):
    """What an order's status means. `priced`: amounts are stated; `paid`: Amazon has taken the buyer's money."""

    order: str
    fulfilment: str = "unfulfilled"
    hold: str | None = None
    priced: bool = True
    paid: bool = False


PENDING = State("pending", priced=False)
STATES = {
    "PendingAvailability": PENDING,
    "PENDING_AVAILABILITY": PENDING,
    "Pending": PENDING,
    "PENDING": PENDING,
    "Unshipped": State("open"),
    "UNSHIPPED": State("open"),
    "InvoiceUnconfirmed": State("on_hold", hold="invoice_unconfirmed"),
    "PartiallyShipped": State("open", "partial"),
    "PARTIALLY_SHIPPED": State("open", "partial"),
    "Shipped": State("completed", "shipped", paid=True),
    "SHIPPED": State("completed", "shipped", paid=True),
    "Unfulfillable": State("on_hold", hold="unfulfillable"),
    "UNFULFILLABLE": State("on_hold", hold="unfulfillable"),
    "Canceled": State("cancelled", priced=False),
    "CANCELLED": State("cancelled", priced=False),
}
"""Amazon knows nothing beyond `Shipped`, so that such an order is completed."""
V0_STATUSES = (
    "PendingAvailability",
    "Pending",
    "Unshipped",
    "PartiallyShipped",
    "InvoiceUnconfirmed",
    "Shipped",
    "Unfulfillable",
    "Canceled",
)
DELIVERED = frozenset({"DELIVERED", "Delivered"})
COMES_BACK = frozenset({"RETURNING_TO_SELLER", "RETURNED_TO_SELLER", "ReturningToSeller", "ReturnedToSeller"})
NOT_SENT = frozenset({"CANCELLED", "PENDING"})
"""Statuses of a package that is planned or called off, and no parcel under way."""


def state_of(field: str, status: str) -> State:
    """Raises `RecordError` for a status that nobody documented."""
    state = STATES.get(status)
    if state is None:
        raise RecordError("STATUS_UNKNOWN", field, status, f"known: {', '.join(STATES)}")
    return state


def fulfilment_of(state: State, parcels: Collection[str]) -> str:
    """What the parcels' own statuses say of an order that was sent as a whole."""
    if state.fulfilment != "shipped" or not parcels:
        return state.fulfilment
    if set(parcels) <= DELIVERED:
        return "delivered"
    return "returned_to_sender" if set(parcels) <= COMES_BACK else "shipped"
