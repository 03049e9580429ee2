"""A real Airflow API server with the pages: its own database, two users, and a project folder of the test's making."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

PROJECT = Path(__file__).resolve().parents[2]
USERS = {"admin": "admin", "viewer": "viewer"}

_PREPARE = """
from airflow import settings
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
from airflow.utils.db import initdb
from airflow.utils.session import create_session
settings.configure_orm()
initdb()
with create_session() as session:
    manager = DagBundlesManager()
    manager.sync_bundles_to_db(session=session)
    session.commit()
    for bundle in manager.get_all_dag_bundles():
        bundle.initialize()
        bag = BundleDagBag(bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
        assert not bag.import_errors, bag.import_errors
        sync_bag_to_db(bag, bundle.name, bundle_version=None, session=session)
"""


@dataclass
class Server:
    """Where it answers, and the folder with its logs."""

    url: str
    home: Path
    environment: dict[str, str]

    def client(self, user: str | None) -> httpx.Client:
        """A client with this user's token, as a script has it; None: without."""
        headers = {}
        if user is not None:
            login = {"username": user, "password": user}
            token = httpx.post(f"{self.url}/auth/token", json=login, timeout=20).raise_for_status().json()
            headers["Authorization"] = f"Bearer {token['access_token']}"
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)


def environment(home: Path, port: int, airflow_db: str, staging_db: str) -> dict[str, str]:
    """`home/project` is the folder with `plugins`, `dags` and `include`."""
    project = home / "project"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "ORDERFLOW"))}
    return {
        **kept,
        "PYTHONPATH": str(PROJECT / "include"),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(project / "plugins"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{name}" for name in USERS),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__SECRET_KEY": "of no account",
        "AIRFLOW__API_AUTH__JWT_SECRET": "of no account, and long enough to sign the tokens of a test with all of it",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflow_db.replace("postgresql://", "postgresql+psycopg2://", 1),
        "AIRFLOW_CONN_ORDERFLOW_DB": json.dumps({"conn_type": "postgres", "extra": {"dsn": staging_db}}),
        "ORDERFLOW_LANDING": str(home / "landing"),
    }


def prepare(home: Path, around: dict[str, str]) -> None:
    """Airflow's database with the DAGs of the channels and `heal`, and the plugin; `home/project/include` exists."""
    for name in ("plugins/orderflow_plugin.py", "plugins/.airflowignore", "dags/channels.py", "dags/heal.py"):
        (home / "project" / name).parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT / name, home / "project" / name)
    (home / "passwords.json").write_text(json.dumps(USERS))
    with (home / "prepare.log").open("wb") as log:
        done = subprocess.run([sys.executable, "-c", _PREPARE], env=around, stdout=log, stderr=log, check=False)
    assert done.returncode == 0, (home / "prepare.log").read_text()[-3000:]


def start(home: Path, around: dict[str, str]) -> subprocess.Popen[bytes]:
    with (home / "api-server.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "airflow", "api-server"],
            env=around, stdout=log, stderr=log, cwd=home, start_new_session=True,
        )  # fmt: skip


def wait(process: subprocess.Popen[bytes], home: Path, url: str, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if httpx.get(f"{url}/api/v2/version", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        if process.poll() is not None or time.monotonic() > end:
            raise AssertionError((home / "api-server.log").read_text()[-3000:])
        time.sleep(0.2)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
