"""Seconds from a window's end until the OMS has its orders: the real scheduler, N channels on a one-minute schedule.

    python -m benchmarks.lag [CHANNELS] [MINUTES] [NAME=VALUE ...]

Airflow, PostgreSQL, the simulated shops and the reference OMS run as in the demo, all on this machine; what each of
them costs is told apart. Half of the channels are WooCommerce sites, half Shopify shops, with about three orders a
minute each. An order's `lag` counts from the end of the first window that must hold it, which comes `settle` after the
order was visible, or later; `from visible` is the whole way, less the settle lag: on it an order waits half a minute
for that end. NAME=VALUE sets something in Airflow's environment, such as AIRFLOW__CORE__PARALLELISM=4, to see what it
is worth.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import psutil

from benchmarks.measure import ROOT, cpu_of
from orderflow import config
from orderflow.command.airflow import AirflowApi
from orderflow.domain.window import Window
from orderflow.sandbox import postgres
from orderflow.sandbox.demo.figures import query
from orderflow.sandbox.demo.layout import Layout
from orderflow.sandbox.demo.processes import Processes
from orderflow.sandbox.shop import Shop
from orderflow.staging import ledger
from orderflow.staging.migrate import migrate
from orderflow.staging.store import connect

PORT = 18870
SETTLE, MINUTE = timedelta(seconds=5), timedelta(minutes=1)
WARM_UP = 2
"""Minutes before the first one that counts."""
PATIENCE = 180.0
"""Seconds for the last orders to arrive."""
RATE = 180.0
"""Orders per hour and channel."""
PLATFORMS: tuple[tuple[str, dict[str, str]], ...] = (
    ("woocommerce", {"login": "ck_demo", "password": "cs_demo"}),
    ("shopify", {"password": "shpat_demo"}),
)

CHANNEL = """\
title: Shop {name}, 旗艦店
owner: team <team@shop.example>
source:
  adapter: {platform}
  connection: {name}
schedule:
  cron: "* * * * *"
  start: {start}
  settle: {settle}s
oms:
  target: demo
"""

_RECEIPTS = """
select channel, order_id, min(accepted_at) as at from orderflow.receipts where outcome = 'accepted' group by 1, 2
"""
_TASKS = """
select t.task_id as name, t.start_date - t.queued_dttm as waited, t.end_date - t.start_date as took
from task_instance as t join dag_run as r using (dag_id, run_id)
where r.dag_id like 'orders.%%' and r.data_interval_end between %s and %s and t.state = 'success'
"""
_RUNS = """
select r.state, r.start_date - r.data_interval_end as waited, r.end_date - r.start_date as took
from dag_run as r where r.dag_id like 'orders.%%' and r.data_interval_end between %s and %s
"""


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that runs. `span` is what is measured: whole minutes."""

    layout: Layout
    server: postgres.Postgres
    processes: Processes
    shops: list[Shop]
    span: Window

    @property
    def airflow(self) -> psutil.Process:
        return psutil.Process(self.processes.running["airflow"].pid)


@dataclass(slots=True)
class Lags:
    """Seconds of every order that was visible in the measured time; `open` is how many never came."""

    lag: list[float] = field(default_factory=list)
    visible: list[float] = field(default_factory=list)
    open: int = 0


def main(channels: int = 20, minutes: int = 5, settings: Mapping[str, str] | None = None) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="orderflow-lag-") as place:
        home = Path(place)
        with contextlib.ExitStack() as stack:
            bench = stack.enter_context(_running(home, channels, minutes, settings or {}))
            _until(bench.span.start)
            before = spent(bench)
            _until(bench.span.end)
            costs = {name: cpu - before[name] for name, cpu in spent(bench).items()}
            found = _arrived(bench)
            report(bench, found, costs, minutes)


