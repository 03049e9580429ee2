"""One Tryton per module, on a fresh copy of the built database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import tryton_server
from tryton_server import Server
from tryton_target import opened

from orderflow.domain.target import Target


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with tryton_server.running() as running:
        yield running


@pytest.fixture
def target(server: Server) -> Target:
    return opened(server)
