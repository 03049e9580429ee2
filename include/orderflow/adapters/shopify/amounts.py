"""Shopify's money: every amount twice, as decimal text, in the buyer's (presentment) and in the shop's currency."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeAlias

from orderflow.adapters.shopify.record import Bag
from orderflow.domain.money import exponent

Pair: TypeAlias = tuple[str, str]
"""One amount as decimal text: what the buyer saw, then the shop's own."""

NOTHING: Pair = ("0", "0")


def pair(bag: Bag) -> Pair:
    """Both sides of a `MoneyBag`."""
    return bag.presentment_money.amount, bag.shop_money.amount


def is_zero(amount: Pair) -> bool:
    return not amount[0].strip("0.-") and not amount[1].strip("0.-")


def total(amounts: Sequence[Pair]) -> Pair:
    """The sum; a single amount keeps its spelling."""
    if len(amounts) == 1:
        return amounts[0]
    if not amounts:
        return NOTHING
    seen, shop = zip(*amounts, strict=True)
    text = f"{sum(map(Decimal, seen)):f}"
    return text, text if seen == shop else f"{sum(map(Decimal, shop)):f}"


def plus(amount: Pair, other: Pair) -> Pair:
    """`amount + other`; nothing added keeps the spelling."""
    return amount if is_zero(other) else total([amount, other])


def less(amount: Pair, taken: Pair) -> Pair:
    """`amount - taken`."""
    seen = f"{Decimal(amount[0]) - Decimal(taken[0]):f}"
    if amount[0] == amount[1] and taken[0] == taken[1]:
        return seen, seen
    return seen, f"{Decimal(amount[1]) - Decimal(taken[1]):f}"


def times(amount: Pair, units: int) -> Pair:
    """`amount x units`."""
    return f"{Decimal(amount[0]) * units:f}", f"{Decimal(amount[1]) * units:f}"


def share(amount: Pair, part: int, whole: int, currencies: Pair) -> Pair:
    """`amount x part / whole`, each side rounded to its currency: Shopify spells 100.00 as `100.0`, and JPY too."""
    coins = [Decimal(1).scaleb(-exponent(currency)) for currency in currencies]
    sides = [(Decimal(side) * part / whole).quantize(coin) for side, coin in zip(amount, coins, strict=True)]
    return f"{sides[0]:f}", f"{sides[1]:f}"
