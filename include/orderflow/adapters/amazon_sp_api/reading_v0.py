"""Reads an order of the Orders API v0 and the list of its items. Amounts of an item are those of all its units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orderflow.adapters.amazon_sp_api.parts import Fee, Item, Paid, Reading
from orderflow.adapters.amazon_sp_api.statuses import state_of
from orderflow.adapters.amazon_sp_api.values import TRUE, amount, some
from orderflow.domain.order import Contact
from orderflow.domain.source import Raw

CASH = "COD"
LINES = ("AddressLine1", "AddressLine2", "AddressLine3")
LEVELS = ("District", "Municipality")
"""What stands between the street and the town, and often repeats the town."""
PROGRAMS = {
    "IsAccessPointOrder": "access_point",
    "IsBusinessOrder": "amazon_business",
    "IsGlobalExpressEnabled": "global_express",
    "IsISPU": "in_store_pick_up",
    "IsPremiumOrder": "premium",
    "IsPrime": "prime",
    "IsReplacementOrder": "replacement",
    "IsSoldByAB": "sold_by_amazon_business",
}
EXT = {
    "OrderType": "order_type",
    "SalesChannel": "sales_channel",
    "SellerOrderId": "seller_order_id",
    "ShipServiceLevel": "service_level",
    "ElectronicInvoiceStatus": "electronic_invoice_status",
    "MarketplaceId": "marketplace_id",
}


def read(raw: Raw) -> Reading:
    """Raises `KeyError`, `TypeError` or `RecordError` for another shape."""
    order = raw["order"]
    status, shipped = order["OrderStatus"], order.get("EasyShipShipmentStatus")
    stated = amount(order.get("OrderTotal"), "OrderTotal")
    state = state_of("OrderStatus", status)
    if order.get("IsReplacementOrder") in TRUE and stated is None:
        state = state._replace(priced=False)
    by_amazon = order.get("FulfillmentChannel") == "AFN"
    asked = [item["BuyerRequestedCancel"] for item in raw["items"] if item.get("BuyerRequestedCancel")]
    asks = any(each.get("IsBuyerRequestedCancel") in TRUE for each in asked)
    holds = [state.hold] if state.hold else []
    address = order.get("ShippingAddress") or {}
    programs = [program for name, program in PROGRAMS.items() if order.get(name) in TRUE]
    head = {
        "order_id": order["AmazonOrderId"],
        "order_number": order["AmazonOrderId"],
        "parent_id": order.get("ReplacedOrderId") or None,
        "placed_at": order["PurchaseDate"],
        "channel_created_at": order["PurchaseDate"],
        "channel_updated_at": order["LastUpdateDate"],
        "raw_status": {"OrderStatus": status} | ({"EasyShipShipmentStatus": shipped} if shipped else {}),
        "cancel_reason": next((each["BuyerCancelReason"] for each in asked if each.get("BuyerCancelReason")), None),
        "hold_reasons": [*holds, "buyer_asks_to_cancel"] if asks and state.order == "open" else holds,
        "programs": [*(["fba"] if by_amazon else []), *programs],
        "ext": {name: str(order[field]) for field, name in EXT.items() if order.get(field)},
    }
    return Reading(
        head=head,
        state=state._replace(order="on_hold") if asks and state.order == "open" else state,
        marketplace=order.get("MarketplaceId"),
        stated=stated,
        items=[_item(item) for item in raw["items"]],
        fees=(),
        payments=_payments(order),
        ship_by=order.get("LatestShipDate"),
        deliver_by=order.get("LatestDeliveryDate"),
        fulfilled_by="marketplace" if by_amazon else "merchant",
        shipments=[],
        parcels=[shipped] if shipped else [],
        contacts=_contacts(order, address, raw["items"]),
        masked=not (address.get("Name") or address.get("AddressLine1")),
    )


def _item(item: Raw) -> Item:
    gift = item.get("BuyerInfo") or {}
    fees = [
        _fee("shipping", "ShippingPrice", item, "ShippingDiscount", "ShippingTax"),
        _fee("cod", "CODFee", item, "CODFeeDiscount"),
        _fee("gift_wrap", "GiftWrapPrice", gift, tax="GiftWrapTax"),
    ]
    collection = item.get("TaxCollection") or {}
    quantity = str(item["QuantityOrdered"])
    return Item(
        line_id=item["OrderItemId"],
        sku=item.get("SellerSKU") or None,
        asin=item.get("ASIN"),
        title=item.get("Title"),
        uom=(item.get("Measurement") or {}).get("Unit"),
        quantity=quantity,
        ordered=None,
        sent=str(item["QuantityShipped"]) if item.get("QuantityShipped") is not None else None,
        unit=None,
        goods=amount(item.get("ItemPrice"), "ItemPrice"),
        discount=some(item.get("PromotionDiscount"), "PromotionDiscount"),
        tax=some(item.get("ItemTax"), "ItemTax"),
        relief=some(item.get("PromotionDiscountTax"), "PromotionDiscountTax")
        + some(item.get("ShippingDiscountTax"), "ShippingDiscountTax"),
        fees=fees,
        promotions=item.get("PromotionIds") or (),
        by_marketplace=collection.get("Model") == "MarketplaceFacilitator",
    )


def _fee(kind: str, name: str, part: Raw, discount: str = "", tax: str = "") -> Fee:
    return Fee(kind, name, some(part.get(name), name), some(part.get(discount), discount), some(part.get(tax), tax))


def _payments(order: Raw) -> list[Paid]:
    """The parts of a payment where there are several, else how it was paid."""
    parts = [
        Paid(
            part.get("PaymentMethod"),
            amount(part.get("Payment"), "PaymentExecutionDetail"),
            part.get("PaymentMethod") == CASH,
        )
        for part in order.get("PaymentExecutionDetail") or ()
    ]
    method = ",".join(order.get("PaymentMethodDetails") or ()) or order.get("PaymentMethod")
    return parts or [Paid(method, None, order.get("PaymentMethod") == CASH)]


def _contacts(order: Raw, address: Raw, items: Sequence[Raw]) -> list[Contact]:
    buyer, tax = order.get("BuyerInfo") or {}, order.get("BuyerTaxInformation") or {}
    gifts = [(item.get("BuyerInfo") or {}).get("GiftMessageText") for item in items]
    wishes = (order.get("DeliveryPreferences") or {}).get("AddressInstructions")
    note = "\n".join(text for text in (wishes, *gifts) if text) or None
    found: list[Contact] = []
    if address:
        company = address.get("CompanyName") or None
        found.append(_address("ship_to", address, note=note, name=address.get("Name"), company=company))
    if buyer.get("BuyerName") or buyer.get("BuyerEmail"):
        found.append(
            Contact(
                role="sold_to",
                name=buyer.get("BuyerName") or None,
                company=(buyer.get("BuyerTaxInfo") or {}).get("CompanyLegalName") or None,
                email=buyer.get("BuyerEmail") or None,
                note=None if address else note,
            )
        )
    if tax.get("BuyerTaxRegistrationId"):
        found.append(
            _address(
                "bill_to",
                tax.get("BuyerBusinessAddress") or {},
                company=tax.get("BuyerLegalCompanyName") or None,
                tax_id=tax["BuyerTaxRegistrationId"],
            )
        )
    return found


def _address(role: Any, address: Raw, **more: Any) -> Contact:
    return Contact(
        role=role,
        phone=address.get("Phone") or None,
        address=[
            *(address[line] for line in LINES if address.get(line)),
            *(text for level in LEVELS if (text := address.get(level)) and text != address.get("City")),
        ],
        city=address.get("City") or None,
        region=address.get("StateOrRegion") or None,
        postal_code=address.get("PostalCode") or None,
        country=address.get("CountryCode") or None,
        **more,
    )
