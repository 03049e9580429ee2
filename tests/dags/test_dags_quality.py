"""The DAGs `quality` and `upkeep`: when they run, what a run looks at, and that they parse alone."""

import runpy
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from orderflow import config
from orderflow.domain.errors import ConfigError
from orderflow.orchestration import assets, quality

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
ASKING = """\
title: {name}
owner: asia
source: {{adapter: shopify, connection: {name}}}
schedule: {{cron: "*/15 * * * *", timezone: Asia/Taipei, start: 2026-01-01}}
validate: {{expectations: {{after_load: true}}}}
oms: {{target: demo}}
"""


def channels(project):
    return config.read(project.include / "channels").channels


def context(params=None, run_type="scheduled", events=None):
    given = {"channel": None, "day": None, "days": 7} | (params or {})
    return {"params": given, "dag_run": SimpleNamespace(run_type=run_type), "triggering_asset_events": events or {}}


def loaded(channel, *windows):
    return {assets.staged(channel): [SimpleNamespace(extra=extra) for extra in windows]}


def test_the_dag_runs_daily_and_after_the_loads_that_ask_for_it(project):
    project.add("quiet")
    project.add("asking", ASKING)
    made = runpy.run_path(str(project.dags / "quality.py"))["quality"]
    assert made.dag_id == "quality"
    assert set(made.task_ids) == {"check", "report"}
    assert made.get_task("report").upstream_task_ids == {"check"}
    asked = made.timetable.asset_condition
    assert [each.name for each in getattr(asked, "objects", [asked])] == ["orders/asking/staged"]
    assert made.timetable.timetable.expression == quality.DAILY
    assert made.max_active_runs == 1
    assert not made.catchup


def test_without_a_channel_that_asks_it_only_runs_daily(project):
    project.add("quiet")
    made = runpy.run_path(str(project.dags / "quality.py"))["quality"]
    assert made.timetable.expression == quality.DAILY


def test_upkeep_has_a_dry_run_and_a_number_of_days_for_everything(project):
    made = runpy.run_path(str(project.dags / "upkeep.py"))["upkeep"]
    assert set(made.task_ids) == {"expire"}
    assert made.params["dry_run"] is False
    assert {"raw", "expectations", "reports", "calls", "alerts"} <= set(made.params)


def test_a_scheduled_run_looks_at_the_last_whole_day_of_every_channel(project):
    project.add("taipei")
    project.add("honolulu", ASKING.replace("Asia/Taipei", "Pacific/Honolulu"))
    found = quality._checks(context(), channels(project), NOW)
    assert {(each.channel.name, each.day) for each in found} == {
        ("taipei", date(2026, 3, 1)),
        ("honolulu", date(2026, 2, 28)),
    }
    assert quality._asked_by(context()) == "schedule"


def test_a_run_by_hand_looks_at_what_was_asked_for(project):
    project.add("one")
    project.add("two")
    asked = context({"channel": "two", "day": "2026-02-03"}, run_type="manual")
    assert [(each.channel.name, each.day) for each in quality._checks(asked, channels(project), NOW)] == [
        ("two", date(2026, 2, 3))
    ]
    assert quality._asked_by(asked) == "person"
    with pytest.raises(ConfigError, match=r"no channel 'three'.*known are one, two"):
        quality._checks(context({"channel": "three"}), channels(project), NOW)


def test_a_run_after_loads_looks_at_the_days_of_their_windows_once_each(project):
    project.add("quiet")
    project.add("asking", ASKING)
    windows = [
        {"window": "2026-03-01T15:00:00Z/2026-03-01T16:00:00Z"},
        {"window": "2026-03-01T15:30:00Z/2026-03-01T16:00:00Z"},
        {"window": "2026-03-01T16:00:00Z/2026-03-01T17:00:00Z"},
        {"window": "nonsense"},
        {},
    ]
    events = loaded("asking", *windows) | loaded("quiet", *windows)
    found = quality._checks(context(events=events), channels(project), NOW)
    assert [(each.channel.name, each.day) for each in found] == [
        ("asking", date(2026, 3, 1)),
        ("asking", date(2026, 3, 2)),
    ]
    assert quality._asked_by(context(events=events)) == "load"


def test_reports_lie_where_the_environment_says(monkeypatch):
    for name in ("ORDERFLOW_REPORTS", "ORDERFLOW_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AIRFLOW_HOME", "/srv/airflow")
    assert str(quality.reports_root()) == "/srv/airflow/reports"
    monkeypatch.setenv("ORDERFLOW_HOME", "/srv/orderflow")
    assert str(quality.reports_root()) == "/srv/orderflow/reports"
    monkeypatch.setenv("ORDERFLOW_REPORTS", "/srv/pages")
    assert str(quality.reports_root()) == "/srv/pages"
