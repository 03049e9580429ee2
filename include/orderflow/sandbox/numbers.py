"""Amounts on their way into JSON: numbers where they are numbers, and what was planted where they are not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


def is_number(text: str | None) -> bool:
    return bool(text and _NUMBER.fullmatch(text))


def number(text: str | None) -> Any:
    """Decimal text as a JSON number with the same digits; anything else as it stands."""
    return msgspec.Raw(text.encode()) if text and _NUMBER.fullmatch(text) else text


def value(text: str | None) -> Decimal:
    """An amount to calculate with; what is none counts nothing."""
    return Decimal(text) if text and _NUMBER.fullmatch(text) else Decimal(0)


def total(texts: Iterable[str | None]) -> str:
    """The sum as decimal text."""
    return f"{sum(map(value, texts), Decimal(0)):f}"


def shared(amount: str | None, units: str) -> str | None:
    """What each of `units` pieces bears of the amount, where that comes out even in its own decimals; else None."""
    count, whole = value(units), value(amount)
    if count <= 0:
        return None
    each = (whole / count).quantize(whole)
    return f"{each:f}" if each * count == whole else None
