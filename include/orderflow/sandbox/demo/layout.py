"""Where the demo keeps things, on which ports it listens, and the environment its processes share."""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from orderflow.domain.errors import ConfigError
from orderflow.sandbox.postgres import Postgres

PROJECT = Path(__file__).resolve().parents[4]
"""The folder that holds `dags`, `plugins` and `include`."""

_LOCAL_SETTINGS = '''"""Settings that Airflow reads at start."""

import httpx

# An HTTPStatusError does not survive pickling, and LocalExecutor's scheduler ends when it reads one from a worker.
httpx.HTTPStatusError.__reduce__ = lambda self: (Exception.__new__, (type(self), *self.args), self.__dict__)
'''


@dataclass(frozen=True, slots=True)
class Layout:
    """One demo on this machine; `port` is Airflow's, the next ones are the others'."""

    home: Path
    port: int

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.port + 3}"

    @property
    def oms_url(self) -> str:
        return f"http://127.0.0.1:{self.port + 4}"

    @property
    def airflow_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ports(self) -> dict[int, str]:
        names = ("Airflow", "Airflow's worker logs", "Airflow's trigger logs", "the sandbox", "the reference OMS")
        return {self.port + offset: name for offset, name in enumerate(names)}

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def drop(self) -> Path:
        """The folder into which the sandbox drops the files of the channel `demo_csv`."""
        return self.home / "drop"

    def prepare(self) -> None:
        for folder in (self.logs, self.drop, self.home / "landing", self.home / "airflow" / "config"):
            folder.mkdir(parents=True, exist_ok=True)
        (self.home / "airflow" / "config" / "airflow_local_settings.py").write_text(_LOCAL_SETTINGS)
        (self.home / "airflow" / "passwords.json").write_text(json.dumps({"admin": "admin", "viewer": "viewer"}))

    def demand_free_ports(self) -> None:
        """Raises `ConfigError` naming every port that another program holds."""
        busy = [f"{port} ({name})" for port, name in self.ports.items() if not _is_free(port)]
        if busy:
            raise ConfigError(
                f"port {', '.join(busy)} on 127.0.0.1 is in use; stop what listens there (`make down` if it is an "
                f"earlier demo), or choose five other ports in a row: make demo PORT={self.port + 100}"
            )

    def secrets(self) -> dict[str, str]:
        """Secrets of this demo, made once and kept readable for its owner only."""
        path = self.home / "secrets.json"
        if not path.exists():
            made = {
                "jwt": secrets.token_urlsafe(64),
                "api": secrets.token_urlsafe(48),
                "fernet": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
                "vault": f"demo:{base64.b64encode(secrets.token_bytes(32)).decode()}",
            }
            path.touch(mode=0o600)
            path.write_text(json.dumps(made))
        kept: dict[str, str] = json.loads(path.read_text())
        return kept

    def environment(self, postgres: Postgres) -> dict[str, str]:
        """The environment of every process of the demo, and of `orderflow` commands that look at it."""
        secret = self.secrets()
        airflow_db = postgres.dsn("airflow").replace("postgresql://", "postgresql+psycopg2://", 1)
        return {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "PYTHONPATH": str(PROJECT / "include"),
            "ORDERFLOW_HOME": str(self.home),
            "ORDERFLOW_LANDING": str(self.home / "landing"),
            "AIRFLOW_HOME": str(self.home / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            # Four tasks a core, for two cores: some wait for PostgreSQL or a server while others compute. The default
            # forks 32 workers.
            "AIRFLOW__CORE__PARALLELISM": "8",
            "AIRFLOW__CORE__FERNET_KEY": secret["fernet"],
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "airflow" / "passwords.json"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.airflow_url}/execution/",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.airflow_url,
            "AIRFLOW__API__SECRET_KEY": secret["api"],
            "AIRFLOW__API_AUTH__JWT_SECRET": secret["jwt"],
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflow_db,
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(self.port + 1),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self.port + 2),
            # A run waits for the scheduler before each of its five tasks: with the default of 1 s five empty tasks in a
            # chain took 5.4 s, so 1.4 to 2 s.
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            # A supervisor often misses the end of its task and looks again after so many seconds; the slot stays taken.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "30",
            "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "2",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "30",
            "AIRFLOW_CONN_ORDERFLOW_DB": _connection("postgres", extra={"dsn": postgres.dsn("orderflow")}),
            "AIRFLOW_VAR_ORDERFLOW_VAULT_KEY": secret["vault"],
            "AIRFLOW_CONN_DEMO_SHOPIFY": _connection(
                "http", host=f"{self.sandbox_url}/demo_shopify", password="shpat_demo"
            ),
            "AIRFLOW_CONN_DEMO_WOOCOMMERCE": _connection(
                "http", host=f"{self.sandbox_url}/demo_woocommerce", login="ck_demo", password="cs_demo"
            ),
            "AIRFLOW_CONN_DEMO_CSV": _connection("file", host=str(self.drop)),
            "AIRFLOW_CONN_DEMO_OMS": _connection("http", host=self.oms_url, password="demo-oms-token"),
            "AIRFLOW_CONN_ORDERFLOW_AIRFLOW": _connection(
                "http", host=self.airflow_url, login="admin", password="admin"
            ),
        }

    def write_env_file(self, environment: dict[str, str]) -> Path:
        """A file to `source`, so that `orderflow` commands in another terminal look at this demo."""
        path = self.home / "env"
        kept = {name: value for name, value in environment.items() if name.startswith(("AIRFLOW", "ORDERFLOW"))}
        path.touch(mode=0o600)
        path.write_text("".join(f"export {name}={_quoted(value)}\n" for name, value in sorted(kept.items())))
        return path


def _connection(kind: str, **parts: object) -> str:
    return json.dumps({"conn_type": kind, **parts})


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
