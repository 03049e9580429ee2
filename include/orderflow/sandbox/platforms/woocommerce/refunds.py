"""Refunds as WooCommerce shows them below their order."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from orderflow.sandbox.events import EDIT
from orderflow.sandbox.platforms.woocommerce.documents import (
    amount,
    gmt,
    item_id,
    local,
    negative,
    order_id,
    refund_id,
    some,
    taxes,
)
from orderflow.sandbox.snapshot import Return, Snapshot


def refund_documents(snap: Snapshot, zone: ZoneInfo, places: int | None) -> list[dict[str, Any]]:
    """The refunds as `GET /orders/{id}/refunds` shows them, newest first."""
    shown = [place for place, refund in enumerate(snap.refunds) if refund.reason != EDIT]
    return [_refund(snap, place, zone, places) for place in reversed(shown)]


def _refund(snap: Snapshot, place: int, zone: ZoneInfo, places: int | None) -> dict[str, Any]:
    """One refund: the amount positive, its lines negative."""
    refund: Return = snap.refunds[place]
    lines = {line.line_id: line for line in snap.lines}
    items = []
    for n, (line_id, units, net, tax, _) in enumerate(refund.units):
        line = lines.get(line_id)
        if line is None:
            continue
        items.append(
            {
                "id": item_id(snap, 420 + n),
                "name": line.title,
                "product_id": line.product_id,
                "variation_id": line.variant_id,
                "quantity": -int(units),
                "tax_class": "",
                "subtotal": negative(amount(net[0], places)),
                "subtotal_tax": negative(amount(tax[0], places)),
                "total": negative(amount(net[0], places)),
                "total_tax": negative(amount(tax[0], places)),
                "taxes": taxes(negative(tax[0]), negative(tax[0])),
                "sku": line.sku,
                "price": 0,
                "meta_data": [{"id": n + 1, "key": "_refunded_item_id", "value": str(item_id(snap, line_id))}],
            }
        )
    return {
        "id": refund_id(snap, place),
        "parent_id": order_id(snap.index),
        "date_created": local(refund.at, zone),
        "date_created_gmt": gmt(refund.at),
        "amount": amount(refund.amount[0], places),
        "reason": refund.reason,
        "refunded_by": 1,
        "refunded_payment": True,
        "meta_data": [],
        "line_items": items,
        "shipping_lines": []
        if not some(refund.shipping[0])
        else [
            {
                "id": item_id(snap, 419),
                "method_title": snap.method[1],
                "method_id": "flat_rate",
                "instance_id": "1",
                "total": negative(amount(snap.shipping_net[0], places)),
                "total_tax": negative(amount(refund.shipping_tax[0], places)),
                "taxes": [],
                "meta_data": [],
            }
        ],
        "tax_lines": [],
        "fee_lines": [],
    }
