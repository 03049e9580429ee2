"""SIGKILL at each boundary between and inside the five stages: the next run ends in the same state, 0 lost, 0 twice."""

import json
import os
import shutil
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import forked
from orderflow.domain.window import Window
from orderflow.sandbox import server
from orderflow.sandbox.demo.proof import prove
from orderflow.sandbox.shop import Shop

CHILD = Path(__file__).parent / "flow_child.py"
PROJECT = Path(__file__).resolve().parents[2]
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
SHOP = Shop(
    name="demo_woocommerce", platform="woocommerce", seed=5, start=START, ends=START + timedelta(hours=2), rate=120,
    pace=0.01, currency="TWD", defects=0.05, late_by=20,
)  # fmt: skip
WINDOW = Window(START - timedelta(minutes=1), START + timedelta(hours=3))

POINTS = [
    "extract:1", "extract:3", "clean:1", "clean:4", "validate:1", "validate:2", "load:1", "load:4", "sync:1", "sync:3",
]  # fmt: skip


@pytest.fixture(scope="module")
def shop():
    with server.serve(server.platforms_app([SHOP])) as url:
        yield url


def environment(dsn: str, shop: str, oms: str, folder: Path) -> dict[str, str]:
    def connection(kind: str, **parts: object) -> str:
        return json.dumps({"conn_type": kind, **parts})

    return {
        **os.environ,
        "PYTHONPATH": str(PROJECT / "include"),
        "ORDERFLOW_LANDING": str(folder / "landing"),
        "AIRFLOW_VAR_ORDERFLOW_VAULT_KEY": "test:" + "A" * 43 + "=",
        "AIRFLOW_CONN_ORDERFLOW_DB": connection("postgres", extra={"dsn": dsn}),
        "AIRFLOW_CONN_DEMO_OMS": connection("http", host=oms, password=server.OMS_TOKEN),
        "AIRFLOW_CONN_DEMO_WOOCOMMERCE": connection(
            "http", host=f"{shop}/{SHOP.name}", login="ck_demo", password="cs_demo"
        ),
    }


def run(folder: Path, environ: dict[str, str], point: str) -> subprocess.CompletedProcess[str]:
    return forked.run(str(CHILD), str(folder / "channels"), str(WINDOW), point, environ=environ)


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_is_finished_by_the_next_one(point: str, dsn: str, shop: str, tmp_path: Path):
    channels = tmp_path / "channels"
    channels.mkdir()
    text = (PROJECT / "include" / "channels" / "demo_woocommerce.yml").read_text()
    (channels / "demo_woocommerce.yml").write_text(text + "  batch: 50\n  concurrency: 1\n")
    shutil.copytree(PROJECT / "include" / "targets", tmp_path / "targets")
    with server.serve(server.oms_app(path=tmp_path / "oms.sqlite")) as oms:
        environ = environment(dsn, shop, oms, tmp_path)
        killed = run(tmp_path, environ, point)
        assert killed.returncode == -signal.SIGKILL, f"{point} was never reached: {killed.stdout} {killed.stderr}"
        finished = run(tmp_path, environ, "-")
        assert finished.returncode == 0, finished.stderr
        proof = prove(SHOP.name, dsn, shop, oms, live_from=WINDOW.end, until=WINDOW.end)
        assert (proof.missing, proof.twice, proof.unexplained) == ([], [], [])
        assert proof.orders > 150
        assert proof.delivered > 100
        effects = proof.effects
        again = run(tmp_path, environ, "-")
        assert again.returncode == 0, again.stderr
        assert prove(SHOP.name, dsn, shop, oms, live_from=WINDOW.end, until=WINDOW.end).effects == effects
