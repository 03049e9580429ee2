"""An ORDERS with every ORDCHG about it to one canonical order. Pure.

Message functions (1225) and line actions (1229) of ORDCHG: https://service.unece.org/trade/untdid/d97b/trmd/ordchg_a.htm
and https://ref.gs1.org/standards/eancom/1997/ (ORDCHG, DE 1229).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Literal, Protocol

from msgspec.structs import replace

from orderflow.adapters.edi.envelope import Fault
from orderflow.adapters.edi.history import Action, Step, fold, steps, totalled, unnumbered
from orderflow.adapters.edi.message import Message, read, story
from orderflow.adapters.edifact import lines, parties
from orderflow.adapters.edifact.check import check, moment, number
from orderflow.adapters.edifact.syntax import Delimiters, Segment, get, segments
from orderflow.domain.errors import RecordError
from orderflow.domain.money import decimal
from orderflow.domain.order import Line, Order, Tax
from orderflow.domain.source import Raw


class Partner(Protocol):
    """What a mapping needs of the channel's options."""

    @property
    def sku(self) -> Sequence[str]: ...
    @property
    def amount_total(self) -> Literal["order", "lines"]: ...


_FUNCTIONS: dict[str, dict[str, Literal["original", "replacement", "confirmation", "change", "cancellation"]]] = {
    "ORDERS": {
        "9": "original",
        "": "original",
        "5": "replacement",
        "6": "confirmation",
        "7": "confirmation",
        "42": "confirmation",
        "1": "cancellation",
        "17": "cancellation",
    },
    "ORDCHG": {
        "4": "change",
        "9": "change",
        "7": "change",
        "20": "change",
        "21": "change",
        "": "change",
        "5": "replacement",
        "6": "confirmation",
        "42": "confirmation",
        "1": "cancellation",
        "17": "cancellation",
    },
}

_BLANKET = "221"
"""Document name (1001) of an order that asks for no goods by itself: others call it off."""

_ACTIONS: dict[str, Action] = {"1": "add", "2": "delete", "3": "change", "4": "keep", "11": "keep"}

_HEADER = {"BGM", "CUX", "ALC", "TAX", *parties.TAGS}
"""Header segments that have a place of their own in the order; all others go to `ext`."""

_TOTALS = ("86", "77", "128", "39", "9")
"""Amount types (5025) of the order's total, best first."""


@dataclass(frozen=True, slots=True)
class _Sections:
    header: list[Segment]
    groups: list[list[Segment]]
    summary: list[Segment]


def to_order(raw: Raw, options: Partner) -> Order:
    """The order that a raw record is about, as it stands after every message known of it."""
    message = read(raw)
    if message.fault is not None:
        raise message.fault.error()
    sound = [each for each in story(message) if each is message or not faults(each)]
    return fold(steps(sound, message, lambda each: step(each, options)), order_id=message.order_id or "")


def order_id(text: str, syntax: str) -> str | None:
    """The order number of one message: what a change refers to, else the document's own number."""
    whole = segments(text[:8192], Delimiters.parse(syntax))
    own = next((get(segment, 2) for segment in whole if segment[0][0] == "BGM"), "")
    referred = next((get(rff, 1, 2) for rff in whole if rff[0][0] == "RFF" and get(rff, 1) == "ON"), "")
    is_change = bool(whole) and get(whole[0], 2) == "ORDCHG"
    return (referred or own if is_change else own) or None


def faults(message: Message) -> list[Fault]:
    """What EDIFACT forbids in this message; empty when it can be mapped."""
    if message.fault is not None:
        return [message.fault]
    return check(message.kind, message.reference, segments(message.text, Delimiters.parse(message.syntax)))


