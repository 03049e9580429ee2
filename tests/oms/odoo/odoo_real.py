"""A real Odoo 19 for the tests: Debian's package in `.orderflow/odoo`, on a PostgreSQL of its own.

Debian has it in its unstable distribution. Only that package is fetched and unpacked (1.2 GB), nothing is installed,
and its libraries come from PyPI. The first use builds one database with Sales, Inventory and Loyalty, a 15 % tax that
no order may get, products, pricelists, and a user who may sell and no more (a minute or more, with network); every
later use copies that database and starts the server (seconds). `PYTHONPATH=include:tests python
tests/oms/odoo/odoo_real.py` does the first use and prints the seconds.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from odoo_tables import LOGIN, SKUS

from loopback import free_port
from orderflow.sandbox.postgres import Postgres
from real_server import administer, answers, copied, end, shared

FOLDER = Path(__file__).parents[3] / ".orderflow" / "odoo"
PACKAGE = "odoo-19"
MIRROR = "http://deb.debian.org/debian sid main"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LIBRARIES = [
    "asn1crypto", "babel", "cbor2", "chardet", "cryptography", "docutils", "freezegun", "geoip2", "gevent", "greenlet",
    "idna", "jinja2", "libsass", "lxml-html-clean", "markupsafe", "num2words", "ofxparse", "openpyxl", "passlib",
    "pillow", "polib", "psutil", "psycopg2-binary", "pyopenssl", "pypdf", "pyserial", "python-dateutil",
    "python-magic", "python-stdnum", "pytz", "pyusb", "qrcode", "reportlab", "requests", "rjsmin", "setuptools<80",
    "urllib3", "vobject", "werkzeug<3.2", "xlrd", "xlsxwriter", "xlwt", "zeep",
]  # fmt: skip
_READY = FOLDER / "keys"
_SOURCES = FOLDER / "unpacked/usr/lib/python3/dist-packages"
_ROLE = "odoo"
_names = itertools.count(1)


def wanted() -> bool:
    """Whether this run asks for it with ORDERFLOW_REAL=1, where Debian's tools are: it takes minutes on every use."""
    return os.environ.get("ORDERFLOW_REAL") == "1" and bool(_READY.exists() or shutil.which("apt-get"))


@dataclass(slots=True)
class Running:
    """A running Odoo on a database of its own."""

    url: str
    database: str
    dsn: str
    key: str
    admin: str
    """The API key of a user who may do everything."""
    command: list[Any] = field(repr=False)
    process: subprocess.Popen[bytes] = field(repr=False)

    def kill(self) -> None:
        """End every process of the server at once, as a power cut would."""
        end(self.process, signal.SIGKILL)

    def start(self) -> None:
        """Start it again at the same address."""
        self.process = _started(self.command, self.url, self.database)


@contextlib.contextmanager
def running() -> Iterator[Running]:
    """Start Odoo on a fresh copy of the built database."""
    with shared(FOLDER, _fill) as postgres, _serving(postgres, f"shop_{os.getpid()}_{next(_names)}") as server:
        yield server


def _fill(postgres: Postgres) -> None:
    if not _READY.exists():
        _fetch()
        _install()
        _build(postgres)


@contextlib.contextmanager
def _serving(postgres: Postgres, database: str) -> Iterator[Running]:
    port, evented = free_port(), free_port()
    command = [*_odoo(postgres), "-d", database, "--http-interface", "127.0.0.1", "--http-port", str(port),
               "--gevent-port", str(evented), "--workers", "3", "--max-cron-threads", "0"]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    key, admin = _READY.read_text().split()
    with copied(postgres, database) as dsn:
        server = Running(url, database, dsn, key, admin, command, _started(command, url, database))
        try:
            yield server
        finally:
            end(server.process, signal.SIGKILL)
    (FOLDER / f"{database}.log").unlink()


def _started(command: list[Any], url: str, database: str) -> subprocess.Popen[bytes]:
    log = FOLDER / f"{database}.log"
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command, env=_environment(), cwd=FOLDER, stdout=sink, stderr=sink, start_new_session=True
        )
    answers(f"{url}/web/health", process, log)
    return process


def _fetch() -> None:
    """Unpack Debian's package, with apt's own check of its signature and nothing of this machine's apt touched."""
    apt = FOLDER / "apt"
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    (apt / "sources.list").write_text(f"deb [signed-by={KEYRING}] {MIRROR}\n")
    settings = {
        "Dir::Etc::SourceList": apt / "sources.list", "Dir::Etc::SourceParts": "/dev/null", "Dir::State": apt / "state",
        "Dir::Cache": apt / "cache", "Dir::State::status": "/dev/null", "APT::Sandbox::User": "root",
    }  # fmt: skip
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    subprocess.run(["apt-get", *options, "-qq", "update"], check=True)
    subprocess.run(["apt-get", *options, "-qq", "download", PACKAGE], cwd=apt, check=True)
    (package,) = apt.glob(f"{PACKAGE}_*.deb")
    subprocess.run(["dpkg-deb", "-x", package, FOLDER / "unpacked"], check=True)
    shutil.rmtree(apt)


def _install() -> None:
    subprocess.run([sys.executable, "-m", "venv", FOLDER / "venv"], check=True)
    installer = [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", FOLDER / "venv/bin/python"]
    subprocess.run([*installer, *LIBRARIES], check=True)
    (FOLDER / "odoo").write_text(
        f"#!{FOLDER}/venv/bin/python\nimport sys\nsys.path[:0] = [{str(_SOURCES)!r}]\n"
        "from odoo.cli import main\nmain()\n"
    )
    (FOLDER / "odoo").chmod(0o755)


def _build(postgres: Postgres) -> None:
    administer(postgres, "drop database if exists base")
    administer(postgres, f"drop role if exists {_ROLE}")
    administer(postgres, f"create role {_ROLE} superuser login")
    administer(postgres, f"create database base template template0 owner {_ROLE}")
    odoo = [*_odoo(postgres), "-d", "base"]
    setup = Path(__file__).with_name("odoo_setup.py").read_text()
    apps = ["-i", "sale_management,sale_stock,sale_loyalty", "--without-demo", "all", "--stop-after-init"]
    for command, text in (([*odoo, *apps], ""), ([odoo[0], odoo[1], "shell", *odoo[3:]], setup)):
        done = subprocess.run(
            command, input=text, env=_environment() | {"SKUS": " ".join(SKUS), "SELLER": LOGIN, "KEYS": str(_READY)},
            cwd=FOLDER, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode or (text and not _READY.exists()):
            raise RuntimeError(f"{command}: {done.stdout[-2000:]} {done.stderr[-4000:]}")


def _odoo(postgres: Postgres) -> list[Any]:
    """The command line of every use: where its parts and its database are."""
    parts = urlsplit(postgres.dsn())
    host = parse_qs(parts.query).get("host", [parts.hostname])[0]
    port = ["--db_port", str(parts.port)] if parts.port else []
    return [
        FOLDER / "venv/bin/python", FOLDER / "odoo", "server", "--data-dir", FOLDER / "files", "--db_host", host, *port,
        "--db_user", _ROLE, "--log-level", "warn",
    ]  # fmt: skip


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "PYTHON"))}


if __name__ == "__main__":
    begun = time.perf_counter()
    with running() as server:
        print(f"answers at {server.url} after {time.perf_counter() - begun:.1f} s")
