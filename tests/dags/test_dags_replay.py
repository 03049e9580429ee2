"""The DAG `replay` and what every run does for its waiting orders, with real ports and without a scheduler."""

import json
from datetime import timedelta

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from airflow.sdk.execution_time.context import set_current_context
from test_dags_tasks import ROWS, VAULT_KEY, channel, context, deployment, read, rows, run

from orderflow.domain.errors import ConfigError
from orderflow.orchestration import replay
from orderflow.orchestration.window import END, START

__all__ = ["channel", "deployment"]

ASKED = {
    "channel": "a",
    "what": "quarantined",
    "dry_run": True,
    "reason": None,
    "sku": None,
    START: None,
    END: None,
    "order_ids": None,
}
CURE = "clean: {{country: TW}}\nvalidate: {{waive: [SKU_MISSING]}}\n"


def another_run():
    """The context of a run whose window brings nothing."""
    told = context()
    earlier = told["data_interval_start"] - timedelta(minutes=15)
    span = {"data_interval_start": earlier, "data_interval_end": told["data_interval_start"]}
    return told | span | {"run_id": "manual__another"}


def test_the_dag_shows_a_dry_run_unless_it_is_taken_off(project):
    dag = replay.build(project.include)
    assert [task.task_id for task in dag.topological_sort()] == ["read_again", "sync_to_oms"]
    assert dag.params["dry_run"] is True
    assert dag.params["what"] in replay.WHAT


def test_a_dry_run_tells_and_a_replay_hands_over_what_a_changed_channel_file_cures(
    deployment, channel, project, caplog
):
    (deployment.drop / "orders.csv").write_text(ROWS)
    batch, _ = run(channel, project.include)
    assert (batch["counts"]["inserted"], batch["counts"]["quarantined"] + batch["counts"].get("unreadable", 0)) == (
        2,
        1,
    )
    read(project, CURE)
    with set_current_context(context()), caplog.at_level("INFO"):
        told = replay.run(project.include, ASKED)
        assert told["changes"]["leave"] == 1
        assert "1 would leave quarantine" in told["summary"]
        assert told["summary"] in caplog.text
        assert rows(deployment.connection, "SELECT count(*) FROM orderflow.orders") == [(2,)]
        done = json.loads(json.dumps(replay.run(project.include, ASKED | {"dry_run": False})))
        assert done["batch"]["counts"]["inserted"] == 1
        assert replay.delivered(read(project, CURE), project.include)["accepted"] == 1
    assert rows(deployment.connection, "SELECT state FROM orderflow.quarantine") == [("superseded",)]
    assert rows(deployment.connection, "SELECT count(*) FROM orderflow.windows") == [(1,)]


def test_the_next_run_takes_along_what_a_changed_channel_file_cures(deployment, channel, project):
    (deployment.drop / "orders.csv").write_text(ROWS)
    run(channel, project.include)
    _, delivered = run(read(project, CURE), project.include, another_run())
    assert delivered["accepted"] == 1
    assert rows(deployment.connection, "SELECT count(*) FROM orderflow.receipts") == [(3,)]


def test_waiting_orders_that_cannot_be_judged_keep_nothing_else(deployment, channel, project, caplog):
    (deployment.drop / "orders.csv").write_text(ROWS)
    run(channel, project.include)
    with deployment.connection, deployment.connection.cursor() as cursor:
        cursor.execute("UPDATE orderflow.windows SET landing = 'gone'")
        cursor.execute("UPDATE orderflow.quarantine SET landing = 'gone', key_id = 'lost'")
    _, delivered = run(read(project, CURE), project.include, another_run())
    assert delivered["pending"] == 0
    assert "copy not readable" in caplog.text
    assert VAULT_KEY not in caplog.text


def test_a_shadow_channel_hands_nothing_over(channel, project):
    with pytest.raises(AirflowSkipException, match="shadow"):
        replay.delivered(channel.model_copy(update={"shadow": True}), project.include)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"what": "window"}, "both its start and its end"),
        ({"what": "order ids", "order_ids": ["  "]}, "give their ids"),
        ({"what": "everything"}, "choose one of quarantined"),
    ],
)
def test_a_choice_that_lacks_something_says_what(asked, told):
    with pytest.raises(ConfigError, match=told):
        replay.choice_of(ASKED | asked)


def test_params_become_a_choice():
    span = {START: "2026-03-01T00:00:00Z", END: "2026-03-02T00:00:00Z"}
    assert str(replay.choice_of(ASKED | {"what": "window"} | span)) == (
        "window 2026-03-01T00:00:00Z/2026-03-02T00:00:00Z"
    )
    assert replay.choice_of(ASKED | {"what": "order ids", "order_ids": [" A-1 ", ""]}).order_ids == ("A-1",)
    assert str(replay.choice_of(ASKED | {"reason": "SKU_UNMAPPED", "sku": "茶"})) == (
        "quarantined orders reason SKU_UNMAPPED SKU 茶"
    )
    assert replay.choice_of(ASKED | {"what": "could leave quarantine"}).waiting
