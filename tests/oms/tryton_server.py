"""A real Tryton 7.0 for the tests: installed from PyPI into `.orderflow/tryton`, on a PostgreSQL of its own.

The first use installs packages (half a minute or so, with network) and builds one database with a company, accounts, a
20 % tax that no order may get, and products; every later use copies that database and starts the server (seconds).
`PYTHONPATH=include:tests python tests/oms/tryton_server.py` does the first use and prints the seconds.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loopback import free_port
from orderflow.sandbox.postgres import Postgres
from real_server import administer, answers, copied, end, shared

FOLDER = Path(__file__).parents[2] / ".orderflow" / "tryton"
PACKAGES = ["trytond==7.0.*", "trytond-sale==7.0.*", "trytond-web-shop==7.0.*", "proteus==7.0.*", "psycopg2-binary",
            "passlib", "gunicorn"]  # fmt: skip
LOGIN, PASSWORD = "orderflow", "orderflow-Passw0rd"
SKUS = [f"SKU-{number:03d}" for number in range(1, 11)]
_READY = FOLDER / "ready"
_names = itertools.count(1)


def wanted() -> bool:
    """Whether this run may use it: installed already, or asked for with ORDERFLOW_REAL=1."""
    return _READY.exists() or os.environ.get("ORDERFLOW_REAL") == "1"


@dataclass(frozen=True, slots=True)
class Server:
    """A running trytond: `url` without path, one database, and the DSN of that database."""

    url: str
    database: str
    dsn: str


@contextlib.contextmanager
def running(settings: str = "") -> Iterator[Server]:
    """Start trytond on a fresh copy of the built database; `settings` is appended to trytond.conf."""
    with (
        shared(FOLDER, _fill) as postgres,
        _serving(postgres, f"shop_{os.getpid()}_{next(_names)}", settings) as server,
    ):
        yield server


def _fill(postgres: Postgres) -> None:
    _install()
    if not _READY.exists():
        _build(postgres)


@contextlib.contextmanager
def _serving(postgres: Postgres, database: str, settings: str) -> Iterator[Server]:
    config = _config(postgres, f"{database}.conf", settings)
    address = f"127.0.0.1:{free_port()}"
    environment = {**os.environ, "TRYTOND_CONFIG": str(config), "TRYTOND_DATABASE_NAMES": database, "PYTHONPATH": ""}
    command = [FOLDER / "venv/bin/gunicorn", "-b", address, "-w", "2", "--threads", "3", "trytond.application:app"]
    log = FOLDER / f"{database}.log"
    with copied(postgres, database) as dsn:
        with log.open("wb") as sink:
            process = subprocess.Popen(command, env=environment, stdout=sink, stderr=sink, start_new_session=True)
        try:
            answers(f"http://{address}", process, log, status=None)
            yield Server(f"http://{address}", database, dsn)
        finally:
            end(process)
            config.unlink()
    log.unlink()


def _install() -> None:
    if (FOLDER / "venv/bin/gunicorn").exists():
        return
    subprocess.run([sys.executable, "-m", "venv", FOLDER / "venv"], check=True)
    installer = [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", FOLDER / "venv/bin/python"]
    subprocess.run([*installer, *PACKAGES], check=True)


def _config(postgres: Postgres, name: str, settings: str = "") -> Path:
    path = FOLDER / name
    (FOLDER / "files").mkdir(exist_ok=True)
    path.write_text(
        f"[database]\nuri = {postgres.dsn('')}\npath = {FOLDER / 'files'}\nretry = 10\n"
        f"[session]\ntimeout = 3600\n[password]\nlength = 4\n{settings}\n"
    )
    return path


def _build(postgres: Postgres) -> None:
    administer(postgres, "drop database if exists base")
    postgres.create("base")
    config = _config(postgres, "build.conf")
    secret = FOLDER / "admin-password"
    secret.write_text("admin-Passw0rd")
    environment = {**os.environ, "TRYTONPASSFILE": str(secret), "PYTHONPATH": ""}
    admin = [FOLDER / "venv/bin/trytond-admin", "-c", config, "-d", "base", "--email", "admin@example.test"]
    python = FOLDER / "venv/bin/python"
    setup = Path(__file__).with_name("tryton_setup.py")
    for command in (
        [*admin, "--all"],
        [*admin, "-u", "sale", "web_shop", "--activate-dependencies"],
        [python, setup, config, "base", LOGIN, PASSWORD, *SKUS],
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stdout[-2000:]} {done.stderr[-4000:]}")
    _READY.touch()


if __name__ == "__main__":
    begun = time.perf_counter()
    with running() as server:
        print(f"answers at {server.url} after {time.perf_counter() - begun:.1f} s")
