"""Windows: half-open spans of business time, and the arithmetic that leaves no gap between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from orderflow.domain.errors import ConfigError


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open span `[start, end)` of business time.

    Both ends are time-zone aware and kept in UTC. Printed and parsed as the ISO interval `start/end`.
    Raises `ConfigError` when an end is naive or the span is empty or reversed.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name, moment in (("start", self.start), ("end", self.end)):
            if moment.tzinfo is None:
                raise ConfigError(
                    f"window {name} {moment.isoformat()} has no time zone; write it with an offset, "
                    f"such as {moment.isoformat()}+00:00"
                )
            try:
                object.__setattr__(self, name, moment.astimezone(UTC))
            except OverflowError as error:
                raise ConfigError(f"window {name} {moment.isoformat()} lies outside of the calendar in UTC") from error
        if self.start >= self.end:
            raise ConfigError(
                f"window {self.start.isoformat()}/{self.end.isoformat()} is empty; its end must lie after its start"
            )

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read `start/end`, two ISO 8601 moments with offsets, such as `2026-03-01T00:00Z/2026-03-01T01:00Z`."""
        start, _, end = text.partition("/")
        try:
            return cls(datetime.fromisoformat(start.strip()), datetime.fromisoformat(end.strip()))
        except ValueError as error:
            raise ConfigError(
                f"window {text!r} is not 'start/end' in ISO 8601; write it like 2026-03-01T00:00Z/2026-03-01T01:00Z"
            ) from error

    def __str__(self) -> str:
        return f"{_stamp(self.start)}/{_stamp(self.end)}"

    @property
    def name(self) -> str:
        """The window as a file name: `20260301T000000Z--20260301T010000Z`."""
        return f"{_compact(self.start)}--{_compact(self.end)}"

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def asked(self, *, lookback: timedelta, settle: timedelta) -> Window:
        """The span of modified time to ask a channel for so that this window becomes provable.

        The end lies `settle` before ours, because a platform shows a change that late; the start lies `lookback`
        (late edits, clock resolution) plus `settle` before ours, so that neighbours always overlap.
        """
        return Window(self.start - lookback - settle, self.end - settle)

    def slices(self, longest: timedelta | None) -> Iterator[Window]:
        """Tile this window, without gap or overlap, with windows no longer than `longest` (None: as it is)."""
        if longest is None or self.length <= longest:
            yield self
            return
        start = self.start
        while start < self.end:
            end = min(start + longest, self.end)
            yield Window(start, end)
            start = end

    def halves(self) -> tuple[Window, Window] | None:
        """Split in two at a whole second, or None when the window is a second or shorter."""
        middle = (self.start + self.length / 2).replace(microsecond=0)
        if middle <= self.start:
            middle = self.start.replace(microsecond=0) + timedelta(seconds=1)
        if not self.start < middle < self.end:
            return None
        return Window(self.start, middle), Window(middle, self.end)


def _stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _compact(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%S") + (f".{moment.microsecond:06d}" if moment.microsecond else "") + "Z"
