"""Transactions, locks and what a lost connection means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extensions import make_dsn

from orderflow.domain.errors import TransientError

BY_KEY = """
SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off; SET LOCAL jit = off;
"""
"""Settings of a transaction that looks up one order after the other, each by its primary key.

A planner that knows nothing yet of a channel that has just grown, or one table and not another, would take any index
that begins with the channel, and read the whole channel for every order. With these settings a lookup that is asked for
in the order of the key (`order_id BETWEEN x AND x ORDER BY order_id LIMIT 1`) goes by that key, even for a single row.
Such a lookup joins nothing else: a join may again be done by reading one side whole. Nor is compiled what looks dear.
"""


@contextmanager
def transaction(connection: Connection) -> Iterator[Cursor]:
    """One transaction: committed at the end, rolled back on any error.

    Raises `TransientError` when the server is gone, stops, or chose this transaction to break a deadlock.
    """
    try:
        with connection, connection.cursor() as cursor:
            yield cursor
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        where = connection.info.dbname if not connection.closed else "the staging database"
        raise TransientError(f"{where}: {str(error).strip() or type(error).__name__}; nothing was written") from error


def another(connection: Connection) -> Connection:
    """A second connection to the same database, by the same user; raises `TransientError`."""
    try:
        return psycopg2.connect(make_dsn(password=connection.info.password, **connection.info.dsn_parameters))
    except psycopg2.OperationalError as error:
        raise TransientError(
            f"{connection.info.dbname}: a second connection was refused: {' '.join(str(error).split())}"
        ) from error


def lock_channel(cursor: Cursor, channel: str) -> None:
    """Wait until no other transaction writes this channel's orders; held until this transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtext('orderflow.load'), hashtext(%s))", (channel,))
