"""JD's order states in our vocabulary."""

from __future__ import annotations

from typing import NamedTuple

from orderflow.domain.errors import RecordError


class State(NamedTuple):
    """What one state means. `produced`: JD has released the order to be sent, which it does after payment."""

    order: str
    fulfilment: str = "unfulfilled"
    produced: bool = False
    hold: str | None = None

    @property
    def waits(self) -> bool:
        """Whether goods wait to be sent, so that somebody has to know where to."""
        return self.order == "open" and self.fulfilment == "unfulfilled"


STATES = {
    "WAIT_SELLER_STOCK_OUT": State("open", produced=True),
    "WAIT_SELLER_DELIVERY": State("open", produced=True),
    "WAIT_GOODS_RECEIVE_CONFIRM": State("open", "shipped", produced=True),
    "FINISHED_L": State("completed", "delivered", produced=True),
    "TRADE_CANCELED": State("cancelled"),
    "LOCKED": State("on_hold", produced=True, hold="buyer_asks_to_cancel"),
    "PAUSE": State("on_hold", hold="paused"),
    "POP_ORDER_PAUSE": State("on_hold", hold="paused"),
    "NOT_PAY": State("pending"),
    "WAIT_SEND_CODE": State("open", produced=True),
    "DELIVERY_RETURN": State("open", "returned_to_sender", produced=True),
    "SEND_TO_DISTRIBUTION_CENER": State("open", "shipped", produced=True),
    "DISTRIBUTION_CENTER_RECEIVED": State("open", "shipped", produced=True),
    "RECEIPTS_CONFIRM": State("completed", "delivered", produced=True),
}
ASKED = (
    "WAIT_SELLER_STOCK_OUT",
    "WAIT_GOODS_RECEIVE_CONFIRM",
    "WAIT_SELLER_DELIVERY",
    "PAUSE",
    "POP_ORDER_PAUSE",
    "LOCKED",
    "FINISHED_L",
    "TRADE_CANCELED",
)
"""The states that a search takes from every shop; the last three are those of LBP and SOPL shops, others were seen."""


def state_of(text: str) -> State:
    """Raises `RecordError` for a state that nobody documented."""
    state = STATES.get(text)
    if state is None:
        raise RecordError("STATUS_UNKNOWN", "orderState", text, f"known: {', '.join(STATES)}")
    return state
