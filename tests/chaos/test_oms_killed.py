"""SIGKILL of the OMS while it takes orders: nothing is lost, nothing has two effects, nothing is refused for it."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psycopg2
import pytest
from test_kill import PROJECT, SHOP, WINDOW, environment, run

from loopback import free_port
from orderflow.sandbox import server
from orderflow.sandbox.demo.proof import prove

TRIES = 8


class Oms:
    """The reference OMS in a process of its own, on one SQLite file and one port."""

    def __init__(self, file: Path, port: int, environ: dict[str, str]) -> None:
        self.command = [sys.executable, "-m", "orderflow", "oms", "--file", str(file), "--port", str(port)]
        self.environ, self.url = environ, f"http://127.0.0.1:{port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, env=self.environ, stdout=subprocess.DEVNULL)
        while self.effects() is None:
            assert self.process.poll() is None, "the OMS ended by itself"
            time.sleep(0.05)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def effects(self) -> int | None:
        try:
            return httpx.get(f"{self.url}/_effects", timeout=2).json()["effects"]
        except httpx.HTTPError:
            return None


@pytest.mark.parametrize("after", [1, 60, 120])
def test_an_oms_that_is_killed_while_it_takes_orders(after: int, dsn: str, tmp_path: Path):
    port = free_port()
    channels = tmp_path / "channels"
    channels.mkdir()
    text = (PROJECT / "include" / "channels" / "demo_woocommerce.yml").read_text()
    (channels / "demo_woocommerce.yml").write_text(text + "  batch: 20\n  concurrency: 2\n")
    shutil.copytree(PROJECT / "include" / "targets", tmp_path / "targets")
    with server.serve(server.platforms_app([SHOP])) as shop:
        environ = environment(dsn, shop, f"http://127.0.0.1:{port}", tmp_path)
        oms = Oms(tmp_path / "oms.sqlite", port, environ)
        oms.start()
        try:
            command = [sys.executable, str(Path(__file__).parent / "flow_child.py"), str(channels), str(WINDOW), "-"]
            running = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            while (oms.effects() or 0) < after and running.poll() is None:
                time.sleep(0.001)
            oms.kill()
            time.sleep(0.3)
            oms.start()
            running.communicate(timeout=120)
            for _ in range(TRIES):
                finished = run(tmp_path, environ, "-")
                if finished.returncode == 0:
                    break
            assert finished.returncode == 0, finished.stderr
            proof = prove(SHOP.name, dsn, shop, oms.url, live_from=WINDOW.end, until=WINDOW.end)
            assert (proof.missing, proof.twice, proof.unexplained) == ([], [], [])
            with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
                cursor.execute("select reason from orderflow.receipts where outcome = 'refused'")
                reasons = [reason.partition(":")[0] for (reason,) in cursor.fetchall()]
            connection.close()
            assert set(reasons) <= {"SKU_UNKNOWN", "COUNTRY_BLOCKED"}
            assert proof.delivered > 100
        finally:
            oms.kill()
