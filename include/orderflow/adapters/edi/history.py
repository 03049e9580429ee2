"""What an order is after everything that was said about it: originals, changes and cancellations, folded in order.

The fold is a pure function of the set of messages, whatever order they arrived in: a change that comes before its
order waits in quarantine, and the order, once it comes, is mapped together with the change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, TypeAlias, TypeVar

import msgspec

from orderflow.adapters.edi.message import Message
from orderflow.domain.errors import RecordError
from orderflow.domain.money import decimal, exponent
from orderflow.domain.order import Line, Order

P = TypeVar("P")

Action: TypeAlias = Literal["add", "delete", "change", "keep", "increase", "decrease", "child"]
"""What a change asks for a line; `child` is a component of the line before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One message about an order.

    `order` says what this message alone says; in a change, fields that it does not mention are None or empty.
    `actions` has one entry per line of a change. `content` tells a repeated message from a different one.
    """

    kind: Literal["original", "replacement", "confirmation", "change", "cancellation"]
    order: Order
    content: str
    sent_at: str
    actions: Sequence[Action] = ()
    sequence: int | None = None
    all_lines: bool = False
    """The change restates all lines; those that it leaves out are gone."""
    total_stated: bool = False
    """The message states its grand total."""


_WHOLE = ("original", "replacement", "confirmation")


def steps(messages: Sequence[Message], current: Message, read: Callable[[Message], Step]) -> list[Step]:
    """What the messages about an order say, oldest first; raises `RecordError` where one cannot be understood.

    One before `current` no longer counts once the sender has stated the whole order anew behind it, or cancelled it:
    that is how its sender mends it.
    """
    told: list[Step] = []
    unread: RecordError | None = None
    begun = False
    for message in messages:
        try:
            one = read(message)
        except RecordError as error:
            if message is current:
                raise
            unread = unread or error
            begun = begun or message.kind in ("850", "ORDERS", "Order")
            continue
        anew = begun and one.kind in ("original", "replacement") and all(one.content != each.content for each in told)
        if anew or one.kind == "cancellation":
            unread = None
        begun = begun or one.kind in _WHOLE
        told.append(one)
    if unread is not None:
        raise unread
    return told


def fold(steps: Sequence[Step], *, order_id: str, first_change: int = 1) -> Order:
    """The order as it stands after all `steps`, which are in the order in which they were sent.

    An original that repeats the one before changes nothing; a different one, or one behind a cancellation, begins anew.
    `first_change` is the sequence number of the first change. Raises `RecordError` `CHANGE_NEEDS_BASE` when nothing
    states the whole order, `CHANGE_GAP` when a numbered change is missing, and others where a change contradicts it.
    """
    whole = [place for place, step in enumerate(steps) if step.kind in _WHOLE]
    if not whole:
        raise RecordError(
            "CHANGE_NEEDS_BASE",
            "order_id",
            order_id,
            f"this message changes order {order_id}, which has not arrived; it is applied as soon as the order comes",
        )
    base, changes = steps[whole[0]], [step for step in steps[: whole[0]] if step.kind in ("change", "cancellation")]
    begun = [base.sent_at]
    said = {step.content: step.sent_at for step in changes}
    for step in steps[whole[0] + 1 :]:
        if step.kind in ("change", "cancellation"):
            changes.append(step)
            said.setdefault(step.content, step.sent_at)
        elif step.kind != "confirmation" and (step.content != base.content or _cancels(changes)):
            base, changes = step, []
            begun.append(step.sent_at)
    order, last = base.order, None
    for step in _in_sequence(changes):
        if step.sequence is not None:
            if step.kind == "change" and (last is not None or len(begun) == 1):
                _check_sequence(step.sequence, last, first_change, order_id)
            last = step.sequence
        order = cancelled(order, step) if step.kind == "cancellation" else apply(order, step)
    placed = (steps[place].order.placed_at for place in whole)
    return msgspec.structs.replace(
        order,
        # A change that states the whole order seldom says when it was placed; it was at the latest when it was sent.
        placed_at=order.placed_at or next(filter(None, placed), begun[0] or None),
        channel_created_at=begun[0] or None,
        channel_updated_at=_version([*begun, *said.values()]),
    )


def _version(sent_at: Sequence[str]) -> str | None:
    """When the last message that counts was sent, plus a microsecond for every other one.

    Interchanges tell minutes, some documents only days; an order and its change of one day are still told apart.
    """
    latest = max(sent_at)
    try:
        moment = datetime.fromisoformat(latest)
    except ValueError:
        return latest or None
    return (moment + timedelta(microseconds=len(sent_at) - 1)).isoformat()


def _cancels(steps: Sequence[Step]) -> bool:
    return any(step.kind == "cancellation" for step in steps)


def _in_sequence(steps: Sequence[Step]) -> list[Step]:
    """Changes by their numbers, repeated ones once; unnumbered ones as they were sent."""
    kept: dict[object, Step] = {}
    for step in steps:
        key = step.content if step.sequence is None else step.sequence
        if key in kept and kept[key].content != step.content:
            raise RecordError(
                "CHANGE_NUMBER_REUSED",
                "sequence",
                step.sequence,
                "two different changes have this number; ask the sender which one is meant",
            )
        kept.setdefault(key, step)
    if all(step.sequence is not None for step in kept.values()):
        return sorted(kept.values(), key=lambda step: step.sequence or 0)
    return list(kept.values())


def _check_sequence(sequence: int, last: int | None, first: int, order_id: str) -> None:
    expected = first if last is None else last + 1
    if sequence > expected:
        raise RecordError(
            "CHANGE_GAP",
            "sequence",
            sequence,
            f"change {expected} of order {order_id} has not arrived; this one is applied as soon as it comes "
            "(set source.first_change if the sender begins to count elsewhere)",
        )


def cancelled(order: Order, step: Step) -> Order:
    return msgspec.structs.replace(
        order,
        order_status="cancelled",
        cancelled_at=step.sent_at,
        cancel_reason=step.order.cancel_reason or order.cancel_reason,
        raw_status=order.raw_status | step.order.raw_status,
    )


def apply(base: Order, step: Step) -> Order:
    """`base` after one change: its lines added, deleted or altered, and every header part that the change restates."""
    lines = {} if step.all_lines else {line.line_id: line for line in base.lines}
    if len(lines) < len(base.lines) and not step.all_lines:
        raise RecordError(
            "LINE_ID_DUPLICATE",
            "line_id",
            None,
            f"two lines of order {base.order_id} have one number; which is changed?",
        )
    for line, action in zip(step.order.lines, step.actions, strict=True):
        known = lines.get(line.line_id)
        if action == "child":
            if line.kind == "gift" and not decimal(line.quantity or "0", "quantity"):
                lines.pop(line.line_id, None)
            else:
                lines[line.line_id] = altered(known, line, "change", base.currency) if known else line
            continue
        if known is None and action != "add":
            raise RecordError(
                "CHANGE_LINE_UNKNOWN",
                "line_id",
                line.line_id,
                f"the change asks to {action} a line that order {base.order_id} does not have "
                f"(it has {', '.join(str(name) for name in lines) or 'none'})",
            )
        if known is not None and action == "add":
            raise RecordError(
                "CHANGE_LINE_EXISTS",
                "line_id",
                line.line_id,
                f"order {base.order_id} has a line with this number already",
            )
        if action == "add":
            lines[line.line_id] = line
        elif action == "delete":
            gone = {line.line_id, *(each.line_id for each in lines.values() if each.parent_line_id == line.line_id)}
            lines = {name: each for name, each in lines.items() if name not in gone}
        elif action != "keep":
            assert known is not None
            lines[line.line_id] = altered(known, line, action, base.currency)
    said = step.order
    if not lines:
        return cancelled(base, step)
    roles = {contact.role for contact in said.contacts}
    changed = msgspec.structs.replace(
        base,
        lines=[msgspec.structs.replace(line, number=number) for number, line in enumerate(lines.values(), 1)],
        contacts=[contact for contact in base.contacts if contact.role not in roles] + said.contacts,
        charges=said.charges or base.charges,
        discounts=said.discounts or base.discounts,
        taxes=said.taxes or base.taxes,
        currency=said.currency or base.currency,
        buyer_id=said.buyer_id or base.buyer_id,
        raw_status=base.raw_status | said.raw_status,
        ext=base.ext | said.ext,
    )
    return totalled(changed, said.grand_total if step.total_stated else None)


def altered(known: Line, said: Line, action: Action, currency: str | None) -> Line:
    """A line with what a change says of it. Its total follows; its tax is forgotten unless the change restates it."""
    if action in ("increase", "decrease"):
        _check_direction(known, said, action)
    fields = ("kind", "number", "line_id")
    news = {
        name: value
        for name in Line.__struct_fields__
        if name not in fields and (value := getattr(said, name)) is not None
    }
    if known.sku and said.sku in (known.gtin, known.product_id):
        news.pop("sku", None)  # the change names the article by another one of its numbers
    line = msgspec.structs.replace(known, **news)
    if {"quantity", "unit_price", "discount"} & news.keys():
        total = news.get("total") or line_total(line, currency)
        line = msgspec.structs.replace(line, total=total, tax=said.tax)
    return line


def unnumbered(field: str) -> RecordError:
    """Counting instead would change whichever line stands at that place in the order."""
    return RecordError(
        "ELEMENT_MISSING", field, None, "a change tells the number of each line that it means; ask the sender for it"
    )


def _check_direction(known: Line, said: Line, action: Action) -> None:
    if known.quantity is None or said.quantity is None:
        return
    before, after = decimal(known.quantity, "quantity"), decimal(said.quantity, "quantity")
    if (after < before) if action == "increase" else (after > before):
        raise RecordError(
            "CHANGE_CONTRADICTS",
            "quantity",
            said.quantity,
            f"the change says {action}, but line {known.line_id} had {known.quantity}; a change states the new "
            "quantity, this sender may state the difference",
        )


def line_total(line: Line, currency: str | None) -> str | None:
    """Quantity x unit price - discount, to the currency's minor unit; None when one of them is not told."""
    if line.quantity is None or line.unit_price is None:
        return None
    exact = decimal(line.quantity, "quantity") * decimal(line.unit_price, "unit_price")
    return text(rounded(exact - decimal(line.discount or "0", "discount"), currency))


