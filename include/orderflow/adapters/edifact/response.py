"""What we send back: the CONTRL that acknowledges an interchange, and the ORDRSP that answers an order. Pure.

CONTRL says whether the syntax was understood, nothing of the business: https://www.gefeg.com/jswg/v3/data/v3-contrl.htm.
Action codes (0083): https://www.gefeg.com/jswg/cl/v3/19a/cl15.htm. ORDRSP line actions (1229):
http://www.gs1.se/EANCOM%202000/part3/cl1o.htm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from orderflow.adapters.edi.answer import Answer, LineAnswer
from orderflow.adapters.edi.envelope import Interchange, Verdict
from orderflow.adapters.edifact.syntax import DEFAULT, Delimiters, write
from orderflow.domain.order import Line, Order

REJECTED, ACKNOWLEDGED = "4", "7"
"""This level and all below it rejected; this level acknowledged, and all below it that are not named as rejected."""

_SYNTAX_MESSAGES = ("CONTRL", "APERAK")
"""Messages that are themselves answers; they get none."""


def acknowledgement(interchange: Interchange, verdicts: Sequence[Verdict], now: datetime) -> str | None:
    """The interchange with the CONTRL for `interchange`, or None when nothing is to be said.

    It carries the reference of the interchange that it acknowledges, so that writing it again is the same text.
    """
    if verdicts and all(verdict.kind in _SYNTAX_MESSAGES for verdict in verdicts):
        return None
    body: list[Sequence[Sequence[str] | str]]
    sender, receiver = _raw(interchange, 2), _raw(interchange, 3)
    if interchange.fault is not None:
        segment = interchange.fault.field[:3]
        error = [interchange.fault.note, segment if segment in ("UNB", "UNZ") else ""]
        body = [["UCI", interchange.control, sender, receiver, REJECTED, *error]]
    else:
        body = [["UCI", interchange.control, sender, receiver, ACKNOWLEDGED], *_messages(interchange, verdicts)]
    message = _message("1", ["CONTRL", "D", "3", "UN"], body)
    return _interchange(interchange, interchange.control, message, 1, now)


def _messages(interchange: Interchange, verdicts: Sequence[Verdict]) -> Iterator[Sequence[Sequence[str] | str]]:
    """Rejected messages, beneath their groups where the interchange has groups."""
    for number, group in enumerate(interchange.groups):
        parts = [part.split(_marks(interchange).component) for part in group.header]
        error = [group.fault.note, "UNE"] if group.fault else []
        yield ["UCF", group.control, *parts[2:4], REJECTED if group.fault else ACKNOWLEDGED, *error]
        if not group.fault:
            yield from _rejected([verdict for verdict in verdicts if verdict.group == number])
    if not interchange.groups:
        yield from _rejected(verdicts)


def _rejected(verdicts: Sequence[Verdict]) -> Iterator[Sequence[Sequence[str] | str]]:
    for verdict in verdicts:
        if not verdict.faults:
            continue
        own = next((fault for fault in verdict.faults if not fault.segment), None)
        error = [own.note, own.field[:3] if own.field[:3] in ("UNH", "UNT") else ""] if own else []
        yield ["UCM", verdict.reference, [verdict.kind, "D", "96A", "UN"], REJECTED, *error]
        inner = [fault for fault in verdict.faults if fault.segment]
        for position, faults in groupby(inner, lambda fault: fault.position):
            told = list(faults)
            whole = next((fault.note for fault in told if not fault.element), "")
            yield ["UCS", str(position), whole]
            for fault in told:
                if fault.element:
                    yield ["UCD", fault.note, [str(fault.element)]]


def response(order: Order, answer: Answer, interchange: Interchange, *, control: str) -> str:
    """The ORDRSP (D.96A) for one order, addressed to the sender of the `interchange` that brought it.

    `control` is the reference of the interchange that we send; no two to this partner have the same.
    """
    function = {"accepted": "29", "changed": "4", "rejected": "27"}[answer.outcome]
    if answer.outcome == "accepted" and any(line.outcome != "accepted" for line in answer.lines):
        function = "4"
    parents = [line for line in order.lines if line.parent_line_id is None]
    body: list[Sequence[Sequence[str] | str]] = [
        ["BGM", "231", answer.oms_id or control, function],
        ["DTM", ["137", answer.at.strftime("%Y%m%d%H%M"), "203"]],
        *([["FTX", "AAI", "", "", answer.reason[:70]]] if answer.reason else []),
        ["RFF", ["ON", order.order_number or order.order_id]],
        ["NAD", "BY", [order.buyer_id or interchange.sender, "", "9"]],
        ["NAD", "SU", [interchange.receiver, "", "9"]],
        *([["CUX", ["2", order.currency, "9"]]] if order.currency else []),
        *(segment for line in parents for segment in _line(line, answer)),
        ["UNS", "S"],
        ["CNT", ["2", str(len(parents))]],
    ]
    return _interchange(interchange, control, _message("1", ["ORDRSP", "D", "96A", "UN"], body), 1, answer.at)


def _line(line: Line, answer: Answer) -> Iterator[Sequence[Sequence[str] | str]]:
    said = answer.line(line.line_id)
    yield ["LIN", line.line_id or str(line.number), _action(said), [line.gtin, "EN"] if line.gtin else ""]
    if line.sku:
        yield ["PIA", "1", [line.sku, "SA"]]
    if line.quantity:
        yield ["QTY", ["21", line.quantity, line.uom or ""]]
    if said.outcome == "backordered":
        yield ["QTY", ["83", said.quantity or line.quantity or "0", line.uom or ""]]
    elif said.quantity:
        yield ["QTY", ["113", said.quantity, line.uom or ""]]
    if said.ship_on:
        yield ["DTM", ["79", said.ship_on.replace("-", ""), "102"]]
    if price := said.unit_price or line.unit_price:
        yield ["PRI", ["AAA", price]]


def _action(said: LineAnswer) -> str:
    """Element 1229: accepted without amendment, changed, not accepted."""
    return {"accepted": "5", "changed": "3", "backordered": "3", "rejected": "7"}[said.outcome]


def _marks(interchange: Interchange) -> Delimiters:
    return Delimiters.parse(interchange.syntax)


def _raw(interchange: Interchange, element: int) -> list[str]:
    """A composite of the interchange header, as components."""
    return interchange.header[element].split(_marks(interchange).component)


def _message(
    reference: str, kind: Sequence[str], body: Sequence[Sequence[Sequence[str] | str]]
) -> list[Sequence[Sequence[str] | str]]:
    return [["UNH", reference, kind], *body, ["UNT", str(len(body) + 2), reference]]


def _interchange(
    answered: Interchange, control: str, message: Sequence[Sequence[Sequence[str] | str]], count: int, now: datetime
) -> str:
    """An interchange back to the sender of `answered`, in its own syntax and character set."""
    marks = _marks(answered)
    day = now.strftime("%Y%m%d" if _raw(answered, 1)[1:2] == ["4"] else "%y%m%d")
    header: list[Sequence[str] | str] = ["UNB", _raw(answered, 1), _raw(answered, 3), _raw(answered, 2)]
    header += [[day, now.strftime("%H%M")], control, *[""] * 5, "1" if answered.test else ""]
    announced = "" if marks == DEFAULT else "UNA" + answered.syntax + "\n"
    return announced + "".join(
        write(segment, marks) + "\n" for segment in [header, *message, ["UNZ", str(count), control]]
    )
