"""What an OMS with an HTTP interface says of parcels."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlencode

from orderflow.domain.errors import DriftError
from orderflow.domain.fulfilment import Parcel
from orderflow.domain.order import Shipment
from orderflow.domain.source import JsonValue
from orderflow.oms.http.client import Client
from orderflow.oms.http.options import Shipments
from orderflow.oms.http.places import at, text


def parcels(client: Client, how: Shipments, channel: str, since: datetime | None) -> Iterator[Parcel]:
    """Walk the OMS's list to its end. Raises `DriftError` for what cannot be read as a parcel."""
    after, seen = None, set()
    while True:
        asked = {how.channel: channel, how.since: since and since.isoformat(), how.after: after}
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        reply = client.ask("shipments", "GET", f"{how.path}{'&' if '?' in how.path else '?'}{query}")
        entries = at(reply.body, how.shipments)
        if reply.status >= 300 or not isinstance(entries, list):
            raise DriftError(
                f"{client.name}: shipments was answered HTTP {reply.status} without a list at {how.shipments!r}; "
                "compare shipments in the target file with the OMS's documentation"
            )
        yield from (_parcel(client.name, how, entry) for entry in entries)
        following = text(at(reply.body, how.next))
        if not following:
            return
        if following in seen:
            raise DriftError(f"{client.name}: shipments: {how.next!r} leads to the same answer again")
        seen.add(after := following)


def _parcel(name: str, how: Shipments, entry: JsonValue) -> Parcel:
    number, order_id = text(at(entry, how.shipment_id)), text(at(entry, how.order_id))
    recorded = _moment(at(entry, how.recorded_at))
    if not number or not order_id or recorded is None:
        raise DriftError(
            f"{name}: shipments: parcel {number!r} has no {how.shipment_id}, no {how.order_id}, or no "
            f"{how.recorded_at} with an offset; compare shipments in the target file with the OMS's documentation"
        )
    tracking = at(entry, how.tracking_numbers)
    numbers = tracking if isinstance(tracking, list) else [tracking]
    lines = at(entry, how.lines) or []
    inside = [(text(at(line, how.line_id)), text(at(line, how.quantity))) for line in lines]
    if not all(line_id and quantity for line_id, quantity in inside):
        raise DriftError(
            f"{name}: shipments: a line of parcel {number!r} has no {how.line_id} or no {how.quantity}; compare "
            "shipments in the target file with the OMS's documentation"
        )
    return Parcel(
        order_id,
        Shipment(
            shipment_id=number,
            carrier=text(at(entry, how.carrier)),
            tracking_numbers=[str(each) for each in numbers if each],
            shipped_at=text(at(entry, how.shipped_at)),
            lines=[(str(line_id), str(quantity)) for line_id, quantity in inside],
        ),
        recorded,
    )


def _moment(value: JsonValue) -> datetime | None:
    """A moment with its zone; None for what is none."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None
