"""What the mapping looks at of a Shopify order, as `queries` asks for it (Admin API, 2026-07).

A value without a type of its own may come as whatever Shopify makes of it; tables and rules judge it.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


class Part(msgspec.Struct, rename="camel", gc=False):
    """Anything inside of an order."""


class Connection(msgspec.Struct, Generic[T], gc=False):
    nodes: list[T]


class Money(Part):
    amount: Any
    currency_code: Any


class Bag(Part):
    """One amount: what the buyer saw, and the shop's own."""

    presentment_money: Money
    shop_money: Money


class Taxed(Part):
    """A tax of one line, charge or fee."""

    price_set: Bag


class Tax(Part):
    """A tax of the whole order."""

    title: Any
    rate: Any
    channel_liable: Any
    price_set: Bag


class Application(Part):
    index: Any


class Allocation(Part):
    allocated_amount_set: Bag
    discount_application: Application


class Ref(Part):
    id: Any


class Item(Part):
    id: str
    sku: Any
    name: Any
    quantity: int
    current_quantity: int
    unfulfilled_quantity: Any
    requires_shipping: Any
    is_gift_card: Any
    product: Ref | None
    variant: Ref | None
    original_unit_price_set: Bag
    original_total_set: Bag
    discount_allocations: list[Allocation]
    tax_lines: list[Taxed]


class Shipping(Part):
    id: Any
    title: Any
    code: Any
    original_price_set: Bag
    discounted_price_set: Bag
    tax_lines: list[Taxed]
    discount_allocations: list[Allocation] | None = None


class Discount(Part):
    index: Any
    kind: Any = msgspec.field(name="__typename")
    code: Any = None
    title: Any = None


class Fee(Part):
    id: Any
    name: Any
    price: Bag
    tax_lines: list[Taxed]


class Transaction(Part):
    id: Any
    kind: Any
    status: Any
    gateway: str | None
    processed_at: Any
    amount_set: Bag


class Tracking(Part):
    company: Any
    number: Any


class Sent(Part):
    quantity: int | None
    line_item: Ref


class Fulfilment(Part):
    id: Any
    status: Any
    created_at: Any
    delivered_at: Any
    tracking_info: list[Tracking]
    fulfillment_line_items: Connection[Sent]


class RefundItem(Part):
    quantity: int
    restock_type: Any
    line_item: Ref
    subtotal_set: Bag
    total_tax_set: Bag


class RefundShipping(Part):
    subtotal_amount_set: Bag
    tax_amount_set: Bag


class Refund(Part):
    id: Any
    created_at: Any
    note: Any
    total_refunded_set: Bag
    refund_line_items: Connection[RefundItem]
    refund_shipping_lines: Connection[RefundShipping]


class Customer(Part):
    id: Any
    display_name: Any


class Address(Part):
    name: Any
    company: Any
    address1: Any
    address2: Any
    city: Any
    province: Any
    province_code: Any
    zip: Any
    phone: Any
    country_code_v2: Any = msgspec.field(name="countryCodeV2")


class Rounding(Part):
    payment_set: Bag


class Totals(Part):
    """What a stub tells of an order's money."""

    edited: Any
    total_price_set: Bag
    total_refunded_set: Bag
    total_cash_rounding_adjustment: Rounding


class Record(Part):
    """One order."""

    id: Any
    name: Any
    created_at: Any
    processed_at: Any
    updated_at: Any
    cancelled_at: Any
    cancel_reason: Any
    closed_at: Any
    test: Any
    edited: Any
    currency_code: Any
    presentment_currency_code: Any
    taxes_included: Any
    duties_included: Any
    display_financial_status: Any
    display_fulfillment_status: Any
    return_status: Any
    email: Any
    phone: Any
    customer_locale: Any
    note: Any
    tags: Any
    source_name: Any
    total_price_set: Bag
    total_refunded_set: Bag
    current_total_price_set: Bag
    current_total_tax_set: Bag
    current_total_discounts_set: Bag
    customer: Customer | None
    shipping_address: Address | None
    billing_address: Address | None
    line_items: Connection[Item]
    shipping_lines: Connection[Shipping]
    discount_applications: Connection[Discount]
    transactions: list[Transaction]
    refunds: list[Refund]
    fulfillments: list[Fulfilment]
    legacy_resource_id: Any = None
    confirmation_number: Any = None
    po_number: Any = None
    total_discounts_set: Bag | None = None
    total_tax_set: Bag | None = None
    total_received_set: Bag | None = None
    total_tip_received_set: Bag | None = None
    total_cash_rounding_adjustment: Rounding | None = None
    original_total_duties_set: Bag | None = None
    current_total_duties_set: Bag | None = None
    additional_fees: list[Fee] | None = None
    tax_lines: list[Tax] | None = None
    current_tax_lines: list[Tax] | None = None
