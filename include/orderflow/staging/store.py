"""Staging behind one value: what the pipeline needs of it, over one connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.batch import Batch
from orderflow.domain.errors import ConfigError, DeniedError, TransientError
from orderflow.domain.staging import Chunk, RawRecord
from orderflow.domain.target import Receipt, Submission
from orderflow.domain.window import Window
from orderflow.staging import load, outbox
from orderflow.staging.known import known
from orderflow.staging.session import another
from orderflow.staging.vault import Vault

_DENIED = ("authentication failed", "no password supplied", "no pg_hba.conf entry", "permission denied", "role ")
"""What libpq says, in words alone, when the server answers but does not let the user in (no SQLSTATE comes with it)."""


@dataclass(frozen=True, slots=True)
class Store:
    """A `Staging`. The connection is this store's own: it commits and rolls back on it."""

    connection: Connection
    vault: Vault

    def load(self, batch: Batch, chunks: Iterable[Chunk], records: Iterable[RawRecord], *, deliver: bool) -> Batch:
        return load.load(self.connection, self.vault, batch, chunks, records, deliver=deliver)

    def known(self, channel: str, basis: str, asked: Window) -> frozenset[bytes]:
        return known(self.connection, channel, basis, asked)

    def sender(self, channel: str) -> AbstractContextManager[None]:
        return outbox.sender(self.connection, channel)

    def claims(self, channel: str, size: int, *, behind: bool = False) -> Iterator[Sequence[Submission]]:
        """On a connection of their own, so that a thread may claim while another one settles."""
        with closing(another(self.connection)) as connection:
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
    """A connection of one's own, whose moments come in UTC, whatever zone the server is set to.

    A server that lost its power is noticed after a minute; by itself the kernel takes two hours. Raises
    `TransientError` when the server does not answer within ten seconds, `DeniedError` when it does not let the user in,
    `ConfigError` for what is no DSN.
    """
    try:
        connection = psycopg2.connect(
            dsn,
            application_name=name,
            connect_timeout=10,
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
        )
        with connection, connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'UTC'")
    except psycopg2.OperationalError as error:
        said = " ".join(str(error).split())
        if any(words in said for words in _DENIED):
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
