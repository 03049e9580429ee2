"""Checks on the order as a whole."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from orderflow.domain.order import (
    CHARGE_KINDS,
    DISCOUNT_KINDS,
    FULFILMENT_STATUS,
    FUNDERS,
    MASKING,
    ORDER_STATUS,
    PAYMENT_STATUS,
    RETURN_STATUS,
)
from orderflow.quality.checks.check import Check, absent, missing, one_of
from orderflow.quality.codes import CURRENCIES
from orderflow.quality.view import Mask, View

TO_SHIP = ("pending", "open", "on_hold")
"""Statuses of orders that wait for their goods."""
LONGEST_IDENTIFIER = 200


def _lines_missing(view: View) -> Mask:
    empty: Mask = view.counts("lines") == 0
    costs = view.ints("orders", "grand_total") > 0
    return empty & (costs | ~view.is_one_of("orders", "order_status", ("cancelled", "draft")))


def _unknown(field: str, view: View) -> Mask:
    return ~view.known("orders", field)


def _shop_currency_missing(view: View) -> Mask:
    return view.known("orders", "shop_grand_total") & ~view.known("orders", "shop_currency")


def _too_long(table: str, field: str, view: View) -> pa.Array | None:
    column = view.column(table, field)
    long = pc.greater(pc.binary_length(column), LONGEST_IDENTIFIER)
    if not pc.any(long).as_py():
        return None
    really = pc.greater(pc.utf8_length(column), LONGEST_IDENTIFIER)
    return pc.if_else(really, pc.utf8_slice_codeunits(column, 0, 40), None)


def hashed(numbers: pa.Array) -> np.ndarray:
    """64-bit hashes of order numbers."""
    return pd.util.hash_array(numbers.fill_null("").to_numpy(zero_copy_only=False), categorize=False)


def _repeated_number(view: View) -> pa.Array | None:
    if not view.repeated_numbers:
        return None
    numbers = view.column("orders", "order_number")
    repeated = np.isin(hashed(numbers), np.array(sorted(view.repeated_numbers), np.uint64))
    return pc.if_else(pa.array(repeated & view.known("orders", "order_number")), numbers, None)


def _currency(field: str) -> Check:
    return Check(
        "CURRENCY_UNKNOWN",
        "orders",
        field,
        lambda view: view.column("orders", field),
        lambda column: column.isin(CURRENCIES) | column.isna(),
    )


STRUCTURE = (
    *(
        absent("IDENTIFIER_TOO_LONG", table, field, functools.partial(_too_long, table, field))
        for table, field in (
            ("orders", "order_id"),
            ("orders", "order_number"),
            ("lines", "line_id"),
            ("lines", "sku"),
            ("lines", "oms_sku"),
        )
    ),
    one_of("ORDER_STATUS_UNKNOWN", "orders", "order_status", ORDER_STATUS),
    one_of("PAYMENT_STATUS_UNKNOWN", "orders", "payment_status", PAYMENT_STATUS),
    one_of("FULFILMENT_STATUS_UNKNOWN", "orders", "fulfilment_status", FULFILMENT_STATUS),
    one_of("RETURN_STATUS_UNKNOWN", "orders", "return_status", RETURN_STATUS),
    one_of("MASKING_UNKNOWN", "orders", "masking", MASKING),
    one_of("CHARGE_KIND_UNKNOWN", "charges", "kind", CHARGE_KINDS),
    one_of("DISCOUNT_KIND_UNKNOWN", "discounts", "kind", DISCOUNT_KINDS),
    one_of("FUNDER_UNKNOWN", "discounts", "funded_by", FUNDERS),
    one_of("TAX_LIABLE_UNKNOWN", "taxes", "liable", ("seller", "marketplace", "unknown")),
    one_of(
        "PAYMENT_KIND_UNKNOWN",
        "payments",
        "kind",
        ("authorization", "capture", "sale", "void", "gift_card", "cod"),
    ),
    one_of("PAYMENT_RESULT_UNKNOWN", "payments", "status", ("success", "pending", "failure")),
    missing("LINES_MISSING", "orders", "lines", _lines_missing),
    missing("CURRENCY_MISSING", "orders", "currency", functools.partial(_unknown, "currency")),
    missing("GRAND_TOTAL_MISSING", "orders", "grand_total", functools.partial(_unknown, "grand_total")),
    missing("PLACED_AT_MISSING", "orders", "placed_at", functools.partial(_unknown, "placed_at")),
    missing("UPDATED_AT_MISSING", "orders", "channel_updated_at", functools.partial(_unknown, "channel_updated_at")),
    missing("SHOP_CURRENCY_MISSING", "orders", "shop_currency", _shop_currency_missing),
    _currency("currency"),
    _currency("shop_currency"),
)

MEANING = (
    missing("TEST_ORDER", "orders", "is_test", lambda view: view.flag("is_test")),
    absent("ORDER_NUMBER_DUPLICATE", "orders", "order_number", _repeated_number),
)
