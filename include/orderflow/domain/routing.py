"""Who is told of an alert, when, and which days are like no other: `include/alerts.yml` and its calendar, read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from orderflow.domain.channel import Block, Channel, Duration, Zone
from orderflow.domain.snapshot import Severity


def _clock(value: object) -> object:
    if isinstance(value, time):
        return value
    try:
        return datetime.strptime(str(value), "%H:%M").time()  # noqa: DTZ007 - a time of day; its zone stands beside it
    except ValueError as error:
        raise ValueError(f"{value!r} is no time of day; write it in quotes, like '22:00'") from error


def _some_time(length: timedelta) -> timedelta:
    if not length:
        raise ValueError("it would be told again and again without a pause; write how long to wait, such as 4h")
    return length


Clock = Annotated[time, BeforeValidator(_clock, json_schema_input_type=str)]


class Quiet(Block):
    """From when to when warnings wait, every day; over midnight if `until` is the earlier one."""

    start: Clock
    until: Clock
    timezone: Zone


class Route(Block):
    """Alerts of an owner's channels, or of all, go to these tags as well."""

    owner: str | None = None
    """The name in front of the address in the channel file's `owner`; all owners if left out."""
    severity: Severity = "warning"
    """The least severity that is told."""
    to: Annotated[list[str], Field(min_length=1)]
    """Tags of the Airflow connection `orderflow_alerts`."""


class Heartbeat(Block):
    """A daily message on every way out: the day it does not come, the way is dead."""

    at: Clock
    timezone: Zone


Special: TypeAlias = Literal["holiday", "sale"]
"""How a day is like no other: few orders, or none, are no news on a holiday; on a sale day many are none."""


class Day(Block):
    """A day like no other: a holiday is not judged, and neither kind is learned from."""

    day: date
    kind: Special
    name: str
    channels: list[str] = Field(default=[])
    """Names of channels; all if left out."""


class Routing(Block):
    """`include/alerts.yml`. Its defaults hold where there is no such file."""

    group: Duration = timedelta(minutes=2)
    """Warnings that come within so long are told in one message."""
    repeat: Annotated[Duration, AfterValidator(_some_time)] = timedelta(hours=4)
    """What stays open is told again after so long, until somebody acknowledges it."""
    quiet: Quiet | None = None
    heartbeat: Heartbeat | None = None
    runbook: str = "docs/runbook.md"
    """Address of the runbook in messages; the kind follows as its anchor."""
    calendar: list[Day] = Field(default=[])
    routes: list[Route] = Field(default=[])

    def tags(self, channel: Channel, severity: Severity) -> list[str]:
        """Who is told of a channel's alert: the channel file's own `alerts`, and what the routes add."""
        owner = channel.owner.partition("<")[0].strip()
        added = (
            tag
            for route in self.routes
            if route.owner in {None, owner} and (severity == "critical" or route.severity == "warning")
            for tag in route.to
        )
        return list(dict.fromkeys([*channel.alerts, *added]))

    def everybody(self, channels: Iterable[Channel]) -> list[str]:
        """Every tag that anything could be told."""
        own = (tag for channel in channels for tag in channel.alerts)
        return list(dict.fromkeys([*own, *(tag for route in self.routes for tag in route.to)]))

    def due(self, severity: Severity, now: datetime) -> datetime:
        """When it may be told: at once if it is critical, else grouped, after the quiet hours."""
        if severity == "critical":
            return now
        return max(now + self.group, self.awake(now))

    def awake(self, now: datetime) -> datetime:
        """`now`, or the end of the quiet hours that it lies in."""
        if self.quiet is None:
            return now
        zone = ZoneInfo(self.quiet.timezone)
        there = now.astimezone(zone)
        start, until, clock = self.quiet.start, self.quiet.until, there.time()
        over_midnight = start > until
        if not (clock >= start or clock < until if over_midnight else start <= clock < until):
            return now
        ends = there.date() + timedelta(days=1 if over_midnight and clock >= start else 0)
        return datetime.combine(ends, until, zone).astimezone(now.tzinfo)

    def special(self, channel: str, *, kinds: Iterable[str]) -> frozenset[date]:
        """The channel's days of these kinds."""
        wanted = set(kinds)
        return frozenset(
            each.day
            for each in self.calendar
            if each.kind in wanted and (not each.channels or channel in each.channels)
        )
