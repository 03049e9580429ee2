"""Cures that may release a cluster: a closed list, worked out from what was found. Whether one works, its trial tells.

look-up entry    a value that is written like one of our words       clean.lookups
currency         orders without a currency                           clean.currency
time zone        times that lie in the future or in no hour          clean.timezone
tolerance        residues of a few minor units                       validate.tolerance
SKU map          a SKU that differs from a mapped one only in form   the SKU map
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from rapidfuzz import fuzz, process

from orderflow.domain.channel import Channel
from orderflow.domain.money import exponent
from orderflow.domain.order import (
    CHARGE_KINDS,
    DISCOUNT_KINDS,
    FULFILMENT_STATUS,
    FUNDERS,
    LINE_KINDS,
    ORDER_STATUS,
    PAYMENT_STATUS,
    RETURN_STATUS,
)
from orderflow.quality.lookups import LOOKUP_FIELDS
from orderflow.quality.report.clusters import Cluster

MINOR_UNITS = (1, 5)
"""Tolerances that are tried; a larger one would hide what is wrong."""
ALIKE = 75
"""Of 100: how alike a value and one of our words must be written."""
USUAL = 0.9
"""Share of a channel's orders that must have a currency before it is taken for granted."""

_ADDED_UP = {
    "GRAND_TOTAL_MISMATCH", "LINE_EQUATION", "CHARGE_EQUATION", "ITEMS_TOTAL_MISMATCH", "CHARGES_TOTAL_MISMATCH",
    "DISCOUNT_TOTAL_MISMATCH", "TAX_TOTAL_MISMATCH",
}  # fmt: skip
_OF_TIME = {"TIME_IN_FUTURE", "TIME_AMBIGUOUS", "TIME_IMPLAUSIBLE"}
_WORDS: Mapping[str, Sequence[str]] = {
    "order_status": ORDER_STATUS,
    "payment_status": PAYMENT_STATUS,
    "fulfilment_status": FULFILMENT_STATUS,
    "return_status": RETURN_STATUS,
    "line_kind": LINE_KINDS,
    "charge_kind": CHARGE_KINDS,
    "discount_kind": DISCOUNT_KINDS,
    "funded_by": FUNDERS,
}
_CURRENCIES = {
    "€": "EUR", "EU": "EUR", "EURO": "EUR", "£": "GBP", "STG": "GBP", "NT$": "TWD", "NTD": "TWD", "RMB": "CNY",
    "元": "CNY", "円": "JPY", "YEN": "JPY", "₩": "KRW", "WON": "KRW", "US$": "USD", "HK$": "HKD", "฿": "THB",
    "₫": "VND", "₱": "PHP", "RM": "MYR", "RP": "IDR", "S$": "SGD",
}  # fmt: skip
"""Common spellings that mean one currency and no other."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What most accepted orders of the channel have: orders by currency."""

    currencies: Mapping[str, int]

    @property
    def currency(self) -> str | None:
        """The one that nearly all orders have."""
        best = max(self.currencies, key=lambda each: self.currencies[each], default=None)
        whole = sum(self.currencies.values())
        return best if best and self.currencies[best] >= USUAL * whole else None


@dataclass(frozen=True, slots=True)
class Cure:
    """A change of the channel's settings, or of its SKU map. `times`: whether only raw records can show its effect."""

    words: str
    setting: str
    channel: Channel
    skus: Mapping[str, str] | None = None
    times: bool = False


