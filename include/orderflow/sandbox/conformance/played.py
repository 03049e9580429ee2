"""Behaviours of an adapter against a simulated platform on a real HTTP server, one function for each.

Each gets the subject and an empty folder, and says what it tried and what went wrong.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

from pyarrow import feather

from orderflow.domain.source import ById, Countable, Counting, Page
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.pipeline.clean import clean
from orderflow.pipeline.sweep import sweep
from orderflow.sandbox.accounts import way
from orderflow.sandbox.conformance.day import day, rules
from orderflow.sandbox.conformance.subject import BEGUN, Scene, Subject, scene
from orderflow.sandbox.conformance.tried import Tried, lost
from orderflow.sandbox.truth import UNREADABLE
from orderflow.sandbox.world import showable

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


Play: TypeAlias = Callable[[Subject, Path], Tried]


def pages(subject: Subject, folder: Path) -> Tried:
    with scene(subject, folder) as at:
        wanted = _spread(at, 2 * subject.adapter.limits.page_size + 7)
        window = at.wait(Window(BEGUN, at.now + SECOND))
        found = list(at.source.fetch(window))
        calls = sum(endpoint.calls for endpoint in at.runtime.meter.endpoints.values())
        ids = [at.id_of(record) for page in found for record in page.records]
        wrong = lost(wanted, ids, "paging")
        if len([page for page in found if page.records]) < 2:
            wrong.append("all came on one page, so paging was not tried")
        for number, page in enumerate(found[:-1]):
            if page.cursor is None:
                continue
            rest = at.source.fetch(window, page.cursor)
            behind = [at.id_of(record) for each in rest for record in each.records]
            if set(behind) | set(ids[: sum(len(each.records) for each in found[: number + 1])]) != set(ids):
                wrong.append(f"going on behind page {number} leaves orders out")
        note = f"{len(wanted)} orders on {len(found)} pages by {calls} requests, gone on behind each"
        return Tried(wrong, note, facts=_measured(found, calls, len(wanted)))


def empty(subject: Subject, folder: Path) -> Tried:
    with scene(subject, folder) as at:
        at.put(3)
        found = at.listed(Window(BEGUN - 2 * HOUR, BEGUN - HOUR))
        return Tried(lost([], found, "a window before the first order"), "a window before the first order")


def edges(subject: Subject, folder: Path) -> Tried:
    """The first second belongs to a window, the last one before its end as well, the end to the next window."""
    with scene(subject, folder) as at:
        [first] = at.put()
        at.now = BEGUN + HOUR - SECOND
        [last] = at.put()
        at.now = BEGUN + HOUR
        [following] = at.put()
        one, two = (at.listed(Window(start, start + HOUR)) for start in (BEGUN, BEGUN + HOUR))
        wrong = lost([first, last], set(one) - {following}, "the window's first and last second")
        wrong += lost([following], set(two) - {last}, "the next window's first second")
        more = "; its own end comes along, which merges" if following in one else ""
        return Tried(wrong, f"orders in the first second, the last one, and at the end{more}")


def burst(subject: Subject, folder: Path) -> Tried:
    """More orders in one second than a page holds, in a window's first second and in its last one."""
    size = subject.adapter.limits.page_size + 13
    wrong: list[str] = []
    for name, moment in (("first", BEGUN), ("last", BEGUN + HOUR - SECOND)):
        with scene(subject, folder) as at:
            at.now = moment
            wanted = at.put(size)
            at.now = BEGUN + 2 * HOUR
            found = at.listed(Window(BEGUN, BEGUN + HOUR))
            wrong += lost(wanted, found, f"in the window's {name} second")
    return Tried(wrong, f"{size} orders in one second, at both edges")


