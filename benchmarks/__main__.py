"""The benchmark: our flow, a hand-tuned script and, with PEERS=1, other tools, in turn and on the same work.

    N=100000 PAIRS=3 PEERS=1 python -m benchmarks      (or: make bench N=100000 PEERS=1)

Every contestant pulls a day of N orders from a shop over HTTP into a PostgreSQL of its own database, and then the day
after, with its edits; what it leaves is compared with the truth. Ours pulls the first day once more, unchanged.
Ratios are between neighbours in one run: the machine may be busy, but then it is busy for both. `WINDOWS=10` cuts the
first day into that many windows, which our flow alone pulls, by one worker and by two.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psutil

from benchmarks import contestants, measure, servers, shopify
from benchmarks.contestants import FLOW, LIMIT, Contestant
from benchmarks.flow import STAGES
from benchmarks.measure import Cost, FailedError
from benchmarks.orders import Shop, build
from benchmarks.peers import install
from orderflow.sandbox.postgres import Postgres, start

LATENCY, AT_ONCE = 0.05, 16
"""Of the pull over a slow network: seconds per request, and requests in flight."""
FEWEST = 1_000
MOST_WINDOWS = timedelta(days=1) // servers.EARLY
"""The server tells the lists of windows apart that are at least as long as what is asked for before them."""


@dataclass(slots=True)
class Bench:
    """One run: the data set, the servers, and what was measured by contestant and pull."""

    shop: Shop
    url: str
    slow_url: str
    oms_url: str
    slow_oms_url: str
    postgres: Postgres
    folder: Path
    costs: dict[tuple[str, str], list[Cost]] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    databases: int = 0

    @property
    def server(self) -> psutil.Process:
        return psutil.Process(self.postgres.server.get_pid())

    @property
    def orders(self) -> int:
        return self.shop.truths[0].orders

    @property
    def first_day(self) -> list[str]:
        return [f"{each.since}/{each.until}" for each in self.shop.first]

    @property
    def second_day(self) -> str:
        return f"{self.shop.second.since}/{self.shop.second.until}"

    def place(self) -> tuple[str, Path]:
        """An empty database and an empty folder."""
        self.databases += 1
        folder = self.folder / f"place-{self.databases}"
        folder.mkdir()
        return self.postgres.create(f"bench_{self.databases}"), folder

    def keep(self, name: str, pull: str, cost: Cost, orders: int | None = None) -> Cost:
        self.costs.setdefault((name, pull), []).append(cost)
        rate = (self.orders if orders is None else orders) / cost.wall
        print(
            f"{name:<28} {pull:<10} {rate:8,.0f} orders/s   CPU {cost.cpu:7.2f} s   PostgreSQL {cost.postgres:7.2f} s"
            f"   peak {cost.peak:6,.0f} MB",
            flush=True,
        )
        return cost

    def judge(self, contestant: Contestant, dsn: str, day: int) -> None:
        found, truth = contestant.truth(dsn), self.shop.truths[day]
        if found != truth:
            self.wrong[contestant.name] = f"after day {day + 1} it holds {found}, the truth is {truth}"
            print(f"{contestant.name:<28} WRONG: {self.wrong[contestant.name]}", flush=True)


def pulled(bench: Bench, contestant: Contestant) -> str:
    """Both days by one contestant; returns its database."""
    dsn, folder = bench.place()
    command = [*contestant.command(bench.url, dsn, folder, bench.first_day[0]), *bench.first_day[1:]]
    bench.keep(contestant.name, "first", measure.run(command, bench.server))
    bench.judge(contestant, dsn, 0)
    if contestant is FLOW:
        bench.keep(contestant.name, "unchanged", measure.run(command, bench.server))
        bench.judge(contestant, dsn, 0)
    command = contestant.command(bench.url, dsn, folder, bench.second_day)
    bench.keep(contestant.name, "second", measure.run(command, bench.server), bench.shop.second.orders)
    bench.judge(contestant, dsn, 1)
    return dsn


def by_stage(bench: Bench) -> str:
    """Each stage in a process of its own, as Airflow's tasks are; returns the database, nothing delivered yet."""
    dsn, folder = bench.place()
    for stage in STAGES:
        command = measure.ours("flow", bench.url, dsn, str(folder), *bench.first_day, "--stage", stage)
        bench.keep(stage, "alone", measure.run(command, bench.server))
    return dsn


