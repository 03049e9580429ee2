"""Clusters: waiting orders with one cause, which one cure may release.

Orders belong together when they broke the same rule in the same field and, where that tells the cause and is nobody's
personal data, with the same value. An order with several faults is in several clusters.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from orderflow.quality.personal import PERSONAL
from orderflow.quality.rules import RULES

MOST_CLUSTERS = 25
MOST_SUBJECTS = 2_000
"""Orders of one cluster that are remembered."""

_PLACE = re.compile(r"\.\d+\.")
_BY_VALUE = re.compile(r"_(UNKNOWN|UNMAPPED|MALFORMED|AMBIGUOUS)$")
_LONGEST_VALUE = 60


@dataclass(slots=True)
class Trial:
    """What a cure did when it was tried: on waiting orders of the cluster, and on accepted ones of the same channel."""

    cure: str
    """In words: `tolerance of 0.01`."""
    setting: str
    """What to write, and where."""
    tried: int = 0
    released: int = 0
    """Of the waiting orders that were tried: how many would be accepted."""
    control: int = 0
    broken: int = 0
    """Of the accepted orders that were tried: how many would be refused."""
    changed: int = 0
    """Of the accepted orders that were tried: how many would read otherwise."""
    rows: set[int] = field(default_factory=set)
    """Quarantine rows of the released orders: an order may be in several clusters, and one cure release all of them."""


@dataclass(slots=True)
class Cluster:
    code: str
    where: str
    """With `*` for the place in a list, and one name for both currency sets: `lines.*.total`."""
    value: str | None
    orders: int = 0
    at_risk: dict[str, Decimal] = field(default_factory=dict)
    subjects: list[int] = field(default_factory=list)
    """Ids of the quarantine rows."""
    examples: list[str] = field(default_factory=list)
    """A few order ids."""
    values: list[str] = field(default_factory=list)
    """The values found, where they differ: what a cure is worked out from. Never personal data."""
    trials: list[Trial] = field(default_factory=list)

    @property
    def meaning(self) -> str:
        return RULES[self.code].meaning if self.code in RULES else ""

    @property
    def cure(self) -> str:
        return RULES[self.code].cure if self.code in RULES else ""

    @property
    def owner(self) -> str:
        return RULES[self.code].owner if self.code in RULES else ""

    @property
    def best(self) -> Trial | None:
        """The cure that releases most and breaks nothing."""
        good = [trial for trial in self.trials if trial.released and not trial.broken]
        return max(good, key=lambda trial: (trial.released, -trial.changed), default=None)


def clusters(rows: Iterable[Mapping[str, Any]]) -> list[Cluster]:
    """Waiting quarantine rows (`id, order_id, subject, reasons, value, currency`) by cause, the largest first."""
    found: dict[tuple[str, str, str | None], Cluster] = {}
    seen: dict[tuple[str, str, str | None], set[int]] = defaultdict(set)
    for row in rows:
        for reason in row["reasons"]:
            key = _key(reason)
            cluster = found.setdefault(key, Cluster(*key))
            value = reason.get("value")
            if value is not None and not _personal(key[1]) and len(cluster.values) < MOST_SUBJECTS:
                cluster.values.append(str(value)[:200])
            if row["id"] in seen[key]:
                continue
            seen[key].add(row["id"])
            _count(cluster, row)
    largest = sorted(found.values(), key=lambda each: (-each.orders, each.code, each.where, each.value or ""))
    return _joined(largest)[:MOST_CLUSTERS]


def _joined(found: Iterable[Cluster]) -> list[Cluster]:
    """Without clusters of the same orders for the same rule in another field."""
    first: dict[tuple[str, str | None, tuple[int, ...]], Cluster] = {}
    for each in found:
        same = first.setdefault((each.code, each.value, tuple(each.subjects)), each)
        if same is not each:
            same.where = f"{same.where}, {each.where}"
    return list(first.values())


def _count(cluster: Cluster, row: Mapping[str, Any]) -> None:
    cluster.orders += 1
    if len(cluster.subjects) < MOST_SUBJECTS:
        cluster.subjects.append(row["id"])
    if row["value"] is not None:
        currency = row["currency"] or "?"
        cluster.at_risk[currency] = cluster.at_risk.get(currency, Decimal(0)) + row["value"]
    if len(cluster.examples) < 3:
        cluster.examples.append(row["order_id"] or row["subject"][:24])


def _key(reason: Mapping[str, Any]) -> tuple[str, str, str | None]:
    code, where, value = reason.get("code") or "?", reason.get("field") or "", reason.get("value")
    place = _PLACE.sub(".*.", where).replace("shop_", "")
    tells = _BY_VALUE.search(code) and value is not None and not _personal(place)
    return code, place, str(value)[:_LONGEST_VALUE] if tells else None


def _personal(place: str) -> bool:
    """Whether the field holds personal data; what cannot be told is treated as if it did."""
    table, _, name = place.partition(".*.")
    return ((table, name) if name else ("orders", table)) in PERSONAL or not place
