"""The DAGs `heal` and `sweep`: their shape, that they stay behind live runs, and what their tasks do."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.execution_time.context import set_current_context
from airflow.serialization.serialized_objects import DagSerialization
from dag_project import CHANNEL

from orderflow.domain.errors import ConfigError
from orderflow.domain.window import Window
from orderflow.orchestration import heal_dag, ports
from orderflow.staging import ledger
from orderflow.staging.migrate import migrate

NOW = datetime.now(UTC)


@pytest.fixture
def dags(project):
    project.add("a")
    bag = DagBag(dag_folder=str(project.dags / "heal.py"), safe_mode=True)
    assert bag.import_errors == {}
    return {**bag.dags, **project.parse()[0]}


def test_the_stages_of_healing_are_mapped_and_the_dags_can_be_serialized(dags):
    assert dags["heal"].task_ids == [
        "find", "pull.extract", "pull.clean", "pull.validate", "pull.load_to_staging", "pull.sync_to_oms",
    ]  # fmt: skip
    assert dags["sweep"].task_ids == ["channels", "sweep"]
    for name in ("heal", "sweep"):
        DagSerialization.to_dict(dags[name])
        assert not dags[name].catchup
        assert not dags[name].is_paused_upon_creation, "nobody has to remember to switch it on"


def test_whatever_heals_comes_after_every_live_task(dags):
    live = min(task.priority_weight for task in dags["orders.a"].tasks)
    for name in ("heal", "sweep"):
        behind = [getattr(task, "priority_weight", None) for task in dags[name].tasks]
        assert max(behind) < live
        assert {str(task.weight_rule) for task in dags[name].tasks} != {"downstream"}
    weights = [task.priority_weight for task in dags["heal"].tasks]
    assert weights[1:] == sorted(weights[1:]), "what is begun is finished before more is begun"
    assert dags["heal"].max_active_tasks * dags["heal"].max_active_runs <= 6


def test_a_channels_own_dag_has_room_for_nothing_but_the_schedule(dags):
    assert dags["orders.a"].max_active_runs == 1


@pytest.fixture
def database(dsn, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_ORDERFLOW_DB", json.dumps({"conn_type": "postgres", "extra": {"dsn": dsn}}))
    with ports.database() as connection:
        migrate(connection)
        yield connection


class Ti:
    """The task instance of a running task, as far as it answers questions about other runs."""

    def __init__(self, paused=()):
        self.paused = paused

    def get_dag(self, dag_id):
        return SimpleNamespace(is_paused=dag_id in self.paused)

    def get_dr_count(self, dag_id, logical_dates=None, run_ids=None, states=None):
        return 0

    def get_task_states(self, dag_id, map_index=None, run_ids=None):
        return {}


def context(*, ti=None, conf=None):
    params = {"channel": None, "window_start": None, "window_end": None, "again": False}
    return {"run_id": "look_1", "params": params, "dag_run": SimpleNamespace(conf=conf or {}), "ti": ti or Ti()}


def test_find_hands_out_json_of_the_gaps_of_every_channel(project, database):
    for name in ("a", "b"):
        project.add(name)
    done = Window(datetime(2026, 1, 1, tzinfo=UTC) - timedelta(days=1), NOW - timedelta(hours=1))
    for name in ("a", "b"):
        ledger.unreachable(database, name, done, "test", "nothing there")
    with set_current_context(context(ti=Ti(paused={"orders.b"}))):
        (part,) = json.loads(json.dumps(heal_dag.look(project.include)))
    assert (part["channel"], part["cause"]) == ("a", "never run")
    assert datetime.fromisoformat(part["window_start"]) == done.end
    assert part["run_id"].startswith("heal__")


def test_a_backfill_is_a_run_with_a_channel_and_a_span(project, database):
    project.add("a")
    span = {"window_start": "2026-03-01T00:00:00Z", "window_end": "2026-03-01T06:00:00+00:00"}
    with set_current_context(context(conf={"channel": "a", **span})):
        (part,) = heal_dag.look(project.include)
    assert (part["window_start"], part["cause"]) == ("2026-03-01T00:00:00+00:00", "asked for")


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        ({"channel": "nobody"}, "there is no channel 'nobody'; known are a"),
        ({"window_start": "2026-03-01T00:00Z"}, "without a channel"),
        ({"channel": "a", "window_start": "2026-03-01T00:00Z"}, "window_end is missing"),
        ({"channel": "a", "window_start": "2020-01-01T00:00Z", "window_end": "2020-01-02T00:00Z"}, "channel's start"),
        ({"channel": "a", "window_start": "2026-03-01T00:00Z", "window_end": "2999-01-01T00:00Z"}, "not over yet"),
    ],
)
def test_a_backfill_that_cannot_be_is_refused_with_its_cure(project, database, conf, message):
    project.add("a", CHANNEL)
    with set_current_context(context(conf=conf)), pytest.raises(ConfigError, match=message):
        heal_dag.look(project.include)


def test_a_stage_of_healing_that_was_handed_nothing_says_what_to_clear(dags):
    for stage in dags["heal"].task_ids[2:]:
        with pytest.raises(ConfigError, match=r"the task before handed over no batch.*\(of a part of it: extract\)"):
            dags["heal"].get_task(stage).python_callable(None)
