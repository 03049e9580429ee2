"""The OMS side's port: submit orders, look them up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import msgspec

from orderflow.domain.life import Stage


def idempotency_key(channel: str, order_id: str, version: int, content_hash: bytes) -> str:
    """`sha256(channel, order_id, version, content)` in hex: the same version of an order always has the same key.

    The version is part of it, because an order that returns to an earlier state (held, released, held again) is news.
    """
    identity = f"{channel}|{version}|{len(order_id)}|{order_id}|".encode()
    return hashlib.sha256(identity + content_hash).hexdigest()


class Submission(msgspec.Struct, frozen=True, gc=False):
    """One version of one order on its way to the OMS.

    `document` is the canonical order as JSON (`Order`, contacts included, plus `channel` and `version`).
    `earlier` tells that an attempt with this key may have reached the OMS already: look before sending again.
    """

    key: str
    channel: str
    order_id: str
    version: int
    document: bytes
    earlier: bool = False


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """The OMS's answer for one key. `reason` says why it refused; `seconds` is the time the OMS took.

    `stage` tells how far the OMS was with the order when this version came; None where it had none, or does not say.
    """

    key: str
    outcome: Literal["accepted", "refused"]
    oms_id: str | None = None
    reason: str | None = None
    seconds: float = 0.0
    stage: Stage | None = None


@dataclass(frozen=True, slots=True)
class OmsOrder:
    """What the OMS holds of an order, for reconciliation. `total` is decimal text.

    `twins` are its ids of further orders with the same order id, cancelled ones apart. There should be none.
    """

    order_id: str
    oms_id: str
    version: int | None = None
    key: str | None = None
    status: str | None = None
    total: str | None = None
    currency: str | None = None
    lines: int | None = None
    twins: tuple[str, ...] = ()

    @property
    def cancelled(self) -> bool:
        return (self.status or "").lower().startswith("cancel")


def one_of_each(found: Iterable[OmsOrder]) -> dict[str, OmsOrder]:
    """What the OMS holds, by order id: of several for one order the newest that is not cancelled, with its twins."""
    held: dict[str, dict[str, OmsOrder]] = {}
    for each in sorted(found, key=_version):
        held.setdefault(each.order_id, {})[each.oms_id] = each
    return {order_id: _first(list(several.values())) for order_id, several in held.items()}


def _first(several: list[OmsOrder]) -> OmsOrder:
    first, *rest = sorted(several, key=lambda each: (each.cancelled, -_version(each)))
    return replace(first, twins=tuple(each.oms_id for each in rest if not each.cancelled))


def _version(order: OmsOrder) -> int:
    return order.version or 0


class Target(Protocol):
    """An OMS. Orders arrive at most once per key, whatever happens to the answer. Threads may share it."""

    def submit(self, submissions: Sequence[Submission]) -> Iterator[Receipt]:
        """Create or update; yields receipts as they come, in any order, exactly one per submission that is settled.

        A submission whose outcome stays unknown gets no receipt and stays pending; what is known is always yielded
        before `TransientError` (down, throttled) or `DeniedError` (credentials) is raised.
        """
        ...

    def look_up(self, channel: str, order_ids: Sequence[str]) -> Mapping[str, OmsOrder]:
        """What the OMS holds for these orders; orders it does not know are absent."""
        ...
