"""eBay's money: what an order states, and what its lines and charges have to add up to. Amounts are decimal text.

Reductions of the summary are negative numbers, those of a line are positive. Tax that eBay collects and hands to the
state itself is no money of the seller's: it is taken out of every total, because eBay counts it in some answers
(`fieldGroups=TAX_BREAKDOWN`) and not in others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from orderflow.domain.order import Charge, Discount, Tax
from orderflow.domain.source import Raw

_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
NOTHING = Decimal(0)
FEE = "_FEE"
"""How the types of special fees end, which stand among the taxes of a line and in the summary's `fee`."""
NET_PRICES = frozenset({"EBAY_CA", "EBAY_MOTORS_US", "EBAY_PR", "EBAY_US"})
"""Marketplaces whose prices are shown without tax."""
DELIVERY = {
    "shippingCost": ("shipping", "shipping"),
    "handlingCost": ("service", "handling"),
    "importCharges": ("duty", "import charges"),
    "shippingIntermediationFee": ("service", "international shipping fee"),
}
"""What a line's delivery consists of: our kind of charge, and its title."""


def text(box: Any) -> str | None:
    """The value of an amount as it stands; None where there is none."""
    value = None if box is None else box.get("value")
    return None if value is None or value == "" else str(value)


def amount(box: Any) -> Decimal:
    """An amount to calculate with; where there is none, nothing. Raises `InvalidOperation` for what is no number."""
    value = text(box)
    if value is None:
        return NOTHING
    if not _NUMBER.fullmatch(value):
        raise InvalidOperation
    return Decimal(value)


def total_of(boxes: Iterable[Any]) -> Decimal:
    return sum(map(amount, boxes), NOTHING)


def cost(line: Raw) -> Any:
    """What a line costs after its discounts, without delivery."""
    return line.get("discountedLineItemCost") or line.get("lineItemCost")


def reduction(line: Raw) -> Decimal:
    return amount(line.get("lineItemCost")) - amount(cost(line))


def collected(line: Raw) -> Decimal:
    """Tax that eBay collects for this line. Special fees stand there too, but the summary has them in `fee`."""
    by_ebay = line.get("ebayCollectAndRemitTaxes") or ()
    return total_of(tax.get("amount") for tax in by_ebay if not str(tax.get("taxType")).endswith(FEE))


def seller_taxes(line: Raw) -> list[Raw]:
    """The taxes that the seller owes: `taxes` without those that eBay collects itself, and without special fees."""
    by_ebay = [(tax.get("taxType"), text(tax.get("amount"))) for tax in line.get("ebayCollectAndRemitTaxes") or ()]
    left = []
    for tax in line.get("taxes") or ():
        place = tax.get("taxType"), text(tax.get("amount"))
        if place in by_ebay:
            by_ebay.remove(place)
        elif not str(tax.get("taxType")).endswith(FEE):
            left.append(tax)
    return left


class Totals(NamedTuple):
    """What an order comes to for the seller; `grand` None where eBay states no total."""

    grand: str | None
    tax: Decimal
    taxes_included: bool
    by_ebay: Decimal
    adjustment: Decimal
    """Positive where it costs the buyer more."""


def totals_of(order: Raw) -> Totals:
    """The stated total without the tax that eBay keeps.

    Whether the total holds that tax, whether `tax` repeats it, and which sign an adjustment has, is what the sum of the
    parts shows. A total that no reading explains is handed on as stated: then the order does not add up, and waits.
    """
    summary, lines = order.get("pricingSummary") or {}, order.get("lineItems") or []
    marketplaces = {line.get("listingMarketplaceId") for line in lines}
    net_prices = bool(marketplaces & NET_PRICES)
    by_ebay = sum(map(collected, lines), NOTHING)
    owed = total_of(tax.get("amount") for line in lines for tax in seller_taxes(line))
    tax, adjustment = amount(summary.get("tax")), amount(summary.get("adjustment"))
    own = tax - by_ebay if by_ebay and tax - by_ebay == owed else tax
    stated = text(summary.get("total"))
    if stated is None:
        return Totals(None, own, not net_prices, by_ebay, adjustment)
    total = amount(summary["total"])
    goods = total_of(map(cost, lines)) + _unallocated(summary, lines)
    base = goods + total_of(summary.get(name) for name in ("deliveryCost", "deliveryDiscount", "fee"))
    for sign in (1, -1) if adjustment else (1,):
        before = total - base - sign * adjustment
        for on_top in (own, NOTHING):
            for kept in (by_ebay, NOTHING):
                if before == on_top + kept:
                    included = not on_top and not net_prices
                    return Totals(f"{total - kept:f}", on_top, included, by_ebay, sign * adjustment)
    return Totals(stated, own, not own and not net_prices, by_ebay, adjustment)


