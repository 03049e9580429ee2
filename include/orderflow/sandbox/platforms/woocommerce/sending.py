"""What a site is told of its orders: meta data and a new status, and the tracking numbers of the extension.

Kept in memory: what was written lasts as long as the server. An order that is set to `completed` sends all that is
left in one parcel, which is how its document shows that it was sent.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request

from orderflow.sandbox.generator import moment
from orderflow.sandbox.order import Shipment
from orderflow.sandbox.platforms import Site


class Written(msgspec.Struct):
    status: str | None = None
    meta_data: list[dict[str, Any]] = []


class Desk:
    """What was written to one shop's orders, by their index."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.extension = bool(site.shop.options.get("shipment_tracking", True))
        self.meta: dict[int, dict[str, Any]] = {}
        self.trackings: dict[int, list[dict[str, Any]]] = {}

    async def put(self, request: Request, index: int) -> None:
        """Write meta data (by key) and status; the order's modified time moves."""
        written = msgspec.json.decode(await request.body(), type=Written)
        kept = self.meta.setdefault(index, {})
        for each in written.meta_data:
            kept[each["key"]] = each["value"]
        now = moment(self.site.clock())
        version = self.site.world.held(index, now)
        units = (
            tuple((item.line_id, item.unshipped) for item in version.order.items if item.unshipped) if version else ()
        )
        if written.status == "completed" and units:
            known = (self.trackings.get(index) or [{}])[-1]
            carrier, tracking = known.get("custom_tracking_provider", ""), known.get("tracking_number", "")
            parcel = Shipment(number=0, carrier=carrier, tracking=tracking, units=units, at=now)
            self.site.world.dispatch(index, parcel)
        else:
            self.site.world.change_order(index, "touch", now)

    async def track(self, request: Request, index: int) -> dict[str, Any]:
        """One more tracking number, whether it is known or not: the extension knows no key."""
        given = msgspec.json.decode(await request.body(), type=dict[str, Any])
        known = self.trackings.setdefault(index, [])
        known.append({"tracking_id": f"{index}-{len(known)}", **given})
        return known[-1]

    def shown(self, index: int, row: bytes) -> bytes:
        """An order's document with the meta data that was written to it."""
        if index not in self.meta:
            return row
        document = msgspec.json.decode(row)
        written = [
            {"id": 900_000 + 64 * index + n, "key": key, "value": value}
            for n, (key, value) in enumerate(self.meta[index].items())
        ]
        document["meta_data"] = [*document["meta_data"], *written]
        return msgspec.json.encode(document)
