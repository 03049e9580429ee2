"""What the real servers of the tests have in common: each is filled once into a folder, and every run has a copy.

A folder holds a PostgreSQL with a database `base`; every use copies that one. The modules are scripts, too, which find
this one with `PYTHONPATH=include:tests`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg2

from orderflow.sandbox.postgres import Postgres, start


@contextlib.contextmanager
def shared(folder: Path, fill: Callable[[Postgres], None]) -> Iterator[Postgres]:
    """The folder's PostgreSQL, after `fill` has made what is missing.

    Several runs may use the folder at once: the first fills it, the last one stops PostgreSQL, and nobody comes or goes
    meanwhile.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "door").open("w") as door, (folder / "used").open("w") as used:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(used, fcntl.LOCK_SH)
        postgres = start(folder / "pg", durable=False)
        try:
            fill(postgres)
            fcntl.flock(door, fcntl.LOCK_UN)
            yield postgres
        finally:
            fcntl.flock(door, fcntl.LOCK_EX)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(used, fcntl.LOCK_EX | fcntl.LOCK_NB)
                postgres.stop()


def administer(postgres: Postgres, statement: str) -> None:
    """A statement that no transaction may hold."""
    with contextlib.closing(psycopg2.connect(postgres.dsn())) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)


@contextlib.contextmanager
def copied(postgres: Postgres, database: str) -> Iterator[str]:
    """A copy of the filled database, which is removed at the end; gives its DSN."""
    administer(postgres, f"create database {database} template base")
    try:
        yield postgres.dsn(database)
    finally:
        administer(postgres, f"drop database {database} with (force)")


def answers(url: str, process: subprocess.Popen[bytes], log: Path, *, status: int | None = 200) -> None:
    """Wait until the server answers (with this status); raises for one that ended, or is silent for two minutes."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}; read {log}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, timeout=30).status_code == status or status is None:
                return
        time.sleep(0.2)
    raise RuntimeError(f"nothing answers at {url}; read {log}")


def end(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> None:
    """End a server that was started with a session of its own, and all its processes."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, how)
    process.wait(20)
