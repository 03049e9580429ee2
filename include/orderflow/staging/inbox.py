"""The webhook inbox in PostgreSQL: hints wait here until their orders are looked at.

A hint is one order that one delivery named. Several hints of an order are one look at it; a hint is done when that look
is loaded, in the same transaction. One that fails is tried again, with growing pauses, and then left to the windows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from orderflow.domain.batch import Batch
from orderflow.domain.source import Hint
from orderflow.staging.session import transaction

TRIES = 8
"""Looks at an order because of one hint: after 1, 2, 4 ... 64 minutes, two hours in all."""
MOST_WAITING = 10_000
"""Hints of one channel that wait at once; more are not kept, because reading a window is then cheaper than they are."""
LONGEST_ID = 200
KEPT = timedelta(days=14)
"""How long a hint stays after its last look: evidence, and what a repeated delivery is held against."""
MOST_IDS = 200
"""Orders that one delivery may name."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The hints of one channel. `oldest` is when the first one that waits was received; None where none waits."""

    waiting: int = 0
    oldest: datetime | None = None
    given_up: int = 0


def receive(connection: Connection, channel: str, hint: Hint, delivery: str, received_at: datetime) -> int:
    """Keep a hint; returns how many orders it names for the first time in this delivery. More than fit are not kept."""
    ids = [each for each in hint.order_ids if 0 < len(each) <= LONGEST_ID and "\0" not in each][:MOST_IDS]
    if not ids:
        return 0
    with transaction(connection) as cursor:
        cursor.execute(
            """
            INSERT INTO orderflow.hints (channel, delivery, order_id, received_at)
            SELECT %(channel)s, %(delivery)s, order_id, %(at)s FROM unnest(%(ids)s::text[]) AS named(order_id)
            WHERE %(most)s > (SELECT count(*) FROM (
                SELECT FROM orderflow.hints WHERE channel = %(channel)s AND closed_at IS NULL LIMIT %(most)s
            ) AS already)
            ON CONFLICT DO NOTHING
            """,
            {"channel": channel, "delivery": delivery, "ids": ids, "at": received_at, "most": MOST_WAITING},
        )
        return int(cursor.rowcount)


def due(connection: Connection) -> list[str]:
    """Channels with hints to look at now."""
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT DISTINCT channel FROM orderflow.hints"
            " WHERE closed_at IS NULL AND not_before <= now() ORDER BY channel"
        )
        return [row[0] for row in cursor.fetchall()]


def waiting(connection: Connection, channel: str) -> Waiting:
    with transaction(connection) as cursor:
        cursor.execute(
            """
            SELECT count(*) FILTER (WHERE closed_at IS NULL), min(received_at) FILTER (WHERE closed_at IS NULL),
                count(*) FILTER (WHERE given_up)
            FROM orderflow.hints WHERE channel = %s
            """,
            (channel,),
        )
        row = cursor.fetchone()
    return Waiting(*row) if row else Waiting()


def done(cursor: Cursor, batch: Batch) -> None:
    """What this batch looked at for its hints is seen; only in the transaction that loads it."""
    if batch.purpose == "hint":
        cursor.execute(
            "UPDATE orderflow.hints SET closed_at = now(), last_error = NULL"
            " WHERE channel = %s AND run_id = %s AND closed_at IS NULL",
            (batch.channel, batch.run_id),
        )


@dataclass(frozen=True, slots=True)
class Queue:
    """The orders of one channel that hints name. One reader of a channel at a time."""

    connection: Connection
    channel: str

    def next(self, run_id: str, most: int) -> dict[str, datetime]:
        """Take so many, for the batch `run_id`: id -> when the first of its hints was received. Old ones go."""
        with transaction(self.connection) as cursor:
            cursor.execute(
                "DELETE FROM orderflow.hints WHERE channel = %s AND not_before < now() - %s", (self.channel, KEPT)
            )
            cursor.execute(
                """
                WITH chosen AS (
                    SELECT order_id FROM orderflow.hints
                    WHERE channel = %(channel)s AND closed_at IS NULL AND not_before <= now()
                    GROUP BY order_id ORDER BY min(received_at), order_id LIMIT %(most)s
                ), taken AS (
                    UPDATE orderflow.hints AS h SET run_id = %(run_id)s, attempts = attempts + 1,
                        not_before = now() + interval '1 minute' * least(2 ^ attempts, 64)
                    FROM chosen WHERE h.channel = %(channel)s AND h.order_id = chosen.order_id
                        AND h.closed_at IS NULL AND h.not_before <= now()
                    RETURNING h.order_id, h.received_at
                )
                SELECT order_id, min(received_at) FROM taken GROUP BY order_id ORDER BY 2, 1
                """,
                {"channel": self.channel, "run_id": run_id, "most": most},
            )
            return dict(cursor.fetchall())

    def keep(self, run_id: str, order_ids: Iterable[str] | None, why: str) -> list[str]:
        """These orders of the batch (None: all) stay to be looked at again; returns those given up, tried too often."""
        with transaction(self.connection) as cursor:
            cursor.execute(
                """
                UPDATE orderflow.hints SET run_id = NULL, last_error = %(why)s,
                    given_up = attempts >= %(tries)s, closed_at = CASE WHEN attempts >= %(tries)s THEN now() END
                WHERE channel = %(channel)s AND run_id = %(run_id)s AND closed_at IS NULL
                    AND (%(ids)s::text[] IS NULL OR order_id = ANY(%(ids)s::text[]))
                RETURNING order_id, given_up
                """,
                {
                    "channel": self.channel, "run_id": run_id, "why": why, "tries": TRIES,
                    "ids": None if order_ids is None else list(order_ids),
                },
            )  # fmt: skip
            return sorted({order_id for order_id, given_up in cursor.fetchall() if given_up})
