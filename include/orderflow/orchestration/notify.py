"""Tell a channel's owners that a run is late or failed: in the log and the landing zone always, and by their `alerts`.

The same notifier is called by deadlines (in the triggerer, asynchronously) and by a DAG's failure callback (in the DAG
processor); neither has the context of a task. Recipients are tags of one Airflow connection of type apprise,
`orderflow_alerts`, whose extra is `{"config": [{"path": "mailto://...", "tag": "mail"}, ...]}`; see Apprise's list of
services for the paths (github.com/caronc/apprise/wiki).
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from airflow.sdk import BaseNotifier, Connection, get_current_context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException

from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError, OrderflowError, TransientError
from orderflow.orchestration.settings import ALERTS, landing_root
from orderflow.orchestration.window import END, START

if TYPE_CHECKING:
    from apprise import Apprise

log = logging.getLogger(__name__)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What people are told; kept as JSON in the folder `alerts` of the landing zone."""

    at: datetime
    channel: str
    what: str
    run_id: str
    window: str | None
    """Start and end, as Airflow or whoever asked for it wrote them."""
    task: str | None
    url: str
    to: list[str]
    title: str
    body: str


class Alert(BaseNotifier):
    """One alert of one channel. `what` says what happened, such as `failed` or `not done 25m after it was queued`."""

    def __init__(
        self, *, channel: str, title: str, owner: str, what: str, alerts: Sequence[str], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.channel = channel
        self.title = title
        self.owner = owner
        self.what = what
        self.alerts = list(alerts)

    def notify(self, context: Mapping[str, Any]) -> None:
        with self._told(context) as message:
            if self.alerts:
                try:
                    services = _services(Connection.get(ALERTS).extra_dejson)
                except AirflowNotFoundException:
                    raise _no_connection(self.alerts) from None
                sent = services.notify(title=message.title, body=message.body, tag=self.alerts)
                _demand(services, self.alerts, sent)

    async def async_notify(self, context: Mapping[str, Any]) -> None:
        if _catches_up(context):
            log.info("alert left out channel=%s what=%r: the run catches up", self.channel, self.what)
            return
        with self._told(context) as message:
            if self.alerts:
                try:
                    found = await Connection.async_get(ALERTS)
                except AirflowNotFoundException:
                    raise _no_connection(self.alerts) from None
                services = _services(await found.aextra_dejson())
                sent = await services.async_notify(title=message.title, body=message.body, tag=self.alerts)
                _demand(services, self.alerts, sent)

    @contextlib.contextmanager
    def _told(self, context: Mapping[str, Any]) -> Iterator[Message]:
        """The message: in the log before anything that can fail, and kept whatever becomes of its sending."""
        message = self.message(context, datetime.now(UTC))
        log.error("alert raised channel=%s what=%r to=%s\n%s", self.channel, self.what, self.alerts, message.body)
        try:
            yield message
        finally:
            _keep(message)

    def message(self, context: Mapping[str, Any], at: datetime) -> Message:
        """Which channel, which run and window, which task, and where to look."""
        found = context.get("dag_run")
        run = found if isinstance(found, Mapping) else {name: getattr(found, name, None) for name in _FACTS}
        run_id = str(context.get("run_id") or run.get("dag_run_id") or run.get("run_id"))
        asked = run.get("conf") or {}
        start, end = asked.get(START) or run.get("data_interval_start"), asked.get(END) or run.get("data_interval_end")
        task = getattr(context.get("ti"), "task_id", None)
        dag_id = run.get("dag_id") or f"orders.{self.channel}"
        site = conf.get("api", "base_url", fallback="").rstrip("/")
        message = Message(
            at=at,
            channel=self.channel,
            what=self.what,
            run_id=run_id,
            window=f"{start} to {end}" if start and end else None,
            task=task,
            url=f"{site}/dags/{dag_id}/runs/{quote(run_id, safe='')}",
            to=self.alerts,
            title=f"orders.{self.channel} {self.what}",
            body="",
        )
        rows = [
            f"{self.title} ({self.channel}), owner: {self.owner}",
            f"What: {self.what}",
            f"Run: {run_id}",
            f"Window: {message.window}" if message.window else "",
            f"Task: {task}" if task else "",
            message.url,
        ]
        return msgspec.structs.replace(message, body="\n".join(filter(None, rows)))


_FACTS = ("dag_id", "run_id", "conf", "data_interval_start", "data_interval_end")


def _keep(message: Message) -> None:
    folder = landing_root() / "alerts"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{message.at:%Y%m%dT%H%M%S.%f}Z-{message.channel}.json"
    (folder / name).write_bytes(msgspec.json.encode(message))


def alert(channel: Channel, what: str) -> Alert:
    return Alert(what=what, **facts(channel))


def tell(channel: Channel, what: str) -> None:
    """Tell the owners from within a task. An alert that cannot be sent is logged, and takes nothing back."""
    try:
        alert(channel, what).notify(get_current_context())
    except OrderflowError as error:
        log.error("alert not sent channel=%s: %s", channel.name, error)  # noqa: TRY400 - its message says all


def facts(channel: Channel) -> dict[str, Any]:
    """What every alert of a channel says, as plain values: deadlines keep them in Airflow's database."""
    return {
        "channel": channel.name,
        "title": channel.title,
        "owner": channel.owner,
        "alerts": list(channel.alerts),
    }


def _catches_up(context: Mapping[str, Any]) -> bool:
    """Whether a deadline passed for a backfill or for a window that was asked for: those may wait, and take long."""
    run = context.get("dag_run")
    if "deadline" not in context or not isinstance(run, Mapping):
        return False
    conf = run.get("conf") or {}
    return run.get("run_type") == "backfill" or bool(conf.get(START) or conf.get(END))


def _services(extra: Mapping[str, Any]) -> Apprise:
    """Apprise with what the connection configures."""
    from apprise import Apprise

    config = extra.get("config") or []
    config = json.loads(config) if isinstance(config, str) else config
    services = Apprise()
    for entry in [config] if isinstance(config, dict) else config:
        if not services.add(entry["path"], tag=entry.get("tag")):
            raise ConfigError(
                f"the Airflow connection {ALERTS!r} holds a service that Apprise cannot read; "
                "write its path as Apprise's documentation shows"
            )
    return services


def _demand(services: Apprise, alerts: Sequence[str], sent: object) -> None:
    """Raise unless every recipient has a service and every service took the message."""
    tags = {tag for service in services for tag in service.tags}
    if unknown := sorted(set(alerts) - tags):
        raise ConfigError(
            f"nobody is configured for the alerts {unknown}; add a service with that tag to the Airflow connection "
            f"{ALERTS!r} (its tags are {sorted(tags)}), or correct `alerts` in the channel file"
        )
    if not sent:
        raise TransientError(f"an alert for {list(alerts)} was not taken by every service; Apprise's log says by which")


def _no_connection(alerts: Sequence[str]) -> ConfigError:
    return ConfigError(
        f"an alert for {list(alerts)} was only logged: the Airflow connection {ALERTS!r} does not exist; add it (type "
        'apprise, extra {"config": [{"path": "mailto://...", "tag": "mail"}]})'
    )
