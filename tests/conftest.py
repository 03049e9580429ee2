"""A real PostgreSQL for every test that asks for one: one server per run, one database per test."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from orderflow.sandbox.postgres import Postgres, start

_names = itertools.count(1)

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The end-to-end tests first: they wait more than they work, and the others run beside them."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="orderflow-pg-", ignore_cleanup_errors=True) as folder:
        server = start(Path(folder) / "data", durable=False)
        yield server
        server.stop()


@pytest.fixture
def dsn(postgres: Postgres) -> str:
    """The libpq URI of a fresh, empty database."""
    return postgres.create(f"test_{next(_names)}")
