"""Connections of the pages to staging: few, kept, and those that read can do nothing else, and not for long."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta

import psycopg2
import psycopg2.errors
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.errors import TransientError
from orderflow.staging.store import connect

PATIENCE = 8
"""How many times the longest statement a page may wait for staging in all; then the server itself hangs."""
DECIDING = 75
"""How many times that statement a decision may take; one on many thousand orders takes minutes."""

_BUSY = "a run is writing this channel's orders just now, so that nothing was done; try again in a minute"
_SILENT = "the staging database takes the decision and does not answer; look here later whether it was stored"


class Database:
    """Staging behind the pages. `dsn` (libpq URI) is asked for whenever a connection is opened."""

    def __init__(self, dsn: Callable[[], str], *, size: int = 6, longest: timedelta = timedelta(seconds=8)) -> None:
        self._dsn = dsn
        self._longest = longest
        self._room = threading.Semaphore(size)
        self._idle: list[Connection] = []

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that can change nothing; a statement that takes longer than `longest` is ended.

        Raises `TransientError` when the database does not answer, or all connections are in use for as long.
        """
        if not self._room.acquire(timeout=self._longest.total_seconds()):
            raise TransientError("all connections of the pages to staging are in use; try again in a moment")
        try:
            connection = self._kept() or self._opened()
            try:
                with _ended(connection, PATIENCE * self._longest):
                    yield connection
            finally:
                self._back(connection)
        finally:
            self._room.release()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection of one's own, for a decision; closed at the end.

        Raises `TransientError` when a run writes the same channel's orders for longer than `longest`, or the database
        does not answer.
        """
        connection = connect(self._dsn(), name="orderflow pages, decision")
        with closing(connection), _ended(connection, DECIDING * self._longest) as late:
            try:
                self._set(connection, "lock_timeout")
                yield connection
            except TransientError as error:
                if late.is_set():
                    raise TransientError(_SILENT) from error
                if isinstance(error.__cause__, psycopg2.errors.LockNotAvailable):
                    raise TransientError(_BUSY) from error
                raise

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _kept(self) -> Connection | None:
        """An idle connection whose server is still there; raises `TransientError` where it takes no notice of us."""
        while self._idle:
            connection = self._idle.pop()
            try:
                with _ended(connection, self._longest) as late, connection, connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
            except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
                connection.close()
                if late.is_set():
                    raise TransientError(
                        "the staging database takes connections and does not answer on them; look whether it, its "
                        "disk or a pooler in front of it stands still"
                    ) from error
            else:
                return connection
        return None

    def _opened(self) -> Connection:
        connection = connect(self._dsn(), name="orderflow pages")
        self._set(connection, "statement_timeout")
        connection.set_session(readonly=True)
        return connection

    def _set(self, connection: Connection, timeout: str) -> None:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config(%s, %s, false)", (timeout, f"{self._longest / timedelta(milliseconds=1):.0f}")
            )

    def _back(self, connection: Connection) -> None:
        if connection.closed:
            return
        try:
            connection.rollback()
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            connection.close()
        else:
            self._idle.append(connection)


@contextmanager
def _ended(connection: Connection, after: timedelta) -> Iterator[threading.Event]:
    """Cut the connection when this is not over by then; yields whether it was cut.

    A server that hangs (its disk stands still, its machine is paused) keeps no time-out of its own, the kernel goes on
    acknowledging for it, and libpq waits for ever; each such page would keep one of the API server's threads.
    """
    late = threading.Event()
    with socket.socket(fileno=os.dup(connection.fileno())) as line:

        def cut() -> None:
            late.set()
            with suppress(OSError):  # over in the very moment
                line.shutdown(socket.SHUT_RDWR)

        watch = threading.Timer(after.total_seconds(), cut)
        watch.daemon = True
        watch.start()
        try:
            yield late
        finally:
            watch.cancel()
