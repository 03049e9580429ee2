"""Tells Amazon of a package: `confirmShipment` of Orders v0, which stays when the rest of v0 goes.

A package is known by `packageReferenceId`, a positive number of the seller's choice: sent again, it edits the package
(developer-docs.amazon.com/sp-api/docs/confirm-the-shipment-status), so a notice may be told twice without harm.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from decimal import Decimal

import msgspec

from orderflow.adapters.amazon_sp_api import Options
from orderflow.adapters.amazon_sp_api.asking import Asking, is_id
from orderflow.domain.errors import RecordError
from orderflow.domain.fulfilment import Notice, Told, whole_units
from orderflow.domain.order import Order, Shipment
from orderflow.domain.source import JsonValue

OTHER = "Other: "
"""A carrier that Amazon has no code for is named `Other: Zebra` in the channel file."""


class _Channel(msgspec.Struct, rename="camel"):
    marketplace_id: str


class _Sale(msgspec.Struct, rename="camel"):
    sales_channel: _Channel


class _Whole(msgspec.Struct):
    order: _Sale


class _Row(msgspec.Struct, rename="pascal"):
    marketplace_id: str


class _Payload(msgspec.Struct):
    payload: _Row


def confirm(asking: Asking, options: Options, notice: Notice) -> Told:
    """Confirm the package; its reference is the number out of the notice's key."""
    parcel = notice.content
    if not isinstance(parcel, Shipment):
        raise RecordError("NOTICE_UNKNOWN", "content", None, "Amazon is told of packages only")
    if not parcel.tracking_numbers or not parcel.carrier:
        raise RecordError(
            "TRACKING_MISSING",
            "tracking_numbers",
            None,
            "Amazon wants carrier and tracking number of every package",
        )
    if not is_id(notice.order_id):
        raise RecordError("ORDER_UNKNOWN", "order_id", notice.order_id, "Amazon's orders are named 111-1234567-1234567")
    reference = str(int(notice.key[:12], 16) + 1)
    items = [{"orderItemId": line_id, "quantity": units} for line_id, units in _units(parcel, notice.document)]
    if not items:
        raise RecordError("NOTHING_LEFT", "lines", None, "no line of the order is left to send")
    asking.send(
        f"/orders/v0/orders/{notice.order_id}/shipmentConfirmation",
        {
            "marketplaceId": _marketplace(asking, options, notice.order_id),
            "packageDetail": {
                "packageReferenceId": reference,
                **_carrier(parcel.carrier),
                "trackingNumber": parcel.tracking_numbers[0],
                "shipDate": parcel.shipped_at or notice.at.astimezone(UTC).isoformat(),
                "orderItems": items,
            },
        },
        wanted="the confirmation of a package",
    )
    return Told("accepted", reference=reference)


def _carrier(name: str) -> dict[str, str]:
    if name.startswith(OTHER):
        return {"carrierCode": "Other", "carrierName": name.removeprefix(OTHER)}
    return {"carrierCode": name}


def _units(parcel: Shipment, document: bytes) -> Iterator[tuple[str, int]]:
    """Units by order item; of a package without lines, everything that was not sent when the order was last read."""
    if parcel.lines:
        yield from ((line_id, whole_units(line_id, quantity)) for line_id, quantity in parcel.lines)
        return
    for line in msgspec.json.decode(document, type=Order).lines:
        left = Decimal(line.quantity or 0) - Decimal(line.quantity_fulfilled or 0)
        if line.line_id and left > 0:
            yield line.line_id, whole_units(line.line_id, f"{left:f}")


def _marketplace(asking: Asking, options: Options, order_id: str) -> JsonValue:
    """The order's marketplace; asked for only where the channel has several."""
    if len(options.marketplaces) == 1:
        return options.marketplaces[0]
    if options.version == "v0":
        old = asking.single(f"/orders/v0/orders/{order_id}", _PAYLOAD, wanted="one order")
        found = old.payload.marketplace_id if old else None
    else:
        new = asking.single(f"/orders/2026-01-01/orders/{order_id}", _WHOLE, wanted="one order")
        found = new.order.sales_channel.marketplace_id if new else None
    if not found:
        raise RecordError("ORDER_UNKNOWN", "order_id", order_id, "Amazon does not know this order any more")
    return found


_PAYLOAD = msgspec.json.Decoder(_Payload)
_WHOLE = msgspec.json.Decoder(_Whole)
