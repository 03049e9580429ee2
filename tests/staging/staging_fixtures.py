"""A migrated database, a store on it, and a way to ask."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from orderflow.sandbox.postgres import Postgres
from orderflow.staging.migrate import migrate
from orderflow.staging.store import Store, connect
from orderflow.staging.vault import Vault

KEY = bytes(range(32))
_names = itertools.count(1)


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> str:
    """The name of a migrated database to copy: quicker than migrating one per test."""
    with closing(connect(postgres.create("staging_template"))) as connection:
        migrate(connection)
    return "staging_template"


@pytest.fixture
def migrated(postgres: Postgres, template: str) -> Iterator[str]:
    """The libpq URI of a fresh database with our schema."""
    name = f"staging_{next(_names)}"
    with closing(psycopg2.connect(postgres.dsn())) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield postgres.dsn(name)
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(migrated: str) -> Iterator[Store]:
    with closing(connect(migrated)) as connection:
        yield Store(connection, Vault({"k1": KEY}))


@pytest.fixture
def ask(migrated: str) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    """Ask the database something, over a connection of its own."""
    with closing(psycopg2.connect(migrated)) as connection, connection.cursor() as cursor:
        connection.autocommit = True

        def answer(sql: str, *values: Any) -> list[tuple[Any, ...]]:
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

        yield answer
