"""Batches of orders as transactions: a savepoint per order, receipts after the commit."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.sql import SQL, Placeholder

from orderflow.domain.errors import ConfigError, DeniedError, DriftError, OrderflowError, RecordError, TransientError
from orderflow.domain.fulfilment import Parcel
from orderflow.domain.life import Stage
from orderflow.domain.order import Shipment
from orderflow.domain.source import Account
from orderflow.domain.target import OmsOrder, Receipt, Submission, one_of_each
from orderflow.oms.document import Document, read, reason
from orderflow.oms.positions import plain
from orderflow.oms.postgres import statements
from orderflow.oms.postgres.mapping import LookUp, Shipments, Table, part_values, values, with_key

_KEPT = """
SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') IN ('off', 'local')
"""
_AGAIN = ("08", "25", "40", "53", "55", "57", "58")
"""Classes of SQLSTATE (postgresql.org, appendix A) that time may heal: connection, read-only standby, deadlock,
resources, locks, a server that stops, disks."""
_SETTING = ("0A", "3D", "3F", "42")
_OURS = ("F0", "XX")


class PostgresTarget:
    """See the package's docstring. Every call uses a connection of its own; safe to share between threads."""

    def __init__(
        self,
        account: Account,
        table: Table | None,
        function: str | None,
        look_up: LookUp | None,
        stages: Mapping[str, Stage],
        timeout: int,
        shipments: Shipments | None = None,
    ) -> None:
        self._account = account
        self._table = table
        self._function = function
        self._look_up = look_up
        self._stages = stages
        self._timeout = timeout
        self._shipments = shipments

    def submit(self, submissions: Sequence[Submission]) -> Iterator[Receipt]:
        """Write all of them in one transaction; the receipts come when it is committed."""
        with self._transaction() as cursor:
            inorder = sorted(submissions, key=lambda each: (each.channel, each.order_id, each.version))
            receipts = [self._one(cursor, submission) for submission in inorder]
        yield from receipts

    def look_up(self, channel: str, order_ids: Sequence[str]) -> Mapping[str, OmsOrder]:
        """What stands in the OMS's table or view, by the channel's order ids."""
        with self._transaction() as cursor:
            return one_of_each(self._held(cursor, channel, order_ids))

    def shipped(self, channel: str, since: datetime | None) -> Iterator[Parcel]:
        """Parcels as the OMS's table or view tells them."""
        if self._shipments is None:
            raise ConfigError(
                f"{self._account.name}: the target file says nothing of parcels; write `shipments` into it, or take "
                "shipments out of the channel's fulfilment.tell"
            )
        with self._transaction() as cursor:
            cursor.execute(statements.shipped(self._shipments), (channel, since))
            for row in cursor.fetchall():
                yield _parcel(self._account.name, *row)

    def _one(self, cursor: Cursor, submission: Submission) -> Receipt:
        """Write one order, or leave no trace of it when it is refused."""
        start = time.perf_counter()
        cursor.execute("SAVEPOINT one_order")
        oms_id, refusal, document, stage = None, None, None, None
        try:
            stage = self._stage(cursor, submission)
            document = read(submission)
            write = self._row if self._table else self._call
            oms_id, rest = write(cursor, submission, document)
            cursor.execute(rest + statements.KEEP)
        except RecordError as error:
            refusal = error
        except psycopg2.Error as error:
            refusal = _refusal(error)
        except ValueError as error:  # psycopg2 binds no text with a NUL in it
            refusal = RecordError("OMS_REFUSED", "document", None, str(error))
        if refusal is not None:
            oms_id = None
            cursor.execute("ROLLBACK TO SAVEPOINT one_order; RELEASE SAVEPOINT one_order")
        return Receipt(
            submission.key,
            "refused" if refusal else "accepted",
            oms_id=oms_id,
            reason=reason(refusal, document) if refusal else None,
            seconds=time.perf_counter() - start,
            stage=stage,
        )

    def _stage(self, cursor: Cursor, submission: Submission) -> Stage | None:
        """How far the OMS is with the order, where this is not the version that it has already."""
        if not self._stages or submission.version == 1:
            return None
        held = next(self._held(cursor, submission.channel, [submission.order_id]), None)
        if held is None or held.key == submission.key or held.status is None:
            return None
        return self._stages.get(held.status)

    def _row(self, cursor: Cursor, submission: Submission, document: Document) -> tuple[str, bytes]:
        """The order's id in the OMS's table, and the statements that replace its parts where it was written."""
        table = self._table
        assert table is not None
        cursor.execute(statements.upsert(table), values(table.columns.values(), submission, document))
        if (written := cursor.fetchone()) is None:
            paths = (*(table.columns[column] for column in table.unique), "version")
            cursor.execute(statements.find(table), values(paths, submission, document))
            if (held := _first(cursor)) is None:
                raise RecordError(
                    "OMS_REFUSED",
                    table.name,
                    None,
                    f"{table.name} took no row, and holds none of this version: a trigger or a rule of the OMS dropped "
                    "it without a word; let it raise instead",
                )
            return str(held), b""
        return str(written[0]), b"".join(self._parts(cursor, table, document, written[0]))

    def _parts(self, cursor: Cursor, table: Table, document: Document, link: Any) -> Iterator[bytes]:
        """Bound statements that travel together."""
        for name, part in table.parts.items():
            yield cursor.mogrify(statements.clear(part), (link,))
            rows = [(link, *part_values(part.columns.values(), each)) for each in getattr(document, name)]
            if rows:
                marks = SQL(", ").join([Placeholder()] * len(rows))
                yield cursor.mogrify(statements.fill(part) + marks, rows)
            yield b"; "

    def _call(self, cursor: Cursor, submission: Submission, _: Document) -> tuple[str | None, bytes]:
        """What the OMS's function returned, unless this version has arrived already."""
        cursor.execute(statements.LOCK, (f"orderflow {submission.channel}/{submission.order_id}",))
        for order in self._held(cursor, submission.channel, [submission.order_id]):
            if order.key == submission.key or (order.version or 0) >= submission.version:
                return order.oms_id, b""
        assert self._function is not None
        cursor.execute(statements.call(self._function), (with_key(submission),))
        returned = _first(cursor)
        return (None if returned is None else str(returned)), b""

    def _held(self, cursor: Cursor, channel: str, order_ids: Sequence[str]) -> Iterator[OmsOrder]:
        for start in range(0, len(order_ids), 1000):
            some = order_ids[start : start + 1000]
            cursor.execute(statements.held(self._table, self._look_up, len(some)), [channel, *some])
            for order_id, oms_id, version, key, status, total, currency, lines in cursor.fetchall():
                yield OmsOrder(
                    order_id=str(order_id),
                    oms_id=str(oms_id),
                    version=None if version is None else int(self._number(version, "version")),
                    key=_text(key),
                    status=_text(status),
                    total=None if total is None else plain(self._number(total, "total")),
                    currency=_text(currency),
                    lines=None if lines is None else int(lines),
                )

    def _number(self, text: str, what: str) -> Decimal:
        try:
            return Decimal(text)
        except InvalidOperation:
            raise ConfigError(
                f"{self._account.name}: the {what} of an order in the OMS is {text!r}, which is no plain number; name "
                "a column of type numeric or integer in the target file (a view may convert `money` or text)"
            ) from None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Cursor]:
        """One transaction on a connection of its own, whatever the database's default.

        READ COMMITTED, because what is read after waiting for a lock has to be what the lock's last holder wrote; and
        kept when it is committed, because what was accepted is never sent again.
        """
        with contextlib.closing(self._connect()) as connection, self._meaning():
            connection.set_session(isolation_level="READ COMMITTED")
            with connection, connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = %s", (self._timeout * 1000,))
                cursor.execute(_KEPT)
                yield cursor

    def _connect(self) -> Connection:
        account = self._account
        secret = account.password.reveal() if account.password else None
        try:
            return psycopg2.connect(
                account.url,
                user=account.login,
                password=secret,
                connect_timeout=self._timeout,
                keepalives_idle=30,
                keepalives_interval=10,
                keepalives_count=3,
                tcp_user_timeout=60_000,
                application_name="orderflow",
                client_encoding="UTF8",
            )
        except psycopg2.ProgrammingError:
            raise ConfigError(
                f"{account.name}: its address is none of PostgreSQL's; write it like postgresql://host:5432/database"
            ) from None
        except psycopg2.OperationalError as error:
            raise self._unreachable(str(error).strip()) from error

    @contextlib.contextmanager
    def _meaning(self) -> Iterator[None]:
        """Tell what an error of the whole transaction asks for."""
        name = self._account.name
        try:
            yield
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            raise TransientError(
                f"{name}: {_message(error)} ({error.pgcode or 'no answer'}); the batch stays pending"
            ) from error
        except psycopg2.Error as error:
            raise self._fault(error) from error

    def _fault(self, error: psycopg2.Error) -> OrderflowError:
        code, text = error.pgcode or "", f"{self._account.name}: {_message(error)} ({error.pgcode})"
        if code.startswith(_AGAIN):
            return TransientError(f"{text}; the batch stays pending")
        if code == "42P10" and self._table is not None:
            wanted = ", ".join(self._table.unique)
            return ConfigError(
                f"{text}: give {self._table.name} a unique constraint on ({wanted}); nothing else keeps an order "
                "from standing twice"
            )
        if code == "42501" or code.startswith("28"):
            return DeniedError(f"{text}; grant it to the connection's user")
        if code.startswith(_SETTING):
            return ConfigError(f"{text}; correct the target file or the database")
        return DriftError(f"{text}; read the database's log")

    def _unreachable(self, text: str) -> OrderflowError:
        """psycopg2 tells nothing but text when no connection comes about."""
        name = self._account.name
        if "too many connections" not in text and any(
            word in text for word in ("password", "authentication", "pg_hba.conf", "role ")
        ):
            return DeniedError(f"{name}: PostgreSQL does not let the connection's user in; check login and password")
        if "does not exist" in text or "invalid" in text:
            return ConfigError(f"{name}: {text}; check the URL of the connection")
        return TransientError(f"{name}: PostgreSQL cannot be reached: {text}")


