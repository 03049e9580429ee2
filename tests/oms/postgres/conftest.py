"""A database per test, with the OMS's tables or with its function."""

from __future__ import annotations

import pytest
from postgres_target import FUNCTION, TABLES, rows


@pytest.fixture
def tables(dsn: str) -> str:
    rows(dsn, TABLES)
    return dsn


@pytest.fixture
def function(dsn: str) -> str:
    rows(dsn, FUNCTION)
    return dsn
