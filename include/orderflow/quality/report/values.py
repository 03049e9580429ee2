"""The figures of one channel's report: plain values, ready to be shown or written to a table.

Amounts are `Decimal` by currency; amounts of two currencies are never added up. Days are the channel's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from orderflow.quality.report.clusters import Cluster

Amounts: TypeAlias = dict[str, Decimal]
"""Value by currency; `?` where an order names none."""


@dataclass(slots=True)
class Verdict:
    """Orders with one fate, their value, and how many there are in each currency (`?`: none is known)."""

    orders: int = 0
    value: Amounts = field(default_factory=dict)
    by_currency: Counter[str] = field(default_factory=Counter)

    def add(self, orders: int, currency: str | None, value: Decimal | None) -> None:
        self.orders += orders
        self.by_currency[currency or "?"] += orders
        if value is not None:
            self.value[currency or "?"] = self.value.get(currency or "?", Decimal(0)) + value


VERDICTS = ("accepted", "waiting", "oms", "discarded")
"""Fates of an order, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A broken rule, over all orders that were refused for it, whatever became of them since."""

    code: str
    orders: int
    waiting: int
    at_risk: Amounts
    """Value of those that still wait."""
    trend: list[int]
    """Orders per day of the report."""
    meaning: str
    cure: str
    owner: str


@dataclass(frozen=True, slots=True)
class Count:
    """Something that happened so many times, by day of the report."""

    name: str
    total: int
    trend: list[int]
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Drift:
    """Something that the batch guards saw, in how many windows, the first and the last time."""

    code: str
    message: str
    windows: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Sku:
    """An article that stands in refused orders, in a line that broke a rule."""

    sku: str
    title: str
    orders: int
    codes: list[str]


@dataclass(frozen=True, slots=True)
class Volume:
    """Orders per day against what the days before let expect; `band` is None where there is too little history."""

    days: list[int]
    band: tuple[int, int] | None
    basis: str
    state: Literal["expected", "low", "high", "unknown"]


@dataclass(frozen=True, slots=True)
class Freshness:
    newest: datetime | None
    """End of the newest window that is proven."""
    behind: timedelta | None
    allowed: timedelta
    """As far back as the newest tick whose deadline has passed."""
    windows: int
    unproven: int
    """Windows of the report's days that were begun and are not loaded."""

    @property
    def late(self) -> bool:
        return self.behind is None or self.behind > self.allowed


@dataclass(frozen=True, slots=True)
class Proof:
    """The money equation of staged orders in one currency: every part, and what is left over, by cause."""

    money: Literal["order", "shop"]
    currency: str
    orders: int
    lines: Decimal
    charges: Decimal
    tax: Decimal
    discounts: Decimal
    rounding: Decimal
    grand: Decimal
    residue: Decimal
    causes: dict[str, tuple[int, Decimal]]
    """Orders and residue by `exact`, `tolerance`, `beyond` and `incomplete`."""

    @property
    def holds(self) -> bool:
        return not self.causes.keys() & {"beyond", "incomplete"}


@dataclass(frozen=True, slots=True)
class Residue:
    """What is missing, or too much, in waiting orders that broke a money rule."""

    code: str
    currency: str
    orders: int
    total: Decimal | None
    largest: Decimal | None


@dataclass(frozen=True, slots=True)
class Figures:
    """One channel, over `days`."""

    channel: str
    title: str
    owner: str
    adapter: str
    zone: str
    made_at: datetime
    days: list[date]
    verdicts: dict[date, dict[str, Verdict]]
    flow: Mapping[str, int]
    """Records by stage, over all windows of the days (an order that changed twice counts twice)."""
    reasons: list[Reason]
    warnings: list[Count]
    repairs: list[Count]
    drift: list[Drift]
    skus: list[Sku]
    clusters: list[Cluster]
    volume: Volume
    freshness: Freshness
    proofs: list[Proof]
    proven: bool
    """Whether every staged order of the days was added up (else the newest `queries.MOST_PROVEN`)."""
    residues: list[Residue]
    delivery: Mapping[str, Any]
    runs: list[dict[str, Any]]
    """The newest run of expectations of each day that has one, each with its `results`."""

    def total(self, *verdicts: str) -> Verdict:
        """These verdicts over all days."""
        whole = Verdict()
        for part in (by_verdict[verdict] for by_verdict in self.verdicts.values() for verdict in verdicts):
            whole.orders += part.orders
            whole.by_currency += part.by_currency
            for currency, value in part.value.items():
                whole.value[currency] = whole.value.get(currency, Decimal(0)) + value
        return whole

    @property
    def orders(self) -> int:
        return sum(self.total(verdict).orders for verdict in VERDICTS)
