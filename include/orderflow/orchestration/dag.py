"""One channel to one DAG: always the same five tasks, whatever the channel."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, CronDataIntervalTimetable, Param, get_parsing_context, task
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert

from orderflow import config
from orderflow.domain.channel import Channel, print_duration
from orderflow.orchestration import assets, tasks
from orderflow.orchestration.deadline import QueuedAt
from orderflow.orchestration.documentation import documentation
from orderflow.orchestration.notify import Alert
from orderflow.orchestration.retry import RETRIES, ErrorTreeRetryPolicy
from orderflow.orchestration.window import END, START

LONGEST_TASK = timedelta(hours=12)
"""A task that runs longer hangs: even a month of a large shop is pulled in less. It is ended and tried again."""
AFTER_A_KILL = timedelta(seconds=30)
"""Pause before a task runs again whose process was killed: the policy is asked in that process, so it cannot tell."""


def reading(include: Path) -> config.Reading:
    """The channel files of `include/channels`: all of them, or in a worker the one that is about to run."""
    wanted = get_parsing_context().dag_id
    only = wanted.removeprefix("orders.") if wanted else None
    return config.read(include / "channels", now=datetime.now(UTC), only=only)


def build(channel: Channel, include: Path) -> DAG:
    """The DAG `orders.<channel>`; `include` holds the targets and pools that the channel may name.

    Reads neither connections nor variables, and nothing of the network or a database: it runs at every parse.
    """
    owner, link = _owner(channel.owner)
    deadline = print_duration(channel.schedule.deadline)
    with DAG(
        dag_id=f"orders.{channel.name}",
        dag_display_name=channel.title,
        description=f"{channel.title}: orders from {channel.adapter_name} to the OMS {channel.oms.target}",
        doc_md=documentation(channel),
        schedule=CronDataIntervalTimetable(channel.schedule.cron, timezone=channel.schedule.timezone),
        start_date=channel.start,
        catchup=False,
        max_active_runs=1,
        tags=["orders", channel.adapter_name],
        owner_links={owner: link} if link else {},
        deadline=DeadlineAlert(
            QueuedAt(),
            channel.schedule.deadline,
            AsyncCallback(Alert, {"channel": channel.name, "what": f"not done {deadline} after it was queued"}),
            name=f"done within {deadline}",
        ),
        on_failure_callback=Alert(channel=channel.name, what="failed"),
        default_args={
            "owner": owner,
            "retries": RETRIES,
            "retry_policy": ErrorTreeRetryPolicy(),
            "retry_delay": AFTER_A_KILL,
            "execution_timeout": LONGEST_TASK,
            # What is nearer to the OMS goes first: where slots are short, one channel after the other is done, instead
            # of all of them at the end.
            "weight_rule": "upstream",
        },
    ) as dag:
        _chain(channel, include)
    dag.params.update(_params())  # after the tasks: each would carry a copy, which Airflow checks again and again
    return dag


def _chain(channel: Channel, include: Path) -> None:
    """The five tasks, one behind the other. A batch travels as JSON; its data lies in the landing zone."""
    account = f"{channel.adapter_name}.{channel.connection}"

    @task(multiple_outputs=False, pool=account if account in pools(include) else "default_pool")
    def extract() -> dict[str, Any]:
        """Pull what changed in the run's window and write it down as it came."""
        return tasks.extract(channel)

    @task(multiple_outputs=False)
    def clean(batch: dict[str, Any]) -> dict[str, Any]:
        """Map the raw records to canonical orders and make them the same for every channel."""
        return tasks.clean(channel, batch)

    @task(multiple_outputs=False)
    def validate(batch: dict[str, Any]) -> dict[str, Any]:
        """Decide order by order what may go on, and whether the batch as a whole is plausible."""
        return tasks.validate(channel, batch)

    @task(multiple_outputs=False, outlets=[assets.staged(channel.name)])
    def load_to_staging(batch: dict[str, Any]) -> dict[str, Any]:
        """Write orders, quarantine, outbox and ledger in one transaction."""
        return tasks.load_to_staging(channel, batch)

    @task(multiple_outputs=False, outlets=[assets.delivered(channel.name)])
    def sync_to_oms(batch: dict[str, Any]) -> dict[str, int]:
        """Hand the OMS what it has not got yet, and keep its receipts."""
        return tasks.sync_to_oms(channel, batch, include)

    sync_to_oms(load_to_staging(validate(clean(extract()))))  # type: ignore[arg-type] # XComArgs: Airflow types none


def pools(include: Path) -> frozenset[str]:
    """Names of the pools in `include/pools.json`, the file that `airflow pools import` reads.

    A task in a pool that Airflow does not know never starts, so only what is declared there is used.
    """
    declared = include / "pools.json"
    return frozenset(json.loads(declared.read_text())) if declared.is_file() else frozenset()


def _owner(text: str) -> tuple[str, str | None]:
    """Name and link of `asia <asia@shop.example>` or `asia <https://chat.example/asia>`."""
    name, _, place = text.partition("<")
    place = place.rstrip("> ")
    link = place if re.match("https?://", place) else f"mailto:{place}"
    return name.strip(), link if place else None


def _params() -> dict[str, Param]:
    """The window of a run that somebody triggers; both empty: the run's own interval."""
    return {
        START: Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Window start",
            description="Pull what changed from this moment on. Leave both empty for the newest whole window.",
        ),
        END: Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Window end",
            description="Up to this moment, which must lie in the past; the moment itself belongs to the next window.",
        ),
    }
