"""The pages over a real database: users who may read some channels, and decide about fewer."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import airflow_server
import psycopg2
import pytest
import seed
from airflow_server import Server
from fastapi import FastAPI
from fastapi.testclient import TestClient
from web_site import NOW, VAULT, Started, channel_files, identify

from loopback import free_port
from orderflow.sandbox.postgres import Postgres
from orderflow.staging.migrate import migrate
from orderflow.staging.store import Store
from orderflow.web import app as web
from orderflow.web.database import Database

_names = itertools.count(1)


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> str:
    """Name of a database with the whole schema; nobody is connected to it."""
    with contextlib.closing(psycopg2.connect(postgres.create("web_template"))) as connection:
        migrate(connection)
    return "web_template"


@pytest.fixture
def dsn(postgres: Postgres, migrated: str) -> Iterator[str]:
    """The libpq URI of a fresh staging database: a copy of the migrated one, which takes a tenth of the time."""
    name = f"web_{next(_names)}"
    with contextlib.closing(psycopg2.connect(postgres.dsn())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE {migrated}")
            yield postgres.dsn(name)
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def staging(dsn: str) -> Iterator[Any]:
    """A connection to that database."""
    connection = psycopg2.connect(dsn)
    yield connection
    connection.close()


@pytest.fixture
def started() -> Started:
    return Started()


@pytest.fixture
def site(dsn: str, staging: Any, tmp_path: Path, started: Started) -> Iterator[FastAPI]:
    """The app over that database, with three channels; its clock stands at NOW."""
    include = channel_files(tmp_path / "include", ["channel_01", "channel_02", "channel_03"])
    database = Database(lambda: dsn)
    yield web.create(
        identify,
        database,
        include,
        trigger=started,
        vault=lambda: VAULT,
        reports=tmp_path / "reports",
        clock=lambda: NOW,
    )
    database.close()


@pytest.fixture
def store(staging: Any, site: FastAPI) -> Store:
    return Store(staging, site.state.site.vault())


@pytest.fixture
def client(site: FastAPI) -> Callable[..., TestClient]:
    """A browser of this user: `client("viewer").get("/channels")`. It sends what browsers send."""

    def of(name: str | None = "editor", language: str = "en") -> TestClient:
        headers = {"sec-fetch-site": "same-origin", "accept-language": language}
        return TestClient(site, headers=headers | ({"x-user": name} if name else {}), follow_redirects=False)

    return of


@pytest.fixture(scope="session")
def airflow(postgres: Postgres, migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real Airflow API server with 50 channels and 20,000 orders; its clock is the real one."""
    home = tmp_path_factory.mktemp("airflow")
    with contextlib.closing(psycopg2.connect(postgres.create("web_airflow_staging"))) as connection:
        migrate(connection)
        seed.fill(connection, channels=50, orders=20_000, now=datetime.now(UTC))
    channel_files(home / "project" / "include", seed.names(50))
    around = airflow_server.environment(
        home, free_port(), postgres.create("web_airflow"), postgres.dsn("web_airflow_staging")
    )
    airflow_server.prepare(home, around)
    process = airflow_server.start(home, around)
    try:
        url = around["AIRFLOW__API__BASE_URL"]
        airflow_server.wait(process, home, url)
        yield Server(url, home, around)
    finally:
        airflow_server.stop(process)
