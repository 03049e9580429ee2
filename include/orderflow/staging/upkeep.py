"""What may go after some time: results, costs and raw records that nobody waits for. Each has a number of days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from orderflow.staging.session import transaction

_BATCH = 10_000
"""Rows of one transaction: upkeep never holds many locks for long."""

_EXPIRED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "expectation runs": (
            "orderflow.expectation_runs",
            "started_at < %(before)s",
        ),
        "endpoint calls": (
            "orderflow.endpoint_calls",
            "at < %(before)s",
        ),
        "alerts": (
            "orderflow.alerts",
            "state = 'recovered' AND last_seen_at < %(before)s",
        ),
        "heartbeats": (
            "orderflow.alert_messages",
            "says = 'heartbeat' AND planned_at < %(before)s",
        ),
    }
)
"""Rows that are removed, by what people call them: table and condition."""

_SEALED = (
    "sealed_raw IS NOT NULL AND state NOT IN ('open', 'parked') AND replay_asked_at IS NULL "
    "AND last_seen_at < %(before)s"
)
"""Raw records, with the buyer's data in them, of orders that wait for nothing: discarded, superseded, or released and
gone on."""

KINDS = (*_EXPIRED, "raw records of decided orders")


def expire(connection: Connection, kind: str, *, days: int, now: datetime, dry_run: bool) -> int:
    """Remove what is older than so many days; returns how many rows (in a dry run: how many would go)."""
    values = {"before": now - timedelta(days=days), "batch": _BATCH}
    table, condition = _EXPIRED.get(kind, ("orderflow.quarantine", _SEALED))
    if dry_run:
        with transaction(connection) as cursor:
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {condition}", values)  # noqa: S608 - this module's text
            return _only(cursor)
    change = "DELETE FROM" if kind in _EXPIRED else "UPDATE"
    reset = "" if kind in _EXPIRED else "SET sealed_raw = NULL, key_id = NULL"
    removed = 0
    while True:
        with transaction(connection) as cursor:
            cursor.execute(
                f"{change} {table} {reset} WHERE ctid = ANY(ARRAY("  # noqa: S608 - this module's text
                f"SELECT ctid FROM {table} WHERE {condition} LIMIT %(batch)s))",
                values,
            )
            removed += cursor.rowcount
            if cursor.rowcount < _BATCH:
                return removed


def needed_landings(connection: Connection) -> set[str]:
    """Landing folders that must stay: of orders that wait in quarantine or for a replay, of windows not loaded yet."""
    with transaction(connection) as cursor:
        cursor.execute(
            """
            SELECT landing FROM orderflow.quarantine WHERE state IN ('open', 'parked')
            UNION
            SELECT landing FROM orderflow.quarantine WHERE replay_asked_at IS NOT NULL
            UNION
            SELECT landing FROM orderflow.windows WHERE loaded_at IS NULL AND landing IS NOT NULL
            """
        )
        return {row[0] for row in cursor.fetchall()}


def _only(cursor: Cursor) -> int:
    row = cursor.fetchone()
    assert row is not None, "a count is one row"
    return int(row[0])
