"""The DAG `review` with real components: the tasks that hold a batch, the question, and each of its answers."""

import json
import logging
import re
import shutil
from types import SimpleNamespace

import pytest
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.exceptions import AirflowRuntimeError, AirflowSkipException
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse, OKResponse, TriggerDagRun
from airflow.sdk.execution_time.context import set_current_context
from dag_project import ROOT
from test_dags_tasks import ROWS, context, deployment, read, rows, run  # noqa: F401 - a fixture and its kin

from orderflow.domain.errors import ConfigError
from orderflow.orchestration import review, tasks

HELD = "validate: {{guards: hold, orders_per_window: [100, 200]}}\n"


class Supervisor:
    """What the worker process says to its supervisor."""

    def __init__(self, answer=None):
        self.said, self.answer = [], answer or OKResponse(ok=True)

    def send(self, message):
        if isinstance(message, TriggerDagRun):
            self.said.append(message)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def supervisor(monkeypatch):
    found = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", found, raising=False)
    return found


@pytest.fixture
def held(deployment, project, supervisor):  # noqa: F811 - the fixture
    """A batch that its guard held, and what asks about it."""
    (deployment.drop / "orders.csv").write_text(ROWS)
    channel = read(project, HELD)
    with pytest.raises(AirflowSkipException, match=r"is held: TOO_FEW_ORDERS.*orderflow review list"):
        run(channel, project.include)
    (asked,) = supervisor.said
    return SimpleNamespace(channel=channel, include=project.include, asked=asked, connection=deployment.connection)


def answered(chosen, why="a holiday 🎉", who="ana"):
    return {"chosen_options": [chosen], "params_input": {"why": why}, "responded_by_user": {"id": who, "name": who}}


def of(held):
    return context() | {"params": {"review": None}, "dag_run": SimpleNamespace(conf=held.asked.conf)}


def go_on(held, batch):
    with set_current_context(of(held)):
        loaded = tasks.load_to_staging(held.channel, json.loads(json.dumps(batch)))
        return tasks.sync_to_oms(held.channel, json.loads(json.dumps(loaded)), held.include)


def test_a_held_batch_begins_a_run_that_asks_about_it(held):
    assert isinstance(held.asked, TriggerDagRun)
    assert held.asked.dag_id == "review"
    assert re.fullmatch(r"review__1__\d{8}T\d{6}", held.asked.run_id)
    with set_current_context(of(held)):
        told = review.described()
    assert told["subject"].startswith("Held: a ")
    for part in ("TOO_FEW_ORDERS: 3 orders", "| Orders accepted | 2 |", "| SKU_MISSING | 1 |"):
        assert part in told["body"]
    for name in ("王小明", "Zoë", "Ann "):
        assert name not in told["body"]


def test_a_released_batch_is_loaded_and_delivered_once(held):
    with set_current_context(of(held)):
        batch = review.recorded(answered("Release"))
        again = review.recorded(answered("Release"))
    assert batch == again
    assert go_on(held, batch) == {"sent": 2, "accepted": 2, "refused": 0, "pending": 0}
    assert go_on(held, batch) == {"sent": 0, "accepted": 0, "refused": 0, "pending": 0}
    assert rows(held.connection, "SELECT state FROM orderflow.windows") == [("synced",)]
    assert rows(held.connection, "SELECT state, decided_by, decided_why, loaded_at IS NULL FROM orderflow.reviews") == [
        ("released", "ana", "a holiday 🎉", False)
    ]
    assert rows(held.connection, "SELECT count(*), max(version) FROM orderflow.orders") == [(2, 1)]


def test_a_discarded_batch_leaves_its_orders_written_down_and_its_raw_records(held):
    with set_current_context(of(held)), pytest.raises(AirflowSkipException, match="discarded by ana: a holiday"):
        review.recorded(answered("Discard"))
    assert rows(held.connection, "SELECT order_id FROM orderflow.discarded_orders ORDER BY 1") == [
        ("A-1",), ("A-2",), ("A-3",),
    ]  # fmt: skip
    assert rows(held.connection, "SELECT count(*) FROM orderflow.orders") == [(0,)]
    ((state, error, landing),) = rows(held.connection, "SELECT state, error, landing FROM orderflow.windows")
    assert (state, error) == ("held", "discarded by ana: a holiday 🎉")
    from upath import UPath

    assert [path.name for path in UPath(landing).glob("raw-*")]


def test_a_batch_that_stays_held_can_be_decided_later(held):
    with set_current_context(of(held)):
        with pytest.raises(AirflowSkipException, match="stays held: ask Bo first"):
            review.recorded(answered("Hold", "ask Bo first"))
        assert review.recorded(answered("Release", "Bo agrees"))["counts"]["accepted"] == 2
    assert rows(held.connection, "SELECT what, who, why FROM orderflow.review_events WHERE what <> 'held'") == [
        ("kept", "ana", "ask Bo first"),
        ("released", "ana", "Bo agrees"),
    ]


def test_a_decision_that_was_taken_elsewhere_stands(held):
    with set_current_context(of(held)):
        review.recorded(answered("Release", "it is right"))
        with pytest.raises(AirflowSkipException, match="was released by ana before; that stands"):
            review.recorded(answered("Discard", "no", who="bo"))
        with pytest.raises(AirflowSkipException, match="is released already; nothing is left to decide"):
            review.described()


@pytest.mark.parametrize("answer", [ErrorResponse(), AirflowRuntimeError(ErrorResponse())])
def test_a_batch_that_airflow_cannot_ask_about_still_waits(deployment, project, supervisor, caplog, answer):  # noqa: F811
    supervisor.answer = answer
    (deployment.drop / "orders.csv").write_text(ROWS)
    with caplog.at_level(logging.ERROR), pytest.raises(AirflowSkipException, match="is held"):
        run(read(project, HELD), project.include)
    assert "review not asked for review=1" in caplog.text
    assert rows(deployment.connection, "SELECT state FROM orderflow.reviews") == [("held",)]


def test_a_run_without_a_review_says_what_is_missing():
    with (
        set_current_context({"params": {}, "dag_run": SimpleNamespace(conf={})}),
        pytest.raises(ConfigError, match=r"was given no review; .*orderflow review list"),
    ):
        review.described()


def test_the_dag_asks_with_a_reason_and_takes_no_worker_while_it_waits(tmp_path):
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization

    (tmp_path / "dags").mkdir()
    shutil.copy(ROOT / "dags" / "review.py", tmp_path / "dags")
    bag = DagBag(dag_folder=str(tmp_path / "dags" / "review.py"), safe_mode=True)
    assert bag.import_errors == {}
    dag = bag.dags["review"]
    assert [task.task_id for task in dag.topological_sort()] == [
        "describe", "decide", "record", "load_to_staging", "sync_to_oms",
    ]  # fmt: skip
    decide = dag.get_task("decide")
    assert isinstance(decide, HITLOperator)
    assert decide.options == ["Release", "Hold", "Discard"]
    assert (decide.execution_timeout, decide.response_timeout) == (None, None)
    assert decide.serialized_params["why"]["schema"] == {"type": "string", "title": "Why"}
    assert decide.params.dump() == {"why": ""}, "what Airflow checks when the task starts, before anybody answered"
    assert dag.max_active_runs > 100
    assert dag.schedule is None
    assert DagSerialization.to_dict(dag)
