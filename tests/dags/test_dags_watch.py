"""The DAG `watch` looks at every channel whose DAG runs, and tells what is wrong; the rules are in tests/alerts."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import psycopg2
import pytest
from airflow.sdk.execution_time.context import set_current_context

from orderflow.domain.window import Window
from orderflow.orchestration import settings, watch
from orderflow.staging import alerts, ledger
from orderflow.staging.migrate import migrate


@pytest.fixture
def staging(dsn, project, monkeypatch):
    monkeypatch.setattr(settings, "INCLUDE", project.include)
    monkeypatch.setenv("AIRFLOW_CONN_ORDERFLOW_DB", json.dumps({"conn_type": "postgres", "extra": {"dsn": dsn}}))
    connection = psycopg2.connect(dsn)
    migrate(connection)
    yield connection
    connection.close()


def test_the_dag_looks_every_few_minutes_and_runs_from_the_start(project):
    dag = watch.build(project.include)
    assert [task.task_id for task in dag.tasks] == ["look"]
    assert (dag.max_active_runs, dag.catchup, dag.is_paused_upon_creation) == (1, False, False)


def test_a_look_leaves_paused_channels_alone_and_takes_nothing_for_a_channel_that_never_ran(staging, project):
    for name in ("paused", "stuck", "new"):
        project.add(name)
    now = datetime.now(UTC)
    for name in ("paused", "stuck"):
        ledger.begin(staging, name, Window(now - timedelta(days=3), now - timedelta(days=2)), "r")
        with staging, staging.cursor() as cursor:
            cursor.execute("UPDATE orderflow.windows SET planned_at = planned_at - interval '2 days'")
    dags = {"orders.paused": True, "orders.stuck": False, "orders.new": False}
    task = SimpleNamespace(get_dag=lambda dag_id: SimpleNamespace(is_paused=dags[dag_id]))
    with set_current_context({"ti": task}):
        told = watch.looked(project.include)
    assert told == {"channels": 2, "wrong": {"stuck": ["late"]}, "unsent": 1}, "there is no way out yet"
    (found,) = alerts.listed(staging)
    assert (found.channel, found.kind) == ("stuck", "late")
    assert found.what.startswith("no order has come yet, though those up to ")
