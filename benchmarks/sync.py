"""Delivering what is pending, as a process of its own, to an OMS that takes so many seconds over each request.

    python -m benchmarks.sync URL DSN SECONDS

Prints one JSON line: orders, seconds, seconds until the first acknowledgement was stored, CPU seconds, and the rate
that the OMS can take. That is what as many connections bring that do nothing but send a ready body again and again:
less than requests in flight x orders per request / SECONDS, because the OMS has to read and to answer, too.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from urllib.parse import urlsplit

from benchmarks.flow import channel
from benchmarks.measure import ROOT
from orderflow import oms
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.pipeline.sync import sync
from orderflow.staging.store import Store, connect
from orderflow.staging.vault import Vault

BARE = 100
"""Requests of each connection that measures what the OMS can take."""


def bare(url: str, size: int, batch: int, concurrency: int) -> float:
    """Orders a second that the OMS takes from connections with a ready body of orders of this size in bytes."""
    entries = b",".join(b'{"key":"%064d","order":{"note":"%b"}}' % (number, b"x" * size) for number in range(batch))
    body, place = b'{"orders":[%b]}' % entries, urlsplit(url)

    def send(_connection: int) -> None:
        with closing(http.client.HTTPConnection(place.hostname or "", place.port)) as connection:
            for _ in range(BARE):
                connection.request("POST", "/orders/batch", body)
                connection.getresponse().read()

    began = time.perf_counter()
    with ThreadPoolExecutor(concurrency) as pool:
        list(pool.map(send, range(concurrency)))
    return BARE * concurrency * batch / (time.perf_counter() - began)


def main() -> None:
    url, dsn, seconds = sys.argv[1:]
    shop = channel()
    runtime = Runtime(clock=lambda: datetime.now(UTC), sleep=time.sleep)
    file = oms.find("demo", ROOT / "include" / "targets")
    target = oms.open_target(file, Account("demo", url, password=Secret("x")), runtime)
    first: list[float] = []
    with closing(connect(dsn)) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT avg(length(document::text)) FROM orderflow.orders")
            size = int((cursor.fetchone() or (0,))[0] or 0)
        connection.rollback()
        limit = bare(url, size, shop.oms.batch, shop.oms.concurrency)
        began, cpu = time.perf_counter(), time.process_time()

        def told(_stage: str, done: int, _total: int | None) -> None:
            if done and not first:
                first.append(time.perf_counter() - began)

        delivered = sync(shop, Store(connection, Vault({"bench": bytes(32)})), target, progress=told)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    json.dump(
        {
            "orders": delivered.accepted,
            "wall": wall,
            "first": first[0],
            "cpu": cpu,
            "limit": limit,
            "ideal": shop.oms.batch * shop.oms.concurrency / float(seconds),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
