"""Batches for staging, made of canonical orders the way the pipeline makes them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa

from orderflow.domain.batch import Batch
from orderflow.domain.order import Contact, Line, Order
from orderflow.domain.staging import Chunk, Refused
from orderflow.domain.window import Window
from orderflow.pipeline import frames
from orderflow.pipeline.cleaning.documents import documents
from orderflow.pipeline.cleaning.typed import type_frames
from orderflow.staging.store import Store

EPOCH = datetime(2026, 3, 1, tzinfo=UTC)
WINDOW = Window(EPOCH, EPOCH + timedelta(hours=1))
EMOJI_ID = "№-１２３-😀"


@dataclass(frozen=True)
class Landed:
    ordinal: int
    fetched_at: datetime
    data: bytes


def at(minute: float) -> str:
    return (EPOCH + timedelta(minutes=minute)).isoformat()


def line(number: int = 1, **fields: Any) -> Line:
    known = {
        "line_id": f"L{number}",
        "sku": f"SKU-{number}",
        "title": "茶杯 ☕",
        "quantity": "2",
        "unit_price": "12.25",
    }
    return Line(number=number, **{**known, "total": "24.5", **fields})


def person(name: str = "王小明", **fields: Any) -> Contact:
    known = {"email": "ming@example.tw", "phone": "+886912345678", "city": "台北市", "country": "TW"}
    return Contact(name=name, **{**known, "address": ["信義路五段7號"], "postal_code": "110", **fields})


def order(order_id: str = "A-1", minute: float | None = 0, **fields: Any) -> Order:
    known: dict[str, Any] = {
        "order_number": f"#{order_id}",
        "currency": "TWD",
        "grand_total": "24.5",
        "items_total": "24.5",
        "placed_at": at(0),
        "channel_created_at": at(0),
        "channel_updated_at": None if minute is None else at(minute),
        "lines": [line()],
        "contacts": [person()],
        "ship_country": "TW",
        "ship_postal_prefix": "1",
        "raw_status": {"status": "已付款"},
    }
    return Order(order_id=order_id, **(known | fields))


def chunk(*orders: Order, fetched: float = 0, first: int = 0, refused: Sequence[Refused] = ()) -> Chunk:
    """Typed tables of these orders, as clean writes them; fetched so many minutes after the epoch."""
    if not orders:
        some = chunk(order())
        return Chunk(some.orders.slice(0, 0), lambda: some.lines().slice(0, 0), refused)
    typed, problems = type_frames(frames.from_orders(list(orders)), "UTC")
    assert not problems.num_rows
    tables = {name: frames.table(typed, name) for name in ("orders", "lines")}
    evidence = {
        **documents(typed)._asdict(),
        "ordinal": pa.array(range(first, first + len(orders)), pa.int64()),
        "raw_sha256": pa.array([hashlib.sha256(msgspec.json.encode(each)).digest() for each in orders], pa.binary(32)),
        "fetched_at": pa.array([EPOCH + timedelta(minutes=fetched)] * len(orders), pa.timestamp("us", "UTC")),
    }
    for name, column in evidence.items():
        tables["orders"] = tables["orders"].append_column(name, column)
    return Chunk(tables["orders"], lambda: tables["lines"], refused)


def refusal(order: Order, ordinal: int = 0, *codes: str) -> Refused:
    part = chunk(order).orders.to_pylist()[0]
    reasons = [{"code": code, "field": "grand_total", "value": "24.5", "message": "…"} for code in codes or ("BAD",)]
    return Refused(
        ordinal=ordinal,
        source="validate",
        reasons=reasons,
        order_id=order.order_id,
        document=part["document"],
        content_hash=part["content_hash"],
        channel_updated_at=part["channel_updated_at"],
        value=part["grand_total"],
        currency=part["currency"],
    )


def unreadable(ordinal: int = 0, order_id: str | None = None) -> Refused:
    reason = {"code": "RECORD_MALFORMED", "field": "lines.0", "value": "NaN\0", "message": "no number"}
    return Refused(ordinal=ordinal, source="unreadable", reasons=[reason], order_id=order_id)


def batch(
    accepted: int = 0, *, quarantined: int = 0, unreadable: int = 0, window: Window = WINDOW, **fields: Any
) -> Batch:
    made = Batch(
        **{
            "channel": "shop_tw",
            "window_start": window.start,
            "window_end": window.end,
            "run_id": "manual__1",
            "landing": "/landing/shop_tw/1",
            **fields,
        }
    )
    return made.counted(accepted=accepted, quarantined=quarantined, unreadable=unreadable)


def load(
    store: Store,
    *orders: Order,
    refused: Sequence[Refused] = (),
    raw: Sequence[bytes] = (),
    fetched: float = 0,
    deliver: bool = True,
    since: datetime | None = None,
    **fields: Any,
) -> Batch:
    """Load one chunk of these orders; `raw` are the raw records by ordinal."""
    source = [each.source for each in refused]
    taken = batch(len(orders), quarantined=source.count("validate"), unreadable=source.count("unreadable"), **fields)
    records = [Landed(number, EPOCH + timedelta(minutes=fetched), data) for number, data in enumerate(raw)]
    parts = [chunk(*orders, fetched=fetched, refused=refused)]
    return store.load(taken, parts, records, deliver=deliver, since=since)


def counts(loaded: Batch) -> tuple[int, int, int, int]:
    c = loaded.counts
    return c.inserted, c.updated, c.unchanged, c.stale
