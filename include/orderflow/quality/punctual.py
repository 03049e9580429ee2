"""When a channel's orders should be in staging at the latest."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from croniter import croniter

from orderflow.domain.channel import Channel


def due(channel: Channel, now: datetime) -> datetime:
    """Up to which moment everything should be loaded by `now` (aware): the newest tick whose deadline has passed.

    A tick's run answers for the time before it and has `schedule.deadline` for that. Never before the channel's start.
    """
    schedule = channel.schedule
    return max(_tick(schedule.cron, schedule.timezone, now - schedule.deadline), channel.start)


@lru_cache(maxsize=1000)
def _tick(cron: str, timezone: str, before: datetime) -> datetime:
    """The last tick before a moment; kept, because thousands of channels that are looked at share some schedules."""
    tick: datetime = croniter(cron, before.astimezone(ZoneInfo(timezone))).get_prev(datetime)
    return tick.astimezone(UTC)
