"""Renewed access tokens: the newest of every account, sealed, shared by all processes that talk to it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.errors import DeniedError
from orderflow.staging.session import transaction
from orderflow.staging.vault import Vault

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The token of one account. `credentials` tells with which login it was got: another login outdates it.

    `connect` opens a connection to staging, used for the moment only: a renewal is rare.
    """

    account: str
    credentials: str
    connect: Callable[[], Connection]
    vault: Vault

    def latest(self) -> Mapping[str, Any] | None:
        """The token as it was kept last, in clear; None where there is none for these credentials."""
        with closing(self.connect()) as connection:
            return self._latest(connection)

    def keep(self, token: Mapping[str, Any]) -> None:
        """Keep a new token; the renewal that brought it is over. `expires_at` is ISO 8601, or None: never."""
        (sealed,) = self.vault.seal([msgspec.json.encode(token)], [self.account], "tokens")
        with closing(self.connect()) as connection, transaction(connection) as cursor:
            cursor.execute(
                """
                INSERT INTO orderflow.tokens (account, credentials, sealed, key_id, expires_at, kept_at)
                VALUES (%s, %s, %s, %s, %s, now())
                ON CONFLICT (account) DO UPDATE SET credentials = excluded.credentials, sealed = excluded.sealed,
                    key_id = excluded.key_id, expires_at = excluded.expires_at, kept_at = now(), renewing_since = NULL
                """,
                (self.account, self.credentials, sealed, self.vault.key_id, token.get("expires_at")),
            )
        log.info("token kept account=%s expires_at=%s", self.account, token.get("expires_at"))

    @contextmanager
    def renewing(self) -> Iterator[Mapping[str, Any] | None]:
        """Be the only process that renews this account's token; gives the one that was kept last.

        A renewal that was cut off before its answer was kept is remembered: where the platform then refuses the old
        refresh token, the `DeniedError` says so.
        """
        with closing(self.connect()) as connection:
            with transaction(connection) as cursor:
                # Of the session, not of the transaction: held until the connection closes.
                cursor.execute("SELECT pg_advisory_lock(hashtext('orderflow.token'), hashtext(%s))", (self.account,))
            unfinished = self._begin(connection)
            try:
                yield self._latest(connection)
            except DeniedError as error:
                if unfinished is None:
                    self._end(connection)
                    raise
                raise DeniedError(
                    f"{error}; a renewal begun {unfinished:%Y-%m-%d %H:%M:%S}Z was cut off before its answer was kept, "
                    "and a refresh token that works once is then spent: let the seller authorise the app again and "
                    f"store the new tokens in the connection {self.account}"
                ) from error
            self._end(connection)

    def _begin(self, connection: Connection) -> datetime | None:
        """Note that a renewal begins; returns when an earlier one began that never ended."""
        with transaction(connection) as cursor:
            cursor.execute("SELECT renewing_since FROM orderflow.tokens WHERE account = %s", (self.account,))
            row = cursor.fetchone()
            cursor.execute(
                """
                INSERT INTO orderflow.tokens AS t (account, credentials, renewing_since) VALUES (%s, %s, now())
                ON CONFLICT (account) DO UPDATE SET renewing_since = coalesce(t.renewing_since, now())
                """,
                (self.account, self.credentials),
            )
        return row[0] if row else None

    def _end(self, connection: Connection) -> None:
        with transaction(connection) as cursor:
            cursor.execute("UPDATE orderflow.tokens SET renewing_since = NULL WHERE account = %s", (self.account,))

    def _latest(self, connection: Connection) -> Mapping[str, Any] | None:
        with transaction(connection) as cursor:
            cursor.execute(
                "SELECT sealed, key_id FROM orderflow.tokens"
                " WHERE account = %s AND credentials = %s AND sealed IS NOT NULL",
                (self.account, self.credentials),
            )
            row = cursor.fetchone()
        if row is None:
            return None
        found: Mapping[str, Any] = msgspec.json.decode(self.vault.open(bytes(row[0]), row[1], "tokens", self.account))
        return found