@contextlib.contextmanager
def _running(home: Path, channels: int, minutes: int, settings: Mapping[str, str]) -> Iterator[Bench]:
    layout = Layout(home, PORT)
    layout.prepare()
    layout.demand_free_ports()
    server = postgres.start(home / "pg")
    try:
        server.create("airflow")
        with contextlib.closing(connect(server.create("orderflow"), name="benchmark")) as connection:
            migrate(connection)
        opened = datetime.now(UTC).replace(second=0, microsecond=0)
        shops = [_shop(number, opened) for number in range(channels)]
        _write_project(home / "project", shops)
        environment = {**layout.environment(server), **_places(layout, shops), **settings}
        with Processes(layout.logs, environment) as processes:
            _start(layout, processes, shops)
            first = _go(layout, server, shops)
            yield Bench(layout, server, processes, shops, Window(first, first + minutes * MINUTE))
    finally:
        server.stop()


def _shop(number: int, opened: datetime) -> Shop:
    platform, _ = PLATFORMS[number % len(PLATFORMS)]
    name, start = f"lag_{number:03d}", opened - timedelta(minutes=10)
    return Shop(name=name, platform=platform, seed=number + 1, start=start, live_from=opened, live_rate=RATE, late=0.0)


def _write_project(project: Path, shops: list[Shop]) -> None:
    """DAGs and plugins of this project over channel files of their own."""
    for folder in ("dags", "plugins", "include/targets"):
        shutil.copytree(ROOT / folder, project / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (project / "include" / "channels").mkdir()
    for shop in shops:
        day = (shop.start - timedelta(days=1)).date()
        text = CHANNEL.format(name=shop.name, platform=shop.platform, start=day, settle=SETTLE.seconds)
        (project / "include" / "channels" / f"{shop.name}.yml").write_text(text)


def _places(layout: Layout, shops: list[Shop]) -> dict[str, str]:
    """What differs from the demo's environment: where DAGs lie, and the connections of the channels."""
    project = layout.home / "project"
    connections = {}
    for shop in shops:
        host = {"conn_type": "http", "host": f"{layout.sandbox_url}/{shop.name}"}
        connections[f"AIRFLOW_CONN_{shop.name.upper()}"] = json.dumps({**host, **dict(PLATFORMS)[shop.platform]})
    folders = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(project / "plugins"),
    }
    return {**folders, **connections}


def _start(layout: Layout, processes: Processes, shops: list[Shop]) -> None:
    (layout.home / "shops.json").write_bytes(msgspec.json.encode(shops))
    sandbox = ["orderflow", "sandbox", "--shops", str(layout.home / "shops.json"), "--port", str(layout.port + 3)]
    processes.start("sandbox", [*sandbox, "--drop", str(layout.drop)])
    oms = ["orderflow", "oms", "--file", str(layout.home / "oms.sqlite"), "--port", str(layout.port + 4)]
    processes.start("oms", oms)
    processes.start("airflow", ["orderflow.orchestration.serve"])
    components = layout.home / "airflow" / "components"
    processes.wait_until(components.exists, what="Airflow", log="airflow", seconds=180)


def _go(layout: Layout, server: postgres.Postgres, shops: list[Shop]) -> datetime:
    """Set every channel going; returns the first minute that counts."""
    api = AirflowApi(layout.airflow_url, "admin", "admin")
    wanted = {f"orders.{shop.name}" for shop in shops}
    end = time.monotonic() + PATIENCE
    while missing := wanted - api.dags(tag="orders"):
        if time.monotonic() > end:
            raise TimeoutError(f"Airflow does not know {len(missing)} of {len(wanted)} DAGs: {api.import_errors()}")
        time.sleep(0.5)
    dsn = server.dsn("orderflow")
    with contextlib.closing(connect(dsn, name="benchmark")) as connection:
        for channel in config.read(layout.home / "project" / "include" / "channels").channels:
            past = Window(channel.start, datetime.now(UTC).replace(second=0, microsecond=0))
            ledger.unreachable(connection, channel.name, past, "benchmark", "the shops had not opened yet")
    for name in sorted(wanted):
        api.pause(name, paused=False)
    return datetime.now(UTC).replace(second=0, microsecond=0) + (WARM_UP + 1) * MINUTE


