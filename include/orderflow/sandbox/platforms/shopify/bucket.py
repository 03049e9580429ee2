"""The leaky bucket of query costs (shopify.dev, API limits)."""

from __future__ import annotations

from collections.abc import Callable


class Bucket:
    """Cost points: full at first, refilled every real second, emptied by queries."""

    def __init__(self, size: float, restore: float, ticks: Callable[[], float]) -> None:
        self.size, self.restore, self._ticks = size, restore, ticks
        self._level, self._at = size, ticks()

    def level(self) -> float:
        now = self._ticks()
        self._level = min(self.size, self._level + (now - self._at) * self.restore)
        self._at = now
        return self._level

    def take(self, cost: float) -> bool:
        """Take the cost, if there is enough."""
        if self.level() < cost:
            return False
        self._level -= cost
        return True

    def give_back(self, cost: float) -> None:
        self._level = min(self.size, self._level + cost)

    def status(self) -> dict[str, float]:
        return {"maximumAvailable": self.size, "currentlyAvailable": int(self.level()), "restoreRate": self.restore}
