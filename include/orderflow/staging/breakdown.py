"""The backlog in groups: what waits by reason, SKU or channel, and what people decided lately."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.staging.actions import Which
from orderflow.staging.backlog import Filter
from orderflow.staging.session import transaction

By: TypeAlias = Literal["reason", "sku", "channel", "currency"]

_NAMES: Mapping[By, str] = {
    "reason": "unnest(q.codes)",
    "sku": "unnest(q.skus)",
    "channel": "q.channel",
    "currency": "coalesce(q.currency, '')",
}


@dataclass(frozen=True, slots=True)
class Group:
    """Orders of one reason, SKU, channel or currency; `values` is what is at risk, by currency ("?": none is known).

    An order with two reasons, or two SKUs, counts in both groups.
    """

    name: str
    open: int
    parked: int
    values: dict[str, Decimal]


def breakdown(connection: Connection, which: Filter, by: By, *, most: int = 10) -> list[Group]:
    """The groups with most orders, of a filter over what waits; reads every row that fits."""
    condition, values = which.where()
    with transaction(connection) as cursor:
        cursor.execute(
            _GROUPS.format(name=_NAMES[by], condition=condition),
            {**values, "most": most},
        )
        return [Group(name, opened, parked, _amounts(amounts)) for name, opened, parked, amounts in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision of one person, over so many orders that still stand where it brought them.

    `who` and `at` name it. `undoable` of them have not gone on.
    """

    who: str
    at: datetime
    state: str
    why: str | None
    orders: int
    undoable: int
    channels: list[str]


def lately(connection: Connection, which: Filter, *, since: datetime, most: int = 10) -> list[Decided]:
    """The newest decisions since then, over the rows of the filter's channels."""
    values: dict[str, Any] = {
        "since": since,
        "most": most,
        "channel": which.channel,
        "channels": None if which.channels is None else sorted(which.channels),
    }
    with transaction(connection) as cursor:
        cursor.execute(_LATELY, values)
        return [Decided(*row) for row in cursor.fetchall()]


def rows_of(connection: Connection, who: str, at: datetime) -> list[int]:
    """The rows of one decision that can still be undone."""
    with transaction(connection) as cursor:
        cursor.execute(
            f"SELECT q.id FROM orderflow.quarantine AS q WHERE {_DECISION} AND decided_at = %(at)s"  # noqa: S608 - text of this module
            f" AND decided_by = %(who)s AND {_UNDOABLE} ORDER BY q.id",
            {"who": who, "at": at},
        )
        return [number for (number,) in cursor.fetchall()]


def channels_of(connection: Connection, which: Which) -> list[str]:
    """The channels of the rows that an action would take."""
    condition, values = which.where() if isinstance(which, Filter) else ("q.id = ANY(%(ids)s)", {"ids": list(which)})
    with transaction(connection) as cursor:
        cursor.execute(f"SELECT DISTINCT q.channel FROM orderflow.quarantine AS q WHERE {condition} ORDER BY 1", values)  # noqa: S608 - columns and fixed texts
        return [channel for (channel,) in cursor.fetchall()]


def _amounts(amounts: Mapping[str, str] | None) -> dict[str, Decimal]:
    return {currency: Decimal(text) for currency, text in (amounts or {}).items()}


_GROUPS = """
WITH each AS (
    SELECT {name} AS name, q.state, q.currency, q.value FROM orderflow.quarantine AS q WHERE {condition}
), summed AS (
    SELECT name, currency, sum(value) AS value, count(*) FILTER (WHERE state = 'open') AS open,
        count(*) FILTER (WHERE state = 'parked') AS parked
    FROM each GROUP BY name, currency
)
SELECT name, sum(open)::bigint, sum(parked)::bigint,
    jsonb_object_agg(coalesce(currency, '?'), value::text) FILTER (WHERE value IS NOT NULL)
FROM summed GROUP BY name ORDER BY sum(open) + sum(parked) DESC, name LIMIT %(most)s
"""

# The condition of the index that finds decisions by their time.
_DECISION = "q.decided_by IS NOT NULL AND q.state IN ('parked', 'released', 'discarded')"

_UNDOABLE = """(q.state IN ('parked', 'discarded') OR q.replay_asked_at IS NOT NULL OR (q.source = 'oms' AND EXISTS (
    SELECT FROM orderflow.outbox AS b
    WHERE b.channel = q.channel AND b.order_id = q.order_id AND b.first_sent_at IS NULL)))"""

_LATELY = f"""
WITH made AS (
    SELECT q.decided_by, q.decided_at, q.state, count(*) AS orders, count(*) FILTER (WHERE {_UNDOABLE}) AS undoable,
        min(q.id) AS id, array_agg(DISTINCT q.channel) AS channels
    FROM orderflow.quarantine AS q
    WHERE {_DECISION} AND q.decided_at > %(since)s AND (%(channel)s::text IS NULL OR q.channel = %(channel)s)
        AND (%(channels)s::text[] IS NULL OR q.channel = ANY(%(channels)s))
    GROUP BY q.decided_by, q.decided_at, q.state ORDER BY q.decided_at DESC LIMIT %(most)s
)
SELECT m.decided_by, m.decided_at, m.state, e.why, m.orders, m.undoable, m.channels FROM made AS m
LEFT JOIN LATERAL (
    SELECT why FROM orderflow.quarantine_events WHERE quarantine_id = m.id AND who = m.decided_by
        AND what = m.state ORDER BY id DESC LIMIT 1
) AS e ON true
ORDER BY m.decided_at DESC
"""  # noqa: S608 - texts of this module
