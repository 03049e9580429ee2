"""The staging side's port: one database that holds what every channel last said and what the OMS was told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

from orderflow.domain.batch import Batch
from orderflow.domain.replay import Records
from orderflow.domain.target import Receipt, Submission
from orderflow.domain.window import Window

Table: TypeAlias = Any
"""A `pyarrow.Table`; the domain does not import pyarrow."""

Lines: TypeAlias = Callable[[], Table]
"""Reads the lines of a chunk; called only when an order of the chunk is new or changed."""

STAGED_ORDER = """
    order_id order_number origin is_test order_status payment_status fulfilment_status return_status placed_at
    channel_created_at channel_updated_at paid_at cancelled_at closed_at currency shop_currency taxes_included
    items_total discount_total charge_total tax_total rounding grand_total paid refunded
    shop_items_total shop_discount_total shop_charge_total shop_tax_total shop_rounding shop_grand_total shop_paid
    shop_refunded masking ship_country ship_region ship_postal_prefix document ordinal fetched_at
""".split()  # noqa: SIM905 - a list of one name per line would hide the table
"""Columns of an order that staging keeps as they are; everything else of it is in `document`."""

STAGED_LINE = """
    number line_id kind parent_line_id sku oms_sku product_id variant_id gtin title uom quantity quantity_ordered
    quantity_fulfilled quantity_returned unit_price discount tax total shop_unit_price shop_discount shop_tax
    shop_total fulfilled_by ship_by deliver_by
""".split()  # noqa: SIM905 - as above
"""Columns of a line that staging keeps."""

HASHES = ["content_hash", "contacts_hash", "raw_sha256"]
"""Columns of 32 bytes that a chunk's orders have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One order that may not go on, or one record that names none.

    `ordinal` finds the raw record in the landing zone; `document` is the cleaned order (JSON without contacts).
    `value` is the grand total in whole millionths of `currency`.
    """

    ordinal: int
    source: Literal["validate", "unreadable"]
    reasons: Sequence[dict[str, Any]]
    """`{code, field, value, message}`; values never show a buyer's data."""
    order_id: str | None = None
    document: bytes | None = None
    content_hash: bytes | None = None
    channel_updated_at: datetime | None = None
    value: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a batch, small enough for memory.

    `orders` has one row per accepted order: the columns `STAGED_ORDER` (amounts as int64 millionths, times as
    `timestamp[us, UTC]`, the document as bytes of JSON), `HASHES` and `contacts`. `lines` gives the columns
    `STAGED_LINE` and `order_row`, the row in `orders`.
    """

    orders: Table
    lines: Lines
    refused: Sequence[Refused] = ()


class RawRecord(Protocol):
    """A record of the landing zone."""

    @property
    def ordinal(self) -> int: ...
    @property
    def fetched_at(self) -> datetime: ...
    @property
    def data(self) -> bytes: ...


class Staging(Protocol):
    """What the pipeline needs of staging. Raises `TransientError` when the database cannot be reached."""

    def load(
        self,
        batch: Batch,
        chunks: Iterable[Chunk],
        records: Iterable[RawRecord],
        *,
        deliver: bool,
        since: datetime | None = None,
        recalled: int | None = None,
        held: Mapping[str, str] | None = None,
        holding: Callable[[Mapping[str, str]], None] | None = None,
    ) -> Batch:
        """Write the batch, its quarantine, its outbox rows and its ledger row in one transaction.

        Orders created before `since`, and never owed to the OMS, are not owed to it either.

        `records` is read once, and only when something is refused. Returns the batch with `inserted`, `updated`,
        `unchanged` and `stale`, and with the number of this load among the channel's; orders that the database cannot
        hold move from `accepted` to `quarantined`. `recalled`: the number of a load that staging lost, and that is
        repeated; `held`: orders that it, or another one, held because another channel delivers them (its name by
        their ids). `holding` is called with those that this load holds, before it is committed.
        """
        ...

    def loads(self, channel: str) -> int:
        """The number of the channel's last load; 0 for none."""
        ...

    def records(self, channel: str) -> Records:
        """What a channel's raw records are judged by."""
        ...

    def recalling(self, channel: str, newest: int) -> AbstractContextManager[int]:
        """Be the only one who repeats the channel's loads up to the number `newest`; gives the number staging has."""
        ...

    def forget(self, channel: str, order_ids: Collection[str]) -> None:
        """Forget the buyers of these orders again, of those that come back later as well."""
        ...

    def known(self, channel: str, basis: str, asked: Window) -> Collection[bytes]:
        """SHA-256 of raw records of orders modified within `asked`, as far as they were judged on this basis."""
        ...

    def sender(self, channel: str) -> AbstractContextManager[None]:
        """Be the channel's only sender; waits for another one, and frees itself when the connection is lost."""
        ...

    def claims(self, channel: str, size: int, *, behind: bool = False) -> Iterator[Sequence[Submission]]:
        """What the OMS has not got yet, by order id, `size` at a time: what is live, or what came `behind`.

        Each claim is recorded before it is handed out; nothing is handed out twice by one iterator.
        """
        ...

    def settle(self, receipts: Sequence[tuple[Submission, Receipt]]) -> None:
        """Store the OMS's answers: what it took leaves the outbox, what it refused goes to quarantine as well."""
        ...

    def postpone(self, submissions: Sequence[Submission], error: str) -> None:
        """Keep these pending, with what went wrong; the next attempt waits longer each time."""
        ...

    def pending(self, channel: str) -> int:
        """How many orders the OMS has not got yet."""
        ...

    def synced(self, channel: str, seconds: float) -> int:
        """Mark the loaded windows of which nothing is pending any more; returns how many. The sync took `seconds`."""
        ...
