"""The five stages in a row, with ports from the environment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from orderflow.command import ports
from orderflow.config.alerts import special_days
from orderflow.domain.batch import Batch
from orderflow.domain.channel import Channel, demand_possible, unreachable
from orderflow.domain.errors import ConfigError, OrderflowError, TransientError
from orderflow.domain.source import Account
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.pipeline.extract import acknowledge, extract
from orderflow.pipeline.flow import staged
from orderflow.pipeline.load import recall
from orderflow.pipeline.progress import Progress, silent
from orderflow.pipeline.replay import catch_up
from orderflow.pipeline.sync import Delivered, sync
from orderflow.quality.guards import History
from orderflow.staging import decisions, history, ledger, reviews, skus
from orderflow.staging.raws import Raws
from orderflow.staging.store import Store

if TYPE_CHECKING:
    from orderflow.adapters.record import Recording


def run_window(
    channel: Channel, window: Window, *, healing: bool = False, progress: Progress = silent
) -> tuple[Batch, Delivered | None]:
    """One window through all five stages; the delivery is None for a channel in shadow.

    A `healing` run leaves the account's budget to live ones. The OMS's settings are read first, so that nothing is
    pulled for an OMS that nobody can reach. Raises `ConfigError` for a window that no answer could prove: one that is
    not over, or lies out of the account's reach.
    """
    now = ports.runtime().clock()
    demand_possible(channel, window, now)
    target = None if channel.shadow else ports.target(channel)
    with ports.staging() as store:
        run_id = f"command__{window.name}"
        if why := unreachable(channel, window, now):
            ledger.unreachable(store.connection, channel.name, window, run_id, why)
            raise ConfigError(f"{channel.name}: window {window} is out of reach: {why}; choose a later window")
        try:
            batch = stage_window(channel, window, store, healing=healing, progress=progress)
        except BaseException as error:  # Ctrl-C, too: else the span would look for good as if a run worked on it
            with suppress(TransientError):  # a database that is gone takes no record either
                ledger.failed(store.connection, channel.name, window, run_id, _told(error))
            raise
        return batch, None if target is None else sync(channel, store, target, behind=healing, progress=progress)


def _told(error: BaseException) -> str:
    """An error for the ledger; what is none of ours may quote the order, so only its kind is told."""
    if isinstance(error, KeyboardInterrupt):
        return "the run was stopped by hand"
    ours = isinstance(error, OrderflowError | OSError)  # the second one is a disk's
    return f"{type(error).__name__}: {error if ours else 'a fault of Orderflow; its traceback was printed'}"


def stage_window(
    channel: Channel, window: Window, store: Store, *, healing: bool = False, progress: Progress = silent
) -> Batch:
    """The four stages up to staging, with the ledger told before and after."""
    run_id = f"command__{window.name}"
    recall(channel, ports.landing() / channel.name, store, progress=progress)
    ledger.begin(store.connection, channel.name, window, run_id)
    asking = ledger.asking(store.connection, channel, window)
    folder = landing.folder(ports.landing(), channel.name, window, run_id)
    with ports.source(channel, healing=healing) as (source, runtime):
        batch = extract(asking, window, source, folder, run_id=run_id, runtime=runtime, progress=progress)
        batch = structs.replace(batch, behind=healing)
        ledger.extracted(store.connection, batch)
        special = special_days(ports.CHANNELS.parent, channel.name)
        recent = history.recent(store.connection, channel.name, window, channel.schedule.timezone, special=special)
        batch = staged(
            channel,
            batch,
            store,
            skus=skus.current(store.connection, channel.name),
            decisions=decisions.decisions(store.connection, channel.name, store.vault),
            history=History.of(recent.orders, recent.profiles, special=recent.special),
            progress=progress,
        )
        if batch.held:
            reviews.hold(store.connection, batch)
            ledger.held(store.connection, batch, batch.held)
        else:
            acknowledge(batch, folder, source)
            records = Raws(store.connection, store.vault, channel.name)
            catch_up(channel, ports.landing(), now=runtime.clock(), records=records, staging=store, progress=progress)
    return batch


def fetched(channel: Channel, window: Window, limit: int, record: Path | None) -> Iterator[bytes]:
    """The first records of a window, straight from the channel; recorded as a contract case where a folder is given."""
    recording = None if record is None else _recording(ports.account(channel.connection))
    with ports.source(channel, transport=recording) as (source, runtime):
        records = chain.from_iterable(page.records for page in source.fetch(channel.asks(window)))
        yield from islice(records, limit)
    if record is not None and recording is not None:
        told = {
            "about": f"recorded from {channel.adapter_name}",
            "window": str(channel.asks(window)),
            "options": channel.options.model_dump(mode="json", exclude_defaults=True),
            "now": runtime.clock().isoformat(),
        }
        recording.write(record, told)


def _recording(account: Account) -> Recording:
    """A transport that keeps every exchange, scrubbed of the account's secrets and of buyers' data."""
    import httpx

    from orderflow import wire
    from orderflow.adapters.record import Recording, Scrubber

    secrets = [account.password.reveal()] if account.password else []
    secrets += [str(value) for value in account.extra.values()]
    return Recording(wire.network(account, httpx.Limits()), Scrubber(secrets))
