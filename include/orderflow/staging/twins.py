"""One shop under two names: orders that another channel delivers must not go to the OMS from this one as well.

A channel's name is part of every order's identity, so a renamed file, or a second file for the same shop, would hand
over the same orders once more, each under a key of its own that no OMS could recognise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.errors import ConfigError
from orderflow.staging.quarantine import DELIVERED_ELSEWHERE, refuse
from orderflow.staging.session import BY_KEY

LOOKS = 5_000
"""Orders of one load times other channels: 8 to 32 ms with 1 to 2,000 others. Who brings another channel's orders
brings many of them, so that a few of each load tell. With a channel that was found so every order is compared."""

FEW = 3
"""Twins, or kinds of them, that chance alone may bring into one load."""


class _Alike(NamedTuple):
    """How the new orders of a load that were looked at compare with those of one other channel."""

    channel: str
    first: str
    exact: int
    """Created in the same second."""
    sure: int
    """Those included that were created in the same minute, or on the same day, for the same people."""
    all: int
    """Those included whose people nobody knows."""
    kinds: int
    """How many different totals and people all these have."""
    looked: int

    @property
    def repeats(self) -> bool:
        """Whether the load is the other channel's once more.

        Two tills that number their orders by the day are alike wherever their few prices meet, and all their buyers may
        have one name, but they are not alike nearly always and at different totals.
        """
        most = self.exact > FEW and 2 * self.exact >= self.looked
        return most or (self.kinds > FEW and 10 * self.all >= 9 * self.looked)


def hold(cursor: Cursor, channel: str, *, behind: bool) -> list[str]:
    """Move orders that this transaction queued for the first time, and that another channel delivers to the same OMS
    target, from the outbox to quarantine; returns their ids. Raises `ConfigError` when most of them are such.

    They are the same when id, number, created time, currency and total are; their people, too, where the time tells no
    seconds: two stores that number their orders alike sell the same for the same price on the same day. Such an order
    is staged, and waits for a person as if the OMS had refused it: released, it is sent and not looked at again.
    """
    of = {"channel": channel, "behind": behind, "looks": LOOKS, "among": None}
    cursor.execute(BY_KEY + _ALONE_AT_FIRST, of)
    row = cursor.fetchone()
    if row is None:
        return []
    some = _counted(cursor, of)
    suspects = {each.channel for each in some if each.sure}.union(row[0])
    suspects.update(each.channel for each in sorted(some, key=lambda each: each.all)[-1:])
    if not suspects:
        return []
    of |= {"among": list(suspects), "looks": None}
    compared = _counted(cursor, of)
    _demand_no_repetition(channel, [*some, *compared])
    if not any(each.sure for each in compared):
        return []
    cursor.execute(_SURE, of)
    twins = cursor.fetchall()
    order_ids = [order_id for _, order_id, _ in twins]
    cursor.execute(_UNQUEUE, of | {"order_ids": order_ids})
    cursor.execute(_REMEMBER, of | {"others": sorted({other for other, _, _ in twins})})
    found = [(order_id, version, [_reason(other, order_id)]) for other, order_id, version in twins]
    refuse(cursor, channel, found, who="load", why="another channel delivers it")
    return order_ids


def _counted(cursor: Cursor, of: dict[str, object]) -> list[_Alike]:
    cursor.execute(_COUNTED, of)
    return [_Alike(*row) for row in cursor.fetchall()]


def _demand_no_repetition(channel: str, found: Sequence[_Alike]) -> None:
    for each in found:
        if each.repeats:
            raise ConfigError(
                f"{channel}: {each.all} of {each.looked} orders that it would hand to the OMS, such as "
                f"{each.first}, are delivered by the channel {each.channel} already (same id, number, created time and "
                f"total); nothing was written. If {each.channel}.yml was renamed, give it its name back (`title` may "
                f"change); if both ask the same shop, remove one of the two files; if {each.channel} has ended, write "
                f"the moment from which {channel} delivers as oms.since into {channel}.yml"
            )


def _reason(other: str, order_id: str) -> dict[str, str | None]:
    message = (
        f"the channel {other} delivers an order {order_id} with the same number, created time and total; discard this "
        "one if they are one order, release it if they are two"
    )
    return {"code": DELIVERED_ELSEWHERE, "field": None, "value": other, "message": message}


def _has(table: str, channel: str, alias: str) -> str:
    return f"""(
    SELECT h.order_id FROM orderflow.{table} AS h
    WHERE h.channel = {channel} AND h.order_id BETWEEN {alias}.order_id AND {alias}.order_id
    ORDER BY h.order_id LIMIT 1
) IS NOT NULL"""  # noqa: S608 - names of this module


# Two channels that load the same orders at the same moment do not see each other, unless one of them waits. So a
# channel of which the OMS has nothing yet looks while no other one of its target does, and until it has committed.
_ALONE_AT_FIRST = """
SELECT twins, CASE WHEN (
        SELECT channel FROM orderflow.receipts WHERE channel = %(channel)s ORDER BY channel LIMIT 1
    ) IS NULL THEN pg_advisory_xact_lock(hashtext('orderflow.twins'), hashtext(coalesce(target, '')))
    ELSE pg_advisory_xact_lock_shared(hashtext('orderflow.twins'), hashtext(coalesce(target, ''))) END
