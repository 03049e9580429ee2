"""What was paid for a WooCommerce order, and what was given back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from orderflow.adapters.woocommerce.record import Record, Refunded, RefundedItem, Summary
from orderflow.adapters.woocommerce.values import NOTHING, entries, meta, plain, text, time
from orderflow.domain.errors import RecordError
from orderflow.domain.money import AMOUNT
from orderflow.domain.order import Payment, Refund


class Gone(NamedTuple):
    """What refunds took off one line: units, amount without tax, tax; all positive."""

    units: Decimal
    amount: Decimal
    tax: Decimal


class Card(NamedTuple):
    """A gift card that paid; its code is money, and stays where it is."""

    number: str
    amount: Decimal


def gift_cards(told: Any) -> list[Card]:
    """The extension's `gift_cards: [{id, code, amount}]`; nothing for what another plugin keeps under this name."""
    found = [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []
    return [
        Card(str(each.get("id")), Decimal(amount))
        for each in found
        if AMOUNT.fullmatch(amount := str(each.get("amount")))
    ]


def payments(raw: Record, paid_at: str | None, cards: Sequence[Card]) -> list[Payment]:
    """WooCommerce knows one payment, and of it only method, reference and time; the extension knows of its cards."""
    status, method = "success" if paid_at else "pending", raw.payment_method or None
    found = [
        Payment(payment_id=card.number, kind="gift_card", status=status, amount=plain(card.amount), at=paid_at)
        for card in cards
    ]
    if paid_at or raw.transaction_id:
        kind, reference = "cod" if method == "cod" else "sale", raw.transaction_id or None
        amount = text(raw.total)
        found.append(
            Payment(
                payment_id=reference,
                kind=kind,
                status=status,
                method=method,
                gateway=method,
                amount=amount,
                at=paid_at,
            )
        )
    return found


def gone(told: Sized, details: Sequence[Refunded], coin: Decimal) -> tuple[dict[str, Gone], Decimal]:
    """What refunds took off each line, and off the total: each refund is rounded to the coin, its lines are not.

    Raises `RecordError` where it is not known, because it would be shipped.
    """
    if len(details) < len(told):
        came = f"{len(details)} of {len(told)}"
        raise RecordError("DETAIL_MISSING", "refund_details", came, "the site did not send all refunds of this order")
    found: dict[str, Gone] = {}
    back = NOTHING
    for each in details:
        given = NOTHING
        for line, node in _lines(each):
            units = -Decimal(node.quantity)
            if not units:
                continue
            if line is None:
                why = "a refund takes units off a line without naming it (_refunded_item_id): a plugin hides that"
                raise RecordError("RAW_SHAPE", "refund_details.line_items.meta_data", None, why)
            sofar = found.get(line, Gone(NOTHING, NOTHING, NOTHING))
            amount, tax = -Decimal(node.total), -Decimal(node.total_tax)
            found[line] = Gone(sofar.units + units, sofar.amount + amount, sofar.tax + tax)
            given += amount + tax
        back += given.quantize(coin, ROUND_HALF_UP)
    return found, back


def refunded(told: Iterable[Summary]) -> str:
    """What was given back, by the order's own summary of its refunds."""
    return plain(sum((abs(Decimal(each.total)) for each in told), NOTHING))


def refund(node: Refunded) -> Refund:
    return Refund(
        refund_id=str(node.id),
        reason=node.reason or None,
        amount=f"{abs(Decimal(node.amount)):f}",
        at=time(node.date_created_gmt),
        lines=[(line, f"{-Decimal(part.quantity):f}") for line, part in _lines(node) if line and part.quantity],
    )


def _lines(told: Refunded) -> Iterable[tuple[str | None, RefundedItem]]:
    """Refunded positions with the id of the order line that each gives back."""
    for node in entries(told.line_items):
        line = meta(node.meta_data, "_refunded_item_id")
        yield str(line) if line else None, node
