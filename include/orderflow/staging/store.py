"""Staging behind one value: what the pipeline needs of it, over one connection."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from datetime import datetime

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED, make_dsn
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.batch import Batch
from orderflow.domain.errors import ConfigError, DeniedError, TransientError
from orderflow.domain.staging import Chunk, RawRecord
from orderflow.domain.target import Receipt, Submission
from orderflow.domain.window import Window
from orderflow.staging import erasure, load, loads, outbox
from orderflow.staging.known import known
from orderflow.staging.pooler import demand_own_session
from orderflow.staging.raws import Raws
from orderflow.staging.vault import Vault

_DENIED = re.compile(
    "authentication failed|no password supplied|no pg_hba.conf entry|permission denied"
    '|role ".*" (does not exist|is not permitted to log in)'
)
"""What libpq says, in words alone, when the server answers but does not let the user in (no SQLSTATE comes with it)."""


_SESSION = """
SET TIME ZONE 'UTC';
SET intervalstyle = 'postgres';
SELECT set_config('search_path', coalesce(string_agg(part, ','), ''), false)
FROM regexp_split_to_table(current_setting('search_path'), ',') AS part WHERE trim(part, ' "') <> 'pg_temp';
SELECT set_config(name, '0', false) FROM unnest(ARRAY[
    'statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout'
]) AS name WHERE current_setting(name, true) <> '0';
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')
"""
"""Temporary tables are found before all others, unless a user's search path names their place. No clock ends a session
that holds a lock while the OMS is slow, or a load that takes as long as it takes: it would meet the same end at every
try. What was committed has been kept: files are put away, and orders sent, because of it."""


@dataclass(frozen=True, slots=True)
class Store:
    """A `Staging`. The connection is this store's own: it commits and rolls back on it."""

    connection: Connection
    vault: Vault

    def load(
        self,
        batch: Batch,
        chunks: Iterable[Chunk],
        records: Iterable[RawRecord],
        *,
        deliver: bool,
        since: datetime | None = None,
        recalled: int | None = None,
        held: Mapping[str, str] | None = None,
        holding: Callable[[Mapping[str, str]], None] | None = None,
    ) -> Batch:
        return load.load(
            self.connection,
            self.vault,
            batch,
            chunks,
            records,
            deliver=deliver,
            since=since,
            recalled=recalled,
            held=held,
            holding=holding,
        )

    def loads(self, channel: str) -> int:
        return loads.number(self.connection, channel)

    def records(self, channel: str) -> Raws:
        return Raws(self.connection, self.vault, channel)

    def recalling(self, channel: str, newest: int) -> AbstractContextManager[int]:
        return loads.recalling(self.connection, channel, newest)

    def forget(self, channel: str, order_ids: Collection[str]) -> None:
        erasure.again(self.connection, channel, order_ids)

    def known(self, channel: str, basis: str, asked: Window) -> frozenset[bytes]:
        return known(self.connection, channel, basis, asked)

    def sender(self, channel: str) -> AbstractContextManager[None]:
        return outbox.sender(self.connection, channel)

    def claims(self, channel: str, size: int, *, behind: bool = False) -> Iterator[Sequence[Submission]]:
        """On a connection of their own, so that a thread may claim while another one settles."""
        with closing(connect(_address(self.connection))) as connection:
            yield from outbox.claims(connection, self.vault, channel, size, behind=behind)

    def settle(self, receipts: Sequence[tuple[Submission, Receipt]]) -> None:
        outbox.settle(self.connection, receipts)

    def postpone(self, submissions: Sequence[Submission], error: str) -> None:
        outbox.postpone(self.connection, submissions, error)

    def pending(self, channel: str) -> int:
        return outbox.pending(self.connection, channel)

    def synced(self, channel: str, seconds: float) -> int:
        return outbox.synced(self.connection, channel, seconds)


def connect(dsn: str, *, name: str = "orderflow") -> Connection:
    """A connection of one's own: moments in UTC, spans as psycopg2 reads them, text in UTF-8, each statement sees what
    was committed before it, a commit has been kept and nothing is timed, whatever server, database and user are set to.

    A server that lost its power is noticed after a minute, whether it is waited for or sent something; by itself the
    kernel takes two hours, or a quarter of one. Raises
    `TransientError` when the server does not answer within ten seconds, `DeniedError` when it does not let the user in,
    `ConfigError` for what is no DSN, and for a pooler that gives every transaction another session.
    """
    try:
        connection = psycopg2.connect(
            dsn,
            application_name=name,
            client_encoding="UTF8",
            connect_timeout=10,
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            tcp_user_timeout=60_000,
        )
        connection.set_session(isolation_level=ISOLATION_LEVEL_READ_COMMITTED)
        with connection, connection.cursor() as cursor:
            cursor.execute(_SESSION)
        demand_own_session(connection, _address(connection))
    except (psycopg2.OperationalError, psycopg2.InterfaceError, UnicodeDecodeError) as error:
        # A server that lets nobody in yet speaks its own language, in its own character set.
        said = error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else str(error)
        said = " ".join(said.split())
        if _DENIED.search(said):
            raise DeniedError(
                f"the staging database does not let its user in: {said}; correct user and password of its connection"
            ) from error
        raise TransientError(
            f"the staging database does not answer: {said}; start it, or correct its connection"
        ) from error
    except psycopg2.ProgrammingError:
        raise ConfigError(
            "the address of the staging database cannot be read; write it like "
            "postgresql://user:password@host:5432/name, special characters of the password percent-encoded"
        ) from None
    return connection


def _address(connection: Connection) -> str:
    """The DSN of this connection, its password included; raises `TransientError` when it is lost."""
    try:
        return make_dsn(password=connection.info.password, **connection.info.dsn_parameters)
    except psycopg2.InterfaceError as error:
        raise TransientError(f"the staging database: {error}") from error
