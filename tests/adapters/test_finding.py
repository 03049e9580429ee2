"""Adapters are found by name, imported late, and cheap to import."""

import subprocess
import sys
from pathlib import Path

import pytest

from orderflow import adapters
from orderflow.adapters.catalogue import to_markdown
from orderflow.domain.errors import ConfigError
from orderflow.domain.source import Adapter

ROOT = Path(__file__).parents[2]


def test_the_adapters_of_this_package_are_known_and_no_kit_is():
    assert {"shopify", "woocommerce", "csv_drop"} <= set(adapters.known())
    assert not set(adapters.known()) & adapters.KITS


@pytest.mark.parametrize("name", adapters.known())
def test_every_known_adapter_is_found(name: str):
    found = adapters.find(name)
    assert isinstance(found, Adapter)
    assert found.options.model_config["extra"] == "forbid"


def test_an_unknown_adapter_is_refused_with_what_was_perhaps_meant():
    with pytest.raises(
        ConfigError, match=r"no adapter 'shopfy'; did you mean 'shopify'\? Known adapters: .*woocommerce"
    ):
        adapters.find("shopfy")


@pytest.mark.parametrize("name", ["http", "graph", "described", "..", "", "shopify.source"])
def test_what_is_no_adapter_is_refused(name: str):
    with pytest.raises(ConfigError, match="there is no adapter"):
        adapters.find(name)


@pytest.mark.parametrize("name", adapters.known())
def test_importing_an_adapter_needs_neither_network_nor_frames(name: str):
    heavy = ("httpx", "pandas", "pyarrow", "numpy", "fsspec", "paramiko", "yaml", "airflow")
    code = (
        "import sys; from orderflow import adapters; before = set(sys.modules)\n"
        f"adapters.find({name!r}); print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": "include"})
    assert done.stdout.strip() == "[]", done.stderr


def test_listing_the_adapters_imports_none_of_them():
    code = (
        "import sys; from orderflow import adapters as a; a.known(); print('orderflow.adapters.shopify' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": "include"})
    assert done.stdout.strip() == "False", done.stderr


def test_the_page_of_channels_is_the_one_that_the_adapters_make():
    page = (ROOT / "docs/channels.md").read_text()
    assert page == to_markdown(), "run: orderflow channel adapters > docs/channels.md"


@pytest.mark.parametrize("name", adapters.known())
def test_every_adapter_says_what_it_was_tried_on(name: str):
    pulled, more = [line for line in to_markdown().splitlines() if line.startswith(f"| [{name}]")]
    assert not more.endswith("| nothing |")
    assert (pulled.count("|"), more.count("|")) == (13, 8)
