"""One shop under two names: orders that another channel delivers must not go to the OMS from this one as well.

A channel's name is part of every order's identity, so a renamed file, or a second file for the same shop, would hand
over the same orders once more, each under a key of its own that no OMS could recognise.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.errors import ConfigError
from orderflow.staging.quarantine import DELIVERED_ELSEWHERE, ELSEWHERE, refuse
from orderflow.staging.session import BY_KEY

LOOKS = 5_000
"""Orders of one load times other channels: 8 to 32 ms with 1 to 2,000 others. Who brings another channel's orders
brings many of them, so that a few of each load tell. With a channel that was found so every order is compared."""

FEW = 3
"""Twins, or kinds of them, that chance alone may bring into one load."""


class _Twin(NamedTuple):
    """A new order of a load and one of another channel that are the same, as far as can be told."""

    channel: str
    order_id: str
    version: int
    kind: str
    """Its total and its people."""
    exact: bool
    """Created in the same second."""
    sure: bool
    """Or in the same minute, or on the same day, for the same people; where it is not, nobody knows who they are."""
    looked: int
    """How many new orders of the load were looked at."""


def hold(
    cursor: Cursor,
    channel: str,
    *,
    behind: bool,
    held: Mapping[str, str] | None = None,
    holding: Callable[[Mapping[str, str]], None] | None = None,
) -> list[str]:
    """Move orders that this transaction queued for the first time, and that another channel delivers to the same OMS
    target, from the outbox to quarantine; returns their ids. Raises `ConfigError` when most of them are such.

    They are the same when id, number, created time, currency and total are; their people, too, where the time tells no
    seconds: two stores that number their orders alike sell the same for the same price on the same day. Such an order
    is staged, and waits for a person as if the OMS had refused it, whatever changes or is wrong with it meanwhile;
    released, it is sent and not looked at again.

    `held` are those that staging held before it went back, whose twins it may not know again yet, by the names of their
    channels. `holding` is called with all that this transaction holds, before it is committed.
    """
    of = {"channel": channel, "behind": behind, "looks": LOOKS, "among": None}
    cursor.execute(BY_KEY + _ALONE, of)
    known, locked = cursor.fetchone() or ([], 0)
    if not locked:
        return []
    waiting = _unqueued(cursor, _HELD, of) if known else []
    if held:
        waiting += _hold_again(cursor, of, held)
        known = sorted({*known, *held.values()})
    some = _found(cursor, of)
    suspects = {each.channel for each in some if each.sure}.union(known)
    suspects.update(name for name, _ in Counter(each.channel for each in some).most_common(1))
    if not suspects:
        return waiting
    found = _found(cursor, of | {"among": list(suspects), "looks": None})
    _demand_no_repetition(channel, some)
    _demand_no_repetition(channel, found)
    twins = {each.order_id: each for each in sorted(found, reverse=True) if each.sure}
    if twins:
        _unqueued(cursor, _NAMED, of | {"order_ids": sorted(twins)})
        _quarantine(cursor, of, [(each.order_id, each.version, each.channel) for each in twins.values()])
        waiting += twins
    if holding and waiting:
        cursor.execute(_OTHERS, of | {"order_ids": waiting})
        holding(dict(cursor.fetchall()))
    return waiting


def _hold_again(cursor: Cursor, of: dict[str, object], held: Mapping[str, str]) -> list[str]:
    cursor.execute(_LOST, of | {"order_ids": list(held)})
    again = [(order_id, version, held[order_id]) for order_id, version in cursor.fetchall()]
    if again:
        _quarantine(cursor, of, again)
    return [order_id for order_id, _, _ in again]


def _quarantine(cursor: Cursor, of: dict[str, object], found: Sequence[tuple[str, int, str]]) -> None:
    """Have these orders (id, version, who delivers it) wait for a person."""
    cursor.execute(_REMEMBER, of | {"others": list({other for _, _, other in found})})
    reasons = [(order_id, version, [_reason(other, order_id)]) for order_id, version, other in found]
    refuse(cursor, str(of["channel"]), reasons, who="load", why="another channel delivers it")


def _found(cursor: Cursor, of: dict[str, object]) -> list[_Twin]:
    cursor.execute(_TWINS, of)
    return [_Twin(*row) for row in cursor.fetchall()]


def _unqueued(cursor: Cursor, which: str, of: dict[str, object]) -> list[str]:
    cursor.execute(which, of)
    return [order_id for (order_id,) in cursor.fetchall()]


def _demand_no_repetition(channel: str, found: Sequence[_Twin]) -> None:
    """Raise `ConfigError` when the load is that of one other channel once more.

    Two tills that number their orders by the day are alike wherever their few prices meet, and all their buyers may
    have one name, but they are not alike nearly always and at different totals.
    """
    by_channel: dict[str, list[_Twin]] = defaultdict(list)
    for each in found:
        by_channel[each.channel].append(each)
    for other, alike in by_channel.items():
        exact, kinds, looked = sum(each.exact for each in alike), len({each.kind for each in alike}), alike[0].looked
        if (exact > FEW and 2 * exact >= looked) or (kinds > FEW and 10 * len(alike) >= 9 * looked):
            first = min(each.order_id for each in alike)
            raise ConfigError(
                f"{channel}: {len(alike)} of {looked} orders that it would hand to the OMS, such as {first}, are "
                f"delivered by the channel {other} already (same id, number, created time and total); nothing was "
                f"written. If {other}.yml was renamed, give it its name back (`title` may change); if both ask the "
                f"same shop, remove one of the two files; if {other} has ended, write the moment from which {channel} "
                f"delivers as oms.since into {channel}.yml"
            )


def _reason(other: str, order_id: str) -> dict[str, str | None]:
    message = (
        f"the channel {other} delivers an order {order_id} with the same number, created time and total; discard this "
        "one if they are one order, release it if they are two"
    )
    return {"code": DELIVERED_ELSEWHERE, "field": None, "value": other, "message": message}


def _has(table: str, channel: str) -> str:
    return f"""(
    SELECT h.order_id FROM orderflow.{table} AS h
    WHERE h.channel = {channel} AND h.order_id BETWEEN q.order_id AND q.order_id ORDER BY h.order_id LIMIT 1
) IS NOT NULL"""  # noqa: S608 - names of this module


# Two channels that load an order at the same moment do not see each other's, unless one of them waits until the other
# has looked and committed. So what is queued is looked at under locks of its ids: 64 for a target, which all take in
# the same order. Loads that bring a few orders each hardly ever meet.
_ALONE = """
SELECT twins, (
    SELECT count(pg_advisory_xact_lock(hashtext('orderflow.twins ' || coalesce(target, '')), lock)) FROM (
        SELECT DISTINCT lock FROM (
            SELECT hashtext(order_id) & 63 AS lock FROM orderflow.outbox
            WHERE channel = %(channel)s AND behind = %(behind)s AND enqueued_at = now()
            ORDER BY channel, behind, enqueued_at
        ) AS each ORDER BY lock
    ) AS own
) AS queued
FROM orderflow.loads WHERE channel = %(channel)s
"""

# Every lookup is one by a key, whatever the planner knows (`session.BY_KEY`).
_TWINS = f"""
WITH others AS MATERIALIZED (
    SELECT c.channel FROM orderflow.coverage AS c
    LEFT JOIN orderflow.loads AS theirs ON theirs.channel = c.channel
    LEFT JOIN orderflow.loads AS ours ON ours.channel = %(channel)s
    WHERE c.channel <> %(channel)s AND coalesce(theirs.target = ours.target, true)
        AND coalesce(c.channel = ANY(%(among)s::text[]), true)
), queued AS MATERIALIZED (
    SELECT order_id, version FROM orderflow.outbox AS q
    WHERE channel = %(channel)s AND behind = %(behind)s AND enqueued_at = now()
        AND NOT {_has("receipts", "%(channel)s")}
    ORDER BY channel, behind, enqueued_at
    LIMIT (SELECT %(looks)s::bigint / greatest(count(*), 1) + 1 FROM others)
), found AS MATERIALIZED (
    SELECT other.channel, q.order_id, q.version, (o.grand_total, o.contacts_hash) AS kind,
        extract(second FROM o.channel_created_at) <> 0 AS exact,
        extract(second FROM o.channel_created_at) <> 0 OR {_has("order_contacts", "%(channel)s")} AS sure,
        t.content_hash = o.content_hash AS whole
    FROM queued AS q
    CROSS JOIN LATERAL (
        SELECT * FROM orderflow.orders AS o
        WHERE o.channel = %(channel)s AND o.order_id BETWEEN q.order_id AND q.order_id ORDER BY o.order_id LIMIT 1
    ) AS o
    CROSS JOIN others AS other
    CROSS JOIN LATERAL (
        SELECT * FROM orderflow.orders AS t
        WHERE t.channel = other.channel AND t.order_id BETWEEN q.order_id AND q.order_id ORDER BY t.order_id LIMIT 1
    ) AS t
    WHERE (t.channel_created_at, t.currency, t.grand_total) = (o.channel_created_at, o.currency, o.grand_total)
        AND t.order_number IS NOT DISTINCT FROM o.order_number
        AND (extract(second FROM o.channel_created_at) <> 0 OR t.contacts_hash = o.contacts_hash)
        AND ({_has("outbox", "t.channel")} OR {_has("receipts", "t.channel")})
)
SELECT channel, order_id, version, kind::text, exact, sure, (SELECT count(*) FROM queued) FROM found WHERE sure OR whole
"""  # noqa: S608 - text of this module, no input

_NAMED = """
DELETE FROM orderflow.outbox WHERE ctid = ANY(ARRAY(
    SELECT q.ctid FROM unnest(%(order_ids)s) AS twin(order_id) CROSS JOIN LATERAL (
        SELECT ctid FROM orderflow.outbox
        WHERE channel = %(channel)s AND order_id BETWEEN twin.order_id AND twin.order_id ORDER BY order_id LIMIT 1
    ) AS q)) RETURNING order_id
