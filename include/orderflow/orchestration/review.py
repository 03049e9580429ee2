"""Held batches: the DAG `review`, whose runs each wait for a person to decide on one batch, and how a run of it begins.

A review waits in a DAG of its own, so that the channel goes on: a waiting run counts to `max_active_runs` of its DAG,
and takes no worker while it waits. The batch is a row of `orderflow.reviews`; Airflow only asks, and `orderflow review`
may answer as well. Whoever answers first decides.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, AssetAlias, Param, task
from airflow.sdk.exceptions import AirflowRuntimeError, AirflowSkipException

from orderflow.domain.errors import ConfigError
from orderflow.orchestration import ports, tasks
from orderflow.orchestration.care import DAGS, TASKS, asked, named
from orderflow.orchestration.dag import LONGEST_TASK

log = logging.getLogger(__name__)

DAG_ID = "review"
REVIEW = "review"
RELEASE, HOLD, DISCARD = "Release", "Hold", "Discard"
RELEASED = AssetAlias("orders/released")
"""Stands for the assets of whichever channel a released batch belongs to."""
WAITING_AT_ONCE = 500
"""Runs that may wait side by side: a person's decision on one batch delays no other."""

_DOCUMENTATION = """\
One run per batch that a guard held (`validate.guards: hold` in the channel file). It shows the batch's numbers and
waits under **Required Actions** until somebody chooses:

| | |
|---|---|
| Release | the batch is loaded and handed to the OMS, once |
| Hold | it stays held; start this DAG again with its number, or decide with `orderflow review` |
| Discard | its orders are written down as discarded, with who and why; the raw records stay |

The channel's own runs go on meanwhile. Its window counts as unproven, with the cause *held*, and nobody pulls it again.
`orderflow review list` shows what waits.
"""


def build(include: Path) -> DAG:
    """Reads no channel file: a run reads the one of its batch."""
    with DAG(
        dag_id=DAG_ID,
        description="Ask a person about a batch that a guard held",
        doc_md=_DOCUMENTATION,
        schedule=None,
        max_active_runs=WAITING_AT_ONCE,
        max_active_tasks=WAITING_AT_ONCE,
        params={REVIEW: Param(None, type=["null", "integer"], title="Review", description="Number of the held batch.")},
        # No time limit: a person may take days.
        default_args={name: value for name, value in TASKS.items() if name != "execution_timeout"},
        **DAGS,
    ) as dag:

        @task(execution_timeout=LONGEST_TASK)
        def describe() -> dict[str, str]:
            """Gather what a person needs to know."""
            return described()

        @task(multiple_outputs=False, execution_timeout=LONGEST_TASK)
        def record(answer: dict[str, Any]) -> dict[str, Any]:
            """Write down who decided what, and why."""
            return recorded(answer)

        @task(multiple_outputs=False, execution_timeout=LONGEST_TASK, outlets=[RELEASED])
        def load_to_staging(batch: dict[str, Any]) -> dict[str, Any]:
            """Write orders, quarantine, outbox and ledger in one transaction."""
            return tasks.load_to_staging(named(include, tasks.handed(batch).channel), batch, alias=RELEASED)

        @task(multiple_outputs=False, execution_timeout=LONGEST_TASK, outlets=[RELEASED])
        def sync_to_oms(batch: dict[str, Any]) -> dict[str, int]:
            """Hand the OMS what it has not got yet, and keep its receipts."""
            return tasks.sync_to_oms(named(include, tasks.handed(batch).channel), batch, include, alias=RELEASED)

        decide = HITLOperator(
            task_id="decide",
            subject="{{ ti.xcom_pull(task_ids='describe')['subject'] }}",
            body="{{ ti.xcom_pull(task_ids='describe')['body'] }}",
            options=[RELEASE, HOLD, DISCARD],
            params={"why": Param("", type="string", title="Why", description="For whoever asks later.")},
        )
        describe() >> decide
        sync_to_oms(load_to_staging(record(decide.output)))  # type: ignore[arg-type] # XComArgs: Airflow types none
    return dag


def ask(number: int) -> None:
    """Begin the run of the DAG `review` that waits for a person's word on this batch.

    Airflow lets a task start another DAG's run by the message that `TriggerDagRunOperator` makes its worker send, and
    by nothing else; the operator itself would have to be a task of every channel. A batch that is held again gets a run
    again. Where no run can begin, the batch still waits in the ledger.
    """
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import ErrorResponse, TriggerDagRun

    supervisor = getattr(task_runner, "SUPERVISOR_COMMS", None)
    if supervisor is None:
        log.warning("review not asked for review=%d: no scheduler; decide with: orderflow review list", number)
        return
    now = datetime.now(UTC)
    run_id = f"review__{number}__{now:%Y%m%dT%H%M%S}"
    try:
        answer = supervisor.send(TriggerDagRun(dag_id=DAG_ID, run_id=run_id, run_after=now, conf={REVIEW: number}))
        error = str(answer.error) if isinstance(answer, ErrorResponse) else ""
    except AirflowRuntimeError as refused:  # Airflow does not know the DAG, or cannot read its file
        error = str(refused)
    if error:
        log.error("review not asked for review=%d error=%s; decide with: orderflow review list", number, error)
        return
    log.info("review asked for review=%d", number)


def described() -> dict[str, str]:
    """Subject and body of the question: the batch's numbers. Skips where it is decided already."""
    from orderflow.pipeline.held import summary
    from orderflow.staging import reviews

    number = _number()
    with ports.database() as connection:
        review = reviews.read(connection, number)
    if review.state != "held":
        raise AirflowSkipException(f"{review} is {review.state} already; nothing is left to decide")
    return {
        "subject": f"Held: {review.batch.channel} {review.batch.window}",
        "body": f"{summary(review.batch)}\n\nReview {review.id}, held since {review.held_at:%Y-%m-%d %H:%M} UTC.",
    }


def recorded(answer: dict[str, Any]) -> dict[str, Any]:
    """The released batch, to be loaded; skips what comes after for any other decision.

    A task that is tried again finds its own decision and goes on. A decision that somebody else took before stands.
    """
    from orderflow.pipeline import held
    from orderflow.staging import reviews

    number, (chosen,) = _number(), answer["chosen_options"]
    who, why = _name(answer.get("responded_by_user")), str((answer.get("params_input") or {}).get("why") or "")
    with ports.database() as connection:
        review = reviews.read(connection, number)
        if review.state in {"released", "discarded", "superseded"} and review.decided_why != why.strip():
            raise AirflowSkipException(f"{review} was {review.state} by {review.decided_by} before; that stands")
        if chosen == HOLD:
            reviews.keep(connection, number, who, why)
            raise AirflowSkipException(f"{review} stays held: {why}")
        if chosen == DISCARD:
            reviews.discard(connection, number, who, why, held.orders(review.batch))
            raise AirflowSkipException(f"{review} was discarded by {who}: {why}")
        review = reviews.release(connection, number, who, why)
    log.info("batch released review=%d who=%s", number, who)
    return msgspec.structs.replace(review.batch, held=None).to_json()


def _number() -> int:
    given = asked().get(REVIEW)
    if given is None:
        raise ConfigError("the run was given no review; start it with the number of one: orderflow review list")
    return int(given)


def _name(user: Any) -> str:
    """Whoever answered, as Airflow names them."""
    if isinstance(user, dict):
        return str(user.get("name") or user.get("id") or "unknown")
    return str(getattr(user, "name", None) or getattr(user, "id", None) or user or "unknown")
