"""The SKU map: what the OMS calls a channel's articles, with the dates between which each pair holds.

A SKU means one article at a time. Every change is written to an append-only history with who made it and why. Changes
of one channel wait for each other; nothing is ever half-written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import execute_values

from orderflow.domain.errors import ConfigError
from orderflow.domain.sku import Pair, SkuMap
from orderflow.staging.actions import demand_why
from orderflow.staging.session import transaction


def current(connection: Connection, channel: str) -> SkuMap:
    """The channel's map as it stands now, dated pairs included."""
    always: dict[str, str] = {}
    dated: dict[str, tuple[Pair, ...]] = {}
    for pair in pairs(connection, channel):
        if pair.valid_from is None and pair.valid_to is None:
            always[pair.sku] = pair.oms_sku
        else:
            dated[pair.sku] = (*dated.get(pair.sku, ()), pair)
    return SkuMap(always, dated)


def pairs(connection: Connection, channel: str | None = None, *, sku: str | None = None) -> list[Pair]:
    """Pairs by channel, SKU and start."""
    with transaction(connection) as cursor:
        return _pairs(cursor, {"channel": channel, "sku": sku})


def changed_at(connection: Connection, channel: str) -> datetime | None:
    """When the channel's map changed last; None: never."""
    with transaction(connection) as cursor:
        cursor.execute("SELECT max(at) FROM orderflow.sku_map_events WHERE channel = %s", (channel,))
        row = cursor.fetchone()
    return None if row is None else row[0]


@dataclass(frozen=True, slots=True)
class Change:
    """What a change of the map did, or would do. `waiting` is the number of orders that it lets be judged again."""

    added: int = 0
    changed: int = 0
    closed: int = 0
    removed: int = 0
    same: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Clash:
    """A new pair (by its place in what was given) that holds at the same time as another one."""

    place: int
    other: Pair
    given: int | None
    """The place of the other one, where it was given as well; None: it is in the map."""


def clashes(connection: Connection, given: Sequence[Pair]) -> list[Clash]:
    """Those of these pairs that could not be put into the map as it is, each with what it overlaps."""
    with transaction(connection) as cursor:
        return _planned(_known(cursor, given), given).clashes


def put(connection: Connection, given: Sequence[Pair], *, who: str, why: str, dry_run: bool = False) -> Change:
    """Add pairs; one that starts when a known one starts takes its place, one that starts later ends an endless one.

    Raises `ConfigError` with every pair that overlaps another (`clashes` tells which); then nothing is written.
    """
    demand_why(who, why)
    with transaction(connection) as cursor:
        _lock(cursor, {pair.channel for pair in given})
        plan = _planned(_known(cursor, given), given)
        if plan.clashes:
            raise ConfigError(_told(plan.clashes, given))
        _write(cursor, plan, who, why)
        waiting = _wake(cursor, [*plan.added, *plan.changed])
        if dry_run:
            connection.rollback()
    return Change(len(plan.added), len(plan.changed), len(plan.closed), 0, plan.same, waiting)


def close(
    connection: Connection, channel: str, sku: str, at: datetime, *, who: str, why: str, dry_run: bool = False
) -> Change:
    """End the pair that holds at `at`; one that would begin then or later is removed.

    Raises `ConfigError` when the SKU has no pair that holds then or later.
    """
    demand_why(who, why)
    with transaction(connection) as cursor:
        _lock(cursor, {channel})
        known = _pairs(cursor, {"channel": channel, "sku": sku})
        ended = [pair for pair in known if pair.holds(at) and pair.valid_from != at]
        later = [pair for pair in known if pair.valid_from is not None and pair.valid_from >= at]
        if not ended and not later:
            has = "; ".join(f"{pair.oms_sku} {pair.span}" for pair in known) or "none"
            raise ConfigError(f"{channel}: {sku} has no pair that holds at {at:%Y-%m-%d %H:%M}Z or later, but: {has}")
        for pair in later:
            cursor.execute(
                "DELETE FROM orderflow.sku_map WHERE channel = %s AND sku = %s AND valid_from = %s",
                (channel, sku, pair.valid_from),
            )
        _record(cursor, "removed", later, who, why)
        _update(cursor, [replace(pair, valid_to=at) for pair in ended], who)
        _record(cursor, "changed", [replace(pair, valid_to=at) for pair in ended], who, why)
        if dry_run:
            connection.rollback()
    return Change(closed=len(ended), removed=len(later))


@dataclass(frozen=True, slots=True)
class Told:
    """One change of a SKU's pairs."""

    at: datetime
    what: str
    pair: Pair
    who: str
    why: str


def history(connection: Connection, channel: str, sku: str) -> list[Told]:
    """Every change of the SKU's pairs, oldest first."""
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT at, what, who, why, channel, sku, oms_sku, CASE WHEN isfinite(valid_from) THEN valid_from END,"
            " CASE WHEN isfinite(valid_to) THEN valid_to END FROM orderflow.sku_map_events"
            " WHERE channel = %s AND sku = %s ORDER BY id",
            (channel, sku),
        )
        return [Told(row[0], row[1], _pair(row[4:]), row[2], row[3]) for row in cursor.fetchall()]


@dataclass(slots=True)
class _Plan:
    added: list[Pair] = field(default_factory=list)
    changed: list[Pair] = field(default_factory=list)
    closed: list[Pair] = field(default_factory=list)
    same: int = 0
    clashes: list[Clash] = field(default_factory=list)


def _known(cursor: Cursor, given: Sequence[Pair]) -> Iterable[Pair]:
    """The pairs of the channels concerned."""
    for channel in sorted({pair.channel for pair in given}):
        yield from _pairs(cursor, {"channel": channel, "sku": None})


