"""TikTok Shop's money: what an order states, and what its lines have to add up to. Amounts are decimal text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from orderflow.adapters.amounts import amount, total_of
from orderflow.domain.order import Charge, Discount, Tax
from orderflow.domain.source import Raw

FEES = {
    "small_order_fee": "surcharge",
    "retail_delivery_fee": "surcharge",
    "distance_shipping_fee": "shipping",
    "distance_fee": "shipping",
    "buyer_service_fee": "service",
    "handling_fee": "service",
    "shipping_insurance_fee": "service",
    "item_insurance_fee": "service",
    "payment_discount_service_fee": "service",
}
"""What the buyer pays beside goods, shipping and tax, by its name in `payment`."""
SHIPPING_DISCOUNTS = {
    "shipping_fee_seller_discount": ("automatic", "seller"),
    "shipping_fee_platform_discount": ("platform", "platform"),
    "shipping_fee_cofunded_discount": ("platform", "shared"),
}
DISCOUNTS = {"seller_discount": ("automatic", "seller"), "platform_discount": ("platform", "platform")}
"""Discounts by their name on orders and lines: our kind, and who pays for it."""
PAYMENT_DISCOUNT = "payment_platform_discount"


def tax_of(line: Raw) -> Decimal:
    return total_of(tax.get("tax_amount") for tax in line.get("item_tax") or ())


class Totals(NamedTuple):
    """What an order comes to now; None where TikTok states no total."""

    grand: str | None
    tax: str
    taxes_included: bool


def totals_of(payment: Raw, lines: Sequence[Raw], gone: Sequence[Raw]) -> Totals:
    """The stated total, less what called-off lines cost where it still counts them.

    It does where `sub_total` is the sum of all lines. Tax stands inside the prices where the total adds up without it,
    and where there is none outside of the United States.
    """
    tax, stated = amount(payment.get("tax")), payment.get("total_amount")
    if stated is None or stated == "":
        return Totals(None, f"{tax:f}", taxes_included=payment.get("currency") != "USD")
    grand, sub_total, fees = amount(stated), amount(payment.get("sub_total")), _fees(payment)
    included = grand == sub_total + fees if tax else payment.get("currency") != "USD"
    if gone and sub_total == total_of(line["sale_price"] for line in lines):
        lost = sum(map(tax_of, gone), Decimal(0))
        grand -= total_of(line["sale_price"] for line in gone) + (0 if included else lost)
        tax -= lost
    return Totals(f"{grand:f}", f"{tax:f}", included)


def _fees(payment: Raw) -> Decimal:
    """What the buyer pays beside goods and tax."""
    return total_of(payment.get(name) for name in ("shipping_fee", *FEES)) - amount(payment.get(PAYMENT_DISCOUNT))


def extras_of(payment: Raw, lines: Sequence[Raw], totals: Totals) -> list[Charge]:
    """Deposits for bottles (Germany) and the tax on an insurance, where they are what the total holds beside all else.

    No source says whether it does.
    """
    deposit, taxed = total_of(line.get("pfand_fee") for line in lines), amount(payment.get("item_insurance_tax"))
    known = amount(payment.get("sub_total")) + _fees(payment) + (0 if totals.taxes_included else amount(totals.tax))
    if totals.grand is None or not (deposit or taxed) or amount(totals.grand) - known != deposit + taxed:
        return []
    parts = (("surcharge", "pfand_fee", deposit), ("service", "item_insurance_tax", taxed))
    return [_charge(kind, name, f"{fee:f}", "0", f"{fee:f}", None, None) for kind, name, fee in parts if fee]


def charges_of(payment: Raw, method: str | None) -> list[Charge]:
    """Shipping with its discounts, where they explain it, and all fees."""
    fee, tax = amount(payment.get("shipping_fee")), payment.get("shipping_fee_tax")
    less = total_of(payment.get(name) for name in SHIPPING_DISCOUNTS)
    original = amount(payment.get("original_shipping_fee"))
    found = []
    if original and original - less == fee:
        found.append(_charge("shipping", "shipping_fee", f"{original:f}", f"{less:f}", f"{fee:f}", tax, method))
    elif fee:
        found.append(_charge("shipping", "shipping_fee", f"{fee:f}", "0", f"{fee:f}", tax, method))
    for name, kind in FEES.items():
        if amount(payment.get(name)):
            found.append(_charge(kind, name, str(payment[name]), "0", str(payment[name]), None, None))
    return found


def _charge(
    kind: str, name: str, before: str, discount: str, total: str, tax: str | None, method: str | None
) -> Charge:
    return Charge(
        kind=kind, charge_id=name, title=name, method=method, amount=before, discount=discount, tax=tax, total=total
    )


def discounts_of(payment: Raw, lines: Sequence[Raw], gone: Sequence[Raw]) -> Iterator[Discount]:
    """Discounts of goods and shipping, which stand in lines and charges, and of the payment, which stands alone."""
    for name, (kind, funder) in DISCOUNTS.items():
        allocated = total_of(line.get(name) for line in lines)
        stated = amount(payment[name]) if payment.get(name) not in {None, ""} else allocated
        lost = total_of(line.get(name) for line in gone)
        whole = stated - lost if gone and stated == allocated else stated
        if whole or allocated - lost:
            yield _discount(kind, name, funder, whole, allocated - lost)
    less = total_of(payment.get(name) for name in SHIPPING_DISCOUNTS)
    explained = amount(payment.get("original_shipping_fee")) - less == amount(payment.get("shipping_fee"))
    for name, (kind, funder) in SHIPPING_DISCOUNTS.items():
        if explained and amount(payment.get(name)):
            yield _discount(kind, name, funder, amount(payment[name]), amount(payment[name]))
    if amount(payment.get(PAYMENT_DISCOUNT)):
        yield _discount("platform", PAYMENT_DISCOUNT, "platform", amount(payment[PAYMENT_DISCOUNT]), Decimal(0))


def _discount(kind: str, title: str, funder: str, whole: Decimal, allocated: Decimal) -> Discount:
    return Discount(kind=kind, title=title, funded_by=funder, amount=f"{whole:f}", allocated=f"{allocated:f}")


def taxes_of(payment: Raw, lines: Sequence[Raw]) -> list[Tax]:
    """Tax by kind and rate, over all lines that count, and that of shipping."""
    sums: dict[tuple[str, str | None], Decimal] = {}
    for line in lines:
        for tax in line.get("item_tax") or ():
            place = tax["tax_type"], tax.get("tax_rate")
            sums[place] = sums.get(place, Decimal(0)) + amount(tax.get("tax_amount"))
    found = [Tax(title=kind, rate=rate or None, amount=f"{whole:f}") for (kind, rate), whole in sums.items()]
    if amount(payment.get("shipping_fee_tax")):
        found.append(Tax(title="shipping_fee_tax", amount=str(payment["shipping_fee_tax"])))
    return found
