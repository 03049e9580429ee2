"""The database behind an account: its SQLAlchemy URL, a session that can only read, and what its errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

from sqlalchemy import URL, Connection, create_engine, event, exc, pool

from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TransientError
from orderflow.domain.source import Account

_DRIVERS = {
    "postgres": "postgresql+psycopg2",
    "postgresql": "postgresql+psycopg2",
    "mysql": "mysql+pymysql",
    "mssql": "mssql+pymssql",
    "oracle": "oracle+oracledb",
}
"""SQLAlchemy's name for a type of Airflow connection; any other type is taken as SQLAlchemy's own name."""
_MYSQL = ("SET SESSION TRANSACTION READ ONLY", "SET time_zone = '+00:00'")
SESSION = {
    "postgresql": ("SET default_transaction_read_only = on",),
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    "sqlite": ("PRAGMA query_only = ON",),
}
"""What makes a whole session read only, where a database has such a statement; and one that turns its times into the
session's zone turns them into UTC."""
_DENIED = {"28000", "28P01", "42501", "1044", "1045", "1142", "1143", "1698", "229", "18456", "1017", "1031"}
"""Codes of wrong credentials or missing rights: SQLSTATE, or the number of MySQL, SQL Server and Oracle."""
_DENIED_WORDS = ("authentication failed", "no password supplied", "no pg_hba.conf entry", 'role "')
"""What libpq says in words alone, when a connection is refused."""


def url(account: Account) -> URL:
    """The SQLAlchemy URL of an account; texts and numbers of its extra fields are the driver's parameters."""
    told = urlsplit(account.url)
    scheme = _DRIVERS.get(told.scheme, told.scheme)
    query = {name: str(each) for name, each in account.extra.items() if isinstance(each, str | int) and name != "path"}
    if scheme.partition("+")[0] == "sqlite":
        file = quote(told.path if not told.netloc else f"/{told.netloc}{told.path}")
        return URL.create(scheme, database=f"file:{file}", query={"mode": "ro", "uri": "true"})
    return URL.create(
        scheme,
        username=account.login,
        password=account.password.reveal() if account.password else None,
        host=told.hostname,
        port=told.port,
        database=told.path.strip("/") or None,
        query=query,
    )


@contextmanager
def session(account: Account) -> Iterator[Connection]:
    """A connection that only reads, every statement for itself: no transaction stays open on the other side.

    Raises the error that says who has to act; never with the driver's text, which may hold data.
    """
    where = f"database {account.name}"
    try:
        engine = create_engine(
            url(account), poolclass=pool.NullPool, hide_parameters=True, isolation_level="AUTOCOMMIT"
        )
    except exc.ArgumentError as error:  # an unknown name of a database, too
        raise ConfigError(
            f"{where}: {urlsplit(account.url).scheme!r} is no database that SQLAlchemy knows; give the connection a "
            "type such as postgres, mysql, mssql, oracle or sqlite, or SQLAlchemy's own name, such as mysql+mysqldb"
        ) from error
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{where}: the driver {error.name} is not installed; install it (pip install {error.name}), or name "
            "another one in the connection's type, such as mysql+mysqldb"
        ) from error
    for statement in SESSION.get(engine.dialect.name, ()):
        event.listen(engine, "connect", lambda raw, _, statement=statement: _run(raw, statement))
    try:
        with engine.connect() as connection:
            yield connection
    except exc.NoSuchTableError as error:
        raise DriftError(
            f"{where} has no table or view {error}, or its user may not see it; correct table and schema_name in the "
            "channel file, or grant the right to read it"
        ) from None
    except exc.DBAPIError as error:
        raise _meant(where, error) from None
    finally:
        engine.dispose()


def _run(raw: Any, statement: str) -> None:
    cursor = raw.cursor()
    cursor.execute(statement)
    cursor.close()


def _meant(where: str, error: exc.DBAPIError) -> TransientError | DeniedError | DriftError:
    """The error that a driver's error stands for."""
    code = _code(error.orig)
    said = f"{where}: {type(error.orig).__name__}{f' {code}' if code else ''}"
    text = str(error.orig)
    if code in _DENIED or any(words in text for words in _DENIED_WORDS):
        return DeniedError(
            f"{said}: credentials or rights; correct the connection, or grant its user SELECT, and SHOW VIEW for a "
            "view of MySQL"
        )
    if isinstance(error, exc.OperationalError | exc.InterfaceError):
        return TransientError(f"{said}: it does not answer, or stopped doing so; the run tries again by itself")
    return DriftError(
        f"{said}: it refuses what it is asked; compare the columns that the channel file names with the table "
        "as it is now"
    )


def _code(error: Any) -> str | None:
    """The driver's own code: a SQLSTATE, or the first number it gives."""
    if state := getattr(error, "pgcode", None):
        return str(state)
    first = error.args[0] if getattr(error, "args", ()) else None
    number = getattr(first, "code", first)
    return str(number) if isinstance(number, int) else None
