"""The raw record of an interchange format: one message, verbatim, with the evidence of where it came from."""

from __future__ import annotations

import msgspec

from orderflow.adapters.edi.envelope import Fault
from orderflow.domain.errors import DriftError
from orderflow.domain.source import Raw


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One order message. `text` is exactly what stood in the file, decoded from `charset`.

    A message without `kind` stands for a whole file that could not be read; its `fault` says why.
    """

    order_id: str | None = None
    """The order that the message is about, where it says so."""
    kind: str = ""
    file: str
    sha256: str
    """Of the whole file."""
    charset: str = ""
    syntax: str = ""
    """Delimiters, as the interchange header announced them."""
    sender: str = ""
    receiver: str = ""
    control: str = ""
    """Interchange control number or reference."""
    group: str = ""
    reference: str = ""
    position: int = 0
    """Place among all messages of the file, from 0."""
    rank: int = 0
    """Goes before `sent_at` where a standard numbers its messages; 0 where time alone decides."""
    sent_at: str = ""
    """When the interchange was prepared: ISO 8601 without offset, local to the sender."""
    test: bool = False
    text: str = ""
    fault: Fault | None = None
    """What its envelope lacks."""
    history: list[Message] = []
    """The other messages about the same order that came so far, oldest first, this one left out."""

    @property
    def place(self) -> tuple[int, str, int, str, int, str]:
        """Where the message stands among all about its order, and which one it is: sent earlier comes first.

        Of one minute the control number decides, and 10 comes behind 9.
        """
        return self.rank, self.sent_at, len(self.control), self.control, self.position, self.text


_encode = msgspec.json.Encoder().encode


def to_json(message: Message) -> bytes:
    return _encode(message)


def from_json(data: bytes) -> Message:
    return msgspec.json.decode(data, type=Message)


def read(raw: Raw) -> Message:
    """The message of a decoded raw record; raises `DriftError` when the record is not one of ours."""
    try:
        return msgspec.convert(raw, Message)
    except msgspec.ValidationError as error:
        raise DriftError(
            f"this raw record was not written by this adapter ({error}); replay it with the adapter that pulled it"
        ) from error


def story(message: Message) -> list[Message]:
    """All known messages about the order, oldest first."""
    return sorted([*message.history, message], key=lambda each: each.place)
