"""A backfill beside a live schedule: the simulated platform's real quota, the real budget in PostgreSQL, real HTTP."""

from __future__ import annotations

import os
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from orderflow import adapters
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window
from orderflow.sandbox.server import platforms_app, serve
from orderflow.sandbox.shop import Shop
from orderflow.staging.budget import Budget
from orderflow.staging.store import connect

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
RATE = 20.0
"""Requests a second that the simulated platform takes; the budget stays just below, as an adapter's sheet does."""
ADAPTER = adapters.find("tiktok_shop")


@dataclass
class Pulled:
    """What one side did: the longest that the budget made one pull wait, and what the platform answered."""

    waited: float = 0.0
    pulls: int = 0
    orders: int = 0
    statuses: dict[str, int] = field(default_factory=dict)


def pull(dsn: str, url: str, window: Window, lane: str, into: Pulled) -> None:
    """One window over its own connection, as a worker of its own would do it."""
    with closing(connect(dsn)) as connection:
        budget = Budget(connection, "tiktok_shop.us", rate=RATE * 0.9, burst=2, lane=lane, sleep=time.sleep)
        runtime = Runtime(clock=lambda: NOW, sleep=time.sleep, throttle=budget)
        tokens = {"access_token": "demo-access-token", "refresh_token": "demo-refresh-token", "auth_url": url}
        account = Account("tiktok_us", f"{url}/tiktok_us", "6abc12def", Secret("demo-app-secret"), tokens)
        source = ADAPTER.open(ADAPTER.options(shop_cipher="GCP_demo"), account, runtime)
        into.orders += sum(len(page.records) for page in source.fetch(window))
        costs = runtime.meter.endpoints.values()
        into.waited = max(into.waited, sum(cost.throttled_seconds for cost in costs))
        into.pulls += 1
        for cost in costs:
            for status, count in cost.statuses.items():
                into.statuses[status] = into.statuses.get(status, 0) + count


def beside(dsn: str, *, days: int, workers: int, live_runs: int, every: float) -> tuple[Pulled, Pulled]:
    """A backfill of so many days by so many workers, and live windows of a quarter of an hour in between."""
    shop = Shop(
        name="tiktok_us", platform="tiktok_shop", seed=9, start=NOW - timedelta(days=days), live_from=NOW, ends=NOW,
        rate=3.0, pace=0.01, currency="USD", options={"per_second": RATE},
    )  # fmt: skip
    live, backfill, stop = Pulled(), Pulled(), threading.Event()
    spans = list(Window(NOW - timedelta(days=days), NOW).slices(timedelta(hours=1)))
    taking = threading.Lock()

    def work() -> None:
        while not stop.is_set():
            with taking:
                if not spans:
                    return
                span = spans.pop()
            pull(dsn, url, span, "backfill", backfill)

    with serve(platforms_app([shop], clock=lambda: NOW)) as url:
        threads = [threading.Thread(target=work) for _ in range(workers)]
        for thread in threads:
            thread.start()
        try:
            for number in range(live_runs):
                time.sleep(every)
                window = Window(NOW - timedelta(minutes=15), NOW - timedelta(minutes=number % 15))
                pull(dsn, url, window, "live", live)
            if days > 2:
                for thread in threads:
                    thread.join()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    return live, backfill


def judge(live: Pulled, backfill: Pulled, live_runs: int) -> None:
    assert live.pulls == live_runs
    assert live.statuses.get("429", 0) == backfill.statuses.get("429", 0) == 0, "the budget stays within the quota"
    assert live.statuses.get("200", 0) >= live_runs
    calls = live.statuses["200"] / live.pulls
    assert live.waited <= (calls + 2) / (RATE * 0.9), "a live window waits for a request or two, not for a queue"
    assert backfill.pulls > 0


def test_a_backfill_lets_live_windows_pass_and_stays_within_the_quota(migrated):
    live, backfill = beside(migrated, days=2, workers=3, live_runs=6, every=0.3)
    judge(live, backfill, 6)
    assert sum(backfill.statuses.values()) > sum(live.statuses.values())


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.skipif(not os.environ.get("ORDERFLOW_SOAK"), reason="minutes: ORDERFLOW_SOAK=1 runs it")
def test_ninety_days_beside_a_live_schedule_make_no_window_late(migrated):
    live, backfill = beside(migrated, days=90, workers=4, live_runs=60, every=1.0)
    print(f"live {live}\nbackfill {backfill}")
    judge(live, backfill, 60)
    assert backfill.pulls == 90 * 24
