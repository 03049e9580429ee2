"""A simulated order in the words of the Orders API v2026-01-01. Nobody says whether discounts have a minus sign."""

from __future__ import annotations

from typing import Any

from orderflow.sandbox.numbers import total, value
from orderflow.sandbox.platforms.amazon_sp_api.states import (
    SPELLINGS,
    called_off,
    first,
    item_id,
    order_id,
    priced,
    status_of,
)
from orderflow.sandbox.snapshot import Line, Parcel, Snapshot


def order_of(snap: Snapshot, marketplace: str, data: set[str]) -> dict[str, Any]:
    """The order with the datasets that were asked for."""
    status = status_of(snap)
    order: dict[str, Any] = {
        "orderId": order_id(snap.index),
        "orderAliases": [{"aliasId": snap.number, "aliasType": "SELLER_ORDER_ID"}],
        "createdTime": snap.created_at,
        "lastUpdatedTime": snap.modified_at,
        "programs": ["PRIME"] if snap.index % 3 == 0 else [],
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": marketplace, "marketplaceName": "Amazon.com"},
        "orderItems": [_item(snap, line, data) for line in snap.lines],
    }
    if "FULFILLMENT" in data:
        order["fulfillment"] = {
            "fulfillmentStatus": SPELLINGS.get(status, status.upper()),
            "fulfilledBy": "MERCHANT",
            "fulfillmentServiceLevel": "STANDARD",
        }
    if "BUYER" in data and priced(snap):
        order["buyer"] = {
            "buyerName": f"{snap.bill_to.given} {snap.bill_to.family}",
            "buyerEmail": f"v{snap.index}@marketplace.amazon.test",
        }
    if "RECIPIENT" in data and snap.ship_to and snap.status not in {"pending", "on_hold"}:
        order["recipient"] = {"deliveryAddress": _address(snap)}
    if "PROCEEDS" in data and priced(snap):
        order["proceeds"] = _proceeds(snap)
    if "PACKAGES" in data:
        order["packages"] = [_package(snap, parcel) for parcel in snap.parcels]
    return order


def of_another_shop(order: dict[str, Any], snap: Snapshot) -> dict[str, Any]:
    """The same order, sold elsewhere and shipped by Amazon."""
    told = order | {"salesChannel": order["salesChannel"] | {"channelName": "NON_AMAZON"}}
    return told if snap.index % 2 else {name: value for name, value in told.items() if name != "proceeds"}


def _address(snap: Snapshot) -> dict[str, Any]:
    to = snap.ship_to or snap.bill_to
    return {
        "name": f"{to.given} {to.family}",
        "addressLine1": to.street,
        "addressLine2": to.extra,
        "city": to.city,
        "stateOrRegion": to.region,
        "postalCode": to.postcode,
        "countryCode": to.country,
        "phone": to.phone,
    }


def _proceeds(snap: Snapshot) -> dict[str, Any]:
    parts = []
    if value(snap.tip[0]):
        parts = [{"type": "DELIVERY_TIP", "status": "FINALIZED", "subtotal": _money(snap, snap.tip[0])}]
    return {
        **({} if snap.total[0] is None else {"grandTotal": _money(snap, snap.total[0])}),
        "breakdowns": parts,
    }


def _item(snap: Snapshot, line: Line, data: set[str]) -> dict[str, Any]:
    sent, counted = int(value(line.shipped)), int(value(line.quantity))
    item: dict[str, Any] = {
        "orderItemId": item_id(snap, line),
        "quantityOrdered": int(value(line.ever)),
        "product": {
            "asin": f"B0{line.product_id:08d}",
            "title": " ".join(filter(None, (line.title, line.variant))),
            "sellerSku": line.sku,
        },
    }
    if "FULFILLMENT" in data:
        left = 0 if called_off(snap) else max(0, counted - sent)
        item["fulfillment"] = {"quantityFulfilled": sent, "quantityUnfulfilled": left}
    if priced(snap):
        item["product"]["price"] = {"unitPrice": _money(snap, line.unit[0], line)}
        if "PROCEEDS" in data:
            item["proceeds"] = {"breakdowns": _breakdowns(snap, line)}
        if "TAX" in data and not snap.taxes_included:
            item["tax"] = {"taxCollections": [{"model": "MARKETPLACE_FACILITATOR"}]}
    return item


def _breakdowns(snap: Snapshot, line: Line) -> list[dict[str, Any]]:
    bears = first(snap, line)
    less = {"ITEM": line.discount[0], **({"SHIPPING": snap.shipping_discount[0]} if bears else {})}
    tax = {"ITEM": line.tax[0], **({"SHIPPING": snap.shipping_tax[0]} if bears else {})}
    sign = "-" if snap.index % 2 else ""
    parts: list[dict[str, Any]] = [{"type": "ITEM", "subtotal": _money(snap, line.before[0], line)}]
    if bears:
        parts.append({"type": "SHIPPING", "subtotal": _money(snap, snap.shipping[0])})
    for kind, shares, mark in (("DISCOUNT", less, sign), ("TAX", tax, "")):
        if value(total(shares.values())):
            parts.append(
                {
                    "type": kind,
                    "subtotal": _money(snap, mark + total(shares.values()), line),
                    "detailedBreakdowns": [
                        {"subtype": place, "value": _money(snap, f"{mark}{share}", line)}
                        for place, share in shares.items()
                    ],
                }
            )
    return parts


def _package(snap: Snapshot, parcel: Parcel) -> dict[str, Any]:
    ids = {line.line_id: item_id(snap, line) for line in snap.lines}
    return {
        "packageReferenceId": str(parcel.number),
        "packageStatus": {"status": "DELIVERED" if parcel.delivered_at else "IN_TRANSIT"},
        "carrier": parcel.carrier,
        "trackingNumber": parcel.tracking,
        "shipTime": parcel.at,
        "packageItems": [
            {"orderItemId": ids[line_id], "quantity": int(value(units))}
            for line_id, units in parcel.units
            if line_id in ids
        ],
    }


def _money(snap: Snapshot, amount: str | None, line: Line | None = None) -> dict[str, Any]:
    return {"amount": amount, "currencyCode": line.currency if line and line.currency else snap.currency}
