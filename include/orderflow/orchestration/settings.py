"""What the deployment says: which Airflow connections and variables Orderflow reads, and where its files lie.

Everything here is read inside a task, never while a DAG file is parsed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

from airflow.sdk import Connection, Variable
from airflow.sdk.exceptions import AirflowNotFoundException
from upath import UPath

from orderflow.config import connections
from orderflow.domain.errors import ConfigError
from orderflow.domain.source import Secret

STAGING = "orderflow_db"
"""Airflow connection (type postgres) of the staging database."""
VAULT_KEY = "orderflow_vault_key"
"""Airflow variable with the key that seals personal data."""
METRICS_TOKEN = "orderflow_metrics_token"  # noqa: S105 - the name of a variable
"""Airflow variable with the bearer token that Prometheus reads metrics with; without it nobody may."""
LANDING = "ORDERFLOW_LANDING"
"""Environment variable with the landing zone: a folder, or an fsspec URL such as s3://bucket/landing."""
INCLUDE = Path(__file__).resolve().parents[2]
"""The folder with channel files, targets and `alerts.yml`."""
ALERTS = "orderflow_alerts"
"""Airflow connection (type apprise): where alerts go, by tag."""


def staging_dsn() -> str:
    """The libpq URI of the staging database."""
    return connections.dsn(connection(STAGING))


def vault_key() -> Secret:
    key = Variable.get(VAULT_KEY, default=None)
    if not key:
        raise ConfigError(
            f"the Airflow variable {VAULT_KEY!r} is missing; personal data cannot be sealed without its key; set it "
            f"(AIRFLOW_VAR_{VAULT_KEY.upper()}, a secrets backend, or `airflow variables set`)"
        )
    return Secret(key)


def metrics_token() -> Secret | None:
    """What Prometheus must show; None: nothing is set, and metrics are closed."""
    token = Variable.get(METRICS_TOKEN, default=None)
    return Secret(token) if token else None


def landing_root() -> Path:
    """The landing zone: `ORDERFLOW_LANDING`, else the folder `landing` in Airflow's home.

    Object storage takes its credentials from the machine's role or from fsspec's own configuration.
    """
    root = os.environ.get(LANDING) or f"{os.environ.get('AIRFLOW_HOME', '~/airflow')}/landing"
    return cast(Path, UPath(root if "://" in root else Path(root).expanduser()))


def connection(name: str) -> connections.Connection:
    """An Airflow connection as plain fields; its password and extra are masked in logs from here on."""
    try:
        found = Connection.get(name)
    except AirflowNotFoundException:
        raise ConfigError(
            f"the Airflow connection {name!r} does not exist; add it (AIRFLOW_CONN_{name.upper()}, the UI, or "
            f"`airflow connections add {name}`)"
        ) from None
    return plain(found)


def plain(found: Connection, extra: dict[str, Any] | None = None) -> connections.Connection:
    """`extra` where it was read already: reading it waits, which the triggerer must not."""
    return connections.Connection(
        name=found.conn_id,
        conn_type=found.conn_type or "",
        host=found.host or "",
        port=found.port,
        login=found.login or None,
        password=found.password or None,
        schema=found.schema or "",
        extra=found.extra_dejson if extra is None else extra,
    )