def proposed(cluster: Cluster, channel: Channel, usual: Usual, skus: Mapping[str, str] | None = None) -> Iterator[Cure]:
    """Every cure that may help this cluster, the mildest first."""
    if cluster.code in _ADDED_UP:
        yield from _tolerances(cluster, channel, usual)
    elif cluster.code == "CURRENCY_MISSING" and usual.currency and channel.clean.currency is None:
        words = f"an order that names no currency is in {usual.currency}, like nearly all of this channel's orders"
        yield Cure(words, f"clean:\n  currency: {usual.currency}", _cleaned(channel, currency=usual.currency))
    elif cluster.code in _OF_TIME:
        yield from _zones(channel)
    elif cluster.code == "SKU_UNMAPPED" and skus is not None and cluster.value:
        yield from _skus(cluster.value, channel, skus)
    elif cluster.value and cluster.code.endswith("_UNKNOWN"):
        yield from _lookups(cluster, channel)


def normal(sku: str) -> str:
    """A SKU without what people add by accident: blanks, invisible characters, case, kinds of dashes."""
    folded = unicodedata.normalize("NFKC", sku).upper()
    shown = "".join(each for each in folded if unicodedata.category(each) not in {"Cf", "Cc", "Zs"})
    return re.sub(r"[\u2010-\u2015\u2212_]", "-", shown)


def _tolerances(cluster: Cluster, channel: Channel, usual: Usual) -> Iterator[Cure]:
    sizes = [abs(size) for size in map(_decimal, cluster.values) if size is not None]
    currency = usual.currency or next(iter(usual.currencies), "EUR")
    before = channel.validate_.tolerance
    for units in MINOR_UNITS:
        allowed = Decimal(units).scaleb(-exponent(currency))
        helped = sum(before < size <= allowed for size in sizes)
        if helped:
            before = allowed
            judged = channel.validate_.model_copy(update={"tolerance": allowed})
            yield Cure(
                f"a residue of up to {allowed:f} is rounding",
                f"validate:\n  tolerance: {allowed:f}",
                channel.model_copy(update={"validate_": judged}),
            )


def _zones(channel: Channel) -> Iterator[Cure]:
    others = dict.fromkeys([channel.schedule.timezone, channel.adapter.limits.timezone, "UTC"])
    for zone in others:
        if zone != channel.timezone:
            words = f"times without an offset are in {zone}"
            yield Cure(words, f"clean:\n  timezone: {zone}", _cleaned(channel, timezone=zone), times=True)


def _skus(value: str, channel: Channel, skus: Mapping[str, str]) -> Iterator[Cure]:
    same = sorted({ours for theirs, ours in skus.items() if normal(theirs) == normal(value)})
    if len(same) == 1:
        yield Cure(
            f"{value!r} is {same[0]!r}: it differs from a mapped SKU only in blanks, dashes or case",
            f"SKU map: {value},{same[0]}",
            channel,
            {**skus, value: same[0]},
        )


def _lookups(cluster: Cluster, channel: Channel) -> Iterator[Cure]:
    table, _, name = cluster.where.partition(".*.")
    column = (table, name) if name else ("orders", table)
    value = cluster.value or ""
    for field, columns in LOOKUP_FIELDS.items():
        if column not in columns:
            continue
        ours = _CURRENCIES.get(value.strip().upper()) if field == "currency" else _alike(value, _WORDS.get(field, ()))
        if ours is None:
            continue
        known = channel.clean.lookups.get(field, {})
        entries = {spelling: ours for spelling in (value, value.lower()) if spelling not in known and spelling != ours}
        if entries:
            listed = ", ".join(f'"{spelling}": {ours}' for spelling in entries)
            lookups = {**channel.clean.lookups, field: {**known, **entries}}
            yield Cure(
                f"{value!r} means {ours}",
                f"clean:\n  lookups:\n    {field}: {{{listed}}}",
                _cleaned(channel, lookups=lookups),
            )


def _alike(value: str, words: Sequence[str]) -> str | None:
    found = process.extractOne(value.lower().replace("-", "_"), words, scorer=fuzz.ratio, score_cutoff=ALIKE)
    return found[0] if found else None


def _cleaned(channel: Channel, **changes: object) -> Channel:
    return channel.model_copy(update={"clean": channel.clean.model_copy(update=changes)})


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None
