"""A backfill before it starts: the runs that would fill what the ledger misses of a span, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.channel import Channel
from orderflow.domain.gap import SMALLEST_PIECE, Gap, longest_run, runs
from orderflow.domain.window import Window
from orderflow.staging import ledger, outbox
from orderflow.staging.pace import pace as measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The runs, newest first, and what the ledger's own history says that they cost.

    `slices` is what the platform is asked for, `hours` the channel's time in all, `left_out` the gaps that no backfill
    fills, `pending` what waits for the OMS already, `rate` the account's requests per second (None: not documented) and
    `live_share` how much of it live windows use. `orders`, `calls` and `seconds` are None without a proven window to
    measure by.
    """

    channel: str
    windows: Sequence[Window]
    slices: int
    hours: float
    left_out: Sequence[str]
    pending: int
    rate: float | None
    orders: int | None = None
    calls: int | None = None
    seconds: int | None = None
    live_share: float | None = None


def plan(connection: Connection, channel: Channel, span: Window, now: datetime, *, again: bool) -> Plan:
    """`again`: what the ledger has already, too."""
    pace = measured(connection, channel.name)
    gaps = ledger.named_gaps(connection, channel.name, span)
    limits = channel.adapter.limits
    fresh = [Gap(window=span, cause="never run")] if again else [replace(gap, healings=0) for gap in gaps]
    longest = None if limits.acknowledges else max(longest_run(pace.orders, pace.span), SMALLEST_PIECE)
    windows = runs(fresh, now=now, longest=longest)
    total = sum((window.length for window in windows), timedelta(0))
    found = Plan(
        channel=channel.name,
        windows=windows,
        slices=sum(len(list(channel.asks(window).slices(limits.longest_window))) for window in windows),
        hours=total / timedelta(hours=1),
        left_out=[str(gap) for gap in gaps if gap.cause in {"in progress", "held", "unreachable"}],
        pending=outbox.pending(connection, channel.name),
        rate=limits.rate,
    )
    if not pace.windows or pace.span <= timedelta(0):
        return found
    orders = round(pace.orders * (total / pace.span))
    calls = math.ceil(pace.calls_per_window * found.slices + pace.calls_per_order * orders)
    seconds = pace.seconds_per_window * len(windows) + pace.seconds_per_order * orders
    live_share = None
    if limits.rate:
        live_share = min(1.0, pace.calls / pace.span.total_seconds() / limits.rate)
        seconds = max(seconds, calls / (limits.rate * max(0.05, 1 - live_share)))
    return replace(found, orders=orders, calls=calls, seconds=round(seconds), live_share=live_share)


def run_id(channel: str, span: Window, now: datetime) -> str:
    """What the run of the DAG `heal` that fills this span is called; the same minute asks for the same run.

    Airflow refuses names that begin with `backfill__` for runs that are not its own backfills.
    """
    return f"fill__{channel}__{span.name}__{now:%Y%m%dT%H%M}"


def conf(channel: str, span: Window, *, again: bool) -> dict[str, Any]:
    """What that run is asked for, in its Params."""
    return {
        "channel": channel, "window_start": span.start.isoformat(), "window_end": span.end.isoformat(), "again": again,
    }  # fmt: skip
