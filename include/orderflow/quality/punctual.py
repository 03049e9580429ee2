"""When a channel's orders should be in staging at the latest."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from croniter import croniter

from orderflow.domain.channel import Channel


def due(channel: Channel, now: datetime) -> datetime:
    """Up to which moment everything should be loaded by `now` (aware): the newest tick whose deadline has passed.

    A tick's run answers for the time before it and has `schedule.deadline` for that. Never before the channel's start.
    """
    late = (now - channel.schedule.deadline).astimezone(ZoneInfo(channel.schedule.timezone))
    tick: datetime = croniter(channel.schedule.cron, late).get_prev(datetime)
    return max(tick.astimezone(UTC), channel.start)
