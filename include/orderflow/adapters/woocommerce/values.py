"""What WooCommerce's values are: amounts and times in our spelling, and what meta data say."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, TypeVar

T = TypeVar("T")
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


def entries(told: list[T] | dict[str, T]) -> Iterable[T]:
    """What a list holds. PHP makes an object of one in which plugins left gaps."""
    return told if isinstance(told, list) else told.values()


def meta(told: Any, key: str) -> Any:
    """The value under this key; None where there is none."""
    found = entries(told) if isinstance(told, list | dict) else ()
    return next((each.get("value") for each in found if isinstance(each, dict) and each.get("key") == key), None)
