"""What Prometheus reads: totals and the state of every channel, behind a bearer token of its own.

A scraper has no session in Airflow, so the route stands beside the login instead of behind it. All numbers come from
PostgreSQL; labels are channels, accounts, endpoints without ids, states and codes, never anything of a buyer.
"""

from __future__ import annotations

import hmac
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from fastapi import Request
from fastapi.responses import PlainTextResponse, Response
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.config import Reading
from orderflow.domain.errors import TransientError
from orderflow.domain.source import Secret
from orderflow.quality.punctual import due
from orderflow.staging import gauges
from orderflow.staging.measures import OUTCOMES
from orderflow.staging.session import transaction
from orderflow.web.exposition import CONTENT_TYPE, Family, Values, text
from orderflow.web.page import Site

TOKEN_VARIABLE = "orderflow_metrics_token"  # noqa: S105 - the name of a variable

TOTALS = {
    "requests": Family(
        "orderflow_requests_total",
        "counter",
        "Calls to a channel by HTTP status, or error where no answer came",
        ("channel", "endpoint", "status"),
    ),
    "request_seconds": Family(
        "orderflow_request_seconds", "histogram", "Time of calls to a channel", ("channel", "endpoint")
    ),
    "response_bytes": Family(
        "orderflow_response_bytes_total", "counter", "Bytes that a channel answered", ("channel", "endpoint")
    ),
    "request_retries": Family(
        "orderflow_request_retries_total", "counter", "Calls that were made again", ("channel", "endpoint")
    ),
    "throttled_seconds": Family(
        "orderflow_throttled_seconds_total",
        "counter",
        "Time that calls waited for the account's budget",
        ("channel", "endpoint"),
    ),
    "batches": Family("orderflow_batches_total", "counter", "Batches loaded, by purpose", ("channel", "purpose")),
    "pages": Family("orderflow_pages_total", "counter", "Pages of loaded batches", ("channel",)),
    "raw_bytes": Family("orderflow_raw_bytes_total", "counter", "Bytes of raw records of loaded batches", ("channel",)),
    "orders": Family(
        "orderflow_orders_total",
        "counter",
        "Records of loaded batches by what became of them; each has one outcome",
        ("channel", "outcome"),
    ),
    "refusals": Family(
        "orderflow_refusals_total",
        "counter",
        "Orders of loaded batches that broke a rule, by rule",
        ("channel", "code"),
    ),
    "stage_seconds": Family("orderflow_stage_seconds", "histogram", "Time of a stage of one run", ("channel", "stage")),
    "deliveries": Family(
        "orderflow_deliveries_total",
        "counter",
        "Orders sent to the OMS: accepted, refused, or postponed because no answer came",
        ("channel", "outcome"),
    ),
    "delivery_seconds": Family(
        "orderflow_delivery_seconds",
        "histogram",
        "Time the OMS took for an order, or for the request it came in",
        ("channel",),
    ),
    "lag_seconds": Family(
        "orderflow_lag_seconds",
        "histogram",
        "Time from an order's change on the channel to its acceptance by the OMS; behind: it came with a catch-up",
        ("channel", "lane"),
    ),
}
"""The totals of `staging.measures`, by their name there; the first label is always the channel."""

