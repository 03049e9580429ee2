"""What a stage is handed, opened with what the deployment says; and the record of why one failed."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException
from airflow.sdk.log import mask_secret

from orderflow.config import connections
from orderflow.domain.channel import Channel, unreachable
from orderflow.domain.decision import Decisions
from orderflow.domain.errors import ConfigError, OrderflowError, TransientError, kind_of
from orderflow.domain.source import Runtime, Source
from orderflow.domain.target import Target
from orderflow.domain.window import Window
from orderflow.orchestration import settings
from orderflow.pipeline.progress import Progress

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

    from orderflow.staging.store import Store
    from orderflow.staging.tokens import Tokens

log = logging.getLogger(__name__)


def database(name: str = "orderflow") -> contextlib.closing[Connection]:
    """A connection to staging of one's own."""
    from orderflow.staging.store import connect

    return contextlib.closing(connect(settings.staging_dsn(), name=name))


@contextlib.contextmanager
def staging() -> Iterator[Store]:
    from orderflow.staging.store import Store
    from orderflow.staging.vault import Vault

    with database() as connection:
        yield Store(connection, Vault.parse(settings.vault_key()))


@contextlib.contextmanager
def staging_of(channel: Channel, progress: Progress) -> Iterator[Store]:
    """Staging with all that the landing zone knows of this channel, should a backup have been restored."""
    from orderflow.pipeline.load import recall

    with staging() as store:
        recall(channel, settings.landing_root() / channel.name, store, progress=progress)
        yield store


def skus(channel: Channel) -> Mapping[str, str]:
    """The channel's SKU map as it holds now."""
    from orderflow.staging.skus import current

    with database() as connection:
        return current(connection, channel.name)


def decisions(channel: Channel) -> Decisions:
    """What people decided about single orders of the channel."""
    from orderflow.staging.decisions import decisions as of

    with staging() as store:
        return of(store.connection, channel.name, store.vault)


def known(channel: str, basis: str, asked: Window) -> frozenset[bytes]:
    """Which raw records of a span staging holds, judged on this basis."""
    from orderflow.staging.known import known as of

    with database() as connection:
        return of(connection, channel, basis, asked)


@contextlib.contextmanager
def source(channel: Channel, *, healing: bool) -> Iterator[tuple[Source, Runtime]]:
    """The open channel. What catches up comes after what follows the clock in the budget that all runs share."""
    from orderflow.staging import budget, measures

    with budget.shared(channel, lambda: database("orderflow budget"), healing=healing, sleep=time.sleep) as throttle:
        tokens = _tokens(channel.connection)
        account = connections.account(settings.connection(channel.connection), token=tokens.latest())
        runtime = Runtime(
            clock=_now, sleep=time.sleep, throttle=throttle, on_token=_hidden(tokens.keep), renewing=tokens.renewing
        )
        with measures.counting(channel.name, runtime.meter, database):
            yield channel.adapter.open(channel.options, account, runtime), runtime


def target(channel: Channel, folder: Path) -> Target:
    """The channel's OMS: its file in `folder`, its address and secret in the connection that the file names."""
    from orderflow import oms

    found = oms.find(channel.oms.target, folder)
    account = connections.account(settings.connection(found.connection))
    return oms.open_target(found, account, Runtime(clock=_now, sleep=time.sleep))


def _now() -> datetime:
    return datetime.now(UTC)


def _tokens(name: str) -> Tokens:
    """The renewed tokens of the account behind this connection; they are kept in staging."""
    from orderflow.staging.store import connect
    from orderflow.staging.tokens import Tokens
    from orderflow.staging.vault import Vault

    found = settings.connection(name)
    return Tokens(
        name,
        connections.fingerprint(found),
        lambda: connect(settings.staging_dsn(), name="orderflow token"),
        Vault.parse(settings.vault_key()),
    )


def _hidden(keep: Callable[[Mapping[str, Any]], None]) -> Callable[[Mapping[str, Any]], None]:
    """Keep a token, and from then on hide it in the task's log."""

    def hide(token: Mapping[str, Any]) -> None:
        for value in token.values():
            mask_secret(value)
        keep(token)

    return hide


def demand_reach(connection: Connection, channel: Channel, window: Window, run_id: str, now: datetime) -> None:
    """Refuse what the account may not read any more: nothing that comes back could prove such a window."""
    from orderflow.staging import ledger

    if why := unreachable(channel, window, now):
        ledger.unreachable(connection, channel.name, window, run_id, why)
        raise AirflowSkipException(f"{channel.name}: window {window} is out of reach: {why}")


@contextlib.contextmanager
def recorded(channel: Channel, window: Window, run_id: str) -> Iterator[None]:
    """Leave in the ledger why a stage failed. The error itself goes on, whatever becomes of the record.

    What a disk refuses goes on as an error that says what to do.
    """
    from orderflow.staging import ledger

    try:
        yield
    except AirflowSkipException:
        raise
    except Exception as raised:
        error = _of_disk(raised) or raised
        said = f"{type(error).__name__}; the task's log has the details"
        if isinstance(error, OrderflowError):
            said = f"{kind_of(error)}: {error}"
        try:
            with database() as connection:
                ledger.failed(connection, channel.name, window, run_id, said)
        except OrderflowError as second:
            log.warning("failure not recorded in the ledger: %s", second)
        if error is raised:
            raise
        raise error from raised


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def _of_disk(error: Exception) -> OrderflowError | None:
    """What a disk answers to a stage; to a write it answers without the name of the file."""
    if not isinstance(error, OSError) or error.errno not in (*_FULL, *_CLOSED):
        return None
    where = f"{error.filename or f'the landing zone {settings.landing_root()}'}: {os.strerror(error.errno)}"
    if error.errno in _FULL:
        return TransientError(f"{where}; make room on its disk; the run tries again by itself")
    return ConfigError(f"{where}; let the user of the tasks (uid {os.getuid()}) write there, then clear the task")
