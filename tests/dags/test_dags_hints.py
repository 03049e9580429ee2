"""The DAG `hints`: its shape, and what its tasks do."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from unittest.mock import ANY

import httpx
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.execution_time.context import set_current_context
from airflow.serialization.serialized_objects import DagSerialization

from orderflow.domain.errors import TransientError
from orderflow.domain.source import Hint
from orderflow.orchestration import hints, pages, ports
from orderflow.sandbox.server import serve
from orderflow.staging import inbox
from orderflow.staging.migrate import migrate

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def dag(project):
    bag = DagBag(dag_folder=str(project.dags / "hints.py"), safe_mode=True)
    assert bag.import_errors == {}
    return bag.dags["hints"]


def test_it_looks_every_minute_one_run_at_a_time_and_nobody_has_to_switch_it_on(dag):
    assert dag.task_ids == ["channels", "look"]
    assert (dag.max_active_runs, dag.catchup, dag.is_paused_upon_creation) == (1, False, False)
    assert {task.retries for task in dag.tasks if hasattr(task, "retries")} == {0}, "the next minute is the next try"
    DagSerialization.to_dict(dag)


@pytest.fixture
def database(dsn, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_ORDERFLOW_DB", json.dumps({"conn_type": "postgres", "extra": {"dsn": dsn}}))
    with ports.database() as connection:
        migrate(connection)
        yield connection


def context(*paused):
    ti = SimpleNamespace(get_dag=lambda name: SimpleNamespace(is_paused=name in paused))
    return {"run_id": "r", "params": {}, "dag_run": SimpleNamespace(conf={}), "ti": ti}


def test_only_channels_with_hints_that_run_and_still_exist_are_looked_at(project, database):
    for name in ("a", "b", "quiet"):
        project.add(name)
    with set_current_context(context()):
        assert hints.waiting(project.include) == []
    for name in ("a", "b", "gone"):
        inbox.receive(database, name, Hint(["1"]), "d1", NOW)
    with set_current_context(context("orders.b")):
        assert hints.waiting(project.include) == ["a"]


def test_a_platform_that_is_down_makes_no_run_fail(project, database, monkeypatch):
    project.add("a")
    inbox.receive(database, "a", Hint(["1"]), "d1", NOW)
    monkeypatch.setenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY", "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")

    def down(*_, **__):
        raise TransientError("it does not answer; wait")

    monkeypatch.setattr(ports, "source", down)
    with set_current_context(context()):
        (name,) = hints.waiting(project.include)
        counts = hints.looked(hints.named(project.include, name), project.include)
    assert counts == {"orders": 0, "changed": 0, "absent": 0, "accepted": 0}
    assert inbox.waiting(database, "a").waiting == 1


def test_the_inbox_stands_in_the_api_server_without_its_login(project, database, monkeypatch):
    project.add("a")
    secret = {"conn_type": "http", "host": "https://a.example", "extra": {"webhook_secret": "geheim"}}
    monkeypatch.setenv("AIRFLOW_CONN_A", json.dumps(secret))
    body = b'{"id": 5501}'
    signature = base64.b64encode(hmac.new(b"geheim", body, hashlib.sha256).digest()).decode()
    headers = {"X-Shopify-Topic": "orders/updated", "X-Shopify-Webhook-Id": "d1", "X-Shopify-Hmac-Sha256": signature}
    with serve(pages.build(project.include)) as url:
        assert httpx.post(f"{url}/inbox/a", content=body, headers=headers).status_code == 200
        assert httpx.post(f"{url}/inbox/a", content=body).status_code == 401
        assert httpx.get(f"{url}/channels").status_code == 401, "everything else stands behind the login"
    assert inbox.Queue(database, "a").next("r", 9) == {"gid://shopify/Order/5501": ANY}
