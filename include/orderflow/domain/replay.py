"""Replay: raw records read again, and what is known of the orders that they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from orderflow.domain.decision import Decisions
from orderflow.domain.message import said
from orderflow.domain.window import Window

_OLDEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is to be read again: exactly one of these.

    `waiting`: what could fare better than last time. `quarantined`: all that waits in quarantine, or of it only what
    broke the rule `code` or has `sku` on a line. `window`: all that was pulled for a span. `order_ids`, `rows`: single
    orders by id, or by their row in quarantine.
    """

    waiting: bool = False
    quarantined: bool = False
    code: str | None = None
    sku: str | None = None
    window: Window | None = None
    order_ids: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()

    def __str__(self) -> str:
        """The choice in words."""
        if self.window:
            return f"window {self.window}"
        if self.order_ids:
            return said("{n} order by id|{n} orders by id", n=len(self.order_ids))
        if self.rows:
            return said("{n} row of the quarantine|{n} rows of the quarantine", n=len(self.rows))
        if self.waiting:
            return "what could leave quarantine"
        told = [f"reason {self.code}" if self.code else "", f"SKU {self.sku}" if self.sku else ""]
        return " ".join(["quarantined orders", *filter(None, told)])


@dataclass(frozen=True, slots=True)
class Place:
    """Where a raw record lies: in this landing folder, known by its SHA-256; or (without that) all that lies there.

    `quarantine_id` names the row that may hold a sealed copy, for when the landing folder is gone.
    """

    landing: str
    raw_sha256: bytes | None = None
    order_id: str | None = None
    quarantine_id: int | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """The copy of a raw record that stands in quarantine."""

    quarantine_id: int
    fetched_at: datetime
    data: bytes


@dataclass(frozen=True, slots=True)
class Version:
    """What decides which of two records of an order is newer, and whether they are the same one."""

    channel_updated_at: datetime | None
    fetched_at: datetime
    raw_sha256: bytes | None

    def is_older(self, than: Version) -> bool:
        """Whether the other one stands; a record that is read again stands, whatever time is read in it now."""
        if (self.raw_sha256, self.fetched_at) == (than.raw_sha256, than.fetched_at):
            return False
        return (self.channel_updated_at or _OLDEST, self.fetched_at) < (
            than.channel_updated_at or _OLDEST,
            than.fetched_at,
        )


@dataclass(frozen=True, slots=True)
class Known:
    """What staging says of an order: its staged version, and what waits of it in quarantine.

    `document` and `version` are None where nothing is staged, `waiting` (the codes it broke) where nothing waits. The
    documents are canonical orders as JSON, without contacts.
    """

    document: bytes | None = None
    version: Version | None = None
    contacts_hash: bytes | None = None
    content_hash: bytes | None = None
    masking: str | None = None
    waiting: tuple[str, ...] | None = None
    waiting_document: bytes | None = None
    waiting_version: Version | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Quarantine rows that could fare better than last time, the longest waiting first, each with its cause.

    `asked`: a person wants it judged again; `skus`: a pair that it lacked is there; `code`: the mapping, the rules or
    the channel file changed.
    """

    causes: Mapping[int, str]


class Records(Protocol):
    """What staging knows of one channel's orders and of their raw records. Only `remember` writes."""

    def moment(self) -> datetime:
        """Now, by the database's clock."""
        ...

    def choose(self, choice: Choice, fingerprint: str) -> Sequence[Place]:
        """Where the chosen raw records lie."""
        ...

    def waiting_on(self, fingerprint: str) -> Waiting:
        """What is worth judging again, as much of it as one run takes; `fingerprint` see `pipeline.fingerprint`."""
        ...

    def remember(self, quarantine_ids: Sequence[int], fingerprint: str, *, asked_at: datetime) -> None:
        """Write down that these rows were judged by this fingerprint, so that nothing is tried in vain.

        What a person asked for after `asked_at` is still to be done.
        """
        ...

    def span(self, places: Sequence[Place]) -> Window | None:
        """The span of time that brought these records; None where there is none."""
        ...

    def skus(self) -> Mapping[str, str]:
        """The SKU map as it holds now."""
        ...

    def decisions(self) -> Decisions:
        """What people decided about single orders."""
        ...

    def in_landing(self, landing: str) -> Sequence[Place]:
        """The records of a landing folder that stand for an order, for when the folder itself is gone."""
        ...

    def copies(self, quarantine_ids: Sequence[int]) -> Iterator[Copy]:
        """The copies that these quarantine rows hold; rows without one are absent."""
        ...

    def known(self, order_ids: Sequence[str]) -> Mapping[str, Known]:
        """What is known of these orders; those that nobody knows are absent."""
        ...

    def contacts(self, order_ids: Sequence[str]) -> Mapping[str, bytes]:
        """The known contacts of these orders as JSON lists."""
        ...

    def nameless(self, raw_sha256s: Sequence[bytes]) -> frozenset[bytes]:
        """Which of these raw records wait in quarantine without naming an order."""
        ...
