"""Amounts of a Magento order, in each of its two currencies.

Every amount stands twice: plain in the currency of the order, and with `base_` in that of the website. Rows and
shipping are without tax, the tax beside. Where a discount is taken off prices with tax, it contains tax itself, and
`discount_tax_compensation_amount` gives that tax back: row - discount + compensation is what the row costs without tax.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from orderflow.domain.errors import RecordError
from orderflow.domain.money import AMOUNT, SCALE, decimal, exponent
from orderflow.domain.source import Raw

MICRO = Decimal(1).scaleb(-SCALE)
ZERO = Decimal(0)
SIDES = {"": "", "shop_": "base_"}
"""Our prefix, and Magento's."""


class RowMoney(NamedTuple):
    """One line or charge; `total` is without tax and after discount."""

    amount: Decimal
    discount: Decimal
    tax: Decimal
    total: Decimal


NOTHING = RowMoney(ZERO, ZERO, ZERO, ZERO)


def amount(node: Raw, name: str) -> Decimal:
    """An amount or quantity; Magento leaves out what is null, or sends an empty text for it where it says texts.

    Raises `RecordError` for what is no number.

    Magento keeps four decimals; what stands behind six is the noise of a float that PHP wrote with 17 digits
    (`serialize_precision = 17`: 36.390000000000001).
    """
    value = node.get(name)
    if value is None or value == "":
        return ZERO
    said = str(value)
    found = decimal(said, name)
    noisy = len(said.partition(".")[2]) > SCALE or "e-" in said.lower()
    return found.quantize(MICRO, ROUND_HALF_UP) if noisy else found


def needed(node: Raw, name: str) -> Decimal:
    """An amount that every order has."""
    if node.get(name) in (None, ""):
        raise RecordError("AMOUNT_MISSING", name, None, "a Magento order has this amount")
    return amount(node, name)


def text(value: Decimal) -> str:
    return f"{value:f}"


def total(values: Iterable[Decimal]) -> Decimal:
    return sum(values, ZERO)


def coin(currency: str | None) -> Decimal:
    """The smallest coin."""
    return Decimal(1).scaleb(-exponent(currency or ""))


def row_money(item: Raw, side: str, kept: Decimal, currency: str | None) -> RowMoney:
    """What the `kept` units of a row cost.

    Where some were called off, the kept ones are usually the invoiced ones, whose amounts Magento tells; else they bear
    their share, rounded to the coin.
    """
    ordered = amount(item, "qty_ordered")
    if kept == ordered:
        names = ("row_total", "discount_amount", "discount_tax_compensation_amount", "tax_amount")
    elif not kept:
        return NOTHING
    elif kept == amount(item, "qty_invoiced"):
        names = ("row_invoiced", "discount_invoiced", "discount_tax_compensation_invoiced", "tax_invoiced")
    else:
        whole = row_money(item, side, ordered, currency)
        share, least = kept / ordered, coin(currency)
        before, off, tax = ((value * share).quantize(least, ROUND_HALF_UP) for value in whole[:3])
        return RowMoney(before, off, tax, before - off)
    before, off, back, tax = (amount(item, f"{SIDES[side]}{name}") for name in names)
    return RowMoney(before, off - back, tax, before - off + back)


def unit_price(money: RowMoney, kept: Decimal, item: Raw, side: str) -> Decimal:
    """Without tax. Magento's own `price` is rounded to the coin where prices contain tax, so the row decides."""
    if not kept:
        return amount(item, f"{SIDES[side]}price")
    return money.amount if kept == 1 else (money.amount / kept).quantize(MICRO, ROUND_HALF_UP)


def shipping_money(order: Raw, side: str, *, partly: bool) -> RowMoney:
    """Shipping; `partly`: what was called off of it does not count."""
    prefix = SIDES[side]
    back = f"{prefix}shipping_discount_tax_compensation_{'amnt' if side else 'amount'}"
    gone = amount(order, f"{prefix}shipping_canceled") if partly else ZERO
    before = amount(order, f"{prefix}shipping_amount") - gone
    off = amount(order, f"{prefix}shipping_discount_amount") - amount(order, back) if before else ZERO
    return RowMoney(before, off, amount(order, f"{prefix}shipping_tax_amount") if before else ZERO, before - off)


def product_tax(items: Iterable[tuple[Raw, Decimal]], side: str, currency: str | None) -> Decimal:
    """Fixed product taxes (FPT, `weee`) of rows and their units that count; they stand in the grand total alone."""
    name = "base_weee_tax_applied_row_amnt" if side else "weee_tax_applied_row_amount"
    found = ((amount(item, name), kept, amount(item, "qty_ordered")) for item, kept in items)
    return total(
        whole if kept == ordered else (whole * kept / ordered).quantize(coin(currency), ROUND_HALF_UP)
        for whole, kept, ordered in found
    )


def wrapping(attributes: Raw, side: str) -> Decimal:
    """Adobe Commerce's gift wrapping: of the order, of single things, and the card."""
    names = ("gw_base_price", "gw_items_base_price", "gw_card_base_price")
    return total(amount(attributes, name if side else name.replace("base_", "")) for name in names)


def plugin_fee(attributes: Raw, unexplained: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """What a plugin added to the grand total, by currency; empty where nothing says so.

    Payment fees and the like stand in no field of Magento's. An extension attribute that is, in every currency, exactly
    what is left unexplained is taken for one (`mollie_payment_fee` and `base_mollie_payment_fee`); a balance is none.
    """
    if all(left > ZERO for left in unexplained.values()):
        for name in attributes.keys() - BALANCES.keys():
            told = {side: f"{SIDES[side]}{name}" for side in unexplained}
            if all(
                AMOUNT.fullmatch(str(attributes.get(each))) and amount(attributes, each) == unexplained[side]
                for side, each in told.items()
            ):
                return dict(unexplained)
    return {}


BALANCES = {"gift_cards_amount": "gift_card", "customer_balance_amount": "sale", "reward_currency_amount": "sale"}
"""Adobe Commerce takes these off the grand total; they are ways to pay. With the kind of payment."""


def balance(attributes: Raw, name: str, side: str) -> Decimal:
    return amount(attributes, f"{SIDES[side]}{name}")
