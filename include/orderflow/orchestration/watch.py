"""The DAG `watch`: every few minutes, what is wrong with any channel, even where nothing runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
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
from orderflow.domain.snapshot import OURSELVES, Condition
from orderflow.orchestration import notify, ports, settings
from orderflow.orchestration.care import DAGS, TASKS
from orderflow.orchestration.window import newest

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

    from orderflow.orchestration.heal import Scheduler
    from orderflow.staging.lookout import Asked

log = logging.getLogger(__name__)

EVERY = "*/5 * * * *"
LONGEST = timedelta(minutes=10)
SLACK = timedelta(minutes=1)
"""So much later than its deadline a run counts as late: the deadline's own alert comes first, and names the run."""
GONE_FOR = timedelta(days=1)
"""So long after its last window a channel without a file is told of: it may have been taken away on purpose."""
LONGEST_WHAT = 2000
"""Characters of a message on files that cannot be read; `orderflow check` tells all."""
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
        max_active_runs=1,
        default_args={**TASKS, "retries": 1, "execution_timeout": LONGEST},
        **DAGS,
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
    found = config.read(include / "channels", now=now)
    watched = [each for each in found.channels if not scheduler.paused(f"orders.{each.name}")]
    with ports.database("orderflow watch") as database:
        ours = [*unread(database, found, include, now), *idle(scheduler)]
        return watch(database, watched, now, notify.Deployment.read(), ours)


def idle(scheduler: Scheduler) -> Iterator[Condition]:
    """Healing that is switched off: a failed run's alert is over with the next run, its window still missed."""
    if scheduler.paused("heal"):
        yield raised(
            OURSELVES, "gap", "the DAG heal is paused, or Airflow cannot read it: nothing fills what was missed"
        )


def unread(database: Connection, found: config.Reading, include: Path, now: datetime) -> Iterator[Condition]:
    """Files that stop what went before: of channels that were pulled, broken and missing ones, and broken routes.

    Airflow drops the DAG of such a channel, so that no run of its own is late, or fails.
    """
    from orderflow.config import alerts
    from orderflow.staging import lookout

    until = lookout.pulled_until(database)
    stopped = until.keys() - {channel.name for channel in found.channels}
    faults = {problem.file.stem: str(problem) for problem in reversed(found.problems)}
    broken = [faults[name] for name in sorted(stopped & faults.keys())]
    try:
        alerts.read(include)
    except ConfigError as error:
        broken.append(str(error))
    gone = sorted(name for name in stopped - faults.keys() if now - until[name] < GONE_FOR)
    told = [*broken, *(f"{name} has no channel file any more: nothing pulls or delivers its orders" for name in gone)]
    if told:
        yield Condition(OURSELVES, "config", "critical" if broken else "warning", " | ".join(told)[:LONGEST_WHAT], {})


def watch(
    database: Connection,
    channels: Sequence[Channel],
    now: datetime,
    deployment: notify.Deployment,
    ours: Sequence[Condition] = (),
) -> dict[str, Any]:
    """One look at these channels, and at what is wrong with Orderflow itself (`ours`).

    What of it cannot be read, or not be sent, does not keep the rest from it.
    """
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
    if ours:
        wrong[OURSELVES] = [each.kind for each in ours]
    _look_at_ourselves(database, channels, deployment, now, ours)
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


def _look_at_ourselves(
    database: Connection,
    channels: Sequence[Channel],
    deployment: notify.Deployment,
    now: datetime,
    ours: Sequence[Condition],
) -> None:
    """What is wrong with Orderflow itself is told to everybody; a way out that takes nothing, on the others."""
    from orderflow.staging import alerts
    from orderflow.staging.session import transaction

    with transaction(database) as cursor:
        failing = alerts.failing(cursor, TRIES)
        before = alerts.opened(cursor).get(OURSELVES, {})

    def judged(found: Sequence[Condition], tags: Sequence[str], *, unsent: bool) -> None:
        seen = {kind: each for kind, each in before.items() if (kind == "unsent") == unsent}
        alerts.judged(database, OURSELVES, found, seen, lambda _: tags, deployment.routing, now)

    everybody = deployment.everybody(channels)
    judged(ours, everybody, unsent=False)
    told = "; ".join(f"{tag}: {error}" for tag, error in sorted(failing.items()))
    dead = (
        [raised(OURSELVES, "unsent", f"messages do not get out to {told}", routes=sorted(failing))] if failing else []
    )
    judged(dead, [tag for tag in everybody if tag not in failing], unsent=True)


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
