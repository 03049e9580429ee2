"""The one way on which people are told: alerts are raised in staging, and their messages sent from there.

A deadline (in the triggerer, asynchronously), a DAG's failure callback (in the DAG processor), a task and the watch all
come through here. What is raised stands in the log first, then in staging; messages are claimed there, sent outside of
any transaction, and marked: a process that dies in between leaves a message that is sent again (at least once). Nothing
here fails the task that reports. Where staging does not answer, the alert is sent at once, without memory.

Ways out are tags of one Airflow connection of type apprise, `orderflow_alerts`, whose extra is `{"config": [{"path":
"mailto://...", "tag": "mail"}, ...]}`; see Apprise's list of services (github.com/caronc/apprise/wiki).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import BaseNotifier, get_current_context
from airflow.sdk import Connection as AirflowConnection
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException

from orderflow import config
from orderflow.config import connections
from orderflow.domain.alert import raised, ran_into
from orderflow.domain.channel import Channel
from orderflow.domain.errors import OrderflowError
from orderflow.domain.routing import Routing
from orderflow.domain.snapshot import Condition, Kind
from orderflow.domain.telling import Alert as Kept
from orderflow.domain.telling import Message, Places, Telling, written
from orderflow.orchestration import settings
from orderflow.orchestration.window import END, START

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

log = logging.getLogger(__name__)

MOST_MESSAGES = 100
"""Messages that one look, or one report, sends; the next one goes on."""


class Alert(BaseNotifier):
    """A run of a channel failed, or is not done in time; deadlines keep both parts in Airflow's database.

    `what` is `failed`, or what a deadline says, such as `not done 25m after it was queued`.
    """

    def __init__(self, *, channel: str, what: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channel = channel
        self.what = what

    def notify(self, context: Mapping[str, Any]) -> None:
        self._tell(context, Deployment.read())

    async def async_notify(self, context: Mapping[str, Any]) -> None:
        if _may_be_late(context):
            log.info("alert left out channel=%s what=%r: the run catches up, or is over", self.channel, self.what)
            return
        deployment = await Deployment.aread()
        await asyncio.to_thread(self._tell, context, deployment)

    def _tell(self, context: Mapping[str, Any], deployment: Deployment) -> None:
        channel = deployment.channels.get(self.channel)
        if channel is None:
            log.error("alert not sent channel=%s what=%r: its channel file cannot be read", self.channel, self.what)
            return
        report(channel, lambda database: self._condition(database, _run(context)), deployment)

    def _condition(self, database: Connection | None, run: Mapping[str, Any]) -> Condition:
        from orderflow.staging import alerts

        known = {name: str(run[name]) for name in ("run_id", "start", "until", "url") if run.get(name)}
        if self.what == "failed":
            error = alerts.failure(database, self.channel, run["run_id"]) if database else None
            return ran_into(self.channel, error, datetime.now(UTC), **known)
        until, at = run.get("until"), datetime.now(UTC).isoformat()
        window = f" (window {run.get('start')} to {until})" if until else ""
        what = f"the run {run['run_id']}{window} is {self.what}"
        if database and until and alerts.proven(database, self.channel, datetime.fromisoformat(str(until))):
            behind = f"{what}; its orders are staged, perhaps not all with the OMS"
            return raised(self.channel, "backlog", behind, at=at, **known)
        return raised(self.channel, "late", what, **known)


@dataclass(frozen=True, slots=True)
class Deployment:
    """What it takes to tell anybody: staging's address, the ways out, the channels, and who is told what."""

    dsn: str | None
    services: Mapping[str, Any] | None
    """Extra of the connection `orderflow_alerts`; None: there is none."""
    routing: Routing
    channels: Mapping[str, Channel]

    @classmethod
    def read(cls) -> Deployment:
        def extra() -> Mapping[str, Any] | None:
            with contextlib.suppress(AirflowNotFoundException):
                found: Mapping[str, Any] = AirflowConnection.get(settings.ALERTS).extra_dejson
                return found
            return None

        dsn = None
        try:
            dsn = settings.staging_dsn()
        except OrderflowError as error:
            log.error("alerts without memory: %s", error)  # noqa: TRY400 - its message says all
        return cls(dsn, extra(), *_files())

    @classmethod
    async def aread(cls) -> Deployment:
        """The same in the triggerer, where nothing may wait."""
        dsn = extra = None
        with contextlib.suppress(AirflowNotFoundException):
            extra = await (await AirflowConnection.async_get(settings.ALERTS)).aextra_dejson()
        try:
            found = await AirflowConnection.async_get(settings.STAGING)
            dsn = connections.dsn(settings.plain(found, await found.aextra_dejson()))
        except (AirflowNotFoundException, OrderflowError) as error:
            log.error("alerts without memory: %s", error)  # noqa: TRY400 - its message says all
        return cls(dsn, extra, *await asyncio.to_thread(_files))

    def everybody(self, channels: Iterable[Channel]) -> list[str]:
        """Every tag that the files of these channels and the routes name; where they name none, all ways out."""
        from orderflow.pipeline.messages import Services

        named = self.routing.everybody(channels)
        with contextlib.suppress(OrderflowError):
            return named or sorted(Services.of(self.services or {}).by_tag)
        return []


