"""What delivering costs: 100,000 pending orders to an OMS that answers after 20 ms, in batches of 100, 4 in flight.

    python benchmarks/sync.py [--orders 100000] [--latency 0.02] [--batch 100] [--concurrency 4]

Prints CPU microseconds per order of the client and of PostgreSQL, orders per second, the time until the first
acknowledgement is stored, and what share of the OMS's rate (batch x concurrency / latency) was reached.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import socket
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import psutil
import uvicorn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "include"))

from load import cpu_of, hour, prepare

from orderflow import oms
from orderflow.domain.channel import Channel, Delivery, Schedule
from orderflow.domain.source import Account, Adapter, Limits, Options, Runtime, Secret
from orderflow.pipeline.load import chunks
from orderflow.pipeline.sync import sync
from orderflow.sandbox.postgres import start
from orderflow.staging.migrate import migrate
from orderflow.staging.store import Store, connect
from orderflow.staging.vault import Vault

TARGETS = Path(__file__).resolve().parents[1] / "include" / "targets"


class Entry(msgspec.Struct):
    key: str
    document: msgspec.Raw


class Body(msgspec.Struct):
    orders: list[Entry]


def serve(listener: socket.socket, latency: float) -> None:
    """An OMS that takes everything after a while, and costs as little as it can."""
    decode = msgspec.json.Decoder(Body).decode

    async def app(scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        await asyncio.sleep(latency)
        results = [{"key": each.key, "outcome": "accepted", "oms_id": each.key[:8]} for each in decode(body).orders]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": msgspec.json.encode({"results": results})})

    uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run(sockets=[listener])


def bench_channel(batch: int, concurrency: int) -> Channel:
    adapter = Adapter(options=Options, limits=Limits(), open=lambda *_: None, to_order=lambda *_: None)
    return Channel(
        name="bench", title="Bench", owner="bench", adapter_name="bench", adapter=adapter, connection="bench",
        options=Options(), schedule=Schedule(cron="0 * * * *", start=date(2026, 1, 1)),
        oms=Delivery(target="demo", batch=batch, concurrency=concurrency),
    )  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--orders", type=int, default=100_000)
    arguments.add_argument("--latency", type=float, default=0.02)
    arguments.add_argument("--batch", type=int, default=100)
    arguments.add_argument("--concurrency", type=int, default=4)
    given = arguments.parse_args()
    listener = socket.create_server(("127.0.0.1", 0))
    server = multiprocessing.get_context("fork").Process(target=serve, args=(listener, given.latency), daemon=True)
    server.start()
    with tempfile.TemporaryDirectory(prefix="orderflow-bench-", ignore_cleanup_errors=True) as temporary:
        root = Path(temporary)
        prepare(root / "first", given.orders)
        postgres = start(root / "data", durable=False)
        with closing(connect(postgres.create("bench"))) as connection:
            migrate(connection)
            store = Store(connection, Vault({"bench": bytes(32)}))
            store.load(hour(root, given.orders), chunks(root / "first"), [], deliver=True)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            runtime = Runtime(clock=lambda: datetime.now(UTC), sleep=time.sleep)
            target = oms.open_target(oms.find("demo", TARGETS), Account("demo", url, password=Secret("x")), runtime)
            process = psutil.Process(postgres.server.get_pid())
            before, served, began = resource.getrusage(resource.RUSAGE_SELF), cpu_of(process), time.perf_counter()
            first: list[float] = []

            def told(_stage: str, done: int, _total: int | None) -> None:
                if done and not first:
                    first.append(time.perf_counter() - began)

            delivered = sync(bench_channel(given.batch, given.concurrency), store, target, progress=told)
            wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
            client = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            rate, limit = delivered.accepted / wall, given.batch * given.concurrency / given.latency
            print(
                f"client {client / given.orders * 1e6:.1f} us/order   "
                f"PostgreSQL {(cpu_of(process) - served) / given.orders * 1e6:.1f} us/order   {rate:.0f} orders/s   "
                f"first answer after {first[0] * 1000:.0f} ms   {rate / limit:.0%} of the OMS's {limit:.0f}/s"
            )
        postgres.stop()
    server.terminate()


if __name__ == "__main__":
    main()