def _refusal(error: psycopg2.Error) -> RecordError:
    """What is wrong with one order; raises `error` again when it is not this order's fault."""
    code = error.pgcode or ""
    if not code or code == "42501" or code.startswith((*_AGAIN, *_SETTING, *_OURS, "28")):
        raise error
    where = " ".join(filter(None, (error.diag.table_name, error.diag.column_name, error.diag.constraint_name)))
    return RecordError("OMS_REFUSED", where, None, f"{_message(error)} ({' '.join(filter(None, (code, where)))})")


def _message(error: psycopg2.Error) -> str:
    """PostgreSQL's main message; where it ends with the value that was wrong, without the value."""
    text = error.diag.message_primary or str(error).strip() or type(error).__name__
    return re.sub(r': ".*"$', "", text, flags=re.DOTALL) if (error.pgcode or "").startswith("22") else text


def _parcel(
    name: str, number: Any, order_id: Any, recorded_at: Any, carrier: Any, tracking: Any, shipped_at: Any, lines: Any
) -> Parcel:
    moments = [each for each in (recorded_at, shipped_at) if each is not None]
    if recorded_at is None or any(getattr(each, "tzinfo", None) is None for each in moments):
        raise ConfigError(
            f"{name}: recorded_at or shipped_at of parcel {number} is no moment with a zone; name columns of type "
            "timestamptz in `shipments` (a view may convert others)"
        )
    try:
        read = msgspec.json.decode(lines) if isinstance(lines, str) else lines or []
        inside = [(str(line["line_id"]), str(line["quantity"])) for line in read]
    except (ValueError, TypeError, KeyError):
        raise ConfigError(
            f"{name}: the lines of parcel {number} cannot be read; the column has to hold JSON such as "
            '[{"line_id": "L1", "quantity": "2"}], or nothing'
        ) from None
    return Parcel(
        str(order_id),
        Shipment(
            shipment_id=str(number),
            carrier=_text(carrier),
            tracking_numbers=[str(tracking)] if tracking else [],
            shipped_at=shipped_at and shipped_at.isoformat(),
            lines=inside,
        ),
        recorded_at,
    )


def _first(cursor: Cursor) -> Any:
    row = cursor.fetchone()
    return None if row is None else row[0]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
