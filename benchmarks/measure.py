"""What a process costs: CPU seconds of it and its children and of PostgreSQL, peak memory of its tree, wall time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
EVERY = 0.05
"""Seconds between looks at memory."""


@dataclass(frozen=True, slots=True)
class Cost:
    """`cpu` and `postgres` in CPU seconds, `wall` in seconds, `peak` in megabytes; `said` is what it printed."""

    wall: float
    cpu: float
    postgres: float
    peak: float
    said: str


class FailedError(Exception):
    """A contestant ended with an error; holds the end of what it said."""


def cpu_of(server: psutil.Process) -> float:
    """CPU seconds of a PostgreSQL server and all its processes, the ended ones included.

    What one of them spent moves to its parent when it ends: where one ends during a look, it would be counted twice or
    not at all, and another look is taken.
    """
    while True:
        before = server.cpu_times()
        living = sum(map(_own, server.children()))
        times = server.cpu_times()
        if (times.children_user, times.children_system) == (before.children_user, before.children_system):
            return times.user + times.system + times.children_user + times.children_system + living


def _own(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


def run(
    command: Sequence[str], server: psutil.Process, *, environment: Mapping[str, str] | None = None, nice: int = 0
) -> Cost:
    """Run a command to its end and measure it; raises `FailedError` when it fails."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "include")])
    with _written() as (out, errors):
        before, began = cpu_of(server), time.perf_counter()
        process = subprocess.Popen(
            [*(["nice", "-n", str(nice)] if nice else []), *command],
            stdout=out,
            stderr=errors,
            env={**os.environ, "PYTHONPATH": paths, **(environment or {})},
        )
        peaks = [0.0]
        watching = threading.Thread(target=_watch, args=(process.pid, peaks), daemon=True)
        watching.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        watching.join()
        said, complaint = (Path(each.name).read_text(errors="replace") for each in (out, errors))
    if process.returncode:
        raise FailedError(f"{' '.join(command[:4])}: exit {process.returncode}: {complaint[-2000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, cpu_of(server) - before, peaks[0], said)


@contextmanager
def _written() -> Iterator[tuple]:
    import tempfile

    with tempfile.NamedTemporaryFile("w") as out, tempfile.NamedTemporaryFile("w") as errors:
        yield out, errors


def _watch(pid: int, peaks: list[float]) -> None:
    """Keep the largest sum of resident memory over the process and its children."""
    try:
        root = psutil.Process(pid)
        while root.status() != psutil.STATUS_ZOMBIE:
            held = 0
            for each in [root, *root.children(recursive=True)]:
                try:
                    held += each.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            peaks[0] = max(peaks[0], held / 1e6)
            time.sleep(EVERY)
    except psutil.NoSuchProcess:
        return


def ours(module: str, *arguments: str) -> list[str]:
    """The command of a module of this package, in the project's own interpreter."""
    return [sys.executable, "-m", f"benchmarks.{module}", *arguments]
