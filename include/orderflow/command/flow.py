"""The five stages in a row, with ports from the environment."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from orderflow.command import ports
from orderflow.domain.batch import Batch
from orderflow.domain.channel import Channel
from orderflow.domain.source import Account
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.pipeline.extract import acknowledge, extract
from orderflow.pipeline.flow import staged
from orderflow.pipeline.progress import Progress, silent
from orderflow.pipeline.sync import Delivered, sync
from orderflow.staging import ledger, skus
from orderflow.staging.store import Store

if TYPE_CHECKING:
    from orderflow.adapters.record import Recording


def run_window(channel: Channel, window: Window, *, progress: Progress = silent) -> tuple[Batch, Delivered | None]:
    """One window through all five stages; the delivery is None for a channel in shadow."""
    with ports.staging() as store:
        batch = stage_window(channel, window, store, progress=progress)
        if channel.shadow:
            return batch, None
        return batch, sync(channel, store, ports.target(channel), progress=progress)


def stage_window(channel: Channel, window: Window, store: Store, *, progress: Progress = silent) -> Batch:
    """The four stages up to staging, with the ledger told before and after."""
    run_id = f"command__{window.name}"
    ledger.begin(store.connection, channel.name, window, run_id)
    folder = landing.folder(ports.landing(), channel.name, window, run_id)
    with ports.source(channel) as (source, runtime):
        batch = extract(channel, window, source, folder, run_id=run_id, runtime=runtime, progress=progress)
        ledger.extracted(store.connection, batch)
        batch = staged(channel, batch, store, skus=skus.current(store.connection, channel.name), progress=progress)
        acknowledge(batch, folder, source)
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

    from orderflow.adapters.record import Recording, Scrubber

    secrets = [account.password.reveal()] if account.password else []
    secrets += [str(value) for value in account.extra.values()]
    return Recording(httpx.HTTPTransport(), Scrubber(secrets))
