import sys
from pathlib import Path

import pytest
from shop import channel, oms_running

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "staging"))

from staging_fixtures import ask, migrated, store, template

__all__ = ["ask", "migrated", "store", "template"]


@pytest.fixture(scope="module")
def running():
    with oms_running() as oms:
        yield oms


@pytest.fixture
def oms(running):
    """The OMS, without faults; every test has a channel of its own."""
    running.recover()
    yield running
    running.recover()


@pytest.fixture
def shop(request):
    return channel("shop_" + request.node.name.lower()[:40].replace("[", "_").replace("]", "").replace("-", "_"))
