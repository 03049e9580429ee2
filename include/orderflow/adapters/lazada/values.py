"""Lazada's spelling of amounts and times."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


def amount_text(value: Any) -> str | None:
    """Text on orders, numbers on items."""
    return None if value is None or value == "" else str(value)


def amount(value: Any) -> Decimal:
    """An amount to calculate with; where there is none, nothing. Raises `InvalidOperation` for what is no number."""
    return Decimal(0) if value is None or value == "" else Decimal(str(value))


def sum_text(amounts: Iterable[Any]) -> str:
    return f"{sum(map(amount, amounts), Decimal(0)):f}"


def time_text(text: str | None) -> str | None:
    """`2026-03-09 09:18:40 +0800`, or milliseconds since 1970 as text, as ISO 8601; anything else as it stands."""
    if not text:
        return None
    if len(text) == 25 and text[19] == " ":
        return f"{text[:10]}T{text[11:19]}{text[20:23]}:{text[23:]}"
    if len(text) == 13 and text.isascii() and text.isdigit():
        return datetime.fromtimestamp(int(text) / 1000, UTC).isoformat()
    return text
