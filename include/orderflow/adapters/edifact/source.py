"""EDIFACT mailboxes: ORDERS and ORDCHG in, CONTRL and ORDRSP out."""

from __future__ import annotations

from orderflow.adapters.edi.answer import Answer
from orderflow.adapters.edi.envelope import Interchange
from orderflow.adapters.edi.mailbox import Mailbox
from orderflow.adapters.edi.message import Message
from orderflow.adapters.edi.reading import Format, Terms
from orderflow.adapters.edifact.envelopes import walk
from orderflow.adapters.edifact.mapping import faults, order_id
from orderflow.adapters.edifact.response import acknowledgement, response
from orderflow.adapters.edifact.syntax import charset
from orderflow.domain.order import Order
from orderflow.domain.source import Account, Runtime

FORMAT = Format(
    charset=charset,
    walk=walk,
    order_id=order_id,
    rank=lambda kind, text: 0,  # noqa: ARG005  the time of sending decides
    faults=faults,
    acknowledgement=acknowledgement,
    answers=frozenset({"CONTRL", "APERAK"}),
    cure="UNB declares it: ask the sender to declare what it writes, or set source.charset to what was agreed",
)


def write(order: Order, answer: Answer, interchange: Interchange, message: Message, number: int) -> bytes:
    """The ORDRSP; its interchange reference is the number."""
    return response(order, answer, interchange, control=str(number)).encode(message.charset, "replace")


def open_(options: Terms, account: Account, runtime: Runtime) -> Mailbox:
    return Mailbox(FORMAT, write, options, account, runtime)
