"""Lazada's statuses in our vocabulary. Items have one each; the order's follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from orderflow.domain.errors import RecordError
from orderflow.domain.source import Raw

CANCELLED = frozenset({"canceled"})
WAITING = frozenset({"pending", "topack", "packed", "repacked", "toship", "ready_to_ship", "ready_to_ship_pending"})
UNDER_WAY = frozenset({"shipped", "shipping"})
DELIVERED = frozenset({"delivered", "confirmed", "returned"})
BACK_AGAIN = frozenset(
    {
        "package_returned",
        "shipped_back_success",
        "shipped_back_failed",
        "INFO_ST_DOMESTIC_PACKAGE_RETURNED",
        "INFO_ST_DOMESTIC_PACKAGE_RETURNED_FAILED",
        "INFO_ST_DOMESTIC_SHIPPER_RECEIVED",
    }
)
BROUGHT_BACK = BACK_AGAIN | {
    "failed",
    "failed_delivery",
    "shipped_back",
    "INFO_ST_DOMESTIC_BACK_TO_SHIPPER",
    "INFO_ST_DOMESTIC_DELIVERY_FAILED",
    "INFO_ST_DOMESTIC_RETURN_AT_TRANSIT_HUB",
    "INFO_ST_DOMESTIC_RETURN_WITH_LAST_MILE_3PL",
}
"""Some countries tell of parcels in the words of their carriers (`INFO_ST_...`)."""
LOST = frozenset(
    {"lost", "lost_by_3pl", "LOST_BY_3PL", "damaged_by_3pl", "DAMAGE_BY_3PL", "package_scrapped", "PACKAGE_SCRAPPED"}
)
UNPAID = frozenset({"unpaid"})
SENT = UNDER_WAY | DELIVERED | BROUGHT_BACK | LOST
OVER = DELIVERED | LOST | BACK_AGAIN
KNOWN = CANCELLED | WAITING | SENT | UNPAID


class State(NamedTuple):
    """What an order's items come to."""

    order: str
    fulfilment: str
    returning: str
    paid: bool

    @property
    def waits(self) -> bool:
        """Whether goods wait to be sent, and may have to be held."""
        return self.order == "open" and self.fulfilment in {"unfulfilled", "partial"}


def state_of(items: Sequence[Raw], statuses: Sequence[str]) -> State:
    """Raises `RecordError` for a status of an item, or of the order's own list, that nobody documented."""
    each = [item["status"] for item in items]
    for status in (*each, *statuses):
        if status not in KNOWN:
            raise RecordError("STATUS_UNKNOWN", "status", status, f"known: {', '.join(sorted(KNOWN))}")
    live = {status for status in each if status not in CANCELLED} or (set(statuses) - CANCELLED if not each else set())
    if not live:
        return State("cancelled", "unfulfilled", "none", paid=False)
    return State(
        order="pending" if live & UNPAID else "completed" if live <= OVER else "open",
        fulfilment=_fulfilment(live),
        returning="received" if "returned" in live else "none",
        paid=not live & UNPAID,
    )


def _fulfilment(live: set[str]) -> str:
    if not live & SENT:
        return "unfulfilled"
    if not live <= SENT:
        return "partial"
    if live <= DELIVERED:
        return "delivered"
    return "returned_to_sender" if live <= BROUGHT_BACK else "shipped"
