"""The envelopes around order messages, as both interchange standards have them, and what can be wrong with them."""

from __future__ import annotations

import msgspec

from orderflow.domain.errors import RecordError

LONGEST = 16 * 1024 * 1024
"""Most characters of one message; a longer one is a file that lost its delimiters."""


def counts(text: str, counted: int) -> bool:
    """Whether a trailer's count, which may be filled up with zeros, is `counted`."""
    return text.isascii() and text.isdigit() and text.lstrip("0") == str(counted or "")


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that a standard forbids: our name for it, and the standard's own code for the acknowledgement."""

    code: str
    field: str
    value: str | None = None
    message: str
    note: str = ""
    """The standard's error code: X12 element 718, 716, I18 or 720/723; EDIFACT element 0085."""
    segment: str = ""
    """Tag of the segment at fault, or of the one that is missing; empty where the envelope itself is at fault."""
    position: int = 0
    """Place of the segment in its message, counted from 1 at the message's header."""
    element: int = 0
    """Place of the data element in its segment, counted from 1 behind the tag; 0: the whole segment."""

    def error(self) -> RecordError:
        return RecordError(self.code, self.field, self.value, self.message)


class Group(msgspec.Struct, kw_only=True):
    """A functional group: X12 `GS`/`GE`, EDIFACT `UNG`/`UNE`. EDIFACT interchanges mostly have none."""

    header: list[str]
    """The header segment's elements, tag first."""
    control: str
    messages: int = 0
    """Messages counted."""
    fault: Fault | None = None


class Interchange(msgspec.Struct, kw_only=True):
    """One interchange of a file: `ISA`/`IEA` or `UNB`/`UNZ`."""

    number: int
    """Its place in the file, from 0."""
    header: list[str]
    """The header segment's elements, tag first; EDIFACT composites as they are written."""
    syntax: str
    """Its delimiters, in the order in which the standard announces them."""
    sender: str
    receiver: str
    control: str
    sent_at: str
    """ISO 8601 without offset: local to the sender."""
    test: bool = False
    asks_receipt: bool = False
    """True where the header asks for an acknowledgement of the envelope (ISA14, UNB 0031)."""
    groups: list[Group] = msgspec.field(default_factory=list)
    messages: int = 0
    closed: bool = False
    """True when the trailer was there."""
    fault: Fault | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one message: the faults for which it was rejected, or none."""

    group: int | None
    kind: str
    reference: str
    faults: list[Fault] = []


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """One message inside an interchange, verbatim from its header segment to its trailer."""

    interchange: int
    group: int | None
    position: int
    """Place among all messages of the file, from 0."""
    kind: str
    """X12 transaction set identifier (`850`) or EDIFACT message type (`ORDERS`)."""
    reference: str
    text: str
    fault: Fault | None = None
    """The trailer is missing."""
