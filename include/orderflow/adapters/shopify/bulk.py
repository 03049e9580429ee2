"""Reads a large window by a bulk operation: Shopify runs the query by itself and gives a file of JSON lines.

What binds (shopify.dev, bulk operations guide, 2026-07): five operations at a time per app and shop since 2026-01, one
before; at most five connections, two deep, none inside of a list; a result lies there for seven days, under a signed
address; children stand on lines of their own, with the id of their parent, in their order but anywhere behind it. So
an order's lines, shipping and discounts come with the operation, and `source` reads those with refunds or parcels by
their ids.

Nothing is kept here: after a break an operation that still runs for the same query is found and waited for, and a
finished one is asked again. What an operation that failed had brought so far (`partialDataUrl`) proves nothing and is
not read.
"""

from __future__ import annotations

import logging
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from itertools import groupby
from typing import Any, BinaryIO, NamedTuple

import httpx
import msgspec

from orderflow import wire
from orderflow.adapters.graph import Graph
from orderflow.adapters.http import words
from orderflow.adapters.shopify import queries
from orderflow.adapters.shopify.shapes import ENCODER, EXACT, ONE_OPERATION, RECENT_OPERATIONS, RUN, Operation
from orderflow.domain.errors import DriftError, TransientError
from orderflow.domain.source import Account, Runtime

log = logging.getLogger(__name__)