def delivered(bench: Bench, dsn: str, name: str, url: str, seconds: float) -> dict[str, float]:
    cost = bench.keep(name, "alone", measure.run(measure.ours("sync", url, dsn, str(seconds)), bench.server))
    told: dict[str, float] = json.loads(cost.said)
    return {**told, "postgres": cost.postgres}


def over_a_network(bench: Bench) -> None:
    """Extract alone, where each request takes 50 ms."""
    dsn, folder = bench.place()
    more = ["--stage", "extract", "--at-once", str(AT_ONCE)]
    command = measure.ours("flow", bench.slow_url, dsn, str(folder), *bench.first_day, *more)
    bench.keep("extract, 50 ms a request", "alone", measure.run(command, bench.server))


def of_shopify(bench: Bench) -> None:
    """The same stages for orders as Shopify tells them."""
    pages = shopify.build(bench.folder, min(bench.orders, shopify.MOST))
    dsn, folder = bench.place()
    with shopify.shop(pages) as url:
        for stage in STAGES:
            command = measure.ours("flow", url, dsn, str(folder), *bench.first_day[:1], "--stage", stage)
            cost = measure.run([*command, "--shop", "shopify"], bench.server)
            bench.keep(f"{stage}, Shopify's {pages.orders:,}", "alone", cost, pages.orders)


def by_two_workers(bench: Bench) -> None:
    """The windows of the first day, every second one by another process, at the same time."""
    dsn, folder = bench.place()
    halves = [bench.first_day[place::2] for place in (0, 1)]
    commands = [measure.ours("flow", bench.url, dsn, str(folder), *half) for half in halves]
    before = measure.cpu_of(bench.server)
    with ThreadPoolExecutor(2) as pool:
        costs = list(pool.map(lambda command: measure.run(command, bench.server), commands))
    both = Cost(
        wall=max(cost.wall for cost in costs),
        cpu=sum(cost.cpu for cost in costs),
        postgres=measure.cpu_of(bench.server) - before,
        peak=sum(cost.peak for cost in costs),
        said="",
    )
    bench.keep("orderflow, two workers", "first", both)
    bench.judge(FLOW, dsn, 0)


def ratios(costs: Iterable[Cost], others: Iterable[Cost], of: Callable[[Cost], float]) -> str:
    """Median and spread of neighbours' ratios."""
    found = [of(one) / of(other) for one, other in zip(costs, others, strict=False)]
    return f"{statistics.median(found):.3g} ({min(found):.3g}-{max(found):.3g})"


def report(bench: Bench, sent: dict[str, float], slow: dict[str, float]) -> None:
    """What was measured against what must be reached; `sent` to the fast OMS, `slow` to the other."""
    ours = bench.costs["orderflow", "first"]
    cpu = statistics.median(cost.cpu for cost in ours)
    peaks = {stage: bench.costs[stage, "alone"][0].peak for stage in (*STAGES, "sync")}
    largest = max(peaks, key=lambda stage: peaks[stage])
    unchanged = ratios(bench.costs["orderflow", "unchanged"], ours, lambda cost: cost.cpu + cost.postgres)
    rows = [
        ("client CPU per 100,000 orders", f"{cpu * 1e5 / bench.orders:.1f} s", "at most 12 s"),
        (f"peak memory of any task ({largest})", f"{peaks[largest]:.0f} MB", "at most 400 MB"),
        ("unchanged pull, CPU, times the first", unchanged, "at most 0.5"),
        ("extract at 50 ms a request", _rate(bench, "extract, 50 ms a request", "alone"), "at least 6,000/s"),
        *(("sync, of what the OMS can take", _share(told), "at least 90%") for told in (sent, slow)),
        ("sync, CPU per order (client + PostgreSQL)", f"{_each(sent, 'cpu')} + {_each(sent, 'postgres')} us", ""),
        ("first acknowledgement stored after", f"{sent['first'] * 1000:.0f} ms", "whatever is pending"),
    ]  # fmt: skip
    if limit := bench.costs.get((LIMIT.name, "first")):
        rows += [
            ("client CPU, times the limit", ratios(ours, limit, lambda cost: cost.cpu), "at most 3.5"),
            ("wall time, times the limit", ratios(ours, limit, lambda cost: cost.wall), ""),
        ]
    if ("orderflow, two workers", "first") in bench.costs:
        rows.append(("two workers", _rate(bench, "orderflow, two workers", "first"), "at least 8,000/s"))
    if tuned := bench.costs.get(("dlt, tuned", "first")):
        rows += [
            ("client CPU, times tuned dlt's", ratios(ours, tuned, lambda cost: cost.cpu), "at most 0.20"),
            ("wall time, times tuned dlt's", ratios(ours, tuned, lambda cost: cost.wall), "at most 0.20"),
        ]
    print(f"\n{'what':<40} {'measured':<28} must be")
    for what, found, wanted in rows:
        print(f"{what:<40} {found:<28} {wanted}")
    for name, why in bench.wrong.items():
        print(f"wrong: {name}: {why}")


