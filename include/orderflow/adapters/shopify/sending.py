"""Tells Shopify of a parcel. `fulfillmentCreate` takes no idempotency key (shopify.dev, idempotent requests, 2026-07),
so the order is asked first: units that a fulfilment with the parcel's tracking number holds already are not told again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping

from orderflow.adapters.graph import Graph
from orderflow.adapters.http import words
from orderflow.adapters.shopify import queries
from orderflow.adapters.shopify.shapes import ASKED, CREATION, FulfilmentOrder, OpenLine, Sendable
from orderflow.adapters.shopify.statuses import NOT_SENT
from orderflow.domain.errors import RecordError, TransientError
from orderflow.domain.fulfilment import Notice, Told, whole_units
from orderflow.domain.order import Shipment
from orderflow.domain.source import JsonValue

log = logging.getLogger(__name__)


def tell(graph: Graph, notice: Notice) -> Told:
    """Make the fulfilments that the parcel lacks: one per location that its units are at, as Shopify demands."""
    parcel = notice.content
    if not isinstance(parcel, Shipment):
        raise RecordError("NOTICE_UNKNOWN", "content", None, "Shopify is told of parcels only")
    if not parcel.tracking_numbers:
        raise RecordError(
            "TRACKING_MISSING",
            "tracking_numbers",
            None,
            "without one nobody can tell whether Shopify knows the parcel; give it a number in the OMS",
        )
    order = graph.ask(queries.SENDABLE, {"id": notice.order_id}, ASKED, wanted="what is left to send").order
    if order is None:
        raise RecordError("ORDER_UNKNOWN", "order_id", notice.order_id, "Shopify does not know this order any more")
    told, references = _told(order, parcel)
    wanted = _wanted(parcel, order, told)
    for group in _groups(order, wanted):
        found, response = graph.answered(
            queries.FULFIL,
            {"fulfillment": {**group, "trackingInfo": _tracking(parcel)}},
            CREATION,
            wanted="a fulfilment",
            once=True,
        )
        answer = found.fulfillment_create
        if answer.fulfillment is None:
            said = "; ".join(words(error.message, response) for error in answer.user_errors) or "without a reason"
            raise RecordError("FULFILMENT_REFUSED", "fulfillment", None, f"Shopify refused the parcel: {said}")
        references.append(answer.fulfillment.id)
    return Told("accepted", reference=" ".join(references))


def _told(order: Sendable, parcel: Shipment) -> tuple[Counter[str], list[str]]:
    """Units by line that Shopify knows under this tracking number, and the fulfilments that hold them."""
    units: Counter[str] = Counter()
    known = []
    for each in order.fulfillments:
        numbers = {number for info in each.tracking_info for number in (info.number or "").split(",")}
        if each.status not in NOT_SENT and numbers & set(parcel.tracking_numbers):
            known.append(each.id)
            for line in each.fulfillment_line_items.nodes:
                units[line.line_item.id] += line.quantity
    return units, known


def _wanted(parcel: Shipment, order: Sendable, told: Counter[str]) -> dict[str, int]:
    """Units by line that are still to be told. A parcel without lines holds all that is left."""
    if not parcel.lines:
        return {} if told else {line.line_item.id: line.remaining_quantity for line in _lines(order)}
    wanted: Counter[str] = Counter()
    for line_id, quantity in parcel.lines:
        wanted[line_id] += whole_units(line_id, quantity)
    return {line_id: left for line_id, units in wanted.items() if (left := units - told[line_id]) > 0}


def _lines(order: Sendable) -> Iterator[OpenLine]:
    for each in order.fulfillment_orders.nodes:
        yield from each.line_items.nodes


def _groups(order: Sendable, wanted: Mapping[str, int]) -> Iterator[dict[str, JsonValue]]:
    """The input of one fulfilment per location; nothing is told before all units are found."""
    left = dict(wanted)
    places: dict[str | None, list[JsonValue]] = {}
    waiting = []
    for each in order.fulfillment_orders.nodes:
        taken = []
        for line in each.line_items.nodes:
            units = min(line.remaining_quantity, left.get(line.line_item.id, 0))
            if units and _open(each):
                left[line.line_item.id] -= units
                taken.append({"id": line.id, "quantity": units})
            elif units:
                waiting.append(each.status)
        if taken:
            place = each.assigned_location.location
            group = {"fulfillmentOrderId": each.id, "fulfillmentOrderLineItems": taken}
            places.setdefault(place.id if place else None, []).append(group)
    missing = {line_id: units for line_id, units in left.items() if units}
    if missing and waiting:
        raise TransientError(
            f"Shopify holds what is to be sent back ({', '.join(sorted(set(waiting)))}); release it there; "
            "it is tried again by itself"
        )
    if missing:
        line_id, units = next(iter(missing.items()))
        raise RecordError(
            "NOTHING_LEFT",
            line_id,
            units,
            "Shopify has fewer units of this line left to send: somebody else sent, cancelled or removed it; "
            "compare the order there with the parcel",
        )
    return iter({"lineItemsByFulfillmentOrder": groups} for groups in places.values())


def _open(each: FulfilmentOrder) -> bool:
    return any(action.action == "CREATE_FULFILLMENT" for action in each.supported_actions)


def _tracking(parcel: Shipment) -> dict[str, JsonValue]:
    return {"company": parcel.carrier, "numbers": parcel.tracking_numbers}
