"""Transactions, locks and what a lost connection means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg2
import psycopg2.errors
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from orderflow.domain.errors import ConfigError, DeniedError, TransientError

BY_KEY = """
SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off; SET LOCAL jit = off;
"""
"""Settings of a transaction that looks up one order after the other, each by its primary key.

A planner that knows nothing yet of a channel that has just grown, or one table and not another, would take any index
that begins with the channel, and read the whole channel for every order. With these settings a lookup that is asked for
in the order of the key (`order_id BETWEEN x AND x ORDER BY order_id LIMIT 1`) goes by that key, even for a single row.
Such a lookup joins nothing else: a join may again be done by reading one side whole. Nor is compiled what looks dear.
"""


_LOST = (psycopg2.OperationalError, psycopg2.InterfaceError, psycopg2.errors.ReadOnlySqlTransaction)
"""What a server says that is gone, stops, is full or busy, or has become a standby."""


@contextmanager
def transaction(connection: Connection) -> Iterator[Cursor]:
    """One transaction: committed at the end, rolled back on any error.

    Raises `TransientError` when the server is gone, stops, takes no writes (a standby), or chose this transaction to
    break a deadlock, `DeniedError` when the user lacks a right, and `ConfigError` when the schema is older than ours.
    """
    try:
        with connection, connection.cursor() as cursor:
            yield cursor
    except _LOST as failure:
        error = failure  # a lost connection cannot be rolled back, which would hide why it was lost
        if isinstance(failure, psycopg2.InterfaceError) and isinstance(failure.__context__, psycopg2.OperationalError):
            error = failure.__context__
        where = connection.info.dbname if not connection.closed else "the staging database"
        said = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, psycopg2.errors.ReadOnlySqlTransaction):
            said += " (a standby, or a user that may only read): let the connection lead to the primary"
        raise TransientError(f"{where}: {said}; nothing was written") from error
    except (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedColumn) as error:
        raise ConfigError(
            f"{connection.info.dbname}: {error.diag.message_primary}; nothing was written; the database has an older "
            "schema than this code: bring it up to date with: orderflow migrate"
        ) from error
    except psycopg2.errors.InsufficientPrivilege as error:
        database, user = connection.info.dbname, connection.info.user
        raise DeniedError(
            f"{database}: {error.diag.message_primary}; nothing was written; let the database's owner run: "
            f"GRANT CREATE, TEMPORARY ON DATABASE {database} TO {user}; and make {user} the owner of schema orderflow"
        ) from error


@contextmanager
def alone(connection: Connection, what: str, name: str, *, longest_wait: str | None = None) -> Iterator[None]:
    """Be the only one who does this to what has this name; a process that dies loses the lock with its connection.

    Raises `TransientError` when another one holds it for longer than `longest_wait`, or than this session waits for any
    lock. `load` is the lock that `lock_channel` takes: whoever holds it here may take it there, too.
    """
    key = (f"orderflow.{what}", name)
    with transaction(connection) as cursor:
        if longest_wait is not None:
            cursor.execute("SET LOCAL lock_timeout = %s", (longest_wait,))
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s), hashtext(%s))", key)
    try:
        yield
    finally:
        with suppress(psycopg2.Error):  # a lost connection has lost its lock as well
            connection.rollback()
            with connection, connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(%s), hashtext(%s))", key)


def lock_channel(cursor: Cursor, channel: str) -> None:
    """Wait until no other transaction writes this channel's orders; held until this transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtext('orderflow.load'), hashtext(%s))", (channel,))
