"""The five tasks as Airflow runs them: gather what a stage needs from the deployment, call it, tell the story.

Frames, database driver and network are imported inside the tasks, because every parse imports this module.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from airflow.sdk import Asset, get_current_context
from airflow.sdk.exceptions import AirflowSkipException
from upath import UPath

from orderflow.domain.batch import Batch
from orderflow.domain.channel import Channel
from orderflow.orchestration import assets, ports, settings
from orderflow.orchestration.notify import alert
from orderflow.orchestration.window import is_healing, window_of
from orderflow.pipeline.progress import Progress

log = logging.getLogger(__name__)

TELL_EVERY = 10.0
"""Seconds between two lines of progress in a task's log."""


def extract(channel: Channel) -> dict[str, Any]:
    from orderflow.pipeline import landing
    from orderflow.pipeline.extract import extract as run
    from orderflow.staging import ledger

    context = get_current_context()
    now = datetime.now(UTC)
    window = window_of(channel, context, now)
    run_id = context["run_id"]
    log.info("window chosen channel=%s window=%s asks=%s", channel.name, window, channel.asks(window))
    folder = landing.folder(settings.landing_root(), channel.name, window, run_id)
    with ports.recorded(channel, window, run_id):
        with ports.database() as connection:
            ports.demand_reach(connection, channel, window, run_id, now)
            ledger.begin(connection, channel.name, window, run_id)
        with ports.source(channel, healing=is_healing(context)) as (opened, runtime):
            batch = run(channel, window, opened, folder, run_id=run_id, runtime=runtime, progress=teller())
        with ports.database() as connection:
            ledger.extracted(connection, batch)
    return batch.to_json()


def clean(channel: Channel, plain: Mapping[str, Any]) -> dict[str, Any]:
    from orderflow.pipeline.clean import clean as run

    batch = Batch.from_json(plain)
    with ports.recorded(channel, batch.window, batch.run_id):
        skus = ports.skus(channel) if channel.clean.sku == "mapped" else None
        batch = run(channel, batch, skus=skus, progress=teller())
    return batch.to_json()


def validate(channel: Channel, plain: Mapping[str, Any]) -> dict[str, Any]:
    from orderflow.pipeline.validate import validate as run
    from orderflow.staging import ledger

    batch = Batch.from_json(plain)
    with ports.recorded(channel, batch.window, batch.run_id):
        batch = run(channel, batch, progress=teller())
    for code, orders in batch.reasons.items():
        log.warning("orders quarantined code=%s orders=%d", code, orders)
    for note in batch.notes:
        log.warning("batch noted %s", note)
    if batch.held:
        with ports.database() as connection:
            ledger.held(connection, batch, batch.held)
        alert(channel, f"held: {batch.held}").notify(get_current_context())
    return batch.to_json()


def load_to_staging(channel: Channel, plain: Mapping[str, Any]) -> dict[str, Any]:
    from orderflow.pipeline.extract import acknowledge
    from orderflow.pipeline.load import load as run

    batch = Batch.from_json(plain)
    if batch.held:
        raise AirflowSkipException(
            f"{channel.name} {batch.window} is held: {batch.held}; if the channel is right, widen the limit or write "
            "`guards: warn` in the channel file, then clear the task validate"
        )
    with ports.recorded(channel, batch.window, batch.run_id), ports.staging() as store:
        batch = run(channel, batch, store, progress=teller())
        with ports.source(channel, healing=False) as (opened, _):
            acknowledge(batch, cast(Path, UPath(batch.landing)), opened)
    c = batch.counts
    facts = {"inserted": c.inserted, "updated": c.updated, "unchanged": c.unchanged, "quarantined": c.quarantined}
    _tell(assets.staged(channel.name), {"window": str(batch.window), **facts})
    return batch.to_json()


def sync_to_oms(channel: Channel, plain: Mapping[str, Any], include: Path) -> dict[str, int]:
    from orderflow.pipeline.sync import sync as run

    if channel.shadow:
        raise AirflowSkipException(f"{channel.name} runs in shadow: nothing is handed to the OMS")
    batch = Batch.from_json(plain)
    with ports.recorded(channel, batch.window, batch.run_id), ports.staging() as store:
        target = ports.target(channel, include / "targets")
        delivered = run(channel, store, target, progress=teller())
    facts = {name: getattr(delivered, name) for name in ("sent", "accepted", "refused", "pending")}
    _tell(assets.delivered(channel.name), {"window": str(batch.window), **facts})
    return facts


def teller() -> Progress:
    """A progress that writes a line into the task's log at most every ten seconds."""
    told = time.monotonic()

    def tell(stage: str, done: int, total: int | None) -> None:
        nonlocal told
        if time.monotonic() - told >= TELL_EVERY:
            told = time.monotonic()
            log.info("going on stage=%s done=%d of=%s", stage, done, "?" if total is None else total)

    return tell


def _tell(asset: Asset, facts: Mapping[str, str | int]) -> None:
    """Send counts along with the event that the task's success makes."""
    get_current_context()["outlet_events"][asset].extra = {**facts}
