"""Staging as it grows: the same batch into an empty and into a full one, and what pages and reconciliation ask.

    N=1000000 BATCH=100000 python -m benchmarks.staging        (N=10000000: 25 GB of disk, and half an hour)

Staging is filled by SQL with N orders of one line each, half of them of one channel and the others of 49 more, over two
years: with versions, sealed contacts and receipts, windows of six hours, and one order of 500 in quarantine. Then a day
of BATCH orders of the large channel is loaded, the same day again, and the day after with its edits. Ids go on where
the others end, as shops number them: orders at random places of large indexes cost more. A load is within budget while
an order costs PostgreSQL at most half as much again as in empty staging; a question of the pages has one second.

Nothing is vacuumed meanwhile. The second day holds a quarter of BATCH, and what autovacuum does for the tables of the
first, whenever it comes, would double what each of its orders costs.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from benchmarks import flow, servers
from benchmarks.measure import cpu_of
from benchmarks.orders import DAY, START, build
from orderflow.domain.batch import Batch
from orderflow.domain.source import OrderStub
from orderflow.domain.target import OmsOrder
from orderflow.domain.window import Window
from orderflow.pipeline.clean import clean
from orderflow.pipeline.load import load
from orderflow.pipeline.validate import validate
from orderflow.sandbox.postgres import start
from orderflow.staging import backlog, breakdown, gauges, history, lookout, overview, pace, sides, story, stretches
from orderflow.staging.migrate import migrate
from orderflow.staging.store import Store, connect
from orderflow.staging.vault import Vault

SHOP = flow.channel()
OTHERS = 49
AT_ONCE = 500_000
"""Orders that one statement makes."""
LOAD_BUDGET, PAGE_BUDGET = 1.5, 1.0
NOW = START + 2 * DAY
HISTORY = timedelta(days=730)
SETTLE, LOOKBACK = timedelta(seconds=30), timedelta(minutes=10)


@dataclass(slots=True)
class Bench:
    server: psutil.Process
    late: int = 0

    def say(self, what: str, cost: str, *, over: bool) -> None:
        self.late += over
        print(f"{what:<40}{cost:<54}{'OVER BUDGET' if over else 'ok'}", flush=True)

    @contextmanager
    def costs(self) -> Iterator[list[float]]:
        """CPU seconds of PostgreSQL, of this process, and wall seconds."""
        spent: list[float] = []
        before, own, began = cpu_of(self.server), time.process_time(), time.perf_counter()
        yield spent
        wall, own = time.perf_counter() - began, time.process_time() - own
        spent += [cpu_of(self.server) - before, own, wall]


def batches(folder: Path, orders: int) -> list[Batch]:
    """The first day and the second, cleaned and judged."""
    shop, ready = build(folder, orders), []
    with servers.shop(shop, 0.0) as url:
        for place, listing in enumerate(shop.lists):
            landing = folder / f"landing-{place}"
            landing.mkdir()
            batch = flow.extracted(SHOP, Window.parse(f"{listing.since}/{listing.until}"), url, landing)
            ready.append(validate(SHOP, clean(SHOP, batch)))
    return ready


def unvacuumed(dsn: str) -> None:
    """Switch autovacuum off on this server."""
    with closing(connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("ALTER SYSTEM SET autovacuum = off")
            cursor.execute("SELECT pg_reload_conf()")


def fill(connection: Connection, orders: int) -> None:
    """Make this many orders, and all that came with them."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_FILL_WINDOWS, {"now": START, "history": HISTORY, "others": OTHERS})
    for first in range(0, orders, AT_ONCE):
        values = {
            "first": first, "past": min(first + AT_ONCE, orders), "orders": orders, "now": START, "history": HISTORY,
            "others": OTHERS,
        }  # fmt: skip
        with connection, connection.cursor() as cursor:
            cursor.execute(_FILL, values)
        print(f"filled {values['past']:,}", file=sys.stderr, flush=True)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")
    connection.autocommit = False


def loads(bench: Bench, connection: Connection, ready: list[Batch]) -> dict[str, float]:
    """PostgreSQL's microseconds per order of each load, by its name."""
    first, second = ready
    per_order = {}
    for name, batch in (("new orders", first), ("the same again", first), ("edited and touched orders", second)):
        with bench.costs() as spent:
            loaded = load(SHOP, batch, Store(connection, Vault({"bench": bytes(32)})))
        count = loaded.counts.fetched
        per_order[name] = spent[0] / count * 1e6
        postgres, client, wall = (each / count * 1e6 for each in spent)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(
            f"  {name:<28} us per order: PostgreSQL {postgres:6.1f}  client {client:6.1f}  wall {wall:6.1f}   "
            f"peak {peak:.0f} MB",
            flush=True,
        )
    return per_order


