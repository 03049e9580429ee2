"""The way back: what a channel is told of its orders, once the OMS has decided and shipped.

A *notice* is one thing to tell: a parcel that left, or whether the order is taken at all. Parcels come from the OMS
(`Shipping`), answers from what became of the order; both wait in staging (`Notices`) until the channel (`Fulfilling`)
has taken or refused them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import msgspec

from orderflow.domain.errors import RecordError
from orderflow.domain.order import Shipment

Kind: TypeAlias = Literal["shipment", "response"]


class Response(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether the OMS takes an order: final, and told once."""

    outcome: Literal["accepted", "rejected"]
    oms_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Parcel:
    """One parcel as the OMS tells it. `shipment.shipment_id` is the OMS's own number for it, and stays the same.

    `shipment.lines` names the channel's lines (`line_id`); none at all means everything that was left of the order.
    `recorded_at` (aware) is when the OMS wrote it down: later parcels never have an earlier one.
    """

    order_id: str
    shipment: Shipment
    recorded_at: datetime


@runtime_checkable
class Shipping(Protocol):
    """The side of an OMS target that tells what was shipped."""

    def shipped(self, channel: str, since: datetime | None) -> Iterator[Parcel]:
        """Parcels of the channel recorded at `since` (aware) or later, oldest first; None: all of them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to tell a channel about one order.

    `key` is the same whenever the same thing is told. `document` is the staged order as JSON (`Order`, without
    contacts). `at` (aware) is when it happened in the OMS.
    """

    number: int
    """Where it stands in staging."""
    key: str
    channel: str
    order_id: str
    content: Shipment | Response
    at: datetime
    document: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """The channel's last word on one notice. `reference` is what the channel calls it; `reason` why it refused."""

    outcome: Literal["accepted", "refused"]
    reference: str | None = None
    reason: str | None = None


@runtime_checkable
class Fulfilling(Protocol):
    """An open channel that can be told of parcels, or answers, or both (`Limits.writes_back`)."""

    def fulfil(self, notice: Notice) -> Told:
        """Tell the channel, unless it knows already: the same notice may come again and has one effect.

        A platform that takes an idempotency key gets `notice.key`, or a number out of it; any other is asked first what
        it knows, and the request itself is sent once, never repeated here. Raises `RecordError` for a notice that this
        channel will never take, `TransientError` where the outcome is unknown or time may help.
        """
        ...


class Notices(Protocol):
    """Staging's side: one channel's notices. Raises `TransientError` when the database cannot be reached."""

    def newest(self) -> datetime | None:
        """When the OMS recorded the newest parcel that is known here."""
        ...

    def note(self, parcels: Iterable[Parcel]) -> int:
        """Keep what is new among these; returns how many are. A parcel that was told already is never told again."""
        ...

    def note_responses(self) -> int:
        """Keep an answer for every order that the OMS took, or that was given up, and that has none yet."""
        ...

    def teller(self) -> AbstractContextManager[None]:
        """Be the only process that tells this channel anything."""
        ...

    def untold(self, *, due: bool = True) -> Iterator[Sequence[Notice]]:
        """What the channel has not been told, oldest first; with `due` only what may be tried now.

        What has no staged order is left out, and says so.
        """
        ...

    def claim(self, notice: Notice) -> None:
        """Record an attempt before it is made. Until its outcome is recorded, nothing is tried for some minutes."""
        ...

    def settle(self, notice: Notice, told: Told) -> None:
        """Store the channel's last word."""
        ...

    def hold(self, notice: Notice, why: str) -> None:
        """Leave it open, without an attempt: something has to be put right first."""
        ...

    def postpone(self, notice: Notice, error: str) -> None:
        """Leave it open after an attempt whose outcome is unknown; each waits longer than the one before."""
        ...

    def count_untold(self) -> int:
        """How many notices the channel has not been told yet."""
        ...


def whole_units(line_id: str, quantity: str) -> int:
    """The units of one line of a parcel, for channels that count whole ones; raises `RecordError` for anything else."""
    try:
        units = Decimal(quantity)
    except InvalidOperation:
        units = Decimal(0)
    if not units.is_finite() or units <= 0 or units != units.to_integral_value():
        raise RecordError("QUANTITY_MALFORMED", line_id, quantity, "the channel counts whole units, one at least")
    return int(units)


def key_of(channel: str, kind: Kind, number: str) -> str:
    """The idempotency key of a notice, in hex: `number` is the OMS's number of a parcel, or the id of an order."""
    return hashlib.sha256(f"{channel}|{kind}|{number}".encode()).hexdigest()
