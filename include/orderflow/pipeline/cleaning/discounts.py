"""Discounts: what a channel left unallocated is shared over the lines, to the minor unit."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from orderflow.domain.money import MILLION, allocate, exponent
from orderflow.pipeline import frames as fr
from orderflow.pipeline.frames import Column, Frames, Ints

_SETS = (("", "currency"), ("shop_", "shop_currency"))
_LARGEST_PRODUCT = 9e18


def allocated_discounts(frames: Frames) -> dict[Column, pa.Array]:
    """Take the unallocated part of discounts off the lines, in proportion to their totals, by largest remainder.

    It is done in each currency set by itself, and only where every line of the order has a total that is not negative
    and the lines can bear the discount; anything else is left to validation. The money equation stays as it is: what
    leaves `line.total` enters `discount.allocated`.
    """
    changes: dict[Column, pa.Array] = {}
    for prefix, currency in _SETS:
        changes |= _allocated(frames, prefix, currency)
    return changes


def _allocated(frames: Frames, prefix: str, currency: str) -> dict[Column, pa.Array]:
    amount, known = fr.numbers(frames, "discounts", f"{prefix}amount")
    allocated, was_known = fr.numbers(frames, "discounts", f"{prefix}allocated")
    left = np.where(known & (amount > allocated), amount - allocated, 0)
    if not left.any():
        return {}
    totals, has_total = fr.numbers(frames, "lines", f"{prefix}total")
    discounts_of, lines_of = (fr.get(frames, table, "order_row").to_numpy() for table in ("discounts", "lines"))
    due, borne = np.zeros(fr.size(frames), np.int64), np.zeros(fr.size(frames), np.int64)
    np.add.at(due, discounts_of, left)
    np.add.at(borne, lines_of, totals)
    bearable = (due > 0) & (due <= borne)
    bearable[lines_of[~has_total | (totals < 0)]] = False
    if not bearable.any():
        return {}
    rows = np.flatnonzero(bearable[lines_of])
    shares = np.zeros(len(totals), np.int64)
    unit = _units(frames, currency, due, totals, lines_of)
    shares[rows] = _shares(due // unit, totals[rows] // unit[lines_of[rows]], lines_of[rows]) * unit[lines_of[rows]]
    settled = (left > 0) & bearable[discounts_of]
    discount, had_discount = fr.numbers(frames, "lines", f"{prefix}discount")
    return {
        ("lines", f"{prefix}total"): pa.array(totals - shares, mask=~has_total),
        ("lines", f"{prefix}discount"): pa.array(discount + shares, mask=~(had_discount | (shares > 0))),
        ("discounts", f"{prefix}allocated"): pa.array(
            np.where(settled, amount, allocated), mask=~(was_known | settled)
        ),
    }


def _units(frames: Frames, currency: str, due: Ints, totals: Ints, lines_of: Ints) -> Ints:
    """By order: the minor unit of its currency in millionths, or one where an amount is finer than that."""
    coded = fr.get(frames, "orders", currency).fill_null("").dictionary_encode()
    minor = np.array([MILLION // 10 ** exponent(code) for code in coded.dictionary.to_pylist()], np.int64)
    unit: Ints = minor[coded.indices.to_numpy()]
    finer = due % unit != 0
    finer[lines_of[totals % unit[lines_of] != 0]] = True
    return np.where(finer, 1, unit)


def _shares(due: Ints, weights: Ints, owners: Ints) -> Ints:
    """What is due of each owner shared over its weights by largest remainder, for all owners at once.

    `owners` is sorted. Products that do not fit into 64 bits are left to exact integers, one owner at a time.
    """
    whole = np.zeros(len(due), np.int64)
    np.add.at(whole, owners, weights)
    huge = due.astype(float) * whole.astype(float) > _LARGEST_PRODUCT
    products = np.where(huge[owners], 0, due[owners] * weights)
    shares, remainders = np.divmod(products, whole[owners])
    given = np.zeros(len(due), np.int64)
    np.add.at(given, owners, shares)
    ranked = np.lexsort((-remainders, owners))
    starts = np.searchsorted(owners, owners, side="left")
    rank = np.empty(len(owners), np.int64)
    rank[ranked] = np.arange(len(owners))
    shares += rank - starts < (due - given)[owners]
    for owner in np.unique(owners[huge[owners]]).tolist():
        own = owners == owner
        shares[own] = allocate(int(due[owner]), weights[own].tolist())
    return shares
