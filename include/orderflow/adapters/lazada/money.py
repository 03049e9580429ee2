"""Lazada's money: what the order states and what its items have to add up to. Amounts are decimal text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orderflow.adapters.amounts import amount, amount_text, total_of
from orderflow.domain.order import Charge, Discount
from orderflow.domain.source import Raw

VOUCHERS = {"voucher_seller": ("code", "seller"), "voucher_platform": ("platform", "platform")}
"""Vouchers by their name on orders and items: our kind of discount, and who pays for it."""
SHIPPING_DISCOUNTS = {"shipping_fee_discount_seller": "seller", "shipping_fee_discount_platform": "platform"}


def grand_total(order: Raw, items: Sequence[Raw], gone: Sequence[Raw]) -> str | None:
    """Price - voucher + shipping fee as the order states them, less what the called-off items cost.

    Whether `price` still counts a called-off item is not documented; it does where it is the sum of all items' prices.
    """
    if order["price"] in (None, ""):
        return None
    price = amount(order["price"])
    total = price - amount(order.get("voucher")) + amount(order.get("shipping_fee"))
    if gone and price == total_of(item["item_price"] for item in items):
        total -= total_of(item["paid_price"] for item in gone)
    return f"{total:f}"


def charges_of(order: Raw) -> list[Charge]:
    """The shipping fee; where Lazada tells it before its discounts, with them."""
    fee = amount_text(order.get("shipping_fee"))
    original = amount_text(order.get("shipping_fee_original"))
    less = total_of(order.get(name) for name in SHIPPING_DISCOUNTS)
    if original and amount(original) - less == amount(fee) and amount(original):
        return [Charge(kind="shipping", amount=original, discount=f"{less:f}", total=fee)]
    return [Charge(kind="shipping", amount=fee, total=fee)] if fee and amount(fee) else []


def discounts_of(order: Raw, items: Sequence[Raw], gone: Sequence[Raw]) -> list[Discount]:
    """Vouchers, which stand in what the items cost, and what was taken off the shipping fee."""
    return [*_vouchers(order, items, gone), *_shipping_discounts(order)]


def _vouchers(order: Raw, items: Sequence[Raw], gone: Sequence[Raw]) -> Iterator[Discount]:
    for name, (kind, funder) in VOUCHERS.items():
        lost = total_of(item.get(name) for item in gone)
        shared = total_of(item.get(name) for item in items)
        stated = amount(order[name]) if order.get(name) not in (None, "") else shared
        if stated - lost or shared - lost:
            codes = dict.fromkeys(
                item[code] for item in items if item.get(code := name.replace("voucher", "voucher_code"))
            )
            yield Discount(
                kind=kind,
                code=",".join(codes) or None,
                title=name,
                funded_by=funder,
                amount=f"{stated - lost:f}",
                allocated=f"{shared - lost:f}",
            )


def _shipping_discounts(order: Raw) -> Iterator[Discount]:
    charge = charges_of(order)
    if not charge or not charge[0].discount:
        return
    for name, funder in SHIPPING_DISCOUNTS.items():
        if amount(order.get(name)):
            less = f"{amount(order[name]):f}"
            kind = "platform" if funder == "platform" else "automatic"
            yield Discount(kind=kind, title=name, funded_by=funder, amount=less, allocated=less)
