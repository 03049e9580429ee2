"""An 850 with every 860 about it to one canonical order. Pure.

BEG, BCH, CUR, AMT and the purpose codes (element 353): https://edihere.com/asc-x12-353-transaction-set-purpose-code/;
line change codes (element 670): https://internal.dcsnewyork.com/tech/edi/x12/EDI_4010/el670.htm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol

from msgspec.structs import replace

from orderflow.adapters.edi.envelope import Fault
from orderflow.adapters.edi.history import Action, Step, fold, steps, totalled, unnumbered
from orderflow.adapters.edi.message import Message, read, story
from orderflow.adapters.edi_x12 import allowances, lines, parties
from orderflow.adapters.edi_x12.check import LINE, check, date
from orderflow.adapters.edi_x12.syntax import Delimiters, element, segments
from orderflow.domain.errors import RecordError
from orderflow.domain.money import decimal
from orderflow.domain.order import Line, Order
from orderflow.domain.source import Raw


class Partner(Protocol):
    """What a mapping needs of the channel's options."""

    @property
    def sku(self) -> Sequence[str]: ...
    @property
    def first_change(self) -> int: ...
    @property
    def amount_total(self) -> Literal["order", "lines"]: ...
    @property
    def price_each(self) -> lines.Each | None: ...


_PURPOSES: dict[str, dict[str, Literal["original", "replacement", "confirmation", "change", "cancellation"]]] = {
    "850": {
        "00": "original",
        "15": "original",
        "49": "original",
        "05": "replacement",
        "18": "replacement",
        "06": "confirmation",
        "07": "confirmation",
        "01": "cancellation",
        "17": "cancellation",
    },
    "860": {
        "00": "change",
        "04": "change",
        "07": "change",
        "15": "change",
        "05": "replacement",
        "01": "cancellation",
        "17": "cancellation",
    },
}

_NO_DELIVERY = {
    "BE": "a blanket order of estimated quantities, which releases call off",
    "BK": "a blanket order, which releases call off",
    "IN": "a copy for information",
}
"""Order types (element 92) that ask for no goods by themselves."""

_KNOWN: dict[str, Action] = {
    "AI": "add",
    "DI": "delete",
    "QI": "increase",
    "QD": "decrease",
    "NC": "keep",
}
_ALTERED = ("CA", "CB", "CC", "CE", "CT", "MU", "PC", "PQ", "PR", "RA", "RB", "RE", "RM", "RQ", "RS", "RZ")
_ACTIONS: dict[str, Action] = {**_KNOWN, **dict.fromkeys(_ALTERED, "change")}

_HEADER = {"BEG", "BCH", "CUR", "SAC", "TXI", "AMT", *parties.TAGS}
"""Header segments that have a place of their own in the order; all others go to `ext`."""


@dataclass(frozen=True, slots=True)
class _Sections:
    header: list[list[str]]
    loops: list[list[list[str]]]
    summary: list[list[str]]


def to_order(raw: Raw, options: Partner) -> Order:
    """The order that a raw record is about, as it stands after every message known of it."""
    message = read(raw)
    if message.fault is not None:
        raise message.fault.error()
    sound = [each for each in story(message) if each is message or not faults(each)]
    return fold(
        steps(sound, message, lambda each: step(each, options)),
        order_id=message.order_id or "",
        first_change=options.first_change,
    )


def order_id(text: str, syntax: str) -> str | None:
    """The purchase order number of one transaction set, with its release number where it has one."""
    marks = Delimiters.parse(syntax)
    head = next((one for one in segments(text[:4096], marks)[:4] if one[0] in ("BEG", "BCH")), None)
    if head is None or not (number := element(head, 3)):
        return None
    release = element(head, 4)
    return f"{number}-{release}" if release else number


def faults(message: Message) -> list[Fault]:
    """What X12 forbids in this transaction set; empty when it can be mapped."""
    if message.fault is not None:
        return [message.fault]
    return check(message.kind, message.reference, segments(message.text, Delimiters.parse(message.syntax)))


def step(message: Message, options: Partner) -> Step:
    """What one transaction set says; raises `RecordError` for the first thing that is wrong with it."""
    whole = segments(message.text, Delimiters.parse(message.syntax))
    for fault in [message.fault] if message.fault else check(message.kind, message.reference, whole):
        raise fault.error()
    begin = whole[1]
    purpose = _PURPOSES[message.kind].get(element(begin, 1))
    if purpose is None:
        raise RecordError(
            "PURPOSE_UNKNOWN",
            f"{begin[0]}01",
            element(begin, 1),
            f"this purpose is not an order; a {message.kind} has one of {', '.join(_PURPOSES[message.kind])}",
        )
    if (kind := element(begin, 2)) in _NO_DELIVERY:
        raise RecordError(
            "PURPOSE_UNKNOWN", f"{begin[0]}02", kind, f"this is {_NO_DELIVERY[kind]}; nothing is to be sent"
        )
    parts = _sections(whole, LINE[message.kind])
    order, actions = _order(message, begin, parts, options)
    sequence = element(begin, 5) if message.kind == "860" else ""
    return Step(
        kind=purpose,
        order=order if purpose == "change" else totalled(order, order.grand_total),
        content="\n".join("*".join(segment) for segment in [begin[2:], *whole[2:-1]]),
        sent_at=message.sent_at,
        actions=actions if purpose == "change" else (),
        sequence=int(sequence) if sequence.isascii() and sequence.isdigit() else None,
        total_stated=order.grand_total is not None,
    )