FRESHNESS = Family(
    "orderflow_freshness_seconds", "gauge", "Age of the watermark: all before it is in staging", ("channel",)
)
OVERDUE = Family(
    "orderflow_overdue_seconds",
    "gauge",
    "How far the newest proof is behind what schedule and deadline promise; 0: in time",
    ("channel",),
)
GAPS = Family("orderflow_gaps", "gauge", "Holes in what is proven, before the newest proof", ("channel",))
GAP_SECONDS = Family("orderflow_gap_seconds", "gauge", "Length of those holes together", ("channel",))
WINDOWS = Family(
    "orderflow_windows",
    "gauge",
    "Windows that are not through, by state; failed ones by the class of their error",
    ("channel", "state", "error"),
)
HELD = Family("orderflow_held_batches", "gauge", "Batches that wait for a person", ("channel",))
QUARANTINE = Family("orderflow_quarantine_orders", "gauge", "Orders that wait in quarantine", ("channel", "state"))
OUTBOX = Family("orderflow_outbox_orders", "gauge", "Orders that the OMS has not got yet", ("channel", "lane"))
OLDEST = Family(
    "orderflow_outbox_oldest_seconds",
    "gauge",
    "How long the oldest of them has waited; 0: none waits",
    ("channel", "lane"),
)
BUDGET_LEFT = Family(
    "orderflow_budget_left",
    "gauge",
    "Calls that an account may make at once; below 0: promised to callers who wait",
    ("account",),
)
BUDGET_BURST = Family("orderflow_budget_burst", "gauge", "Most calls that an account may make at once", ("account",))
BUDGET_RATE = Family("orderflow_budget_rate", "gauge", "Calls that an account may make per second", ("account",))
TOKEN_EXPIRES = Family(
    "orderflow_token_expires_timestamp_seconds", "gauge", "When an account's access token ends", ("account",)
)
TOKEN_LIFETIME = Family("orderflow_token_lifetime_seconds", "gauge", "How long that token lives in all", ("account",))
UNEXPLAINED = Family(
    "orderflow_certificate_unexplained_orders",
    "gauge",
    "Orders that the newest certificate cannot explain",
    ("channel",),
)
DIFFERENCES = Family(
    "orderflow_certificate_differences", "gauge", "Differences that the newest certificate lists", ("channel",)
)
CERTIFIED = Family(
    "orderflow_certificate_timestamp_seconds", "gauge", "When the newest certificate was made", ("channel",)
)
CHANNEL = Family(
    "orderflow_channel_info", "gauge", "Always 1; joins a channel's owner", ("channel", "adapter", "owner")
)
ALERTS = Family("orderflow_alerts_open", "gauge", "Alerts that are not over", ("channel", "kind", "severity"))
PROBLEMS = Family("orderflow_channel_file_problems", "gauge", "Faults in channel files: these channels do not run", ())
SCRAPE = Family("orderflow_scrape_seconds", "gauge", "What reading these numbers took", ())

FAMILIES = (
    *TOTALS.values(), FRESHNESS, OVERDUE, GAPS, GAP_SECONDS, WINDOWS, HELD, QUARANTINE, OUTBOX, OLDEST, BUDGET_LEFT,
    BUDGET_BURST, BUDGET_RATE, TOKEN_EXPIRES, TOKEN_LIFETIME, UNEXPLAINED, DIFFERENCES, CERTIFIED, CHANNEL, ALERTS,
    PROBLEMS, SCRAPE,
)  # fmt: skip


def endpoint(token: Callable[[], Secret | None]) -> Callable[[Request], Response]:
    """The route `GET /metrics` of an app with a `Site`. `token` gives the bearer token, or None where none is set."""

    def metrics(request: Request) -> Response:
        refusal = _refused(request, token())
        if refusal is not None:
            return refusal
        site: Site = request.app.state.site
        began = time.perf_counter()
        try:
            with site.database.reading() as connection, transaction(connection) as cursor:
                found = measured(cursor, site.reading(), site.clock())
        except TransientError as error:
            return PlainTextResponse(f"{error}\n", 503)
        found[SCRAPE] = [((), time.perf_counter() - began)]
        return Response(text(found), media_type=CONTENT_TYPE)

    return metrics


def _refused(request: Request, token: Secret | None) -> Response | None:
    """Why this request gets no numbers; None: it may have them."""
    if not token:
        return PlainTextResponse(
            "No token is set for metrics, so nobody may read them. Make one (openssl rand -hex 32), store it as the "
            f"Airflow variable {TOKEN_VARIABLE} (AIRFLOW_VAR_{TOKEN_VARIABLE.upper()}), and give it to Prometheus as "
            "bearer token.\n",
            403,
        )
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode("latin-1"), token.reveal().encode()):
        return None
    return PlainTextResponse(
        f"Send the token of the Airflow variable {TOKEN_VARIABLE} as: Authorization: Bearer <token>\n",
        401,
        headers={"www-authenticate": "Bearer"},
    )


