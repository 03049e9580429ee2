"""The DAG `hints`: every minute, look at the orders that webhooks named; windows stay the truth."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from pathlib import Path

from airflow.sdk import DAG, get_current_context, task

from orderflow.domain.channel import Channel
from orderflow.domain.errors import TransientError
from orderflow.orchestration import ports, settings, tasks
from orderflow.orchestration.care import DAGS, TASKS, chosen, named

log = logging.getLogger(__name__)

EVERY = "* * * * *"
AT_ONCE = 2
"""Channels that are looked at at once."""
LONGEST_LOOK = timedelta(minutes=15)
"""One slow channel does not keep the others' hints waiting for longer; what it did not load is looked at again."""

_DOCUMENTATION = """\
Platforms post to `/orderflow/inbox/<channel>` of the API server (or to `orderflow inbox`) when an order changes. Only
the order's id is kept. Every minute the named orders are fetched by id and go through the same stages as any other:
staged and sent once, whether a window brings them as well, before or after.

A hint proves nothing: a lost, doubled or forged one costs time, never an order. One whose order the channel does not
show (yet), or that fails, is tried again after 1, 2, 4 ... minutes, eight times, and then left to the windows.
`orderflow status` counts what waits; `orderflow explain` shows which version came by a hint.
"""


def build(include: Path) -> DAG:
    """Reads no channel file: a look does."""
    with DAG(
        dag_id="hints",
        description="Look at once at the orders that webhooks named",
        doc_md=_DOCUMENTATION,
        schedule=EVERY,
        max_active_runs=1,
        max_active_tasks=AT_ONCE,
        default_args={**TASKS, "retries": 0, "execution_timeout": LONGEST_LOOK},
        **DAGS,
    ) as dag:

        @task
        def channels() -> list[str]:
            """Name the channels with hints to look at now."""
            return waiting(include)

        @task(map_index_template="{{ label }}")
        def look(name: str) -> dict[str, int]:
            """Pull the named orders by their ids, and hand what changed to the OMS."""
            get_current_context()["label"] = name  # type: ignore[typeddict-unknown-key] # Airflow's own way
            return looked(named(include, name), include)

        look.expand(name=channels())
    return dag


def waiting(include: Path) -> list[str]:
    """Channels with hints that are due and whose DAG is not paused. Most minutes there are none: no file is read."""
    from orderflow.staging import inbox

    with ports.database("orderflow hints") as connection:
        due = inbox.due(connection)
    return chosen(include, lambda channel: channel.name in due) if due else []


def looked(channel: Channel, include: Path) -> dict[str, int]:
    """Look at one channel's hints; returns how many orders were read, changed, absent, and accepted by the OMS."""
    from orderflow.pipeline.hints import look_all
    from orderflow.pipeline.sync import sync
    from orderflow.staging import inbox, skus
    from orderflow.staging.decisions import decisions

    with ports.staging_of(channel, tasks.teller()) as store:
        try:
            done = look_all(
                channel,
                inbox.Queue(store.connection, channel.name),
                store,
                partial(ports.source, channel, healing=False),
                settings.landing_root(),
                run_id=get_current_context()["run_id"],
                skus=skus.current(store.connection, channel.name),
                decisions=decisions(store.connection, channel.name, store.vault),
                progress=tasks.teller(),
            )
        except TransientError as error:
            log.warning("hints wait for a later look: %s", error)
            return {"orders": 0, "changed": 0, "absent": 0, "accepted": 0}
        for note in done.notes:
            log.warning("batch noted %s", note)
        delivered = None
        if not channel.shadow:
            delivered = sync(channel, store, ports.target(channel, include / "targets"), progress=tasks.teller())
    return {
        "orders": done.orders,
        "changed": done.changed,
        "absent": done.absent,
        "accepted": delivered.accepted if delivered else 0,
    }
