"""One Odoo per module and API, each with a database of its own."""

from __future__ import annotations

from collections.abc import Iterator

import odoo_server
import pytest
from odoo_target import Server, opened

from orderflow.domain.target import Target
from orderflow.sandbox.postgres import Postgres


@pytest.fixture(scope="module", params=["jsonrpc", "json2"])
def server(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[Server]:
    dsn = postgres.create(f"{request.module.__name__}_{request.param}")
    with odoo_server.running(dsn, modern=request.param == "json2") as url:
        yield Server(url, dsn, request.param)


@pytest.fixture
def target(server: Server) -> Target:
    return opened(server)
