"""Orders that wait in quarantine, put there the way the pipeline puts them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "staging"))

from staged import line, load, order, person, refusal, unreadable

from orderflow.staging.backlog import identify
from orderflow.staging.store import Store

__all__ = ["line", "load", "order", "person", "refused_by", "states", "unreadable", "wait"]

HOSTILE = """"><script>alert(1)</script>"""


def states(staging: Any) -> dict[str, str]:
    """What became of each order in quarantine."""
    with staging, staging.cursor() as cursor:
        cursor.execute("SELECT order_id, state FROM orderflow.quarantine ORDER BY order_id")
        return dict(cursor.fetchall())


def wait(
    store: Store,
    *order_ids: str,
    codes: tuple[str, ...] = ("PAYMENT_STATUS_UNKNOWN",),
    channel: str = "channel_01",
    **fields: Any,
) -> list[int]:
    """Orders with these ids in quarantine, their raw records kept; returns their rows."""
    orders = [order(order_id, **fields) for order_id in order_ids]
    raw = [
        msgspec.json.encode(
            {"id": each.order_id, "buyer": {"name": "王小明", "family": "王"}, "total": "24.50", "sku": "SKU-1"}
        )
        for each in orders
    ]
    load(
        store, channel=channel, landing=f"/landing/{channel}/{order_ids[0]}", raw=raw,
        refused=[refusal(each, number, *codes) for number, each in enumerate(orders)],
    )  # fmt: skip
    return identify(store.connection, order_ids, channel)


def refused_by(store: Store, sku: str, *order_ids: str, channel: str = "channel_01", **fields: Any) -> list[int]:
    """Orders that wait because the map lacks this SKU."""
    return wait(
        store, *order_ids, codes=("SKU_UNMAPPED",), channel=channel,
        lines=[line(1, **{"sku": sku, "title": "紅茶 250 g", "gtin": "4710000000014", **fields})],
    )  # fmt: skip
