"""Answers an order with a document in the outbox, once: the matter of an X12 855, an EDIFACT ORDRSP, a UBL response."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import quote

import msgspec

from orderflow.adapters.edi.answer import Answer
from orderflow.adapters.edi.archive import Archive
from orderflow.adapters.edi.envelope import Interchange
from orderflow.adapters.edi.message import Message
from orderflow.adapters.edi.reading import Format, Terms
from orderflow.adapters.edi.text import decoded
from orderflow.domain.errors import RecordError
from orderflow.domain.fulfilment import Notice, Response, Told
from orderflow.domain.order import Order

Write: TypeAlias = Callable[[Order, Answer, Interchange, Message, int], bytes]
"""The document for an order and its answer, to the sender of the interchange and message that brought the order; the
number is another one for every document, and counts up, with gaps."""


def respond(write: Write, format_: Format, terms: Terms, archive: Archive, notice: Notice) -> Told:
    """Write the answer to the outbox, unless that was done.

    Raises `RecordError` for an order that no message of this mailbox brought, or whose file is not kept any more.
    """
    if not isinstance(notice.content, Response):
        raise RecordError("NOTICE_UNKNOWN", "content", None, "a mailbox is told of answers only")
    name = f"response-{quote(notice.order_id, safe='')[:60]}-{notice.key[:12]}{format_.suffix}"
    if archive.is_said(name):
        archive.say(name, None)
        return Told("accepted", reference=name)
    messages = archive.history(notice.order_id)
    if not messages:
        raise RecordError("ORDER_UNKNOWN", "order_id", notice.order_id, "no message of this mailbox brought this order")
    message = messages[-1]
    said = notice.content
    answer = Answer(outcome=said.outcome, oms_id=said.oms_id, reason=said.reason, at=notice.at)
    order = msgspec.json.decode(notice.document, type=Order)
    interchange = _interchange(format_, terms, archive, message)
    archive.say(name, write(order, answer, interchange, message, notice.number))
    return Told("accepted", reference=name)


def _interchange(format_: Format, terms: Terms, archive: Archive, message: Message) -> Interchange:
    """The envelope that brought a message, out of its file."""
    content = archive.kept(message.file, message.sha256)
    if content is None:
        raise RecordError(
            "FILE_GONE",
            "file",
            message.file,
            "the file that brought the order is not kept in done/ any more; it alone says how to address its sender; "
            "put it back, or answer by hand",
        )
    charset, skip = format_.charset(content[:1024], terms.charset)
    chunks = decoded(io.BytesIO(content), charset, cure=format_.cure, skip=skip)
    found = (each for each in format_.walk(chunks) if isinstance(each, Interchange))
    interchange = next((each for each in found if each.control == message.control), None)
    if interchange is None:
        raise RecordError("FILE_GONE", "file", message.file, f"the kept file holds no interchange {message.control}")
    return interchange
