"""Poolers between us and PostgreSQL: one that gives every transaction another session is found out and refused."""

from __future__ import annotations

import select
import time
from contextlib import closing

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, POLL_WRITE
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.errors import ConfigError

_PATIENCE = 1.0
"""Seconds in which a pooler with a free session gives it away; one without has given each to one connection."""
_ROUNDS = 10
"""How often two connections ask in turns; a busy pooler lends a session to others in between."""
_PROCESS = "SELECT pg_backend_pid()"


def demand_own_session(connection: Connection, address: str) -> None:
    """Raise `ConfigError` where this connection, still open, does not keep the session in which it has just worked:
    its next transaction gets another one, or another connection gets this one.

    Locks and temporary tables of a session are then lost, or another process's. Without a pooler nothing is asked but
    which process of the server answers.
    """
    mine = _process(connection)
    if mine == connection.info.backend_pid:
        return
    with closing(psycopg2.connect(address, async_=True)) as other:
        if not _ready(other):
            return
        cursor = other.cursor()
        for _ in range(_ROUNDS):
            cursor.execute(_PROCESS)
            if not _ready(other):
                return
            if cursor.fetchall() == [(mine,)] or _process(connection) != mine:
                break
        else:
            return
    raise ConfigError(
        "the staging database is reached through a pooler that gives every transaction another session, so that "
        "locks and temporary tables get lost or mixed up; set pool_mode = session (PgBouncer) for this database, "
        "or let the connection lead to the server itself"
    )


def _process(connection: Connection) -> int:
    """The server's process that answers now."""
    with connection.cursor() as cursor:
        cursor.execute(_PROCESS)
        [(process,)] = cursor.fetchall()
    connection.commit()
    return int(process)


def _ready(connection: Connection) -> bool:
    """Whether this asynchronous connection does in time what it was asked."""
    end = time.monotonic() + _PATIENCE
    while (state := connection.poll()) != POLL_OK:
        reading, writing = [connection] * (state == POLL_READ), [connection] * (state == POLL_WRITE)
        if not any(select.select(reading, writing, [], max(0.0, end - time.monotonic()))):
            return False
    return True