def compared(bench: Bench, connection: Connection) -> float:
    """PostgreSQL's CPU seconds for the comparison of the batch's day with a list that agrees."""
    day = Window(START, START + DAY)
    with connection, connection.cursor() as cursor:
        cursor.execute(_LIST, {"channel": SHOP.name, "start": day.start, "end": day.end})
        stubs = [OrderStub(order_id, updated_at=moment) for order_id, moment in cursor.fetchall()]
    with bench.costs() as spent:
        both = sides.DaySides(connection, SHOP.name, day, SETTLE, LOOKBACK)
        both.list_channel(stubs, listed_at=datetime.now(UTC))
        both.compare_channel()
        both.ask_oms(_holds_nothing, size=1000)
        both.compare_oms()
    print(f"  comparing a day of {len(stubs):,} orders: PostgreSQL {spent[0]:.2f} s, wall {spent[2]:.2f} s", flush=True)
    return spent[0] / len(stubs) * 1e6


def _holds_nothing(_: Sequence[str]) -> Mapping[str, OmsOrder]:
    return {}


def questions(connection: Connection) -> dict[str, Callable[[], object]]:
    """What the pages, the metrics and the watch ask, as they ask it."""
    names = [SHOP.name, *(f"shop-{number:02d}" for number in range(OTHERS))]
    week, quarter = Window(NOW - timedelta(days=7), NOW), Window(NOW - timedelta(days=90), NOW)
    waiting = backlog.Filter()
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT max(order_id), max(order_number) FROM orderflow.orders WHERE channel = %s", (SHOP.name,))
        order_id, number = cursor.fetchone() or ("", "")
    cursor = connection.cursor()
    asked = [lookout.Asked(channel=SHOP, due_until=NOW)]
    return {
        "channels: last batches": lambda: overview.last_batches(cursor, names),
        "channels: volume of a week": lambda: overview.volumes(cursor, names, week, timedelta(hours=1)),
        "channels: a day of each": lambda: overview.day(cursor, names, START),
        "channels: lags": lambda: overview.lags(cursor, names),
        "channels: quarantine": lambda: overview.waiting(cursor, names),
        "channels: outbox": lambda: overview.backlogs(cursor),
        "coverage: gaps of a quarter": lambda: stretches.gaps(cursor, dict.fromkeys(names, quarter)),
        "coverage: states of a quarter": lambda: stretches.proven(cursor, dict.fromkeys(names, quarter)),
        "order: its story": lambda: story.tell(connection, SHOP.name, order_id, lookback=LOOKBACK, settle=SETTLE),
        "order: found by number": lambda: story.places(connection, names, number),
        "order: similar ones": lambda: story.similar(connection, SHOP.name, f"{order_id[:-1]}x"),
        "quarantine: first page": lambda: backlog.page(connection, waiting),
        "quarantine: totals": lambda: backlog.totals(connection),
        "quarantine: by reason": lambda: breakdown.breakdown(connection, waiting, "reason"),
        "quarantine: by SKU": lambda: breakdown.breakdown(connection, waiting, "sku"),
        "quarantine: decided lately": lambda: breakdown.lately(connection, waiting, since=NOW - timedelta(days=30)),
        "metrics: settled time": lambda: gauges.settled(cursor, dict.fromkeys(names, START - HISTORY)),
        "metrics: unfinished windows": lambda: gauges.unfinished(cursor),
        "metrics: outbox": lambda: gauges.outbox(cursor),
        "metrics: quarantine": lambda: gauges.quarantine(cursor),
        "command line: pace": lambda: pace.pace(connection, SHOP.name),
        "guards: earlier windows": lambda: history.recent(connection, SHOP.name, Window(START, START + DAY)),
        "watch: a snapshot": lambda: lookout.snapshots(connection, asked, NOW),
    }


def main() -> None:
    orders, batch = (int(os.environ.get(name, usual)) for name, usual in (("N", "1000000"), ("BATCH", "100000")))
    with tempfile.TemporaryDirectory(prefix="orderflow-staging-") as place:
        Path(place).chmod(0o755)
        postgres = start(Path(place) / "postgres", durable=False)
        try:
            unvacuumed(postgres.dsn())
            bench = Bench(psutil.Process(postgres.server.get_pid()))
            ready = batches(Path(place), batch)
            measured = []
            for name in ("empty", "full"):
                with closing(connect(postgres.create(name))) as connection:
                    migrate(connection)
                    if name == "full":
                        fill(connection, orders)
                    print(f"{name} staging" if name == "empty" else f"staging with {orders:,} orders")
                    measured.append({**loads(bench, connection, ready), "comparing a day": compared(bench, connection)})
                    if name == "full":
                        judged(bench, connection, *measured)
        finally:
            postgres.stop()
    sys.exit(1 if bench.late else 0)


