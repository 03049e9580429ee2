"""What happened to a Shopify order after it was placed: payments, parcels, refunds and cancelled units."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from orderflow.adapters.shopify.amounts import NOTHING, Pair, is_zero, pair, total
from orderflow.adapters.shopify.record import Record, RefundItem
from orderflow.adapters.shopify.statuses import (
    FULFILMENT_STATUS,
    NOT_SENT,
    PAYMENT_KINDS,
    PAYMENT_OUTCOMES,
    PAYMENT_STATUS,
    known,
)
from orderflow.domain.order import Payment, Refund, Shipment


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


def payments(raw: Record) -> list[Payment]:
    found = []
    for node in raw.transactions:
        kind = known(PAYMENT_KINDS, node.kind, "kind")
        if kind is None:
            continue
        gateway = node.gateway
        seen, shop = pair(node.amount_set)
        found.append(
            Payment(
                payment_id=node.id,
                kind="gift_card" if gateway == "gift_card" else "cod" if _is_cod(gateway) else kind,
                status=known(PAYMENT_OUTCOMES, node.status, "status"),
                method=gateway,
                gateway=gateway,
                amount=seen,
                shop_amount=shop,
                at=node.processed_at,
            )
        )
    return found


def payment_status(raw: Record) -> str:
    """Shopify's own status; what is pending because the carrier collects it counts as due on delivery."""
    status: str = known(PAYMENT_STATUS, raw.display_financial_status, "displayFinancialStatus")
    pending = raw.display_financial_status == "PENDING"
    return "cod_due" if pending and any(_is_cod(node.gateway) for node in raw.transactions) else status


def _is_cod(gateway: str | None) -> bool:
    """Shopify's own name for cash on delivery (schema, `Order.paymentGatewayNames`)."""
    return gateway is not None and gateway.casefold().startswith("cash on delivery")


def shipments(raw: Record) -> list[Shipment]:
    """One for each fulfilment; cancelled ones keep their status."""
    found = []
    for node in raw.fulfillments:
        tracking = node.tracking_info
        found.append(
            Shipment(
                shipment_id=node.id,
                status=node.status,
                carrier=tracking[0].company if tracking else None,
                tracking_numbers=[info.number for info in tracking if info.number],
                shipped_at=node.created_at,
                delivered_at=node.delivered_at,
                lines=[(part.line_item.id, str(part.quantity)) for part in node.fulfillment_line_items.nodes],
            )
        )
    return found


def shipped(raw: Record) -> dict[str, int]:
    """Units by line that have left."""
    units: dict[str, int] = {}
    for node in raw.fulfillments:
        if node.status not in NOT_SENT:
            for part in node.fulfillment_line_items.nodes:
                line = part.line_item.id
                units[line] = units.get(line, 0) + (part.quantity or 0)
    return units


def fulfilment_status(raw: Record) -> str:
    """Shopify's own status; what is wholly sent counts as delivered when every parcel of it says so."""
    status: str = known(FULFILMENT_STATUS, raw.display_fulfillment_status, "displayFulfillmentStatus")
    parcels = [node.delivered_at for node in raw.fulfillments if node.status not in NOT_SENT]
    return "delivered" if status == "shipped" and parcels and all(parcels) else status


def refunds(raw: Record) -> list[Refund]:
    """Money given back. A record without payment is the trace of an order edit, and no refund."""
    found = []
    for node in raw.refunds:
        amount = pair(node.total_refunded_set)
        if is_zero(amount):
            continue
        found.append(
            Refund(
                refund_id=node.id,
                reason=node.note or None,
                amount=amount[0],
                shop_amount=amount[1],
                at=node.created_at,
                lines=[(part.line_item.id, str(part.quantity)) for part in node.refund_line_items.nodes],
            )
        )
    return found


def returned(raw: Record) -> dict[str, int]:
    """Units by line that came back after they had left."""
    units: dict[str, int] = {}
    for part in _refund_lines(raw):
        if part.restock_type == "RETURN":
            line = part.line_item.id
            units[line] = units.get(line, 0) + part.quantity
    return units


def cancellations(raw: Record, sent: dict[str, int]) -> Cancellations:
    """Tell cancelled units from refunded ones.

    A refund line cancels its units when Shopify says CANCEL (restocked before fulfilment), or when the units were not
    restocked and are neither sent nor waiting to be sent.
    """
    nodes = {node.id: node for node in raw.line_items.nodes}
    lines: dict[str, Gone] = {}
    kept: list[tuple[Pair, Pair]] = []
    for part in sorted(_refund_lines(raw), key=lambda each: each.restock_type != "CANCEL"):
        line, units = part.line_item.id, part.quantity
        amount, tax = pair(part.subtotal_set), pair(part.total_tax_set)
        gone = lines.get(line, Gone(0, 0, NOTHING, NOTHING))
        node, left = nodes[line], sent.get(line, 0)
        stranded = node.quantity - left - gone.cancelled - node.unfulfilled_quantity
        kind = part.restock_type
        if kind == "CANCEL" or (kind != "RETURN" and (not left or units <= stranded)):
            lines[line] = Gone(
                gone.refunded + units, gone.cancelled + units, total([gone.amount, amount]), total([gone.tax, tax])
            )
        else:
            lines[line] = gone._replace(refunded=gone.refunded + units)
            kept.append((amount, tax))
    for refund in raw.refunds:
        kept += [
            (pair(part.subtotal_amount_set), pair(part.tax_amount_set)) for part in refund.refund_shipping_lines.nodes
        ]
    return Cancellations(lines, kept)


def vanished(raw: Record, gone: dict[str, Gone], sent: dict[str, int]) -> dict[str, int]:
    """Units by line that Shopify counts no more, that no refund line names, and that were never sent."""
    found = {}
    for node in raw.line_items.nodes:
        if removed := node.quantity - node.current_quantity:
            line = node.id
            told = gone.get(line, Gone(0, 0, NOTHING, NOTHING))
            unsent = node.quantity - told.cancelled - sent.get(line, 0)
            if (units := min(removed - told.refunded, unsent)) > 0:
                found[line] = units
    return found


def _refund_lines(raw: Record) -> Iterator[RefundItem]:
    for refund in raw.refunds:
        yield from refund.refund_line_items.nodes
