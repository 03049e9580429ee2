"""EDIFACT mailboxes: ORDERS and ORDCHG in, CONTRL out."""

from __future__ import annotations

from orderflow.adapters.edi.mailbox import Mailbox
from orderflow.adapters.edi.reading import Format, Terms
from orderflow.adapters.edifact.envelopes import walk
from orderflow.adapters.edifact.mapping import faults, order_id
from orderflow.adapters.edifact.response import acknowledgement
from orderflow.adapters.edifact.syntax import charset
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


def open_(options: Terms, account: Account, runtime: Runtime) -> Mailbox:
    return Mailbox(FORMAT, options, account, runtime)
