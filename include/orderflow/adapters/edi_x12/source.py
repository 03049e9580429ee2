"""X12 mailboxes: 850 and 860 in, 997, TA1 and 855 out."""

from __future__ import annotations

from orderflow.adapters.edi.answer import Answer
from orderflow.adapters.edi.envelope import Interchange
from orderflow.adapters.edi.mailbox import Mailbox
from orderflow.adapters.edi.message import Message
from orderflow.adapters.edi.reading import Format, Terms
from orderflow.adapters.edi_x12.envelopes import walk
from orderflow.adapters.edi_x12.mapping import faults, order_id
from orderflow.adapters.edi_x12.response import acknowledgement, response
from orderflow.adapters.files import byte_order_mark
from orderflow.domain.order import Order
from orderflow.domain.source import Account, Runtime


def charset(head: bytes, agreed: str | None) -> tuple[str, int]:
    """X12 declares no character set: what was agreed, else UTF-8, of which ASCII is a part."""
    return byte_order_mark(head) or (agreed or "utf-8", 0)


FORMAT = Format(
    charset=charset,
    walk=walk,
    order_id=order_id,
    rank=lambda kind, text: 0,  # noqa: ARG005  the time of sending decides
    faults=faults,
    acknowledgement=acknowledgement,
    answers=frozenset({"997", "999", "824"}),
    cure="X12 declares no character set: set source.charset to the one agreed on, such as utf-8 or cp1252",
)


def write(order: Order, answer: Answer, interchange: Interchange, message: Message, number: int) -> bytes:
    """The 855; control numbers have nine digits, and begin again behind the last."""
    return response(order, answer, interchange, control=number % 10**9).encode(message.charset, "replace")


def open_(options: Terms, account: Account, runtime: Runtime) -> Mailbox:
    return Mailbox(FORMAT, write, options, account, runtime)
