"""The DAG `watch` looks at every channel whose DAG runs, and tells what is wrong; the rules are in tests/alerts."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import psycopg2
import pytest
from airflow.sdk.execution_time.context import set_current_context

from orderflow.domain.snapshot import OURSELVES
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
    task = SimpleNamespace(get_dag=lambda dag_id: SimpleNamespace(is_paused=dag_id == "orders.paused"))
    with set_current_context({"ti": task}):
        told = watch.looked(project.include)
    assert told == {"channels": 2, "wrong": {"stuck": ["late"]}, "unsent": 1}, "there is no way out yet"
    (found,) = alerts.listed(staging)
    assert (found.channel, found.kind) == ("stuck", "late")
    assert found.what.startswith("no order has come yet, though those up to ")


def pulled(staging, name, until):
    ledger.begin(staging, name, Window(until - timedelta(hours=1), until), "r")
    with staging, staging.cursor() as cursor:
        cursor.execute("UPDATE orderflow.windows SET state = 'loaded', loaded_at = now() WHERE channel = %s", (name,))


@pytest.fixture
def look(staging, project):
    """Looks at the project's files; returns what the watch has open about itself."""

    def look(*, paused=("orders.whole",)):
        task = SimpleNamespace(get_dag=lambda dag_id: SimpleNamespace(is_paused=dag_id in paused))
        with set_current_context({"ti": task}):
            watch.looked(project.include)
        return [(each.kind, each.severity, each.what) for each in alerts.listed(staging) if each.channel == OURSELVES]

    return look


def test_a_channel_whose_file_broke_is_told_because_no_run_of_its_own_can(staging, project, look):
    now = datetime.now(UTC)
    for name in ("whole", "torn"):
        project.add(name)
        pulled(staging, name, now - timedelta(days=9))
    project.add("draft", "title: not yet\n")
    assert look() == []
    project.add("torn", "title: 破\nowner: asia\n")
    ((kind, severity, what),) = look()
    assert (kind, severity) == ("config", "critical")
    assert what.startswith(f"{project.include / 'channels' / 'torn.yml'}:1  ")
    assert "draft" not in what
    project.add("torn")
    assert look() == []


def test_a_channel_whose_file_is_gone_is_told_for_a_day(staging, project, look):
    now = datetime.now(UTC)
    pulled(staging, "given_up", now - timedelta(days=2))
    assert look() == []
    pulled(staging, "lost", now - timedelta(hours=2))
    assert look() == [
        ("config", "warning", "lost has no channel file any more: nothing pulls or delivers its orders"),
    ]


def test_routes_that_cannot_be_read_are_told_on_every_way_out(staging, project, look, monkeypatch):
    extra = {"config": [{"path": "json://127.0.0.1:9/", "tag": "ops"}, {"path": "json://127.0.0.1:9/", "tag": "pager"}]}
    monkeypatch.setenv("AIRFLOW_CONN_ORDERFLOW_ALERTS", json.dumps({"conn_type": "apprise", "extra": extra}))
    (project.include / "alerts.yml").write_text("routs: []\n")
    ((kind, _, what),) = look()
    assert kind == "config"
    assert "unknown key 'routs'; did you mean 'routes'?" in what
    (found,) = alerts.listed(staging)
    assert {route for _, route, *_ in alerts.messages_of(staging, found.id)} == {"ops", "pager"}


def test_healing_that_is_switched_off_is_told_because_a_failed_run_is_forgotten_with_the_next(look):
    assert look(paused=["heal"]) == [
        ("gap", "critical", "the DAG heal is paused, or Airflow cannot read it: nothing fills what was missed"),
    ]
    assert look() == []
