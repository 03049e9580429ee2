"""Batches that a guard held: what waits for a person, what was decided by whom and why, and that it is done once.

A review is released, discarded, or superseded by another batch that covered its window. A decision is taken once: the
first one stands, and repeating it changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import execute_values

from orderflow.domain.batch import Batch
from orderflow.domain.errors import ConfigError
from orderflow.staging.session import transaction

log = logging.getLogger(__name__)

State: TypeAlias = Literal["held", "released", "discarded", "superseded"]
GUARD = "batch guard"
"""Who holds a batch."""

_COLUMNS = "id, state, why, batch, held_at, decided_at, decided_by, decided_why, loaded_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One held batch. `batch` is its receipt as validate left it."""

    id: int
    state: State
    why: str
    batch: Batch
    held_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    decided_why: str | None
    loaded_at: datetime | None

    def __str__(self) -> str:
        return f"review {self.id} of {self.batch.channel} {self.batch.window}"


def hold(connection: Connection, batch: Batch) -> Review:
    """Ask a person about this batch; one that was validated again is asked about anew, unless it is loaded already."""
    with transaction(connection) as cursor:
        cursor.execute(
            f"""
            INSERT INTO orderflow.reviews AS r (channel, run_id, window_start, window_end, purpose, state, why, batch)
            VALUES (%s, %s, %s, %s, %s, 'held', %s, %s)
            ON CONFLICT (channel, run_id, purpose, window_start, window_end) DO UPDATE SET
                state = 'held', why = excluded.why, batch = excluded.batch, held_at = now(),
                decided_at = NULL, decided_by = NULL, decided_why = NULL
            WHERE r.loaded_at IS NULL
            RETURNING {_COLUMNS}
            """,  # noqa: S608 - names of this module
            (
                batch.channel, batch.run_id, batch.window_start, batch.window_end, batch.purpose, batch.held,
                msgspec.json.encode(batch).decode(),
            ),
        )  # fmt: skip
        row = cursor.fetchone()
        if row is None:
            raise ConfigError(
                f"{batch.channel} {batch.window}: this batch was released and loaded already; "
                "pull the window again in a run of its own"
            )
        review = _review(row)
        _tell(cursor, review.id, GUARD, "held", review.why)
    log.info("batch held review=%d channel=%s window=%s", review.id, batch.channel, batch.window)
    return review


def waiting(connection: Connection, channel: str | None = None) -> list[Review]:
    """What a person has to decide, oldest first, and what was released and is not loaded yet."""
    with transaction(connection) as cursor:
        cursor.execute(
            f"""
            SELECT {_COLUMNS} FROM orderflow.reviews
            WHERE (state = 'held' OR (state = 'released' AND loaded_at IS NULL)) AND (%s::text IS NULL OR channel = %s)
            ORDER BY held_at, id
            """,  # noqa: S608 - as above
            (channel, channel),
        )
        return [_review(row) for row in cursor.fetchall()]


def discarding(connection: Connection, channels: Sequence[str], order_id: str) -> list[Review]:
    """The discarded batches of these channels that brought this order, the newest first."""
    with transaction(connection) as cursor:
        cursor.execute(
            f"""
            SELECT {_COLUMNS} FROM orderflow.reviews WHERE state = 'discarded' AND channel = ANY(%s) AND id IN (
                SELECT review_id FROM orderflow.discarded_orders WHERE order_id = %s)
            ORDER BY decided_at DESC LIMIT 5
            """,  # noqa: S608 - as above
            (list(channels), order_id),
        )
        return [_review(row) for row in cursor.fetchall()]


def read(connection: Connection, number: int) -> Review:
    """Raises `ConfigError` where there is no such review."""
    with transaction(connection) as cursor:
        return _read(cursor, number)


def keep(connection: Connection, number: int, who: str, why: str) -> Review:
    """Leave it held, and write down who looked at it and what is waited for."""
    with transaction(connection) as cursor:
        review = _read(cursor, number)
        if review.state == "held":
            _tell(cursor, number, who, "kept", why)
        return review


def release(connection: Connection, number: int, who: str, why: str) -> Review:
    """Let the batch go on; whoever calls it loads the batch then. Repeating it is how an interrupted one goes on.

    Raises `ConfigError` where the batch was discarded, or another one covered its window.
    """
    with transaction(connection) as cursor:
        return _decided(cursor, number, "released", who, why)


