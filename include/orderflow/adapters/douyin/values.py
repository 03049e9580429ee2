"""Douyin's spelling of amounts, times and names. Amounts are whole fen: 29000 is 290.00 yuan."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from orderflow.domain.errors import RecordError
from orderflow.domain.source import Raw

_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


def number(part: Raw, name: str) -> Decimal:
    """A number to calculate with (amounts: fen); where there is none, 0. Raises `RecordError` for what is no number."""
    value = part.get(name)
    if value is None or value == "":
        return Decimal(0)
    if not _NUMBER.fullmatch(str(value)):
        raise RecordError("AMOUNT_MALFORMED", name, value, "Douyin sends whole numbers, amounts in fen")
    return Decimal(str(value))


def yuan(amount: Decimal) -> str:
    """Fen as yuan, as exact as they are."""
    return f"{amount.scaleb(-2):f}"


def amount_text(part: Raw, name: str) -> str | None:
    """An amount in yuan; None where Douyin sends none."""
    return None if part.get(name) in (None, "") else yuan(number(part, name))


def time_text(seconds: Any) -> str | None:
    """Epoch seconds as ISO text; 0 and null mean that it has not happened. What is no such number stays as it is."""
    if not seconds or seconds == "0":
        return None
    try:
        return datetime.fromtimestamp(int(seconds), UTC).isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return str(seconds)


def identifier(value: Any) -> str | None:
    """An id as text; Douyin writes 0 where there is none."""
    return str(value) if value and str(value) != "0" else None
