"""The envelopes of EDIFACT: interchanges (UNB/UNZ), groups (UNG/UNE) and messages (UNH/UNT)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from orderflow.adapters.edi.envelope import LONGEST, Fault, Group, Interchange, Unit, counts
from orderflow.adapters.edifact.syntax import BLANK, Piece, Segment, elements, get, parse, pieces
from orderflow.domain.errors import RecordError


def walk(chunks: Iterable[str]) -> Iterator[Interchange | Unit]:
    """The messages of a file as they end, and each interchange (with its groups) behind its last one.

    What is wrong with an envelope stands in the `fault` of its `Interchange` or `Group`. An interchange that breaks
    off ends the walk with `closed` False.
    """
    interchange: Interchange | None = None
    group: Group | None = None
    unit: list[str] | None = None
    start: Segment = []
    length = number = position = 0
    for piece in pieces(chunks):
        tag, marks = piece.tag, piece.delimiters
        if tag == "UNA":
            continue
        if tag == "UNB":
            if interchange is not None:
                break
            interchange, number = _opened(piece, number), number + 1
        elif interchange is None:
            raise RecordError("INTERCHANGE_UNREADABLE", "UNB", tag, "a segment stands before UNB")
        elif unit is not None and tag not in ("UNT", "UNH", "UNE", "UNZ"):
            unit.append(piece.text)
            length += len(piece.text)
            if length > LONGEST:
                raise RecordError(
                    "INTERCHANGE_UNREADABLE", "UNH", None, f"a message is longer than {LONGEST} characters"
                )
        elif unit is not None:
            if tag == "UNT":
                unit.append(piece.text)
            yield Unit(
                interchange=interchange.number,
                group=len(interchange.groups) - 1 if group is not None else None,
                position=position,
                kind=get(start, 2),
                reference=get(start, 1),
                text="".join(unit),
                fault=None if tag == "UNT" else _no_trailer(get(start, 1)),
            )
            unit, position = None, position + 1
        if tag == "UNH":
            unit, start, length = [piece.text.lstrip(BLANK)], parse(piece.text, marks), 0
            interchange.messages += 1
            if group is not None:
                group.messages += 1
        elif tag == "UNG":
            header = elements(piece.text, marks)
            group = Group(header=header, control=header[5] if len(header) > 5 else "")
            interchange.groups.append(group)
        elif tag == "UNE" and group is not None:
            group.fault, group = _group_fault(group, parse(piece.text, marks)), None
        elif tag == "UNZ":
            interchange.closed = True
            interchange.fault = interchange.fault or _trailer_fault(interchange, parse(piece.text, marks), group)
            yield interchange
            interchange = group = None
        elif unit is None and tag not in ("UNB", "UNT"):
            interchange.fault = interchange.fault or Fault(
                code="INTERCHANGE_STRUCTURE",
                field=tag,
                value=tag,
                message="this segment may not stand between messages",
                note="15",
            )
    if interchange is not None:
        interchange.fault = Fault(
            code="INTERCHANGE_TORN",
            field="UNZ",
            message=f"interchange {interchange.control} ends without UNZ after {interchange.messages} messages; "
            "the file was cut: ask the sender to transmit it again",
            note="13",
        )
        yield interchange


def _opened(piece: Piece, number: int) -> Interchange:
    marks = piece.delimiters
    unb = parse(piece.text, marks)
    return Interchange(
        number=number,
        header=elements(piece.text, marks),
        syntax="".join(marks),
        sender=get(unb, 2),
        receiver=get(unb, 3),
        control=get(unb, 5),
        sent_at=moment(get(unb, 4, 1), get(unb, 4, 2)),
        test=get(unb, 11) == "1",
        asks_receipt=get(unb, 9) == "1",
    )


def _no_trailer(reference: str) -> Fault:
    return Fault(
        code="MESSAGE_TORN",
        field="UNT",
        value=reference,
        message=f"message {reference} ends without UNT",
        note="13",
    )


def _group_fault(group: Group, trailer: Segment) -> Fault | None:
    if get(trailer, 2) != group.control:
        return Fault(
            code="GROUP_UNBALANCED",
            field="UNE 0048",
            value=get(trailer, 2),
            message=f"the group begins as {group.control} (UNG) and ends as {get(trailer, 2)} (UNE)",
            note="28",
        )
    if not counts(get(trailer, 1), group.messages):
        return Fault(
            code="GROUP_UNBALANCED",
            field="UNE 0060",
            value=get(trailer, 1),
            message=f"group {group.control} holds {group.messages} messages, its trailer says {get(trailer, 1)}",
            note="29",
        )
    return None


def _trailer_fault(interchange: Interchange, trailer: Segment, open_group: Group | None) -> Fault | None:
    if open_group is not None:
        return Fault(
            code="INTERCHANGE_STRUCTURE",
            field="UNE",
            value=open_group.control,
            message=f"group {open_group.control} ends without UNE",
            note="13",
        )
    if get(trailer, 2) != interchange.control:
        return Fault(
            code="INTERCHANGE_UNBALANCED",
            field="UNZ 0020",
            value=get(trailer, 2),
            message=f"the interchange begins as {interchange.control} (UNB) and ends as {get(trailer, 2)} (UNZ); "
            "ask the sender to transmit it again",
            note="28",
        )
    parts = len(interchange.groups) or interchange.messages
    if not counts(get(trailer, 1), parts):
        return Fault(
            code="INTERCHANGE_UNBALANCED",
            field="UNZ 0036",
            value=get(trailer, 1),
            message=f"interchange {interchange.control} holds {parts} messages or groups, its trailer says "
            f"{get(trailer, 1)}; ask the sender to transmit it again",
            note="29",
        )
    return None


def moment(date: str, time: str) -> str:
    """ISO 8601 of `YYMMDD` or `CCYYMMDD` and `HHMM`; raises `RecordError` for anything else."""
    day = ("20" if len(date) == 6 else "") + date
    try:
        return datetime.fromisoformat(f"{day[:4]}-{day[4:6]}-{day[6:]}T{time[:2]}:{time[2:4]}:00").isoformat()
    except ValueError as error:
        raise RecordError("TIME_MALFORMED", "UNB S004", f"{date}:{time}", "UNB writes YYMMDD:HHMM") from error
