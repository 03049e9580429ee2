"""Delivering what is pending, as a process of its own, to an OMS that takes so many seconds over each request.

    python -m benchmarks.sync URL DSN SECONDS

Prints one JSON line: orders, seconds, seconds until the first acknowledgement was stored, CPU seconds, and the rate
that the OMS can take, which is requests in flight x orders per request / SECONDS.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import closing
from datetime import UTC, datetime

from benchmarks.flow import channel
from benchmarks.measure import ROOT
from orderflow import oms
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.pipeline.sync import sync
from orderflow.staging.store import Store, connect
from orderflow.staging.vault import Vault


def main() -> None:
    url, dsn, seconds = sys.argv[1:]
    shop = channel()
    runtime = Runtime(clock=lambda: datetime.now(UTC), sleep=time.sleep)
    file = oms.find("demo", ROOT / "include" / "targets")
    target = oms.open_target(file, Account("demo", url, password=Secret("x")), runtime)
    first: list[float] = []
    with closing(connect(dsn)) as connection:
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
            "limit": shop.oms.batch * shop.oms.concurrency / float(seconds),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
