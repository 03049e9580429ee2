from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "staging"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pipeline_load"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "adapters"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oms" / "postgres"))

from restored_site import Site, oms_connection, site
from shop import Oms, oms_running
from staging_fixtures import template

__all__ = ["template"]

Opened = Callable[..., Site]


@pytest.fixture
def opened(postgres, template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """`opened(platform)`: a channel; its OMS is set already."""
    with ExitStack() as stack:
        yield lambda platform, **more: stack.enter_context(
            site(platform, postgres, template, tmp_path, monkeypatch, **more)
        )


@pytest.fixture
def oms(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Oms]:
    """Its rules may be given as a parameter."""
    with oms_running(picking_after=1e9, shipping_after=1e9, **getattr(request, "param", {})) as found:
        monkeypatch.setenv("AIRFLOW_CONN_DEMO_OMS", oms_connection(found.url))
        yield found
