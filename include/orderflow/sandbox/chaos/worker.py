"""One attempt at one window, in a process of its own that can be disturbed, or killed, at any point it passes."""

from __future__ import annotations

import errno
import importlib
import logging
import resource
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from orderflow.domain.batch import Batch
from orderflow.domain.channel import Channel
from orderflow.domain.errors import OrderflowError, TransientError
from orderflow.domain.source import Runtime, Secret
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.pipeline import validate as validation
from orderflow.pipeline.clean import clean
from orderflow.pipeline.cleaning import mapped
from orderflow.pipeline.extract import acknowledge, extract
from orderflow.pipeline.load import load
from orderflow.pipeline.sync import sync
from orderflow.sandbox.chaos import shops
from orderflow.sandbox.chaos.schedule import Action, Schedule
from orderflow.sandbox.chaos.servers import SharedClock
from orderflow.staging import ledger
from orderflow.staging.store import Store
from orderflow.staging.vault import Vault

SOURCE = "orderflow.adapters.{}.source"
SOURCES = {"amazon_sp_api": "orderflow.adapters.{}.source_2026"}
"""The module that asks for pages, where it has another name."""
SMALLEST = {"ebay": 20}
"""Orders on the smallest page: pages of eBay overlap by ten."""

VAULT = Secret("chaos:" + "A" * 43 + "=")


@dataclass(frozen=True, slots=True)
class Site:
    """Where one schedule is played: addresses, database and folder."""

    schedule: Schedule
    clock: SharedClock
    platform: str
    """The platform's server, or the inbox."""
    oms: str
    dsn: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Attempt:
    """What to do: pull `window` as `run_id`, from the start or where the last attempt stopped, or only deliver."""

    window: Window
    run_id: str
    anew: bool = True
    only_sync: bool = False
    acts: Mapping[str, Action] | None = None
    disk: int | None = None


class Trouble:
    """Counts the points that an attempt passes, and tells the stage when something is to happen at one."""

    def __init__(self, acts: Mapping[str, Action], clock: SharedClock, pipe: Pipe) -> None:
        self._acts, self._clock, self._pipe = acts, clock, pipe
        self._passed: Counter[str] = Counter()
        self._lock = threading.Lock()

    def at(self, kind: str) -> Action | None:
        """The stage has done its part when this returns; a killed process never does."""
        with self._lock:
            self._passed[kind] += 1
            point = f"{kind}:{self._passed[kind]}"
            action = self._acts.get(point)
            if action is not None:
                self._ask("act", point, action)
        return action

    def sleep(self, seconds: float) -> None:
        """No real time passes."""
        self._clock.sleep(seconds)
        with self._lock:
            self._ask("slept", seconds)

    def progress(self, stage: str, done: int, total: int | None) -> None:  # noqa: ARG002 -- what a Progress is told
        self.at("progress")

    def _ask(self, *message: Any) -> None:
        self._pipe.send(message)
        self._pipe.recv()


class Wire(httpx.BaseTransport):
    """The network, with time-outs before and after the effect, and connections that are refused."""

    def __init__(self, trouble: Trouble, before: str, after: str) -> None:
        self._trouble, self._before, self._after = trouble, before, after
        self._inner = httpx.HTTPTransport(verify=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        action = self._trouble.at(self._before)
        if action == "refused-connection":
            raise httpx.ConnectError("chaos", request=request)
        if action == "timeout-before":
            raise httpx.ReadTimeout("chaos", request=request)
        response = self._inner.handle_request(request)
        response.read()
        if self._trouble.at(self._after) == "timeout-after":
            raise httpx.ReadTimeout("chaos", request=request)
        return response

    def close(self) -> None:
        self._inner.close()


def work(site: Site, attempt: Attempt, pipe: Pipe) -> None:
    """Do the attempt and tell how it ended: `("done",)` or `("failed", kind, message)`."""
    logging.disable(logging.CRITICAL)
    mapped.CHUNK_ORDERS = site.schedule.chunk
    validation.CHUNKS_AT_ONCE = 1
    _small_pages(site.schedule)
    trouble = Trouble(attempt.acts or {}, site.clock, pipe)
    if attempt.disk is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (attempt.disk, resource.RLIM_INFINITY))
    try:
        _run(site, attempt, trouble)
    except OSError as error:
        kind = "disk-full" if error.errno in {errno.EFBIG, errno.ENOSPC} else type(error).__name__
        pipe.send(("failed", kind, str(error)))
    except Exception as error:  # noqa: BLE001 -- whatever it is, the judge wants to hear of it
        pipe.send(("failed", type(error).__name__, str(error)))
    else:
        pipe.send(("done",))


