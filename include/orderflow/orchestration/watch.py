"""The DAG `watch`: every few minutes, what is wrong with any channel, even where nothing runs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, get_current_context, task

from orderflow import config
from orderflow.domain.alert import conditions, raised
from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError
from orderflow.domain.routing import Heartbeat, Routing
from orderflow.domain.snapshot import OURSELVES
from orderflow.orchestration import notify, ports, settings
from orderflow.orchestration.care import TASKS
from orderflow.orchestration.window import newest

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

    from orderflow.staging.lookout import Asked

log = logging.getLogger(__name__)

EVERY = "*/5 * * * *"
LONGEST = timedelta(minutes=10)
SLACK = timedelta(minutes=1)
"""So much later than its deadline a run counts as late: the deadline's own alert comes first, and names the run."""
TRIES = 3
"""So often a message must have failed before the other ways out are told that one is dead."""

_DOCUMENTATION = """\
Every five minutes: is any channel late, silent, slow, throttled, refused, or out of its token's time; does the OMS fall
behind, does a day not add up? What is wrong is told once to the channel's owners (`alerts` in its file, routes in
`include/alerts.yml`), again after hours if it stays, and once when it is over. It switches nothing off.

What it means and what to do: `docs/runbook.md`. What is open: `orderflow alerts`. Whether messages arrive:
`orderflow alerts test`, and a heartbeat every day.
"""


def build(include: Path) -> DAG:
    """Reads no channel file: the task does."""
    with DAG(
        dag_id="watch",
        description="Look after all channels, and tell people what is wrong",
        doc_md=_DOCUMENTATION,
        schedule=EVERY,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        is_paused_upon_creation=False,
        max_active_runs=1,
        tags=["orderflow"],
        default_args={**TASKS, "retries": 1, "execution_timeout": LONGEST},
    ) as dag:

        @task(multiple_outputs=False)
        def look() -> dict[str, Any]:
            """Judge every channel, raise and take back alerts, send what is due."""
            return looked(include)

        look()
    return dag


def looked(include: Path) -> dict[str, Any]:
    """The task `look`: how many channels, what was found, how many messages were not taken."""
    from orderflow.orchestration.heal import TaskScheduler

    now = datetime.now(UTC)
    scheduler = TaskScheduler(get_current_context()["ti"])
    found = config.read(include / "channels", now=now).channels
    watched = [each for each in found if not scheduler.paused(f"orders.{each.name}")]
    with ports.database("orderflow watch") as database:
        return watch(database, watched, now, notify.Deployment.read())


def watch(
    database: Connection, channels: Sequence[Channel], now: datetime, deployment: notify.Deployment
) -> dict[str, Any]:
    """One look at these channels. What of it cannot be read, or not be sent, does not keep the rest from it."""
    from orderflow.staging import alerts, lookout

    routing = deployment.routing
    wrong: dict[str, list[str]] = {}
    taken = lookout.snapshots(database, [_asked(channel, routing, now) for channel in channels], now)
    for channel in channels:
        snapshot = taken[channel.name]
        seen = conditions(snapshot, channel, now)
        for each in seen:
            log.warning("trouble seen channel=%s kind=%s: %s", channel.name, each.kind, each.what)
        if seen:
            wrong[channel.name] = [each.kind for each in seen]
        alerts.judged(database, channel.name, seen, snapshot.open, _tags(routing, channel), routing, now)
    _look_at_ourselves(database, channels, routing, now)
    if routing.heartbeat and (due := _last_beat(routing.heartbeat, now)):
        alerts.beat(database, routing.everybody(channels), due, now)
    unsent = notify.send(database, deployment, now, _pulse(channels, wrong))
    return {"channels": len(channels), "wrong": wrong, "unsent": unsent}


def _asked(channel: Channel, routing: Routing, now: datetime) -> Asked:
    from orderflow.staging.lookout import Asked

    return Asked(
        channel=channel,
        due_until=newest(channel, now - channel.schedule.deadline - SLACK).end,
        token_ends=_token_ends(channel),
        holidays=routing.special(channel.name, kinds=["holiday"]),
        sales=routing.special(channel.name, kinds=["sale"]),
    )


def _token_ends(channel: Channel) -> datetime | None:
    """When the access in the channel's connection ends; None where a refresh token renews it, or nothing says it."""
    try:
        extra = settings.connection(channel.connection).extra
    except ConfigError as error:
        log.info("token not looked at channel=%s: %s", channel.name, error)
        return None
    ends = extra.get("expires_at")
    if not ends or extra.get("refresh_token"):
        return None
    try:
        moment = datetime.fromisoformat(str(ends))
    except ValueError:
        log.warning("token not looked at channel=%s: expires_at of its connection is no ISO 8601 moment", channel.name)
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _tags(routing: Routing, channel: Channel) -> Any:
    return lambda severity: routing.tags(channel, severity)


def _look_at_ourselves(database: Connection, channels: Iterable[Channel], routing: Routing, now: datetime) -> None:
    """A way out that takes nothing is itself told, on the others."""
    from orderflow.staging import alerts
    from orderflow.staging.session import transaction

    with transaction(database) as cursor:
        failing = alerts.failing(cursor, TRIES)
        before = alerts.opened(cursor).get(OURSELVES, {})
    others = [tag for tag in routing.everybody(channels) if tag not in failing]
    told = "; ".join(f"{tag}: {error}" for tag, error in sorted(failing.items()))
    found = (
        [raised(OURSELVES, "unsent", f"messages do not get out to {told}", routes=sorted(failing))] if failing else []
    )
    alerts.judged(database, OURSELVES, found, before, lambda _: others, routing, now)


def _last_beat(heartbeat: Heartbeat, now: datetime) -> datetime | None:
    """Today's moment of the heartbeat, once it has come."""
    zone = ZoneInfo(heartbeat.timezone)
    moment = datetime.combine(now.astimezone(zone).date(), heartbeat.at, zone).astimezone(UTC)
    return moment if moment <= now else None


def _pulse(channels: Sequence[Channel], wrong: dict[str, list[str]]) -> str:
    troubled = "; ".join(f"{name}: {', '.join(kinds)}" for name, kinds in sorted(wrong.items()))
    return (
        f"Orderflow watches {len(channels)} channels. {f'In trouble: {troubled}.' if troubled else 'All are well.'}\n"
        "This message comes every day. The day it does not, this way out is dead, or the watch is."
    )
