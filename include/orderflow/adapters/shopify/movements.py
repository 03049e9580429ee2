"""What happened to a Shopify order after it was placed: payments, parcels, refunds and cancelled units."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from orderflow.adapters.shopify.amounts import NOTHING, Pair, is_zero, pair, total
from orderflow.adapters.shopify.statuses import (
    FULFILMENT_STATUS,
    NOT_SENT,
    PAYMENT_KINDS,
    PAYMENT_OUTCOMES,
    PAYMENT_STATUS,
    known,
)
from orderflow.domain.order import Payment, Refund, Shipment
from orderflow.domain.source import Raw


class Gone(NamedTuple):
    """What refund lines say of one order line, over all refunds."""

    refunded: int
    """Units in any refund line."""
    cancelled: int
    """Units of them that will never be shipped."""
    amount: Pair
    """Subtotal of the cancelled units, after discounts, with tax where prices include it."""
    tax: Pair


class Cancellations(NamedTuple):
    """Refund lines, told apart: cancelled units by line, and what was given back without being a cancellation."""

    lines: dict[str, Gone]
    kept: list[tuple[Pair, Pair]]
    """Subtotal and tax of what was refunded but stays part of the order."""


def payments(raw: Raw) -> list[Payment]:
    found = []
    for node in raw["transactions"]:
        kind = known(PAYMENT_KINDS, node, "kind")
        if kind is None:
            continue
        gateway = node["gateway"]
        seen, shop = pair(node["amountSet"])
        found.append(
            Payment(
                payment_id=node["id"],
                kind="gift_card" if gateway == "gift_card" else "cod" if _is_cod(gateway) else kind,
                status=known(PAYMENT_OUTCOMES, node, "status"),
                method=gateway,
                gateway=gateway,
                amount=seen,
                shop_amount=shop,
                at=node["processedAt"],
            )
        )
    return found


def payment_status(raw: Raw) -> str:
    """Shopify's own status; what is pending because the carrier collects it counts as due on delivery."""
    status: str = known(PAYMENT_STATUS, raw, "displayFinancialStatus")
    pending = raw["displayFinancialStatus"] == "PENDING"
    return "cod_due" if pending and any(_is_cod(node["gateway"]) for node in raw["transactions"]) else status


def _is_cod(gateway: str | None) -> bool:
    """Shopify's own name for cash on delivery (schema, `Order.paymentGatewayNames`)."""
    return gateway is not None and gateway.casefold().startswith("cash on delivery")


def shipments(raw: Raw) -> list[Shipment]:
    """One for each fulfilment; cancelled ones keep their status."""
    found = []
    for node in raw["fulfillments"]:
        tracking = node["trackingInfo"]
        found.append(
            Shipment(
                shipment_id=node["id"],
                status=node["status"],
                carrier=tracking[0]["company"] if tracking else None,
                tracking_numbers=[info["number"] for info in tracking if info["number"]],
                shipped_at=node["createdAt"],
                delivered_at=node["deliveredAt"],
                lines=[
                    (part["lineItem"]["id"], str(part["quantity"])) for part in node["fulfillmentLineItems"]["nodes"]
                ],
            )
        )
    return found


def shipped(raw: Raw) -> dict[str, int]:
    """Units by line that have left."""
    units: dict[str, int] = {}
    for node in raw["fulfillments"]:
        if node["status"] not in NOT_SENT:
            for part in node["fulfillmentLineItems"]["nodes"]:
                line = part["lineItem"]["id"]
                units[line] = units.get(line, 0) + (part["quantity"] or 0)
    return units


def fulfilment_status(raw: Raw) -> str:
    """Shopify's own status; what is wholly sent counts as delivered when every parcel of it says so."""
    status: str = known(FULFILMENT_STATUS, raw, "displayFulfillmentStatus")
    parcels = [node["deliveredAt"] for node in raw["fulfillments"] if node["status"] not in NOT_SENT]
    return "delivered" if status == "shipped" and parcels and all(parcels) else status


def refunds(raw: Raw) -> list[Refund]:
    """Money given back. A record without payment is the trace of an order edit, and no refund."""
    found = []
    for node in raw["refunds"]:
        amount = pair(node["totalRefundedSet"])
        if is_zero(amount):
            continue
        found.append(
            Refund(
                refund_id=node["id"],
                reason=node["note"] or None,
                amount=amount[0],
                shop_amount=amount[1],
                at=node["createdAt"],
                lines=[(part["lineItem"]["id"], str(part["quantity"])) for part in node["refundLineItems"]["nodes"]],
            )
        )
    return found


def returned(raw: Raw) -> dict[str, int]:
    """Units by line that came back after they had left."""
    units: dict[str, int] = {}
    for part in _refund_lines(raw):
        if part["restockType"] == "RETURN":
            line = part["lineItem"]["id"]
            units[line] = units.get(line, 0) + part["quantity"]
    return units


def cancellations(raw: Raw, sent: dict[str, int]) -> Cancellations:
    """Tell cancelled units from refunded ones.

    A refund line cancels its units when Shopify says CANCEL (restocked before fulfilment), or when the units were not
    restocked and are neither sent nor waiting to be sent.
    """
    nodes = {node["id"]: node for node in raw["lineItems"]["nodes"]}
    lines: dict[str, Gone] = {}
    kept: list[tuple[Pair, Pair]] = []
    for part in sorted(_refund_lines(raw), key=lambda each: each["restockType"] != "CANCEL"):
        line, units = part["lineItem"]["id"], part["quantity"]
        amount, tax = pair(part["subtotalSet"]), pair(part["totalTaxSet"])
        gone = lines.get(line, Gone(0, 0, NOTHING, NOTHING))
        node, left = nodes[line], sent.get(line, 0)
        stranded = node["quantity"] - left - gone.cancelled - node["unfulfilledQuantity"]
        kind = part["restockType"]
        if kind == "CANCEL" or (kind != "RETURN" and (not left or units <= stranded)):
            lines[line] = Gone(
                gone.refunded + units, gone.cancelled + units, total([gone.amount, amount]), total([gone.tax, tax])
            )
        else:
            lines[line] = gone._replace(refunded=gone.refunded + units)
            kept.append((amount, tax))
    for refund in raw["refunds"]:
        kept += [
            (pair(part["subtotalAmountSet"]), pair(part["taxAmountSet"]))
            for part in refund["refundShippingLines"]["nodes"]
        ]
    return Cancellations(lines, kept)


def vanished(raw: Raw, gone: dict[str, Gone], sent: dict[str, int]) -> dict[str, int]:
    """Units by line that Shopify counts no more, that no refund line names, and that were never sent."""
    found = {}
    for node in raw["lineItems"]["nodes"]:
        if removed := node["quantity"] - node["currentQuantity"]:
            line = node["id"]
            told = gone.get(line, Gone(0, 0, NOTHING, NOTHING))
            unsent = node["quantity"] - told.cancelled - sent.get(line, 0)
            if (units := min(removed - told.refunded, unsent)) > 0:
                found[line] = units
    return found


def _refund_lines(raw: Raw) -> Iterator[dict[str, Any]]:
    for refund in raw["refunds"]:
        yield from refund["refundLineItems"]["nodes"]
