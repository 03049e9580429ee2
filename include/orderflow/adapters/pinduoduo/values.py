"""Pinduoduo's spelling of amounts and times."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

CURRENCY = "CNY"
"""No field says it: amounts are yuan, in orders."""


def amount_text(value: Any) -> str | None:
    """JSON numbers of yuan; those with a fraction arrive as text."""
    return None if value is None or value == "" else str(value)


def amount(value: Any) -> Decimal:
    """An amount to calculate with; where there is none, nothing. Raises `InvalidOperation` for what is no number."""
    text = amount_text(value) or "0"
    if not text.isascii():
        raise InvalidOperation
    return Decimal(text)


def sum_text(amounts: Iterable[Any]) -> str:
    return f"{sum(map(amount, amounts), Decimal(0)):f}"


def time_text(text: Any) -> str | None:
    """`2026-03-09 09:18:40`, which is UTC+8, as ISO 8601; empty means that it has not happened. Else as it stands."""
    if not text:
        return None
    text = str(text)
    return f"{text[:10]}T{text[11:]}+08:00" if len(text) == 19 and text[10] == " " else text