def late(subject: Subject, folder: Path) -> Tried:
    """A change that the platform's list shows late, within the settle lag, is in this window or the next."""
    settle = int(subject.adapter.limits.settle.total_seconds())
    if not settle:
        return Tried([], "the platform's lists show changes at once", "not offered")
    with scene(subject, folder) as at:
        wanted: list[str] = []
        for before in (settle + 30, settle - 1, settle // 2, 1):
            at.now = BEGUN + HOUR - before * SECOND
            wanted += at.put(late=settle - 1)
        found = {
            each for start in (BEGUN, BEGUN + HOUR) for each in _ids(at, at.pull(Window(start, start + HOUR)).landing)
        }
        return Tried(lost(wanted, found, "late orders"), f"shown {settle - 1} s late, around a window's end")


def shifted(subject: Subject, folder: Path) -> Tried:
    """Orders change, and so move between pages, while the pages are read."""
    with scene(subject, folder) as at:
        wanted = _spread(at, 2 * subject.adapter.limits.page_size + 7)
        at.break_("shifted-page", count=3, skip=1)
        found = set(_ids(at, at.pull(Window(BEGUN, BEGUN + HOUR)).landing))
        at.mend()
        found |= set(_ids(at, at.pull(Window(BEGUN + HOUR, BEGUN + 2 * HOUR)).landing))
        return Tried(
            lost(wanted, found, "pages that move"), f"{len(wanted)} orders, 3 of them changed between two pages"
        )


def bad_record(subject: Subject, folder: Path) -> Tried:
    """A record that cannot be read is quarantined by name, and its neighbours go on."""
    return _planted(subject, folder, "total_missing", "currency_mixed", "time_malformed", "amount_malformed")


def unknown_status(subject: Subject, folder: Path) -> Tried:
    """A status that nobody documented is kept, told and never guessed."""
    return _planted(subject, folder, "status_unknown")


def _planted(subject: Subject, folder: Path, *kinds: str) -> Tried:
    """Plant the first of these defects that leaves nothing to read, or the last that the platform can show."""
    platform = subject.platform
    assert platform is not None
    shown = [kind for kind in kinds if kind in showable(platform.unshown)]
    for kind in shown:
        with scene(subject, folder / kind) as at:
            good = at.put(2)
            [bad] = at.put(defect=kind)
            good += at.put(2)
            at.now += HOUR
            batch = at.pull(Window(BEGUN, at.now))
            told = {row["order_id"]: row["codes"] for row in at.truth()}[bad]
            if kind != shown[-1] and not set(told) & UNREADABLE:
                continue
            refused = _refused(at, batch.landing)
            wrong = lost([*good, bad], _ids(at, batch.landing), "what came")
            wrong += lost([bad], list(refused), "what is refused")
            if bad in refused and refused[bad] != set(told):
                wrong.append(f"refused for {sorted(refused[bad])} instead of {told}")
            if batch.counts.accepted != len(good):
                wrong.append(f"{batch.counts.accepted} of {len(good)} neighbours went on")
            return Tried(wrong, f"{kind}: quarantined as {', '.join(told)}, {len(good)} neighbours went on")
    return Tried([], "the simulated platform cannot show such a record", "not tried")


def by_id(subject: Subject, folder: Path) -> Tried:
    """Single orders by their ids; ids that are not there are simply absent."""
    with scene(subject, folder) as at:
        if not isinstance(at.source, ById):
            return Tried([], "the platform gives no single orders", "not offered")
        wanted = at.put(33)
        at.now += HOUR
        assert subject.platform is not None
        unknown = subject.platform.spell(987_654)[0]
        found = [at.id_of(each) for page in at.source.fetch_ids([*wanted, unknown]) for each in page.records]
        wrong = lost(wanted, found, "by id")
        wrong += [f"{each} came {count} times" for each, count in Counter(found).items() if count > 1]
        wrong += lost(
            [], [at.id_of(each) for page in at.source.fetch_ids([unknown]) for each in page.records], "unknown"
        )
        return Tried(wrong, "33 orders, and an id that does not exist")


def second_list(subject: Subject, folder: Path) -> Tried:
    """The independent list names the same orders as the channel's truth, by the time of their creation."""
    with scene(subject, folder) as at:
        if not isinstance(at.source, Countable):
            return Tried([], "the platform has no second list", "not offered")
        wanted = at.put(20)
        at.now += HOUR
        later = at.put(2)
        at.change(wanted[0], "touch")
        at.now += HOUR
        stubs = list(at.source.identify(Window(BEGUN, BEGUN + HOUR)))
        wrong = lost(wanted, [stub.order_id for stub in stubs if stub.order_id not in later], "the second list")
        told = {row["order_id"]: set(row["totals"].values()) for row in at.truth()}
        wrong += [
            f"{stub.order_id}: total {stub.total}, truth {sorted(map(str, told[stub.order_id]))}"
            for stub in stubs
            if stub.total is not None and stub.order_id in told and not _among(stub.total, told[stub.order_id])
        ]
        return Tried(wrong, "20 orders by the time of their creation, totals held against the truth")


def counted(subject: Subject, folder: Path) -> Tried:
    with scene(subject, folder) as at:
        if not isinstance(at.source, Counting):
            return Tried([], "the platform does not say how many orders a window holds", "not offered")
        wanted = at.put(17)
        at.now += HOUR
        short = subject.adapter.limits.longest_window or HOUR
        found = [
            at.source.count(at.wait(Window(start, start + min(short, HOUR)))) for start in (BEGUN, BEGUN - 2 * HOUR)
        ]
        wrong = [] if found == [len(wanted), 0] else [f"counted {found} instead of {len(wanted)} and 0"]
        return Tried(wrong, "17 orders, and none")


_WAYS = {
    "payment": ("pay",), "fulfilment": ("pay", "ship"), "tracking": ("pay", "ship", "deliver"), "lines": ("add_line",),
    "address": ("change_address",), "refund": ("pay", "ship", "refund_amount"), "status": ("cancel",),
    "deletion": ("trash",),
}  # fmt: skip
"""Changes that lead to one of each kind that a modified time may be blind to; the last one is of that kind."""


def blind(subject: Subject, folder: Path) -> Tried:
    """Changes that the modified time does not show are found by the daily sweep."""
    kinds = sorted(subject.adapter.limits.blind)
    if not kinds:
        return Tried([], "no such change is known of this platform", "not offered")
    wrong: list[str] = []
    seen: list[str] = []
    unseen: list[str] = []
    for kind in kinds:
        with scene(subject, folder / kind, blind=(kind,), pace=0.01) as at:
            [order_id] = at.put()
            *before, change = _WAYS[kind]
            for each in before:
                at.now += timedelta(minutes=1)
                at.change(order_id, each)
            at.now = BEGUN + HOUR
            first = _hashes(at.pull(Window(BEGUN, at.now)).landing)
            at.change(order_id, change)
            at.now += HOUR
            batch = sweep(
                at.channel, {order_id: BEGUN}, at.source, at.folder / "sweep", run_id="sweep", runtime=at.runtime
            )
            if kind == "deletion":
                wrong += [] if any(order_id in note for note in batch.notes) else ["a deleted order is not named"]
                seen.append(kind)
                continue
            second = _hashes(clean(at.channel, batch).landing)
            if order_id not in second:
                wrong.append(f"{kind}: the sweep does not bring the order")
            (seen if second.get(order_id) != first.get(order_id) else unseen).append(kind)
    note = f"found by the sweep: {', '.join(seen) or 'none'}"
    if unseen:
        note += f"; the simulated platform does not show: {', '.join(unseen)}"
    return Tried(wrong, note, None if seen or wrong else "not tried")


FAULTS = ("429", "503", "torn", "throttled", "expired-token", "shifted-page", "late", "drop-after", "500-after")


def whole_day(subject: Subject, folder: Path) -> Tried:
    """Twelve hours with edits, late changes and faults, window by window, held against the truth."""
    told = way(subject.name)
    faults = [kind for kind in FAULTS if told.renews or kind != "expired-token"]
    settings = {"ends": None, "rate": 20.0, "pace": 0.2, "late": 0.1, "bursts": 0.05}
    found = day(
        subject.shop(**settings), subject.account, dict(subject.options), folder, hours=12, step=1,
        faults=rules(*faults, share=0.2, path=told.orders),
    )  # fmt: skip
    wrong = [
        f"{len(orders)} {what}: {', '.join(map(str, sorted(map(str, orders))[:3]))}"
        for what, orders in (
            ("missing", found.missing()), ("twice", found.twice()), ("invented", found.invented()),
            ("without their last change", found.stale()), ("with another total or lines", found.differing()),
            ("refused wrongly", found.misjudged()),
        )
        if orders
    ]  # fmt: skip
    return Tried(wrong, f"{len(found.truth)} orders, {found.retries} requests repeated: 0 missing, 0 twice")


def _measured(pages: list[Page], calls: int, orders: int) -> dict[str, str]:
    """How the platform was paged through, as the cursors show it, and what the orders cost besides their list."""
    cursor = next(page.cursor for page in pages if page.cursor is not None)
    shown = json.dumps(cursor)
    by = {
        "offset": '"offset"' in shown,
        "cursor": isinstance(cursor, str) or '"after"' in shown,
        "key": "behind" in shown,
    }
    if calls >= orders:
        details = "one by one"
    else:
        details = "in batches" if calls > len(pages) + 2 else "none: the list holds all"
    return {"paging": next((name for name, fits in by.items() if fits), "page"), "details": details}


def _spread(at: Scene, count: int) -> list[str]:
    """So many orders, a few in each second from the beginning on; leaves the clock within the first hour."""
    found: list[str] = []
    while len(found) < count:
        found += at.put(min(7, count - len(found)))
        at.now += SECOND
    return found


def _ids(at: Scene, where: str) -> list[str]:
    return [at.id_of(record.data) for record in landing.records(Path(where))]


def _hashes(where: str) -> dict[str, bytes]:
    """Content and contacts of each cleaned order, as one value."""
    return {
        row["order_id"]: row["content_hash"] + row["contacts_hash"]
        for path in sorted(Path(where).glob("orders-*.arrow"))
        for row in feather.read_table(path, columns=["order_id", "content_hash", "contacts_hash"]).to_pylist()
    }


def _refused(at: Scene, where: str) -> dict[str, set[str]]:
    """Why orders of a batch may not go on, by id."""
    found: dict[str, set[str]] = {}
    for path in sorted(Path(where).glob("verdicts-*.arrow")):
        for row in feather.read_table(path).to_pylist():
            if row["severity"] == "refuse":
                found.setdefault(row["order_id"], set()).add(row["code"])
    names = {record.ordinal: at.id_of(record.data) for record in landing.records(Path(where))}
    for path in sorted(Path(where).glob("unreadable-*.arrow")):
        for row in feather.read_table(path).to_pylist():
            found.setdefault(names[row["ordinal"]], set()).add(row["code"])
    return found


def _among(total: str, told: Collection[str | None]) -> bool:
    return any(each is not None and Decimal(each) == Decimal(total) for each in told)
