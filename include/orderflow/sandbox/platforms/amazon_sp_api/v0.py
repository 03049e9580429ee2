"""A simulated order in the words of the Orders API v0."""

from __future__ import annotations

from typing import Any

from orderflow.sandbox.numbers import value
from orderflow.sandbox.platforms.amazon_sp_api.states import called_off, first, item_id, order_id, priced, status_of
from orderflow.sandbox.snapshot import Line, Snapshot


def order_of(snap: Snapshot, marketplace: str, *, people: bool) -> dict[str, Any]:
    """A row of `getOrders`; people are shown to a restricted data token alone."""
    counts = [int(value(line.quantity)) for line in snap.lines]
    sent = sum(int(value(line.shipped)) for line in snap.lines)
    row: dict[str, Any] = {
        "AmazonOrderId": order_id(snap.index),
        "SellerOrderId": snap.number,
        "PurchaseDate": snap.created_at,
        "LastUpdateDate": snap.modified_at,
        "OrderStatus": status_of(snap),
        "FulfillmentChannel": "MFN",
        "SalesChannel": "Amazon.com",
        "ShipServiceLevel": snap.method[1],
        "NumberOfItemsShipped": sent,
        "NumberOfItemsUnshipped": max(0, sum(counts) - sent),
        "PaymentMethod": "Other",
        "PaymentMethodDetails": ["Standard"],
        "MarketplaceId": marketplace,
        "OrderType": "StandardOrder",
        "IsBusinessOrder": False,
        "IsPrime": "true" if snap.index % 3 == 0 else False,
        "IsReplacementOrder": "false",
    }
    if priced(snap) and snap.total[0] is not None:
        row["OrderTotal"] = _money(snap, snap.total[0])
    if snap.status not in {"pending", "on_hold"} and snap.ship_to:
        row["ShippingAddress"] = _address(snap, people=people)
    if people and priced(snap):
        row["BuyerInfo"] = {
            "BuyerEmail": f"v{snap.index}@marketplace.amazon.test",
            "BuyerName": f"{snap.bill_to.given} {snap.bill_to.family}",
        }
    return row


def of_another_shop(row: dict[str, Any], snap: Snapshot) -> dict[str, Any]:
    """The same order, sold elsewhere and shipped by Amazon."""
    told = row | {"SalesChannel": "Non-Amazon US", "FulfillmentChannel": "AFN"}
    return told if snap.index % 2 else {name: value for name, value in told.items() if name != "OrderTotal"}


def _address(snap: Snapshot, *, people: bool) -> dict[str, Any]:
    to = snap.ship_to or snap.bill_to
    coarse = {"City": to.city, "StateOrRegion": to.region, "PostalCode": to.postcode, "CountryCode": to.country}
    if not people:
        return coarse
    return {
        "Name": f"{to.given} {to.family}",
        "AddressLine1": to.street,
        "AddressLine2": to.extra,
        "Phone": to.phone,
        **coarse,
    }


def items_of(snap: Snapshot, *, people: bool) -> list[dict[str, Any]]:
    return [_item(snap, line, people=people) for line in snap.lines]


def _item(snap: Snapshot, line: Line, *, people: bool) -> dict[str, Any]:
    item: dict[str, Any] = {
        "ASIN": f"B0{line.product_id:08d}",
        "SellerSKU": line.sku,
        "OrderItemId": item_id(snap, line),
        "Title": " ".join(filter(None, (line.title, line.variant))),
        "QuantityOrdered": 0 if called_off(snap) else int(value(line.quantity)),
        "QuantityShipped": int(value(line.shipped)),
        "IsGift": "false",
        "BuyerRequestedCancel": {"IsBuyerRequestedCancel": "false", "BuyerCancelReason": ""},
    }
    if not priced(snap):
        return item
    relief = value(line.before_tax[0]) - value(line.tax[0])
    shown = not snap.taxes_included and snap.index % 2 and relief > 0
    item |= {
        "ItemPrice": _money(snap, line.before[0], line),
        "ItemTax": _money(snap, line.before_tax[0] if shown else line.tax[0], line),
        "PromotionDiscount": _money(snap, line.discount[0], line),
        "PromotionDiscountTax": _money(snap, f"{relief:f}" if shown else "0", line),
        "PromotionIds": [snap.code] if snap.code and value(line.discount[0]) else [],
        "TaxCollection": {} if snap.taxes_included else {"Model": "MarketplaceFacilitator"},
    }
    if first(snap, line):
        item |= {
            "ShippingPrice": _money(snap, snap.shipping[0]),
            "ShippingTax": _money(snap, snap.shipping_tax[0]),
            "ShippingDiscount": _money(snap, snap.shipping_discount[0]),
            "ShippingDiscountTax": _money(snap, "0"),
        }
        if people and value(snap.tip[0]):
            item["BuyerInfo"] = {"GiftWrapPrice": _money(snap, snap.tip[0]), "GiftWrapTax": _money(snap, "0")}
    return item


def _money(snap: Snapshot, amount: str | None, line: Line | None = None) -> dict[str, Any]:
    return {"CurrencyCode": line.currency if line and line.currency else snap.currency, "Amount": amount}
