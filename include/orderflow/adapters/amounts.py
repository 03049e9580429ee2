"""Amounts and times of JSON platforms in our spelling: what the mappings of several adapters share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from orderflow.domain.money import decimal


def amount_text(value: Any) -> str | None:
    """An amount as it stands; None where there is none."""
    return None if value is None or value == "" else str(value)


def amount(value: Any) -> Decimal:
    """An amount to calculate with; where there is none, nothing. Raises `RecordError` for what is no number."""
    if value is None or value == "":
        return Decimal(0)
    return decimal(str(value) if isinstance(value, (str, int)) else type(value).__name__)


def total_of(values: Iterable[Any]) -> Decimal:
    return sum(map(amount, values), Decimal(0))


def sum_text(values: Iterable[Any]) -> str:
    return f"{total_of(values):f}"


def epoch_text(seconds: Any) -> str | None:
    """Epoch seconds as ISO text; 0 and null mean that it has not happened. What is no such number stays as it is."""
    if not seconds:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return str(seconds)
