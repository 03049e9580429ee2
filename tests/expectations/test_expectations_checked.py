"""Expectations asked for real: Great Expectations on PostgreSQL. Its import takes seconds, so this is one test."""

import os
import socket
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from good_orders import channel, land, order
from orderflow.domain.errors import TransientError
from orderflow.pipeline.clean import clean
from orderflow.pipeline.load import load
from orderflow.pipeline.validate import validate
from orderflow.quality.expectations.checkpoint import check
from orderflow.staging import expectations as shelf
from orderflow.staging.store import connect

ROOT = Path(__file__).resolve().parents[2]
DAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)

SHOP = channel(
    validate={
        "expectations": {
            "orders_per_day": (1, 3),
            "filled": [{"column": "lines.gtin", "share": "50%"}],
            "one_of": [{"column": "currency", "values": ["SEK"], "share": "1%"}],
            "between": [{"column": "grand_total", "least": 0, "most": 1}],
            "matches": [{"column": "order_number", "pattern": "^#[0-9]+$"}],
            "mean": [{"column": "grand_total", "least": 1}],
            "distinct": [{"column": "ship_country", "most": 1}],
            "unique": [{"columns": ["order_number", "currency"]}],
            "ordered": [{"earlier": "placed_at", "later": "paid_at"}],
        }
    }
)


@pytest.fixture
def only_here(monkeypatch):
    """No socket of this process reaches anything but this machine; returns the addresses that were tried."""
    tried = []
    connect_ = socket.socket.connect

    def guarded(self, address):
        if self.family != socket.AF_UNIX and address[0] not in {"127.0.0.1", "::1"}:
            tried.append(address)
            raise ConnectionRefusedError(f"{address} lies outside")
        return connect_(self, address)

    def looked_up(host, *rest, **more):
        if host not in {"localhost", "127.0.0.1", "::1", None}:
            tried.append(host)
            raise socket.gaierror(f"{host} lies outside")
        return found(host, *rest, **more)

    found = socket.getaddrinfo
    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    return tried


def test_a_day_is_checked_in_the_database_and_its_results_are_kept(tmp_path, store, migrated, ask, only_here):
    orders = [order(number) for number in range(1, 13)]
    orders[3] = replace(orders[3], order_number="四 😀")
    orders[4] = replace(orders[4], order_id="王小明 <x@example.com>", order_number="x")
    load(SHOP, validate(SHOP, clean(SHOP, land(tmp_path, orders))), store)
    ask("UPDATE orderflow.orders SET order_status = 'lost' WHERE order_id = 'A2'")
    ask("DELETE FROM orderflow.order_lines WHERE order_id = 'A3' AND number = 2")

    run = check(SHOP, migrated, DAY, now=NOW, run_id="night", data_docs=tmp_path / "docs")
    assert (run.orders, run.lines, run.partial) == (12, 23, False)
    assert run.engine.startswith("Great Expectations 1.")
    missed = {each.name: each for each in run.results if not each.success}
    assert set(missed) == {
        "order_status one_of contract",
        "line_count lines_found equal contract",
        "orders rows channel",
        "lines.gtin filled channel",
        "currency one_of channel",
        "grand_total between channel",
        "order_number matches channel",
    }
    assert missed["order_status one_of contract"].sample == ["A2"]
    assert missed["line_count lines_found equal contract"].sample == ["A3"]
    assert missed["orders rows channel"].observed == "12"
    assert (missed["currency one_of channel"].evaluated, missed["currency one_of channel"].unexpected) == (12, 12)
    assert len(missed["currency one_of channel"].sample) == 5
    assert set(missed["order_number matches channel"].sample) == {"A4", "xxx <x@xxxxxxx.xxx>"}
    assert not any(each.error for each in run.results)
    assert only_here == []
    assert (tmp_path / "docs" / "index.html").exists()

    assert shelf.keep(store.connection, run) != shelf.keep(store.connection, run)
    assert ask("SELECT day, expected, failed, orders FROM orderflow.expectation_runs") == [
        (DAY, len(run.results), len(missed), 12)
    ]
    assert ask("SELECT count(*), bool_or(sample = '{A2}') FROM orderflow.expectation_results") == [
        (len(run.results), True)
    ]

    nothing = check(SHOP, migrated, date(2026, 1, 5), now=NOW, run_id="empty")
    assert nothing.orders == 0
    assert {each.name for each in nothing.results if not each.success} >= {"orders rows channel"}

    with pytest.raises(TransientError, match="does not answer"):
        check(SHOP, "postgresql://nobody@127.0.0.1:9/none", DAY, now=NOW, run_id="down")
    assert only_here == []


def test_the_day_is_found_by_an_index(migrated):
    from orderflow.quality.expectations.checkpoint import _query

    with closing(connect(migrated)) as connection, connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        for table in ("orders", "lines"):
            cursor.execute("EXPLAIN " + _query(table, SHOP, DAY))
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert "orders_created" in plan
            assert "Seq Scan" not in plan


IMPORTS = """
import importlib, pkgutil, sys
import orderflow.orchestration.dag, orderflow.orchestration.quality, orderflow.orchestration.tasks
import orderflow.pipeline, orderflow.quality
for package in (orderflow.pipeline, orderflow.quality):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
print([name for name in sys.modules if name.startswith("great_expectations")])
"""


def test_the_hot_path_never_imports_great_expectations(tmp_path):
    environment = {"PYTHONPATH": str(ROOT / "include"), "PATH": os.environ["PATH"], "AIRFLOW_HOME": str(tmp_path)}
    command = [sys.executable, "-W", "ignore", "-c", IMPORTS]
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert found.stdout.strip().endswith("[]"), found.stdout
