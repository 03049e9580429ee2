"""An order as an ERP's sales order can hold it: positions of quantity times price that add up to the channel's total.

ERPs compute an amount as quantity times unit price, rounded, plus the taxes they believe in. The channel's amounts are
given, not computed. So every line keeps its quantity and gets the unit price that comes nearest to the channel's line
total; charges, taxes that come on top, discounts that no line carries, and rounding become positions of their own; and
what is left between the sum and the channel's amounts is one more rounding position. No position carries a tax.
"""

from __future__ import annotations

import decimal as decimals
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from orderflow.domain.errors import RecordError
from orderflow.domain.money import decimal, exponent
from orderflow.domain.order import Line
from orderflow.oms.document import Document, fingerprint

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Position:
    """One line of a sales order. `kind` is `line`, a kind of charge, `tax`, `discount` or `rounding`."""

    kind: str
    sku: str | None
    title: str
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    """Quantity times price, rounded as the ERP will."""


def positions(document: Document, *, price_places: int, rounding: str) -> list[Position]:
    """Everything the buyer was asked for, order lines first and in their order.

    `price_places` is how many decimal places the ERP keeps of a unit price, `rounding` (of the `decimal` module) how
    it rounds amounts. Raises `RecordError` when a line has no SKU or an amount is missing.
    """
    places = Decimal(1).scaleb(-exponent(document.currency or ""))
    made, left = [], ZERO
    for kind, sku, title, quantity, amount in _wanted(document):
        price = amount if quantity in (0, 1) else amount / quantity
        price = price.quantize(Decimal(1).scaleb(-price_places), decimals.ROUND_HALF_UP)
        computed = (quantity * price).quantize(places, rounding)
        made.append(Position(kind, sku, title, quantity, price, computed))
        left += amount - computed
    if left:
        made.append(Position("rounding", None, "Rounding", Decimal(1), left, left))
    return made


def total(made: list[Position]) -> Decimal:
    return sum((each.amount for each in made), ZERO)


def content_fingerprint(document: Document, made: list[Position]) -> str:
    """Changes when currency, products, quantities or money change; titles may be reworded."""
    return fingerprint(
        document.currency, [(each.kind, each.sku, plain(each.quantity), plain(each.unit_price)) for each in made]
    )


def check_total(document: Document, found: Decimal, where: str) -> None:
    """Raise `RecordError` with both numbers unless `found` is the channel's total."""
    if document.grand_total is not None and found != decimal(document.grand_total, "grand_total"):
        raise RecordError(
            "OMS_TOTAL_DIFFERS",
            "grand_total",
            document.grand_total,
            f"{where} comes to {plain(found)} {document.currency}, the channel says {document.grand_total}; "
            "nothing was confirmed; compare taxes and rounding of the two",
        )


def plain(value: Decimal) -> str:
    """Decimal text without exponent and trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _wanted(document: Document) -> Iterator[tuple[str, str | None, str, Decimal, Decimal]]:
    """`(kind, sku, title, quantity, amount)` as the channel's equation has them."""
    for line in document.lines:
        sku = line.oms_sku or line.sku
        quantity, amount = _amount(line.quantity, f"lines.{line.number}.quantity"), _total(line)
        if not sku and not quantity and not amount:
            continue
        if not sku:
            raise RecordError(
                "OMS_SKU_MISSING",
                f"lines.{line.number}.sku",
                None,
                "the OMS books products by SKU and this line has none; map its product to a SKU",
            )
        yield "line", sku, line.title or sku, quantity, amount
    for charge in document.charges:
        amount = decimal(charge.total) if charge.total is not None else _less(charge.amount, charge.discount)
        yield charge.kind, None, charge.title or charge.kind.replace("_", " ").capitalize(), Decimal(1), amount
    if not document.taxes_included:
        for title, amount in _taxes(document):
            yield "tax", None, title, Decimal(1), amount
    for discount in document.discounts:
        if open_ := _less(discount.amount, discount.allocated):
            yield "discount", None, discount.title or discount.code or "Discount", Decimal(1), -open_
    if rounding := decimal(document.rounding or "0"):
        yield "rounding", None, "Rounding", Decimal(1), rounding


def _taxes(document: Document) -> Iterator[tuple[str, Decimal]]:
    """The channel's own tax lines where they add up to its tax total, otherwise that total."""
    whole = decimal(document.tax_total or "0", "tax_total")
    each = [(tax.title or "Tax", decimal(tax.amount or "0", "taxes")) for tax in document.taxes]
    if sum((amount for _, amount in each), ZERO) != whole:
        each = [("Tax", whole)]
    yield from ((title, amount) for title, amount in each if amount)


def _total(line: Line) -> Decimal:
    field = f"lines.{line.number}.total"
    if line.total is not None:
        return decimal(line.total, field)
    return _amount(line.quantity, field) * _amount(line.unit_price, field) - decimal(line.discount or "0", field)


def _less(amount: str | None, part: str | None) -> Decimal:
    return decimal(amount or "0") - decimal(part or "0")


def _amount(text: str | None, field: str) -> Decimal:
    if text is None:
        raise RecordError("OMS_AMOUNT_MISSING", field, None, "the OMS needs quantity and total (or unit price)")
    return decimal(text, field)
