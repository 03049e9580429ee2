"""The DAG `fulfilments`: which channels it tells, and that it can be serialized."""

import json
import runpy
from types import SimpleNamespace

import pytest
from airflow.serialization.serialized_objects import DagSerialization

from orderflow import config
from orderflow.domain.errors import ConfigError
from orderflow.orchestration import fulfil
from orderflow.staging.migrate import migrate

TOLD = """\
title: {name}
owner: asia
source: {{adapter: shopify, connection: {name}}}
schedule: {{cron: "*/15 * * * *", start: 2026-01-01}}
oms: {{target: demo}}
fulfilment: {{carriers: {{PN: PostNord}}}}
"""


def test_the_dag_runs_by_itself_one_part_per_channel(project):
    made = runpy.run_path(str(project.dags / "fulfilments.py"))["fulfilments"]
    assert made.task_ids == ["channels", "fulfil"]
    DagSerialization.to_dict(made)
    assert (made.catchup, made.is_paused_upon_creation, made.max_active_runs) == (False, False, 1)


def test_only_channels_that_are_to_be_told_anything_are_told(project, monkeypatch):
    project.add("quiet")
    project.add("told", TOLD)
    project.add("shadowy", TOLD + "shadow: true\n")
    monkeypatch.setattr(
        fulfil,
        "chosen",
        lambda include, due: [each.name for each in config.read(include / "channels").channels if due(each)],
    )
    made = fulfil.build(project.include)
    assert made.get_task("channels").python_callable() == ["told"]


def test_a_channel_whose_oms_says_nothing_of_parcels_is_told_so(project, dsn, monkeypatch):
    project.add("told", TOLD)
    (channel,) = config.read(project.include / "channels").channels
    connection = {"conn_type": "postgres", "extra": {"dsn": dsn}}
    monkeypatch.setenv("AIRFLOW_CONN_ORDERFLOW_DB", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW_CONN_TOLD", json.dumps({"conn_type": "http", "host": "shop.example", "password": "x"}))
    monkeypatch.setenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY", "k1:" + "A" * 43 + "=")
    monkeypatch.setattr(fulfil.ports, "target", lambda *_: SimpleNamespace())
    monkeypatch.setattr(fulfil.tasks, "teller", lambda: lambda *_: None)
    with fulfil.ports.database() as opened:
        migrate(opened)
    with pytest.raises(ConfigError, match="tells nothing of parcels"):
        fulfil.told(channel, project.include)