def spent(bench: Bench) -> dict[str, float]:
    """CPU seconds so far, by what they were spent on; `tasks` are the scheduler's workers and all that they started."""
    components = dict(row.split() for row in (bench.layout.home / "airflow" / "components").read_text().splitlines())
    trees = {name: psutil.Process(int(pid)) for name, pid in components.items()}
    scheduler = trees.pop("scheduler")
    own = scheduler.cpu_times()
    return {
        "tasks": tree(scheduler) - own.user - own.system,
        "scheduler": own.user + own.system,
        **{name: tree(process) for name, process in trees.items()},
        "PostgreSQL": cpu_of(psutil.Process(bench.server.server.get_pid())),
        "shops and OMS": sum(tree(psutil.Process(bench.processes.running[name].pid)) for name in ("sandbox", "oms")),
    }


def tree(root: psutil.Process) -> float:
    """CPU seconds of a process and all it has started, the ended ones included."""
    seconds = 0.0
    for each in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def _until(moment: datetime) -> None:
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))


def _arrived(bench: Bench) -> Lags:
    """The lags, once every order of the measured time has come, or patience is over."""
    end = time.monotonic() + PATIENCE
    while (found := lags(bench)).open and time.monotonic() < end:
        time.sleep(2)
    return found


def lags(bench: Bench) -> Lags:
    """Of every good order whose first window ended within `span`."""
    rows = query(bench.server.dsn("orderflow"), _RECEIPTS)
    accepted = {(row["channel"], row["order_id"]): row["at"] for row in rows}
    found = Lags()
    for shop in bench.shops:
        truth = httpx.get(f"{bench.layout.sandbox_url}/_sandbox/{shop.name}/truth", timeout=60).raise_for_status()
        for order in truth.json()["orders"]:
            visible = datetime.fromisoformat(order["created_at"])
            end = (visible + SETTLE).replace(second=0, microsecond=0) + MINUTE
            if order["outcome"] != "accept" or not bench.span.start <= end < bench.span.end:
                continue
            names = ((shop.name, name) for name in (order["order_id"], *order["aliases"]))
            at = next((accepted[name] for name in names if name in accepted), None)
            if at is None:
                found.open += 1
            else:
                found.lag.append((at - end).total_seconds())
                found.visible.append((at - visible - SETTLE).total_seconds())
    return found


def report(bench: Bench, found: Lags, costs: Mapping[str, float], minutes: int) -> None:
    dsn = bench.server.dsn("airflow")
    span = (bench.span.start, bench.span.end - timedelta(seconds=1))
    tasks, runs = query(dsn, _TASKS, *span), query(dsn, _RUNS, *span)
    channels = len(bench.shops)
    done = sum(run["state"] == "success" for run in runs)
    due = channels * minutes
    print(f"{channels} channels, {minutes} minutes: {due} runs due, {done} done, {len(found.lag)} orders")
    print(f"{'seconds':20} {'median':>8} {'p90':>8} {'most':>8}")
    print(line("lag", found.lag) + (f"   {found.open} orders never came" if found.open else ""))
    print(line("from visible", found.visible))
    print(line("run waited", _seconds(runs, "waited")))
    print(line("run took", _seconds(runs, "took")))
    for name in ("extract", "clean", "validate", "load_to_staging", "sync_to_oms"):
        mine = [task for task in tasks if task["name"] == name]
        print(line(f"{name} waited", _seconds(mine, "waited")))
        print(line(f"{name} took", _seconds(mine, "took")))
    print(f"\n{'CPU seconds':20} {'a minute':>8} {'a run':>8}")
    for name, cpu in {**costs, "all": sum(costs.values())}.items():
        print(f"{name:20} {cpu / minutes:8.2f} {cpu / max(done, 1):8.3f}")


def _seconds(rows: list[dict[str, timedelta]], name: str) -> list[float]:
    return [row[name].total_seconds() for row in rows if row[name] is not None]


def line(name: str, seconds: list[float]) -> str:
    if not seconds:
        return f"{name:20} {'-':>8}"
    ordered = sorted(seconds)
    p90 = ordered[int(0.9 * (len(ordered) - 1))]
    return f"{name:20} {statistics.median(ordered):8.2f} {p90:8.2f} {ordered[-1]:8.2f}"


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:] if "=" not in each]
    main(*numbers, settings=dict(each.split("=", 1) for each in sys.argv[1:] if "=" in each))
