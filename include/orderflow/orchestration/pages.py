"""The pages in Airflow: its users and permissions, its connection to staging, its runs.

A user reads the channels whose DAG he may read, and decides about those whose DAG's runs he may start.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from airflow.api.common.trigger_dag import trigger_dag
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.exceptions import DagNotFound, DagRunAlreadyExists
from airflow.models.dag import DagModel
from airflow.utils.types import DagRunTriggeredByType
from fastapi import FastAPI

from orderflow.config import connections
from orderflow.domain.errors import ConfigError
from orderflow.orchestration import settings
from orderflow.orchestration.quality import reports_root
from orderflow.staging.vault import Vault
from orderflow.web import app, inbox
from orderflow.web.access import User
from orderflow.web.database import Database

DAGS = "orders."
"""What the name of a channel's DAG begins with."""


def build(include: Path) -> FastAPI:
    """The app behind Airflow's login. Connections are read when a page first asks for staging."""
    pages = app.create(
        identify,
        Database(settings.staging_dsn),
        include,
        trigger=start,
        vault=lambda: Vault.parse(settings.vault_key()),
        reports=reports_root(),
        landing=settings.landing_root(),
        metrics_token=settings.metrics_token,
    )
    inbox.mount(
        pages,
        lambda: pages.state.site.reading().channels,
        lambda name: connections.account(settings.connection(name)),
        settings.staging_dsn,
        lambda: datetime.now(UTC),
    )
    return pages


def identify(airflow_user: GetUserDep) -> User:
    """The user of a request, by Airflow's own login; HTTP 401 without one."""
    manager = get_auth_manager()
    seen = manager.get_authorized_dag_ids(user=airflow_user, method="GET")

    @cache
    def decides(channel: str) -> bool:
        dag_id = f"{DAGS}{channel}"
        details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
        return manager.is_authorized_dag(
            method="POST", access_entity=DagAccessEntity.RUN, details=details, user=airflow_user
        )

    channels = frozenset(each.removeprefix(DAGS) for each in seen if each.startswith(DAGS))
    return User(airflow_user.get_name(), channels, decides)


def start(dag_id: str, run_id: str, conf: Mapping[str, Any], user: str) -> None:
    """Start a run on behalf of this user, whom Airflow shows with it; one of this name that exists is left as it is.

    Raises `ConfigError` when it cannot be started.
    """
    try:
        trigger_dag(
            dag_id,
            run_id=run_id,
            conf=dict(conf),
            triggered_by=DagRunTriggeredByType.UI,
            triggering_user_name=user,
        )
    except DagRunAlreadyExists:
        return
    except (DagNotFound, ValueError) as error:
        raise ConfigError(f"Airflow did not start DAG {dag_id}: {error}") from error
