"""The five tasks as Airflow runs them: gather what a stage needs from the deployment, call it, tell the story.

Frames, database driver and network are imported inside the tasks, because every parse imports this module.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import msgspec
from airflow.sdk import Asset, AssetAlias, get_current_context
from airflow.sdk.exceptions import AirflowSkipException
from upath import UPath

from orderflow.domain.batch import Batch
from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError
from orderflow.domain.window import Window
from orderflow.orchestration import assets, measures, ports, settings
from orderflow.orchestration.notify import tell
from orderflow.orchestration.window import is_healing, window_of
from orderflow.pipeline.progress import Progress

log = logging.getLogger(__name__)

TELL_EVERY = 10.0
"""Seconds between two lines of progress in a task's log."""


def extract(channel: Channel) -> dict[str, Any]:
    context = get_current_context()
    window = window_of(channel, context, datetime.now(UTC))
    return pull(channel, window, context["run_id"], healing=is_healing(context))


def pull(channel: Channel, window: Window, run_id: str, *, healing: bool, notes: Sequence[str] = ()) -> dict[str, Any]:
    """Extract one window, with the ledger told before and after; what heals leaves the budget to what is live."""
    from orderflow.pipeline import landing
    from orderflow.pipeline.extract import extract as run
    from orderflow.staging import ledger

    folder = landing.folder(settings.landing_root(), channel.name, window, run_id)
    with ports.recorded(channel, window, run_id):
        with ports.staging_of(channel, teller()) as store:
            ports.demand_reach(store.connection, channel, window, run_id, datetime.now(UTC))
            ledger.begin(store.connection, channel.name, window, run_id)
            asking = ledger.asking(store.connection, channel, window)
        log.info("window chosen channel=%s window=%s asks=%s", channel.name, window, asking.asks(window))
        with ports.source(channel, healing=healing) as (opened, runtime):
            batch = run(asking, window, opened, folder, run_id=run_id, runtime=runtime, progress=teller())
            measures.extracted(channel.name, runtime.meter.endpoints)
        batch = msgspec.structs.replace(batch, notes=[*notes, *batch.notes], behind=healing)
        with ports.database() as connection:
            ledger.extracted(connection, batch)
    return batch.to_json()


def clean(channel: Channel, plain: Mapping[str, Any] | None) -> dict[str, Any]:
    from orderflow.pipeline.clean import clean as run

    batch = handed(plain)
    with ports.recorded(channel, batch.window, batch.run_id):
        _demand_landing(batch)
        skus = ports.skus(channel) if channel.clean.sku == "mapped" else None
        decided = ports.decisions(channel)
        batch = run(channel, batch, skus=skus, decisions=decided, known=ports.known, progress=teller())
    return batch.to_json()


def validate(channel: Channel, plain: Mapping[str, Any] | None) -> dict[str, Any]:
    from orderflow.config.alerts import special_days
    from orderflow.orchestration.review import ask
    from orderflow.pipeline.validate import validate as run
    from orderflow.quality.guards import History
    from orderflow.staging import history, ledger, reviews

    batch = handed(plain)
    with ports.recorded(channel, batch.window, batch.run_id):
        _demand_landing(batch)
        with ports.database() as connection:
            special = special_days(settings.INCLUDE, channel.name)
            recent = history.recent(connection, channel.name, batch.window, channel.schedule.timezone, special=special)
        known = History.of(recent.orders, recent.profiles, special=recent.special)
        batch = run(channel, batch, history=known, decisions=ports.decisions(channel), progress=teller())
    for code, orders in batch.reasons.items():
        log.warning("orders quarantined code=%s orders=%d", code, orders)
    for note in batch.notes:
        log.warning("batch noted %s", note)
    if batch.held:
        with ports.database() as connection:
            review = reviews.hold(connection, batch)
            ledger.held(connection, batch, batch.held)
        ask(review.id)
        tell(channel, "held", f"held: {batch.held}")
    return batch.to_json()


