"""Alerts as they are kept, and what a message says of them. No personal data stands in either."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from orderflow.domain.channel import Channel
from orderflow.domain.snapshot import OURSELVES, Severity

Says: TypeAlias = Literal["raised", "repeated", "recovered", "heartbeat"]
State: TypeAlias = Literal["open", "acknowledged", "recovered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert as it stands. `what` is one line, `facts` plain JSON values."""

    id: int
    channel: str
    kind: str
    severity: Severity
    state: State
    what: str
    facts: Mapping[str, Any]
    count: int
    first_seen_at: datetime
    last_seen_at: datetime
    told_at: datetime | None
    tell_again_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    acknowledged_why: str | None
    recovered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Telling:
    """One alert in a message; None where the message is a heartbeat."""

    id: int
    says: Says
    alert: Alert | None


@dataclass(frozen=True, slots=True)
class Message:
    """What one way out (the tag `route`) is told at once. `attempts` counts this one."""

    route: str
    tellings: tuple[Telling, ...]
    attempts: int


@dataclass(frozen=True, slots=True)
class Places:
    """Where a message leads: Airflow's own address (empty: not known) and the runbook's."""

    site: str
    runbook: str

    def page(self, alert: Alert) -> str:
        """The channel's page in Airflow; of an alert that concerns no channel the list of all channels."""
        name = "" if alert.channel == OURSELVES else f"/{alert.channel}"
        return f"{self.site.rstrip('/')}/orderflow/channels{name}"

    def entry(self, alert: Alert) -> str:
        """The runbook's entry; of a failed run the one of its error, where the ledger names it."""
        return f"{self.runbook}#{error_class(alert.what).lower() or alert.kind}"


def error_class(what: str) -> str:
    """`DriftError` of `a run failed: DriftError: ...`; empty where no class is named."""
    said = what.removeprefix("a run failed: ").partition(":")[0] if what.startswith("a run failed: ") else ""
    return said if said.endswith("Error") and said.isidentifier() else ""


def written(message: Message, places: Places, channels: Mapping[str, Channel], pulse: str) -> tuple[str, str]:
    """Title and text of a message, the worst first. `pulse` is what a heartbeat says."""
    alerts = [(each.says, each.alert) for each in message.tellings if each.alert is not None]
    alerts.sort(key=lambda each: (each[0] == "recovered", each[1].severity != "critical", each[1].channel, each[1].id))
    beats = len(message.tellings) - len(alerts)
    parts = [_entry(says, alert, places, channels.get(alert.channel)) for says, alert in alerts]
    if beats:
        parts.append(pulse)
    if len(alerts) == 1:
        says, alert = alerts[0]
        title = f"{_label(says, alert)} {alert.channel} {alert.kind}"
    elif alerts:
        over = sum(says == "recovered" for says, _ in alerts)
        counts = [f"{len(alerts) - over} alerts" if len(alerts) > over else "", f"{over} recovered" if over else ""]
        title = "Orderflow: " + ", ".join(filter(None, counts))
    else:
        title = "Orderflow heartbeat"
    return title, "\n\n".join(parts)


def _label(says: Says, alert: Alert) -> str:
    return {"recovered": "[RECOVERED]", "repeated": f"[STILL {alert.severity.upper()}]"}.get(
        says, f"[{alert.severity.upper()}]"
    )


def _entry(says: Says, alert: Alert, places: Places, channel: Channel | None) -> str:
    about = (
        f"{channel.title} ({channel.name}), owner: {channel.owner.partition('<')[0].strip()}"
        if channel
        else alert.channel
    )
    lasted = f", over since {alert.recovered_at:%Y-%m-%d %H:%MZ}" if says == "recovered" and alert.recovered_at else ""
    rows = [
        f"{_label(says, alert)} {alert.kind}: {about}",
        alert.what,
        f"Since {alert.first_seen_at:%Y-%m-%d %H:%MZ}{lasted}, seen {alert.count} times, alert {alert.id}",
        f"Page: {places.page(alert)}" if places.site else "",
        "" if says == "recovered" else f"Runbook: {places.entry(alert)}",
    ]
    return "\n".join(filter(None, rows))
