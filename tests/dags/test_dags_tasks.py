"""The five tasks with real ports: a folder with a file, PostgreSQL, the reference OMS; of Airflow, a context only."""

import contextlib
import json
import logging
import shutil
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest
from airflow.sdk.exceptions import AirflowSkipException
from airflow.sdk.execution_time.context import set_current_context

from orderflow import config
from orderflow.domain.errors import ConfigError, DriftError
from orderflow.orchestration import ports, settings, tasks
from orderflow.sandbox.server import OMS_TOKEN, oms_app, serve
from orderflow.staging.migrate import migrate

NOW = datetime.now(UTC).replace(microsecond=0)
RUN_ID = "scheduled__2026-11-22T12:00:00+00:00"
VAULT_KEY = "k1:" + "A" * 43 + "="

CHANNEL = """\
title: Files from 台北 📦
owner: asia
source:
  adapter: csv_drop
  connection: {name}
  settle: 0s
  order: {{order_id: id, order_status: status, channel_updated_at: changed, currency: currency, placed_at: changed}}
  line: {{sku: sku, title: title, quantity: quantity, unit_price: price}}
  ship_to: {{name: name, city: city, country: country}}
schedule: {{cron: "*/15 * * * *", start: 2026-01-01}}
oms: {{target: demo}}
"""

ROWS = f"""\
id,status,changed,currency,sku,title,quantity,price,name,city,country
A-1,open,{NOW.isoformat()},TWD,S-1,茶 🍵,2,120,王小明,台北,TW
A-1,open,{NOW.isoformat()},TWD,S-2,שוקולד,1,80,王小明,台北,TW
A-2,open,{NOW.isoformat()},TWD,S-1,茶 🍵,1,120,Zoë,台北,TW
A-3,open,{NOW.isoformat()},TWD,,no article,1,99,Ann,台北,TW
"""


@pytest.fixture
def deployment(tmp_path, dsn, monkeypatch):
    """A drop folder, a migrated database and an OMS, behind the connections that the tasks read."""
    drop = tmp_path / "drop"
    drop.mkdir()
    with serve(oms_app()) as url:
        connections = {
            "ORDERFLOW_DB": {"conn_type": "postgres", "extra": {"dsn": dsn}},
            "A": {"conn_type": "file", "host": str(drop)},
            "DEMO_OMS": {"conn_type": "http", "host": url, "password": OMS_TOKEN},
        }
        for name, parts in connections.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(parts))
        monkeypatch.setenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY", VAULT_KEY)
        monkeypatch.setenv("ORDERFLOW_LANDING", str(tmp_path / "landing"))
        with ports.database() as connection:
            migrate(connection)
            yield SimpleNamespace(drop=drop, connection=connection, oms=url)


@pytest.fixture
def channel(project):
    return read(project)


def read(project, more=""):
    project.add("a", CHANNEL + more)
    reading = config.read(project.include / "channels")
    assert reading.problems == []
    return reading.channels[0]


def context():
    return {
        "run_id": RUN_ID,
        "params": {"window_start": None, "window_end": None},
        "dag_run": SimpleNamespace(conf={}, run_after=NOW, run_type="scheduled"),
        "data_interval_start": NOW - timedelta(minutes=15),
        "data_interval_end": NOW,
        "outlet_events": defaultdict(SimpleNamespace),
    }


def run(channel, include, told=None):
    """All five tasks; a batch goes from one to the next as JSON, as it does through XCom."""
    told = context() if told is None else told
    with set_current_context(told):
        batch = tasks.extract(channel)
        for stage in (tasks.clean, tasks.validate, tasks.load_to_staging):
            batch = stage(channel, json.loads(json.dumps(batch)))
        return batch, tasks.sync_to_oms(channel, json.loads(json.dumps(batch)), include)


def rows(connection, sql):
    with connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def test_orders_go_from_a_file_to_the_oms_and_the_bad_one_waits(deployment, channel, project):
    (deployment.drop / "orders.csv").write_text(ROWS)
    told = context()
    batch, delivered = run(channel, project.include, told)
    assert (batch["counts"]["inserted"], batch["counts"]["quarantined"]) == (2, 1)
    assert delivered == {"sent": 2, "accepted": 2, "refused": 0, "pending": 0}
    assert httpx.get(f"{deployment.oms}/_effects").json()
    assert rows(deployment.connection, "SELECT order_id FROM orderflow.quarantine") == [("A-3",)]
    assert rows(deployment.connection, "SELECT state, run_id FROM orderflow.windows") == [("synced", RUN_ID)]
    assert {asset.name: event.extra for asset, event in told["outlet_events"].items()} == {
        "orders/a/staged": {
            "window": f"{_z(NOW - timedelta(minutes=15))}/{_z(NOW)}",
            "inserted": 2,
            "updated": 0,
            "unchanged": 0,
            "quarantined": 1,
        },
        "orders/a/delivered": {"window": f"{_z(NOW - timedelta(minutes=15))}/{_z(NOW)}", **delivered},
    }
    assert [path.name for path in (deployment.drop / "done").rglob("*.csv")]