def _planned(known: Iterable[Pair], given: Sequence[Pair]) -> _Plan:
    """What to write so that the map holds these pairs too."""
    plan = _Plan()
    of: dict[tuple[str, str], dict[datetime | None, tuple[Pair, int | None]]] = defaultdict(dict)
    for pair in known:
        of[pair.channel, pair.sku][pair.valid_from] = (pair, None)
    for place, pair in sorted(enumerate(given), key=lambda item: (item[1].valid_from is not None, item[1].valid_from)):
        there = of[pair.channel, pair.sku]
        old, origin = there.get(pair.valid_from, (None, None))
        if old is not None and origin is not None:
            plan.clashes.append(Clash(place, old, origin))
            continue
        others = [each for start, each in there.items() if start != pair.valid_from and each[0].overlaps(pair)]
        for other, where in list(others):
            if where is None and other.valid_to is None and _starts_before(other, pair):
                ended = replace(other, valid_to=pair.valid_from)
                there[other.valid_from] = (ended, None)
                plan.closed.append(ended)
                others.remove((other, where))
        plan.clashes += [Clash(place, other, where) for other, where in others]
        there[pair.valid_from] = (pair, place)
        if old == pair:
            plan.same += 1
        else:
            (plan.added if old is None else plan.changed).append(pair)
    return plan


def _starts_before(one: Pair, other: Pair) -> bool:
    return other.valid_from is not None and (one.valid_from is None or one.valid_from < other.valid_from)


def _told(clashes: Sequence[Clash], given: Sequence[Pair]) -> str:
    lines = [
        f"{given[each.place].channel}: {given[each.place].sku} -> {given[each.place].oms_sku} "
        f"({given[each.place].span}) holds at the same time as {each.other.oms_sku} ({each.other.span})"
        for each in clashes[:20]
    ]
    return "\n".join([*lines, "close the other pair first, or give dates that do not overlap; nothing was written"])


def _write(cursor: Cursor, plan: _Plan, who: str, why: str) -> None:
    _update(cursor, [*plan.closed, *plan.changed], who)
    execute_values(
        cursor,
        "INSERT INTO orderflow.sku_map (channel, sku, oms_sku, valid_from, valid_to, changed_by) VALUES %s",
        [(*_row(pair), who) for pair in plan.added],
        template=_VALUES,
        page_size=1000,
    )
    _record(cursor, "added", plan.added, who, why)
    _record(cursor, "changed", [*plan.closed, *plan.changed], who, why)


def _update(cursor: Cursor, changed: Sequence[Pair], who: str) -> None:
    if changed:
        execute_values(
            cursor,
            "UPDATE orderflow.sku_map AS m SET oms_sku = v.oms_sku, valid_to = v.valid_to, changed_at = now(),"
            " changed_by = v.who FROM (VALUES %s) AS v (channel, sku, oms_sku, valid_from, valid_to, who)"
            " WHERE m.channel = v.channel AND m.sku = v.sku AND m.valid_from = v.valid_from",
            [(*_row(pair), who) for pair in changed],
            template=_VALUES,
            page_size=1000,
        )


def _record(cursor: Cursor, what: str, these: Sequence[Pair], who: str, why: str) -> None:
    execute_values(
        cursor,
        "INSERT INTO orderflow.sku_map_events (channel, sku, oms_sku, valid_from, valid_to, what, who, why) VALUES %s",
        [(*_row(pair), what, who, why) for pair in these],
        template=f"{_VALUES[:-1]}, %s, %s)",
        page_size=1000,
    )


def _wake(cursor: Cursor, these: Sequence[Pair]) -> int:
    """Ask for a replay of the orders that waited for these; returns how many."""
    by_channel: dict[str, list[str]] = defaultdict(list)
    for pair in these:
        by_channel[pair.channel].append(pair.sku)
    woken = 0
    for channel, skus in by_channel.items():
        cursor.execute(
            "UPDATE orderflow.quarantine SET replay_asked_at = now() WHERE channel = %s"
            " AND state IN ('open', 'parked') AND unmapped <> '{}' AND unmapped && %s::text[]",
            (channel, skus),
        )
        woken += cursor.rowcount
    return woken


def _lock(cursor: Cursor, channels: Collection[str]) -> None:
    for channel in sorted(channels):
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('orderflow.sku_map'), hashtext(%s))", (channel,))


def _pairs(cursor: Cursor, which: Mapping[str, Any]) -> list[Pair]:
    cursor.execute(
        """
        SELECT channel, sku, oms_sku, CASE WHEN isfinite(valid_from) THEN valid_from END,
            CASE WHEN isfinite(valid_to) THEN valid_to END
        FROM orderflow.sku_map AS m
        WHERE (%(channel)s::text IS NULL OR channel = %(channel)s) AND (%(sku)s::text IS NULL OR sku = %(sku)s)
        ORDER BY m.channel, m.sku COLLATE "C", m.valid_from
        """,
        which,
    )
    return [_pair(row) for row in cursor.fetchall()]


def _pair(row: Sequence[Any]) -> Pair:
    return Pair(channel=row[0], sku=row[1], oms_sku=row[2], valid_from=row[3], valid_to=row[4])


def _row(pair: Pair) -> tuple[Any, ...]:
    return pair.channel, pair.sku, pair.oms_sku, pair.valid_from, pair.valid_to


_VALUES = "(%s, %s, %s, coalesce(%s, '-infinity'::timestamptz), coalesce(%s, 'infinity'::timestamptz), %s)"
