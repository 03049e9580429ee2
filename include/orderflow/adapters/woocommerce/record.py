"""What the mapping looks at of a WooCommerce order (REST API v3, "Order properties"); the rest is never built.

A value without a type of its own may come as whatever a plugin makes of it.
"""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

import msgspec

T = TypeVar("T")
Entries: TypeAlias = list[T] | dict[str, T]
"""A list, which PHP makes an object of where plugins left gaps in it; see `values.entries`."""


class Item(msgspec.Struct, gc=False):
    """A line; amounts without tax."""

    id: Any
    name: Any
    sku: Any
    product_id: Any
    variation_id: Any
    quantity: Any
    subtotal: Any
    total: Any
    total_tax: Any


class Address(msgspec.Struct, kw_only=True, gc=False):
    first_name: Any = None
    last_name: Any = None
    company: Any = None
    address_1: Any = None
    address_2: Any = None
    city: Any = None
    state: Any = None
    postcode: Any = None
    country: Any = None
    phone: Any = None
    email: Any = None


class Shipping(msgspec.Struct, gc=False):
    id: Any
    method_title: Any
    method_id: Any
    total: Any
    total_tax: Any


class Fee(msgspec.Struct, gc=False):
    id: Any
    name: Any
    total: Any
    total_tax: Any


class Coupon(msgspec.Struct, gc=False):
    code: Any
    discount: Any
    discount_type: Any = None


class TaxLine(msgspec.Struct, gc=False):
    label: Any
    rate_code: Any
    tax_total: Any
    shipping_tax_total: Any
    rate_percent: Any = None


class Summary(msgspec.Struct, gc=False):
    """A refund as the order itself tells it."""

    total: Any


class RefundedItem(msgspec.Struct, gc=False):
    quantity: Any
    total: Any
    total_tax: Any
    meta_data: Any


class Refunded(msgspec.Struct, gc=False):
    """A refund in full, from `/orders/{id}/refunds`."""

    id: Any
    reason: Any
    amount: Any
    date_created_gmt: Any
    line_items: Entries[RefundedItem]


class Record(msgspec.Struct, gc=False):
    """One order with its refunds."""

    id: Any
    number: Any
    parent_id: Any
    status: Any
    currency: Any
    created_via: Any
    date_created_gmt: Any
    date_modified_gmt: Any
    date_paid_gmt: Any
    date_completed_gmt: Any
    total: Any
    total_tax: Any
    discount_total: Any
    customer_id: Any
    customer_note: Any
    payment_method: Any
    transaction_id: Any
    billing: Address
    shipping: Address
    line_items: Entries[Item]
    shipping_lines: Entries[Shipping]
    fee_lines: Entries[Fee]
    coupon_lines: Entries[Coupon]
    tax_lines: Entries[TaxLine]
    refunds: Entries[Summary]
    refund_details: list[Refunded] | None = None
    gift_cards: Any = None
