"""What EDIFACT forbids in an ORDERS or ORDCHG, found before anything is mapped, in the words of a CONTRL.

Message structure: ORDERS and ORDCHG of directory D.96A (https://service.unece.org/trade/untdid/d97a/trmd/ordchg_d.htm).
Error codes, element 0085: https://service.gefeg.com/jwg1/Current/cl/cl15.htm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from orderflow.adapters.edi.envelope import Fault, counts
from orderflow.adapters.edifact.syntax import Segment, get

KINDS = ("ORDERS", "ORDCHG")
"""The message types that are orders."""

_NUMBERS = {"QTY": (1, 2), "MOA": (1, 2), "PRI": (1, 2), "PCD": (1, 2), "CNT": (1, 2)}
"""Element and component of the number that a segment carries."""

_NUMBER = re.compile(r"(?=.{1,24}\Z)-?(\d+[.,]?\d*|[.,]\d+)", re.ASCII)
"""At most one decimal mark, point or comma whatever UNA says; no thousands separator (ISO 9735, 10)."""

_FORMATS = {
    "101": "%y%m%d",
    "102": "%Y%m%d",
    "201": "%y%m%d%H%M",
    "203": "%Y%m%d%H%M",
    "204": "%Y%m%d%H%M%S",
}
"""Element 2379, as far as it names one moment."""
_PERIODS = {"718": "102", "719": "203"}
"""Formats that are two of another one, of which the later counts."""


def number(value: str) -> str | None:
    """Decimal text with a point; None when it is no number."""
    return value.replace(",", ".") if _NUMBER.fullmatch(value) else None


def moment(dtm: Segment) -> str | None:
    """ISO 8601 of a DTM; None when its format names no moment or no such day."""
    value, form = get(dtm, 1, 2), get(dtm, 1, 3)
    if form in _PERIODS:
        form = _PERIODS[form]
        value = value[-8:] if form == "102" else value[-12:]
    if form not in _FORMATS or not (value.isascii() and value.isdigit()):
        return None
    try:
        return datetime.strptime(value, _FORMATS[form]).isoformat()  # noqa: DTZ007  EDIFACT times are local to the sender
    except ValueError:
        return None


def until(dtm: Segment) -> str | None:
    """The moment of a DTM by which something is to be done: of a week (616, CCYYWW of ISO 8601) its last day."""
    week = get(dtm, 1, 2)
    if get(dtm, 1, 3) != "616":
        return moment(dtm)
    try:
        return datetime.fromisocalendar(int(week[:4]), int(week[4:]), 7).isoformat()
    except ValueError:
        return None


def check(kind: str, reference: str, segments: Sequence[Segment]) -> list[Fault]:
    """Every fault of one message, in the order in which they stand; empty when it may be mapped."""
    if kind not in KINDS:
        message = f"this channel takes {' and '.join(KINDS)}, not {kind}"
        return [Fault(code="MESSAGE_TYPE_UNKNOWN", field="UNH 0065", value=kind, message=message, note="14")]
    trailer = segments[-1]
    if get(trailer, 0) != "UNT":
        message = f"message {reference} ends without UNT"
        return [Fault(code="MESSAGE_TORN", field="UNT", value=reference, message=message, note="13")]
    return [*_trailer(trailer, reference, len(segments)), *_content(kind, segments)]


def _trailer(unt: Segment, reference: str, counted: int) -> Iterator[Fault]:
    if get(unt, 2) != reference:
        yield Fault(
            code="MESSAGE_UNBALANCED",
            field="UNT 0062",
            value=get(unt, 2),
            message=f"the message begins as {reference} (UNH) and ends as {get(unt, 2)} (UNT)",
            note="28",
        )
    if not counts(get(unt, 1), counted):
        yield Fault(
            code="MESSAGE_UNBALANCED",
            field="UNT 0074",
            value=get(unt, 1),
            message=f"message {reference} holds {counted} segments, its trailer says {get(unt, 1)}; segments were "
            "lost: ask the sender to transmit it again",
            note="29",
        )


def _content(kind: str, segments: Sequence[Segment]) -> Iterator[Fault]:
    begin = segments[1] if len(segments) > 1 else []
    if get(begin, 0) != "BGM":
        yield _missing("BGM", 2, f"an {kind} begins with BGM")
    elif not get(begin, 2):
        yield _fault("ELEMENT_MISSING", begin, 2, 2, "13", "the document number (1004) is missing")
    lines = 0
    for position, segment in enumerate(segments, 1):
        tag = segment[0][0]
        lines += tag == "LIN"
        if place := _NUMBERS.get(tag):
            value = get(segment, *place)
            if value and number(value) is None:
                yield _fault(
                    "AMOUNT_MALFORMED", segment, position, place[0], "12", "a number has one decimal mark at most"
                )
        elif tag == "DTM" and get(segment, 1, 3) in (*_FORMATS, *_PERIODS, "616") and until(segment) is None:
            message = f"is no moment in the format {get(segment, 1, 3)} that it names"
            yield _fault("TIME_MALFORMED", segment, position, 1, "12", message)
    if not lines and kind == "ORDERS" and get(begin, 3) != "1":
        yield _missing("LIN", len(segments), "the order has no line")
    for position, segment in enumerate(segments, 1):
        if segment[0][0] == "CNT" and get(segment, 1) == "2" and number(get(segment, 1, 2)) != str(lines):
            message = f"{lines} lines came; ask the sender to transmit the order again"
            yield _fault("LINES_MISSING", segment, position, 1, "12", message)


def _missing(tag: str, position: int, message: str) -> Fault:
    return Fault(code="SEGMENT_MISSING", field=tag, message=message, note="13", segment=tag, position=position)


def _fault(code: str, segment: Segment, position: int, element: int, note: str, message: str) -> Fault:
    return Fault(
        code=code,
        field=f"{segment[0][0]}.{element}",
        value=":".join(segment[element]) if element < len(segment) else None,
        message=f"{message} (segment {position} of the message)",
        note=note,
        segment=segment[0][0],
        position=position,
        element=element,
    )
