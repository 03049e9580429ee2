"""One DAG per channel file: ids, shape, schedule, owner, deadline, retries; and what happens to a broken file."""

import inspect
import json
import runpy
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.serialization.definitions.deadline import SerializedReferenceModels
from dag_project import CHANNEL, ROOT

from orderflow.orchestration.deadline import QueuedAt

TASKS = ["extract", "clean", "validate", "load_to_staging", "sync_to_oms"]


@pytest.fixture
def dag(project):
    project.add("shopee_tw")
    dags, errors = project.parse()
    assert errors == {}
    return dags["orders.shopee_tw"]


def test_the_dag_ids_are_exactly_the_file_names(project):
    for name in ("a", "b_2", "shop3"):
        project.add(name)
    dags, errors = project.parse()
    assert sorted(dags) == ["orders.a", "orders.b_2", "orders.shop3"]
    assert errors == {}


def test_the_projects_own_channel_files_all_become_dags():
    from airflow.dag_processing.dagbag import DagBag

    files = sorted(path.stem for path in (ROOT / "include" / "channels").glob("*.yml"))
    assert {"demo_csv", "demo_shopify", "demo_woocommerce"} <= set(files)
    for name, expected in (("channels.py", [f"orders.{name}" for name in files]), ("channels_broken.py", [])):
        bag = DagBag(dag_folder=str(ROOT / "dags" / name))
        assert bag.import_errors == {}
        assert sorted(bag.dags) == expected


def test_a_channel_has_the_five_tasks_one_behind_the_other(dag):
    assert dag.task_ids == TASKS
    assert {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks} == {
        task: [after] if after else [] for task, after in zip(TASKS, [*TASKS[1:], None], strict=True)
    }
    assert all(task.doc_md and not task.multiple_outputs for task in dag.tasks)


def test_a_run_answers_for_the_span_between_two_ticks(dag):
    from airflow.sdk import CronDataIntervalTimetable

    assert type(dag.timetable) is CronDataIntervalTimetable
    assert dag.timetable.expression == "*/15 * * * *"
    assert dag.timetable.timezone == "Asia/Taipei"
    assert dag.start_date == datetime(2025, 12, 31, 16, tzinfo=UTC)
    assert dag.catchup is False
    assert dag.max_active_runs == 1


def test_people_see_title_owner_and_what_the_dag_does(dag):
    assert dag.dag_display_name == "旗艦店 🏬 shopee_tw"
    assert dag.tags == {"orders", "shopify"}
    assert {task.owner for task in dag.tasks} == {"asia"}
    assert dag.owner_links == {"asia": "mailto:asia@shop.example"}
    assert 'cron: "*/15 * * * *"' in dag.doc_md
    assert "quarantines it whole" in dag.doc_md


@pytest.mark.parametrize(
    ("written", "owner", "links"),
    [
        ("asia", "asia", {}),
        ("Équipe Asie 亞洲 <a@b.example>", "Équipe Asie 亞洲", {"Équipe Asie 亞洲": "mailto:a@b.example"}),
        ("asia <https://chat.example/asia>", "asia", {"asia": "https://chat.example/asia"}),
    ],
)
def test_an_owners_link_is_the_address_in_angle_brackets(project, written, owner, links):
    project.add("a", CHANNEL.replace("asia <asia@shop.example>", written))
    dag = project.parse()[0]["orders.a"]
    assert {task.owner for task in dag.tasks} == {owner}
    assert dag.owner_links == links


def test_a_late_run_is_told_of_by_the_triggerer(dag):
    (alert,) = dag.deadline
    assert isinstance(alert.reference, QueuedAt)
    assert alert.interval == timedelta(minutes=25)
    assert type(alert.callback).__name__ == "AsyncCallback"
    assert alert.callback.path == "orderflow.orchestration.notify.Alert"
    assert alert.callback.kwargs == {
        "channel": "shopee_tw",
        "what": "not done 25m after it was queued",
    }


def test_a_task_of_a_run_within_its_deadline_can_be_cleared(dag):
    """Airflow moves deadlines that it knows by this name, and fails at it; of ours it asks the plugin."""
    from airflow.models.taskinstance import _recalculate_dagrun_queued_at_deadlines as moved
    from airflow.serialization.encoders import encode_deadline_reference

    assert "DagRunQueuedAtDeadline.__name__" in inspect.getsource(moved)
    found = encode_deadline_reference(dag.deadline[0].reference)
    assert found["reference_type"] == "QueuedAt"
    registered = runpy.run_path(str(ROOT / "plugins" / "orderflow_plugin.py"))["OrderflowPlugin"].deadline_references
    assert [found["__class_path"]] == [f"{each.__module__}.{each.__name__}" for each in registered]


def test_a_deadline_counts_from_when_the_run_was_queued():
    queued = datetime(2026, 11, 22, 12, tzinfo=UTC)
    session = SimpleNamespace(execute=lambda _: SimpleNamespace(one_or_none=lambda: (queued,)))
    asked = {"dag_id": "orders.a", "run_id": "r", "more": "is left out"}
    wrapped = SerializedReferenceModels.SerializedCustomReference(QueuedAt())
    assert wrapped.evaluate_with(session=session, interval=timedelta(minutes=25), **asked) == datetime(
        2026, 11, 22, 12, 25, tzinfo=UTC
    )