_PIECES = {"PCE", "C62", "EA", "H87", "NAR", "NMP"}
"""Codes of UN/ECE recommendations 20 and 21 for one piece."""


def demand_one_unit(field: str, priced: str | None, ordered: str | None) -> None:
    """Raise `RecordError` where a price is for another unit than the quantity, so that the two make no total."""
    if priced and ordered and priced != ordered and not {priced, ordered} <= _PIECES:
        raise RecordError(
            "AMOUNT_MISSING",
            field,
            priced,
            f"the price is for {priced}, the quantity in {ordered}; ask the sender for one unit, or the line's total",
        )


def rounded(amount: Decimal, currency: str | None) -> Decimal:
    """To the currency's minor unit, halves away from zero."""
    return amount.quantize(Decimal(1).scaleb(-exponent(currency or "")), rounding="ROUND_HALF_UP")


def text(amount: Decimal) -> str:
    return f"{amount:f}"


def totalled(order: Order, grand_total: str | None) -> Order:
    """The order with its sums. `grand_total` is the one that the sender states; without it the sum of the parts.

    The order's own taxes are all of it: where lines tell theirs, too, those are shares.
    """
    items = _sum(order.lines, lambda line: line.total)
    charges = _sum(order.charges, lambda charge: charge.total)
    discounts = _sum(order.discounts, lambda discount: discount.amount)
    shares = _sum(order.lines, lambda line: line.tax) + _sum(order.charges, lambda charge: charge.tax)
    taxes = _sum(order.taxes, lambda tax: tax.amount) if any(tax.amount for tax in order.taxes) else shares
    return msgspec.structs.replace(
        order,
        items_total=text(items),
        charge_total=text(charges),
        discount_total=text(discounts),
        tax_total=text(taxes),
        grand_total=grand_total or text(items + charges + taxes - discounts),
    )


def _sum(parts: Sequence[P], amount: Callable[[P], str | None]) -> Decimal:
    return sum((decimal(value, "amount") for part in parts if (value := amount(part)) is not None), Decimal(0))