def measured(cursor: Cursor, reading: Reading, now: datetime) -> dict[Family, Values]:
    """Every number but the cost of reading them; `now` is the current moment, aware."""
    channels = {each.name: each for each in reading.channels}
    found = _totals(cursor, list(channels))
    settled = gauges.settled(cursor, {name: each.start for name, each in channels.items()})
    found[FRESHNESS] = [((name,), _age(each.watermark, now)) for name, each in settled.items()]
    found[OVERDUE] = [((name,), _age(each.newest, due(channels[name], now))) for name, each in settled.items()]
    found[GAPS] = [((name,), each.holes) for name, each in settled.items()]
    found[GAP_SECONDS] = [((name,), each.hole_seconds) for name, each in settled.items()]
    found[WINDOWS] = [((name, state, error), count) for name, state, error, count in gauges.unfinished(cursor)]
    found[HELD] = _each(channels, gauges.held(cursor))
    waiting: dict[tuple[str, ...], float] = {(name, state): 0 for name in channels for state in ("open", "parked")}
    found[QUARANTINE] = (waiting | {(name, state): n for name, state, n in gauges.quarantine(cursor)}).items()
    lanes: dict[tuple[str, ...], float] = {(name, lane): 0 for name in channels for lane in ("live", "behind")}
    outbox = gauges.outbox(cursor)
    found[OUTBOX] = (lanes | {(name, lane): orders for name, lane, orders, _ in outbox}).items()
    found[OLDEST] = (lanes | {(name, lane): _age(since, now) for name, lane, _, since in outbox}).items()
    budgets = gauges.budgets(cursor)
    found[BUDGET_LEFT] = [((account,), left) for account, left, _, _ in budgets]
    found[BUDGET_BURST] = [((account,), burst) for account, _, burst, _ in budgets]
    found[BUDGET_RATE] = [((account,), rate) for account, _, _, rate in budgets]
    tokens = gauges.tokens(cursor)
    found[TOKEN_EXPIRES] = [((account,), ends.timestamp()) for account, ends, _ in tokens]
    found[TOKEN_LIFETIME] = [((account,), (ends - kept).total_seconds()) for account, ends, kept in tokens]
    certified = gauges.certified(cursor, list(channels))
    found[UNEXPLAINED] = [((name,), each.unexplained) for name, each in certified.items()]
    found[DIFFERENCES] = [((name,), each.differences) for name, each in certified.items()]
    found[CERTIFIED] = [((name,), each.made_at.timestamp()) for name, each in certified.items()]
    found[CHANNEL] = [((name, each.adapter_name, each.owner), 1) for name, each in channels.items()]
    found[ALERTS] = [((name, kind, severity), count) for name, kind, severity, count in gauges.alerts(cursor)]
    found[PROBLEMS] = [((), len(reading.problems))]
    return found


def _totals(cursor: Cursor, channels: Sequence[str]) -> dict[Family, Values]:
    """What only grows. What must be there to be seen growing begins at 0 for every channel."""
    values: dict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
    for name in channels:
        values["orders"] |= {(name, outcome): 0.0 for outcome in OUTCOMES}
        values["deliveries"] |= {(name, outcome): 0.0 for outcome in ("accepted", "refused", "postponed")}
    for name, labels, value in gauges.totals(cursor):
        values[name][labels] = value
    return {family: values[name].items() for name, family in TOTALS.items()}


def _each(channels: Iterable[str], known: dict[str, float] | dict[str, int]) -> Values:
    """One value per channel, 0 where nothing is known."""
    return [((name,), value) for name, value in (dict.fromkeys(channels, 0.0) | known).items()]


def _age(then: datetime, now: datetime) -> float:
    return max(0.0, (now - then).total_seconds())
