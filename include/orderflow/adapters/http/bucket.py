"""A token bucket: so many requests per second, so many at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime


class Bucket:
    """Lets `rate` units per second pass, `burst` at once; clock and sleep are handed in. Safe for threads.

    A `domain.source.Throttle`. Units are lent in advance: whoever takes more than there is waits until it is earned,
    and those who come later wait behind.
    """

    def __init__(
        self, rate: float, burst: float, *, clock: Callable[[], datetime], sleep: Callable[[float], None]
    ) -> None:
        self._rate, self._burst, self._clock, self._sleep = rate, burst, clock, sleep
        self._held = burst
        self._at = clock()
        self._lock = threading.Lock()

    def take(self, cost: float = 1.0) -> float:
        """Wait until `cost` may be spent; returns the seconds waited."""
        with self._lock:
            now = self._clock()
            earned = max(0.0, (now - self._at).total_seconds()) * self._rate
            self._held = min(self._burst, self._held + earned) - cost
            self._at = max(now, self._at)
            wait = max(0.0, -self._held / self._rate)
        if wait:
            self._sleep(wait)
        return wait