def _small_pages(schedule: Schedule) -> None:
    """Make the platform's source ask for small pages, so that a small world has many."""
    source: Any = importlib.import_module(SOURCES.get(schedule.shop.platform, SOURCE).format(schedule.shop.platform))
    source.LIMITS = replace(source.LIMITS, page_size=max(schedule.page, SMALLEST.get(schedule.shop.platform, 1)))


def batch_file(site: Site, run_id: str) -> Path:
    """Where the receipt travels from task to task."""
    return site.folder / f"{run_id}.json"


def _run(site: Site, attempt: Attempt, trouble: Trouble) -> None:
    channel = shops.channel_of(site.schedule)
    with closing(_connect(site.dsn, trouble)) as connection:
        store = Store(connection, Vault.parse(VAULT))
        try:
            if not attempt.only_sync:
                _stage(site, attempt, trouble, channel, store)
            runtime = Runtime(site.clock.now, trouble.sleep, transport=Wire(trouble, "oms-request", "oms-answer"))
            target = shops.target_of(site.oms, runtime)
            sync(channel, store, target, progress=trouble.progress, pause=trouble.sleep)
        except OrderflowError as error:
            with suppress(OrderflowError):
                ledger.failed(connection, channel.name, attempt.window, attempt.run_id, str(error))
            raise


def _stage(site: Site, attempt: Attempt, trouble: Trouble, channel: Channel, store: Store) -> None:
    """The four stages up to staging; those that an earlier attempt finished are left out unless it starts anew."""
    file = batch_file(site, attempt.run_id)
    done, batch = "", None
    if attempt.anew:
        file.unlink(missing_ok=True)
    elif file.exists():
        done, plain = msgspec.json.decode(file.read_bytes())
        batch = Batch.from_json(plain)
    tokens = site.folder / "tokens.json"
    runtime = Runtime(
        site.clock.now,
        trouble.sleep,
        transport=Wire(trouble, "request", "answer"),
        on_token=lambda token: _write(tokens, token),
    )
    source = channel.adapter.open(channel.options, shops.account_of(site.schedule, site.platform, tokens), runtime)
    folder = landing.folder(site.folder / "landing", channel.name, attempt.window, attempt.run_id)
    told = trouble.progress
    if batch is None:
        ledger.begin(store.connection, channel.name, attempt.window, attempt.run_id)
        batch = extract(channel, attempt.window, source, folder, run_id=attempt.run_id, runtime=runtime, progress=told)
        ledger.extracted(store.connection, batch)
        _write(file, ("extract", batch.to_json()))
    if done in {"", "extract"}:
        batch = clean(channel, batch, known=store.known, progress=told)
        _write(file, ("clean", batch.to_json()))
    if done in {"", "extract", "clean"}:
        batch = validation.validate(channel, batch, progress=told)
        _write(file, ("validate", batch.to_json()))
    if done != "load":
        batch = load(channel, batch, store, progress=told)
        acknowledge(batch, folder, source)
        _write(file, ("load", batch.to_json()))


def _write(file: Path, value: Any) -> None:
    """Whole or not at all."""
    part = file.with_name(f"{file.name}.part")
    part.write_bytes(msgspec.json.encode(value))
    part.replace(file)


def _connect(dsn: str, trouble: Trouble) -> Connection:
    """A connection whose statements and commits are points."""

    class Watched(Cursor):
        def execute(self, *given: Any) -> None:
            trouble.at("sql")
            super().execute(*given)
            trouble.at("sql-done")

        def copy_expert(self, *given: Any) -> None:
            trouble.at("sql")
            super().copy_expert(*given)
            trouble.at("sql-done")

    class Watching(Connection):
        def commit(self) -> None:
            trouble.at("commit")
            super().commit()
            trouble.at("committed")

    try:
        return psycopg2.connect(dsn, connection_factory=Watching, cursor_factory=Watched, connect_timeout=10)
    except psycopg2.OperationalError as error:
        raise TransientError(f"the staging database does not answer: {error}") from error
