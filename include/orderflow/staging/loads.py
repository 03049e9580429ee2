"""The number of a channel's loads, counted in the transaction of each, and what follows when staging went back.

The landing zone keeps the numbers, too (`pipeline/landing.py`). Where it knows a higher one, a backup was restored, or
a standby took over that had not got the last commits. Those loads are then repeated in their order, so that they give
the versions and keys that they gave.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from orderflow.staging.session import alone, transaction


def number(connection: Connection, channel: str) -> int:
    """The number of the channel's last load; 0 for none."""
    with transaction(connection) as cursor:
        cursor.execute("SELECT number FROM orderflow.loads WHERE channel = %s", (channel,))
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def count(cursor: Cursor, channel: str, target: str | None) -> int:
    """The number of this load, in its transaction and under the channel's lock."""
    cursor.execute(
        """
        INSERT INTO orderflow.loads AS l (channel, number, target) VALUES (%s, 1, %s)
        ON CONFLICT (channel) DO UPDATE SET number = l.number + 1, loaded_at = now(), target = excluded.target
        RETURNING number
        """,
        (channel, target),
    )
    (counted,) = cursor.fetchone() or (0,)
    return int(counted)


def repeat(cursor: Cursor, channel: str, recalled: int) -> int:
    """As `count`, for a load that had this number before. What it owes the OMS may have reached it."""
    cursor.execute(
        """
        UPDATE orderflow.loads
        SET number = greatest(number, %s), recalled = recalled + 1, loaded_at = now(), recalled_at = now()
        WHERE channel = %s
        """,
        (recalled, channel),
    )
    _doubt(cursor, channel)
    return recalled


def floor(cursor: Cursor, channel: str) -> tuple[int, datetime | None]:
    """The least new version of an order that is older than a moment, and that moment."""
    cursor.execute("SELECT floor, recalled_at FROM orderflow.loads WHERE channel = %s", (channel,))
    least, moment = cursor.fetchone() or (0, None)
    return least, moment


@contextmanager
def recalling(connection: Connection, channel: str, newest: int) -> Iterator[int]:
    """Be the only one who repeats the channel's loads up to `newest`; gives the number that staging has."""
    with alone(connection, "recall", channel):
        have = number(connection, channel)
        if have < newest:
            with transaction(connection) as cursor:
                cursor.execute(_NUMBER_ANEW, {"channel": channel})
                cursor.execute(_WENT_BACK, {"channel": channel, "newest": newest})
                _doubt(cursor, channel)
        yield have
        with transaction(connection) as cursor:
            cursor.execute(
                "UPDATE orderflow.loads SET number = greatest(number, %s) WHERE channel = %s", (newest, channel)
            )


def _doubt(cursor: Cursor, channel: str) -> None:
    """Have the OMS asked before it is sent anything that waits."""
    cursor.execute(
        """
        UPDATE orderflow.outbox SET attempts = 1, first_sent_at = coalesce(first_sent_at, now())
        WHERE channel = %s AND attempts = 0
        """,
        (channel,),
    )


# A load raises an order's version by one at most, and erasing its buyer once more: the OMS has seen no version above
# the highest one here and those together. Who goes on after a process that died keeps what that one found.
_WENT_BACK = """
INSERT INTO orderflow.loads AS l (channel, number, lost, recalled_at, floor)
SELECT %(channel)s, 0, %(newest)s, now(), coalesce(max(version), 0) + %(newest)s + 2
FROM orderflow.order_versions WHERE channel = %(channel)s
ON CONFLICT (channel) DO UPDATE SET
    (stood_at, lost, recalled) = (
        SELECT CASE WHEN again THEN l.stood_at ELSE l.loaded_at END,
            CASE WHEN again THEN l.lost ELSE excluded.lost - l.number END, CASE WHEN again THEN l.recalled ELSE 0 END
        FROM (SELECT coalesce(l.recalled_at >= l.loaded_at, false) AS again) AS going_on),
    recalled_at = now(), floor = greatest(l.floor, excluded.floor - l.number)
"""

# The number of a notice stands in the document that a partner gets for it. Those that were given out are not known any
# more, so that some are left out: none is another document's. Once for each loss, however often repeating it fails:
# partners take nine digits.
_NUMBER_ANEW = """
SELECT setval(name, nextval(name) + 10000) FROM pg_get_serial_sequence('orderflow.notices', 'number') AS name
WHERE NOT EXISTS (SELECT FROM orderflow.loads WHERE channel = %(channel)s AND recalled_at >= loaded_at)
"""
