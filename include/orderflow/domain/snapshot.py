"""What is known of a channel at one moment, and the kinds of trouble that can be seen in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from orderflow.domain.volume import Flow
from orderflow.domain.window import Window

Kind: TypeAlias = Literal[
    "failed",
    "late",
    "access",
    "refused",
    "held",
    "silent",
    "gap",
    "backlog",
    "slow",
    "throttled",
    "difference",
    "quarantine",
    "version",
    "replay",
    "restored",
    "unsent",
    "config",
]
Severity: TypeAlias = Literal["warning", "critical"]
"""`critical` is told at once, at any hour; a `warning` waits for the end of quiet hours."""

KINDS: Mapping[Kind, Severity] = MappingProxyType(
    {
        "failed": "critical",
        "late": "critical",
        "access": "critical",
        "refused": "critical",
        "held": "warning",
        "silent": "critical",
        "gap": "critical",
        "backlog": "critical",
        "slow": "warning",
        "throttled": "warning",
        "difference": "warning",
        "quarantine": "warning",
        "version": "warning",
        "replay": "warning",
        "restored": "warning",
        "unsent": "critical",
        "config": "critical",
    }
)
"""Every kind with its severity; `access` and `version` only warn while there is time left."""

COVERED: Mapping[Kind, frozenset[Kind]] = MappingProxyType(
    {
        "failed": frozenset({"late", "access", "refused", "silent", "held"}),
        "late": frozenset({"failed", "access", "refused", "silent", "held"}),
        "slow": frozenset({"throttled"}),
        "silent": frozenset({"failed", "late", "access", "refused"}),
        "refused": frozenset({"held"}),
    }
)
"""A kind that follows from, or says the same as, any of these is not raised while one of them is open."""

OURSELVES = "orderflow"
"""Stands in a channel's place for what concerns the watch itself."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Trouble of one kind. `what` is one line without personal data; `facts` are plain JSON values."""

    channel: str
    kind: Kind
    severity: Severity
    what: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """A condition that was raised and is not over, as it was seen last."""

    condition: Condition
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds that a call of one endpoint takes: in the last hour, and usually (the last week's median)."""

    endpoint: str
    now: float
    usual: float


@dataclass(frozen=True, slots=True)
class Money:
    """The value of a usual (median) order in one currency, and which share of all orders is in it."""

    currency: str
    median: Decimal
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What is known of one channel at one moment. Nothing of it names a buyer."""

    due_until: datetime
    """End of the newest tick whose run should be through by now."""
    proven_until: datetime | None = None
    """Newest end of a proven window."""
    started_at: datetime | None = None
    """When the earliest of the latest windows was planned; None: nothing ever ran."""
    done_at: datetime | None = None
    """When a run got through last."""
    error: str | None = None
    """What stopped the latest attempt at a window that is not proven."""
    latest: Sequence[tuple[int, int]] = ()
    """Orders, and how many of them were refused, of the latest windows, newest first."""
    held: int = 0
    held_since: datetime | None = None
    gaps: Sequence[Window] = ()
    """Spans that healing gave up on."""
    flow: Flow = field(default_factory=Flow)
    money: Sequence[Money] = ()
    pending: int = 0
    pending_since: datetime | None = None
    """Live orders that the OMS has not got, and since when the oldest of them waits."""
    speeds: Sequence[Speed] = ()
    throttled: timedelta = timedelta(0)
    """Time spent waiting for the budget in the last hour, by all tasks together."""
    token_ends: datetime | None = None
    """When the account's access ends, where nothing renews it."""
    differences: int = 0
    difference_day: date | None = None
    """Orders of the last week's certificates that no side explains, and the earliest such day."""
    waiting: Mapping[str, tuple[int, Decimal]] = field(default_factory=dict)
    """Orders open in quarantine for longer than a day, and their value, by currency."""
    recalled_at: datetime | None = None
    stood_at: datetime | None = None
    lost: int = 0
    recalled: int = 0
    """When loads were repeated because staging went back (None: not lately), the last load that it had, and how many it
    lacked then and got back."""
    open: Mapping[str, Seen] = field(default_factory=dict)