def discard(
    connection: Connection, number: int, who: str, why: str, orders: Iterable[tuple[int, str | None]]
) -> Review:
    """Throw the batch away: its orders (ordinal and id) are written down, its raw records stay.

    The window stays unproven and held, with the reason, so that nobody pulls it again by himself. Raises `ConfigError`
    where it was released, or another batch covered its window.
    """
    with transaction(connection) as cursor:
        review = _decided(cursor, number, "discarded", who, why)
        execute_values(
            cursor,
            "INSERT INTO orderflow.discarded_orders (review_id, ordinal, order_id) VALUES %s ON CONFLICT DO NOTHING",
            [(number, ordinal, order_id) for ordinal, order_id in orders],
            page_size=5000,
        )
        cursor.execute(
            """
            UPDATE orderflow.windows SET error = %s
            WHERE channel = %s AND (window_start, window_end) = (%s, %s) AND run_id = %s AND state = 'held'
            """,
            (
                f"discarded by {review.decided_by}: {review.decided_why}",
                review.batch.channel, review.batch.window_start, review.batch.window_end, review.batch.run_id,
            ),
        )  # fmt: skip
    log.info("batch discarded review=%d who=%s", number, who)
    return review


def loaded(cursor: Cursor, batch: Batch) -> None:
    """Settle what the load of this batch decides: its own review, and others of a window that it covers.

    Only in the transaction that loads it.
    """
    key = {
        "channel": batch.channel,
        "run_id": batch.run_id,
        "purpose": batch.purpose,
        "start": batch.window_start,
        "end": batch.window_end,
    }
    own = "run_id = %(run_id)s AND purpose = %(purpose)s"
    cursor.execute(
        f"""
        WITH settled AS (
            UPDATE orderflow.reviews SET
                state = CASE WHEN state = 'released' AND {own} THEN 'released' ELSE 'superseded' END,
                loaded_at = CASE WHEN state = 'released' AND {own} THEN now() END
            WHERE channel = %(channel)s AND (window_start, window_end) = (%(start)s, %(end)s) AND loaded_at IS NULL
                AND state IN ('held', 'released') AND (({own}) OR (purpose = 'window' AND %(purpose)s = 'window'))
            RETURNING id, state
        )
        INSERT INTO orderflow.review_events (review_id, who, what, why)
        SELECT id, %(run_id)s, CASE WHEN state = 'released' THEN 'loaded' ELSE state END, NULL FROM settled
        """,  # noqa: S608 - as above
        key,
    )


def _decided(cursor: Cursor, number: int, state: State, who: str, why: str) -> Review:
    review = _read(cursor, number, lock=True)
    if review.state == state:
        return review
    if review.state != "held":
        by = f" by {review.decided_by} ({review.decided_why})" if review.decided_by else ""
        cure = (
            "its window is covered, nothing is left to do"
            if review.state == "superseded"
            else f"pull the window again: orderflow backfill {review.batch.channel} {review.batch.window} --again"
        )
        raise ConfigError(f"{review} was {review.state} already{by}; {cure}")
    if not why.strip():
        raise ConfigError(f"{review}: say why, for whoever asks later")
    cursor.execute(
        f"""
        UPDATE orderflow.reviews SET state = %s, decided_at = now(), decided_by = %s, decided_why = %s
        WHERE id = %s RETURNING {_COLUMNS}
        """,  # noqa: S608 - as above
        (state, who, why.strip(), number),
    )
    row = cursor.fetchone()
    assert row is not None
    _tell(cursor, number, who, state, why.strip())
    return _review(row)


def _read(cursor: Cursor, number: int, *, lock: bool = False) -> Review:
    cursor.execute(
        f"SELECT {_COLUMNS} FROM orderflow.reviews WHERE id = %s {'FOR UPDATE' if lock else ''}",  # noqa: S608 - as above
        (number,),
    )
    row = cursor.fetchone()
    if row is None:
        raise ConfigError(f"there is no review {number}; see those that wait with: orderflow review list")
    return _review(row)


def _tell(cursor: Cursor, number: int, who: str, what: str, why: str | None) -> None:
    cursor.execute(
        "INSERT INTO orderflow.review_events (review_id, who, what, why) VALUES (%s, %s, %s, %s)",
        (number, who, what, why),
    )


def _review(row: tuple[object, ...]) -> Review:
    names = [name.strip() for name in _COLUMNS.split(",")]
    found = dict(zip(names, row, strict=True))
    return Review(**{**found, "batch": Batch.from_json(found["batch"])})  # type: ignore[arg-type] # a row's types
