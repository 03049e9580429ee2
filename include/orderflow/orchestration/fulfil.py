"""The DAG `fulfilments`: every few minutes, tell channels what became of their orders."""

from __future__ import annotations

from pathlib import Path

import msgspec
from airflow.sdk import DAG, Param, get_current_context, task

from orderflow.domain.channel import Channel
from orderflow.orchestration import ports, tasks
from orderflow.orchestration.care import DAGS, TASKS, chosen, named

EVERY = "*/5 * * * *"
AT_ONCE = 4
"""Channels that are told at once."""

_DOCUMENTATION = """\
For every channel with a block `fulfilment` in its file: what the OMS shipped, and whether it takes an order, is noted
in staging and told to the channel, each parcel and each answer once. What the channel refuses stays with its reason
(`orderflow explain`), what is unknown is asked for and tried again, and a parcel of a carrier that the file does not
name waits for its name.

Trigger it with a channel to tell that one now. `orderflow fulfil CHANNEL` shows what would be told.
"""


def build(include: Path) -> DAG:
    """Reads no channel file: a run does."""
    with DAG(
        dag_id="fulfilments",
        description="Tell channels of parcels, and whether their orders are taken",
        doc_md=_DOCUMENTATION,
        schedule=EVERY,
        max_active_runs=1,
        max_active_tasks=AT_ONCE,
        params={
            "channel": Param(
                None,
                type=["null", "string"],
                title="Channel",
                description="Tell this channel now. Leave empty for every channel that is to be told anything.",
            )
        },
        default_args=dict(TASKS),
        **DAGS,
    ) as dag:

        @task
        def channels() -> list[str]:
            """Name the channels that are told anything."""
            return chosen(include, lambda channel: channel.fulfilment is not None and not channel.shadow)

        @task(map_index_template="{{ label }}")
        def fulfil(name: str) -> dict[str, int]:
            """Gather what the OMS shipped and decided, and tell the channel."""
            get_current_context()["label"] = name  # type: ignore[typeddict-unknown-key] # Airflow's own way
            return told(named(include, name), include)

        fulfil.expand(name=channels())
    return dag


def told(channel: Channel, include: Path) -> dict[str, int]:
    """Tell one channel; returns the counts of `Fulfilled`."""
    from orderflow.pipeline.fulfil import fulfil
    from orderflow.staging.notices import ChannelNotices

    target = ports.target(channel, include / "targets")
    with ports.staging_of(channel, tasks.teller()) as store, ports.source(channel, healing=False) as (source, _):
        notices = ChannelNotices(store.connection, channel.name)
        done = fulfil(channel, notices, target, source, progress=tasks.teller())
    return msgspec.structs.asdict(done)
