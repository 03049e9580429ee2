"""What the deployment says: which Airflow connections and variables Orderflow reads, and where its files lie.

Everything here is read inside a task, never while a DAG file is parsed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from airflow.sdk import Connection, Variable
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret
from upath import UPath

from orderflow.config import connections
from orderflow.domain.errors import ConfigError
from orderflow.domain.source import Account, Secret

log = logging.getLogger(__name__)

STAGING = "orderflow_db"
"""Airflow connection (type postgres) of the staging database."""
VAULT_KEY = "orderflow_vault_key"
"""Airflow variable with the key that seals personal data."""
_TOKEN = "orderflow_token_"  # noqa: S105 - a name, no secret
"""Prefix of the Airflow variables that hold renewed tokens, by connection."""
LANDING = "ORDERFLOW_LANDING"
"""Environment variable with the landing zone: a folder, or an fsspec URL such as s3://bucket/landing."""
ALERTS = "orderflow_alerts"
"""Airflow connection (type apprise): where alerts go, by tag."""


def account(name: str) -> Account:
    """The account behind an Airflow connection, with the token that it was given last.

    Raises `ConfigError` when there is no such connection.
    """
    found = connection(name)
    kept = Variable.get(_TOKEN + name, default=None)
    token = json.loads(kept) if kept else {}
    if token.get("of") == _fingerprint(found):
        found = dataclasses.replace(found, extra={**found.extra, **token["token"]})
    return connections.account(found)


def keep_token(name: str) -> Callable[[Mapping[str, Any]], None]:
    """Where a platform's renewed token goes: an Airflow variable, good for as long as the connection stays the same."""

    def keep(token: Mapping[str, Any]) -> None:
        for value in token.values():
            mask_secret(value)
        Variable.set(_TOKEN + name, json.dumps({"of": _fingerprint(connection(name)), "token": dict(token)}))
        log.info("token kept connection=%s", name)

    return keep


def _fingerprint(found: connections.Connection) -> str:
    """Changes when somebody gives the connection other credentials, which outdates the tokens got with the old ones."""
    credentials = [found.host, found.login, found.password, sorted(found.extra.items())]
    return hashlib.sha256(json.dumps(credentials, default=str).encode()).hexdigest()


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


def plain(found: Connection) -> connections.Connection:
    return connections.Connection(
        name=found.conn_id,
        conn_type=found.conn_type or "",
        host=found.host or "",
        port=found.port,
        login=found.login or None,
        password=found.password or None,
        schema=found.schema or "",
        extra=found.extra_dejson,
    )
