"""Exact money: decimal text from the channel, `Decimal` in Python, whole millionths in frames, never a float."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from orderflow.domain.errors import RecordError

SCALE = 6
"""Decimal places of an amount in frames (int64 millionths) and in PostgreSQL (`numeric(20,6)`)."""

MILLION = 10**SCALE

# ISO 4217 (six-group.com, lists one and three, 2026-01): every currency that does not have two decimal places.
_DECIMALS = {
    0: "BIF BYR CLP DJF GNF ISK JPY KMF KRW PYG RWF TRL UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_EXPONENTS = {currency: places for places, currencies in _DECIMALS.items() for currency in currencies.split()}

WITHDRAWN = {
    "ANG", "AZM", "BGN", "BYR", "CSD", "CUC", "CYP", "EEK", "GHC", "HRK", "LTL", "LVL", "MRO", "MTL", "MZM", "ROL",
    "SDD", "SIT", "SKK", "SLL", "SRG", "STD", "TMM", "TRL", "VEB", "VEF", "ZMK", "ZWD", "ZWL", "ZWR",
}  # fmt: skip
"""ISO 4217, list three: no state has them any more, orders of earlier years and their refunds do."""

AMOUNT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?", re.ASCII)


def exponent(currency: str) -> int:
    """Decimal places of the currency's minor unit by ISO 4217: JPY 0, EUR 2, KWD 3."""
    return _EXPONENTS.get(currency, 2)


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount with its currency (ISO 4217 letters); amounts of two currencies never meet."""

    amount: Decimal
    currency: str

    def __add__(self, other: Money) -> Money:
        if self.currency != other.currency:
            raise RecordError(
                "CURRENCY_MIXED", "currency", other.currency, f"cannot add {other.currency} to {self.currency}"
            )
        return Money(self.amount + other.amount, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"

    @property
    def minor(self) -> int:
        """The amount in whole minor units; raises `RecordError` when it is finer than the currency allows."""
        scaled = self.amount.scaleb(exponent(self.currency))
        if scaled != scaled.to_integral_value():
            raise RecordError(
                "AMOUNT_TOO_FINE",
                "amount",
                str(self.amount),
                f"{self.currency} has {exponent(self.currency)} decimal places",
            )
        return int(scaled)


def decimal(text: str, field: str = "amount") -> Decimal:
    """Read an amount as the channel spells it (`"24.5"`, `"-3"`, `"1e2"`); raises `RecordError` for anything else."""
    if not AMOUNT.fullmatch(text):
        raise RecordError("AMOUNT_MALFORMED", field, text, "an amount is digits with at most one decimal point")
    return Decimal(text)


def from_minor(units: int | str, currency: str) -> str:
    """Decimal text of an amount that the channel sends in minor units: `from_minor(14880, "EUR") == "148.80"`."""
    return f"{Decimal(int(units)).scaleb(-exponent(currency)):f}"


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` units over `weights` by largest remainder: the parts sum to `total` exactly.

    Ties go to the earlier part. All-zero weights share evenly. A negative total is split as its absolute value.
    """
    if not weights:
        return []
    if total < 0:
        return [-part for part in allocate(-total, weights)]
    whole = sum(weights)
    if whole == 0:
        weights, whole = [1] * len(weights), len(weights)
    parts = [total * weight // whole for weight in weights]
    remainders = [(-(total * weight % whole), place) for place, weight in enumerate(weights)]
    for _, place in sorted(remainders)[: total - sum(parts)]:
        parts[place] += 1
    return parts
