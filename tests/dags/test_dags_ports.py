"""What a stage is handed, and what the ledger remembers of one that failed. Real PostgreSQL."""

import errno
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from dag_project import CHANNEL

from orderflow import config
from orderflow.domain.errors import ConfigError, DriftError, TransientError
from orderflow.domain.window import Window
from orderflow.oms.http.client import AmbiguousError
from orderflow.orchestration import ports
from orderflow.staging import ledger
from orderflow.staging.migrate import migrate

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = Window(NOW - timedelta(hours=1), NOW)


@pytest.fixture
def database(dsn, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_ORDERFLOW_DB", json.dumps({"conn_type": "postgres", "extra": {"dsn": dsn}}))
    monkeypatch.setenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY", "k1:" + "A" * 43 + "=")
    with ports.database() as connection:
        migrate(connection)
        yield connection


@pytest.fixture
def channel(project):
    project.add("a", CHANNEL)
    return config.read(project.include / "channels").channels[0]


def row(connection, columns="state, error"):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM orderflow.windows WHERE channel = 'a'")
        found = cursor.fetchone()
    connection.rollback()
    return found


def test_a_failed_stage_is_in_the_ledger_with_its_reason(database, channel):
    ledger.begin(database, "a", HOUR, "run_1")
    with pytest.raises(DriftError, match="answers in Klingon"), ports.recorded(channel, HOUR, "run_1"):
        raise DriftError("the platform answers in Klingon")
    assert row(database) == ("failed", "DriftError: the platform answers in Klingon")


def test_an_error_is_recorded_by_the_name_that_the_runbook_explains(database, channel):
    with pytest.raises(AmbiguousError), ports.recorded(channel, HOUR, "run_1"):
        raise AmbiguousError("demo_oms: no answer")
    assert row(database) == ("failed", "TransientError: demo_oms: no answer")


def test_an_unforeseen_error_is_recorded_by_its_class_only(database, channel):
    with pytest.raises(ValueError, match="Jane Doe"), ports.recorded(channel, HOUR, "run_1"):
        raise ValueError("cannot read Jane Doe")
    assert row(database) == ("failed", "ValueError; the task's log has the details")


@pytest.mark.parametrize(
    ("number", "file", "kind", "said"),
    [
        (errno.ENOSPC, None, TransientError, "the landing zone /zone: No space left on device; make room on its disk"),
        (errno.EDQUOT, None, TransientError, "the landing zone /zone: Disk quota exceeded; make room on its disk"),
        (errno.EROFS, "/zone/a", ConfigError, "/zone/a: Read-only file system; let the user of the tasks (uid "),
        (errno.EACCES, "/zone/a", ConfigError, "/zone/a: Permission denied; let the user of the tasks (uid "),
    ],
)
def test_what_a_disk_refuses_says_where_and_what_to_do(database, channel, monkeypatch, number, file, kind, said):
    monkeypatch.setenv("ORDERFLOW_LANDING", "/zone")
    with pytest.raises(kind, match=re.escape(said)), ports.recorded(channel, HOUR, "run_1"):
        raise OSError(number, "as a library words it", file)
    assert row(database)[1].startswith(f"{kind.__name__}: {said}")


def test_a_renewed_token_is_used_until_the_connection_gets_other_credentials(database, channel, monkeypatch):
    shop = {"conn_type": "http", "host": "https://shop.example", "extra": {"access_token": "old", "id": 7}}
    seen = []
    adapter = replace(channel.adapter, open=lambda _, account, runtime: seen.append((account, runtime)))
    channel = channel.model_copy(update={"adapter": adapter})
    monkeypatch.setenv("AIRFLOW_CONN_A", json.dumps(shop))
    with ports.source(channel, healing=False):
        seen[-1][1].on_token({"access_token": "newer-one", "expires_at": "2026-12-01T00:00:00Z"})
    with ports.source(channel, healing=False):
        assert seen[-1][0].extra == {"access_token": "newer-one", "id": 7, "expires_at": "2026-12-01T00:00:00Z"}
        with seen[-1][1].renewing() as kept:
            assert kept["access_token"] == "newer-one"
    monkeypatch.setenv("AIRFLOW_CONN_A", json.dumps(shop | {"extra": {"access_token": "given"}}))
    with ports.source(channel, healing=False):
        assert seen[-1][0].extra == {"access_token": "given"}


def test_a_skipped_stage_is_no_failure(database, channel):
    with pytest.raises(AirflowSkipException), ports.recorded(channel, HOUR, "run_1"):
        raise AirflowSkipException("not today")
    assert row(database) is None


def test_a_failure_goes_on_even_when_the_ledger_cannot_be_reached(channel, monkeypatch, caplog):
    monkeypatch.setenv("AIRFLOW_CONN_ORDERFLOW_DB", "postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(DriftError, match="first"), ports.recorded(channel, HOUR, "run_1"):
        raise DriftError("first")
    assert "failure not recorded in the ledger" in caplog.text


def reaching(channel, reach):
    return channel.model_copy(
        update={"adapter": replace(channel.adapter, limits=replace(channel.adapter.limits, reach=reach))}
    )


def test_a_window_out_of_reach_is_unreachable_and_skipped(database, channel):
    with pytest.raises(AirflowSkipException, match="out of reach: shopify shows nothing older than 2026-11-22T11:30"):
        ports.demand_reach(database, reaching(channel, timedelta(minutes=30)), _earlier(HOUR), "run_1", NOW)
    assert row(database, "state") == ("unreachable",)


def _earlier(window):
    return Window(window.start - timedelta(hours=1), window.end - timedelta(hours=1))


def test_a_window_half_in_reach_is_refused(database, channel):
    with pytest.raises(ConfigError, match="choose a start after 2026-11-22T11:30"):
        ports.demand_reach(database, reaching(channel, timedelta(minutes=30)), HOUR, "run_1", NOW)
    assert row(database) is None


@pytest.mark.parametrize("reach", [None, timedelta(days=60)])
def test_a_window_in_reach_is_pulled(database, channel, reach):
    ports.demand_reach(database, reaching(channel, reach), HOUR, "run_1", NOW)
    assert row(database) is None


def test_channels_of_one_account_share_a_budget_and_healing_comes_last(database, channel, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_A", "https://:shpat_long_enough@shop.example")
    limits = replace(channel.adapter.limits, rate=2.0, burst=4)
    paced = channel.model_copy(update={"adapter": replace(channel.adapter, limits=limits)})
    with ports.source(paced, healing=False) as (_, live), ports.source(paced, healing=True) as (_, healing):
        assert live.throttle.take(4.0) == 0.0
        assert healing.throttle._lane == "backfill"
        with database.cursor() as cursor:
            cursor.execute("SELECT account FROM orderflow.budgets")
            assert cursor.fetchall() == [("shopify.a",)]
    database.rollback()
    with ports.source(channel, healing=False) as (opened, runtime):
        assert hasattr(opened, "fetch")
        assert runtime.throttle is None


def test_the_sku_map_is_the_channels_own(database, channel):
    with database, database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orderflow.sku_map (channel, sku, oms_sku) VALUES ('a', '甲', 'X-1'), ('b', '甲', 'X-2')"
        )
    assert ports.skus(channel) == {"甲": "X-1"}
