"""Guards: what a whole batch says about its channel, beyond the verdicts on single orders.

Pure functions over a batch's counts, its profile and the channel's history. A finding of severity `alarm` is what
`validate.guards` of the channel file acts on (note it, hold the batch, or stop the run); a `note` is only shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from orderflow.domain.batch import Batch
from orderflow.domain.channel import Validation
from orderflow.quality.profile import Profile

FEWEST_REFUSED = 5
"""Fewer refused orders are bad orders, whatever their share; more may be a changed platform."""
FEWEST_WINDOWS = 8
"""Windows of history that it takes to call an empty one unexpected."""
FEWEST_RECORDS = 50
"""Records that both profiles must have seen before a missing field means anything."""
ALWAYS = 0.98
"""A field in at least this share of the records is one that the channel always sends."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What earlier batches of the channel looked like.

    `orders` holds the number of orders of comparable windows (of the same length, and where there are enough of the
    same hour and weekday), newest first. `profile` is the merged profile of recent batches, None where there is none.
    """

    orders: tuple[int, ...] = ()
    profile: Profile | None = None


class Finding(msgspec.Struct, frozen=True):
    """One thing that a guard saw; `message` has the numbers."""

    code: str
    severity: Literal["alarm", "note"]
    message: str


def findings(
    batch: Batch, rules: Validation, *, history: History | None = None, profile: Profile | None = None
) -> list[Finding]:
    """Everything that the guards see in a validated batch, alarms first."""
    known = history or History()
    seen = [*_refused(batch, rules), *_volume(batch, rules), *_empty(batch, rules, known)]
    if profile and known.profile:
        seen += compare(profile, known.profile)
    return sorted(seen, key=lambda finding: (finding.severity, finding.code, finding.message))


def _orders(batch: Batch) -> int:
    """Different orders that the batch brought, readable or not."""
    return batch.counts.cleaned + batch.counts.unreadable


def _refused(batch: Batch, rules: Validation) -> Iterator[Finding]:
    counts = batch.counts
    refused, orders = counts.quarantined + counts.unreadable, _orders(batch)
    if refused >= FEWEST_REFUSED and refused > rules.quarantine_at_most * orders:
        reasons = ", ".join(f"{code} {count}" for code, count in list(batch.reasons.items())[:5])
        yield Finding(
            "TOO_MANY_REFUSED",
            "alarm",
            f"{refused} of {orders} orders ({refused / orders:.1%}) are refused, more than the "
            f"{rules.quarantine_at_most:.1%} of validate.quarantine_at_most; most frequent reasons: {reasons}",
        )


def _volume(batch: Batch, rules: Validation) -> Iterator[Finding]:
    if rules.orders_per_window is None:
        return
    fewest, most = rules.orders_per_window
    orders = _orders(batch)
    if orders < fewest:
        yield Finding(
            "TOO_FEW_ORDERS", "alarm", f"{orders} orders, fewer than the {fewest} of validate.orders_per_window"
        )
    elif orders > most:
        yield Finding(
            "TOO_MANY_ORDERS", "alarm", f"{orders} orders, more than the {most} of validate.orders_per_window"
        )


def _empty(batch: Batch, rules: Validation, history: History) -> Iterator[Finding]:
    """None at all where there always were some; a band that begins at 0 says that this is healthy."""
    expected = history.orders
    if _orders(batch) or rules.orders_per_window is not None or len(expected) < FEWEST_WINDOWS or not min(expected):
        return
    yield Finding(
        "UNEXPECTEDLY_EMPTY",
        "alarm",
        f"no orders, where the last {len(expected)} comparable windows had {min(expected)} to {max(expected)}",
    )


def compare(profile: Profile, earlier: Profile) -> list[Finding]:
    """How the raw records differ from earlier ones: fields, types and categories that are new, fields that are gone."""
    found: list[Finding] = []
    if min(profile.records, earlier.records) >= FEWEST_RECORDS:
        found += [
            Finding(
                "FIELD_GONE", "note", f"field {path} was in {earlier.share(path):.0%} of the records and is in none"
            )
            for path in earlier.fields.keys() - profile.fields.keys()
            if earlier.share(path) >= ALWAYS and not _below(path, profile)
        ]
    if earlier.records >= FEWEST_RECORDS:
        found += list(_new(profile, earlier))
    return sorted(found, key=lambda finding: (finding.code, finding.message))


def _below(path: str, profile: Profile) -> bool:
    """Whether what holds the field is there and empty: a list without members, an object that is null."""
    return any(path.startswith((f"{other}.", f"{other}[]")) for other in profile.fields if other)


def _new(profile: Profile, earlier: Profile) -> Iterator[Finding]:
    for path, field in profile.fields.items():
        before = earlier.fields.get(path)
        if before is None:
            yield Finding("FIELD_NEW", "note", f"field {path} is new, in {profile.share(path):.0%} of the records")
            continue
        if types := field.types - before.types - {"null", "list", "object"}:
            was = ", ".join(sorted(before.types))
            yield Finding("TYPE_NEW", "note", f"field {path} is {', '.join(sorted(types))}; before it was {was}")
        if before.categories is not None and (new := (field.categories or set()) - before.categories):
            yield Finding("CATEGORY_NEW", "note", f"field {path} has the new categories {', '.join(sorted(new))}")
