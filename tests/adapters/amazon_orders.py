"""One order as both versions of Amazon's Orders API show it, after the samples that the adapter's README names."""

from decimal import Decimal

from orderflow.adapters.amazon_sp_api import ADAPTER, Options

OPTIONS = Options(marketplaces=["ATVPDKIKX0DER"])


def money(amount, currency="USD"):
    return {"CurrencyCode": currency, "Amount": amount}


def item(number, sku, title, quantity, price, tax, discount, shipping, shipping_tax):
    """A position of v0, as Amazon sends it: amounts are those of all its units."""
    return {
        "ASIN": f"B0C{sku[:5]}",
        "SellerSKU": sku,
        "OrderItemId": number,
        "Title": title,
        "QuantityOrdered": quantity,
        "QuantityShipped": 0,
        "ItemPrice": money(price),
        "ItemTax": money(tax),
        "ShippingPrice": money(shipping),
        "ShippingTax": money(shipping_tax),
        "ShippingDiscount": money("0.00"),
        "ShippingDiscountTax": money("0.00"),
        "PromotionDiscount": money(discount),
        "PromotionDiscountTax": money("0.00"),
        "PromotionIds": ["PLM-WELCOME10-01"],
        "IsGift": "false",
        "TaxCollection": {"Model": "MarketplaceFacilitator", "ResponsibleParty": "Amazon Services, Inc."},
        "BuyerInfo": {},
        "BuyerRequestedCancel": {"IsBuyerRequestedCancel": "false", "BuyerCancelReason": ""},
    }


def old_order():
    order = {
        "AmazonOrderId": "114-3941689-8772232",
        "PurchaseDate": "2026-03-01T09:14:05Z",
        "LastUpdateDate": "2026-03-01T09:41:12Z",
        "OrderStatus": "Unshipped",
        "FulfillmentChannel": "MFN",
        "OrderTotal": money("133.92"),
        "PaymentMethod": "Other",
        "PaymentMethodDetails": ["Standard"],
        "MarketplaceId": "ATVPDKIKX0DER",
        "LatestShipDate": "2026-03-04T07:59:59Z",
        "IsPrime": False,
        "IsReplacementOrder": "false",
        "ShippingAddress": {
            "Name": "Zoë Łukasiewicz-Nuñez",
            "AddressLine1": "88 Peña Street",
            "City": "Española",
            "CountryCode": "US",
        },
        "BuyerInfo": {"BuyerEmail": "x7k2m9q@marketplace.amazon.com", "BuyerName": "Zoë Łukasiewicz-Nuñez"},
    }
    items = [
        item("454", "TORCH-01", "Crème-brûlée torch", 2, "49.00", "3.53", "4.90", "3.95", "0.32"),
        item("494", "KNIFE-02", "菜刀 chef knife 🔪", 1, "80.00", "5.76", "8.00", "3.95", "0.31"),
    ]
    return {"order": order, "items": items}


def amounts(**types):
    """Breakdowns of v2026-01-01: a text, or a dictionary of details that add up to it."""

    def one(kind, told):
        details = told if isinstance(told, dict) else {}
        whole = f"{sum(map(Decimal, details.values()))}" if details else told
        part = {"type": kind, "subtotal": {"amount": whole, "currencyCode": "USD"}}
        if details:
            part["detailedBreakdowns"] = [
                {"subtype": name, "value": {"amount": value, "currencyCode": "USD"}} for name, value in details.items()
            ]
        return part

    return {"breakdowns": [one(kind, told) for kind, told in types.items()]}


def new_order():
    def position(number, sku, quantity, unit, proceeds):
        return {
            "orderItemId": number,
            "quantityOrdered": quantity,
            "product": {
                "asin": "B0CTORCH01",
                "title": "مصباح",
                "sellerSku": sku,
                "price": {"unitPrice": {"amount": unit, "currencyCode": "USD"}},
            },
            "proceeds": proceeds,
            "tax": {"taxCollections": [{"model": "MARKETPLACE_FACILITATOR"}]},
            "fulfillment": {"quantityFulfilled": 0, "quantityUnfulfilled": quantity},
        }

    torch = amounts(ITEM="49.00", SHIPPING="3.95", DISCOUNT={"ITEM": "-4.90"}, TAX={"ITEM": "3.53", "SHIPPING": "0.32"})
    knife = amounts(ITEM="80.00", SHIPPING="3.95", DISCOUNT={"ITEM": "-8.00"}, TAX={"ITEM": "5.76", "SHIPPING": "0.31"})
    return {
        "orderId": "114-3941689-8772232",
        "createdTime": "2026-03-01T09:14:05Z",
        "lastUpdatedTime": "2026-03-01T09:41:12Z",
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": "ATVPDKIKX0DER"},
        "proceeds": {"grandTotal": {"amount": "133.92", "currencyCode": "USD"}},
        "fulfillment": {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "MERCHANT"},
        "orderItems": [position("454", "TORCH-01", 2, "24.50", torch), position("494", "KNIFE-02", 1, "80.00", knife)],
    }


def mapped(raw):
    return ADAPTER.to_order(raw, OPTIONS)