def _unallocated(summary: Raw, lines: Iterable[Raw]) -> Decimal:
    """A price discount of the whole order that no line shows; negative."""
    if summary.get("priceDiscount") is None:
        return NOTHING
    return amount(summary["priceDiscount"]) + sum(map(reduction, lines), NOTHING)


def charges_of(order: Raw, totals: Totals) -> Iterator[Charge]:
    """Delivery, special fees, and an adjustment that costs the buyer more."""
    summary, lines = order.get("pricingSummary") or {}, order.get("lineItems") or []
    whole, less = amount(summary.get("deliveryCost")), -amount(summary.get("deliveryDiscount"))
    costs = [line.get("deliveryCost") or {} for line in lines]
    parts = {name: total_of(each.get(name) for each in costs) for name in DELIVERY}
    if sum(parts.values(), NOTHING) != whole or less > parts["shippingCost"]:
        parts = {"shippingCost": whole}
    method = _shipping_step(order).get("shippingServiceCode")
    for name, part in parts.items():
        kind, title = DELIVERY[name]
        if part:
            off = less if name == "shippingCost" else NOTHING
            yield _charge(kind, title, part, off, method if kind == "shipping" else None)
    if amount(summary.get("fee")):
        yield _charge("surcharge", "fee", amount(summary["fee"]))
    if totals.adjustment > 0:
        yield _charge("surcharge", "adjustment", totals.adjustment)


def _charge(kind: str, title: str, whole: Decimal, off: Decimal = NOTHING, method: str | None = None) -> Charge:
    return Charge(
        kind=kind, title=title, method=method, amount=f"{whole:f}", discount=f"{off:f}", total=f"{whole - off:f}"
    )


def _shipping_step(order: Raw) -> Raw:
    for instruction in order.get("fulfillmentStartInstructions") or ():
        step: Raw = instruction.get("shippingStep") or {}
        return step
    return {}


def discounts_of(order: Raw, totals: Totals) -> Iterator[Discount]:
    """Promotions by their number where they explain what was taken off; else the sum, with nobody named as its funder.

    Promotions are the seller's own (Marketing API); eBay's own coupons are repaid to the seller and lessen no price.
    """
    summary, lines = order.get("pricingSummary") or {}, order.get("lineItems") or []
    promotions: dict[str, Decimal] = {}
    titles: dict[str, str | None] = {}
    for line in lines:
        for each in line.get("appliedPromotions") or ():
            name = str(each.get("promotionId") or each.get("description") or "")
            promotions[name] = promotions.get(name, NOTHING) + abs(amount(each.get("discountAmount")))
            titles[name] = each.get("description") or None
    goods, delivery = sum(map(reduction, lines), NOTHING), -amount(summary.get("deliveryDiscount"))
    explained = sum(promotions.values(), NOTHING)
    if promotions and explained in (goods, goods + delivery):
        for name, off in promotions.items():
            if off:
                yield _discount("automatic", titles[name], "seller", off, off, code=name or None)
        delivery -= explained - goods
    elif goods:
        yield _discount("automatic", "promotions", "unknown", goods, goods)
    if delivery:
        yield _discount("automatic", "delivery discount", "unknown", delivery, delivery)
    if left := _unallocated(summary, lines):
        yield _discount("automatic", "price discount", "unknown", -left, NOTHING)
    if totals.adjustment < 0:
        yield _discount("manual", "adjustment", "seller", -totals.adjustment, NOTHING)


def _discount(
    kind: str, title: str | None, funder: str, whole: Decimal, allocated: Decimal, code: str | None = None
) -> Discount:
    return Discount(
        kind=kind, code=code, title=title, funded_by=funder, amount=f"{whole:f}", allocated=f"{allocated:f}"
    )


def taxes_of(lines: Iterable[Raw]) -> list[Tax]:
    """What the seller owes the state, by kind of tax."""
    sums: dict[str | None, Decimal] = {}
    for line in lines:
        for tax in seller_taxes(line):
            kind = tax.get("taxType") or None
            sums[kind] = sums.get(kind, NOTHING) + amount(tax.get("amount"))
    return [Tax(title=kind, amount=f"{whole:f}", liable="seller") for kind, whole in sums.items() if whole]
