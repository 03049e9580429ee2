"""The EDIFACT syntax: delimiters out of UNA, segments out of text, and back into text.

Service segments and their elements: ISO 9735 (https://www.gefeg.com/jswg/). Character sets by UNB 0001:
https://service.gefeg.com/jswg1/Current/cl/cl1.htm and https://doc.chinlinktech.com/edifact/D98B/element/0001.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from orderflow.adapters.files import byte_order_mark
from orderflow.domain.errors import RecordError

BLANK = " \t\r\n\0\x1a"
LONGEST_SEGMENT = 1 << 20
"""Most characters of one segment; a longer one is a file that lost its delimiters."""

Segment: TypeAlias = list[list[str]]
"""Elements of components, release characters resolved; element 0 is the tag."""

CHARSETS = {
    "UNOA": "ascii",
    "UNOB": "ascii",
    "UNOC": "iso8859-1",
    "UNOD": "iso8859-2",
    "UNOE": "iso8859-5",
    "UNOF": "iso8859-7",
    "UNOG": "iso8859-3",
    "UNOH": "iso8859-4",
    "UNOI": "iso8859-6",
    "UNOJ": "iso8859-8",
    "UNOK": "iso8859-9",
    "UNOW": "utf-8",
    "UNOX": "iso2022_jp_2",
    "UNOY": "utf-8",
    "KECA": "euc_kr",
}
"""UNB 0001 to Python codec. ISO 10646 (UNOY) travels as UTF-8 unless a byte order mark says otherwise; UNOX (ISO 2022)
is read with the escapes that are in use for Japanese, Korean, Chinese and Western text."""


class Delimiters(NamedTuple):
    """The service characters of UNA, in its order. Decimal marks are read as point or comma whatever UNA says."""

    component: str = ":"
    element: str = "+"
    decimal: str = "."
    release: str = "?"
    repetition: str = " "
    segment: str = "'"

    @classmethod
    def parse(cls, text: str) -> Delimiters:
        return cls(*text)


DEFAULT = Delimiters()


class Piece(NamedTuple):
    """One segment: its text with its terminator and whatever stood before it, its tag, and the delimiters in force."""

    text: str
    tag: str
    delimiters: Delimiters


def charset(head: bytes, agreed: str | None) -> tuple[str, int]:
    """How to decode a file that begins with `head`: a codec, and the length of its byte order mark.

    `agreed` is the character set that the partners agreed on against the header. Raises `RecordError` when the header
    names none that is known.
    """
    mark = byte_order_mark(head)
    if mark is not None:
        return mark
    if agreed is not None:
        return agreed, 0
    start = head.lstrip(b" \t\r\n\0\x1a")
    if start.startswith(b"UNA"):
        start = start[9:].lstrip()
    name = start[4:8].decode("ascii", "replace")
    if start[:3] != b"UNB":
        raise RecordError("INTERCHANGE_UNREADABLE", "UNB", None, "an EDIFACT interchange begins with UNA or UNB")
    if name not in CHARSETS:
        raise RecordError(
            "CHARACTER_SET",
            "UNB 0001",
            name,
            f"known are {', '.join(CHARSETS)}; or set source.charset to what was agreed",
        )
    return CHARSETS[name], 0


@lru_cache(maxsize=32)
def _patterns(marks: Delimiters) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Patterns of a whole segment, of an element, of a component, and of a released character."""
    rel = re.escape(marks.release)

    def upto(mark: str) -> str:
        return rf"[^{rel}{re.escape(mark)}]*(?:{rel}.[^{rel}{re.escape(mark)}]*)*"

    return (
        re.compile(upto(marks.segment) + re.escape(marks.segment), re.DOTALL),
        re.compile(rf"({upto(marks.element)})(?:{re.escape(marks.element)}|\Z)", re.DOTALL),
        re.compile(rf"({upto(marks.component)})(?:{re.escape(marks.component)}|\Z)", re.DOTALL),
        re.compile(rf"{rel}(.)", re.DOTALL),
    )


