"""The DAG `sweep`: once a day, read again what is not final, where modified time alone would miss changes."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from pathlib import Path

from airflow.sdk import DAG, Param, get_current_context, task

from orderflow.domain.channel import Channel
from orderflow.orchestration import ports, settings, tasks
from orderflow.orchestration.care import BEHIND, DAGS, asked, chosen, named

log = logging.getLogger(__name__)

EVERY = "37 3 * * *"
AT_ONCE = 2
"""Channels that are swept at once."""
EVERYTHING = "everything"
"""The Param that leaves out nothing."""

_DOCUMENTATION = """\
Some changes do not move a platform's modified time: a refund here, a deletion there (each adapter's sheet names them).
Once a day every staged order of such a channel that is not final is read again by its id, and goes through the same
stages as any other: only content that differs makes a new version and reaches the OMS.

Trigger it with a channel to sweep that one now, whatever its sheet says; what was read in the last 20 hours is left out
unless you ask for everything. `orderflow sweep CHANNEL --dry-run` counts.
"""


def build(include: Path) -> DAG:
    with DAG(
        dag_id="sweep",
        description="Read again, daily, what is not final where modified time misses changes",
        doc_md=_DOCUMENTATION,
        schedule=EVERY,
        max_active_runs=1,
        max_active_tasks=AT_ONCE,
        params={
            "channel": Param(
                None,
                type=["null", "string"],
                title="Channel",
                description="Sweep this channel now. Leave empty for every channel that needs it.",
            ),
            EVERYTHING: Param(
                False,
                type="boolean",
                title="Everything",
                description="Also orders that were read in the last 20 hours.",
            ),
        },
        default_args=dict(BEHIND),
        **DAGS,
    ) as dag:

        @task
        def channels() -> list[str]:
            """Name the channels to sweep."""
            from orderflow.pipeline.sweep import needed

            return chosen(include, needed)

        @task(map_index_template="{{ label }}")
        def sweep(name: str) -> dict[str, int]:
            """Pull the channel's open orders again, in batches, and hand what changed to the OMS."""
            get_current_context()["label"] = name  # type: ignore[typeddict-unknown-key] # Airflow's own way
            return swept(named(include, name), include, everything=bool(asked()[EVERYTHING]))

        sweep.expand(name=channels())
    return dag


def swept(channel: Channel, include: Path, *, everything: bool = False) -> dict[str, int]:
    """Sweep one channel; returns how many orders were read, changed, and accepted by the OMS.

    `everything`: what was read lately, too.
    """
    from orderflow.pipeline.sweep import UNREAD_FOR, sweep_all
    from orderflow.pipeline.sync import sync
    from orderflow.staging import skus
    from orderflow.staging.decisions import decisions
    from orderflow.staging.sweeps import Queue

    with ports.staging_of(channel, tasks.teller()) as store:
        done = sweep_all(
            channel,
            Queue(store.connection, channel, timedelta(0) if everything else UNREAD_FOR),
            store,
            partial(ports.source, channel, healing=True),
            settings.landing_root(),
            run_id=get_current_context()["run_id"],
            skus=skus.current(store.connection, channel.name),
            decisions=decisions(store.connection, channel.name, store.vault),
            progress=tasks.teller(),
        )
        for note in done.notes:
            log.warning("batch noted %s", note)
        delivered = None
        if not channel.shadow:
            target = ports.target(channel, include / "targets")
            delivered = sync(channel, store, target, behind=True, progress=tasks.teller())
    return {"orders": done.orders, "changed": done.changed, "accepted": delivered.accepted if delivered else 0}
