"""Douyin's money: what an order states, and what its parts (SKU orders) have to add up to.

`pay_amount` is goods + post - promotions. Which further amounts stand in it (packing, insurance, tax, the seller's
change of price) no source says: those of them count that make the sums agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import combinations
from typing import NamedTuple

from orderflow.adapters.douyin.values import amount_text, number, yuan
from orderflow.domain.order import Charge, Discount
from orderflow.domain.source import Raw

PROMOTIONS = {
    "promotion_shop_amount": ("automatic", "seller"),
    "promotion_platform_amount": ("platform", "platform"),
    "promotion_talent_amount": ("automatic", "unknown"),
}
"""Promotions by their name on orders and parts: our kind of discount, and whose promotion it is."""
EXTRAS = {
    "packing_amount": "packaging",
    "tax_amount": "duty",
    "modify_amount": "surcharge",
    "modify_post_amount": "shipping",
    "post_insurance_amount": "service",
}
"""Amounts that may stand in the total, with the kind of charge that they are where they are positive."""


class Sums(NamedTuple):
    """What an order comes to now, in yuan; `grand` is None where Douyin states no total."""

    grand: str | None
    charges: list[Charge]
    discounts: list[Discount]


def reduction(part: Raw) -> Decimal:
    """What promotions take off one part, in fen."""
    if part.get("promotion_amount") is not None:
        return number(part, "promotion_amount")
    return sum((number(part, name) for name in PROMOTIONS), Decimal(0))


def price(part: Raw) -> Decimal:
    """What one part costs after promotions, in fen. Its own `pay_amount` may contain post, and is not used."""
    return number(part, "sum_amount") - reduction(part)


def sums_of(order: Raw, parts: Sequence[Raw], gone: Sequence[Raw]) -> Sums:
    """Total, charges and discounts; `gone` are the called-off parts of an order that goes on."""
    charges, discounts = list(_post(order)), list(_promotions(order, parts, gone))
    if amount_text(order, "pay_amount") is None:
        return Sums(None, charges, discounts)
    lost = sum(map(price, gone), Decimal(0))
    goods = sum(map(price, parts), Decimal(0)) - lost
    apart = sum((Decimal(each.amount or 0) - Decimal(each.allocated or 0) for each in discounts), Decimal(0))
    left = number(order, "pay_amount") - goods - number(order, "post_amount") + apart.scaleb(2)
    found = [(_explained(order, left - less), less) for less in dict.fromkeys((Decimal(0), lost))]
    readings = [(names, less) for names, less in found if names is not None]
    names, less = min(readings, key=lambda reading: len(reading[0]), default=((), Decimal(0)))
    for name in names:
        amount = number(order, name)
        if amount > 0:
            text = yuan(amount)
            charges.append(Charge(kind=EXTRAS[name], charge_id=name, title=name, amount=text, total=text))
        else:
            text = yuan(-amount)
            discounts.append(Discount(kind="manual", title=name, funded_by="seller", amount=text, allocated="0"))
    return Sums(yuan(number(order, "pay_amount") - less), charges, discounts)


def _explained(order: Raw, left: Decimal) -> tuple[str, ...] | None:
    """The names of the fewest further amounts that come to `left` together; None where none do."""
    there = [name for name in EXTRAS if number(order, name)]
    for count in range(len(there) + 1):
        for names in combinations(there, count):
            if sum((number(order, name) for name in names), Decimal(0)) == left:
                return names
    return None


def _post(order: Raw) -> Iterator[Charge]:
    """What the buyer pays for delivery; where Douyin tells it before its promotion, with it."""
    paid, before, less = (number(order, f"post_{name}amount") for name in ("", "origin_", "promotion_"))
    if before and before - less == paid:
        yield Charge(kind="shipping", amount=yuan(before), discount=yuan(less), total=yuan(paid))
    elif paid:
        yield Charge(kind="shipping", amount=yuan(paid), total=yuan(paid))


def _promotions(order: Raw, parts: Sequence[Raw], gone: Sequence[Raw]) -> Iterator[Discount]:
    """Promotions by whose they are. Those of goods stand in the lines, that of post in its charge."""
    for name, (kind, funder) in PROMOTIONS.items():
        shared, lost = (sum((number(part, name) for part in some), Decimal(0)) for some in (parts, gone))
        stated = number(order, name) if order.get(name) is not None else shared
        whole = stated if stated == shared - lost else stated - lost
        if whole or shared - lost:
            less = yuan(shared - lost)
            yield Discount(kind=kind, title=name, funded_by=funder, amount=yuan(whole), allocated=less)
    for charge in _post(order):
        if charge.discount and Decimal(charge.discount):
            less = charge.discount
            yield Discount(title="post_promotion_amount", funded_by="unknown", amount=less, allocated=less)
