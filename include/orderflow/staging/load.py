"""Load: a whole batch into staging in one transaction, or nothing of it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec
import numpy as np
import psycopg2
import psycopg2.errors
import pyarrow as pa
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.batch import Batch, tally
from orderflow.domain.errors import BalanceError
from orderflow.domain.message import said
from orderflow.domain.staging import Chunk, Lines, RawRecord, Refused, Table
from orderflow.staging import history, inbox, ledger, loads, measures, merge, reviews, twins
from orderflow.staging.compare import Run
from orderflow.staging.session import lock_channel, transaction
from orderflow.staging.shelf import Shelf
from orderflow.staging.vault import Vault

log = logging.getLogger(__name__)

UNSTORABLE = "UNSTORABLE"
"""Code of an order that passed validation but that PostgreSQL cannot hold."""

MOST_UNSTORABLE = 100
"""Unstorable orders of one batch; more of them are a fault of ours."""

_NOT_STORED = (
    psycopg2.DataError,
    psycopg2.IntegrityError,
    psycopg2.errors.CardinalityViolation,
    psycopg2.errors.ProgramLimitExceeded,
)


def load(
    connection: Connection,
    vault: Vault,
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
    """Write the batch; see `orderflow.domain.staging.Staging.load`."""
    with transaction(connection) as cursor:
        lock_channel(cursor, batch.channel)
        run = merge.begin(cursor, vault, batch, deliver=deliver, since=since, recalled=recalled is not None)
        shelf = Shelf(cursor, vault, batch)
        counts: Counter[str] = Counter(inserted=0, updated=0, unchanged=batch.counts.known, stale=0)
        unstorable = 0
        for chunk in chunks:
            shelf.add(chunk.refused)
            for refused in _store(run, chunk.orders, chunk.lines, counts):
                shelf.add([refused])
                unstorable += 1
                _demand_few(batch, unstorable, refused)
        loaded = _told(batch, unstorable).counted(**counts).balance("load")
        shelf.close(records, expected=loaded.counts.quarantined + loaded.counts.unreadable)
        merge.enqueue(run)
        if recalled is None:
            number = loads.count(cursor, batch.channel, batch.target)
        else:
            number = loads.repeat(cursor, batch.channel, recalled)
        waiting = twins.hold(cursor, batch.channel, behind=batch.behind, held=held, holding=holding)
        loaded = _noted(loaded, waiting)
        ledger.record_load(cursor, loaded)
        measures.loaded(cursor, loaded)
        history.learn(cursor, loaded)
        reviews.loaded(cursor, loaded)
        inbox.done(cursor, loaded)
    log.info("loaded window=%s %s", batch.window, " ".join(f"{name}={count}" for name, count in counts.items()))
    return msgspec.structs.replace(loaded, load=number)


def _demand_few(batch: Batch, unstorable: int, last: Refused) -> None:
    if unstorable > MOST_UNSTORABLE:
        raise BalanceError(
            f"{batch.channel} {batch.window}: more than {MOST_UNSTORABLE} orders cannot be stored, so the fault is not "
            f"theirs; nothing was written; the last one: {last.reasons[0]['message']}"
        )


def _told(batch: Batch, unstorable: int) -> Batch:
    """The batch after so many orders turned out to be unstorable: refused instead of accepted."""
    if not unstorable:
        return batch
    moved = batch.counted(
        accepted=batch.counts.accepted - unstorable, quarantined=batch.counts.quarantined + unstorable
    )
    return msgspec.structs.replace(moved, reasons=tally(moved.reasons, {UNSTORABLE: unstorable}))


def _noted(batch: Batch, held: Sequence[str]) -> Batch:
    """The batch with a note on staged orders that the OMS is not to get yet."""
    if not held:
        return batch
    waits = "{n} order waits in quarantine|{n} orders wait in quarantine"
    note = f"{said(waits, n=len(held))}: delivered by another channel"
    return msgspec.structs.replace(batch, notes=[*batch.notes, note])


def _store(run: Run, orders: Table, lines: Lines, counts: Counter[str]) -> Iterator[Refused]:
    """Write these orders; those that the database refuses are found by halving, and yielded."""
    run.cursor.execute("SAVEPOINT chunk")
    try:
        written = merge.write(run, orders, lines)
    except _NOT_STORED as error:
        run.cursor.execute("ROLLBACK TO SAVEPOINT chunk")
        run.cursor.execute("RELEASE SAVEPOINT chunk")
        if orders.num_rows == 1:
            yield _unstorable(orders, error)
            return
        middle = orders.num_rows // 2
        yield from _store(run, orders.slice(0, middle), _lines_of(lines, 0, middle), counts)
        yield from _store(run, orders.slice(middle), _lines_of(lines, middle, orders.num_rows), counts)
    else:
        run.cursor.execute("RELEASE SAVEPOINT chunk")
        counts.update(written)


def _lines_of(lines: Lines, start: int, stop: int) -> Lines:
    def read() -> Table:
        whole = lines()
        rows = np.asarray(whole["order_row"])
        inside = (rows >= start) & (rows < stop)
        place = whole.column_names.index("order_row")
        return whole.filter(pa.array(inside)).set_column(place, "order_row", pa.array(rows[inside] - start))

    return read


def _unstorable(orders: Table, error: psycopg2.Error) -> Refused:
    order = orders.to_pylist()[0]
    log.warning("order not storable ordinal=%d sqlstate=%s", order["ordinal"], error.pgcode)
    shop = order.get("shop_grand_total")
    reason = {
        "code": UNSTORABLE,
        "field": error.diag.column_name,
        "value": None,
        "message": f"PostgreSQL cannot hold this order: {error.diag.message_primary} (SQLSTATE {error.pgcode})",
    }
    return Refused(
        ordinal=order["ordinal"],
        source="validate",
        reasons=[reason],
        order_id=order["order_id"],
        document=order["document"],
        content_hash=order["content_hash"],
        channel_updated_at=order.get("channel_updated_at"),
        value=order.get("grand_total") if shop is None else shop,
        currency=order.get("currency") if shop is None else order.get("shop_currency"),
    )
