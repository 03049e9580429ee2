"""What is left to send of an order, and the mutation that tells of a parcel.

Every order has one fulfilment order, at one location, with all its lines. Like the published one,
`fulfillmentCreate` knows no idempotency key: told twice, it makes two parcels, as far as units are left.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from orderflow.sandbox.generator import moment
from orderflow.sandbox.order import Shipment
from orderflow.sandbox.platforms import Site
from orderflow.sandbox.platforms.shopify.values import (
    PARTS,
    InOrder,
    Page,
    connection,
    count,
    gid,
    line_number,
    part_number,
    part_of,
)
from orderflow.sandbox.query_plan import Resolver
from orderflow.sandbox.snapshot import Line, Snapshot

_PLACE = 3
"""Number of the one fulfilment order within its order."""


class Payload(NamedTuple):
    """A mutation's answer: what was made, or why not."""

    made: Any
    errors: list[tuple[list[str] | None, str]]


def left(order: Snapshot, line: Line) -> int:
    """Units of a line that can still be sent."""
    returned = (entry for refund in order.refunds for entry in refund.units if entry[0] == line.line_id)
    back = sum(count(entry[1]) for entry in returned)
    return 0 if order.cancelled_at else max(0, count(line.quantity) - max(count(line.shipped), back))


def _status(order: Snapshot) -> str:
    return "OPEN" if any(left(order, line) for line in order.lines) else "CLOSED"


def fulfilment_orders(order: Snapshot, args: Any) -> Page:
    return connection([order], args, lambda one: part_number(one, _PLACE))


def create(site: Site, args: Any) -> Payload:
    """Send what the input names; everything that is left where it names no lines."""
    wanted = args["fulfillment"]
    now = moment(site.clock())
    units: dict[int, int] = {}
    indexes = set()
    for group in wanted["lineItemsByFulfillmentOrder"]:
        index, place = part_of(_number(group["fulfillmentOrderId"], "FulfillmentOrder"))
        version = site.world.held(index, now)
        if version is None or place != _PLACE:
            return _refused(f"Fulfillment order {group['fulfillmentOrderId']} does not exist.")
        indexes.add(index)
        order = site.world.snapshot(version)
        for line_id, quantity in _entries(order, group.get("fulfillmentOrderLineItems")):
            units[line_id] = units.get(line_id, 0) + quantity
    if len(indexes) != 1 or not units or min(units.values()) <= 0:
        return _refused("The fulfillment order is not in an open state.")
    tracking = wanted.get("trackingInfo") or {}
    numbers = tracking.get("numbers") or [tracking.get("number") or ""]
    parcel = Shipment(
        number=0, carrier=tracking.get("company") or "", tracking=",".join(numbers), units=tuple(units.items()), at=now
    )
    index = indexes.pop()
    sent = site.world.dispatch(index, parcel)
    version = site.world.held(index, now)
    if sent is None or version is None:
        return _refused("Invalid fulfillment order line item quantity requested.")
    order = site.world.snapshot(version)
    return Payload(InOrder(order, order.parcels[-1], len(order.parcels) - 1), [])


def _entries(order: Snapshot, named: list[dict[str, Any]] | None) -> list[tuple[int, int]]:
    """Line ids and units; without names everything that is left."""
    if not named:
        return [(line.line_id, units) for line in order.lines if (units := left(order, line))]
    first = line_number(order, 0)
    return [(_number(each["id"], "FulfillmentOrderLineItem") - first, each["quantity"]) for each in named]


def _refused(message: str) -> Payload:
    return Payload(None, [(["fulfillment"], message)])


def _number(text: str, kind: str) -> int:
    digits = text.removeprefix(f"gid://shopify/{kind}/")
    return int(digits) if digits.isascii() and digits.isdigit() else PARTS


SENDING: dict[str, dict[str, Resolver]] = {
    "FulfillmentOrder": {
        "id": lambda order, _: gid("FulfillmentOrder", part_number(order, _PLACE)),
        "status": lambda order, _: _status(order),
        "supportedActions": lambda order, _: ["CREATE_FULFILLMENT"] if _status(order) == "OPEN" else [],
        "assignedLocation": lambda order, _: order,
        "lineItems": lambda order, args: connection(
            [InOrder(order, line) for line in order.lines],
            args,
            lambda at: line_number(at.order, at.part.line_id),
        ),
    },
    "FulfillmentOrderSupportedAction": {"action": lambda action, _: action},
    "FulfillmentOrderAssignedLocation": {"name": lambda *_: "Lager 倉庫", "location": lambda order, _: order},
    "Location": {"id": lambda *_: gid("Location", 1), "name": lambda *_: "Lager 倉庫"},
    "FulfillmentOrderLineItem": {
        "id": lambda at, _: gid("FulfillmentOrderLineItem", line_number(at.order, at.part.line_id)),
        "remainingQuantity": lambda at, _: left(at.order, at.part),
        "totalQuantity": lambda at, _: count(at.part.quantity),
        "lineItem": lambda at, _: at,
    },
    "FulfillmentCreatePayload": {
        "fulfillment": lambda payload, _: payload.made,
        "userErrors": lambda payload, _: payload.errors,
    },
    "UserError": {"field": lambda error, _: error[0], "message": lambda error, _: error[1]},
}
