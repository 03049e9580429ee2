"""What Airflow pays for 1, 50, 200 and 1,000 channel files, against "200 under 2 s, 1,000 under 10 s".

    python -m benchmarks.parse_dags

`parse` is what the DAG processor pays over and over: a process forked from its own, which has imported Airflow and
what DAG files need (`orchestration/preload.py`), reads the files, builds the DAGs and serialises them; `read` and
`build` are parts of it. `fresh` is the same in a new process that has to import everything first. `task` is the forked
parse of a task, which builds its own DAG only. Seconds are CPU seconds, which do not depend on neighbours; `wall` is
the clock's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.measure import ROOT

SIZES = (1, 50, 200, 1000)
MOST = {200: 2.0, 1000: 10.0}
"""Seconds that a parse of so many files may take."""

CHANNEL = """\
title: Shop {number}, 旗艦店
owner: team-{team} <team-{team}@shop.example>
source:
  adapter: shopify
  connection: shop_{number}
schedule:
  cron: "{minute}/15 * * * *"
  timezone: Asia/Taipei
  start: 2026-01-01
  lookback: 30m
  deadline: 25m
clean:
  currency: TWD
  lookups:
    payment_method: {{COD: cash_on_delivery, 信用卡: card}}
validate:
  quarantine_at_most: 2%
  orders_per_window: [0, 5000]
oms:
  target: demo
alerts: [ops-chat, mail]
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU and wall seconds of a process, and its peak memory in megabytes, with what it shares with its parent."""

    cpu: float
    wall: float
    peak: float


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="orderflow-parse-") as place:
        root = Path(place)
        os.environ |= {"AIRFLOW_HOME": place, "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING"}
        shutil.copytree(ROOT / "dags", root / "dags", ignore=shutil.ignore_patterns("__pycache__"))
        dag_file = root / "dags" / "channels.py"
        fresh = {size: _fresh(root, size, dag_file) for size in SIZES}
        _become_dag_processor()
        print("files    read   build   parse    wall  peak MB   must be   fresh    task")
        for size in SIZES:
            write(root / "include", size)
            parse = forked(_parse, dag_file, size)
            read = forked(_read, root / "include")
            build = forked(_build, root / "include")
            os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = "orders.shop_0"
            task = forked(_parse, dag_file, 1)
            del os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"]
            most = f"< {MOST[size]:.0f} s" if size in MOST else ""
            print(
                f"{size:5d} {read.cpu:7.2f} {build.cpu - read.cpu:7.2f} {parse.cpu:7.2f} {parse.wall:7.2f} "
                f"{parse.peak:8.0f} {most:>9} {fresh[size].cpu:7.2f} {task.cpu:7.2f}",
                flush=True,
            )


def write(include: Path, size: int) -> None:
    """A folder of so many channel files, with the targets that they name."""
    shutil.rmtree(include, ignore_errors=True)
    (include / "channels").mkdir(parents=True)
    shutil.copytree(ROOT / "include" / "targets", include / "targets")
    for number in range(size):
        text = CHANNEL.format(number=number, team=number % 7, minute=number % 15)
        (include / "channels" / f"shop_{number}.yml").write_text(text)


def _fresh(root: Path, size: int, dag_file: Path) -> Cost:
    write(root / "include", size)
    command = [sys.executable, "-m", "benchmarks.parse_dags", str(dag_file), str(size)]
    return forked(partial(subprocess.run, check=True), command)


def _become_dag_processor() -> None:
    import airflow.dag_processing.manager  # noqa: F401 - imported for its effect

    from orderflow.orchestration import preload

    preload.import_for("dag-processor")


def forked(work: Callable[..., object], *arguments: object) -> Cost:
    """The cost of `work` in a child of this process, and of the processes that it starts."""
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work(*arguments)
            code = 0
        finally:
            os._exit(code)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise ChildProcessError(f"exit {os.waitstatus_to_exitcode(status)}")
    return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - began, usage.ru_maxrss / 1e3)


def _parse(dag_file: Path, size: int) -> None:
    """Airflow's own parse, as in the process that it forks for a file."""
    import structlog
    from airflow.dag_processing.processor import DagFileParseRequest, _parse_file

    request = DagFileParseRequest(file=str(dag_file), bundle_path=dag_file.parent, bundle_name="dags-folder")
    found = _parse_file(request, structlog.get_logger())
    assert found is not None
    assert len(found.serialized_dags) == size, found.import_errors
    found.model_dump_json()


def _read(include: Path) -> list:
    from orderflow import config

    return config.read(include / "channels").channels


def _build(include: Path) -> None:
    from orderflow.orchestration.dag import build

    for channel in _read(include):
        build(channel, include)


if __name__ == "__main__":
    if sys.argv[1:]:
        _parse(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        main()
