"""The X12 syntax: delimiters out of ISA, segments out of text, and back into text.

Structure of ISA, GS, ST and their trailers: ASC X12.5 and X12.6 as the public segment directories show them
(https://www.stedi.com/edi/x12/segment/ISA). X12 has no escape character: data that contains a delimiter cannot be sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from orderflow.domain.errors import RecordError

BLANK = " \t\r\n\0\x1a"
"""What may stand between segments and around interchanges: line ends, padding, the end-of-file mark of old systems."""

LONGEST_SEGMENT = 1 << 20
"""Most characters of one segment; a longer one is a file that lost its delimiters."""


class Delimiters(NamedTuple):
    """The four characters that ISA announces; `repetition` is empty before version 00402."""

    element: str = "*"
    component: str = ">"
    segment: str = "~"
    repetition: str = ""

    @classmethod
    def parse(cls, text: str) -> Delimiters:
        """Out of the four (or three) characters that `str.join` of a `Delimiters` gives."""
        return cls(text[0], text[1], text[2], text[3:4])


class Piece(NamedTuple):
    """One segment: its text with its terminator and whatever stood before it, and its elements, tag first."""

    text: str
    elements: list[str]
    delimiters: Delimiters


def delimiters(head: str) -> Delimiters:
    """The delimiters of the interchange that begins with `head`; raises `RecordError` when it is no ISA segment.

    They are found by counting elements, not bytes, because some senders trim the blanks that fill up ISA.
    """
    if not head.startswith("ISA") or len(head) < 4:
        raise RecordError(
            "INTERCHANGE_UNREADABLE",
            "ISA",
            head[:3],
            "an X12 interchange begins with ISA; this file holds something else",
        )
    element = head[3]
    parts = head.split(element, 16)
    if element.isalnum() or len(parts) < 17 or len(parts[16]) < 2 or len(parts[12]) > 5:
        raise RecordError(
            "INTERCHANGE_UNREADABLE", "ISA", head[:3], "ISA has 16 elements; this one ends early or is not delimited"
        )
    repetition = parts[11] if parts[12] >= "00402" and not parts[11].isalnum() else ""
    return Delimiters(element, parts[16][0], parts[16][1], repetition)


def pieces(chunks: Iterable[str]) -> Iterator[Piece]:
    """Every segment of a file, in order; a file may hold several interchanges, each with delimiters of its own."""
    source = iter(chunks)
    buffer = ""
    while True:
        buffer = buffer.lstrip(BLANK)
        while len(buffer) < 1024 and (more := next(source, None)) is not None:
            buffer = (buffer + more).lstrip(BLANK)
        if not buffer:
            return
        marks = delimiters(buffer)
        open_ = True
        while open_:
            *whole, buffer = buffer.split(marks.segment)
            for place, text in enumerate(whole):
                yield _piece(text + marks.segment, marks)
                if text.lstrip(BLANK).startswith("IEA"):
                    buffer = marks.segment.join([*whole[place + 1 :], buffer])
                    open_ = False
                    break
            if not open_:
                break
            if len(buffer) > LONGEST_SEGMENT:
                raise _endless(marks)
            more = next(source, None)
            if more is None:
                if buffer.strip(BLANK):
                    yield _piece(buffer, marks)
                return
            buffer += more


def _piece(text: str, marks: Delimiters) -> Piece:
    return Piece(text, text.strip(BLANK).removesuffix(marks.segment).strip(BLANK).split(marks.element), marks)


def _endless(marks: Delimiters) -> RecordError:
    return RecordError(
        "INTERCHANGE_UNREADABLE",
        "ISA16",
        marks.segment,
        f"no segment ends within {LONGEST_SEGMENT} characters; the segment terminator in ISA is not the one in use",
    )


def segments(text: str, marks: Delimiters) -> list[list[str]]:
    """The segments of one transaction set, each as its elements, tag first."""
    return [part.split(marks.element) for raw in text.split(marks.segment) if (part := raw.strip(BLANK))]


def element(segment: Sequence[str], number: int) -> str:
    """Element `number` of a segment without blanks around it; empty when it is absent."""
    return segment[number].strip() if number < len(segment) else ""


def write(segment: Sequence[str], marks: Delimiters) -> str:
    """One segment as text; raises `RecordError` when its data holds a delimiter, because X12 cannot escape one."""
    trimmed = list(segment)
    while len(trimmed) > 1 and not trimmed[-1]:
        trimmed.pop()
    for number, value in enumerate(trimmed):
        if marks.element in value or marks.segment in value or "\n" in value or "\r" in value:
            raise RecordError(
                "CHARACTER_NOT_ALLOWED",
                f"{segment[0]}{number:02d}",
                value,
                f"X12 cannot carry its own delimiters {marks.element} and {marks.segment} in data; agree on others",
            )
    return marks.element.join(trimmed) + marks.segment
