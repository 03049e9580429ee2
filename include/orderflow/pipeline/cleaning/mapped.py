"""Mapping: raw records become canonical orders, chunk by chunk; what cannot is kept as unreadable, with its reason."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
import pyarrow as pa

from orderflow.domain.decision import Edit
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Order
from orderflow.domain.source import Raw, misshapen
from orderflow.pipeline import frames as fr
from orderflow.pipeline.cleaning.edits import Change, Edits, edited
from orderflow.pipeline.landing import Record

CHUNK_ORDERS = 5_000
CHUNK_BYTES = 16 * 1024 * 1024
STRIP_ORDERS = 80
"""Orders that are turned into columns together: as many as the processor's cache holds."""

UNREADABLE = pa.schema(
    [
        ("ordinal", pa.int64()),
        ("order_id", pa.string()),
        ("code", pa.string()),
        ("field", pa.string()),
        ("value", pa.string()),
        ("message", pa.string()),
        ("raw_sha256", pa.binary(32)),
    ]
)
"""Records that could not be mapped; `order_id` is null where not even that could be read."""

EVIDENCE: dict[str, pa.DataType] = {
    "ordinal": pa.int64(),
    "fetched_at": fr.TIMESTAMP,
    "page_origin": pa.string(),
    "raw_sha256": pa.binary(32),
}
"""The columns of evidence, as they stand beside the orders' own."""

Decode: TypeAlias = Callable[[bytes], Any]

_decode = msgspec.json.Decoder(Raw, float_hook=str).decode
_WRONG = (TypeError, ValueError, OverflowError, pa.ArrowException)
"""What frames raise for values of other types than their classes declare."""
_NO_EDITS: Edits = {}


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """Where an order comes from: its place in the batch, its page, and the SHA-256 of its raw record."""

    ordinal: int
    fetched_at: datetime
    page_origin: str
    raw_sha256: bytes


@dataclass(slots=True)
class Chunk:
    """Frames of mapped orders, the evidence of each, and the records that could not be read."""

    strips: list[fr.Strip] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    unreadable: list[dict[str, Any]] = field(default_factory=list)
    edits: list[tuple[int, Change]] = field(default_factory=list)
    """What people corrected, by the ordinal of its record."""
    misplaced: list[tuple[int, str]] = field(default_factory=list)
    """Paths of edits that lead nowhere, by the ordinal of their record."""
    records: int = 0
    known: int = 0
    """Records, not among `records`, that staging holds as they are."""
    bytes: int = 0

    @property
    def full(self) -> bool:
        return self.records >= CHUNK_ORDERS or self.bytes >= CHUNK_BYTES

    def take(self) -> fr.Frames:
        """The orders as one set of frames, their evidence beside them in `orders`; the chunk keeps no copy."""
        frames = fr.joined(self.strips)
        self.strips = []
        columns = zip(*map(msgspec.structs.astuple, self.evidence), strict=True) if self.evidence else [()] * 4
        for (name, kind), column in zip(EVIDENCE.items(), columns, strict=True):
            frames["orders"][name] = pa.array(column, kind)
        return frames

    def edit(self, order: Order, edits: Sequence[Edit], ordinal: int) -> Order:
        """The order as people corrected it."""
        order, changes, misplaced = edited(order, edits)
        self.edits += [(ordinal, change) for change in changes]
        self.misplaced += [(ordinal, path) for path in misplaced]
        return order

    def rows(self) -> dict[int, int]:
        """The row of each order by the ordinal of its record."""
        return {source.ordinal: row for row, source in enumerate(self.evidence)}

    def refuse(self, evidence: Evidence, error: RecordError, order_id: str | None = None) -> None:
        """Keep the reason why a record gives no order."""
        self.unreadable.append(
            {
                "ordinal": evidence.ordinal,
                "order_id": order_id,
                "code": str(error.code),
                "field": str(error.field),
                "value": None if error.value is None else str(error.value)[:200],
                "message": str(error.message),
                "raw_sha256": evidence.raw_sha256,
            }
        )

    def add(self, orders: list[Order], evidence: list[Evidence]) -> None:
        """Take in mapped orders; one whose values have wrong types becomes unreadable first."""
        try:
            strip = fr.strip(orders)
        except _WRONG:
            orders, evidence = self._with_right_types(orders, evidence)
            strip = fr.strip(orders)
        self.strips.append(strip)
        self.evidence += evidence

    def _with_right_types(self, orders: list[Order], evidence: list[Evidence]) -> tuple[list[Order], list[Evidence]]:
        kept: list[Order] = []
        kept_evidence: list[Evidence] = []
        for order, source in zip(orders, evidence, strict=True):
            if error := _type_error(order):
                self.refuse(source, error, order.order_id)
            else:
                kept.append(order)
                kept_evidence.append(source)
        return kept, kept_evidence


