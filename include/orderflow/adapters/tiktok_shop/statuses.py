"""TikTok Shop's statuses in our vocabulary; orders and lines share one set."""

from __future__ import annotations

from typing import NamedTuple


class State(NamedTuple):
    """What one status means on our axes."""

    order: str
    fulfilment: str = "unfulfilled"


STATES = {
    "UNPAID": State("pending"),
    "ON_HOLD": State("on_hold"),
    "AWAITING_SHIPMENT": State("open"),
    "PARTIALLY_SHIPPING": State("open", "partial"),
    "AWAITING_COLLECTION": State("open"),
    "IN_TRANSIT": State("open", "shipped"),
    "DELIVERED": State("open", "delivered"),
    "COMPLETED": State("completed", "delivered"),
    "CANCELLED": State("cancelled"),
}
SENT = frozenset({"IN_TRANSIT", "DELIVERED", "COMPLETED"})
"""Lines of these statuses have left."""
ARRIVED = frozenset({"DELIVERED", "COMPLETED"})
CANCELLED = "CANCELLED"
