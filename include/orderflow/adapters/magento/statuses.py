"""What an order's state and status mean.

States are Magento's own, eight of them; statuses are names that a shop gives to phases of a state, and may be its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderflow.domain.errors import RecordError

if TYPE_CHECKING:
    from orderflow.adapters.magento import Options

STATES = {
    "new": "pending",
    "pending_payment": "pending",
    "processing": "open",
    "complete": "completed",
    "closed": "completed",
    "canceled": "cancelled",
    "holded": "on_hold",
    "payment_review": "on_hold",
}
CASH = "cashondelivery"
FRAUD = "fraud"
"""A status of `processing` and `payment_review`: nothing may be sent before a person has looked."""
HELD = frozenset({"holded", "payment_review"})


def order_status(state: str | None, status: str | None, options: Options, *, method: str | None, sent: bool) -> str:
    """Ours; the channel file decides first. Raises `RecordError` for a state that nobody knows.

    A wholly refunded order (`closed`) of which nothing was sent was called off; cash on delivery is ready to be sent
    while `new`.
    """
    if told := options.statuses.get(status or ""):
        return told
    if state not in STATES:
        raise RecordError("STATUS_UNKNOWN", "state", state, f"known states are {', '.join(STATES)}")
    if status == FRAUD:
        return "on_hold"
    if state == "closed" and not sent:
        return "cancelled"
    if state == "new" and method == CASH:
        return "open"
    return STATES[state]


def hold_reasons(state: str | None, status: str | None) -> list[str]:
    """Why an order waits, in Magento's words."""
    return [word for word in (state, status) if word in HELD or word == FRAUD][-1:]
