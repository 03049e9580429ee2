"""One Odoo per module and API, each with a database of its own: simulated, and real where one is installed."""

from __future__ import annotations

from collections.abc import Iterator

import odoo_real
import odoo_server
import pytest
from odoo_target import REAL, Server, opened

from orderflow.domain.target import Target
from orderflow.sandbox.postgres import Postgres


@pytest.fixture(
    scope="module",
    params=["jsonrpc", "json2", *(pytest.param(f"real-{api}", marks=REAL) for api in ("jsonrpc", "json2"))],
)
def server(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[Server]:
    api = request.param.removeprefix("real-")
    if api != request.param:
        with odoo_real.running() as real:
            yield Server(real.url, real.dsn, api, real.database, real.key, real.admin)
        return
    dsn = postgres.create(f"{request.module.__name__}_{api}")
    with odoo_server.running(dsn, modern=api == "json2") as url:
        yield Server(url, dsn, api)


@pytest.fixture
def target(server: Server) -> Target:
    return opened(server)
