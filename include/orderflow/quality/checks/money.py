"""Checks on money. Sums and residues are exact: whole millionths, in each currency set by itself."""

from __future__ import annotations

import functools

import numpy as np
import pyarrow.compute as pc

from orderflow.domain.money import MILLION
from orderflow.quality.checks.check import Check, missing, not_negative, residue
from orderflow.quality.checks.lines import GOODS
from orderflow.quality.checks.order import TO_SHIP
from orderflow.quality.codes import CURRENCIES
from orderflow.quality.view import Ints, Mask, View

SETS = ("", "shop_")
"""What the fields of the two currency sets begin with."""
_LARGEST = 4 * 10**18


def beyond(difference: Ints, allowed: Ints | int) -> Ints:
    """What is left of a difference that is larger than allowed; 0 where it is not."""
    return np.where(np.abs(difference) > allowed, difference, 0)


def _unit(view: View, prefix: str) -> Ints:
    return view.minor_unit(f"{prefix}currency")


def _sums_known(view: View, prefix: str) -> Mask:
    """Orders of which every line and charge has a total in this set."""

    def make() -> Mask:
        return view.every("lines", view.known("lines", f"{prefix}total")) & view.every(
            "charges", view.known("charges", f"{prefix}total")
        )

    return view.keep((prefix, "sums known"), make)


def _grand_total_residue(prefix: str, view: View) -> Ints | None:
    """Lines + charges + tax (if exclusive) - unallocated discounts + rounding - grand total."""
    total = f"{prefix}grand_total"
    judged = view.known("orders", total) & _sums_known(view, prefix) & (view.counts("lines") > 0)
    judged &= ~view.untyped(
        *(("orders", f"{prefix}{name}") for name in ("tax_total", "rounding")),
        *(("discounts", f"{prefix}{name}") for name in ("amount", "allocated")),
    )
    if not judged.any():
        return None
    tax = np.where(view.flag("taxes_included"), 0, view.ints("orders", f"{prefix}tax_total"))
    unallocated = view.sums("discounts", f"{prefix}amount") - view.sums("discounts", f"{prefix}allocated")
    charged = view.sums("lines", f"{prefix}total") + view.sums("charges", f"{prefix}total") + tax
    left = charged - unallocated + view.ints("orders", f"{prefix}rounding") - view.ints("orders", total)
    return np.where(judged, beyond(left, view.tolerance), 0)


def _product(quantity: Ints, price: Ints) -> tuple[Ints, Mask]:
    """Quantity x price in millionths, rounded down, and whether it is exact; both are at most 10^18.

    A product that leaves 64 bits is shown as the largest that does not: no line's total comes near it.
    """
    whole, part = quantity // MILLION, quantity % MILLION
    units, millionths = price // MILLION, price % MILLION
    small = part * millionths
    product = whole * price + part * units + small // MILLION
    rough = quantity.astype(float) * price.astype(float) / MILLION
    return np.where(np.abs(rough) > _LARGEST, np.sign(rough) * _LARGEST, product).astype(np.int64), small % MILLION == 0


