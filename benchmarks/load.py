"""What loading costs: 100,000 orders with 350,000 lines from prepared Parquet into an empty staging, and once more.

    python benchmarks/load.py [--orders 100000] [--dsn postgresql://...]

Prints CPU microseconds per order of the client and of PostgreSQL (all its processes), and orders per second.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "include"))

from orderflow.domain.batch import Batch
from orderflow.domain.order import Charge, Contact, Line, Order, Payment
from orderflow.pipeline import frames
from orderflow.pipeline.cleaning import files
from orderflow.pipeline.cleaning.documents import documents
from orderflow.pipeline.cleaning.typed import type_frames
from orderflow.pipeline.load import chunks
from orderflow.sandbox.postgres import start
from orderflow.staging.migrate import migrate
from orderflow.staging.store import Store, connect
from orderflow.staging.vault import Vault

CHUNK = 5000
EPOCH = datetime(2026, 3, 1, tzinfo=UTC)


def order(number: int, rng: random.Random, minutes: int = 0) -> Order:
    lines = [
        Line(
            number=n,
            line_id=f"{number}{n:02}",
            sku=f"SKU-{rng.randrange(5000)}",
            oms_sku=f"SKU-{rng.randrange(5000)}",
            product_id=str(rng.randrange(10**9)),
            variant_id=str(rng.randrange(10**9)),
            title=f"Canvas tote, {rng.choice(['black', 'natural', '天然色', '黒'])} {n}",
            quantity=str(rng.randint(1, 4)),
            unit_price="19.95",
            discount="0",
            tax="3.99",
            total="19.95",
            shop_unit_price="19.95",
            shop_total="19.95",
        )
        for n in range(1, rng.choice((1, 2, 3, 4, 5, 6)) + 1)
    ]
    at = (EPOCH + timedelta(seconds=number, minutes=minutes)).isoformat()
    who = Contact(
        name=f"Märta Lindström {number}", email=f"marta{number}@example.com", phone="+46701234567",
        address=[f"Storgatan {number % 200}", "lgh 1203"], city="Göteborg", postal_code="41101", country="SE",
    )  # fmt: skip
    return Order(
        order_id=str(5_000_000_000 + number), order_number=f"#{number}", placed_at=at, channel_created_at=at,
        channel_updated_at=at, paid_at=at, order_status="open", payment_status="paid" if minutes == 0 else "refunded",
        currency="SEK", shop_currency="EUR", taxes_included=True, items_total="79.8", discount_total="0",
        charge_total="4.9", tax_total="15.96", grand_total="84.7", paid="84.7", shop_items_total="7.98",
        shop_grand_total="8.47", ship_country="SE", ship_postal_prefix="411", tags=["web", "春"],
        raw_status={"financial_status": "paid", "fulfillment_status": None}, lines=lines,
        charges=[Charge(title="Standard", method="postnord", amount="4.9", total="4.9")],
        payments=[Payment(payment_id=str(number), method="card", gateway="adyen", amount="84.7", at=at)],
        contacts=[who, Contact(role="bill_to", name=who.name, email=who.email, country="SE")],
    )  # fmt: skip


def prepare(folder: Path, orders: int, minutes: int = 0) -> None:
    """Write what clean and validate leave: every order accepted."""
    folder.mkdir()
    rng = random.Random(7)
    for number, first in enumerate(range(0, orders, CHUNK)):
        some = [order(each, rng, minutes) for each in range(first, min(first + CHUNK, orders))]
        typed, _ = type_frames(frames.from_orders(some), "UTC")
        tables = {name: frames.table(typed, name) for name in frames.TABLES}
        evidence = {
            **documents(typed)._asdict(),
            "ordinal": pa.array(range(first, first + len(some)), pa.int64()),
            "raw_sha256": pa.array([each.order_id.encode().rjust(32, b".") for each in some], pa.binary(32)),
            "fetched_at": pa.array([EPOCH] * len(some), pa.timestamp("us", "UTC")),
        }
        for name, column in evidence.items():
            tables["orders"] = tables["orders"].append_column(name, column)
        none = {name: pa.array([], kind) for name, kind in (("ordinal", pa.int64()), ("order_id", pa.string()))}
        tables["unreadable"] = pa.table(none)
        tables["verdicts"] = pa.table({"order_row": pa.array([], pa.int64()), "severity": pa.array([], pa.string())})
        files.write(folder, number, tables)


def cpu_of(server: psutil.Process) -> float:
    """CPU seconds of the server and all its processes, the ended ones included."""
    times = server.cpu_times()
    ended = times.children_user + times.children_system
    living = [child.cpu_times() for child in server.children()]
    return times.user + times.system + ended + sum(each.user + each.system for each in living)


def hour(landing: Path, orders: int) -> Batch:
    window = {"window_start": EPOCH, "window_end": EPOCH + timedelta(hours=1)}
    return Batch(channel="bench", **window, run_id="1", landing=str(landing)).counted(accepted=orders)


def measured(name: str, store: Store, batch: Batch, folder: Path, server: psutil.Process | None) -> Batch:
    before, at = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    served = cpu_of(server) if server else 0.0
    loaded = store.load(batch, chunks(folder), [], deliver=True)
    wall, after = time.perf_counter() - at, resource.getrusage(resource.RUSAGE_SELF)
    client = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    postgres = cpu_of(server) - served if server else 0.0
    number = batch.counts.accepted
    print(
        f"{name:<18} client {client / number * 1e6:5.1f} us/order   PostgreSQL {postgres / number * 1e6:5.1f} us/order"
        f"   {number / wall:6.0f} orders/s   peak {after.ru_maxrss // 1024} MB   "
        f"inserted {loaded.counts.inserted} updated {loaded.counts.updated} unchanged {loaded.counts.unchanged}"
    )
    return loaded


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--orders", type=int, default=100_000)
    arguments.add_argument("--dsn", help="an empty database; a server of its own is started when this is missing")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="orderflow-bench-", ignore_cleanup_errors=True) as temporary:
        root = Path(temporary)
        prepare(root / "first", given.orders)
        prepare(root / "changed", given.orders, minutes=60)
        postgres = None if given.dsn else start(root / "data", durable=False)
        dsn = given.dsn or postgres.create("bench")
        server = psutil.Process(postgres.server.get_pid()) if postgres else None
        with closing(connect(dsn)) as connection:
            migrate(connection)
            store = Store(connection, Vault({"bench": bytes(32)}))
            batch = hour(root, given.orders)
            measured("first load", store, batch, root / "first", server)
            measured("unchanged", store, batch, root / "first", server)
            measured("every one changed", store, batch, root / "changed", server)
        if postgres:
            postgres.stop()


if __name__ == "__main__":
    main()
