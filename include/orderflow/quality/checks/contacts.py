"""Checks on contacts. What they find is personal data and is masked wherever it is written down."""

from __future__ import annotations

import functools
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orderflow.quality.checks.check import Check, absent, missing
from orderflow.quality.checks.lines import GOODS
from orderflow.quality.codes import COUNTRIES
from orderflow.quality.view import Mask, View

ROLES = ("ship_to", "bill_to", "sold_to")
OURS = ("merchant", "seller", "self")
"""Whoever fulfils a line by one of these words, or by none, ships it himself."""

_POSTAL_CODES = {
    "AT": r"\d{4}", "AU": r"\d{4}", "BE": r"\d{4}", "BR": r"\d{5}-\d{3}", "CA": r"[A-Z]\d[A-Z] \d[A-Z]\d",
    "CH": r"\d{4}", "CN": r"\d{6}", "CZ": r"\d{3} ?\d{2}", "DE": r"\d{5}", "DK": r"\d{4}", "ES": r"\d{5}",
    "FI": r"\d{5}", "FR": r"\d{5}", "GB": r"[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}|GIR 0AA|BFPO \d{1,4}", "HU": r"\d{4}",
    "ID": r"\d{5}", "IN": r"\d{3} ?\d{3}", "IT": r"\d{5}", "JP": r"\d{3}-\d{4}", "KR": r"\d{5}", "MX": r"\d{5}",
    "MY": r"\d{5}", "NL": r"\d{4} [A-Z]{2}", "NO": r"\d{4}", "NZ": r"\d{4}", "PH": r"\d{4}", "PL": r"\d{2}-\d{3}",
    "PT": r"\d{4}-\d{3}", "SE": r"\d{3} \d{2}", "SG": r"\d{6}", "TH": r"\d{5}", "TW": r"\d{3}(-?\d{2,3})?",
    "US": r"\d{5}(-\d{4})?", "VN": r"\d{5,6}",
}  # fmt: skip
"""Universal Postal Union, postal addressing systems in member countries, as `clean` writes the codes."""

_PHONE = r"^\+[1-9][0-9]{6,14}(;ext=[0-9]+)?$|\*\*"
_EMAIL = r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$|\*\*"


def _plain(view: View) -> Mask:
    """Contacts that the order says are readable."""
    return view.is_one_of("orders", "masking", ("plain",))[view.rows("contacts")]


def _readable_recipient(view: View) -> Mask:
    """Delivery addresses that no number of a place stands for."""
    unnumbered = ~view.known("contacts", "party_id")
    return _plain(view) & view.is_one_of("contacts", "role", ("ship_to",)) & unnumbered


def _ship_to_missing(view: View) -> Mask:
    """Orders of goods that we are to ship now and that name no place to ship them to.

    Platforms show no address of what is unpaid or under review; once such an order is open, its next version is judged.
    """
    by_us = view.is_one_of("lines", "fulfilled_by", OURS) | ~view.known("lines", "fulfilled_by")
    goods = view.some("lines", view.is_one_of("lines", "kind", GOODS) & by_us & (view.ints("lines", "quantity") > 0))
    waiting = view.is_one_of("orders", "order_status", ("open",))
    waiting &= view.is_one_of("orders", "fulfilment_status", ("unfulfilled", "partial"))
    waiting &= view.is_one_of("orders", "masking", ("plain",)) & ~view.is_one_of("orders", "origin", ("pos",))
    somewhere = pc.list_value_length(view.column("contacts", "address")).fill_null(0).to_numpy(zero_copy_only=False) > 0
    for name in ("city", "postal_code", "country", "party_id"):
        somewhere = somewhere | view.known("contacts", name)
    return waiting & goods & ~view.some("contacts", view.is_one_of("contacts", "role", ("ship_to",)) & somewhere)


def _role_repeated(view: View) -> pa.Array | None:
    mask = view.repeated("contacts", "role")
    return pc.if_else(pa.array(mask), view.column("contacts", "role"), None) if mask.any() else None


