"""An order as eBay shows it, with and without the breakdown of its taxes."""

import copy
from decimal import Decimal

from orderflow.adapters.ebay import ADAPTER, Options


def money(value, currency="USD"):
    return {"value": value, "currency": currency}


def line(number, quantity, cost, after, delivery, tax, **more):
    by_ebay = [{"taxType": "STATE_SALES_TAX", "amount": money(tax), "collectionMethod": "NET"}]
    return {
        "lineItemId": number, "legacyItemId": "110556677889", "sku": f"SKU-{number}", "title": "菜刀 chef knife 🔪",
        "quantity": quantity, "listingMarketplaceId": "EBAY_US", "lineItemFulfillmentStatus": "NOT_STARTED",
        "lineItemCost": money(cost), "discountedLineItemCost": money(after),
        "deliveryCost": {"shippingCost": money(delivery)}, "taxes": [], "ebayCollectAndRemitTaxes": by_ebay,
        "appliedPromotions": [
            {"promotionId": "5100200300", "description": "WELCOME10",
             "discountAmount": money(f"{Decimal(cost) - Decimal(after)}")}
        ],
    } | more  # fmt: skip


def sample():
    """Two articles, ten percent off, and sales tax that eBay collects: without the breakdown it stands in no total."""
    return {
        "orderId": "05-09876-54321", "creationDate": "2026-03-01T09:14:05.000Z",
        "lastModifiedDate": "2026-03-01T09:20:31.000Z", "orderFulfillmentStatus": "NOT_STARTED",
        "orderPaymentStatus": "PAID", "buyerCheckoutNotes": "Ring på dörren – tack!",
        "pricingSummary": {
            "priceSubtotal": money("129.00"), "priceDiscount": money("-12.90"), "deliveryCost": money("7.90"),
            "total": money("124.00"),
        },
        "cancelStatus": {"cancelState": "NONE_REQUESTED", "cancelRequests": []},
        "paymentSummary": {
            "refunds": [],
            "payments": [{"paymentMethod": "EBAY", "paymentDate": "2026-03-01T09:14:06.000Z",
                          "amount": money("124.00"), "paymentStatus": "PAID"}],
        },
        "fulfillmentStartInstructions": [{"shippingStep": {"shipTo": {
            "fullName": "יוסי לוי", "email": "0a@members.ebay.test", "contactAddress": {
                "addressLine1": "רחוב דיזנגוף 12", "city": "תל אביב", "countryCode": "IL"},
        }}}],
        "lineItems": [line("1", 2, "49.00", "44.10", "3.95", "3.85"), line("2", 1, "80.00", "72.00", "3.95", "6.07")],
    }  # fmt: skip


def mapped(order, **more):
    return ADAPTER.to_order({"order": order} | more, Options())


def with_breakdown(order):
    """The same order as the breakdown shows it: eBay's tax among the taxes, and in the totals."""
    order = copy.deepcopy(order)
    for each in order["lineItems"]:
        each["taxes"] = [
            {"taxType": tax["taxType"], "amount": tax["amount"]} for tax in each["ebayCollectAndRemitTaxes"]
        ]
    order["pricingSummary"] |= {"tax": money("9.92"), "total": money("133.92")}
    order["paymentSummary"]["payments"][0]["amount"] = money("133.92")
    return order