def chunks(
    records: Iterable[Record],
    to_order: Callable[[Any], Order],
    *,
    decode: Decode,
    see: Callable[[int, bytes], None],
    order_id: Callable[[Raw], str | None] = lambda _: None,
    edits: Edits = _NO_EDITS,
    known: Collection[bytes] = frozenset(),
) -> Iterator[Chunk]:
    """Decode and map the records, a chunk at a time, and put in what people corrected.

    Records whose SHA-256 is `known` are only counted. `see` is shown every record that is an object; `order_id` names
    the order of a record that gives none. Orders become frames some at a time, so that memory is that of one chunk's
    frames. A mapping refuses a record with `RecordError`; whatever else it raises is a fault of the mapping and refuses
    that record alone.
    """
    chunk = Chunk()
    orders: list[Order] = []
    evidence: list[Evidence] = []
    with _collector_paused():
        for record in records:
            data = record.data
            if record.sha256 in known:
                see(record.ordinal, data)
                chunk.known += 1
                continue
            source = Evidence(record.ordinal, record.fetched_at, record.origin, record.sha256)
            try:
                raw = decode(data)
                see(record.ordinal, data)
                order = mapped(raw, to_order)
                if edits and (found := edits.get(order.order_id)):
                    order = chunk.edit(order, found, record.ordinal)
                orders.append(order)
                evidence.append(source)
            except RecordError as error:
                chunk.refuse(source, error, named(data, order_id))
            chunk.records += 1
            chunk.bytes += len(data)
            full = chunk.full
            if full or len(orders) >= STRIP_ORDERS:
                chunk.add(orders, evidence)
                orders, evidence = [], []
            if full:
                yield chunk
                chunk = Chunk()
    if chunk.records or chunk.known:
        chunk.add(orders, evidence)
        yield chunk


@contextmanager
def _collector_paused() -> Iterator[None]:
    """No cyclic garbage collection: decoded records hold no cycles, and walking them costs a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def decoded(data: bytes) -> Raw:
    """The record as an object; raises `RecordError` where it is none."""
    try:
        return _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError("RECORD_MALFORMED", "", None, f"the record is no JSON object: {error}") from error


def decoder(record: type[msgspec.Struct] | None) -> Decode:
    """Reads records into what the adapter's mapping takes; raises what `decoded` raises, and where one lacks fields."""
    if record is None:
        return decoded
    read = msgspec.json.Decoder(record, float_hook=str).decode

    def decode(data: bytes) -> Any:
        try:
            return read(data)
        except msgspec.ValidationError as error:
            decoded(data)
            raise misshapen(error) from None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return decoded(data)

    return decode


def named(data: bytes, order_id: Callable[[Raw], str | None]) -> str | None:
    """The order's id, where even a record that cannot be mapped shows it."""
    try:
        return str(order_id(decoded(data)) or "") or None
    except Exception:  # noqa: BLE001 - a record that cannot be mapped may lack anything, its id included
        return None


def mapped(raw: Any, to_order: Callable[[Any], Order]) -> Order:
    """The record's order; whatever the mapping raises is a `RecordError`."""
    try:
        order = to_order(raw)
    except RecordError:
        raise
    except Exception as error:
        raise RecordError("MAPPING_FAILED", "", None, f"the mapping failed: {_place(error)}") from error
    if not isinstance(order, Order):
        raise RecordError("MAPPING_FAILED", "", None, f"the mapping returned a {type(order).__name__}, not an Order")
    if not isinstance(order.order_id, str) or not order.order_id.strip() or "\x00" in order.order_id:
        raise RecordError("ORDER_ID_MISSING", "order_id", None, "the mapping gave no order id")
    return order


def _place(error: Exception) -> str:
    """Type and place of an error, without its message: that may quote the record."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {'/'.join(last.filename.rsplit('/', 2)[1:])}, line {last.lineno} ({last.name})"


def _type_error(order: Order) -> RecordError | None:
    """What stands where the class declares another type, if anything that no frame can hold."""
    try:
        fr.strip([order])
    except _WRONG as failure:
        try:
            msgspec.json.decode(msgspec.json.encode(order), type=Order)
        except msgspec.ValidationError as error:
            wrong, _, path = str(error).partition(" - at `$.")
            return RecordError("TYPE_WRONG", path.rstrip("`"), None, f"the mapping left a wrong type: {wrong}")
        except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
            return RecordError(
                "TYPE_WRONG", "", None, f"the mapping left what JSON cannot hold: {type(error).__name__}"
            )
        return RecordError("TYPE_WRONG", "", None, f"the mapping left a wrong type: {type(failure).__name__}")
    return None
