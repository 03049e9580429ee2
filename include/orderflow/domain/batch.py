"""The batch: the receipt that travels from task to task, with its counts and the law that binds them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from orderflow.domain.errors import BalanceError
from orderflow.domain.window import Window

Purpose: TypeAlias = Literal["window", "repair", "sweep", "replay", "hint"]
"""Why a batch was pulled. A `window` proves a span of time; the others bring single orders by their ids, or again from
the landing zone: `repair` what reconciliation missed, `sweep` what is not final, `replay` what lies there already,
`hint` what a webhook named."""


DURATIONS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds, in seconds, between which calls are counted by what they took."""
_BOUNDS = (*(f"{bound:g}" for bound in DURATIONS), "+Inf")


class Endpoint(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What one endpoint of the other side cost during a batch. Seconds and bytes are sums."""

    calls: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    bytes: int = 0
    retries: int = 0
    throttled_seconds: float = 0.0
    statuses: dict[str, int] = msgspec.field(default_factory=dict)
    """Calls by HTTP status (`"200"`), or by `"error"` where no answer came."""
    durations: dict[str, int] = msgspec.field(default_factory=dict)
    """Calls by the upper bound in seconds of what they took: one of `DURATIONS`, or `"+Inf"`; not cumulated."""

    def answered(self, status: str, seconds: float, size: int) -> None:
        """Count one call, with or without an answer of `size` bytes."""
        self.calls += 1
        self.seconds += seconds
        self.slowest = max(self.slowest, seconds)
        self.bytes += size
        self.statuses[status] = self.statuses.get(status, 0) + 1
        bound = _BOUNDS[bisect_left(DURATIONS, seconds)]
        self.durations[bound] = self.durations.get(bound, 0) + 1


class Counts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many orders each stage took in and gave out.

    fetched = cleaned + duplicates + unreadable          (clean)
    cleaned = accepted + quarantined                     (validate)
    accepted = inserted + updated + unchanged + stale    (load)
    """

    pages: int = 0
    bytes: int = 0
    """Bytes of raw records, before compression."""
    fetched: int = 0
    """Raw records that extract wrote down."""
    duplicates: int = 0
    """Records that a newer (or equal) version of the same order in the same batch replaced."""
    unreadable: int = 0
    """Records that could not be mapped; quarantined with their reason."""
    cleaned: int = 0
    known: int = 0
    """Of the cleaned (and accepted, and unchanged) ones: those whose raw record staging holds, judged on the same basis
    before; they were not judged again."""
    accepted: int = 0
    quarantined: int = 0
    """Orders that broke a rule of severity `refuse`, without the unreadable ones."""
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    stale: int = 0
    """Older than what staging holds already."""


class StepCount(msgspec.Struct, frozen=True, kw_only=True):
    """What one step of cleaning did to one column of a batch: how many values there were before and after it."""

    rule: str
    field: str
    """Table and field, such as `lines.title`."""
    before: int
    after: int
    changed: int


class Batch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Channel x window x run. Small and JSON-able: it travels through XCom; the data lies in the landing zone."""

    channel: str
    window_start: datetime
    window_end: datetime
    run_id: str
    landing: str
    """The batch's own folder in the landing zone, as a path or URL."""
    purpose: Purpose = "window"
    behind: bool = False
    """It catches up (a gap, a backfill, a sweep, a replay): what follows the clock goes to the OMS first."""
    asked_start: datetime | None = None
    asked_end: datetime | None = None
    """The span of modified time that the channel was asked for."""
    counts: Counts = msgspec.field(default_factory=Counts)
    reasons: dict[str, int] = msgspec.field(default_factory=dict)
    """Quarantined orders by rule code (an order with two broken rules counts in both)."""
    warnings: dict[str, int] = msgspec.field(default_factory=dict)
    repairs: dict[str, int] = msgspec.field(default_factory=dict)
    """Values that cleaning changed, by rule."""
    endpoints: dict[str, Endpoint] = msgspec.field(default_factory=dict)
    seconds: dict[str, float] = msgspec.field(default_factory=dict)
    """Wall seconds by stage."""
    notes: list[str] = msgspec.field(default_factory=list)
    """What a person should know: guards that warned, slices that were read twice."""
    steps: list[StepCount] = msgspec.field(default_factory=list)
    """What each step of cleaning did to each column that it changed."""
    basis: str | None = None
    """Fingerprint (hex) of all that decides on the orders that were cleaned: the one of `judged_by`, and the SKU map;
    None where people corrected orders by hand."""
    judged_by: str | None = None
    """Fingerprint of the mapping, the rules and the channel file that judged it."""
    decided_until: datetime | None = None
    """Of a replay: what people decided after this moment is not in it yet."""
    load: int = 0
    """The number of its load among the channel's; 0 before it is loaded."""
    shadow: bool = False
    """It was loaded while the channel delivered nothing; a load that is repeated owes the OMS no more than it did."""
    target: str | None = None
    """The OMS target that it was loaded for; None before it is loaded."""
    held: str | None = None
    """Why a batch guard wants a person to look before this batch is loaded; None: it may go on."""

    @property
    def window(self) -> Window:
        return Window(self.window_start, self.window_end)

    def counted(self, **counts: int) -> Batch:
        """This batch with some counts replaced."""
        return msgspec.structs.replace(self, counts=msgspec.structs.replace(self.counts, **counts))

    def balance(self, stage: str) -> Batch:
        """Check the law of `stage` (`clean`, `validate` or `load`); returns the batch, raises `BalanceError`."""
        c = self.counts
        taken, given = {
            "clean": (c.fetched, {"cleaned": c.cleaned, "duplicates": c.duplicates, "unreadable": c.unreadable}),
            "validate": (c.cleaned, {"accepted": c.accepted, "quarantined": c.quarantined}),
            "load": (
                c.accepted,
                {"inserted": c.inserted, "updated": c.updated, "unchanged": c.unchanged, "stale": c.stale},
            ),
        }[stage]
        if taken != sum(given.values()):
            parts = " + ".join(f"{name} {count}" for name, count in given.items())
            raise BalanceError(
                f"{self.channel} {self.window}: {stage} took {taken} orders but gave {sum(given.values())} ({parts}); "
                "nothing was written; if a task of this run was cleared alone, clear extract with everything after it; "
                f"else keep the landing folder {self.landing} and report this as a fault of Orderflow"
            )
        return self

    def to_json(self) -> dict[str, object]:
        """Plain JSON types, for XCom."""
        plain: dict[str, object] = msgspec.to_builtins(self)
        return plain

    @classmethod
    def from_json(cls, plain: object) -> Batch:
        return msgspec.convert(plain, cls)


def tally(*counts: dict[str, int]) -> dict[str, int]:
    """The sum of several code -> number dictionaries, most frequent first."""
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))
