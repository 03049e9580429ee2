"""All of Airflow on one machine, for the demo and the end-to-end tests: `python -m orderflow.orchestration.serve`.

Airflow is imported once and its components are forked from that process, which costs a third of the start-up time of
five separate commands. The order matters: a scheduler that starts before the API server answers fails its first run,
so it is forked when `/execution/health/ping` answers. A component that dies is started again. SIGTERM or SIGINT ends
all of them. Production uses the separate services of `docker-compose.yml`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
import urllib.error
import urllib.request
from pathlib import Path

from airflow import configuration, settings
from airflow.cli import cli_parser

COMPONENTS = {
    "api-server": ["api-server"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer"],
    "scheduler": ["scheduler"],
}
PATIENCE = 8.0
"""Seconds a component has to end by itself."""


def serve(home: Path) -> int:
    """Run everything until SIGTERM or SIGINT; returns the exit code."""
    logs = home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stopping.append(received))
    migrate = _fork("db-migrate", ["db", "migrate"], logs)
    if os.waitstatus_to_exitcode(os.waitpid(migrate, 0)[1]):
        print(f"Airflow's database could not be migrated; read {logs / 'db-migrate.log'}", flush=True)
        return 1
    _preload()
    running = {name: _fork(name, COMPONENTS[name], logs) for name in COMPONENTS if name != "scheduler"}
    ping = f"http://127.0.0.1:{configuration.conf.getint('api', 'port')}/execution/health/ping"
    while not stopping and not _answers(ping):
        _restart_dead(running, logs)
        time.sleep(0.1)
    if not stopping:
        running["scheduler"] = _fork("scheduler", COMPONENTS["scheduler"], logs)
        (home / "components").write_text("".join(f"{name} {pid}\n" for name, pid in running.items()))
    while not stopping:
        if _restart_dead(running, logs):
            (home / "components").write_text("".join(f"{name} {pid}\n" for name, pid in running.items()))
        time.sleep(0.2)
    _stop(running)
    return 0


def _preload() -> None:
    """Import what the components share, so that a fork finds it in memory."""
    import airflow.dag_processing.manager
    import airflow.executors.local_executor
    import airflow.jobs.scheduler_job_runner
    import airflow.jobs.triggerer_job_runner
    import airflow.sdk.execution_time.supervisor
    import airflow.sdk.execution_time.task_runner
    import airflow.serialization.serialized_objects  # noqa: F401 - the last of the imports made for their effect


def _fork(name: str, arguments: list[str], logs: Path) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setpgid(0, 0)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        out = os.open(logs / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(out, 1)
        os.dup2(out, 2)
        settings.dispose_orm(do_log=False)
        settings.configure_orm()  # type: ignore[no-untyped-call] # Airflow has no types here
        sys.argv = ["airflow", *arguments]
        parsed = cli_parser.get_parser().parse_args(arguments)
        parsed.func(parsed)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:  # noqa: BLE001 - a forked child must never return into its parent's code
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - a fixed loopback address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _restart_dead(running: dict[str, int], logs: Path) -> bool:
    dead = {name for name, pid in running.items() if os.waitpid(pid, os.WNOHANG)[0]}
    for name in dead:
        _end_group(running[name])
        print(f"{name} ended and is started again; its log is {logs / name}.log", flush=True)
        time.sleep(1)
        running[name] = _fork(name, COMPONENTS[name], logs)
    return bool(dead)


def _stop(running: dict[str, int]) -> None:
    for pid in running.values():
        os.kill(pid, signal.SIGTERM)
    left, deadline = set(running.values()), time.monotonic() + PATIENCE
    while left and time.monotonic() < deadline:
        left = {pid for pid in left if not os.waitpid(pid, os.WNOHANG)[0]}
        time.sleep(0.05)
    for pid in running.values():
        _end_group(pid)


def _end_group(pid: int) -> None:
    """Kill what a component has left: its workers would go on without anybody who knows of them."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(serve(Path(os.environ["AIRFLOW_HOME"])))
