"""What X12 forbids in an 850 or 860, found before anything is mapped, in the words of a 997.

Elements and their kinds: ASC X12 004010 as the public segment directories show them (stedi.com/edi/x12). Error codes of
AK304, AK403 and AK502: https://learn.microsoft.com/en-us/biztalk/core/x12-997-acknowledgment-error-codes.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from orderflow.adapters.edi.envelope import Fault, counts
from orderflow.adapters.edi_x12.syntax import element

FIRST = {"850": "BEG", "860": "BCH"}
"""The sets that are orders, and their beginning segments."""

LINE = {"850": "PO1", "860": "POC"}

_MANDATORY = {
    "BEG": (1, 2, 3, 5),
    "BCH": (1, 2, 3, 6),
    "POC": (2,),
    "SAC": (1,),
    "DTM": (1,),
    "N1": (1,),
    "TXI": (1,),
    "CTT": (1,),
    "AMT": (1, 2),
}
_DATES = {"BEG": (5,), "BCH": (6, 10, 11), "DTM": (2,)}
_DECIMALS = {
    "PO1": (2, 4),
    "POC": (3, 4, 6),
    "TXI": (2, 3),
    "AMT": (2,),
    "SAC": (7, 8, 10),
    "SLN": (4, 6),
    "SCH": (1,),
    "CTT": (2,),
}
_WHOLE = {"SAC": (5,), "CTT": (1,)}

DECIMAL = re.compile(r"(?=.{1,24}\Z)-?(\d+\.?\d*|\.\d+)", re.ASCII)
"""Type R: an explicit point where there is a fraction, a minus where negative, no exponent."""
_INTEGER = re.compile(r"-?\d{1,15}", re.ASCII)


def check(kind: str, reference: str, segments: Sequence[Sequence[str]]) -> list[Fault]:
    """Every fault of one transaction set, in the order in which they stand; empty when it may be mapped."""
    return [*_envelope(kind, reference, segments), *_content(kind, segments)]


def _envelope(kind: str, reference: str, segments: Sequence[Sequence[str]]) -> Iterator[Fault]:
    if kind not in FIRST:
        yield Fault(
            code="MESSAGE_TYPE_UNKNOWN",
            field="ST01",
            value=kind,
            message=f"this channel takes {' and '.join(FIRST)}, not {kind}",
            note="1",
        )
        return
    trailer = segments[-1]
    if element(trailer, 0) != "SE":
        yield Fault(
            code="MESSAGE_TORN",
            field="SE",
            value=reference,
            message=f"transaction set {reference} ends without SE",
            note="2",
        )
        return
    if element(trailer, 2) != reference:
        yield Fault(
            code="MESSAGE_UNBALANCED",
            field="SE02",
            value=element(trailer, 2),
            message=f"the transaction set begins as {reference} (ST02) and ends as {element(trailer, 2)}",
            note="3",
        )
    if not counts(element(trailer, 1), len(segments)):
        yield Fault(
            code="MESSAGE_UNBALANCED",
            field="SE01",
            value=element(trailer, 1),
            message=f"transaction set {reference} holds {len(segments)} segments, its trailer says "
            f"{element(trailer, 1)}; segments were lost: ask the sender to transmit it again",
            note="4",
        )


def _content(kind: str, segments: Sequence[Sequence[str]]) -> Iterator[Fault]:
    if kind not in FIRST:
        return
    if len(segments) < 2 or segments[1][0] != FIRST[kind]:
        yield Fault(
            code="SEGMENT_MISSING",
            field=FIRST[kind],
            message=f"a {kind} begins with {FIRST[kind]}",
            note="3",
            segment=FIRST[kind],
            position=2,
        )
    for position, segment in enumerate(segments, 1):
        yield from _elements(segment, position)
    lines = [segment for segment in segments if segment[0] == LINE[kind]]
    if not lines and kind == "850" and not (len(segments) > 1 and element(segments[1], 1) == "01"):
        yield Fault(
            code="SEGMENT_MISSING",
            field="PO1",
            message="the order has no line",
            note="3",
            segment="PO1",
            position=len(segments),
        )
    for position, segment in enumerate(segments, 1):
        if segment[0] == "CTT":
            yield from _control_totals(segment, position, lines, LINE[kind])


def _elements(segment: Sequence[str], position: int) -> Iterator[Fault]:
    tag = segment[0]
    for number in _MANDATORY.get(tag, ()):
        if not element(segment, number):
            yield _fault("ELEMENT_MISSING", segment, position, number, "1", "this element is mandatory")
    for number in _DATES.get(tag, ()):
        value = element(segment, number)
        if value and date(value) is None:
            yield _fault("TIME_MALFORMED", segment, position, number, "8", "a date is CCYYMMDD or YYMMDD")
    for number in _DECIMALS.get(tag, ()):
        value = element(segment, number)
        if value and not DECIMAL.fullmatch(value):
            yield _fault(
                "AMOUNT_MALFORMED", segment, position, number, "6", "a number has digits and at most one point"
            )
    for number in _WHOLE.get(tag, ()):
        value = element(segment, number)
        if value and not _INTEGER.fullmatch(value):
            yield _fault("AMOUNT_MALFORMED", segment, position, number, "6", "this number has no decimal point")


def _control_totals(ctt: Sequence[str], position: int, lines: Sequence[Sequence[str]], tag: str) -> Iterator[Fault]:
    told = element(ctt, 1)
    if _INTEGER.fullmatch(told) and int(told) != len(lines):
        yield _fault(
            "LINES_MISSING",
            ctt,
            position,
            1,
            "7",
            f"{len(lines)} lines came; ask the sender to transmit the order again",
        )
    total, number = element(ctt, 2), 2 if tag == "PO1" else 3
    quantities = [value for line in lines if (value := element(line, number))]
    if not DECIMAL.fullmatch(total) or not all(DECIMAL.fullmatch(value) for value in quantities):
        return
    plain = sum((Decimal(value) for value in quantities), Decimal(0))
    hashed = sum(int(re.sub(r"[.-]", "", value)) for value in quantities)
    if Decimal(total) != plain and int(re.sub(r"[.-]", "", total)) != hashed % 10**10:
        yield _fault(
            "LINES_MISSING",
            ctt,
            position,
            2,
            "7",
            f"the quantities sum to {plain}; ask the sender to transmit the order again",
        )


def _fault(code: str, segment: Sequence[str], position: int, number: int, note: str, message: str) -> Fault:
    return Fault(
        code=code,
        field=f"{segment[0]}{number:02d}",
        value=element(segment, number),
        message=f"{message} (segment {position} of the transaction set)",
        note=note,
        segment=segment[0],
        position=position,
        element=number,
    )


def date(value: str) -> str | None:
    """ISO 8601 date of `CCYYMMDD` or `YYMMDD`; None when there is no such day."""
    if not (value.isascii() and value.isdigit() and len(value) in (6, 8)):
        return None
    whole = value if len(value) == 8 else "20" + value
    try:
        return dt.date(int(whole[:4]), int(whole[4:6]), int(whole[6:])).isoformat()
    except ValueError:
        return None