"""

# A row that says `released` of what broke a rule besides has not gone on yet.
_HELD = f"""
DELETE FROM orderflow.outbox WHERE ctid = ANY(ARRAY(
    SELECT b.ctid FROM (
        SELECT ctid, order_id FROM orderflow.outbox
        WHERE channel = %(channel)s AND behind = %(behind)s AND enqueued_at = now()
        ORDER BY channel, behind, enqueued_at
    ) AS b CROSS JOIN LATERAL (
        SELECT * FROM orderflow.quarantine
        WHERE channel = %(channel)s AND subject BETWEEN b.order_id AND b.order_id ORDER BY subject LIMIT 1
    ) AS q
    WHERE q.reasons @> '{ELSEWHERE}' AND (q.state, q.source) <> ('released', 'oms')
)) RETURNING order_id
"""  # noqa: S608 - as above

# What a person has released since has gone to the OMS, or waits for it from an earlier moment.
_LOST = f"""
DELETE FROM orderflow.outbox WHERE ctid = ANY(ARRAY(
    SELECT q.ctid FROM (
        SELECT ctid, order_id FROM orderflow.outbox
        WHERE channel = %(channel)s AND behind = %(behind)s AND enqueued_at = now()
        ORDER BY channel, behind, enqueued_at
    ) AS q
    WHERE order_id = ANY(%(order_ids)s) AND NOT {_has("receipts", "%(channel)s")}
)) RETURNING order_id, version
"""  # noqa: S608 - as above

_OTHERS = f"""
SELECT q.subject, r ->> 'value' FROM unnest(%(order_ids)s) AS a(order_id)
CROSS JOIN LATERAL (
    SELECT * FROM orderflow.quarantine
    WHERE channel = %(channel)s AND subject BETWEEN a.order_id AND a.order_id ORDER BY subject LIMIT 1
) AS q CROSS JOIN jsonb_array_elements(q.reasons) AS r WHERE r ->> 'code' = '{DELIVERED_ELSEWHERE}'
"""  # noqa: S608 - as above

_REMEMBER = """
UPDATE orderflow.loads SET twins = ARRAY(SELECT DISTINCT unnest(twins || %(others)s::text[]) ORDER BY 1)
WHERE channel = %(channel)s
"""
