"""Behaviours of an adapter of files: recorded files arrive while somebody looks, and arrive again."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from orderflow.domain.source import Account, Acknowledging, Page, Runtime
from orderflow.domain.window import Window
from orderflow.sandbox.conformance import cases, contract
from orderflow.sandbox.conformance.cases import Case
from orderflow.sandbox.conformance.contract import difference
from orderflow.sandbox.conformance.subject import Subject
from orderflow.sandbox.conformance.tried import Tried, lost


@dataclass
class Inbox:
    """A case's inbox that somebody writes into while the adapter waits for files to settle."""

    case: Case
    folder: Path
    orders: dict[str, Any] = field(default_factory=dict)
    """What was taken, in its newest form, by id."""
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.time = cases.Time(self.case.moment())
        self.meanwhile: Callable[[], None] = lambda: None
        runtime = Runtime(clock=self.time.clock, sleep=self._sleep)
        self.source = self.case.adapter.open(self.case.options, Account("inbox", str(self.folder)), runtime)

    def _sleep(self, seconds: float) -> None:
        self.meanwhile()
        self.time.sleep(seconds)

    def write(self, place: str, data: bytes) -> None:
        target = self.folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        os.utime(target, (self.time.now.timestamp(), self.time.now.timestamp()))

    def look(self, *, acknowledge: bool = True) -> list[Page]:
        """What a run takes; orders of it are noted."""
        self.time.now += timedelta(hours=1)
        pages = list(self.source.fetch(Window(self.time.now - timedelta(hours=1), self.time.now)))
        if acknowledge and isinstance(self.source, Acknowledging):
            self.source.acknowledge([page.origin for page in pages])
        return pages

    def taken(self, pages: list[Page]) -> dict[str, Any]:
        """Orders by id, without the moment of their arrival."""
        return _by_id(cases.mapped(self.case, contract.records(pages))["orders"])

    def arrives(self, place: str, data: bytes) -> None:
        """One file: half of it while somebody looks, a run that dies, a run that ends, and the same file again."""
        self.write(place, data[: len(data) // 2])
        self.meanwhile = lambda: self.write(place, data)
        early = self.taken(self.look(acknowledge=False))
        self.meanwhile = lambda: None
        self.write(place, data)
        died = self.look(acknowledge=False)
        pages = self.look()
        if contract.records(pages) != contract.records(died):
            self.wrong.append(f"{place}: what was not acknowledged does not come again as it was")
        orders = self.taken(pages)
        if any(orders.get(order_id) != order for order_id, order in early.items()):
            self.wrong.append(f"{place}: taken while it was still being written")
        self.orders |= orders
        if repeated := self.taken(self.look()):
            self.wrong.append(f"{place}: acknowledged, and comes again: {', '.join(repeated)}")
        if pages and orders:
            self.write(f"again-{Path(place).name}", data)
            for order_id, order in self.taken(self.look()).items():
                if order != self.orders.get(order_id):
                    said = difference(order, self.orders.get(order_id))
                    self.wrong.append(f"{place} delivered again changes order {order_id}: {said}")


def whole_day(subject: Subject, folder: Path) -> Tried:
    """Every recorded file arrives slowly, is looked at by a run that dies, and arrives again under another name."""
    wrong: list[str] = []
    files = orders = 0
    for case in _with_files(subject):
        inbox = Inbox(case, folder / case.name / "inbox")
        for place, what in case.told["files"].items():
            inbox.arrives(place, (case.folder / what).read_bytes())
            files += 1
        expected = _by_id(case.expected["orders"])
        wrong += inbox.wrong + lost(list(expected), list(inbox.orders), case.name)
        wrong += [
            f"{case.name}: order {order_id}: {difference(inbox.orders[order_id], order)}"
            for order_id, order in expected.items()
            if order_id in inbox.orders and inbox.orders[order_id] != order
        ]
        orders += len(expected)
    note = f"{files} files with {orders} orders, half-written first, looked at by a run that dies, delivered twice"
    return Tried(wrong, f"{note}: 0 missing, 0 twice" if not wrong else note)


def torn(subject: Subject, folder: Path) -> Tried:
    """Half a file that lies there for an hour gives no half order; the whole one in its place gives everything."""
    wrong: list[str] = []
    files = 0
    for case in _with_files(subject):
        inbox = Inbox(case, folder / case.name / "inbox")
        expected = _by_id(case.expected["orders"])
        for place, what in case.told["files"].items():
            data = (case.folder / what).read_bytes()
            inbox.write(place, data[: len(data) // 2])
            inbox.time.now += timedelta(hours=1)
            early = inbox.taken(inbox.look())
            inbox.orders |= early
            for order_id, order in early.items():
                if order != expected.get(order_id):
                    wrong.append(f"half of {place} gives order {order_id}, which nobody sent so")
            inbox.write(place, data)
            inbox.time.now += timedelta(hours=1)
            inbox.orders |= inbox.taken(inbox.look())
            files += 1
        wrong += lost(list(expected), list(inbox.orders), f"{case.name}, whole at last")
    return Tried(wrong, f"half of each of {files} files for an hour, then the whole one")


def _with_files(subject: Subject) -> list[Case]:
    """The cases whose files all give their orders, in the order of their names."""
    names = ("one_page", "several_pages")
    return [case for case in subject.cases if contract.paged(case) and case.name.startswith(names)]


def _by_id(orders: list[dict[str, Any]]) -> dict[str, Any]:
    """The newest form of each order; the modified time is left out, because some files have none but their arrival."""
    return {order["order_id"]: order | {"channel_updated_at": None} for order in orders}
