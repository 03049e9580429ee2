"""An order as TikTok Shop shows it, after the sample that the adapter's README names."""

from decimal import Decimal

from orderflow.adapters.tiktok_shop import ADAPTER, Options


def line(number, sku, name, price, sale, tax, **more):
    """One unit of an order, as TikTok sends it."""
    fields = {
        "id": f"57708651212375512{number}",
        "sku_id": f"172958271831238000{sku[-1]}",
        "product_id": f"172959296971220700{sku[-1]}",
        "product_name": name,
        "sku_name": "Röd",
        "seller_sku": sku,
        "sku_type": "NORMAL",
        "currency": "USD",
        "original_price": price,
        "sale_price": sale,
        "seller_discount": f"{Decimal(price) - Decimal(sale)}",
        "platform_discount": "0",
        "item_tax": [{"tax_type": "SALES_TAX", "tax_amount": tax, "tax_rate": "0.08"}],
        "display_status": "AWAITING_SHIPMENT",
        "package_id": "",
        "tracking_number": "",
        "shipping_provider_name": "",
        "is_gift": False,
    }
    return fields | more


def sample():
    return {
        "id": "576461413038785752",
        "status": "AWAITING_SHIPMENT",
        "order_type": "NORMAL",
        "create_time": 1772356445,
        "update_time": 1772356831,
        "paid_time": 1772356446,
        "user_id": "7021436810468230477",
        "buyer_email": "v4b2f2g7@scs.tiktokw.us",
        "buyer_message": "Ring på dörren – tack!",
        "fulfillment_type": "FULFILLMENT_BY_SELLER",
        "delivery_option_name": "Standard Shipping",
        "is_cod": False,
        "is_on_hold_order": False,
        "is_sample_order": False,
        "is_buyer_request_cancel": False,
        "payment_method_name": "Credit/debit card",
        "tts_sla_time": 1772702045,
        "delivery_sla_time": 1773306845,
        "payment": {
            "currency": "USD",
            "original_total_product_price": "129.00",
            "seller_discount": "12.90",
            "platform_discount": "0",
            "sub_total": "116.10",
            "original_shipping_fee": "7.90",
            "shipping_fee_seller_discount": "0",
            "shipping_fee_platform_discount": "0",
            "shipping_fee_cofunded_discount": "0",
            "shipping_fee": "7.90",
            "shipping_fee_tax": "0.63",
            "tax": "9.92",
            "total_amount": "133.92",
        },
        "recipient_address": {
            "name": "Z** Ł***",
            "phone_number": "(+1)505*****42",
            "full_address": "United States, New Mexico, Rio Arriba, Española, 8*** P***",
            "address_line1": "8*** P***",
            "postal_code": "87532",
            "region_code": "US",
            "district_info": [
                {"address_level_name": "Country", "address_name": "United States"},
                {"address_level_name": "State", "address_name": "New Mexico"},
                {"address_level_name": "County", "address_name": "Rio Arriba"},
                {"address_level_name": "City", "address_name": "Española"},
            ],
        },
        "line_items": [
            line(3, "TORCH-01", "Crème-brûlée torch", "24.50", "22.05", "1.77"),
            line(4, "TORCH-01", "Crème-brûlée torch", "24.50", "22.05", "1.76"),
            line(5, "KNIFE-02", "菜刀 chef knife", "80.00", "72.00", "5.76", sku_name="Default"),
        ],
    }


def mapped(raw):
    return ADAPTER.to_order(raw, Options(shop_cipher="GCP_cipher=="))