def _z(moment):
    return moment.isoformat().replace("+00:00", "Z")


def test_the_tasks_log_tells_the_story_without_a_buyer(deployment, channel, project, caplog):
    (deployment.drop / "orders.csv").write_text(ROWS)
    with caplog.at_level(logging.INFO):
        run(channel, project.include)
    story = [record.message for record in caplog.records if record.name.startswith("orderflow")]
    for begin in (
        "window chosen channel=a",
        "extracted window=",
        "cleaned orders=3",
        "validated accepted=2 quarantined=1",
    ):
        assert any(line.startswith(begin) for line in story), story
    assert "orders quarantined code=SKU_MISSING orders=1" in story
    for name in ("王小明", "Zoë", "Ann"):
        assert name not in caplog.text


def test_every_task_may_run_again_and_nothing_changes(deployment, channel, project):
    (deployment.drop / "orders.csv").write_text(ROWS)
    batch, _ = run(channel, project.include)
    with set_current_context(context()):
        plain = batch
        for stage in (tasks.clean, tasks.validate, tasks.load_to_staging):
            plain = stage(channel, json.loads(json.dumps(plain)))
        again = tasks.sync_to_oms(channel, plain, project.include)
    assert (plain["counts"].get("inserted", 0), plain["counts"]["unchanged"]) == (0, 2)
    assert again == {"sent": 0, "accepted": 0, "refused": 0, "pending": 0}
    assert rows(deployment.connection, "SELECT max(version) FROM orderflow.orders") == [(1,)]


def test_a_restored_database_gets_what_the_landing_zone_knows_before_channel_and_oms_are_asked(
    deployment, channel, project, postgres, monkeypatch
):
    (deployment.drop / "orders.csv").write_text(ROWS)
    batch, _ = run(channel, project.include)
    before = httpx.get(f"{deployment.oms}/_effects").json()
    for name in ("extracting", "sending"):
        monkeypatch.setenv(
            "AIRFLOW_CONN_ORDERFLOW_DB",
            json.dumps({"conn_type": "postgres", "extra": {"dsn": postgres.create(f"restored_{name}")}}),
        )
        with ports.database() as connection, set_current_context(context()):
            migrate(connection)
            if name == "extracting":
                tasks.extract(channel)
            else:
                assert tasks.sync_to_oms(channel, batch, project.include)["accepted"] == 2
            assert rows(connection, "SELECT order_id FROM orderflow.orders ORDER BY 1") == [("A-1",), ("A-2",)]
    assert httpx.get(f"{deployment.oms}/_effects").json() == before


STAGES = [tasks.clean, tasks.validate, tasks.load_to_staging]


@pytest.mark.parametrize("stage", [*STAGES, lambda channel, batch: tasks.sync_to_oms(channel, batch, None)])
def test_a_task_that_was_handed_nothing_says_what_to_clear(channel, stage):
    with pytest.raises(
        ConfigError, match=r"the task before handed over no batch: somebody marked it as success.*clear"
    ):
        stage(channel, None)


def test_a_landing_folder_that_this_worker_does_not_see_is_named_with_its_cure(deployment, channel, project):
    (deployment.drop / "orders.csv").write_text(ROWS)
    batch, _ = run(channel, project.include)
    shutil.rmtree(batch["landing"])
    for stage in STAGES:
        with pytest.raises(ConfigError, match=r"landing folder .* is not here, or not whole.*clear the task extract"):
            stage(channel, batch)
    ((state, error),) = rows(deployment.connection, "SELECT state, error FROM orderflow.windows")
    assert (state, error.partition(":")[0]) == ("synced", "ConfigError"), "what is proven stays proven"


def test_a_channel_in_shadow_is_staged_and_not_delivered(deployment, project):
    (deployment.drop / "orders.csv").write_text(ROWS)
    with pytest.raises(AirflowSkipException, match="a runs in shadow"):
        run(read(project, "shadow: true\n"), project.include)
    assert rows(deployment.connection, "SELECT count(*) FROM orderflow.orders") == [(2,)]
    assert rows(deployment.connection, "SELECT count(*) FROM orderflow.outbox") == [(0,)]