def _line_residue(prefix: str, view: View) -> Ints | None:
    """Quantity x unit price - discount - total, beyond what rounding explains.

    A unit price in whole minor units may be half of one off, which counts as often as there are units; a product that
    is no whole number of minor units may be rounded by half of one.
    """
    price, total = f"{prefix}unit_price", f"{prefix}total"
    judged = view.known("lines", "quantity") & view.known("lines", price) & view.known("lines", total)
    judged &= ~view.untyped(("lines", f"{prefix}discount"))[view.rows("lines")]
    if not judged.any():
        return None
    quantity = view.ints("lines", "quantity")
    product, exact = _product(quantity, view.ints("lines", price))
    unit = _unit(view, prefix)[view.rows("lines")]
    rounded_price = np.where(quantity > MILLION, (quantity // MILLION + 1) * unit // 2, 0)
    rounded_product = np.where(exact & (product % unit == 0), 0, (unit + 1) // 2)
    left = product - view.ints("lines", f"{prefix}discount") - view.ints("lines", total)
    return np.where(judged, beyond(left, rounded_price + rounded_product + view.tolerance), 0)


def _charge_residue(prefix: str, view: View) -> Ints | None:
    judged = view.known("charges", f"{prefix}amount") & view.known("charges", f"{prefix}total")
    judged &= ~view.untyped(("charges", f"{prefix}discount"))[view.rows("charges")]
    if not judged.any():
        return None
    amount, discount, total = (view.ints("charges", f"{prefix}{name}") for name in ("amount", "discount", "total"))
    return np.where(judged, beyond(amount - discount - total, view.tolerance), 0)


def _total_missing(table: str, view: View) -> Mask:
    return ~view.known(table, "total")


def _grand_too_fine(field: str, view: View) -> Ints | None:
    return _too_fine("orders", field, view)


def _too_fine(table: str, field: str, view: View) -> Ints | None:
    """Amounts with more decimals than their currency; without a currency nobody knows how many it has."""
    if not view.known(table, field).any():
        return None
    prefix = "shop_" if field.startswith("shop_") else ""
    unit, coded = _unit(view, prefix), view.is_one_of("orders", f"{prefix}currency", CURRENCIES)
    amounts = view.ints(table, field)
    rows = slice(None) if table == "orders" else view.rows(table)
    return np.where(coded[rows] & (amounts % unit[rows] != 0), amounts, 0)


def _overallocated(prefix: str, view: View) -> Ints | None:
    return _allocation(prefix, view, 1)


def _unallocated(prefix: str, view: View) -> Ints | None:
    return _allocation(prefix, view, -1)


def _allocation(prefix: str, view: View, sign: int) -> Ints | None:
    judged = view.known("discounts", f"{prefix}amount") & (view.ints("discounts", f"{prefix}amount") >= 0)
    judged &= ~view.untyped(("discounts", f"{prefix}allocated"))[view.rows("discounts")]
    over = view.ints("discounts", f"{prefix}allocated") - view.ints("discounts", f"{prefix}amount")
    return np.where(judged & (sign * over > 0), sign * over, 0) if judged.any() else None


def _outside(value: Ints, one: Ints, other: Ints, allowed: int) -> Ints:
    """How far a value lies outside the two others, 0 between them."""
    low, high = np.minimum(one, other) - allowed, np.maximum(one, other) + allowed
    return np.where(value < low, value - low, np.where(value > high, value - high, 0))


def _header(table: str, field: str, discount: str, prefix: str, view: View) -> Ints | None:
    """A header's sum against the totals of its parts and the totals before discount."""
    judged = view.known("orders", f"{prefix}{field}") & view.every(table, view.known(table, f"{prefix}total"))
    judged &= ~view.untyped((table, f"{prefix}{discount}"))
    if not judged.any():
        return None
    net = view.sums(table, f"{prefix}total")
    gross = net + view.sums(table, f"{prefix}{discount}")
    return np.where(judged, _outside(view.ints("orders", f"{prefix}{field}"), net, gross, view.tolerance), 0)


def _discount_total(prefix: str, view: View) -> Ints | None:
    field, names = f"{prefix}discount_total", (f"{prefix}discount", f"{prefix}amount", f"{prefix}allocated")
    judged = view.known("orders", field) & ~view.untyped(
        ("lines", names[0]), ("charges", names[0]), ("discounts", names[1]), ("discounts", names[2])
    )
    if not judged.any():
        return None
    listed, allocated = view.sums("discounts", names[1]), view.sums("discounts", names[2])
    inside = view.sums("lines", names[0]) + view.sums("charges", names[0]) + listed - allocated
    stated = np.abs(view.ints("orders", field))
    off = np.where(np.abs(stated - listed) <= np.abs(stated - inside), stated - listed, stated - inside)
    return np.where(judged, beyond(off, view.tolerance), 0)


def _tax_total(prefix: str, view: View) -> Ints | None:
    """The header's tax against that of the order and that of lines and charges, whose parts may each be rounded."""
    field = f"{prefix}tax_total"
    in_parts = view.some("lines", view.known("lines", f"{prefix}tax")) | view.some(
        "charges", view.known("charges", f"{prefix}tax")
    )
    listed = view.some("taxes", view.known("taxes", f"{prefix}amount"))
    judged = view.known("orders", field) & (in_parts | listed)
    judged &= ~view.untyped(("lines", f"{prefix}tax"), ("charges", f"{prefix}tax"), ("taxes", f"{prefix}amount"))
    if not judged.any():
        return None
    stated = view.ints("orders", field)
    of_order = stated - view.sums("taxes", f"{prefix}amount")
    of_parts = stated - view.sums("lines", f"{prefix}tax") - view.sums("charges", f"{prefix}tax")
    half = (_unit(view, prefix) + 1) // 2
    of_order = beyond(of_order, half * view.counts("taxes") + view.tolerance)
    of_parts = beyond(of_parts, half * (view.counts("lines") + view.counts("charges")) + view.tolerance)
    fits = (listed & (of_order == 0)) | (in_parts & (of_parts == 0))
    return np.where(judged & ~fits, np.where(listed, of_order, of_parts), 0)


def _rate_implausible(view: View) -> Ints | None:
    rates = view.ints("taxes", "rate")
    return np.where((rates < 0) | (rates > MILLION), rates, 0) if view.known("taxes", "rate").any() else None


def _rounding_large(prefix: str, view: View) -> Ints | None:
    rounding = view.ints("orders", f"{prefix}rounding")
    if not rounding.any():
        return None
    explained = np.maximum(np.abs(view.ints("orders", f"{prefix}grand_total")) // 100, 100 * _unit(view, prefix))
    return np.where(view.known("orders", f"{prefix}grand_total"), beyond(rounding, explained), 0)


def _free(view: View) -> Mask | None:
    free: Mask = view.known("orders", "grand_total") & (view.ints("orders", "grand_total") == 0)
    if not free.any():
        return None
    free &= view.sums("discounts", "amount") + view.sums("lines", "discount") == 0
    sold = view.is_one_of("lines", "kind", GOODS[:1]) & (view.ints("lines", "quantity") > 0)
    return free & view.is_one_of("orders", "order_status", TO_SHIP) & view.some("lines", sold)


def _shop_incomplete(view: View) -> Mask | None:
    known = [view.known(table, "shop_total") for table in ("lines", "charges")]
    some = view.some("lines", known[0]) | view.some("charges", known[1])
    if not some.any():
        return None
    judged = ~view.untyped(("lines", "shop_total"), ("charges", "shop_total"), ("orders", "shop_grand_total"))
    whole = _sums_known(view, "shop_") & view.known("orders", "shop_grand_total")
    return some & ~whole & judged


def _sets_differ(view: View) -> Ints | None:
    if not view.known("orders", "shop_grand_total").any():
        return None
    same = pc.equal(view.column("orders", "currency"), view.column("orders", "shop_currency")).fill_null(False)
    judged = same.to_numpy(zero_copy_only=False) & view.known("orders", "grand_total")
    judged &= view.known("orders", "shop_grand_total")
    return np.where(judged, view.ints("orders", "shop_grand_total") - view.ints("orders", "grand_total"), 0)


def _in(prefix: str) -> tuple[Check, ...]:
    """The checks of one currency set on what the amounts mean together."""
    bound = functools.partial
    return (
        residue("GRAND_TOTAL_MISMATCH", "orders", f"{prefix}grand_total", bound(_grand_total_residue, prefix)),
        residue("LINE_EQUATION", "lines", f"{prefix}total", bound(_line_residue, prefix)),
        residue("CHARGE_EQUATION", "charges", f"{prefix}total", bound(_charge_residue, prefix)),
        residue("DISCOUNT_OVERALLOCATED", "discounts", f"{prefix}allocated", bound(_overallocated, prefix)),
        residue("DISCOUNT_UNALLOCATED", "discounts", f"{prefix}amount", bound(_unallocated, prefix)),
        residue(
            "ITEMS_TOTAL_MISMATCH",
            "orders",
            f"{prefix}items_total",
            bound(_header, "lines", "items_total", "discount", prefix),
        ),
        residue(
            "CHARGES_TOTAL_MISMATCH",
            "orders",
            f"{prefix}charge_total",
            bound(_header, "charges", "charge_total", "discount", prefix),
        ),
        residue("DISCOUNT_TOTAL_MISMATCH", "orders", f"{prefix}discount_total", bound(_discount_total, prefix)),
        residue("TAX_TOTAL_MISMATCH", "orders", f"{prefix}tax_total", bound(_tax_total, prefix)),
        residue("ROUNDING_LARGE", "orders", f"{prefix}rounding", bound(_rounding_large, prefix)),
        *(
            residue("GRAND_TOTAL_TOO_FINE", "orders", f"{prefix}{name}", bound(_grand_too_fine, f"{prefix}{name}"))
            for name in ("grand_total", "paid", "refunded")
        ),
        residue("LINE_TOTAL_TOO_FINE", "lines", f"{prefix}total", bound(_too_fine, "lines", f"{prefix}total")),
    )


STRUCTURE = (
    missing("LINE_TOTAL_MISSING", "lines", "total", functools.partial(_total_missing, "lines")),
    missing("CHARGE_TOTAL_MISSING", "charges", "total", functools.partial(_total_missing, "charges")),
    *(
        not_negative(code, table, f"{prefix}{name}")
        for prefix in SETS
        for code, table, name in (
            ("GRAND_TOTAL_NEGATIVE", "orders", "grand_total"),
            ("LINE_TOTAL_NEGATIVE", "lines", "total"),
            ("UNIT_PRICE_NEGATIVE", "lines", "unit_price"),
            ("DISCOUNT_NEGATIVE", "lines", "discount"),
            ("DISCOUNT_NEGATIVE", "charges", "discount"),
            ("DISCOUNT_NEGATIVE", "discounts", "amount"),
            ("CHARGE_NEGATIVE", "charges", "amount"),
            ("TAX_NEGATIVE", "orders", "tax_total"),
            ("TAX_NEGATIVE", "lines", "tax"),
            ("TAX_NEGATIVE", "charges", "tax"),
            ("TAX_NEGATIVE", "taxes", "amount"),
            ("PAYMENT_NEGATIVE", "payments", "amount"),
            ("REFUND_NEGATIVE", "refunds", "amount"),
        )
    ),
    residue("TAX_RATE_IMPLAUSIBLE", "taxes", "rate", _rate_implausible),
)

MEANING = (
    *_in(""),
    *_in("shop_"),
    missing("SHOP_AMOUNTS_INCOMPLETE", "orders", "shop_grand_total", _shop_incomplete),
    residue("SETS_DIFFER", "orders", "shop_grand_total", _sets_differ),
    missing("FREE_WITHOUT_DISCOUNT", "orders", "grand_total", _free),
)
