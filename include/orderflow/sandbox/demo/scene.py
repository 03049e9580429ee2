"""A demo while it plays: what it consists of, and how it is kept up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from os.path import relpath

import httpx
import psycopg2

from orderflow.command.airflow import AirflowApi
from orderflow.domain.errors import TransientError
from orderflow.sandbox.demo.layout import Layout
from orderflow.sandbox.demo.processes import Processes
from orderflow.sandbox.demo.screen import console
from orderflow.sandbox.demo.story import Story, shops
from orderflow.sandbox.postgres import Postgres


@dataclass(frozen=True, slots=True)
class Demo:
    layout: Layout
    story: Story
    processes: Processes
    api: AirflowApi
    postgres: Postgres
    dsn: str
    """Of the staging database."""
    plays_from: datetime
    """Since when the schedule pulls what comes, rather than the healing what was missed."""

    @property
    def channels(self) -> list[str]:
        return [shop.name for shop in shops(self.story)]

    @property
    def signs(self) -> list[str]:
        """Where to look, and how to stop."""
        return [
            f"Airflow: {self.layout.airflow_url}  (user admin, password admin)",
            "stop: Ctrl-C, or make down · go on: make demo",
            f"look: source .venv/bin/activate; source {relpath(self.layout.home / 'env')}; orderflow status",
        ]

    @contextmanager
    def looked_at(self) -> Iterator[None]:
        """One look at the demo. What has ended is started again, PostgreSQL included, and the look is broken off."""
        for name in self.processes.revive():
            console.print(f"{name} ended and was started again")
        try:
            yield
        except (psycopg2.OperationalError, psycopg2.InterfaceError, TransientError):
            if self.postgres.revive():
                console.print("PostgreSQL ended and was started again")
        except httpx.TransportError:
            pass  # a server that is being started again: the next look finds it
        except httpx.HTTPStatusError as error:
            if not error.response.is_server_error:  # else Airflow without its database
                raise
