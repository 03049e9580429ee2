"""What healing remembers: which spans it set out to pull, how often, and of which its owners were told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from orderflow.domain.gap import Gap
from orderflow.domain.window import Window
from orderflow.staging import ledger, session
from orderflow.staging.session import transaction


@dataclass(frozen=True, slots=True)
class Started:
    """Which Airflow run, and which part of it, set out to pull a span."""

    dag_run_id: str
    position: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A span that one Airflow run pulls, under which run id, and why."""

    channel: str
    window: Window
    run_id: str
    cause: str


@contextmanager
def alone(connection: Connection, channel: str) -> Iterator[None]:
    """Be the only one who looks for gaps of this channel and claims them; waits for another one."""
    with session.alone(connection, "heal", channel):
        yield


def remembered(connection: Connection, channel: str, gaps: Sequence[Gap]) -> list[Gap]:
    """These gaps with how often they were healed in vain. What nothing has run for yet was never healed in vain."""
    with transaction(connection) as cursor:
        return [gap if gap.cause == "never run" else _remembered(cursor, channel, gap) for gap in gaps]


def _remembered(cursor: Cursor, channel: str, gap: Gap) -> Gap:
    cursor.execute(
        """
        SELECT count(*), max(started_at) FROM orderflow.healings
        WHERE channel = %s AND window_start <= %s AND window_end >= %s
        """,
        (channel, gap.window.start, gap.window.end),
    )
    count, at = cursor.fetchone() or (0, None)
    return replace(gap, healings=count, healed_at=at)


def started(connection: Connection, channel: str, run_id: str) -> Started | None:
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT dag_run_id, position FROM orderflow.healings WHERE channel = %s AND run_id = %s", (channel, run_id)
        )
        row = cursor.fetchone()
    return None if row is None else Started(*row)


def start(connection: Connection, channel: str, window: Window, cause: str, dag_run_id: str, position: int) -> Claim:
    """Claim a span for one Airflow run and plan it in the ledger, in one transaction; within `alone`."""
    with transaction(connection) as cursor:
        cursor.execute(
            """
            SELECT coalesce(max(number), 0) + 1 FROM orderflow.healings
            WHERE channel = %s AND (window_start, window_end) = (%s, %s)
            """,
            (channel, window.start, window.end),
        )
        (number,) = cursor.fetchone() or (1,)
        run_id = f"heal__{window.name}__{number}"
        cursor.execute(
            """
            INSERT INTO orderflow.healings
                (channel, window_start, window_end, number, run_id, cause, dag_run_id, position)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
            """,
            (channel, window.start, window.end, number, run_id, cause, dag_run_id, position),
        )
        ledger.plan(cursor, channel, window, run_id)
    return Claim(channel, window, run_id, cause)


def claimed(connection: Connection, dag_run_id: str) -> list[Claim]:
    """What this Airflow run has claimed already, by position."""
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT channel, window_start, window_end, run_id, cause FROM orderflow.healings"
            " WHERE dag_run_id = %s ORDER BY position",
            (dag_run_id,),
        )
        return [Claim(name, Window(start, end), run_id, cause) for name, start, end, run_id, cause in cursor.fetchall()]


def tell_once(connection: Connection, channel: str, window: Window) -> bool:
    """Whether nobody was told yet that this span cannot be healed; from now on somebody is."""
    with transaction(connection) as cursor:
        cursor.execute(
            """
            WITH of AS (
                SELECT window_start, window_end, number, alerted_at FROM orderflow.healings
                WHERE channel = %(channel)s AND window_start <= %(start)s AND window_end >= %(end)s
            )
            UPDATE orderflow.healings AS h SET alerted_at = now() FROM of
            WHERE h.channel = %(channel)s AND (h.window_start, h.window_end, h.number)
                = (of.window_start, of.window_end, of.number)
                AND NOT EXISTS (SELECT FROM of WHERE alerted_at IS NOT NULL)
            """,
            {"channel": channel, "start": window.start, "end": window.end},
        )
        return bool(cursor.rowcount)
