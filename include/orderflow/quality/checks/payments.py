"""Checks on payments and refunds."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orderflow.quality.checks.check import absent, residue
from orderflow.quality.checks.money import beyond
from orderflow.quality.view import Ints, Mask, View

RECEIVED = ("sale", "capture", "gift_card", "cod")
"""Kinds of payments that bring money."""


def given_back(view: View) -> Ints:
    """What was refunded: the header's sum, or that of the refunds where it has none."""
    return np.where(view.known("orders", "refunded"), view.ints("orders", "refunded"), view.sums("refunds", "amount"))


def refund_judged(view: View) -> Mask:
    return ~view.untyped(("orders", "refunded"), ("refunds", "amount"), ("orders", "paid"), ("orders", "grand_total"))


def _refunded_excess(view: View) -> Ints:
    had = np.where(view.known("orders", "paid"), view.ints("orders", "paid"), view.ints("orders", "grand_total"))
    judged = (view.known("orders", "paid") | view.known("orders", "grand_total")) & refund_judged(view)
    excess = given_back(view) - had
    return np.where(judged & (given_back(view) > 0) & (excess > view.tolerance), excess, 0)


def _refunds_residue(view: View) -> Ints:
    judged = view.known("orders", "refunded") & (view.counts("refunds") > 0)
    judged &= view.every("refunds", view.known("refunds", "amount"))
    return np.where(judged, beyond(view.sums("refunds", "amount") - view.ints("orders", "refunded"), view.tolerance), 0)


def _payments_residue(view: View) -> Ints:
    brought = view.is_one_of("payments", "kind", RECEIVED) & view.is_one_of("payments", "status", ("success",))
    judged = view.known("orders", "paid") & view.some("payments", brought) & ~view.untyped(("payments", "amount"))
    return np.where(
        judged, beyond(view.sums("payments", "amount", brought) - view.ints("orders", "paid"), view.tolerance), 0
    )


def _said(view: View, *statuses: str) -> Mask:
    return view.is_one_of("orders", "payment_status", statuses)


def _paid_too_little(view: View) -> Ints:
    short = view.ints("orders", "paid") - view.ints("orders", "grand_total")
    judged = _said(view, "paid") & view.known("orders", "paid") & view.known("orders", "grand_total")
    return np.where(judged & (short < -view.tolerance), short, 0)


def _paid_too_much(view: View) -> Ints:
    over = view.ints("orders", "paid") - view.ints("orders", "grand_total") - given_back(view)
    judged = view.known("orders", "paid") & view.known("orders", "grand_total") & refund_judged(view)
    return np.where(judged & (over > view.tolerance), over, 0)


def _paid_but_unpaid(view: View) -> Ints:
    return np.where(_said(view, "unpaid"), np.maximum(view.ints("orders", "paid"), 0), 0)


def _id_and_kind_repeated(view: View) -> pa.Array | None:
    """Ids of movements that succeeded more than once: an attempt that failed may be made again under its id."""
    mask = view.repeated("payments", "payment_id", "kind", "status")
    mask &= view.is_one_of("payments", "status", ("success",))
    return pc.if_else(pa.array(mask), view.column("payments", "payment_id"), None) if mask.any() else None


def _refund_id_repeated(view: View) -> pa.Array | None:
    mask = view.repeated("refunds", "refund_id")
    return pc.if_else(pa.array(mask), view.column("refunds", "refund_id"), None) if mask.any() else None


MEANING = (
    absent("PAYMENT_ID_DUPLICATE", "payments", "payment_id", _id_and_kind_repeated),
    absent("REFUND_ID_DUPLICATE", "refunds", "refund_id", _refund_id_repeated),
    residue("PAYMENTS_MISMATCH", "orders", "paid", _payments_residue),
    residue("PAID_TOO_LITTLE", "orders", "paid", _paid_too_little),
    residue("PAID_TOO_MUCH", "orders", "paid", _paid_too_much),
    residue("PAID_BUT_UNPAID", "orders", "payment_status", _paid_but_unpaid),
    residue("REFUNDED_TOO_MUCH", "orders", "refunded", _refunded_excess),
    residue("REFUNDS_MISMATCH", "orders", "refunded", _refunds_residue),
)
