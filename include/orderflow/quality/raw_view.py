"""Quarantined orders as people may see them: the raw record and the cleaned order without personal data.

Of the raw record only those values stay readable that the cleaned order shows as well, outside of its personal fields:
what the mapping made an amount, a SKU or a status is none. Moments, flags and single ASCII characters stay too (a
single ideograph may be a family name). Everything else is shown by its shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from orderflow.domain.money import AMOUNT
from orderflow.domain.order import PARTS, Order
from orderflow.quality.personal import PERSONAL, masked

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[0-9:.,+Z -]*")
_decode = msgspec.json.Decoder(float_hook=str).decode


def masked_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """The cleaned order in the order of its fields, personal ones masked (people stand apart from it anyway)."""
    shown: dict[str, Any] = {}
    for name, value in in_order(document).items():
        if isinstance(value, list):
            shown[name] = [_masked_part(name, each) if isinstance(each, dict) else each for each in value]
        else:
            shown[name] = masked(str(value)) if ("orders", name) in PERSONAL and value is not None else value
    return shown


def in_order(document: Mapping[str, Any]) -> dict[str, Any]:
    """The cleaned order with its fields in the order of `Order`, which the database does not keep."""
    ordered = _sorted(document, Order.__struct_fields__)
    return {
        name: [_sorted(part, PARTS[name].__struct_fields__) for part in value] if name in PARTS else value
        for name, value in ordered.items()
    }


def masked_raw(raw: bytes, document: Mapping[str, Any] | None) -> Any:
    """The raw record, decoded and masked; a record that is no JSON as the shape of its beginning."""
    try:
        record = _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return masked(raw[:200].decode(errors="replace"))
    known: set[str] = set()
    for text in _scalars(_without_personal(document or {})):
        known |= {text.casefold(), _number(text)}
    known.discard("")
    return _shown(record, known)


def personal(path: str) -> bool:
    """Whether an edit's path leads to personal data: `contacts.1.phone`, `buyer_id`, `refunds.1.reason`."""
    name, *rest = path.split(".")
    if name == "contacts":
        return len(rest) < 2 or (name, rest[1]) in PERSONAL
    return ("orders", name) in PERSONAL or (len(rest) > 1 and (name, rest[1]) in PERSONAL)


def _sorted(part: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: part[name] for name in names if name in part}


def _masked_part(table: str, part: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: masked(str(value)) if (table, name) in PERSONAL and value is not None else value
        for name, value in part.items()
    }


def _without_personal(document: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in document.items():
        if ("orders", name) in PERSONAL:
            continue
        if isinstance(value, list):
            kept[name] = [
                {key: each[key] for key in each if (name, key) not in PERSONAL} if isinstance(each, dict) else each
                for each in value
            ]
        else:
            kept[name] = value
    return kept


def _scalars(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _scalars(each)
    elif isinstance(value, list):
        for each in value:
            yield from _scalars(each)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _shown(value: Any, known: set[str]) -> Any:
    if isinstance(value, dict):
        return {str(name): _shown(each, known) for name, each in value.items()}
    if isinstance(value, list):
        return [_shown(each, known) for each in value]
    if value is None or isinstance(value, bool):
        return value
    text = str(value)
    if (
        (len(text) < 2 and text.isascii())
        or text.casefold() in known
        or _number(text) in known
        or _MOMENT.fullmatch(text)
    ):
        return value
    return masked(text)


def _number(text: str) -> str:
    """The number without trailing zeros; empty for what is none."""
    return f"{Decimal(text).normalize():f}" if len(text) <= 40 and AMOUNT.fullmatch(text) else ""
