"""Reconciliation: a channel's business day as three sides see it, every difference with its cause, and the certificate.

The sides are the channel (by a list of its own, made by created time), staging, and the OMS (by look-up). A day is a
calendar day in the channel's time zone; orders belong to the day in which they were created.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, Protocol, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from orderflow.domain.source import OrderStub
from orderflow.domain.target import OmsOrder
from orderflow.domain.window import Window

Kind: TypeAlias = Literal["waits", "repaired", "held", "wrong"]
"""What becomes of a difference: time heals it; reconciliation repairs it; it is accounted for elsewhere, where somebody
decides; or nothing accounts for it and a person has to look."""

Name: TypeAlias = Literal[
    "not_yet_due", "changed_since", "waiting", "missed", "missed_change", "quarantined", "discarded", "refused_by_oms",
    "before_since", "shadow", "not_sent", "channel_differs", "unknown_to_channel", "oms_missing", "oms_differs",
]  # fmt: skip


class Cause(msgspec.Struct, frozen=True):
    """Why an order stands in a certificate, and who does what about it."""

    kind: Kind
    meaning: str
    cure: str


CAUSES: dict[Name, Cause] = {
    "not_yet_due": Cause(
        "waits",
        "the channel lists it, and the windows that bring it are not all loaded yet",
        "nothing to do: the next windows, or healing, bring it",
    ),
    "changed_since": Cause(
        "waits",
        "the channel changed it after our last look, and the window with that change is not loaded yet",
        "nothing to do: the next window brings the change",
    ),
    "waiting": Cause(
        "waits",
        "staging holds it, and its newest version is on its way to the OMS",
        "nothing to do while deliveries go on; else look at the channel's sync task",
    ),
    "missed": Cause(
        "repaired",
        "the windows that should have brought it are loaded, and staging does not hold it",
        "it is pulled by its id at once; if that did not help, the channel lists an order that it does not hand out",
    ),
    "missed_change": Cause(
        "repaired",
        "staging holds it in an older or another state than the channel's list, and no window is still to bring that",
        "it is pulled by its id at once; look at the adapter's `blind` changes if it happens often",
    ),
    "quarantined": Cause(
        "held",
        "it broke a rule and waits in quarantine",
        "see its reasons in quarantine, and correct, waive or discard it there",
    ),
    "discarded": Cause(
        "held",
        "somebody decided in quarantine that it goes no further",
        "nothing to do; the decision, by whom and why, stands in quarantine",
    ),
    "refused_by_oms": Cause(
        "held",
        "the OMS did not take its newest version",
        "the OMS's reason stands in quarantine; correct the cause and release it there",
    ),
    "before_since": Cause(
        "held",
        "staging holds it, and it was created before `oms.since` of the channel file: it is not handed to the OMS",
        "nothing to do if the OMS has it from what was there before; orderflow channel live hands over what it lacks",
    ),
    "shadow": Cause(
        "held",
        "staging holds it, and it was never queued for the OMS: the channel ran in shadow when it came",
        "nothing to do if that was meant; orderflow channel live hands over what was staged before",
    ),
    "not_sent": Cause(
        "wrong",
        "the OMS has not got its newest version, and nothing is on its way or waits in quarantine",
        "find out who restored or changed the database by hand; orderflow channel live queues the order again",
    ),
    "channel_differs": Cause(
        "wrong",
        "pulled anew it still differs from the channel's own list",
        "a developer compares the adapter's list with its mapping; one of the two reads the order wrongly",
    ),
    "unknown_to_channel": Cause(
        "wrong",
        "staging holds it, and the channel's list does not show it",
        "look in the shop: a deleted order is to be cancelled in the OMS by a person; one that is there means that the "
        "list is incomplete",
    ),
    "oms_missing": Cause(
        "wrong",
        "the OMS took it and does not show it any more",
        "find out in the OMS who removed or archived it; it is not sent again by itself, because what was archived may "
        "have been shipped",
    ),
    "oms_differs": Cause(
        "wrong",
        "the OMS shows other values than it was sent",
        "find out in the OMS who changed it, and correct it there, or the order on the channel",
    ),
}
"""Every cause there is."""

REPAIRABLE: tuple[Name, ...] = ("missed", "missed_change")

NEVER_LISTED = "has no list of its own to compare with, so a day is compared between staging and OMS only"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One order on which the sides differ; `field` is empty where a side lacks the order.

    `ours` is what staging holds, `theirs` what the channel's list or the OMS shows: codes, counts and amounts, never a
    buyer's data.
    """

    order_id: str
    cause: Name
    field: str | None = None
    ours: str | None = None
    theirs: str | None = None
    note: str | None = None
    repaired: bool = False


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What one side holds of the day. `sums` are grand totals by currency, over the orders that tell an amount."""

    compared: bool
    how: str
    """Where the figures come from, or why there are none."""
    orders: int = 0
    without_amount: int = 0
    sums: dict[str, str] = {}


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Orders with one cause, and how many of them are repaired."""

    orders: int
    repaired: int = 0


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger proves of the span in which this day's orders had to come."""

    span: str
    """ISO interval: the day moved by settle lag, and lengthened by the lookback."""
    share: float
    """Proven part of the span, 0 to 1; what lies in the future counts as not proven."""
    windows: dict[str, int]
    """Windows of the span, by state."""
    gaps: list[str]
    unreachable: list[str]


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of one day. `number` is its place in the channel's chain, 0 for one that was not kept (a dry run).

    `settled`: the day is over, all of its windows are loaded, and nothing is still on its way; else `provisional`, for
    the reasons in `open`.
    """

    channel: str
    title: str
    platform: str
    target: str
    day: date
    timezone: str
    start: datetime
    end: datetime
    number: int
    revision: int
    made_at: datetime
    run_id: str
    state: Literal["settled", "provisional"]
    open: list[str]
    sides: dict[str, Side]
    """`channel`, `staging` and `oms`."""
    agreed: int
    """Orders of the day that all compared sides hold alike."""
    differing: int
    """Orders that stand among the differences."""
    unexplained: int
    """Those of them whose difference nothing accounts for and nothing repaired."""
    repaired: int
    causes: dict[Name, Tally]
    coverage: Coverage
    notes: list[str]
    differences_sha256: str
    """Over all differences in their order, one JSON line each."""
    previous_sha256: str | None
    """Of the certificate before this one in the channel's chain."""

    def body(self) -> bytes:
        """What is hashed and kept."""
        return msgspec.json.encode(self, order="deterministic")

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body()).hexdigest()


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a certificate says before anything is counted. A side with a reason in `absent` was not compared."""

    channel: str
    title: str
    platform: str
    target: str
    day: date
    timezone: str
    window: Window
    run_id: str
    now: datetime
    how: Mapping[str, str]
    absent: Mapping[str, str]
    notes: Sequence[str] = ()


class Sides(Protocol):
    """Where the sides meet: a database, so that a day of a million orders needs no memory of ours."""

    def list_channel(self, stubs: Iterable[OrderStub], *, listed_at: datetime) -> int:
        """Take in the channel's list; returns how many orders it names. `listed_at` is when the listing began."""
        ...

    def compare_channel(self) -> None:
        """Find every difference between the channel's list and staging."""
        ...

    def repairable(self) -> Iterator[str]:
        """Ids of the orders to pull anew."""
        ...

    def spans(self, *, around: timedelta) -> list[Window]:
        """Spans of modified time in which the orders to pull anew lie, merged where they come closer than `around`."""
        ...

    def judge_repairs(self) -> int:
        """Find out what became of the orders that were pulled anew; returns how many are repaired."""
        ...

    def ask_oms(self, look_up: Callable[[Sequence[str]], Mapping[str, OmsOrder]], *, size: int) -> int:
        """Look up the day's staged orders, `size` at a time; returns how many the OMS holds."""
        ...

    def compare_oms(self) -> None:
        """Find every difference between staging and what the OMS showed."""
        ...

    def certify(self, head: Head, *, keep: bool) -> Certificate:
        """Count everything; with `keep` write the certificate and its differences as the channel's newest."""
        ...


def business_day(day: date, timezone: str) -> Window:
    """The calendar day in an IANA time zone: 23 or 25 hours long where the clock changes."""
    zone = ZoneInfo(timezone)
    start, end = (datetime.combine(each, time.min, zone).astimezone(UTC) for each in (day, day + timedelta(days=1)))
    return Window(start, end)


def newest_day(timezone: str, now: datetime, *, after: timedelta) -> date:
    """The newest day that was over for at least `after`."""
    return (now - after).astimezone(ZoneInfo(timezone)).date() - timedelta(days=1)


def is_unexplained(difference: Difference) -> bool:
    kind = CAUSES[difference.cause].kind
    return kind == "wrong" or (kind == "repaired" and not difference.repaired)


UNEXPLAINED: tuple[Name, ...] = tuple(name for name, cause in CAUSES.items() if cause.kind in {"wrong", "repaired"})
"""Causes of a difference that nothing accounts for, unless it was repaired."""
