"""The world of one shop: all its orders at any moment, what its lists show, and what was put in by hand."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush
from threading import RLock
from typing import Literal

import msgspec

from orderflow.domain.errors import ConfigError
from orderflow.sandbox.defects import DEFECTS, spoil
from orderflow.sandbox.events import CHANGES, dispatch
from orderflow.sandbox.generator import INJECTED, Arrivals, Event, Version, history, seed_of
from orderflow.sandbox.order import Shipment
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.snapshot import Snapshot
from orderflow.sandbox.spelling import snapshot


class Injection(msgspec.Struct, frozen=True, kw_only=True):
    """Something put in by hand: a new order, or a change of an order."""

    kind: Literal["order", "change"]
    index: int
    at: int
    change: str = "place"
    seed: int = 0
    late: int = 0
    defect: str | None = None
    parcel: Shipment | None = None


class Shelf:
    """What the platform's lists hold at one moment. Trashed orders are on no list."""

    def __init__(self, moment: int) -> None:
        self.moment = moment
        self.current: dict[int, Version] = {}
        self.by_modified: list[tuple[int, int]] = []
        """Modified time and index, in this order."""
        self.by_created: list[tuple[int, int]] = []

    def modified(self, start: int | None = None, end: int | None = None) -> list[Version]:
        """Orders modified in `[start, end)`, oldest change first, then by index."""
        return self._cut(self.by_modified, start, end)

    def created(self, start: int | None = None, end: int | None = None) -> list[Version]:
        """Orders created in `[start, end)`, oldest first, then by index."""
        return self._cut(self.by_created, start, end)

    def _cut(self, places: list[tuple[int, int]], start: int | None, end: int | None) -> list[Version]:
        low = 0 if start is None else bisect_left(places, (start, -1))
        high = len(places) if end is None else bisect_left(places, (end, -1))
        return [self.current[index] for _, index in places[low:high]]

    def put(self, version: Version) -> None:
        """Show this version of its order from now on."""
        index = version.order.index
        before = self.current.get(index)
        if before is version:
            return
        if before is not None and not before.order.trashed:
            del self.by_modified[bisect_left(self.by_modified, (before.modified_at, index))]
            if version.order.trashed:
                del self.by_created[bisect_left(self.by_created, (before.order.placed_at, index))]
        elif not version.order.trashed:
            insort(self.by_created, (version.order.placed_at, index))
        self.current[index] = version
        if not version.order.trashed:
            insort(self.by_modified, (version.modified_at, index))

    def fill(self, versions: dict[int, Version]) -> None:
        """Show many versions at once."""
        self.current |= versions
        listed = [version for version in self.current.values() if not version.order.trashed]
        self.by_modified = sorted((version.modified_at, version.order.index) for version in listed)
        self.by_created = sorted((version.order.placed_at, version.order.index) for version in listed)