UNDER_WAY = frozenset({"CREATED", "RUNNING"})
BUSY = frozenset({"OPERATION_IN_PROGRESS", "LIMIT_REACHED"})
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""Seconds between looks at an operation, doubling from the first."""
PATIENCE = 3600.0
"""Seconds that one run waits for an operation; the next run waits on for the same one."""
READ_SECONDS = 60.0
_CONNECTIONS = {"LineItem": "lineItems", "ShippingLine": "shippingLines"}


class Bulked(NamedTuple):
    """One order out of a result. `is_whole`: it came once and has neither refunds nor parcels: nothing is missing."""

    id: str
    updated_at: datetime
    record: bytes
    is_whole: bool


class _Head(msgspec.Struct, rename="camel"):
    id: str | None = None
    parent: str | None = msgspec.field(default=None, name="__parentId")


_HEAD = msgspec.json.Decoder(_Head)


def run(graph: Graph, search: str, runtime: Runtime) -> Operation | None:
    """The finished operation for this search; None where Shopify will not run it, and the window has to be paged.

    An operation fails over a buyer's field that a page shows as null. Raises `TransientError` where it takes too long,
    was cancelled or failed, or too many others run.
    """
    query = queries.bulk(search)
    operation = _running(graph, query) or _begun(graph, query)
    waited, wait = 0.0, FIRST_WAIT
    while operation is not None and operation.status in UNDER_WAY:
        if waited >= PATIENCE:
            raise TransientError(f"bulk operation {operation.id} runs for long; the next run goes on waiting for it")
        runtime.sleep(wait)
        waited, wait = waited + wait, min(LONGEST_WAIT, wait * 2)
        found = graph.ask(queries.BULK_ONE, {"id": operation.id}, ONE_OPERATION, wanted="a bulk operation")
        operation = found.bulk_operation or operation
    if operation is not None and operation.status != "COMPLETED":
        why = f"bulk operation {operation.id} ended as {operation.status} ({operation.error_code or 'no reason given'})"
        if operation.error_code == "ACCESS_DENIED":
            log.warning("%s, the window is paged; a page also shows whether a right is missing", why)
            return None
        raise TransientError(f"{why}; the run asks again by itself")
    return operation


def _running(graph: Graph, query: str) -> Operation | None:
    """An operation for this very query that an earlier run began, and that Shopify still works on."""
    recent = graph.ask(queries.BULK_RECENT, {}, RECENT_OPERATIONS, wanted="recent bulk operations")
    return next(
        (each for each in recent.bulk_operations.nodes if each.status in UNDER_WAY and each.query == query), None
    )


def _begun(graph: Graph, query: str) -> Operation | None:
    begun, response = graph.answered(queries.BULK_RUN, {"query": query}, RUN, wanted="a bulk operation", once=True)
    answer = begun.bulk_operation_run_query
    if any(error.code in BUSY for error in answer.user_errors):
        raise TransientError("as many bulk operations run in this shop as Shopify allows; it is tried again by itself")
    if answer.bulk_operation is None:
        said = "; ".join(words(error.message, response) for error in answer.user_errors)
        log.warning("bulk operation refused, the window is paged: %s", said)
    return answer.bulk_operation


def pages(operation: Operation, account: Account, runtime: Runtime, size: int) -> Iterator[list[Bulked]]:
    """The orders of a finished operation, `size` at a time, put together on disk."""
    if operation.url is None:
        return
    with tempfile.TemporaryFile() as file, closing(sqlite3.connect("")) as table:
        _download(operation.url, file, account, runtime)
        table.execute("CREATE TABLE lines (place INTEGER PRIMARY KEY, owner TEXT, child BOOLEAN, body BLOB)")
        table.executemany("INSERT INTO lines (owner, child, body) VALUES (?, ?, ?)", _lines(file))
        (count,) = table.execute("SELECT count(*) FROM lines").fetchone()
        if count != operation.object_count:
            raise TransientError(
                f"bulk operation {operation.id}: {count} of {operation.object_count} lines came; the run asks again"
            )
        table.execute("CREATE INDEX by_owner ON lines (owner, child, place)")
        rows = table.execute("SELECT owner, body FROM lines ORDER BY owner, child, place")
        found = []
        for _, group in groupby(rows, key=lambda row: row[0]):
            found.append(_assembled([body for _, body in group]))
            if len(found) == size:
                yield found
                found = []
        if found:
            yield found


def _download(url: str, file: BinaryIO, account: Account, runtime: Runtime) -> None:
    """The result into a file, without our credentials; its signed address stays out of every message."""
    way = runtime.transport or wire.network(account, httpx.Limits())
    client = httpx.Client(transport=way, timeout=READ_SECONDS, trust_env=False)
    cost = runtime.meter.endpoint("GET bulk result")
    cost.calls += 1
    try:
        with client.stream("GET", url) as response:
            if response.status_code != httpx.codes.OK:
                raise TransientError(
                    f"the result of a bulk operation was answered {response.status_code}: its address lives for seven "
                    "days; the run asks for a new one"
                )
            for chunk in response.iter_bytes():
                cost.bytes += file.write(chunk)
    except httpx.HTTPError as error:
        raise TransientError(
            f"the result of a bulk operation broke off ({type(error).__name__}); asked again"
        ) from None
    file.seek(0)


def _lines(file: BinaryIO) -> Iterator[tuple[str, bool, bytes]]:
    """Every line with the order it belongs to."""
    for line in file:
        if not line.strip():
            continue
        try:
            head = _HEAD.decode(line)
        except msgspec.MsgspecError as error:
            raise DriftError(
                f"a line of a bulk result is no object with an id ({error}); compare it with the guide"
            ) from None
        owner = head.parent or head.id
        if owner is None:
            raise DriftError("a line of a bulk result has neither id nor __parentId; compare it with the guide")
        yield owner, head.parent is not None, line


def _assembled(lines: list[bytes]) -> Bulked:
    """An order with its children, in the form that the paged query gives."""
    order: dict[str, Any] = EXACT.decode(lines[0])
    for name in queries.BULK_CONNECTIONS:
        order[name] = {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}
    once = True
    for line in lines[1:]:
        child: dict[str, Any] = EXACT.decode(line)
        if child.pop("__parentId", None) is None:
            once = False  # it changed meanwhile and was listed again
            continue
        kind = str(child.get("id", "")).removeprefix("gid://shopify/").partition("/")[0]
        order[_CONNECTIONS.get(kind, "discountApplications")]["nodes"].append(child)
    try:
        updated_at = datetime.fromisoformat(order["updatedAt"])
        whole = once and not order["refunds"] and not order["fulfillments"]
    except (KeyError, ValueError, TypeError) as error:
        raise DriftError(f"an order of a bulk result has another shape ({error}); compare it with the query") from None
    return Bulked(order["id"], updated_at, ENCODER.encode(order), whole)
