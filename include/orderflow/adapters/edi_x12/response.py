"""What we send back: the 997 (and TA1) that an interchange asks for, and the 855 that answers an order. Pure.

997 and TA1 say whether the syntax was understood, nothing of the business; 855 is the seller's answer. Sources:
https://learn.microsoft.com/en-us/biztalk/core/x12-997-acknowledgment-error-codes (AK3, AK4, AK5, AK9),
https://learn.microsoft.com/en-us/biztalk/core/x12-ta1-acknowledgment-error-codes,
https://edihere.com/asc-x12-668-line-item-status-code/ (ACK01).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from orderflow.adapters.edi.answer import Answer, LineAnswer
from orderflow.adapters.edi.envelope import Fault, Group, Interchange, Verdict
from orderflow.adapters.edi_x12.syntax import Delimiters, element, write
from orderflow.domain.order import Line, Order

ANSWERED = ("PO", "PC")
"""Functional groups that get a 997: orders and their changes. A 997 is never answered by a 997."""


def acknowledgement(interchange: Interchange, verdicts: Sequence[Verdict], now: datetime) -> str | None:
    """The interchange that acknowledges `interchange`, or None when nothing is to be said.

    It carries the control number of the interchange that it acknowledges, so that writing it again is the same text.
    """
    ta1 = [_ta1(interchange)] if interchange.asks_receipt else []
    groups = [
        (number, group) for number, group in enumerate(interchange.groups) if element(group.header, 1) in ANSWERED
    ]
    if interchange.fault is not None:
        groups = []
    if not ta1 and not groups:
        return None
    sets = []
    for count, (number, group) in enumerate(groups, 1):
        body = [*_997(group, [verdict for verdict in verdicts if verdict.group == number])]
        sets += _set("997", f"{count:04d}", body)
    inside = [*ta1]
    if sets:
        first = groups[0][1].header
        inside += _group("FA", first, interchange.control.lstrip("0") or "0", sets, len(groups), now)
    return _interchange(interchange, inside, 1 if sets else 0, now)


def _997(group: Group, verdicts: Sequence[Verdict]) -> Iterator[list[str]]:
    yield ["AK1", element(group.header, 1), group.control]
    for verdict in verdicts:
        yield ["AK2", verdict.kind, verdict.reference]
        for (tag, position), faults in groupby(
            [fault for fault in verdict.faults if fault.segment], lambda fault: (fault.segment, fault.position)
        ):
            yield from _segment_note(tag, position, list(faults))
        codes = list(dict.fromkeys("5" if fault.segment else fault.note for fault in verdict.faults))[:5]
        yield ["AK5", "R" if codes else "A", *codes]
    accepted = sum(not verdict.faults for verdict in verdicts)
    if group.fault is not None:
        yield ["AK9", "R", str(len(verdicts)), str(len(verdicts)), "0", group.fault.note]
    else:
        code = "A" if accepted == len(verdicts) else "P" if accepted else "R"
        yield ["AK9", code, str(len(verdicts)), str(len(verdicts)), str(accepted)]


def _segment_note(tag: str, position: int, faults: Sequence[Fault]) -> Iterator[list[str]]:
    elements = [fault for fault in faults if fault.element]
    yield ["AK3", tag, str(position), "", "8" if elements else faults[0].note]
    for fault in elements:
        yield ["AK4", str(fault.element), "", fault.note]


def _ta1(interchange: Interchange) -> list[str]:
    isa, fault = interchange.header, interchange.fault
    code = "A" if fault is None else "R"
    return ["TA1", interchange.control, element(isa, 9), element(isa, 10), code, fault.note if fault else "000"]


def response(order: Order, answer: Answer, interchange: Interchange, *, control: int) -> str:
    """The 855 for one order, addressed to the sender of the `interchange` that brought it.

    `control` is the number of the interchange, the group and the transaction set that we send; it counts up over all
    that this partner gets. Raises `RecordError` when a value holds one of the partner's delimiters.
    """
    kind = {"accepted": "AD", "changed": "AC", "rejected": "RD"}[answer.outcome]
    if answer.outcome == "accepted" and any(line.outcome != "accepted" for line in answer.lines):
        kind = "AC"
    day = answer.at.strftime("%Y%m%d")
    placed = (order.placed_at or "")[:10].replace("-", "") or day
    body = [
        ["BAK", "00", kind, order.order_number or order.order_id, placed, "", "", "", answer.oms_id or "", day],
        *(segment for line in order.lines if line.parent_line_id is None for segment in _line(line, answer)),
        ["CTT", str(sum(line.parent_line_id is None for line in order.lines))],
    ]
    group = interchange.groups[0].header
    sets = _set("855", f"{control:04d}"[-9:], body)
    return _interchange(interchange, _group("PR", group, str(control), sets, 1, answer.at), 1, answer.at, control)


def _line(line: Line, answer: Answer) -> Iterator[list[str]]:
    said = answer.line(line.line_id)
    item = ["VP", line.sku or ""] if line.sku else []
    quantity, price, unit = line.quantity or "", line.unit_price or "", line.uom or ""
    yield ["PO1", line.line_id or str(line.number), quantity, unit, price, "PE" if price else "", *item]
    day = (said.ship_on or "").replace("-", "")
    now = "" if said.outcome == "rejected" else said.quantity or quantity
    yield ["ACK", _status(said), now, unit if now else "", "068" if day else "", day]


def _status(said: LineAnswer) -> str:
    """Element 668: a price or quantity that alone changed has a code of its own."""
    if said.outcome == "changed":
        return {(True, False): "IQ", (False, True): "IP"}.get((bool(said.quantity), bool(said.unit_price)), "IC")
    return {"accepted": "IA", "backordered": "IB", "rejected": "IR"}[said.outcome]


def _set(kind: str, reference: str, body: Sequence[list[str]]) -> list[list[str]]:
    return [["ST", kind, reference], *body, ["SE", str(len(body) + 2), reference]]


def _group(
    code: str, answered: Sequence[str], control: str, sets: Sequence[list[str]], count: int, now: datetime
) -> list[list[str]]:
    """A functional group back to the sender of a group whose GS is `answered`."""
    sender, receiver = element(answered, 3), element(answered, 2)
    day, hour = now.strftime("%Y%m%d"), now.strftime("%H%M")
    header = ["GS", code, sender, receiver, day, hour, control, "X", element(answered, 8)]
    return [header, *sets, ["GE", str(count), control]]


def _interchange(
    answered: Interchange, inside: Sequence[list[str]], groups: int, now: datetime, control: int | None = None
) -> str:
    """An interchange back to the sender of `answered`, in its own delimiters and version."""
    marks, isa = Delimiters.parse(answered.syntax), answered.header
    number = f"{control:09d}" if control is not None else f"{element(isa, 13):0>9}"
    who = [element(isa, 7), f"{element(isa, 8):<15}", element(isa, 5), f"{element(isa, 6):<15}"]
    header = ["ISA", "00", " " * 10, "00", " " * 10, *who, now.strftime("%y%m%d"), now.strftime("%H%M")]
    header += [isa[11], element(isa, 12), number, "0", element(isa, 15), marks.component]
    whole = [header, *inside, ["IEA", str(groups), number]]
    return "".join(write(segment, marks) + "\n" for segment in whole)
