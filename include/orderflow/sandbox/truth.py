"""The ledger of what a channel really holds, to hold any run against: missing, twice, unexplained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from orderflow.sandbox.defects import DEFECTS, codes_of
from orderflow.sandbox.generator import Version
from orderflow.sandbox.platforms import Platform
from orderflow.sandbox.snapshot import Snapshot, stamp
from orderflow.sandbox.world import World


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One order as it really is. Times in UTC as ISO text; amounts as the platform shows them."""

    order_id: str
    """As the platform spells it."""
    aliases: list[str]
    """Other spellings of the same id on the platform."""
    number: str | None
    version: int
    """Counts the states the order has been in, from 0."""
    versions: int
    status: str
    payment: str
    fulfilment: str
    lines: int
    totals: dict[str, str | None]
    """Total by currency: the buyer's and, where it is another, the shop's."""
    refunded: str | None
    created_at: str
    modified_at: str
    """What the platform says; stays behind `changed_at` where it is blind."""
    changed_at: str
    visible_from: str
    """From then on the platform's lists show this state."""
    listed: bool
    """Whether the lists show the order at all, in this state or an earlier one."""
    defect: str | None
    outcome: str
    """`accept`, or what the planted defect deserves: `refuse`, `warn` or `oms`; a test order is to be refused, too."""
    codes: list[str]
    """The rules that a refused order breaks, all of them, in alphabetic order; empty unless `outcome` is `refuse`."""


UNREADABLE = frozenset({"STATUS_UNKNOWN", "RAW_SHAPE", "AMOUNT_MISSING", "CURRENCY_MIXED"})
"""Codes of records that give no order, so that nothing else is judged."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """How what was found differs from the truth; all empty when nothing is lost, doubled or invented."""

    missing: list[str]
    repeated: list[str]
    unexplained: list[str]

    def __bool__(self) -> bool:
        return bool(self.missing or self.repeated or self.unexplained)


def ledger(world: World, platform: Platform, until: int) -> list[Row]:
    """Every order of the channel as it was just before `until` (epoch seconds), by index."""
    return [row(world, platform, version, until) for version in world.all_held(until - 1)]


def row(world: World, platform: Platform, version: Version, until: int) -> Row:
    snap = world.snapshot(version)
    shown = world.shown(snap.index, until - 1)
    order_id, *aliases = platform.spell(snap.index)
    lines, total = platform.shown(snap)
    foreign = platform.foreign(world.shop, snap.index)
    codes = ["SOLD_ELSEWHERE"] if foreign else _codes(platform, version.defect, snap)
    totals = {snap.currency or "": total[0]}
    if snap.currency != snap.shop_currency:
        totals[snap.shop_currency] = total[1]
    return Row(
        order_id=order_id,
        aliases=aliases,
        number=snap.number,
        version=version.number,
        versions=len(world.versions(snap.index)),
        status=snap.status,
        payment=snap.payment,
        fulfilment=snap.fulfilment,
        lines=lines,
        totals=totals,
        refunded=snap.refunded[0],
        created_at=stamp(version.order.placed_at),
        modified_at=stamp(version.modified_at),
        changed_at=stamp(version.at),
        visible_from=stamp(version.visible_from),
        listed=shown is not None and not shown.order.trashed,
        defect=version.defect,
        outcome=_outcome(version.defect, codes),
        codes=codes,
    )


def _codes(platform: Platform, defect: str | None, snap: Snapshot) -> list[str]:
    test = ["TEST_ORDER"] if snap.test else []
    if defect is None:
        return test
    planted = codes_of(platform.codes.get(defect, DEFECTS[defect].codes), snap)
    unreadable = set(planted) & UNREADABLE
    return sorted({*planted, *([] if unreadable else test)})


def _outcome(defect: str | None, codes: list[str]) -> str:
    if codes:
        return "refuse"
    if defect is None:
        return "accept"
    return "warn" if DEFECTS[defect].outcome == "refuse" else DEFECTS[defect].outcome


def summary(rows: Iterable[Row]) -> dict[str, Any]:
    """Counts and sums of a ledger."""
    rows = list(rows)
    sums: dict[str, Decimal] = {}
    for each in rows:
        for currency, total in each.totals.items():
            try:
                sums[currency] = sums.get(currency, Decimal(0)) + Decimal(total or 0)
            except InvalidOperation:
                continue
    return {
        "orders": len(rows),
        "listed": sum(each.listed for each in rows),
        "lines": sum(each.lines for each in rows),
        "versions": sum(each.version + 1 for each in rows),
        "statuses": dict(Counter(each.status for each in rows).most_common()),
        "outcomes": dict(Counter(each.outcome for each in rows).most_common()),
        "defects": dict(Counter(each.defect for each in rows if each.defect).most_common()),
        "totals": {currency: f"{total:f}" for currency, total in sorted(sums.items())},
    }


def compare(rows: Iterable[Row], found: Iterable[str]) -> Comparison:
    """Hold order ids (each as often as it was found) against the listed orders of a ledger."""
    counts = Counter(found)
    known: set[str] = set()
    missing, repeated = [], []
    for each in rows:
        names = {each.order_id, *each.aliases}
        known |= names
        times = sum(counts[name] for name in names)
        if not times and each.listed:
            missing.append(each.order_id)
        if times > 1:
            repeated.append(each.order_id)
    return Comparison(missing=missing, repeated=repeated, unexplained=sorted(set(counts) - known))
