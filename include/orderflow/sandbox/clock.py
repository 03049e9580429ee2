"""Clocks of simulated worlds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

Clock = Callable[[], datetime]
"""Tells the moment, aware."""


def hurried(clock: Clock, start: datetime, factor: float) -> Clock:
    """A clock that sets out from `start` and runs `factor` times as fast as `clock`, until it has caught up with it.

    So a day can be played in minutes (a factor of 480 plays 24 hours in three minutes), and no order ever lies in the
    future of those who read it.
    """
    origin = clock()

    def now() -> datetime:
        present = clock()
        return min(present, start + (present - origin) * factor)

    return now
