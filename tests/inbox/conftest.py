"""A store on one migrated database, which every test finds empty."""

import sys
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

TESTS = Path(__file__).resolve().parents[1]
for folder in (TESTS / "staging", TESTS):
    sys.path.insert(0, str(folder))

from staging_fixtures import ask, store, template  # noqa: E402 - the path comes first

__all__ = ["ask", "store", "template"]


@pytest.fixture(scope="session")
def inbox_database(postgres, template):
    with closing(psycopg2.connect(postgres.dsn())) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(f"CREATE DATABASE inbox TEMPLATE {template}")
    return postgres.dsn("inbox")


@pytest.fixture
def migrated(inbox_database):
    """The libpq URI of a database with our schema; the fixtures of staging stand on this name."""
    with closing(psycopg2.connect(inbox_database)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # records that nobody may change go, too
        cursor.execute(
            "SELECT string_agg(format('orderflow.%I', tablename), ', ') FROM pg_tables"
            " WHERE schemaname = 'orderflow' AND tablename <> 'migrations'"
        )
        cursor.execute(f"TRUNCATE {cursor.fetchone()[0]} RESTART IDENTITY")
    return inbox_database
