"""How many requests a simulated platform takes."""

from __future__ import annotations

from collections.abc import Callable


class Quota:
    """Lets `per_second` requests pass, as many at once; 0: all. `ticks` are real seconds."""

    def __init__(self, per_second: float, ticks: Callable[[], float]) -> None:
        self._per_second, self._ticks = per_second, ticks
        self._left, self._at = per_second, ticks()

    def take(self) -> bool:
        """Whether one more request may pass."""
        if not self._per_second:
            return True
        now = self._ticks()
        self._left = min(self._per_second, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