def test_a_failed_run_is_told_of_at_dag_level(dag):
    from orderflow.orchestration.notify import Alert

    assert isinstance(dag.on_failure_callback, Alert)
    assert (dag.on_failure_callback.what, dag.on_failure_callback.channel) == ("failed", "shopee_tw")
    assert not any(task.on_failure_callback for task in dag.tasks)


def test_every_task_has_the_policy_its_retries_and_an_end(dag):
    from orderflow.orchestration.retry import RETRIES, ErrorTreeRetryPolicy

    for task in dag.tasks:
        assert isinstance(task.retry_policy, ErrorTreeRetryPolicy)
        assert task.retries == RETRIES
        assert task.execution_timeout > timedelta(0)


def test_a_window_may_be_given_by_hand_and_need_not_be(dag):
    assert dag.params.dump() == {"window_start": None, "window_end": None}
    for name in ("window_start", "window_end"):
        assert dag.params.get_param(name).schema["type"] == ["null", "string"]
        assert dag.params.get_param(name).schema["format"] == "date-time"


def test_a_task_has_the_window_of_its_dag_without_a_copy_of_its_params(dag):
    from airflow.sdk.definitions.param import process_params

    for task in dag.tasks:
        assert not task.params
        given = {"window_start": "2026-03-01T00:00:00Z"}
        found = process_params(dag, task, given, suppress_exception=False)
        assert found == {**given, "window_end": None}


def test_what_is_nearer_to_the_oms_goes_first(dag):
    from airflow.serialization.serialized_objects import DagSerialization

    scheduled = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    tasks = (scheduled.get_task(name) for name in TASKS)
    assert [task.weight_rule.get_weight(SimpleNamespace(task=task)) for task in tasks] == [1, 2, 3, 4, 5]


def test_other_dags_can_wait_for_what_is_staged_and_delivered(dag):
    outlets = {task.task_id: [asset.name for asset in task.outlets] for task in dag.tasks if task.outlets}
    assert outlets == {
        "load_to_staging": ["orders/shopee_tw/staged"],
        "sync_to_oms": ["orders/shopee_tw/delivered"],
    }


def test_only_a_declared_pool_is_used_and_only_by_extract(project):
    project.add("a")
    project.add("b")
    (project.include / "pools.json").write_text(json.dumps({"shopify.a": {"slots": 1, "description": ""}}))
    dags, _ = project.parse()
    assert {task.task_id: task.pool for task in dags["orders.a"].tasks} == {
        task: "shopify.a" if task == "extract" else "default_pool" for task in TASKS
    }
    assert {task.pool for task in dags["orders.b"].tasks} == {"default_pool"}


def test_pools_are_those_of_the_file_that_airflow_imports(tmp_path):
    from orderflow.orchestration.dag import pools

    assert pools(tmp_path) == frozenset()
    (tmp_path / "pools.json").write_text('{"shopify.a": {"slots": 1}, "shopee.b": {"slots": 2}}')
    assert pools(tmp_path) == {"shopify.a", "shopee.b"}


def test_a_dag_serialises_and_two_parses_give_the_same(project):
    from airflow.serialization.serialized_objects import DagSerialization

    project.add("shopee_tw")
    first, second = (DagSerialization.to_dict(project.parse()[0]["orders.shopee_tw"]) for _ in range(2))
    assert first == second
    assert DagSerialization.from_dict(json.loads(json.dumps(first))).task_ids == TASKS


def test_a_broken_file_neither_vanishes_nor_stops_the_others(project):
    project.add("good")
    project.add("fine")
    project.add(
        "torn", "title: 破\nowner: asia\nsource: {{adapter: shopify, connection: torn}}\nschedule: {{corn: 1}}\n"
    )
    dags, errors = project.parse()
    assert sorted(dags) == ["orders.fine", "orders.good"]
    assert sorted(errors) == ["channels_broken.py"]
    torn = project.include / "channels" / "torn.yml"
    assert errors["channels_broken.py"].rstrip().splitlines()[-4:] == [
        f"{torn}:1  oms  missing key 'oms'; add it, such as oms: {{target: demo}}",
        f"{torn}:4  schedule.cron  missing key 'cron'; add it, such as cron: \"0 * * * *\"",
        f"{torn}:4  schedule.start  missing key 'start'; add it, such as start: 2026-01-31",
        f"{torn}:4  schedule.corn  unknown key 'corn'; did you mean 'cron'?",
    ]


def test_a_worker_builds_only_the_dag_that_it_runs(project, monkeypatch):
    for name in ("a", "b", "c"):
        project.add(name)
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "orders.b")
    assert sorted(project.parse()[0]) == ["orders.b"]
    monkeypatch.delenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID")
    assert sorted(project.parse()[0]) == ["orders.a", "orders.b", "orders.c"]
