"""An outage of Airflow, a row that is gone from the ledger, a window that failed for good: healed without a person.

Takes minutes, in the real Airflow: `ORDERFLOW_SOAK=1 python -m pytest tests/e2e/test_heal.py`.
"""

import contextlib
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise, starmap
from pathlib import Path

import msgspec
import psycopg2
import pytest

from orderflow.command.airflow import AirflowApi
from orderflow.domain.window import Window
from orderflow.sandbox import postgres
from orderflow.sandbox.demo import run
from orderflow.sandbox.demo.layout import Layout
from orderflow.sandbox.demo.processes import Processes
from orderflow.sandbox.demo.proof import prove
from orderflow.sandbox.demo.scene import Demo
from orderflow.sandbox.demo.story import Story, shops
from orderflow.staging import ledger
from orderflow.staging.migrate import migrate
from orderflow.staging.store import connect

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(not os.environ.get("ORDERFLOW_SOAK"), reason="long: ORDERFLOW_SOAK=1 runs it"),
]

PORT = 18490
MINUTE = timedelta(minutes=1)
CYCLE = 120 + 480
"""Seconds until the next look, and what a loaded machine takes for the run itself."""
PATIENT = {
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "120",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "300",
}
"""A loaded machine must not make Airflow take its own tasks for dead: that is not what is shown here."""


DOWN = 8 * MINUTE
"""How long Airflow has been away when it is started: eight windows of every channel."""


@pytest.fixture
def demo(tmp_path: Path):
    """Shops whose orders were pulled until eight minutes ago, when Airflow stopped; it is not started yet."""
    layout = Layout(tmp_path / "home", PORT)
    layout.prepare()
    server = postgres.start(layout.home / "pg")
    try:
        server.create("airflow")
        dsn = server.create("orderflow")
        with contextlib.closing(connect(dsn)) as connection:
            migrate(connection)
        story = Story(live_from=datetime.now(UTC).replace(second=0, microsecond=0) - DOWN)
        environment = {**layout.environment(server), **PATIENT}
        layout.write_env_file(environment)
        with Processes(layout.logs, environment) as processes:
            api = AirflowApi(layout.airflow_url, "admin", "admin")
            yield Demo(layout, story, processes, api, server, dsn, story.live_from), environment
    finally:
        server.stop()


def until(ready, seconds: float, what: str) -> float:
    began = time.monotonic()
    while not ready():
        assert time.monotonic() - began < seconds, what
        time.sleep(1)
    print(f"{what}: {time.monotonic() - began:.0f} s", flush=True)
    return time.monotonic() - began


def ask(demo, sql, *values):
    with contextlib.closing(psycopg2.connect(demo.dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


def gaps(demo, channel: str, start: datetime, end: datetime) -> list[Window]:
    with contextlib.closing(connect(demo.dsn)) as connection:
        return ledger.gaps(connection, channel, Window(start, end))


def whole(demo, start: datetime, end: datetime) -> bool:
    return not any(gaps(demo, channel, start, end) for channel in demo.channels)


def pull_until_the_outage(demo, environment) -> None:
    (demo.layout.home / "shops.json").write_bytes(msgspec.json.encode(shops(demo.story)))
    sandbox = ["orderflow", "sandbox", "--shops", str(demo.layout.home / "shops.json"), "--port", str(PORT + 3)]
    demo.processes.start("sandbox", [*sandbox, "--drop", str(demo.layout.drop)])
    oms = ["orderflow", "oms", "--file", str(demo.layout.home / "oms.sqlite"), "--port", str(PORT + 4)]
    demo.processes.start("oms", oms)
    for url in (f"{demo.layout.sandbox_url}/_sandbox", f"{demo.layout.oms_url}/_effects"):
        until(lambda url=url: run._answers(url), 120, f"{url} answers")
    for channel in demo.channels:
        for span in history(demo):
            subprocess.run(
                [sys.executable, "-m", "orderflow", "run", channel, "--window", str(span), "--json"],
                env=environment, check=True, stdout=subprocess.DEVNULL,
            )  # fmt: skip


def history(demo) -> list[Window]:
    """The shops' past until the outage, in three windows."""
    end = demo.story.live_from
    cuts = [demo.story.start, end - timedelta(hours=2), end - timedelta(hours=1), end]
    return list(starmap(Window, pairwise(cuts)))


def test_what_airflow_sleeps_through_or_loses_is_healed_by_itself(demo):
    demo, environment = demo
    start, down = demo.story.start, demo.story.live_from
    demo.processes.start("airflow", ["orderflow.orchestration.serve"])
    pull_until_the_outage(demo, environment)
    run._open_shops(demo)
    shopify, woocommerce, _ = demo.channels
    _, lost, _ = history(demo)
    named = "WHERE channel = %s AND (window_start, window_end) = (%s, %s)"
    ask(demo, f"DELETE FROM orderflow.windows {named}", shopify, lost.start, lost.end)
    failed = "state = 'failed', loaded_at = NULL, synced_at = NULL, error = 'DriftError: 變了', run_id = 'scheduled__1'"
    ask(demo, f"UPDATE orderflow.windows SET {failed} {named}", woocommerce, lost.start, lost.end)
    for channel in (shopify, woocommerce):
        assert gaps(demo, channel, start, down) == [lost]

    until((demo.layout.home / "airflow" / "components").exists, CYCLE, "Airflow is up")
    until(lambda: run._knows_dags(demo), CYCLE, "Airflow knows its DAGs")
    up = datetime.now(UTC).replace(second=0, microsecond=0)
    for channel in demo.channels:
        demo.api.pause(f"orders.{channel}", paused=False)
    until(lambda: whole(demo, start, up - MINUTE), CYCLE, "outage, deleted row and failed window are healed")
    for channel in demo.channels:
        ((first, live),) = ask(
            demo,
            "SELECT min(planned_at), count(*) FROM orderflow.windows"
            " WHERE channel = %s AND run_id LIKE 'scheduled__2%%'",
            channel,
        )
        healed = ask(
            demo, "SELECT window_start, window_end, cause FROM orderflow.healings WHERE channel = %s", channel
        )  # fmt: skip
        print(channel, "live", live, "from", first, "healed", [(str(Window(*each[:2])), each[2]) for each in healed])
        assert live, "the newest window ran by its schedule"
        assert any(end - begin >= DOWN - MINUTE and begin == down for begin, end, _ in healed), "one run, not eight"
        if channel in (shopify, woocommerce):
            cause = "never run" if channel == shopify else "failed"
            assert (lost.start, lost.end, cause) in healed
    until(lambda: all(held(demo, channel, up - 2 * MINUTE) for channel in demo.channels), CYCLE, "the OMS has it all")


def held(demo, channel: str, moment: datetime) -> bool:
    """Whether staging and the OMS have everything that changed on the channel before this moment, once."""
    layout, live_from = demo.layout, demo.story.live_from
    proof = prove(channel, demo.dsn, layout.sandbox_url, layout.oms_url, live_from=live_from, until=moment)
    assert proof.twice == []
    return not proof.missing and not proof.unexplained and not proof.waiting
