"""The money equation of an order, as `orderflow.domain.order` states it."""

from collections.abc import Iterable
from decimal import Decimal

from orderflow.domain.order import Order


def residue(order: Order) -> Decimal:
    """What the equation leaves over: nothing, where an order adds up."""

    def total(amounts: Iterable[str | None]) -> Decimal:
        return sum((Decimal(amount or 0) for amount in amounts), Decimal(0))

    unallocated = total(each.amount for each in order.discounts) - total(each.allocated for each in order.discounts)
    parts = total(line.total for line in order.lines) + total(charge.total for charge in order.charges)
    tax = Decimal(0) if order.taxes_included else Decimal(order.tax_total)
    return parts + tax - unallocated + Decimal(order.rounding or 0) - Decimal(order.grand_total)
