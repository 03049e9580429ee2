"""What WooCommerce's values are: amounts and times in our spelling, and what meta data say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

NOTHING = Decimal(0)


def text(amount: Any) -> str:
    """An amount as it was spelled; some plugin's number as text. Raises what `Decimal` raises for anything else."""
    return amount if isinstance(amount, str) and amount else str(Decimal(amount))


def plain(amount: Decimal) -> str:
    """Decimal text without an exponent; `str` takes a quarter of the time that a format does."""
    spelled = str(amount)
    return f"{amount:f}" if "E" in spelled else spelled


def time(stamp: str | None) -> str | None:
    """WooCommerce's GMT times come without an offset; ours say so."""
    return f"{stamp}Z" if stamp else None


def meta(told: Any, key: str) -> Any:
    """The value under this key; None where there is none. PHP makes an object of a list in which plugins left gaps."""
    entries = told.values() if isinstance(told, dict) else told if isinstance(told, list) else ()
    return next((each.get("value") for each in entries if isinstance(each, dict) and each.get("key") == key), None)
