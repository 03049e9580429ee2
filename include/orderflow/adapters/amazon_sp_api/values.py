"""Amazon's spelling of amounts, truth and marketplaces, in both versions of the Orders API."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from orderflow.domain import money
from orderflow.domain.errors import RecordError
from orderflow.domain.source import Raw

TRUE = frozenset({True, "true", "True"})
"""v0 spells truth both ways, and as text on items."""

_MARKETPLACES = {
    "AED": "A2VIGQ35RCS4UG",
    "AUD": "A39IBJ37TRP1C6",
    "BRL": "A2Q3Y263D00KWC",
    "CAD": "A2EUQ1WTGCTBG2",
    "EGP": "ARBP9OOSHTCHU",
    "EUR": "A1805IZSGTT6HS A1PA6795UKMFR9 A1RKKUPIHCS9HS A13V1IB3VIYZZH A28R8C7NBKEWEA AMEN7PMS3EDWL APJ6JRA9NG5V4",
    "GBP": "A1F83G8C2ARO7P",
    "INR": "A21TJRUUN4KGV",
    "JPY": "A1VC38T7YXB528",
    "MXN": "A1AM78C64UM0Y8",
    "PLN": "A1C3SOZRARQ6R3",
    "SAR": "A17E79C6D8DWNP",
    "SEK": "A2NODRKZP88ZB9",
    "SGD": "A19VAU5U5O7RUS",
    "TRY": "A33AVAJ2PDY3EV",
    "USD": "ATVPDKIKX0DER",
    "ZAR": "AE08WJ6YKNBMC",
}
CURRENCIES = {place: currency for currency, places in _MARKETPLACES.items() for place in places.split()}
"""The currency of a marketplace (developer-docs.amazon.com, marketplace ids), for orders that state no amount."""


def amount(value: Raw | None, field: str) -> Decimal | None:
    """The amount of a money object of either version; None where there is none.

    Raises `RecordError` for what is no decimal number.
    """
    text = (value or {}).get("Amount", (value or {}).get("amount"))
    return None if text is None or text == "" else money.decimal(str(text), field)


def some(value: Raw | None, field: str) -> Decimal:
    """An amount that counts nothing where there is none."""
    return amount(value, field) or Decimal(0)


def plain(value: Decimal) -> str:
    return f"{value:f}"


def total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def currency_of(document: Any, marketplace: str | None) -> str | None:
    """The one currency of all amounts; that of the marketplace where no amount is stated.

    Raises `RecordError` where amounts of two currencies meet.
    """
    stated: set[str | None] = set()
    _gather(document, stated)
    named = stated - {None}
    if len(named) > 1:
        raise RecordError("CURRENCY_MIXED", "currencyCode", ", ".join(sorted(map(str, named))), "amounts differ")
    if stated:
        return named.pop() if named else None
    return CURRENCIES.get(marketplace or "")


def _gather(value: Any, found: set[str | None]) -> None:
    """Add the currency of every money object inside."""
    if isinstance(value, dict):
        for name in ("currencyCode", "CurrencyCode"):
            if name in value:
                found.add(value[name])
                return
        value = value.values()
    for inner in value:
        if isinstance(inner, (dict, list)):
            _gather(inner, found)