def step(message: Message, options: Partner) -> Step:
    """What one message says; raises `RecordError` for the first thing that is wrong with it."""
    whole = segments(message.text, Delimiters.parse(message.syntax))
    for fault in [message.fault] if message.fault else check(message.kind, message.reference, whole):
        raise fault.error()
    bgm = whole[1]
    function = get(bgm, 3)
    kind = _FUNCTIONS[message.kind].get(function)
    if kind is None:
        raise RecordError(
            "PURPOSE_UNKNOWN",
            "BGM 1225",
            function,
            f"this function is not an order; an {message.kind} has one of {', '.join(_FUNCTIONS[message.kind])}",
        )
    if get(bgm, 1) == _BLANKET:
        raise RecordError("PURPOSE_UNKNOWN", "BGM 1001", _BLANKET, "this is a blanket order, which others call off")
    parts = _sections(whole)
    order, actions = _order(message, bgm, parts, kind, options)
    return Step(
        kind=kind,
        order=order if kind == "change" else totalled(order, order.grand_total),
        content=repr([bgm[:3], *whole[2:-1]]),
        sent_at=message.sent_at,
        actions=["add"] * len(actions) if function == "21" else actions if kind == "change" else (),
        all_lines=function == "21",
        total_stated=order.grand_total is not None,
    )


def _sections(whole: Sequence[Segment]) -> _Sections:
    """Header, LIN groups and summary, which begins at UNS+S; UNS+D only says that lines follow."""
    header: list[Segment] = []
    groups: list[list[Segment]] = []
    summary: list[Segment] = []
    for segment in whole[1:-1]:
        tag = segment[0][0]
        if tag == "UNS" and get(segment, 1) == "D":
            continue
        if tag == "UNS" or summary:
            summary.append(segment)
        elif tag == "LIN":
            groups.append([segment])
        else:
            (groups[-1] if groups else header).append(segment)
    return _Sections(header, groups, summary)


def _order(message: Message, bgm: Segment, parts: _Sections, kind: str, options: Partner) -> tuple[Order, list[Action]]:
    currency = _currency(parts)
    whole = kind != "change"
    found = ((name, lines.when(parts.header, codes)) for name, codes in _DAYS) if whole else ()
    days = {name: day for name, day in found if day}
    held: list[Line] = []
    actions: list[Action] = []
    items: list[lines.Item] = []
    for place, group in enumerate(parts.groups, 1):
        action = "add" if message.kind == "ORDERS" else _action(group[0])
        if whole and action == "delete":
            continue
        if not whole and get(bgm, 3) != "21" and not get(group[0], 1):
            raise unnumbered("LIN 1082")
        lines.refuse_own_address(group)
        item = lines.within(lines.item(group, place, currency, options.sku, days), group[0], held)
        items.append(item)
        restated = whole or get(bgm, 3) == "21"
        free = lines.gifts(group, item.line, whole=restated) if action != "delete" else []
        for line in [item.line, *free]:
            held.append(replace(line, number=len(held) + 1, quantity_ordered=line.quantity if whole else None))
        actions.append(action)
        actions.extend("child" for _ in free)
    base = sum((decimal(line.total) for line in held if line.total), Decimal(0))
    if whole:
        _check_lines_total(
            parts, base + sum((decimal(each.total or "0") for item in items for each in item.charges), Decimal(0))
        )
    header = lines.allowances(parts.header, currency, base)
    if not header.discounts and not header.charges and not any(_has_allowance(group) for group in parts.groups):
        # The summary's ALC groups repeat those above; without any above they are the order's own.
        header = lines.allowances(parts.summary, currency, base)
    own = get(bgm, 2)
    refers = message.kind == "ORDCHG"
    dated = next((dtm for dtm in parts.header if dtm[0][0] == "DTM" and get(dtm, 1) == "137"), None)
    order = Order(
        order_id=message.order_id or own,
        order_number=order_id(message.text, message.syntax),
        origin="edi",
        is_test=message.test,
        placed_at=moment(dated) if dated and not refers else None,
        channel_created_at=message.sent_at,
        channel_updated_at=message.sent_at,
        raw_status={f"{message.kind}.1001": get(bgm, 1), f"{message.kind}.1225": get(bgm, 3)},
        buyer_id=parties.buyer_id(parts.header),
        currency=currency,
        grand_total=_stated(parts, options),
        lines=held,
        charges=[*header.charges, *(charge for item in items for charge in item.charges)],
        discounts=header.discounts,
        taxes=_taxes(parts),
        contacts=parties.contacts(parts.header),
        ext=_ext(parts, items) | ({"BGM": own} if refers else {}),
    )
    return order, actions


