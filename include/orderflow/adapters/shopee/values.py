"""Shopee's spelling of amounts, texts and times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


def amount_text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def sum_text(amounts: Sequence[str | None]) -> str:
    return f"{sum(map(Decimal, filter(None, amounts)), Decimal(0)):f}"


def plain_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def time_text(seconds: Any) -> str | None:
    """Epoch seconds as ISO text; 0 and null mean that it has not happened. What is no such number stays as it is."""
    if not seconds:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return str(seconds)