def _sections(whole: Sequence[list[str]], line: str) -> _Sections:
    """Header, line loops and summary; the summary begins at CTT, or at a total behind the last line."""
    header: list[list[str]] = []
    loops: list[list[list[str]]] = []
    summary: list[list[str]] = []
    for segment in whole[1:-1]:
        if segment[0] == line and not summary:
            loops.append([segment])
        elif segment[0] == "CTT" or summary or (loops and segment[0] == "AMT" and element(segment, 1) == "TT"):
            summary.append(segment)
        else:
            (loops[-1] if loops else header).append(segment)
    return _Sections(header, loops, summary)


def _order(message: Message, begin: Sequence[str], parts: _Sections, options: Partner) -> tuple[Order, list[Action]]:
    currency = next((element(one, 2) for one in parts.header if one[0] == "CUR" and element(one, 2)), None)
    days = lines.dates(parts.header)
    held: list[Line] = []
    actions: list[Action] = []
    items: list[lines.Item] = []
    whole = message.kind == "850" or element(begin, 1) == "05"
    for place, loop in enumerate(parts.loops, 1):
        action = "add" if message.kind == "850" else _action(loop[0])
        if whole and action == "delete":
            continue
        if not whole and not element(loop[0], 1):
            raise unnumbered("POC01")
        item = lines.item(loop, place, currency, options.sku, days if whole else {}, options.price_each)
        items.append(item)
        held += [replace(line, number=len(held) + at) for at, line in enumerate([item.line, *item.children], 1)]
        actions.append(action)
        actions.extend("child" for _ in item.children)
    base = sum((decimal(line.total) for line in held if line.total), Decimal(0))
    found = allowances.read(parts.header, currency, base)
    stated = _stated(parts, base if whole else None, options)
    number, release = element(begin, 3), element(begin, 4)
    placed = date(element(begin, 5 if begin[0] == "BEG" else 6))
    order = Order(
        order_id=message.order_id or number,
        order_number=number,
        parent_id=number if release else None,
        origin="edi",
        is_test=message.test,
        placed_at=f"{placed}T00:00:00" if placed else None,
        channel_created_at=message.sent_at,
        channel_updated_at=message.sent_at,
        raw_status={f"{begin[0]}01": element(begin, 1), f"{begin[0]}02": element(begin, 2)},
        buyer_id=parties.buyer_id(parts.header),
        currency=currency,
        grand_total=stated,
        lines=held,
        charges=[*found.charges, *(charge for item in items for charge in item.charges)],
        discounts=found.discounts,
        taxes=found.taxes,
        contacts=parties.contacts(parts.header),
        ext=_ext(begin, parts, items),
    )
    return order, actions


def _stated(parts: _Sections, items: Decimal | None, options: Partner) -> str | None:
    """The grand total that AMT states, where the partner's total is one of the whole order.

    `items` is the sum of all lines; None in a change, which does not tell them all.
    """
    totals = [segment for segment in [*parts.header, *parts.summary] if segment[0] == "AMT"]
    told = next((element(segment, 2) for segment in totals if element(segment, 1) == "TT"), None)
    if told is None or options.amount_total == "order":
        return told
    if items is not None and Decimal(told) != items:
        raise RecordError(
            "LINES_TOTAL", "AMT02", told, f"the lines sum to {items:f}; ask the sender which of them is wrong"
        )
    return None


def _ext(begin: Sequence[str], parts: _Sections, items: Sequence[lines.Item]) -> dict[str, str]:
    header = [segment for segment in parts.header if segment[0] not in _HEADER]
    kept = lines.leftovers(header) | parties.party_ids(parts.header)
    more = {f"{begin[0]}{number:02d}": element(begin, number) for number in range(6, len(begin))}
    kept |= {name: value for name, value in more.items() if value and begin[0] == "BEG"}
    for item in items:
        kept |= item.ext
    return kept


def _action(poc: Sequence[str]) -> Action:
    code = element(poc, 2)
    if code not in _ACTIONS:
        raise RecordError(
            "CODE_UNKNOWN", "POC02", code, f"line changes of this kind are not known; known: {', '.join(_ACTIONS)}"
        )
    return _ACTIONS[code]
