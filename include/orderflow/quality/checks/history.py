"""Checks on the order's life: times and statuses."""

from __future__ import annotations

import functools
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orderflow.quality.checks.check import missing, residue, too_late
from orderflow.quality.checks.order import TO_SHIP
from orderflow.quality.checks.payments import given_back, refund_judged
from orderflow.quality.view import Ints, Mask, View

SECOND = 1_000_000
CLOCKS_DIFFER = 5 * 60 * SECOND
"""How far a platform's clock may be ahead of ours."""
BOOKED_LATER = 3600 * SECOND
"""How long after a payment or shipment a platform may still write down the order."""
A_DAY = 86_400 * SECOND
"""Platforms give many promises as a date, which is read as its midnight: the beginning of the day that is meant."""
EARLIEST = int(datetime(1995, 1, 1, tzinfo=UTC).timestamp()) * SECOND
"""Nobody sold over the web before."""

TIMES = ("placed_at", "channel_created_at", "channel_updated_at", "paid_at", "cancelled_at", "closed_at")
_EVENTS = (("payments", "at"), ("refunds", "at"), ("shipments", "shipped_at"), ("shipments", "delivered_at"))
_STOPPED = ("cancelled", "canceled", "voided", "failed", "failure", "error", "returned")
"""Words by which platforms mark a parcel that did not leave after all."""


def _future(table: str, field: str, view: View) -> Ints | None:
    """How far a time lies behind the moment at which it was fetched, clocks allowed for."""
    known = view.known(table, field)
    if not known.any():
        return None
    fetched = view.ints("orders", "fetched_at")
    fetched = fetched if table == "orders" else fetched[view.rows(table)]
    return np.where(known, np.maximum(view.ints(table, field) - fetched - CLOCKS_DIFFER, 0), 0)


def _implausible(field: str, view: View) -> Ints | None:
    known = view.known("orders", field)
    return np.where(known, np.maximum(EARLIEST - view.ints("orders", field), 0), 0) if known.any() else None


def _after(first: tuple[str, str], second: tuple[str, str], allowed: int, view: View) -> Ints | None:
    """How far the first time lies behind the second, beyond what is allowed; both of one table, or one of the order."""
    table = first[0] if first[0] != "orders" else second[0]

    def column(name: tuple[str, str]) -> tuple[Ints, Mask]:
        values, known = view.ints(*name), view.known(*name)
        rows = slice(None) if name[0] == table else view.rows(table)
        return values[rows], known[rows]

    (early, has_early), (late, has_late) = column(first), column(second)
    if not (has_early & has_late).any():
        return None
    return np.where(has_early & has_late, np.maximum(early - late - allowed, 0), 0)


def _status(view: View, *statuses: str) -> Mask:
    return view.is_one_of("orders", "order_status", statuses)


def _fulfilment(view: View, *statuses: str) -> Mask:
    return view.is_one_of("orders", "fulfilment_status", statuses)


def _payment(view: View, *statuses: str) -> Mask:
    return view.is_one_of("orders", "payment_status", statuses)


def _cancelled_but_open(view: View) -> Mask:
    return view.known("orders", "cancelled_at") & _status(view, *TO_SHIP)


def _cancelled_without_time(view: View) -> Mask:
    return _status(view, "cancelled") & ~view.known("orders", "cancelled_at")


def _cancelled_but_shipped(view: View) -> Mask:
    return _status(view, "cancelled") & _fulfilment(view, "shipped", "delivered")


def _unfulfilled_but_shipped(view: View) -> Mask | None:
    left = view.known("shipments", "shipped_at")
    if not left.any():
        return None
    status = pc.utf8_lower(view.column("shipments", "status"))
    stopped = pc.is_in(status, pa.array(_STOPPED)).to_numpy(zero_copy_only=False)
    return view.some("shipments", left & ~stopped) & _fulfilment(view, "unfulfilled") & _status(view, *TO_SHIP)


