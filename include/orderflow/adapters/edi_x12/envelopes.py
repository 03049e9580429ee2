"""The envelopes of X12: interchanges (ISA/IEA), functional groups (GS/GE) and transaction sets (ST/SE)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from orderflow.adapters.edi.envelope import LONGEST, Fault, Group, Interchange, Unit, counts
from orderflow.adapters.edi_x12.syntax import BLANK, Piece, element, pieces
from orderflow.domain.errors import RecordError


def walk(chunks: Iterable[str]) -> Iterator[Interchange | Unit]:
    """The transaction sets of a file as they end, and each interchange (with its groups) behind its last one.

    What is wrong with an envelope stands in the `fault` of its `Interchange` or `Group`. An interchange that breaks
    off ends the walk with `closed` False.
    """
    interchange: Interchange | None = None
    group: Group | None = None
    unit: list[str] | None = None
    start: list[str] = []
    length = number = position = 0
    for piece in pieces(chunks):
        elements, tag = piece.elements, piece.elements[0]
        if tag == "ISA":
            if interchange is not None:
                break
            interchange, number = _opened(piece, number), number + 1
        elif interchange is None:
            raise RecordError("INTERCHANGE_UNREADABLE", tag[:3], tag[:3], "a segment stands before ISA")
        elif unit is not None and tag not in ("SE", "ST", "GE", "IEA"):
            unit.append(piece.text)
            length += len(piece.text)
            if length > LONGEST:
                raise RecordError(
                    "INTERCHANGE_UNREADABLE", "ST", None, f"a transaction set is longer than {LONGEST} characters"
                )
        elif unit is not None:
            if tag == "SE":
                unit.append(piece.text)
            missing = None if tag == "SE" else _no_trailer(start)
            yield _unit(interchange, start, unit, position, missing)
            unit, position = None, position + 1
        if tag == "ST":
            if group is None:
                interchange.fault = interchange.fault or _structure("ST", "a transaction set stands outside of a group")
                group = Group(header=["GS"], control="")
                interchange.groups.append(group)
            unit, start, length = [piece.text.lstrip(BLANK)], elements, 0
            group.messages += 1
            interchange.messages += 1
        elif tag == "GS":
            if group is not None:
                group.fault = group.fault or _group_open(group)
            group = Group(header=elements, control=element(elements, 6))
            interchange.groups.append(group)
        elif tag == "GE" and group is not None:
            group.fault, group = _group_fault(group, elements), None
        elif tag == "IEA":
            if group is not None:
                group.fault, group = group.fault or _group_open(group), None
            interchange.closed = True
            interchange.fault = interchange.fault or _trailer_fault(interchange, elements)
            yield interchange
            interchange = None
        elif unit is None and tag not in ("ISA", "SE", "TA1"):
            interchange.fault = interchange.fault or _structure(
                tag, "this segment may not stand between transaction sets"
            )
    if interchange is not None:
        interchange.fault = Fault(
            code="INTERCHANGE_TORN",
            field="IEA",
            message=f"interchange {interchange.control} ends without IEA after {interchange.messages} transaction "
            "sets; the file was cut: ask the sender to transmit it again",
            note="023",
        )
        yield interchange


def _opened(piece: Piece, number: int) -> Interchange:
    isa = piece.elements
    return Interchange(
        number=number,
        header=isa,
        syntax="".join(piece.delimiters),
        sender=element(isa, 6),
        receiver=element(isa, 8),
        control=element(isa, 13),
        sent_at=moment(element(isa, 9), element(isa, 10)),
        test=element(isa, 15) == "T",
        asks_receipt=element(isa, 14) == "1",
    )


def _unit(interchange: Interchange, start: list[str], texts: list[str], position: int, fault: Fault | None) -> Unit:
    return Unit(
        interchange=interchange.number,
        group=len(interchange.groups) - 1,
        position=position,
        kind=element(start, 1),
        reference=element(start, 2),
        text="".join(texts),
        fault=fault,
    )


def _no_trailer(start: list[str]) -> Fault:
    return Fault(
        code="MESSAGE_TORN",
        field="SE",
        value=element(start, 2),
        message=f"transaction set {element(start, 2)} ends without SE",
        note="2",
    )


def _structure(tag: str, what: str) -> Fault:
    return Fault(code="INTERCHANGE_STRUCTURE", field=tag[:3], value=tag[:3], message=what, note="022")


def _group_open(group: Group) -> Fault:
    return Fault(
        code="GROUP_UNBALANCED",
        field="GE",
        value=group.control,
        message=f"group {group.control} ends without GE",
        note="3",
    )


def _group_fault(group: Group, trailer: list[str]) -> Fault | None:
    if element(trailer, 2).lstrip("0") != group.control.lstrip("0"):
        return Fault(
            code="GROUP_UNBALANCED",
            field="GE02",
            value=element(trailer, 2),
            message=f"the group begins as {group.control} (GS06) and ends as {element(trailer, 2)}",
            note="4",
        )
    if not counts(element(trailer, 1), group.messages):
        return Fault(
            code="GROUP_UNBALANCED",
            field="GE01",
            value=element(trailer, 1),
            message=f"group {group.control} holds {group.messages} transaction sets, its trailer says "
            f"{element(trailer, 1)}",
            note="5",
        )
    return group.fault


def _trailer_fault(interchange: Interchange, trailer: list[str]) -> Fault | None:
    if element(trailer, 2).lstrip("0") != interchange.control.lstrip("0"):
        return Fault(
            code="INTERCHANGE_UNBALANCED",
            field="IEA02",
            value=element(trailer, 2),
            message=f"the interchange begins as {interchange.control} (ISA13) and ends as {element(trailer, 2)}; "
            "ask the sender to transmit it again",
            note="001",
        )
    if not counts(element(trailer, 1), len(interchange.groups)):
        return Fault(
            code="INTERCHANGE_UNBALANCED",
            field="IEA01",
            value=element(trailer, 1),
            message=f"interchange {interchange.control} holds {len(interchange.groups)} groups, its trailer says "
            f"{element(trailer, 1)}; ask the sender to transmit it again",
            note="021",
        )
    return None


def moment(date: str, time: str) -> str:
    """ISO 8601 of `YYMMDD` or `CCYYMMDD` and `HHMM[SS[D[D]]]`; raises `RecordError` for anything else."""
    day, clock = ("20" if len(date) == 6 else "") + date, (time or "0000")[:6].ljust(6, "0")
    spelled = f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}"
    try:
        return datetime.fromisoformat(spelled).isoformat()
    except ValueError as error:
        raise RecordError("TIME_MALFORMED", "date and time", f"{date} {time}", "X12 writes YYMMDD and HHMM") from error
