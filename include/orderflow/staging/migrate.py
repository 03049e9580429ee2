"""Bring a database to the newest schema: numbered SQL files, each applied once and never changed again."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import psycopg2.errors
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.errors import ConfigError, TransientError
from orderflow.staging.session import alone, transaction

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent / "migrations"
OLDEST_SERVER = 150000
PATIENCE = "10s"
"""How long a migration waits for a table; all that want this table afterwards wait behind it."""

_LEDGER = """
CREATE TABLE orderflow.migrations (
    name       text PRIMARY KEY,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""

_HOLDERS = """
SELECT DISTINCT a.pid, a.usename, a.application_name
FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.relation IN (SELECT oid FROM pg_class WHERE relnamespace = 'orderflow'::regnamespace)
    AND l.pid <> pg_backend_pid()
ORDER BY a.pid
"""


def migrate(connection: Connection, folder: Path = FOLDER) -> list[str]:
    """Apply what is missing, in the order of the numbers, one transaction per file; returns the names of those applied.

    Two at once wait for each other. Where nothing is missing nothing is written, so that a user without the right to
    make schemas and tables will do. Raises `ConfigError` when a file that was applied has changed or is gone, when the
    server is older than PostgreSQL 15, or the database is not encoded in UTF-8, `TransientError` when somebody keeps a
    table busy for longer than `PATIENCE`, and what `transaction` raises.
    """
    _demand_database(connection)
    files = {path.name: path.read_text() for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))}
    with alone(connection, "migrate", ""):
        applied = _applied(connection)
        _agree(applied, files)
        missing = [name for name in files if name not in applied]
        for name in missing:
            try:
                _apply(connection, name, files[name])
            except TransientError as error:
                if isinstance(error.__cause__, psycopg2.errors.LockNotAvailable):
                    raise _busy(connection, name) from error
                raise
            log.info("migration applied name=%s", name)
    return missing


def _apply(connection: Connection, name: str, sql: str) -> None:
    with transaction(connection) as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", (PATIENCE,))
        cursor.execute(sql)
        cursor.execute("INSERT INTO orderflow.migrations (name, checksum) VALUES (%s, %s)", (name, _sum(sql)))


def _busy(connection: Connection, name: str) -> TransientError:
    with transaction(connection) as cursor:
        cursor.execute(_HOLDERS)
        holders = [f"process {pid} ({user}, {program or 'no name'})" for pid, user, program in cursor.fetchall()]
    return TransientError(
        f"migration {name}: a table stayed in use for {PATIENCE}; nothing of it was applied; in transactions on our "
        f"tables now: {', '.join(holders) or 'nobody any more'}; let runs end, end forgotten sessions "
        "(SELECT pg_terminate_backend(process)), and try again: orderflow migrate"
    )


def _demand_database(connection: Connection) -> None:
    if connection.server_version < OLDEST_SERVER:
        raise ConfigError(
            f"the server is PostgreSQL {connection.server_version // 10000}; Orderflow needs 15 or newer; upgrade it"
        )
    if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
        name = connection.info.dbname
        raise ConfigError(
            f"the database {name} is encoded in {encoding}, which cannot hold every buyer's script; make another one: "
            f"CREATE DATABASE {name}_utf8 ENCODING 'UTF8' TEMPLATE template0"
        )


def _applied(connection: Connection) -> dict[str, str]:
    """Checksums of the migrations that the database has, by name."""
    with transaction(connection) as cursor:
        cursor.execute("SELECT to_regnamespace('orderflow'), to_regclass('orderflow.migrations')")
        schema, ledger = cursor.fetchone() or (None, None)
        if schema is None:
            cursor.execute("CREATE SCHEMA orderflow")
        if ledger is None:
            cursor.execute(_LEDGER)
        cursor.execute("SELECT name, checksum FROM orderflow.migrations")
        return dict(cursor.fetchall())


def _agree(applied: dict[str, str], files: dict[str, str]) -> None:
    for name, checksum in applied.items():
        if name not in files:
            raise ConfigError(
                f"the database has migration {name}, which this version of Orderflow does not know; "
                "run the version that applied it, or a newer one"
            )
        if _sum(files[name]) != checksum:
            raise ConfigError(
                f"migration {name} was changed after it was applied (SHA-256 {_sum(files[name])[:12]}, applied was "
                f"{checksum[:12]}); restore the file and write the change as a new, higher-numbered file"
            )


def _sum(sql: str) -> str:
    return hashlib.sha256(sql.encode()).hexdigest()
