"""UBL mailboxes: Order, OrderChange and OrderCancellation in, OrderResponse out, one document per file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from orderflow.adapters import xml
from orderflow.adapters.edi.answer import Answer
from orderflow.adapters.edi.envelope import Fault, Interchange, Unit, Verdict
from orderflow.adapters.edi.mailbox import Mailbox
from orderflow.adapters.edi.message import Message
from orderflow.adapters.edi.reading import Format, Terms
from orderflow.adapters.ubl.document import read, text
from orderflow.adapters.ubl.response import response
from orderflow.domain.order import Order
from orderflow.domain.source import Account, Runtime


def charset(head: bytes, agreed: str | None) -> tuple[str, int]:
    """What byte order mark or prolog declare, unless the partners agreed otherwise."""
    declared, skip = xml.charset(head)
    return agreed or declared, skip


def walk(chunks: Iterable[str]) -> Iterator[Interchange | Unit]:
    """The one document of a file, as a message in an interchange of its own."""
    source = xml.whole(chunks)
    document = read(source)
    interchange = Interchange(
        number=0,
        header=[document.kind, document.order_number],
        syntax="",
        sender=document.buyer,
        receiver=text(document.root, "cac:SellerSupplierParty/cac:Party/cbc:EndpointID") or "",
        control=document.instance,
        sent_at=document.issued_at or "",
        messages=1,
        closed=True,
    )
    reference = text(document.root, "cbc:ID") or ""
    yield Unit(interchange=0, group=None, position=0, kind=document.kind, reference=reference, text=source)
    yield interchange


def order_id(source: str, syntax: str) -> str:  # noqa: ARG001  a document has no delimiters
    return read(source).order_number


def rank(kind: str, source: str) -> int:
    """An order comes first, then its changes by their numbers, then its cancellation, whatever their days say."""
    return {"Order": 0, "OrderCancellation": 2**62}.get(kind) or (
        read(source).sequence + 1 if kind == "OrderChange" else 0
    )


def faults(message: Message) -> list[Fault]:
    """A document that was read has no faults of syntax."""
    return [message.fault] if message.fault else []


def acknowledgement(interchange: Interchange, verdicts: Sequence[Verdict], now: datetime) -> None:
    """UBL documents are acknowledged by the access point (Peppol MLR), not by files; see `response` for the answer."""


FORMAT = Format(
    charset=charset,
    walk=walk,
    order_id=order_id,
    rank=rank,
    faults=faults,
    acknowledgement=acknowledgement,
    answers=frozenset(),
    cure="the prolog declares it: ask the sender to correct it, or set source.charset to what was agreed",
    suffix=".xml",
)


def write(order: Order, answer: Answer, _: Interchange, message: Message, number: int) -> bytes:
    """The OrderResponse."""
    return response(order, answer, read(message.text), number=str(number)).encode()


def open_(options: Terms, account: Account, runtime: Runtime) -> Mailbox:
    return Mailbox(FORMAT, write, options, account, runtime)
