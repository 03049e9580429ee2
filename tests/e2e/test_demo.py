"""The whole product through the real Airflow scheduler, with SIGKILL in the middle, held against the truth."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

PROJECT = Path(__file__).resolve().parents[2]
PORT = 18470


def demo(home: Path, log: Path) -> subprocess.Popen[bytes]:
    environ = {**os.environ, "PYTHONPATH": str(PROJECT / "include"), "ORDERFLOW_HOME": str(home), "COLUMNS": "160"}
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "orderflow", "demo", "--once", "--port", str(PORT)],
            env=environ, stdout=out, stderr=subprocess.STDOUT, cwd=PROJECT, start_new_session=True,
        )  # fmt: skip


def until(ready, *, running: subprocess.Popen[bytes], log: Path, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert running.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.3)


def in_the_oms(url: str) -> int:
    try:
        return httpx.get(f"{url}/_effects", timeout=5).json()["effects"]
    except (httpx.HTTPError, ValueError):
        return 0


def child(running: subprocess.Popen[bytes], *words: str) -> psutil.Process:
    for process in psutil.Process(running.pid).children():
        try:
            if set(words) <= set(process.cmdline()):
                return process
        except psutil.Error:
            continue
    raise AssertionError(f"no process {words}")


def left_over(home: Path) -> list[str]:
    """Processes of this demo that still run."""
    alive = []
    for process in psutil.process_iter(["cmdline"]):
        try:
            if process.environ().get("ORDERFLOW_HOME") == str(home):
                alive.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return alive


def test_three_channels_end_in_the_oms_whatever_is_killed_and_a_second_run_changes_nothing(tmp_path: Path):
    home, log = tmp_path / "home", tmp_path / "first.log"
    running = demo(home, log)
    try:
        components = home / "airflow" / "components"
        until(components.exists, running=running, log=log, seconds=180)
        oms = f"http://127.0.0.1:{PORT + 4}"
        until(lambda: in_the_oms(oms) > 200, running=running, log=log, seconds=240)
        for name in ("oms", "sandbox"):
            child(running, "orderflow", name).kill()
        scheduler = dict(line.split() for line in components.read_text().splitlines())["scheduler"]
        os.kill(int(scheduler), signal.SIGKILL)
        assert running.wait(600) == 0, log.read_text()
    finally:
        if running.poll() is None:
            running.terminate()
            running.wait(120)
    said = log.read_text()
    orders = re.search(r"(\d+) orders: 0 missing, 0 twice, 0 unexplained", said)
    assert orders, said
    assert int(orders[1]) > 5000
    assert "ended and was started again" in said
    assert f"Airflow: http://127.0.0.1:{PORT}  (user admin, password admin)" in said
    assert "stop: Ctrl-C, or make down" in said
    assert left_over(home) == []

    again = tmp_path / "second.log"
    second = demo(home, again)
    assert second.wait(400) == 0, again.read_text()
    assert "second pull: 0 new orders, 0 new versions, 0 new effects" in again.read_text()
    assert left_over(home) == []
