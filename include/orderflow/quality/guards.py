"""Guards: what a whole batch says about its channel, beyond the verdicts on single orders.

Pure functions over a batch's counts, its profile and the channel's history. A finding of severity `alarm` is what
`validate.guards` of the channel file acts on (note it, hold the batch, or stop the run); a `note` is only shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from orderflow.domain.batch import Batch
from orderflow.domain.channel import Validation
from orderflow.domain.routing import Special
from orderflow.quality.profile import FieldProfile, Profile, of_windows
from orderflow.quality.rules import SETTLED

FEWEST_REFUSED = 5
"""Fewer refused orders are bad orders, whatever their share; more may be a changed platform."""
FEWEST_WINDOWS = 8
"""Windows of history that it takes to call an empty one unexpected."""
CHANCE = 1e-6
"""A window that stays empty by chance more often than this is no news; whether few orders come is judged by alerts."""
FEWEST_RECORDS = 50
"""Records that both profiles must have seen before a missing field means anything."""
FAR = 4
"""So many times more, or fewer, orders than ever before are unusual."""
FEWEST_AMOUNTS = 30
"""Amounts that both profiles must have seen in a field before their size means anything."""
OTHER_UNIT = 30
"""All prices and totals so many times larger, or smaller, are in another unit: minor ones for whole ones, say."""
ALWAYS = 0.98
"""A field in at least this share of the records is one that the channel always sends."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What earlier batches of the channel looked like.

    `orders` holds the number of orders of comparable windows (of the same length, and where there are enough of the
    same hour and weekday), newest first. `profile` is the merged profile of recent batches, None where there is none.
    """

    orders: tuple[int, ...] = ()
    profile: Profile | None = None
    special: Special | None = None
    """How many orders come is not judged on a holiday, nor on a sale day, unless it is none at all."""

    @classmethod
    def of(
        cls, orders: Sequence[int], profiles: Iterable[tuple[datetime, str]], *, special: Special | None = None
    ) -> History:
        """Out of order counts, and of the JSON of earlier profiles by the end of their window."""
        return cls(orders=tuple(orders), profile=of_windows(profiles), special=special)


class Finding(msgspec.Struct, frozen=True):
    """One thing that a guard saw; `message` has the numbers.

    A drift names the field's path in the raw records, its share of them (0 to 1; now where it is new, before where it
    is gone), since when, and the ordinal of a raw record that shows it.
    """

    code: str
    severity: Literal["alarm", "note"]
    message: str
    field: str | None = None
    share: float | None = None
    since: datetime | None = None
    sample: int | None = None


def findings(
    batch: Batch, rules: Validation, *, history: History | None = None, profile: Profile | None = None
) -> list[Finding]:
    """Everything that the guards see in a validated batch, alarms first."""
    known = history or History()
    seen = list(_refused(batch, rules))
    if known.special is None:
        seen += [*_volume(batch, rules), *_empty(batch, rules, known), *_unusual(batch, rules, known)]
    elif known.special == "sale" and not _orders(batch):
        seen += [*_volume(batch, rules), *_empty(batch, rules, known)]
    if profile and known.profile:
        seen += compare(profile, known.profile, since=batch.window_start)
    return sorted(seen, key=lambda finding: (finding.severity, finding.code, finding.message))


def _orders(batch: Batch) -> int:
    """Different orders that the batch brought, readable or not."""
    return batch.counts.cleaned + batch.counts.unreadable


def _refused(batch: Batch, rules: Validation) -> Iterator[Finding]:
    counts = batch.counts
    settled = sum(batch.reasons.get(code, 0) for code in SETTLED)
    refused, orders = counts.quarantined + counts.unreadable - settled, _orders(batch) - settled
    if refused >= FEWEST_REFUSED and refused > rules.quarantine_at_most * orders:
        told = [f"{code} {count}" for code, count in batch.reasons.items() if code not in SETTLED]
        reasons = ", ".join(told[:5])
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
    """None at all where there always were some, and many; a band that begins at 0 says that this is healthy.

    If the window is like the others, each of all their orders came into one of them, and none into this one, by chance.
    """
    expected = history.orders
    if _orders(batch) or rules.orders_per_window is not None or len(expected) < FEWEST_WINDOWS or not min(expected):
        return
    if (len(expected) / (len(expected) + 1)) ** sum(expected) > CHANCE:
        return
    yield Finding(
        "UNEXPECTEDLY_EMPTY",
        "alarm",
        f"no orders, where the last {len(expected)} comparable windows had {min(expected)} to {max(expected)}",
    )


def _unusual(batch: Batch, rules: Validation, history: History) -> Iterator[Finding]:
    """Far from what comparable windows brought, on a channel whose file sets no band."""
    orders, expected = _orders(batch), history.orders
    if rules.orders_per_window is not None or len(expected) < FEWEST_WINDOWS:
        return
    fewest, most = min(expected), max(expected)
    if 0 < orders < fewest / FAR or orders > max(most, FEWEST_REFUSED) * FAR:
        yield Finding(
            "VOLUME_UNUSUAL",
            "note",
            f"{orders} orders, where the last {len(expected)} comparable windows had {fewest} to {most}",
        )


def compare(profile: Profile, earlier: Profile, *, since: datetime | None = None) -> list[Finding]:
    """How the raw records differ from earlier ones: fields, types and categories that are new, fields that are gone.

    `since` is the start of the window in which the difference shows for the first time.
    """
    found: list[Finding] = []
    if min(profile.records, earlier.records) >= FEWEST_RECORDS:
        found += [
            _gone(path, earlier)
            for path in earlier.fields.keys() - profile.fields.keys()
            if earlier.share(path) >= ALWAYS and not _below(path, profile)
        ]
    if earlier.records >= FEWEST_RECORDS:
        found += list(_new(profile, earlier, since))
    found += list(_in_another_unit(profile, earlier))
    return sorted(found, key=lambda finding: (finding.code, finding.message))


def _in_another_unit(profile: Profile, earlier: Profile) -> Iterator[Finding]:
    """Every field of prices and totals has become many times larger, or every one many times smaller.

    Where they may be of another currency, it is no alarm.
    """
    before = {path: field for path, field in earlier.fields.items() if field.amounts >= FEWEST_AMOUNTS}
    now = {path: profile.fields[path] for path in before if path in profile.fields}
    times = {
        path: field.typical / before[path].typical for path, field in now.items() if field.amounts >= FEWEST_AMOUNTS
    }
    if not times or not (min(times.values()) >= OTHER_UNIT or max(times.values()) <= 1 / OTHER_UNIT):
        return
    path = max(times, key=lambda each: now[each].amounts)
    yield Finding(
        "AMOUNTS_IN_ANOTHER_UNIT",
        "alarm" if _is_one_currency(profile, earlier) else "note",
        f"field {path} is typically {now[path].typical:.2f}, where it was {before[path].typical:.2f}, and so are all "
        f"prices and totals: look whether the platform sends minor units now, or whole ones; if the prices are right, "
        "set validate.guards to hold and release the batch",
        field=path,
    )


def _is_one_currency(profile: Profile, earlier: Profile) -> bool:
    """Whether each field that names a currency named the same one all the time; not where numbers or signs name it."""
    paths = {path for each in (profile, earlier) for path in each.fields if "currency" in path.lower()}
    now, before = (
        {path: each.fields[path].categories for path in paths & each.fields.keys()} for each in (profile, earlier)
    )
    told = [new | old for path, new in now.items() if new and (old := before.get(path))]
    return all(len(each) == 1 for each in told) and bool(told or not paths)


def _gone(path: str, earlier: Profile) -> Finding:
    last = earlier.fields[path].last
    share, told = earlier.share(path), f" since {last:%Y-%m-%d %H:%MZ}" if last else ""
    return Finding(
        "FIELD_GONE",
        "note",
        f"field {path} was in {share:.0%} of the records and is in none{told}",
        field=path,
        share=share,
        since=last,
    )


def _below(path: str, profile: Profile) -> bool:
    """Whether what holds the field is there and empty: a list without members, an object that is null."""
    return any(path.startswith((f"{other}.", f"{other}[]")) for other in profile.fields if other)


def _new(profile: Profile, earlier: Profile, since: datetime | None) -> Iterator[Finding]:
    for path, field in profile.fields.items():
        before = earlier.fields.get(path)

        def drift(code: str, what: str, shown: Iterable[str], path: str = path, field: FieldProfile = field) -> Finding:
            told = f" since {since:%Y-%m-%d %H:%MZ}" if since else ""
            sample = min((field.where[each] for each in shown if each in field.where), default=None)
            told += f"; see raw record {sample}" if sample is not None else ""
            return Finding(code, "note", what + told, path, profile.share(path), since, sample)

        if before is None:
            what = f"field {path} is new, in {profile.share(path):.0%} of the records"
            yield drift("FIELD_NEW", what, field.types)
            continue
        if types := field.types - before.types - {"null", "list", "object"}:
            what = f"field {path} is {', '.join(sorted(types))}; before it was {', '.join(sorted(before.types))}"
            yield drift("TYPE_NEW", what, types)
        if before.categories is not None and (new := (field.categories or set()) - before.categories):
            yield drift("CATEGORY_NEW", f"field {path} has the new categories {', '.join(sorted(new))}", new)
