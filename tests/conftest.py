"""A real PostgreSQL for every test that asks for one: one server per run, one database per test."""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx._transports.default as transports
import psycopg2
import pytest
from hypothesis import settings

from orderflow.sandbox.postgres import Postgres, start

MEMORY, ROOM = Path("/dev/shm"), 2**31
"""Files that never reach a disk, and the bytes that must be free there: a database is made five times as fast."""
_names = itertools.count(1)

if "AIRFLOW_HOME" not in os.environ:
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="orderflow-airflow-")  # before anything imports Airflow
    atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The end-to-end tests first: they wait more than they work, and the others run beside them."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)


read_trusted = transports.create_ssl_context


@functools.cache
def trusted(verify: object, cert: object, trust_env: bool, authorities: str | None) -> object:
    """Whom clients trust, read once: httpx reads 140 certificates for every client, which takes 30 ms of CPU."""
    return read_trusted(verify=verify, cert=cert, trust_env=trust_env)


transports.create_ssl_context = lambda verify=True, cert=None, trust_env=True: trusted(
    verify, cert, trust_env, os.environ.get("SSL_CERT_FILE")
)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    place = MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM else None
    with tempfile.TemporaryDirectory(prefix="orderflow-pg-", dir=place, ignore_cleanup_errors=True) as folder:
        server = start(Path(folder) / "data", durable=False)
        yield server
        server.stop()


@pytest.fixture
def dsn(postgres: Postgres) -> Iterator[str]:
    """The libpq URI of a fresh, empty database."""
    name = f"test_{next(_names)}"
    yield postgres.create(name)
    with closing(psycopg2.connect(postgres.dsn())) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
