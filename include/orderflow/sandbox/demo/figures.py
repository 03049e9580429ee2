"""What the demo shows while it runs: figures per channel, straight from staging."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2.extras import RealDictCursor

_FIGURES = """
with pulled as (
    select channel,
           count(*) as windows,
           count(*) filter (where state in ('synced', 'reconciled')) as synced,
           sum((counts->>'fetched')::bigint) as fetched
    from orderflow.windows group by channel
),
running as (
    select distinct on (channel) channel, state
    from orderflow.windows order by channel, window_end desc
),
staged as (select channel, count(*) as staged, sum(version - 1) as edits from orderflow.orders group by channel),
waiting as (select channel, count(*) as pending from orderflow.outbox group by channel),
delivered as (
    select channel, count(distinct order_id) as delivered from orderflow.receipts
    where outcome = 'accepted' group by channel
),
held as (
    select channel, count(*) as quarantined from orderflow.quarantine where state in ('open', 'parked') group by channel
),
told as (
    select channel, count(*) filter (where outcome = 'accepted') as told from orderflow.notices group by channel
),
reason as (
    select distinct on (channel) channel, code || ' (' || count(*) || ')' as top
    from (select channel, r->>'code' as code
          from orderflow.quarantine, jsonb_array_elements(reasons) as r where state in ('open', 'parked')) as each
    group by channel, code order by channel, count(*) desc, code
)
select channel, windows, synced, fetched, state,
       coalesce(staged, 0) as staged, coalesce(edits, 0) as edits, coalesce(pending, 0) as pending,
       coalesce(delivered, 0) as delivered, coalesce(quarantined, 0) as quarantined, coalesce(top, '') as top,
       coalesce(told, 0) as told
from pulled left join running using (channel) left join staged using (channel) left join waiting using (channel)
     left join delivered using (channel) left join held using (channel) left join reason using (channel)
     left join told using (channel)
order by channel
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """One channel's figures at a moment: `state` of its newest window, `top` reason of what is in quarantine."""

    channel: str
    windows: int
    synced: int
    fetched: int
    state: str
    staged: int
    edits: int
    pending: int
    delivered: int
    quarantined: int
    top: str
    told: int
    """Parcels that the channel took word of."""


def figures(dsn: str) -> dict[str, Figures]:
    """The figures of every channel that has a window in the ledger."""
    names = Figures.__dataclass_fields__
    return {row["channel"]: Figures(**{name: row[name] for name in names}) for row in query(dsn, _FIGURES)}


def query(dsn: str, statement: str, *arguments: object) -> list[dict[str, Any]]:
    return together(dsn, [statement], arguments)[0]


def together(
    dsn: str, statements: Sequence[str], arguments: Sequence[object] | Mapping[str, object]
) -> list[list[dict[str, Any]]]:
    """The rows of several statements with the same arguments, all of one moment."""
    connection = psycopg2.connect(dsn, application_name="orderflow demo")
    try:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
            found: list[list[dict[str, Any]]] = []
            for statement in statements:
                cursor.execute(statement, arguments or None)
                found.append([dict(row) for row in cursor.fetchall()])
            return found
    finally:
        connection.close()
