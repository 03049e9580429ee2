"""The three sides of a day, brought together in temporary tables: every comparison is one statement of the database.

The tables live as long as the connection and hold one day of one channel. Between two steps no transaction stays open,
so a platform or an OMS that answers slowly holds nothing up.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from orderflow.domain.money import AMOUNT
from orderflow.domain.reconciliation import REPAIRABLE, Certificate, Difference, Head
from orderflow.domain.source import OrderStub
from orderflow.domain.target import OmsOrder
from orderflow.domain.window import Window
from orderflow.staging import certificates, day_figures, ledger, sides_sql
from orderflow.staging.copying import copy
from orderflow.staging.session import transaction

log = logging.getLogger(__name__)

CHUNK = 5000
"""Rows that are held in memory at once."""

LIVING = ("draft", "pending", "open", "on_hold", "completed", "received", "confirmed", "picking", "shipped")
"""States in which an OMS surely has not called an order off; its own words beyond these are not compared."""


@dataclass(slots=True)
class DaySides:
    """A `Sides`. The connection is its own; `window` is the day."""

    connection: Connection
    channel: str
    window: Window
    settle: timedelta
    lookback: timedelta
    since: datetime | None = None
    """Orders created before are not handed to the OMS (`Channel.delivers_since`)."""
    _listed_at: datetime | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        with self._step() as cursor:
            cursor.execute(sides_sql.TABLES)

    def list_channel(self, stubs: Iterable[OrderStub], *, listed_at: datetime) -> int:
        """Take in the list; an order that it names twice counts once, as it was named last."""
        numbers = itertools.count()
        for rows in _chunks(stubs):
            with self._step() as cursor:
                copy(cursor, "pg_temp.sides_listed", _stubs(rows, numbers))
        with self._step() as cursor:
            cursor.execute(sides_sql.CHANNEL, self._values())
            (count,) = cursor.fetchone() or (0,)
        self._listed_at = listed_at
        log.info("channel listed channel=%s orders=%d", self.channel, count)
        return int(count)

    def compare_channel(self) -> None:
        with self._step() as cursor:
            cursor.execute(sides_sql.ABSENT, self._values())
            cursor.execute(sides_sql.CONTENT, self._values())
            cursor.execute(sides_sql.UNKNOWN, self._values())

    def repairable(self) -> Iterator[str]:
        after = ""
        while True:
            with self._step() as cursor:
                cursor.execute(sides_sql.REPAIRABLE, (list(REPAIRABLE), after, CHUNK))
                found = [order_id for (order_id,) in cursor.fetchall()]
            if not found:
                return
            yield from found
            after = found[-1]

    def spans(self, *, around: timedelta) -> list[Window]:
        """Around the moments in which these orders were changed, or the whole day where the list tells no time."""
        with self._step() as cursor:
            cursor.execute(sides_sql.SPANS, self._values(around=around, causes=list(REPAIRABLE)))
            return [Window(start, end) for start, end in cursor.fetchall()]

    def judge_repairs(self) -> int:
        with self._step() as cursor:
            cursor.execute(sides_sql.JUDGE_MISSED, self._values())
            cursor.execute(sides_sql.JUDGE_CHANGES, self._values())
            cursor.execute("SELECT count(DISTINCT order_id) FROM pg_temp.sides_differences WHERE repaired")
            (count,) = cursor.fetchone() or (0,)
        return int(count)

    def ask_oms(self, look_up: Callable[[Sequence[str]], Mapping[str, OmsOrder]], *, size: int) -> int:
        after, found = "", 0
        with self._step() as cursor:
            cursor.execute(sides_sql.DAY, self._values())
        while True:
            with self._step() as cursor:
                cursor.execute(sides_sql.NEXT, (after, size))
                order_ids = [order_id for (order_id,) in cursor.fetchall()]
            if not order_ids:
                break
            held = look_up(order_ids)
            with self._step() as cursor:
                copy(cursor, "pg_temp.sides_oms", _held([held[each] for each in order_ids if each in held]))
            found += len(held)
            after = order_ids[-1]
        log.info("oms asked channel=%s holds=%d", self.channel, found)
        return found

    def compare_oms(self) -> None:
        with self._step() as cursor:
            cursor.execute("ANALYZE pg_temp.sides_oms")
            cursor.execute(sides_sql.OMS, self._values(living=list(LIVING)))
            cursor.execute(sides_sql.OVERTAKEN, self._values())

    def certify(self, head: Head, *, keep: bool) -> Certificate:
        """Count and write; synced windows in an unbroken row of settled, wholly explained days are reconciled."""
        with self._step() as cursor:
            counted = day_figures.count(cursor, self._values(), now=head.now)
            certificate = certificates.certify(cursor, head, counted, keep=keep)
        if keep and certificate.state == "settled" and not certificate.unexplained:
            ledger.reconciled(
                self.connection, self.channel, certificates.clean_span(self.connection, self.channel, self.window)
            )
        return certificate

    def differences(self) -> Iterator[Difference]:
        """What a certificate made now would hold, in its order."""
        with self._step() as cursor:
            yield from certificates.walk(cursor, certificates.FOUND, {})

    def _step(self) -> AbstractContextManager[Cursor]:
        return transaction(self.connection)

    def _values(self, **more: Any) -> dict[str, Any]:
        return {
            "channel": self.channel,
            "start": self.window.start,
            "end": self.window.end,
            "settle": self.settle,
            "lookback": self.lookback,
            "since": self.since,
            "listed_at": self._listed_at,
            **more,
        }


def _chunks(stubs: Iterable[OrderStub]) -> Iterator[list[OrderStub]]:
    waiting = iter(stubs)
    while chunk := list(itertools.islice(waiting, CHUNK)):
        yield chunk


def _stubs(rows: list[OrderStub], numbers: Iterator[int]) -> pa.Table:
    text, number = pa.string(), pa.int64()
    return pa.table(
        {
            "number": pa.array([next(numbers) for _ in rows], number),
            "order_id": pa.array([_text(each.order_id) for each in rows], text),
            "status": pa.array([_text(each.status) for each in rows], text),
            "amount": pa.array([_amount(each.total) for each in rows], text),
            "currency": pa.array([_code(each.currency) for each in rows], text),
            "lines": pa.array([each.lines for each in rows], number),
            "updated_at": pa.array([each.updated_at for each in rows], pa.timestamp("us", "UTC")),
        }
    )


def _held(rows: list[OmsOrder]) -> pa.Table:
    text, number = pa.string(), pa.int64()
    return pa.table(
        {
            "order_id": pa.array([each.order_id for each in rows], text),
            "oms_id": pa.array([_text(", ".join([each.oms_id, *each.twins])) for each in rows], text),
            "orders": pa.array([1 + len(each.twins) for each in rows], number),
            "version": pa.array([each.version for each in rows], number),
            "status": pa.array([_text(each.status) for each in rows], text),
            "amount": pa.array([_amount(each.total) for each in rows], text),
            "currency": pa.array([_code(each.currency) for each in rows], text),
            "lines": pa.array([each.lines for each in rows], number),
        }
    )


def _text(value: str | None) -> str | None:
    """Without U+0000, which PostgreSQL cannot hold: staging spells it the same way."""
    return value if value is None else value.replace("\0", "\ufffd")


def _code(currency: str | None) -> str | None:
    """A currency as clean spells it: Medusa tells `eur`."""
    text = _text(currency)
    return text.strip().upper() or None if text else None


def _amount(amount: str | None) -> str | None:
    """Plain decimal text; what is no amount is not compared."""
    return f"{Decimal(amount):f}" if amount is not None and AMOUNT.fullmatch(amount) else None
