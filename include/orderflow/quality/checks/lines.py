"""Checks on lines, and on what shipments and refunds say of them."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from orderflow.domain.money import MILLION
from orderflow.domain.order import LINE_KINDS
from orderflow.quality.checks.check import absent, missing, not_negative, one_of, residue
from orderflow.quality.checks.order import TO_SHIP
from orderflow.quality.view import Ints, Mask, View

GOODS = ("product", "gift", "bundle_child")
"""Kinds of lines that somebody takes off a shelf."""
HUGE = 100_000 * MILLION
LONGEST_TITLE = 1_000

_INVISIBLE = r"[\x{AD}\x{180E}\x{200B}-\x{200F}\x{2028}-\x{202E}\x{2060}-\x{206F}\x{FEFF}]"


def _shown(column: pa.Array, mask: Mask) -> pa.Array | None:
    """The values where the mask is true, null elsewhere; None when it is true nowhere."""
    return pc.if_else(pa.array(mask), column, None) if mask.any() else None


def _number_wrong(view: View) -> pa.Array | None:
    numbers = view.column("lines", "number")
    return _shown(numbers.cast(pa.string()), (view.ints("lines", "number") < 1) | view.repeated("lines", "number"))


def _id_repeated(table: str, field: str, view: View) -> pa.Array | None:
    return _shown(view.column(table, field), view.repeated(table, field))


def _parent_unknown(view: View) -> pa.Array | None:
    parents = view.column("lines", "parent_line_id")
    if parents.null_count == len(parents):
        return None
    return _shown(parents, ~_named(view, view.rows("lines"), parents) & view.known("lines", "parent_line_id"))


def _named(view: View, rows: Ints, line_ids: pa.Array) -> Mask:
    """Whether the order in each row has a line of that id."""
    return _found(view, rows, line_ids)["line"].notna().to_numpy()


def _found(view: View, rows: Ints, line_ids: pa.Array) -> pd.DataFrame:
    """For every (order, line id) the row of that line, NaN where there is none."""
    lines = pd.DataFrame({"order_row": view.rows("lines"), "line_id": view.column("lines", "line_id").to_pandas()})
    lines["line"] = np.arange(len(lines))
    lines = lines.dropna(subset="line_id").drop_duplicates(["order_row", "line_id"])
    wanted = pd.DataFrame({"order_row": rows, "line_id": line_ids.to_pandas()})
    return wanted.merge(lines, how="left", on=["order_row", "line_id"])


def _goods(view: View) -> Mask:
    return view.is_one_of("lines", "kind", GOODS)


def _left(view: View) -> Mask:
    """Lines of which anything is left: a removed one stays in the order with the quantity zero."""
    left: Mask = ~view.known("lines", "quantity") | (view.ints("lines", "quantity") != 0)
    return left


def _sku_missing(view: View) -> Mask:
    return _goods(view) & _left(view) & ~view.known("lines", "sku")


def _sku_unmapped(view: View) -> pa.Array | None:
    unmapped = view.known("lines", "sku") & ~view.known("lines", "oms_sku") & _left(view)
    return _shown(view.column("lines", "sku"), unmapped)


def _sku_invisible(view: View) -> pa.Array | None:
    skus = view.column("lines", "sku")
    if pc.all(pc.string_is_ascii(skus)).as_py() is not False:
        return None
    hidden = pc.match_substring_regex(skus, _INVISIBLE).fill_null(False)
    return _shown(skus, hidden.to_numpy(zero_copy_only=False))


def _gtin_wrong(view: View) -> pa.Array | None:
    gtins = view.column("lines", "gtin")
    if gtins.null_count == len(gtins):
        return None
    encoded = gtins.dictionary_encode()
    wrong = pa.array([None if is_gtin(code) else code for code in encoded.dictionary.to_pylist()], pa.string())
    return wrong.take(encoded.indices)


def is_gtin(code: str) -> bool:
    """Whether the last of 8, 12, 13 or 14 digits is their check digit (GS1 General Specifications, 7.9)."""
    if len(code) not in {8, 12, 13, 14} or not (code.isascii() and code.isdigit()):
        return False
    digits = [int(digit) for digit in reversed(code)]
    return (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0


def _title_missing(view: View) -> Mask:
    return ~view.known("lines", "title")


def _title_too_long(view: View) -> pa.Array | None:
    titles = view.column("lines", "title")
    if not pc.any(pc.greater(pc.binary_length(titles), LONGEST_TITLE)).as_py():
        return None
    return pc.if_else(pc.greater(pc.utf8_length(titles), LONGEST_TITLE), pc.utf8_slice_codeunits(titles, 0, 40), None)


def _quantity_missing(view: View) -> Mask:
    return ~view.known("lines", "quantity")


def _fraction(view: View) -> Ints:
    """Quantities that are no whole units, of lines without a unit of measure."""
    quantity = view.ints("lines", "quantity")
    return np.where((quantity % MILLION != 0) & ~view.known("lines", "uom"), quantity, 0)


def _huge(view: View) -> Ints:
    quantity = view.ints("lines", "quantity")
    return np.where(quantity > HUGE, quantity, 0)


def _nothing_ordered(view: View) -> Mask:
    waiting = view.is_one_of("orders", "order_status", TO_SHIP) & (view.counts("lines") > 0)
    zero = view.known("lines", "quantity") & (view.ints("lines", "quantity") == 0)
    return waiting & view.every("lines", zero)


def _ordered(view: View) -> Ints:
    """The most units that a line ever had."""
    return np.maximum(view.ints("lines", "quantity"), view.ints("lines", "quantity_ordered"))


def _fulfilled_excess(view: View) -> Ints:
    """Units fulfilled beyond those ordered and those that came back to be sent again."""
    known = view.known("lines", "quantity_fulfilled") & view.known("lines", "quantity")
    excess = view.ints("lines", "quantity_fulfilled") - _ordered(view) - view.ints("lines", "quantity_returned")
    return np.where(known & (excess > 0), excess, 0)


def _returned_excess(view: View) -> Ints:
    known = view.known("lines", "quantity_returned") & view.known("lines", "quantity")
    excess = view.ints("lines", "quantity_returned") - _ordered(view)
    return np.where(known & (excess > 0), excess, 0)


def _pairs(view: View, table: str) -> tuple[pd.DataFrame, Ints]:
    """The (line id, quantity) pairs of shipments or refunds with the line that each names, and the part of each."""
    lists = view.column(table, "lines")
    owners = np.repeat(np.arange(len(lists)), np.diff(lists.offsets.to_numpy()))
    pairs = lists.flatten()
    found = _found(view, view.rows(table)[owners], pairs.field("line_id"))
    found["quantity"] = pairs.field("quantity").fill_null(0).to_numpy(zero_copy_only=False)
    return found, owners


def _line_unknown(table: str, view: View) -> pa.Array | None:
    if not len(view.column(table, "lines").flatten()):
        return None
    found, owners = view.keep((table, "pairs"), lambda: _pairs(view, table))
    broken = found[found["line"].isna().to_numpy()]
    if broken.empty:
        return None
    values: list[str | None] = [None] * len(view.column(table, "lines"))
    for pair, line_id in zip(broken.index, broken["line_id"], strict=True):
        values[owners[pair]] = str(line_id)
    return pa.array(values, pa.string())


def _pairs_excess(table: str, view: View) -> Ints | None:
    """Units of a line in all shipments (or refunds) beyond those ordered and those that came back."""
    if not len(view.column(table, "lines").flatten()):
        return None
    found, _ = view.keep((table, "pairs"), lambda: _pairs(view, table))
    named = found.dropna(subset="line")
    moved = np.zeros(len(view.rows("lines")), np.int64)
    np.add.at(moved, named["line"].to_numpy().astype(np.int64), named["quantity"].to_numpy().astype(np.int64))
    back = view.ints("lines", "quantity_returned") if table == "shipments" else 0
    excess = moved - _ordered(view) - back
    return np.where(view.known("lines", "quantity") & (excess > 0), excess, 0)


STRUCTURE = (
    one_of("LINE_KIND_UNKNOWN", "lines", "kind", LINE_KINDS),
    absent("LINE_NUMBER_WRONG", "lines", "number", _number_wrong),
    missing("SKU_MISSING", "lines", "sku", _sku_missing),
    absent("CODE_INVISIBLE", "lines", "sku", _sku_invisible),
    absent("GTIN_WRONG", "lines", "gtin", _gtin_wrong),
    missing("TITLE_MISSING", "lines", "title", _title_missing),
    absent("TITLE_TOO_LONG", "lines", "title", _title_too_long),
    missing("QUANTITY_MISSING", "lines", "quantity", _quantity_missing),
    *(
        not_negative("QUANTITY_NEGATIVE", "lines", field)
        for field in ("quantity", "quantity_ordered", "quantity_fulfilled", "quantity_returned")
    ),
)

MEANING = (
    absent("SKU_UNMAPPED", "lines", "oms_sku", _sku_unmapped),
    absent("LINE_ID_DUPLICATE", "lines", "line_id", functools.partial(_id_repeated, "lines", "line_id")),
    absent(
        "SHIPMENT_ID_DUPLICATE", "shipments", "shipment_id", functools.partial(_id_repeated, "shipments", "shipment_id")
    ),
    absent("PARENT_LINE_UNKNOWN", "lines", "parent_line_id", _parent_unknown),
    residue("QUANTITY_FRACTIONAL", "lines", "quantity", _fraction),
    residue("QUANTITY_HUGE", "lines", "quantity", _huge),
    missing("NOTHING_ORDERED", "orders", "lines", _nothing_ordered),
    residue("FULFILLED_TOO_MANY", "lines", "quantity_fulfilled", _fulfilled_excess),
    residue("RETURNED_TOO_MANY", "lines", "quantity_returned", _returned_excess),
    absent("SHIPMENT_LINE_UNKNOWN", "shipments", "lines", functools.partial(_line_unknown, "shipments")),
    absent("REFUND_LINE_UNKNOWN", "refunds", "lines", functools.partial(_line_unknown, "refunds")),
    residue("SHIPPED_TOO_MANY", "lines", "quantity", functools.partial(_pairs_excess, "shipments")),
    residue("REFUNDED_TOO_MANY", "lines", "quantity", functools.partial(_pairs_excess, "refunds")),
)