_DAYS = (("ship_by", lines.SHIP_BY), ("deliver_by", lines.DELIVER_BY))


def _currency(parts: _Sections) -> str | None:
    """The order currency (6343 = 9), else the first reference currency, else that of the amounts.

    Raises `RecordError` for an amount in another one: nothing is ever converted.
    """
    told = [cux[at] for cux in parts.header if cux[0][0] == "CUX" for at in range(1, len(cux)) if len(cux[at]) > 1]
    best = sorted(told, key=lambda one: (one[2:3] != ["9"], one[0] != "2"))
    currency = best[0][1].strip() or None if best else None
    for moa in (one for part in (parts.header, *parts.groups, parts.summary) for one in part if one[0][0] == "MOA"):
        own = get(moa, 1, 3)
        currency = currency or own or None
        if own and own != currency:
            raise RecordError("CURRENCY_MIXED", f"MOA {get(moa, 1)}", own, f"the order's currency is {currency}")
    return currency


def _has_allowance(group: Sequence[Segment]) -> bool:
    return any(segment[0][0] == "ALC" for segment in group)


def _taxes(parts: _Sections) -> list[Tax]:
    """The taxes of the whole order, by rate in the header and as a sum in the summary."""
    rates = [tax for tax in parts.header if tax[0][0] == "TAX"]
    by_rate = [
        Tax(title=get(tax, 2) or None, rate=_rate(tax), amount=amount)
        for tax, behind in pairwise(parts.header)
        if tax[0][0] == "TAX" and (amount := lines.amount([behind], ("124",)))
    ]
    if by_rate:
        return by_rate
    told = lines.amount(parts.summary, ("176", "124"))
    one = rates[0] if len(rates) == 1 else None
    title = (get(one, 2) if one else "") or None
    return [Tax(title=title, rate=_rate(one) if one else None, amount=told)] if told else []


def _rate(tax: Segment) -> str | None:
    percent = number(get(tax, 5, 4))
    return f"{Decimal(percent) / 100:f}" if percent else None


def _check_lines_total(parts: _Sections, items: Decimal) -> None:
    """MOA 79 is the sum of the lines; in a change it is one of lines that are not told."""
    told = lines.amount(parts.summary, ("79",))
    if told is not None and Decimal(told) != items:
        raise RecordError(
            "LINES_TOTAL", "MOA 79", told, f"the lines sum to {items:f}; ask the sender which of them is wrong"
        )


def _stated(parts: _Sections, options: Partner) -> str | None:
    """The grand total that the summary states, where the partner's total is one of the whole order."""
    return lines.amount(parts.summary, _TOTALS) if options.amount_total == "order" else None


def _ext(parts: _Sections, items: Sequence[lines.Item]) -> dict[str, str]:
    header = lines.allowances(parts.header, None, Decimal(0)).rest
    own = {id(segment) for group in parties.groups(parts.header) for segment in group}
    kept = lines.leftovers(
        segment for segment in header if segment[0][0] not in _HEADER and id(segment) not in own
    ) | parties.party_ids(parts.header)
    for item in items:
        kept |= item.ext
    return kept


def _action(lin: Segment) -> Action:
    code = get(lin, 2)
    if code not in _ACTIONS:
        raise RecordError("CODE_UNKNOWN", "LIN 1229", code, f"a changed line has one of {', '.join(_ACTIONS)} here")
    return _ACTIONS[code]