def _share(told: dict[str, float]) -> str:
    return f"{told['orders'] / told['wall'] / told['limit']:.0%} of {told['limit']:,.0f}/s ({told['ideal']:,.0f})"


def _each(told: dict[str, float], what: str) -> str:
    return f"{told[what] / told['orders'] * 1e6:.0f}"


def _rate(bench: Bench, name: str, pull: str) -> str:
    wall = statistics.median(cost.wall for cost in bench.costs[name, pull])
    return f"{bench.orders / wall:,.0f} orders/s"


def run(bench: Bench, pairs: int, others: list[Contestant]) -> None:
    dsn = by_stage(bench)
    sent = delivered(bench, dsn, "sync", bench.oms_url, servers.OMS_SECONDS)
    over_a_network(bench)
    of_shopify(bench)
    for _ in range(pairs):
        dsn = pulled(bench, FLOW)
        for other in others:
            try:
                pulled(bench, other)
            except FailedError as failure:
                bench.wrong[other.name] = f"it failed: {failure}"
                print(f"{other.name:<28} FAILED: {failure}", flush=True)
    slow = delivered(bench, dsn, "sync, slow OMS", bench.slow_oms_url, servers.SLOW_OMS_SECONDS)
    if len(bench.first_day) > 1:
        by_two_workers(bench)
    report(bench, sent, slow)


def main() -> int:
    count, pairs = int(os.environ.get("N", "100000")), int(os.environ.get("PAIRS", "3"))
    windows = int(os.environ.get("WINDOWS", "1"))
    if count < FEWEST:
        sys.exit(f"N={count}: at least {FEWEST:,} orders, so that each part of the day has some")
    if not 1 <= windows <= MOST_WINDOWS:
        sys.exit(f"WINDOWS={windows}: the first day can be cut into 1 to {MOST_WINDOWS} windows")
    others = [LIMIT] if windows == 1 else []
    if windows == 1 and os.environ.get("PEERS"):
        others += contestants.peers(install())
    with tempfile.TemporaryDirectory(prefix="orderflow-bench-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        shop = build(folder, count, windows)
        truth = shop.truths[0]
        size = sum(each.ends[-1] for each in shop.first) / truth.orders
        print(f"{truth.orders:,} orders, {truth.lines:,} lines, {size:,.0f} bytes each; {_machine()}", flush=True)
        postgres = start(folder / "data", durable=False)
        try:
            with (
                servers.shop(shop, 0.0) as url,
                servers.shop(shop, LATENCY) as slow_url,
                servers.oms() as oms_url,
                servers.oms(servers.SLOW_OMS_SECONDS) as slow_oms_url,
            ):
                bench = Bench(shop, url, slow_url, oms_url, slow_oms_url, postgres, folder)
                run(bench, pairs, others)
        finally:
            postgres.stop()
    return 1 if {FLOW.name, LIMIT.name} & bench.wrong.keys() else 0


def _machine() -> str:
    version = subprocess.run([sys.executable, "-V"], capture_output=True, text=True, check=True).stdout.strip()
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {version}"


if __name__ == "__main__":
    sys.exit(main())
