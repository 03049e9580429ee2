"""A staging database with a story, the app over it on a real port, and Prometheus's own tools."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import uvicorn
from staged import load as load_orders
from staged import order, refusal, unreadable
from staging_fixtures import KEY

from orderflow.domain.batch import Endpoint
from orderflow.domain.errors import TransientError
from orderflow.domain.source import Secret
from orderflow.domain.target import Receipt
from orderflow.domain.window import Window
from orderflow.sandbox.postgres import Postgres
from orderflow.staging import ledger, measures
from orderflow.staging.store import Store, connect
from orderflow.staging.vault import Vault
from orderflow.web import app as web
from orderflow.web.database import Database

INCLUDE = Path(__file__).resolve().parents[2] / "include"
_names = itertools.count(1)
TOKEN = "ein-langes-Geheimnis-🔑"
NOW = datetime(2026, 3, 1, 3, 7, tzinfo=UTC)
FILE = """\
title: 旗艦店 {name}
owner: marketplace-asia
source: {{adapter: woocommerce, connection: shop, timezone: Asia/Taipei}}
schedule: {{cron: "0 * * * *", timezone: Asia/Taipei, start: 2026-03-01, deadline: 25m}}
clean: {{currency: TWD, country: TW}}
oms: {{target: demo}}
"""


def tool(name: str) -> str:
    """The path of a program of Debian's package prometheus, which root installs when it is missing."""
    if not shutil.which(name) and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(
            ["apt-get", "install", "-yq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", "prometheus"],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, capture_output=True, timeout=200, check=False,
        )  # fmt: skip
    found = shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed; on Debian or Ubuntu: apt-get install prometheus")
    return found


@pytest.fixture(scope="session")
def promtool() -> str:
    return tool("promtool")


@pytest.fixture(scope="session")
def prometheus() -> str:
    return tool("prometheus")


@pytest.fixture(scope="module")
def migrated(postgres: Postgres, template: str) -> str:
    """The libpq URI of a database with our schema, one for all tests of a module."""
    name = f"metrics_{next(_names)}"
    with closing(psycopg2.connect(postgres.dsn())) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return postgres.dsn(name)


@pytest.fixture(scope="module")
def store(migrated: str) -> Iterator[Store]:
    with closing(connect(migrated)) as connection:
        yield Store(connection, Vault({"k1": KEY}))


@pytest.fixture(scope="module")
def ask(migrated: str) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    with closing(psycopg2.connect(migrated)) as connection, connection.cursor() as cursor:
        connection.autocommit = True

        def answer(sql: str, *values: Any) -> list[tuple[Any, ...]]:
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

        yield answer


@pytest.fixture(scope="module")
def include(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Channel files: `shop_tw`, `shop_jp`, and one that cannot be read."""
    folder = tmp_path_factory.mktemp("include")
    shutil.copytree(INCLUDE / "targets", folder / "targets")
    (folder / "channels").mkdir()
    for name in ("shop_tw", "shop_jp"):
        (folder / "channels" / f"{name}.yml").write_text(FILE.format(name=name))
    (folder / "channels" / "torn.yml").write_text("title: [")
    return folder


@pytest.fixture(scope="module")
def story(store, ask, migrated: str) -> None:
    """Five hours of `shop_tw`: loaded, refused, failed, delivered, denied, certified; nothing of `shop_jp` yet."""
    hour = timedelta(hours=1)
    start = datetime(2026, 2, 28, 16, tzinfo=UTC)
    first, third = _window(start, hour), _window(start + 2 * hour, hour)
    good = [order(f"A-{number}-台北") for number in range(6)]
    load_orders(
        store, *good, refused=[refusal(order("B-1"), 6), unreadable(7)], raw=[b"{}"] * 8, window=first,
        reasons={"TOTAL_MISMATCH": 1}, seconds={"extract": 0.7, "clean": 0.2, "validate": 40.0},
    )  # fmt: skip
    load_orders(store, order("C-1"), window=third, run_id="heal__1", behind=True)
    ledger.failed(
        store.connection, "shop_tw", _window(start + 4 * hour, hour), "r", "DeniedError: the key 王小明 ended"
    )
    with closing(connect(migrated)) as connection:
        cost = Endpoint(retries=2, throttled_seconds=1.5)
        for status, seconds in (("200", 0.07), ("200", 0.3), ("429", 0.01), ("error", 61.0)):
            cost.answered(status, seconds, 100)
        measures.called(connection, "shop_tw", {"GET /orders/*": cost})
    claims = [each for claim in store.claims("shop_tw", 3) for each in claim]
    store.settle([(each, Receipt(each.key, "accepted", "oms-1", seconds=0.2)) for each in claims[:3]])
    store.settle([(claims[3], Receipt(claims[3].key, "refused", reason="no such article", seconds=0.4))])
    store.postpone(claims[4:], str(TransientError("the OMS is down")))
    store.synced("shop_tw", 2.0)
    ask("INSERT INTO orderflow.budgets VALUES ('woocommerce.shop', 2, 10, 4, '2026-03-01 03:00Z')")
    ask(
        "INSERT INTO orderflow.tokens (account, credentials, expires_at, kept_at)"
        " VALUES ('shop', 'x', '2026-03-04 03:07Z', '2026-02-25 03:07Z')"
    )
    ask(
        "INSERT INTO orderflow.certificates VALUES"
        " ('shop_tw', 1, '2026-02-27', 1, 'settled', 3, '2026-02-28 02:00Z', '{}', 'x')"
    )
    ask(
        "INSERT INTO orderflow.certificate_differences (channel, number, position, order_id, cause, repaired)"
        " VALUES ('shop_tw', 1, 1, 'A-1-台北', 'missing', false)"
    )
    ask(
        "INSERT INTO orderflow.alerts (channel, kind, severity, what, first_seen_at, last_seen_at)"
        " VALUES ('shop_tw', 'access', 'critical', 'the key ended', now(), now())"
    )
    ask(
        "INSERT INTO orderflow.reviews (channel, run_id, window_start, window_end, purpose, state, why, batch)"
        " VALUES ('shop_tw', 'r', '2026-03-01 02:00Z', '2026-03-01 03:00Z', 'window', 'held', 'few orders', '{}')"
    )


def _window(start: datetime, length: timedelta) -> Window:
    return Window(start, start + length)


@pytest.fixture(scope="module")
def served(migrated: str, include: Path) -> Iterator[str]:
    """The address of the app, on a real port of loopback; its clock stands at NOW."""
    with serving(migrated, include, lambda: Secret(TOKEN)) as address:
        yield address


class serving:  # noqa: N801 - used like a function
    """The app in a thread, until the context ends."""

    def __init__(self, dsn: str, include: Path, token: Callable[[], Secret | None]) -> None:
        self._database = Database(lambda: dsn)
        made = web.create(
            lambda: pytest.fail("metrics ask nobody's name"), self._database, include, trigger=lambda *_: None,
            vault=lambda: pytest.fail("metrics open nothing"), metrics_token=token, clock=lambda: NOW,
        )  # fmt: skip
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._server = uvicorn.Server(uvicorn.Config(made, log_level="error", lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self._database.close()
