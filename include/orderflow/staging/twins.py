"""One shop under two names: orders that another channel delivers must not go to the OMS from this one as well.

A channel's name is part of every order's identity, so a renamed file, or a second file for the same shop, would hand
over the same orders once more, each under a key of its own that no OMS could recognise.
"""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.errors import ConfigError

LOOKS = 5_000
"""Orders of one load times other channels: 8 to 32 ms with 1 to 2,000 others. Who brings another channel's orders
brings many of them, so that a few of each load tell."""


def demand_none(cursor: Cursor, channel: str, *, behind: bool) -> None:
    """Raise `ConfigError` when orders that this transaction queued for the first time are delivered by another channel,
    and not to another OMS target.

    They are the same when id, number, created time, currency and total are; their people, too, where the time tells no
    seconds: two stores that number their orders alike sell the same for the same price on the same day. Two channels
    that load the same orders at the same moment do not see each other; their next loads do.
    """
    cursor.execute(_TWINS, {"channel": channel, "behind": behind, "looks": LOOKS})
    found = cursor.fetchone()
    if found is None:
        return
    other, first = found
    raise ConfigError(
        f"{channel}: order {first}, which it would hand to the OMS, is delivered by the channel {other} already (same "
        f"id, number, created time and total); nothing was written. If {other}.yml was renamed, give it its name back "
        f"(`title` may change); if both ask the same shop, remove one of the two files; if {other} has ended, write "
        f"the moment from which {channel} delivers as oms.since into {channel}.yml"
    )


def _has(table: str, channel: str) -> str:
    return f"""(
    SELECT h.order_id FROM orderflow.{table} AS h
    WHERE h.channel = {channel} AND h.order_id BETWEEN q.order_id AND q.order_id ORDER BY h.order_id LIMIT 1
) IS NOT NULL"""  # noqa: S608 - names of this module


# Every lookup is one by a key, whatever the planner knows (`session.BY_KEY`).
_TWINS = f"""
WITH others AS MATERIALIZED (
    SELECT c.channel FROM orderflow.coverage AS c
    LEFT JOIN orderflow.loads AS theirs ON theirs.channel = c.channel
    LEFT JOIN orderflow.loads AS ours ON ours.channel = %(channel)s
    WHERE c.channel <> %(channel)s AND coalesce(theirs.target = ours.target, true)
), queued AS MATERIALIZED (
    SELECT order_id FROM orderflow.outbox
    WHERE channel = %(channel)s AND behind = %(behind)s AND enqueued_at = now()
    ORDER BY channel, behind, enqueued_at LIMIT (SELECT %(looks)s / greatest(count(*), 1) + 1 FROM others)
)
SELECT other.channel, q.order_id FROM queued AS q
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
    AND (extract(second FROM o.channel_created_at) <> 0
        OR t.contacts_hash = o.contacts_hash AND {_has("order_contacts", "%(channel)s")})
    AND ({_has("outbox", "t.channel")} OR {_has("receipts", "t.channel")})
    AND NOT {_has("receipts", "%(channel)s")}
LIMIT 1
"""  # noqa: S608 - text of this module, no input
