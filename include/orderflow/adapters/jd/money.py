"""JD's money: what reductions an order had, who pays for them, and what the buyer owes. Amounts are decimal text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from orderflow.adapters.amounts import amount, amount_text, total_of
from orderflow.adapters.jd.values import code_of
from orderflow.domain.order import Charge, Discount
from orderflow.domain.source import Raw

FUNDERS = {
    "20": "seller",
    "28": "seller",
    "29": "seller",
    "30": "seller",
    "34": "platform",
    "35": "seller",
    "39": "platform",
    "41": "platform",
    "100": "seller",
}
"""Who pays for a reduction, by the number that its `couponType` begins with."""
GIFT_CARD = "52"
"""No reduction but money: a card that was bought before."""


def coupons_of(order: Raw) -> list[Raw]:
    """The order's reductions, without those of nothing."""
    return [each for each in order.get("couponDetailList") or [] if amount(each.get("couponPrice"))]


def gift_cards(order: Raw) -> Decimal:
    """What was paid with gift cards."""
    return total_of(each["couponPrice"] for each in coupons_of(order) if code_of(each.get("couponType")) == GIFT_CARD)


def grand_total(order: Raw) -> str | None:
    """What the buyer owes, however it is paid: in money, from the JD balance, or with gift cards."""
    if order.get("orderPayment") in (None, ""):
        return None
    return f"{amount(order['orderPayment']) + amount(order.get('balanceUsed')) + gift_cards(order):f}"


def line_discounts(order: Raw, items: Sequence[Raw]) -> dict[str, Decimal]:
    """What is taken off single lines, by SKU id; a SKU that stands on two lines has none, as nobody says which."""
    places = Counter(sku_id(item) for item in items)
    found: dict[str, Decimal] = {}
    for coupon in coupons_of(order):
        sku = sku_id(coupon)
        if sku and places[sku] == 1 and code_of(coupon.get("couponType")) != GIFT_CARD:
            found[sku] = found.get(sku, Decimal(0)) + amount(coupon["couponPrice"])
    return found


def discounts_of(order: Raw, on_lines: dict[str, Decimal]) -> list[Discount]:
    """Every reduction with its funder, and what `sellerDiscount` states beyond those of the seller."""
    found = list(_coupons(order, on_lines))
    known = total_of(each.amount for each in found if each.funded_by == "seller")
    rest = amount(order.get("sellerDiscount")) - known
    if rest > 0:
        found.append(
            Discount(kind="automatic", title="sellerDiscount", funded_by="seller", amount=f"{rest:f}", allocated="0")
        )
    return found


def _coupons(order: Raw, on_lines: dict[str, Decimal]) -> Iterator[Discount]:
    for coupon in coupons_of(order):
        code = code_of(coupon.get("couponType"))
        if code == GIFT_CARD:
            continue
        funder = FUNDERS.get(code, "unknown")
        price = amount_text(coupon["couponPrice"])
        yield Discount(
            kind="platform" if funder == "platform" else "automatic",
            code=code or None,
            title=coupon.get("couponType") or None,
            funded_by=funder,
            amount=price,
            allocated=price if sku_id(coupon) in on_lines else "0",
        )


def charges_of(order: Raw) -> list[Charge]:
    freight = amount_text(order.get("freightPrice"))
    return [Charge(kind="shipping", amount=freight, total=freight)] if freight and amount(freight) else []


def line_total(item: Raw, discount: Decimal) -> str | None:
    """Price x units - discount; None where the price is missing."""
    if item.get("jdPrice") in (None, ""):
        return None
    return f"{amount(item['jdPrice']) * amount(item['itemTotal']) - discount:f}"


def sku_id(part: Raw) -> str:
    """JD's own number of what was sold; gifts may have none."""
    value: Any = part.get("skuId")
    return "" if value is None else str(value)