def judged(bench: Bench, connection: Connection, empty: dict[str, float], full: dict[str, float]) -> None:
    for name, cost in full.items():
        ratio = cost / empty[name]
        said = f"{cost:6.1f} us per order, {ratio:.2f} of empty (budget {LOAD_BUDGET})"
        bench.say(name, said, over=ratio > LOAD_BUDGET)
    for name, question in questions(connection).items():
        began = time.perf_counter()
        question()
        first = time.perf_counter() - began
        connection.rollback()
        bench.say(name, f"{first:8.3f} s (budget {PAGE_BUDGET:g} s)", over=first > PAGE_BUDGET)


_FILL_WINDOWS = """
INSERT INTO orderflow.windows (channel, window_start, window_end, state, run_id, counts, loaded_at, synced_at)
SELECT channel, begun, begun + interval '6 hours', 'synced', 'fill', '{"inserted": 100, "cleaned": 100}',
    begun + interval '6 hours', begun + interval '6 hours'
FROM (
    SELECT 'bench' AS channel UNION ALL SELECT to_char(n, '"shop-"FM00') FROM generate_series(0, %(others)s - 1) AS n
) AS c
CROSS JOIN generate_series(%(now)s - %(history)s, %(now)s - interval '6 hours', interval '6 hours') AS begun
"""

_FILL = """
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT *, date_trunc('hour', at) AS start, date_trunc('hour', at) + interval '6 hours' AS past FROM (
    SELECT CASE WHEN n %% 2 = 0 THEN 'bench' ELSE to_char((n / 2) %% %(others)s, '"shop-"FM00') END AS channel,
        to_char(n, 'FM000000000') AS order_id, %(now)s - %(history)s + %(history)s * (n::float8 / %(orders)s) AS at,
        sha256(n::text::bytea) AS hash, 'SKU-' || n %% 3000 AS sku, n
    FROM generate_series(%(first)s::bigint, %(past)s - 1) AS n
) AS numbered;
INSERT INTO orderflow.orders (channel, order_id, version, content_hash, contacts_hash, order_number, origin,
    order_status, payment_status, fulfilment_status, return_status, placed_at, channel_created_at, channel_updated_at,
    currency, items_total, tax_total, grand_total, ship_country, line_count, document, landing, ordinal, raw_sha256,
    fetched_at, window_start, window_end, first_seen_at, loaded_at)
SELECT channel, order_id, 1, hash, hash, order_id, 'web', 'open', 'paid', 'unfulfilled', 'none', at, at, at, 'SEK',
    80, 20, 100, 'SE', 1, json_build_object('order_id', order_id, 'order_number', order_id, 'currency', 'SEK',
        'placed_at', at, 'channel_updated_at', at, 'grand_total', '100', 'lines', json_build_array(json_build_object(
            'number', 1, 'sku', sku, 'title', 'Oolong tea 高山烏龍茶 150 g', 'quantity', '1', 'total', '80'))),
    'landing', n, hash, at, start, past, at, at
FROM made;
INSERT INTO orderflow.order_versions
    (channel, order_id, version, content_hash, channel_updated_at, window_start, window_end, loaded_at)
SELECT channel, order_id, 1, hash, at, start, past, at FROM made;
INSERT INTO orderflow.order_lines
    (channel, order_id, number, line_id, sku, oms_sku, title, quantity, quantity_ordered, unit_price, tax, total)
SELECT channel, order_id, 1, order_id, sku, sku, 'Oolong tea 高山烏龍茶 150 g', 1, 1, 80, 20, 80 FROM made;
INSERT INTO orderflow.order_contacts (channel, order_id, key_id, sealed, masking, loaded_at)
SELECT channel, order_id, 'bench', hash || decode(repeat('5a', 300), 'hex'), 'plain', at FROM made;
INSERT INTO orderflow.receipts (channel, order_id, version, key, outcome, oms_id, seconds, accepted_at, stage)
SELECT channel, order_id, 1, encode(hash, 'hex'), 'accepted', order_id, 0.02, at, 'new' FROM made;
INSERT INTO orderflow.quarantine (channel, subject, order_id, source, state, reasons, raw_sha256, sealed_raw, key_id,
    document, content_hash, channel_updated_at, value, currency, landing, ordinal, fetched_at, window_start, window_end,
    first_seen_at, last_seen_at)
SELECT channel, 'Q' || order_id, 'Q' || order_id, 'validate', 'open',
    jsonb_build_array(jsonb_build_object('code', 'RULE_' || n / 500 %% 20, 'field', 'grand_total')), hash, hash,
    'bench', jsonb_build_object('lines', jsonb_build_array(jsonb_build_object('sku', sku))), hash, at, 100, 'SEK',
    'landing', n, at, start, past, at, at
FROM made WHERE n %% 500 = n / 500 %% 2
"""

_LIST = """
SELECT order_id, channel_updated_at FROM orderflow.orders
WHERE channel = %(channel)s AND channel_created_at >= %(start)s AND channel_created_at < %(end)s ORDER BY order_id
"""


if __name__ == "__main__":
    main()
