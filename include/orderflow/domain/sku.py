"""The SKU map of a channel, as cleaning is handed it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What the OMS calls an article in `[valid_from, valid_to)`; None: without an end on that side."""

    channel: str
    sku: str
    oms_sku: str
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    def holds(self, at: datetime) -> bool:
        return (self.valid_from is None or self.valid_from <= at) and (self.valid_to is None or at < self.valid_to)

    def overlaps(self, other: Pair) -> bool:
        """Whether both hold at some moment."""
        return _before(self.valid_from, other.valid_to) and _before(other.valid_from, self.valid_to)

    @property
    def span(self) -> str:
        """When it holds, for people."""
        if self.valid_from is None and self.valid_to is None:
            return "always"
        since = "" if self.valid_from is None else f"from {self.valid_from:%Y-%m-%d %H:%M}Z"
        until = "" if self.valid_to is None else f"until {self.valid_to:%Y-%m-%d %H:%M}Z"
        return f"{since} {until}".strip()


def _before(start: datetime | None, end: datetime | None) -> bool:
    return start is None or end is None or start < end


class SkuMap(Mapping[str, str]):
    """The pairs that always hold as a mapping, channel SKU -> OMS SKU; those with dates in `dated`.

    An order goes by the pair that held when it was placed, so that judging it again a year later finds the same.
    """

    def __init__(self, always: Mapping[str, str], dated: Mapping[str, tuple[Pair, ...]]) -> None:
        self._always = always
        self.dated = dated

    def __getitem__(self, sku: str) -> str:
        return self._always[sku]

    def __iter__(self) -> Iterator[str]:
        return iter(self._always)

    def __len__(self) -> int:
        return len(self._always)

    def at(self, sku: str, moment: datetime) -> str | None:
        """What the OMS called the article at this moment; None where no pair held."""
        for pair in self.dated.get(sku, ()):
            if pair.holds(moment):
                return pair.oms_sku
        return self._always.get(sku)


@dataclass(frozen=True, slots=True)
class Article:
    """What is known of an article of the OMS: its SKUs, titles and GTINs on every channel that maps or sells it."""

    oms_sku: str
    skus: frozenset[str] = frozenset()
    titles: frozenset[str] = frozenset()
    gtins: frozenset[str] = frozenset()
