"""Real servers on loopback, and an environment in which everything is as it should be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from command_line import PROJECT, connection

from orderflow.sandbox import server
from orderflow.sandbox.postgres import Postgres
from orderflow.sandbox.shop import Shop

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
SHOPS = [
    Shop(name=f"demo_{platform}", platform=platform, start=START, ends=START + timedelta(hours=1), rate=20)
    for platform in ("woocommerce", "shopify")
]


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    with server.serve(server.platforms_app(SHOPS)) as url:
        yield url


@pytest.fixture(scope="module")
def oms() -> Iterator[str]:
    with server.serve(server.oms_app()) as url:
        yield url


@pytest.fixture(scope="module")
def right(postgres: Postgres, shop: str, oms: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which everything is as it should be."""
    home = tmp_path_factory.mktemp("home")
    own = ("AIRFLOW", "ORDERFLOW", "FORCE_COLOR", "TTY_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(own)},
        "PYTHONPATH": str(PROJECT / "include"),
        "ORDERFLOW_HOME": str(home),
        "ORDERFLOW_LANDING": str(home / "landing"),
        "AIRFLOW_VAR_ORDERFLOW_VAULT_KEY": "test:" + "A" * 43 + "=",
        "AIRFLOW_CONN_ORDERFLOW_DB": connection("postgres", extra={"dsn": postgres.create("errors_teach")}),
        "AIRFLOW_CONN_DEMO_OMS": connection("http", host=oms, password=server.OMS_TOKEN),
        "AIRFLOW_CONN_DEMO_WOOCOMMERCE": connection(
            "http", host=f"{shop}/demo_woocommerce", login="ck_demo", password="cs_demo"
        ),
        "AIRFLOW_CONN_DEMO_SHOPIFY": connection("http", host=f"{shop}/demo_shopify", password="shpat_demo"),
    }
