"""JD's spelling of amounts and times."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)", re.ASCII)
_NEVER = ("0001-", "1970-")
"""How the placeholders begin that stand for no time."""


def amount_text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def amount(value: Any) -> Decimal:
    """An amount to calculate with; where there is none, nothing. Raises `InvalidOperation` for what is no number."""
    if value is None or value == "":
        return Decimal(0)
    text = str(value)
    if not text.isascii():
        raise InvalidOperation(text)
    return Decimal(text)


def sum_text(amounts: Iterable[Any]) -> str:
    return f"{sum(map(amount, amounts), Decimal(0)):f}"


def time_text(text: Any) -> str | None:
    """`2026-03-09 09:18:40`, which is Beijing's time, as ISO 8601; None for a placeholder; anything else as it is."""
    if not text or str(text).startswith(_NEVER):
        return None
    match = _TIME.fullmatch(str(text))
    return f"{match[1]}T{match[2]}+08:00" if match else str(text)


def code_of(text: Any) -> str:
    """The number before the words: `4` of `4-在线支付`."""
    return str(text or "").partition("-")[0].strip()
