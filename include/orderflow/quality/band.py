"""How many orders a window of any length may hold, out of what the channel file says of one between two ticks."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter

from orderflow.domain.channel import Channel, Validation
from orderflow.domain.window import Window


def for_window(channel: Channel, window: Window) -> Validation:
    """The channel's rules with `orders_per_window` for this window.

    A run that heals or fills a backfill spans many ticks and holds as many times more; half a window may hold as much
    as a whole one, and half as little.
    """
    rules = channel.validate_
    if rules.orders_per_window is None:
        return rules
    fewest, most = rules.orders_per_window
    times = window.length / _tick(channel, window)
    band = math.floor(fewest * times), math.ceil(most * max(1.0, times))
    return rules.model_copy(update={"orders_per_window": band})


def _tick(channel: Channel, window: Window) -> timedelta:
    """Time between the two ticks around the window's first moment."""
    zone = ZoneInfo(channel.schedule.timezone)
    after: datetime = croniter(channel.schedule.cron, window.start.astimezone(zone)).get_next(datetime)
    before: datetime = croniter(channel.schedule.cron, after).get_prev(datetime)
    return max(after - before, timedelta(minutes=1))