def tell(channel: Channel, kind: Kind, what: str) -> None:
    """Tell the owners from within a task. An alert that cannot be sent takes nothing back."""
    known = {name: value for name, value in _run(get_current_context()).items() if name in {"run_id", "url"}}
    report(channel, lambda _: raised(channel.name, kind, what, **known), Deployment.read())


def report(channel: Channel, condition: Callable[[Connection | None], Condition], deployment: Deployment) -> None:
    """Raise what an event tells of, and send what is due. `condition` makes it, with a database or without."""
    from psycopg2 import Error as DatabaseError

    from orderflow.staging import alerts
    from orderflow.staging.store import connect

    routing, now = deployment.routing, datetime.now(UTC)
    try:
        if deployment.dsn is None:
            _send_at_once(channel, condition(None), deployment, now)
            return
        with contextlib.closing(connect(deployment.dsn, name="orderflow alerts")) as database:
            found = condition(database)
            log.error("alert raised channel=%s kind=%s: %s", channel.name, found.kind, found.what)
            alerts.report(database, found, lambda severity: routing.tags(channel, severity), routing, now)
            send(database, deployment, now)
    except (OrderflowError, DatabaseError) as error:
        log.error("alert without memory channel=%s: %s", channel.name, error)  # noqa: TRY400 - its message says all
        _send_at_once(channel, condition(None), deployment, now)


def send(database: Connection, deployment: Deployment, now: datetime, pulse: str = "") -> int:
    """Send what is due, one message per way out; returns how many were not taken. `pulse`: what a heartbeat says."""
    from orderflow.staging import alerts

    failed = 0
    for _ in range(MOST_MESSAGES):
        message = alerts.claim(database, now, deployment.routing.group)
        if message is None:
            break
        error = _sent(message, deployment, pulse)
        alerts.sent(database, message, error, now)
        failed += error is not None
    return failed


def _sent(message: Message, deployment: Deployment, pulse: str = "") -> str | None:
    """Send one message; returns what went wrong."""
    from orderflow.pipeline.messages import Services

    if deployment.services is None:
        error: str | None = (
            f"the Airflow connection {settings.ALERTS!r} does not exist; add it (type apprise, extra "
            '{"config": [{"path": "mailto://...", "tag": "mail"}]})'
        )
    else:
        places = Places(conf.get("api", "base_url", fallback=""), deployment.routing.runbook)
        try:
            error = Services.of(deployment.services).send(
                message.route, *written(message, places, deployment.channels, pulse)
            )
        except OrderflowError as wrong:
            error = str(wrong)
    if error:
        log.error(
            "message not sent to=%s alerts=%d attempt=%d: %s",
            message.route,
            len(message.tellings),
            message.attempts,
            error,
        )
    else:
        log.info("message sent to=%s alerts=%d", message.route, len(message.tellings))
    return error


def _send_at_once(channel: Channel, found: Condition, deployment: Deployment, now: datetime) -> None:
    """Without staging there is nothing to remember it by: everybody who is named hears of it, each time."""
    log.error("alert raised channel=%s kind=%s: %s", channel.name, found.kind, found.what)
    kept = Kept(
        id=0, channel=found.channel, kind=found.kind, severity=found.severity, state="open", what=found.what,
        facts=found.facts, count=1, first_seen_at=now, last_seen_at=now, told_at=None, tell_again_at=None,
        acknowledged_at=None, acknowledged_by=None, acknowledged_why=None, recovered_at=None,
    )  # fmt: skip
    for tag in deployment.routing.tags(channel, found.severity):
        _sent(Message(tag, (Telling(0, "raised", kept),), 1), deployment)


def _files() -> tuple[Routing, dict[str, Channel]]:
    """Who is told, and the channels; a file that is wrong must not keep an alert from going out."""
    from orderflow.config import alerts

    try:
        routing = alerts.read(settings.INCLUDE)
    except OrderflowError as error:
        log.error("alerts.yml left out: %s", error)  # noqa: TRY400 - its message says all
        routing = Routing()
    return routing, {channel.name: channel for channel in config.read(settings.INCLUDE / "channels").channels}


_FACTS = ("dag_id", "run_id", "conf", "data_interval_start", "data_interval_end")


def _run(context: Mapping[str, Any]) -> dict[str, Any]:
    """Id, window and page of the run that an event tells of; deadlines give it as Airflow's REST API shows it."""
    found = context.get("dag_run")
    run = found if isinstance(found, Mapping) else {name: getattr(found, name, None) for name in _FACTS}
    run_id = str(context.get("run_id") or run.get("dag_run_id") or run.get("run_id"))
    asked = run.get("conf") or {}
    site = conf.get("api", "base_url", fallback="").rstrip("/")
    return {
        "run_id": run_id,
        "start": asked.get(START) or run.get("data_interval_start"),
        "until": asked.get(END) or run.get("data_interval_end"),
        "url": f"{site}/dags/{run.get('dag_id')}/runs/{quote(run_id, safe='')}" if run.get("dag_id") else None,
    }


def _may_be_late(context: Mapping[str, Any]) -> bool:
    """Whether a deadline passed for a run that nobody waits for: a backfill or a window that was asked for, which may
    wait, and take long; or a run that failed, which was told, and whose window the DAG heal may have brought since.
    """
    run = context.get("dag_run")
    if "deadline" not in context or not isinstance(run, Mapping):
        return False
    conf = run.get("conf") or {}
    return run.get("run_type") == "backfill" or run.get("state") == "failed" or bool(conf.get(START) or conf.get(END))