class World:
    """A pure function of shop and moment, plus injections; every method may be called from any thread.

    `kinds` are the defects that may be planted. `record` is told of every injection, so that it can be kept.
    """

    def __init__(
        self, shop: Shop, kinds: tuple[str, ...] = (), record: Callable[[Injection], None] = lambda _: None
    ) -> None:
        self.shop = shop
        self.kinds = kinds
        self._record = record
        self._lock = RLock()
        self._arrivals = Arrivals(shop)
        self._histories: dict[int, list[Version]] = {}
        self._generated = 0
        self._extra: dict[int, list[Event]] = {}
        self._injected: dict[int, Injection] = {}
        self._pending: list[tuple[int, int]] = []
        self._shelf = Shelf(0)
        self._snapshots: dict[tuple[int, int], Snapshot] = {}

    def listed(self, moment: int) -> Shelf:
        """What the lists show at `moment`; read it before the next call changes it."""
        with self._lock:
            self._reach(moment)
            if moment < self._shelf.moment:
                shelf = Shelf(moment)
                shelf.fill({index: v for index in self._histories if (v := self.shown(index, moment)) is not None})
                return shelf
            self._advance(moment)
            return self._shelf

    def versions(self, index: int) -> list[Version]:
        """The whole life of an order that exists by the latest moment asked for; empty for any other."""
        return self._histories.get(index, [])

    def shown(self, index: int, moment: int) -> Version | None:
        """What the lists show of one order, if anything yet."""
        return _newest(self.versions(index), lambda version: version.visible_from <= moment)

    def held(self, index: int, moment: int) -> Version | None:
        """What is true of one order at `moment`, shown or not."""
        with self._lock:
            self._reach(moment)
            return _newest(self.versions(index), lambda version: version.at <= moment)

    def all_held(self, moment: int) -> Iterator[Version]:
        """What is true of every order at `moment`, by index."""
        with self._lock:
            self._reach(moment)
            found = [_newest(versions, lambda version: version.at <= moment) for versions in self._histories.values()]
        yield from sorted((version for version in found if version), key=lambda version: version.order.index)

    def snapshot(self, version: Version) -> Snapshot:
        """The version spelled out, with its defect. Not to be changed."""
        key = version.order.index, version.number
        found = self._snapshots.get(key)
        if found is None:
            found = snapshot(version)
            if version.defect is not None:
                found = spoil(found, version.defect, version.seed)
            if len(self._snapshots) > 4_000:
                self._snapshots.clear()
            self._snapshots[key] = found
        return found

    def add_order(self, at: int, *, defect: str | None = None, late: int = 0) -> int:
        """A new order at `at`; returns its index. Raises `ConfigError` for a defect the platform cannot show."""
        if defect is not None and defect not in self.kinds:
            raise ConfigError(
                f"{self.shop.platform} cannot show the defect {defect!r}; it can show {sorted(self.kinds)}"
            )
        with self._lock:
            injection = Injection(kind="order", index=INJECTED + len(self._injected), at=at, late=late, defect=defect)
            self.replay(injection)
            self._record(injection)
            return injection.index

    def change_order(self, index: int, change: str, at: int, *, late: int = 0) -> None:
        """Change an order at `at`; one that does not apply is forgotten. Raises `ConfigError` for an unknown one."""
        if change not in CHANGES:
            raise ConfigError(f"unknown change {change!r}; known: {', '.join(CHANGES)}")
        with self._lock:
            self._reach(at)
            if index not in self._histories:
                raise ConfigError(f"shop {self.shop.name} has no order with index {index} at {at}")
            count = len(self._extra.get(index, ()))
            seed = seed_of(self.shop, index, "injected", count)
            injection = Injection(kind="change", index=index, at=at, change=change, seed=seed, late=late)
            self.replay(injection)
            self._record(injection)

    def dispatch(self, index: int, parcel: Shipment) -> Shipment | None:
        """Send a parcel of an order, at its own moment: as it now stands there, or None when not all of it is left.

        The number it comes with is not used.
        """
        with self._lock:
            held = self.held(index, parcel.at)
            if held is None or dispatch(held.order, parcel) is None:
                return None
            injection = Injection(kind="change", index=index, at=parcel.at, change="ship", parcel=parcel)
            self.replay(injection)
            self._record(injection)
            after = self.held(index, parcel.at)
            return after.order.shipments[-1] if after else None

    def replay(self, injection: Injection) -> None:
        """Put an injection in (again, after a restart)."""
        with self._lock:
            index = injection.index
            if injection.kind == "order":
                self._injected[index] = injection
            else:
                event = Event(
                    at=injection.at,
                    change=injection.change,
                    seed=injection.seed,
                    late=injection.late,
                    parcel=injection.parcel,
                )
                self._extra.setdefault(index, []).append(event)
            for version in self.versions(index):
                self._snapshots.pop((index, version.number), None)
            self._reach(injection.at)
            self._make(index)

    def _reach(self, moment: int) -> None:
        """Make the histories of all orders placed by `moment`."""
        arrivals = self._arrivals.until(moment)
        for index in range(self._generated, len(arrivals)):
            self._make(index, arrivals[index])
        self._generated = max(self._generated, len(arrivals))

    def _make(self, index: int, placed_at: int | None = None) -> None:
        extra = self._extra.get(index, ())
        injection = self._injected.get(index)
        if injection is not None:
            made = history(self.shop, index, injection.at, (), extra, defect=injection.defect, late=injection.late)
        else:
            if placed_at is None:
                placed_at = self._histories[index][0].at
            made = history(self.shop, index, placed_at, self.shop.defect_kinds or self.kinds, extra)
        self._histories[index] = made
        for version in made:
            heappush(self._pending, (version.visible_from, index))

    def _advance(self, moment: int) -> None:
        due: dict[int, Version] = {}
        pending, count = self._pending, 0
        if len(pending) > 1000 and not self._shelf.current:
            early = [entry for entry in pending if entry[0] <= moment]
            self._pending = [entry for entry in pending if entry[0] > moment]
            heapify(self._pending)
            due = {index: v for _, index in early if (v := self.shown(index, moment)) is not None}
            count = len(early)
        while self._pending and self._pending[0][0] <= moment:
            _, index = heappop(self._pending)
            version = self.shown(index, moment)
            if version is not None:
                due[index] = version
            count += 1
        if count > 1000:
            self._shelf.fill(due)
        else:
            for version in due.values():
                self._shelf.put(version)
        self._shelf.moment = moment


def _newest(versions: list[Version], holds: Callable[[Version], bool]) -> Version | None:
    return next((version for version in reversed(versions) if holds(version)), None)


def showable(unshown: frozenset[str]) -> tuple[str, ...]:
    """All defect kinds but those a platform cannot show."""
    return tuple(kind for kind in DEFECTS if kind not in unshown)