def _masked(field: str, view: View) -> pa.Array | None:
    """Values with two asterisks or more, of orders that say they are plain."""
    column = view.column("contacts", field)
    texts = column.flatten() if pa.types.is_list(column.type) else column
    if not _has(texts, b"*"):
        return None
    starred = pc.match_substring(texts, "**").fill_null(False)
    if texts is not column:
        owners = np.repeat(np.arange(len(column)), np.diff(column.offsets.to_numpy()))
        any_starred = np.zeros(len(column), bool)
        any_starred[owners[starred.to_numpy(zero_copy_only=False)]] = True
        starred = pa.array(any_starred)
    shown = pa.array(["**"] * len(column)) if texts is not column else column
    return pc.if_else(pc.and_(starred, pa.array(_plain(view))), shown, None)


def _has(texts: pa.Array, byte: bytes) -> bool:
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    return bool((data == byte[0]).any())


def _country_missing(view: View) -> Mask:
    return _readable_recipient(view) & ~view.known("contacts", "country")


def _recipient_missing(view: View) -> Mask:
    return _readable_recipient(view) & ~view.known("contacts", "name") & ~view.known("contacts", "company")


def _street_missing(view: View) -> Mask:
    lines = pc.list_value_length(view.column("contacts", "address")).fill_null(0).to_numpy(zero_copy_only=False)
    empty: Mask = lines == 0
    return _readable_recipient(view) & empty


def _postal_code_wrong(view: View) -> pa.Array | None:
    codes = view.column("contacts", "postal_code")
    pairs = pc.binary_join_element_wise(view.column("contacts", "country"), codes, "\x1f").dictionary_encode()
    wrong = np.array([_is_wrong(pair) for pair in pairs.dictionary.to_pylist()], bool)
    if not wrong.any():
        return None
    mask = pa.array(wrong).take(pairs.indices).fill_null(False)
    return pc.if_else(pc.and_(mask, pa.array(_plain(view))), codes, None)


@functools.lru_cache(maxsize=65536)
def _is_wrong(pair: str) -> bool:
    country, _, code = pair.partition("\x1f")
    return country in _POSTAL_CODES and not re.fullmatch(_POSTAL_CODES[country], code)


def _unlike(field: str, pattern: str, view: View) -> pa.Array | None:
    """Readable values that do not have the form; what is masked is the matter of another rule."""
    column = view.column("contacts", field)
    if column.null_count == len(column):
        return None
    odd = pc.invert(pc.match_substring_regex(column, pattern)).fill_null(False)
    return pc.if_else(pc.and_(odd, pa.array(_plain(view))), column, None)


STRUCTURE = (
    Check(
        "CONTACT_ROLE_UNKNOWN",
        "contacts",
        "role",
        lambda view: view.column("contacts", "role"),
        lambda column: column.isin(ROLES),
    ),
    Check(
        "COUNTRY_UNKNOWN",
        "contacts",
        "country",
        lambda view: view.column("contacts", "country"),
        lambda column: column.isin(COUNTRIES) | column.isna(),
    ),
    absent("POSTAL_CODE_WRONG", "contacts", "postal_code", _postal_code_wrong),
    absent("PHONE_WRONG", "contacts", "phone", functools.partial(_unlike, "phone", _PHONE)),
    absent("EMAIL_WRONG", "contacts", "email", functools.partial(_unlike, "email", _EMAIL)),
)

MEANING = (
    missing("SHIP_TO_MISSING", "orders", "contacts", _ship_to_missing),
    absent("CONTACT_ROLE_DUPLICATE", "contacts", "role", _role_repeated),
    missing("COUNTRY_MISSING", "contacts", "country", _country_missing),
    missing("RECIPIENT_MISSING", "contacts", "name", _recipient_missing),
    missing("ADDRESS_INCOMPLETE", "contacts", "address", _street_missing),
    *(
        absent("MASK_UNDECLARED", "contacts", field, functools.partial(_masked, field))
        for field in ("name", "company", "email", "phone", "city", "address")
    ),
)