def load_to_staging(
    channel: Channel, plain: Mapping[str, Any] | None, *, alias: AssetAlias | None = None
) -> dict[str, Any]:
    """`alias` stands for the channel's assets where the DAG is not the channel's own."""
    from orderflow.orchestration.replay import catch_up
    from orderflow.pipeline.extract import acknowledge
    from orderflow.pipeline.load import load as run
    from orderflow.staging import ledger

    batch = handed(plain)
    if batch.held:
        raise AirflowSkipException(
            f"{channel.name} {batch.window} is held: {batch.held}; decide in the run of the DAG review that waits for "
            "it, or with: orderflow review list"
        )
    with ports.recorded(channel, batch.window, batch.run_id), ports.staging() as store:
        _demand_landing(batch)
        batch = run(channel, batch, store, progress=teller())
        if channel.adapter.limits.acknowledges:
            with ports.source(channel, healing=False) as (opened, _):
                acknowledge(batch, cast(Path, UPath(batch.landing)), opened)
        catch_up(channel, store)
        watermark = ledger.watermark(store.connection, channel.name, channel.start)
    measures.loaded(batch, watermark, datetime.now(UTC))
    c = batch.counts
    facts = {"inserted": c.inserted, "updated": c.updated, "unchanged": c.unchanged, "quarantined": c.quarantined}
    _tell(assets.staged(channel.name), {"window": str(batch.window), **facts}, alias)
    return batch.to_json()


def sync_to_oms(
    channel: Channel, plain: Mapping[str, Any] | None, include: Path, *, alias: AssetAlias | None = None
) -> dict[str, int]:
    """`alias` as in `load_to_staging`."""
    from orderflow.pipeline.sync import sync as run

    if channel.shadow:
        raise AirflowSkipException(f"{channel.name} runs in shadow: nothing is handed to the OMS")
    batch = handed(plain)
    with ports.recorded(channel, batch.window, batch.run_id), ports.staging_of(channel, teller()) as store:
        target = ports.target(channel, include / "targets")
        delivered = run(channel, store, target, behind=batch.behind, progress=teller())
    measures.delivered(channel.name, delivered)
    facts = {name: getattr(delivered, name) for name in ("sent", "accepted", "refused", "pending")}
    _tell(assets.delivered(channel.name), {"window": str(batch.window), **facts}, alias)
    return facts


def handed(plain: Mapping[str, Any] | None) -> Batch:
    """The batch of the task before; Airflow hands None where that task was marked as done, or its XCom removed."""
    if plain is None:
        raise ConfigError(
            "the task before handed over no batch: somebody marked it as success, or its XCom was removed; clear the "
            "first task of this run (of a part of it: extract) with everything after it (left alone, the DAG heal "
            "pulls the window if the ledger misses it)"
        )
    return Batch.from_json(plain)


def _demand_landing(batch: Batch) -> None:
    """Refuse to read a landing folder that extract did not finish, or that this worker does not see."""
    from orderflow.pipeline import landing

    if not (cast(Path, UPath(batch.landing)) / landing.COMPLETE).exists():
        raise ConfigError(
            f"{batch.channel} {batch.window}: the landing folder {batch.landing} is not here, or not whole: upkeep or "
            "a person removed it, or extract ran on a worker whose disk this one does not see; clear the task extract "
            f"of the run {batch.run_id} with everything after it, and let {settings.LANDING} name storage that all "
            "workers share"
        )


def teller() -> Progress:
    """A progress that writes a line into the task's log at most every ten seconds."""
    told = time.monotonic()

    def tell(stage: str, done: int, total: int | None) -> None:
        nonlocal told
        if time.monotonic() - told >= TELL_EVERY:
            told = time.monotonic()
            log.info("going on stage=%s done=%d of=%s", stage, done, "?" if total is None else total)

    return tell


def _tell(asset: Asset, facts: Mapping[str, str | int], alias: AssetAlias | None) -> None:
    """Send counts along with the event that the task's success makes."""
    events = get_current_context()["outlet_events"]
    if alias is None:
        events[asset].extra = {**facts}
    else:
        events[alias].add(asset, extra={**facts})
