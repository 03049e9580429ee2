"""What a task did, sent through Airflow's own metrics where a collector is set (OpenTelemetry or StatsD), else nowhere.

A task's process begins to count at 0, so a counter here is what this one run adds: let the collector read deltas
(`OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta`). Totals and the state of every channel stand in PostgreSQL
and are served on the route `/metrics`. Tags are channels, states and outcomes; StatsD drops them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from airflow.sdk.observability import stats

from orderflow.domain.batch import Batch, Endpoint, tally

if TYPE_CHECKING:
    from orderflow.pipeline.sync import Delivered


def extracted(channel: str, endpoints: Mapping[str, Endpoint]) -> None:
    """Calls by status, those made again, and the seconds they took and waited."""
    for status, calls in tally(*(cost.statuses for cost in endpoints.values())).items():
        stats.incr("orderflow.requests", calls, tags={"channel": channel, "status": status})
    for name in ("seconds", "throttled_seconds", "retries"):
        spent = sum(getattr(cost, name) for cost in endpoints.values())
        stats.gauge(f"orderflow.run.request_{name}", spent, tags={"channel": channel})


def loaded(batch: Batch, watermark: datetime, now: datetime) -> None:
    """Orders by what became of them, seconds by stage, and how old the watermark is (both moments aware)."""
    from orderflow.staging.measures import OUTCOMES

    for outcome in OUTCOMES:
        if orders := getattr(batch.counts, outcome):
            stats.incr("orderflow.orders", orders, tags={"channel": batch.channel, "outcome": outcome})
    for stage, seconds in batch.seconds.items():
        stats.gauge("orderflow.run.stage_seconds", seconds, tags={"channel": batch.channel, "stage": stage})
    stats.gauge("orderflow.freshness_seconds", (now - watermark).total_seconds(), tags={"channel": batch.channel})


def delivered(channel: str, done: Delivered) -> None:
    """Orders by the OMS's answer, and what it lacks now."""
    for outcome in ("accepted", "refused", "postponed"):
        if orders := getattr(done, outcome):
            stats.incr("orderflow.deliveries", orders, tags={"channel": channel, "outcome": outcome})
    stats.gauge("orderflow.outbox_orders", done.pending, tags={"channel": channel})
