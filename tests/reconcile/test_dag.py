"""The DAG `reconcile`, and its task with real ports: a shop, PostgreSQL, the OMS; of Airflow, a context only."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk.execution_time.context import set_current_context

from orderflow import config
from orderflow.domain.errors import ConfigError
from orderflow.domain.window import Window
from orderflow.orchestration import care, ports, reconcile, tasks
from orderflow.sandbox import server
from orderflow.sandbox.shop import Shop
from orderflow.staging import certificates
from orderflow.staging.migrate import migrate

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime.now(UTC).replace(microsecond=0)
CHANNEL = """\
title: 旗艦店 🏬
owner: asia
source: {adapter: woocommerce, connection: shop}
schedule: {cron: "0 * * * *", start: 2026-01-01}
oms: {target: demo}
"""


@pytest.fixture
def include(tmp_path, dsn, monkeypatch):
    """A folder of channel files, and everything that its one channel reaches."""
    folder = tmp_path / "include"
    (folder / "channels").mkdir(parents=True)
    (folder / "channels" / "shop.yml").write_text(CHANNEL)
    (folder / "targets").symlink_to(ROOT / "include" / "targets")
    shop = Shop(
        name="shop", platform="woocommerce", seed=5, start=NOW - timedelta(days=3), ends=NOW - timedelta(minutes=30),
        rate=1.0, bursts=0, pace=0.01, currency="TWD",  # no pause behind a burst: every day has orders
    )  # fmt: skip
    with server.serve(server.platforms_app([shop])) as url, server.serve(server.oms_app()) as oms:
        connections = {
            "ORDERFLOW_DB": {"conn_type": "postgres", "extra": {"dsn": dsn}},
            "SHOP": {"conn_type": "http", "host": f"{url}/shop", "login": "ck_demo", "password": "cs_demo"},
            "DEMO_OMS": {"conn_type": "http", "host": oms, "password": server.OMS_TOKEN},
        }
        for name, parts in connections.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(parts))
        monkeypatch.setenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY", "k1:" + "A" * 43 + "=")
        monkeypatch.setenv("ORDERFLOW_LANDING", str(tmp_path / "landing"))
        with ports.database() as connection:
            migrate(connection)
        yield folder


def context(**params):
    asked = {"channel": None, "day": None, "until": None, **params}
    run = SimpleNamespace(conf={}, run_id="manual__1", run_type="manual", dag_id="reconcile")
    return {"params": asked, "dag_run": run, "run_id": "manual__1", "ti": SimpleNamespace(task_id="reconcile")}


def channel(include):
    return config.read(include / "channels", now=NOW).channels[0]


def test_the_dag_maps_one_task_to_each_channel_and_can_be_asked_for_a_day():
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(ROOT / "dags" / "reconcile.py"))
    assert bag.import_errors == {}
    dag = bag.dags["reconcile"]
    assert dag.task_ids == ["channels", "reconcile"]
    assert dag.get_task("channels").downstream_task_ids == {"reconcile"}
    assert type(dag.get_task("reconcile")).__name__ == "DecoratedMappedOperator"
    assert set(dag.params) == {"channel", "day", "until"}
    assert (dag.catchup, dag.max_active_runs) == (False, 1)
    assert dag.doc_md


def test_a_channels_days_are_certified_and_what_was_missed_reaches_the_oms(include, tmp_path):
    window = Window(NOW - timedelta(days=4), NOW)
    with set_current_context(context()):
        batch = tasks.pull(channel(include), window, "manual__0", healing=False)
        for stage in (tasks.clean, tasks.validate):
            batch = stage(channel(include), batch)
        with ports.staging() as store:
            from orderflow.domain.batch import Batch
            from orderflow.pipeline.load import load
            from orderflow.pipeline.sync import sync

            load(channel(include), Batch.from_json(batch), store)
            sync(channel(include), store, ports.target(channel(include), include / "targets"))
            day = NOW.date() - timedelta(days=1)
            with store.connection, store.connection.cursor() as cursor:
                cursor.execute(
                    "DELETE FROM orderflow.orders WHERE order_id = (SELECT min(order_id) FROM orderflow.orders "
                    "WHERE (channel_created_at AT TIME ZONE 'UTC')::date = %s)",
                    (day,),
                )
        made = reconcile.reconciled(channel(include), include)
        assert made[str(day)]["repaired"] == 1
        assert made[str(day)]["unexplained"] == 0
    with set_current_context(context(day=str(day - timedelta(days=1)), until=str(day))):
        made = reconcile.reconciled(channel(include), include)
    assert {day: each["number"] for day, each in made.items()} == {str(day - timedelta(days=1)): 2, str(day): 3}
    folder = tmp_path / "landing" / "certificates" / "shop"
    assert sorted(path.suffix for path in folder.glob(f"{day}-r1.*")) == [".csv", ".html", ".json"]
    with ports.database() as connection:
        assert certificates.verify(connection, "shop")[1] == []


def chosen(include):
    return care.chosen(include, lambda channel: reconcile.has_a_day(channel, datetime.now(UTC)))


def test_days_that_cannot_be_are_refused(include):
    backwards = context(day="2026-03-02", until="2026-03-01")
    with set_current_context(backwards), pytest.raises(ConfigError, match="earlier one first"):
        reconcile.reconciled(channel(include), include)
    with set_current_context(context(channel="nobody")), pytest.raises(ConfigError, match="known are shop"):
        chosen(include)
    with set_current_context(context(channel="shop")):
        assert chosen(include) == ["shop"]


def test_a_day_that_fails_does_not_keep_the_others_from_their_certificates(include):
    first = date(2025, 12, 31)
    asked = context(day=str(first), until=str(first + timedelta(days=1)))
    with set_current_context(asked), pytest.raises(ConfigError, match="before the channel's start"):
        reconcile.reconciled(channel(include), include)
    with ports.database() as connection:
        assert certificates.newest(connection, "shop").day == date(2026, 1, 1)