FROM orderflow.loads WHERE channel = %(channel)s AND (
    SELECT order_id FROM orderflow.outbox WHERE channel = %(channel)s AND behind = %(behind)s AND enqueued_at = now()
    ORDER BY channel, behind, enqueued_at LIMIT 1) IS NOT NULL
"""

# Every lookup is one by a key, whatever the planner knows (`session.BY_KEY`).
_FOUND = f"""
WITH others AS MATERIALIZED (
    SELECT c.channel FROM orderflow.coverage AS c
    LEFT JOIN orderflow.loads AS theirs ON theirs.channel = c.channel
    LEFT JOIN orderflow.loads AS ours ON ours.channel = %(channel)s
    WHERE c.channel <> %(channel)s AND coalesce(theirs.target = ours.target, true)
        AND coalesce(c.channel = ANY(%(among)s::text[]), true)
), queued AS MATERIALIZED (
    SELECT order_id, version FROM orderflow.outbox AS q
    WHERE channel = %(channel)s AND behind = %(behind)s AND enqueued_at = now()
        AND NOT {_has("receipts", "%(channel)s", "q")}
    ORDER BY channel, behind, enqueued_at
    LIMIT (SELECT %(looks)s::bigint / greatest(count(*), 1) + 1 FROM others)
), found AS MATERIALIZED (
    SELECT other.channel, q.order_id, q.version, (o.grand_total, o.contacts_hash) AS kind,
        extract(second FROM o.channel_created_at) <> 0 AS exact,
        extract(second FROM o.channel_created_at) <> 0 OR {_has("order_contacts", "%(channel)s", "q")} AS sure,
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
        AND ({_has("outbox", "t.channel", "q")} OR {_has("receipts", "t.channel", "q")})
)
"""  # noqa: S608 - text of this module, no input

_COUNTED = f"""{_FOUND}
SELECT channel, min(order_id), count(*) FILTER (WHERE exact), count(*) FILTER (WHERE sure), count(*),
    count(DISTINCT kind), (SELECT count(*) FROM queued)
FROM found WHERE sure OR whole GROUP BY 1
"""  # noqa: S608 - as above

_SURE = f"""{_FOUND}
SELECT DISTINCT ON (order_id) channel, order_id, version FROM found WHERE sure ORDER BY order_id, channel
"""  # noqa: S608 - as above

_UNQUEUE = """
DELETE FROM orderflow.outbox WHERE ctid = ANY(ARRAY(
    SELECT q.ctid FROM unnest(%(order_ids)s) AS twin(order_id) CROSS JOIN LATERAL (
        SELECT ctid FROM orderflow.outbox
        WHERE channel = %(channel)s AND order_id BETWEEN twin.order_id AND twin.order_id ORDER BY order_id LIMIT 1
    ) AS q))
"""

_REMEMBER = """
UPDATE orderflow.loads SET twins = ARRAY(SELECT DISTINCT unnest(twins || %(others)s::text[]) ORDER BY 1)
WHERE channel = %(channel)s
"""
