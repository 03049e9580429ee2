"""The demo's way back: the OMS sends some orders of one channel, and the channel is told."""

from __future__ import annotations

from datetime import datetime

import httpx

from orderflow.sandbox.demo.figures import query

CHANNEL = "demo_shopify"
PARCELS = 5

_SENDABLE = """
select o.order_id from orderflow.orders as o
where o.channel = %s and o.order_status = 'open' and o.payment_status = 'paid' and o.fulfilment_status = 'unfulfilled'
    and exists (select from orderflow.receipts as r
                where r.channel = o.channel and r.order_id = o.order_id and r.outcome = 'accepted')
    and not exists (select from orderflow.outbox as b where b.channel = o.channel and b.order_id = o.order_id)
order by o.placed_at desc, o.order_id limit %s
"""
_NOTICES = """
select count(*) as parcels, count(*) filter (where outcome is null) as open, max(settled_at) as settled_at
from orderflow.notices where channel = %s
"""


def ship(dsn: str, oms: str) -> bool:
    """Have the OMS send some of the newest orders; whether it has enough to choose from."""
    orders = [row["order_id"] for row in query(dsn, _SENDABLE, CHANNEL, PARCELS)]
    if len(orders) < PARCELS:
        return False
    body = {"channel": CHANNEL, "order_ids": orders, "stage": "shipped"}
    httpx.put(f"{oms}/_sandbox/stages", json=body, timeout=10).raise_for_status()
    return True


def told(dsn: str) -> datetime | None:
    """When the channel had been told of every parcel; None before."""
    row = query(dsn, _NOTICES, CHANNEL)[0]
    settled: datetime | None = row["settled_at"]
    return settled if row["parcels"] and not row["open"] else None
