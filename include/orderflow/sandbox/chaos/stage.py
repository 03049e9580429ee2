"""The stage: servers and database of one process that plays schedules, one after the other."""

from __future__ import annotations

import gc
import importlib
import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import psycopg2
import psycopg2.sql

from orderflow.domain.source import Runtime
from orderflow.sandbox.chaos import judge, shops, worker
from orderflow.sandbox.chaos.judge import Verdict
from orderflow.sandbox.chaos.play import Play
from orderflow.sandbox.chaos.schedule import PLATFORMS, Schedule, draw
from orderflow.sandbox.chaos.servers import Server, SharedClock
from orderflow.sandbox.chaos.worker import Site
from orderflow.sandbox.platforms import find
from orderflow.sandbox.postgres import Postgres, start
from orderflow.sandbox.world import World, showable
from orderflow.staging.migrate import migrate

TEMPLATE = "chaos_template"


class Outcome(msgspec.Struct):
    """What became of one seed."""

    seed: int
    verdict: Verdict
    fired: dict[str, int]
    """Faults that really happened, by kind."""
    attempts: int
    failures: dict[str, int]
    """Attempts that did not end well, by how."""
    seconds: float

    @property
    def failed(self) -> bool:
        return bool(self.verdict.lost or self.verdict.twice or self.verdict.unexplained)


class Stage:
    """Servers and database of one process that plays schedules, one after the other."""

    def __init__(self, postgres: Postgres, folder: Path) -> None:
        self.postgres, self.folder = postgres, folder
        self.clock = SharedClock()
        self.platform, self.oms = Server(self.clock), Server(self.clock)
        self._warm_up()
        with self._database() as cursor:
            cursor.execute("ALTER SYSTEM SET synchronous_commit = on")
            cursor.execute("SELECT pg_reload_conf()")
        with closing(psycopg2.connect(postgres.create(TEMPLATE))) as connection:
            migrate(connection)

    def _warm_up(self) -> None:
        """Import what a run imports on its way, once for all the processes that are forked from this one."""
        schedule = draw(0)
        shop = msgspec.structs.replace(schedule.shop, platform="csv_drop", options={})
        with TemporaryDirectory(dir=self.folder) as folder:
            self.clock.set(shop.start + timedelta(hours=6))
            site = Site(msgspec.structs.replace(schedule, shop=shop), self.clock, "", "", "", Path(folder))
            world = World(shop, showable(find("csv_drop").unshown))
            judge.clean_room(site, shop.start + timedelta(hours=5), world)
        for platform in PLATFORMS:
            importlib.import_module(worker.SOURCES.get(platform, worker.SOURCE).format(platform))
            find(platform)
        shops.target_of("http://127.0.0.1:1", Runtime(self.clock.now, self.clock.sleep))
        gc.collect()
        gc.freeze()

    def close(self) -> None:
        self.platform.kill()
        self.oms.kill()

    def play(self, schedule: Schedule) -> Outcome:
        """Play it to its end and judge it."""
        began = time.monotonic()
        name = f"chaos_{os.getpid()}_{schedule.seed}"
        with self._database() as cursor:
            for statement in ("DROP DATABASE IF EXISTS {0}", "CREATE DATABASE {0} TEMPLATE {1}"):
                names = psycopg2.sql.Identifier(name), psycopg2.sql.Identifier(TEMPLATE)
                cursor.execute(psycopg2.sql.SQL(statement).format(*names))
        with TemporaryDirectory(prefix=f"chaos-{schedule.seed}-", dir=self.folder) as folder:
            play = Play(self, schedule, self.postgres.dsn(name), Path(folder))
            verdict = play.whole()
        with self._database() as cursor:
            cursor.execute(psycopg2.sql.SQL("DROP DATABASE {0} WITH (FORCE)").format(psycopg2.sql.Identifier(name)))
        return Outcome(
            seed=schedule.seed,
            verdict=verdict,
            fired=dict(play.fired),
            attempts=play.attempts,
            failures=dict(play.failures),
            seconds=time.monotonic() - began,
        )

    @contextmanager
    def _database(self) -> Iterator[Any]:
        with closing(psycopg2.connect(self.postgres.dsn())) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor

    def restart_database(self) -> None:
        """As after a power cut of the database alone: what was committed is there."""
        self.postgres.kill()
        self.postgres = start(self.postgres.folder, durable=False)

    def lose_connections(self, dsn: str) -> None:
        with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
