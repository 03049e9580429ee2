"""`orderflow status`, `backfill` and `sweep` as a person types them: real PostgreSQL, a real folder of files."""

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from staged import batch, load, order

from orderflow.domain.batch import Endpoint
from orderflow.domain.window import Window
from orderflow.staging import ledger

PROJECT = Path(__file__).resolve().parents[2]
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
HOUR = timedelta(hours=1)
DAY = NOW - 24 * HOUR
SHOP = "demo_shopify"


@pytest.fixture
def environ(migrated, tmp_path):
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_CONN_")},
        "PYTHONPATH": str(PROJECT / "include"),
        "ORDERFLOW_HOME": str(tmp_path),
        "AIRFLOW_VAR_ORDERFLOW_VAULT_KEY": "k1:" + "A" * 43 + "=",
        "AIRFLOW_CONN_ORDERFLOW_DB": json.dumps({"conn_type": "postgres", "extra": {"dsn": migrated}}),
        "COLUMNS": "200",
    }


@pytest.fixture
def orderflow(environ):
    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "orderflow", *words], env=environ, capture_output=True, text=True, cwd=PROJECT
        )

    return call


@pytest.fixture
def story(store):
    """A day with everything in it: unreachable, proven, failed, held, in progress, never run."""

    def span(first: float, last: float) -> Window:
        return Window(DAY + first * HOUR, DAY + last * HOUR)

    ledger.unreachable(store.connection, SHOP, Window(datetime(2026, 1, 1, tzinfo=UTC), DAY), "r", "60 days only")
    load(
        store, order("訂單-1"), channel=SHOP, window=span(0, 6), seconds={"extract": 3.0},
        endpoints={"POST /graphql": Endpoint(calls=7)},
    )  # fmt: skip
    ledger.begin(store.connection, SHOP, span(6, 7), "scheduled__1")
    ledger.failed(store.connection, SHOP, span(6, 7), "scheduled__1", "DriftError: 變了 🙈")
    ledger.held(store.connection, batch(window=span(7, 8), channel=SHOP), "40% refused")
    ledger.begin(store.connection, SHOP, span(8, 9), "scheduled__2")
    return span


def test_status_names_every_gap_with_its_cause(orderflow, story):
    (found,) = json.loads(orderflow("status", SHOP, "--days", "3", "--json").stdout)
    told = {gap["window"]: gap["cause"] for gap in found["gaps"]}
    assert told[str(story(6, 7))] == "failed"
    assert told[str(story(7, 8))] == "held"
    assert told[str(story(8, 9))] == "in progress"
    assert {"never run", "unreachable"} <= set(told.values())
    assert found["last_run"]["run_id"] == "scheduled__2"
    assert (found["orders"], found["pending"]) == (1, 1)
    shares = [hour for day in found["days"] for hour in day["hours"] if hour]
    assert [1.0, None] in shares
    shown = orderflow("status", SHOP, "--days", "3")
    assert "failed: DriftError: 變了 🙈" in shown.stdout
    assert "last run scheduled__2" in shown.stdout
    assert "█" in shown.stdout


def test_a_dry_run_says_what_a_backfill_costs_and_starts_nothing(orderflow, story, ask):
    span = f"{DAY:%Y-%m-%dT%H:%MZ}/{NOW:%Y-%m-%dT%H:%MZ}"
    gaps = json.loads(orderflow("backfill", SHOP, span, "--dry-run", "--json").stdout)
    assert gaps["windows"] == [str(story(9, 24)), str(story(6, 7))]
    assert len(gaps["left_out"]) == 2
    assert gaps["calls"] >= 14
    everything = orderflow("backfill", SHOP, span, "--dry-run", "--again")
    assert "1 run over 24.0 h" in everything.stdout
    assert "live windows first" in everything.stdout or "documents no rate" in everything.stdout
    assert ask("SELECT count(*) FROM orderflow.healings") == [(0,)]


@pytest.mark.parametrize(
    ("span", "code", "message"),
    [
        ("2020-01-01T00:00Z/2020-01-02T00:00Z", 2, "begins before the channel's start"),
        ("2026-03-01T00:00Z/2999-01-01T00:00Z", 2, "is not over yet"),
        ("yesterday", 2, "is not 'start/end'"),
    ],
)
def test_a_span_that_cannot_be_is_refused(orderflow, span, code, message):
    said = orderflow("backfill", SHOP, span)
    assert said.returncode == code
    assert message in " ".join(said.stderr.split())


def test_a_run_that_is_stopped_by_hand_leaves_a_gap_that_a_backfill_may_fill(environ, orderflow, ask):
    asked, answer = threading.Event(), threading.Event()

    class Silent(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.set()
            answer.wait()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    shop = {"conn_type": "http", "host": f"http://127.0.0.1:{server.server_port}", "password": "s"}
    environ |= {"AIRFLOW_CONN_DEMO_SHOPIFY": json.dumps(shop), "AIRFLOW_CONN_DEMO_OMS": json.dumps(shop)}
    window = Window(DAY, DAY + HOUR)
    words = [sys.executable, "-m", "orderflow", "run", SHOP, "--window", str(window)]
    with subprocess.Popen(words, env=environ, cwd=PROJECT, stderr=subprocess.DEVNULL) as running:
        assert asked.wait(60)
        running.send_signal(signal.SIGINT)
    answer.set()
    server.shutdown()
    server.server_close()
    assert ask("SELECT state, error FROM orderflow.windows") == [("failed", "the run was stopped by hand")]
    plan = json.loads(orderflow("backfill", SHOP, str(window), "--dry-run", "--json").stdout)
    assert (plan["windows"], plan["left_out"]) == ([str(window)], [])


def test_a_backfill_that_finds_a_span_in_progress_says_what_to_do_where_nothing_works_on_it(orderflow, story):
    told = orderflow("backfill", SHOP, str(story(8, 9)), "--dry-run").stdout
    assert "in progress since" in told
    assert f"though its process is gone: orderflow run {SHOP} --window A/B pulls it" in told


def test_a_sweep_can_be_counted_first(orderflow, story):
    found = json.loads(orderflow("sweep", "demo_woocommerce", "--dry-run", "--json").stdout)
    assert found == {
        "channel": "demo_woocommerce",
        "orders": 0,
        "blind": ["address", "deletion", "lines", "refund"],
        "daily": True,
    }