def _returned_but_unfulfilled(view: View) -> Mask:
    return view.is_one_of("orders", "return_status", ("in_transit", "received")) & _fulfilment(view, "unfulfilled")


def _refunded_without_refund(view: View) -> Mask:
    nothing: Mask = (view.counts("refunds") == 0) & (given_back(view) == 0)
    return nothing & _payment(view, "refunded", "partially_refunded") & refund_judged(view)


def _refund_without_status(view: View) -> Mask:
    some: Mask = given_back(view) > 0
    return some & _payment(view, "unpaid", "authorized", "paid")


def _refunded_in_part(view: View) -> Ints:
    short = view.ints("orders", "paid") - given_back(view)
    judged = _payment(view, "refunded") & (given_back(view) > 0) & refund_judged(view)
    return np.where(judged & view.known("orders", "paid") & (short > view.tolerance), short, 0)


def _hold_without_reason(view: View) -> Mask:
    reasons = pc.list_value_length(view.column("orders", "hold_reasons")).fill_null(0).to_numpy(zero_copy_only=False)
    without: Mask = reasons == 0
    return _status(view, "on_hold") & without


_bound = functools.partial

MEANING = (
    *(too_late("TIME_IN_FUTURE", "orders", field, _bound(_future, "orders", field)) for field in TIMES),
    *(too_late("EVENT_IN_FUTURE", table, field, _bound(_future, table, field)) for table, field in _EVENTS),
    *(too_late("TIME_IMPLAUSIBLE", "orders", field, _bound(_implausible, field)) for field in TIMES),
    *(
        too_late(code, table, field, _bound(_after, first, second, allowed))
        for code, table, field, first, second, allowed in (
            (
                "UPDATED_BEFORE_CREATED",
                "orders",
                "channel_updated_at",
                ("orders", "channel_created_at"),
                ("orders", "channel_updated_at"),
                SECOND,
            ),
            (
                "PLACED_AFTER_UPDATED",
                "orders",
                "placed_at",
                ("orders", "placed_at"),
                ("orders", "channel_updated_at"),
                SECOND,
            ),
            *(
                ("ENDED_BEFORE_PLACED", "orders", name, ("orders", "placed_at"), ("orders", name), BOOKED_LATER)
                for name in ("paid_at", "cancelled_at", "closed_at")
            ),
            (
                "SHIPPED_BEFORE_PLACED",
                "shipments",
                "shipped_at",
                ("orders", "placed_at"),
                ("shipments", "shipped_at"),
                BOOKED_LATER,
            ),
            (
                "DELIVERED_BEFORE_SHIPPED",
                "shipments",
                "delivered_at",
                ("shipments", "shipped_at"),
                ("shipments", "delivered_at"),
                0,
            ),
            ("SHIP_BY_BEFORE_PLACED", "lines", "ship_by", ("orders", "placed_at"), ("lines", "ship_by"), A_DAY),
            ("DELIVER_BY_BEFORE_SHIP_BY", "lines", "deliver_by", ("lines", "ship_by"), ("lines", "deliver_by"), A_DAY),
        )
    ),
    missing("CANCELLED_BUT_OPEN", "orders", "order_status", _cancelled_but_open),
    missing("CANCELLED_WITHOUT_TIME", "orders", "cancelled_at", _cancelled_without_time),
    missing("CANCELLED_BUT_SHIPPED", "orders", "fulfilment_status", _cancelled_but_shipped),
    missing("UNFULFILLED_BUT_SHIPPED", "orders", "fulfilment_status", _unfulfilled_but_shipped),
    missing("RETURNED_BUT_UNFULFILLED", "orders", "return_status", _returned_but_unfulfilled),
    missing("REFUNDED_WITHOUT_REFUND", "orders", "payment_status", _refunded_without_refund),
    missing("REFUND_WITHOUT_STATUS", "orders", "payment_status", _refund_without_status),
    residue("FULLY_REFUNDED_IN_PART", "orders", "refunded", _refunded_in_part),
    missing("HOLD_WITHOUT_REASON", "orders", "hold_reasons", _hold_without_reason),
)