def test_an_alarming_batch_is_held_and_its_owners_are_told(deployment, project, caplog):
    (deployment.drop / "orders.csv").write_text(ROWS)
    held = read(project, "validate: {{guards: hold, orders_per_window: [100, 200]}}\n")
    with pytest.raises(AirflowSkipException, match="is held: TOO_FEW_ORDERS"):
        run(held, project.include)
    assert rows(deployment.connection, "SELECT state FROM orderflow.windows") == [("held",)]
    assert rows(deployment.connection, "SELECT count(*) FROM orderflow.orders") == [(0,)]
    assert "alert raised channel=a kind=held: held: TOO_FEW_ORDERS" in caplog.text


def test_on_a_holiday_no_batch_is_stopped_for_its_number_of_orders(deployment, project, monkeypatch):
    (deployment.drop / "orders.csv").write_text(ROWS)
    monkeypatch.setattr(settings, "INCLUDE", project.include)
    (project.include / "calendar.yml").write_text(
        f"- {{day: {NOW - timedelta(minutes=15):%Y-%m-%d}, kind: holiday, name: New Year}}\n"
    )
    run(read(project, "validate: {{guards: hold, orders_per_window: [100, 200]}}\n"), project.include)
    assert rows(deployment.connection, "SELECT count(*) FROM orderflow.orders") == [(2,)]


def test_an_alarming_batch_stops_the_run_and_the_ledger_says_why(deployment, project):
    (deployment.drop / "orders.csv").write_text(ROWS)
    with pytest.raises(DriftError, match="TOO_FEW_ORDERS"):
        run(read(project, "validate: {{orders_per_window: [100, 200]}}\n"), project.include)
    ((state, error),) = rows(deployment.connection, "SELECT state, error FROM orderflow.windows")
    assert state == "failed"
    assert error.startswith("DriftError: a ")


@pytest.fixture
def settling(project):
    """The channel with this settle lag, as one that is asked for spans of time."""

    def settling(lag, more=""):
        channel = read(project, more)
        limits = replace(channel.adapter.limits, acknowledges=False)
        schedule = channel.schedule.model_copy(update={"settle": timedelta(minutes=lag)})
        return channel.model_copy(update={"schedule": schedule, "adapter": replace(channel.adapter, limits=limits)})

    return settling


@pytest.fixture
def asked(deployment, project):
    """Pulls the span from so many to so many minutes ago; returns what each window was asked for, in such minutes."""

    def asked(channel, start, end):
        told = context()
        told["data_interval_start"], told["data_interval_end"] = (
            NOW - timedelta(minutes=back) for back in (start, end)
        )
        with contextlib.suppress(AirflowSkipException):
            run(channel, project.include, told)
        found = "SELECT lower(asked), upper(asked) FROM orderflow.windows ORDER BY window_start"
        spans = rows(deployment.connection, found)
        return [[round((NOW - moment).total_seconds() / 60) for moment in span] for span in spans]

    return asked


def test_a_window_meets_its_neighbours_whatever_their_settle_lag_was(settling, asked):
    slow, quick = settling(30), settling(0)
    asked(slow, 45, 30)
    asked(quick, 30, 15)  # begins where the one before ended to ask: 30 minutes before its own start
    asked(quick, 90, 75)
    # The last one asks up to where the one after, which is pulled already, began.
    assert asked(slow, 105, 90) == [[135, 90], [90, 75], [75, 60], [60, 15]]


def test_a_window_meets_one_that_is_held_and_may_be_released(deployment, settling, asked):
    (deployment.drop / "orders.csv").write_text(ROWS)
    asked(settling(30, "validate: {{guards: hold, orders_per_window: [100, 200]}}\n"), 45, 30)
    assert rows(deployment.connection, "SELECT state FROM orderflow.windows") == [("held",)]
    assert asked(settling(0), 30, 15) == [[75, 60], [60, 15]]


def test_mapped_skus_come_from_the_map(deployment, project):
    (deployment.drop / "orders.csv").write_text(ROWS)
    rows_of_map = "INSERT INTO orderflow.sku_map (channel, sku, oms_sku) VALUES ('a', 'S-1', 'OMS-1') RETURNING 1"
    rows(deployment.connection, rows_of_map)
    batch, _ = run(read(project, "clean: {{sku: mapped}}\n"), project.include)
    assert batch["counts"]["inserted"] == 1
    assert rows(deployment.connection, "SELECT oms_sku FROM orderflow.order_lines") == [("OMS-1",)]


def test_progress_is_told_now_and_then(caplog, monkeypatch):
    clock = iter([0.0, 5.0, 10.0, 10.0, 12.0, 25.0, 25.0])
    monkeypatch.setattr(tasks.time, "monotonic", lambda: next(clock))
    tell = tasks.teller()
    with caplog.at_level(logging.INFO, logger="orderflow"):
        for done in (1, 2, 3, 4):
            tell("clean", done, None if done == 2 else 9)
    assert [record.message for record in caplog.records] == [
        "going on stage=clean done=2 of=?",
        "going on stage=clean done=4 of=9",
    ]