def pieces(chunks: Iterable[str]) -> Iterator[Piece]:
    """Every segment of a file, in order, UNA included; a UNA rules until the next one, UNZ brings the default back."""
    source = iter(chunks)
    buffer, marks = "", DEFAULT
    while True:
        buffer = buffer.lstrip(BLANK)
        while len(buffer) < 12 and (more := next(source, None)) is not None:
            buffer = (buffer + more).lstrip(BLANK)
        if not buffer:
            return
        if buffer.startswith("UNA"):
            marks = _announced(buffer)
            yield Piece(buffer[:9], "UNA", marks)
            buffer = buffer[9:]
        ended = False
        while not ended:
            at = 0
            for text in _whole(buffer, marks):
                at += len(text)
                tag = text.lstrip(BLANK)[:3]
                yield Piece(text, tag, marks)
                if ended := tag == "UNZ":
                    break
            buffer = buffer[at:]
            if ended:
                marks = DEFAULT
            elif len(buffer) > LONGEST_SEGMENT:
                raise RecordError(
                    "INTERCHANGE_UNREADABLE",
                    "UNA",
                    marks.segment,
                    f"no segment ends within {LONGEST_SEGMENT} characters",
                )
            elif (more := next(source, None)) is not None:
                buffer += more
            else:
                if buffer.strip(BLANK):
                    yield Piece(buffer, "", marks)
                return


def _whole(buffer: str, marks: Delimiters) -> Iterator[str]:
    """The complete segments at the start of `buffer`, as they are written."""
    if marks.release == " " or marks.release not in buffer:
        *whole, _ = buffer.split(marks.segment)
        yield from (text + marks.segment for text in whole)
        return
    at, pattern = 0, _patterns(marks)[0]
    while match := pattern.match(buffer, at):
        yield match[0]
        at = match.end()


def _announced(buffer: str) -> Delimiters:
    marks = Delimiters(*buffer[3:9]) if len(buffer) >= 9 else DEFAULT
    signs = [marks.component, marks.element, marks.segment]
    if len(set(signs)) < 3 or any(sign.isalnum() for sign in signs):
        raise RecordError(
            "INTERCHANGE_UNREADABLE",
            "UNA",
            buffer[3:9],
            "UNA announces six characters, such as :+.? ' ; these cannot be",
        )
    return marks


def elements(text: str, marks: Delimiters) -> list[str]:
    """The elements of one segment as they are written, tag first."""
    body = text.strip(BLANK).removesuffix(marks.segment)
    if marks.release == " " or marks.release not in body:
        return body.split(marks.element)
    return _split(_patterns(marks)[1], body)


def parse(text: str, marks: Delimiters) -> Segment:
    """One segment, release characters resolved."""
    if marks.release == " " or marks.release not in text:
        return [part.split(marks.component) for part in elements(text, marks)]
    _, _, component, released = _patterns(marks)
    return [[released.sub(r"\1", each) for each in _split(component, part)] for part in elements(text, marks)]


def _split(pattern: re.Pattern[str], text: str) -> list[str]:
    """The parts of `text`; the pattern also matches nothing at the end when the last part was not empty."""
    parts, at = [], 0
    while match := pattern.match(text, at):
        parts.append(match[1])
        if match.end() == len(text) and match.end(1) == len(text):
            break
        at = match.end()
    return parts


def segments(text: str, marks: Delimiters) -> list[Segment]:
    """The segments of one message."""
    return [parse(piece, marks) for piece in _whole(text, marks) if piece.strip(BLANK)]


def get(segment: Sequence[Sequence[str]], element: int, component: int = 1) -> str:
    """One component (counted from 1) of one element (counted from 1 behind the tag); empty when it is absent."""
    if element < len(segment) and component <= len(segment[element]):
        return segment[element][component - 1].strip()
    return ""


def escaped(value: str, marks: Delimiters) -> str:
    """A value as data: its delimiters released."""
    signs = {marks.component, marks.element, marks.release, marks.segment} - {" "}
    return "".join(marks.release + sign if sign in signs else sign for sign in value)


def write(segment: Sequence[Sequence[str] | str], marks: Delimiters) -> str:
    """One segment as text, from elements that are components or plain values; empty ends are left out."""
    parts = []
    for element in segment:
        values = [element] if isinstance(element, str) else list(element)
        while len(values) > 1 and not values[-1]:
            values.pop()
        parts.append(marks.component.join(escaped(value, marks) for value in values))
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return marks.element.join(parts) + marks.segment
