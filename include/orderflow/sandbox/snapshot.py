"""An order at one moment, spelled out: every value as text under neutral names, ready for a platform to render.

This is where planted defects are put in (see `defects`), once for all platforms: a renderer copies what stands here and
computes nothing. Amounts are decimal text with the currency's decimals, in pairs (buyer's currency, shop's currency).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeAlias

import msgspec

from orderflow.sandbox.order import Address

Bag: TypeAlias = tuple[str | None, str | None]
"""One amount as text: the buyer's, and the shop's."""


class Line(msgspec.Struct, kw_only=True, gc=False):
    """A line. Amounts without `ever` are those of the units that count now: after edits, before refunds."""

    line_id: int
    product_id: int
    variant_id: int
    sku: str | None
    gtin: str
    title: str
    variant: str
    gift: bool
    ordered: str
    ever: str
    """The most units that the line ever counted."""
    quantity: str
    current: str
    """After refunds, too."""
    shipped: str
    refunded: str
    unit: Bag
    before: Bag
    """Unit price x `quantity`."""
    discount: Bag
    tax: Bag
    net: Bag
    whole: Bag
    """With tax, whatever the shop's prices include."""
    before_net: Bag
    before_tax: Bag
    ever_before: Bag
    ever_own: Bag
    """The line's own discount ..."""
    ever_code: Bag
    """... and its share of the order's code."""
    ever_tax: Bag
    removed_subtotal: Bag
    """What the units taken out by edits had cost, in the shop's way of showing prices."""
    removed_tax: Bag
    currency: str | None = None
    """Another currency than the order's; only in broken orders."""


class Parcel(msgspec.Struct, kw_only=True, gc=False):
    number: int
    carrier: str
    tracking: str
    at: str
    delivered_at: str | None
    units: list[tuple[int, str]]


class Return(msgspec.Struct, kw_only=True, gc=False):
    """A refund; `units` are line id, quantity, net amount, tax, and the two as the shop shows prices."""

    number: int
    reason: str
    at: str
    amount: Bag
    shipping: Bag
    """As the shop shows prices."""
    shipping_tax: Bag
    units: list[tuple[int, str, Bag, Bag, Bag]]


class Money(msgspec.Struct, kw_only=True, gc=False):
    number: int
    kind: str
    status: str
    amount: Bag
    at: str


class Snapshot(msgspec.Struct, kw_only=True, gc=False):
    """One version of one order, with its text values; mutable, so that a defect can be put in."""

    index: int
    version: int
    number: str | None
    created_at: str
    processed_at: str
    modified_at: str | None
    paid_at: str | None
    cancelled_at: str | None
    closed_at: str | None
    completed_at: str | None
    cancel_reason: str | None
    status: str
    """`pending`, `on_hold`, `open`, `completed`, `cancelled`, `refunded`, `failed` or `trash`."""
    payment: str
    fulfilment: str
    test: bool
    edited_at: str | None
    currency: str | None
    shop_currency: str
    taxes_included: bool
    email: str
    locale: str
    note: str
    tags: list[str]
    source: str
    customer_id: int
    ship_to: Address | None
    bill_to: Address
    lines: list[Line]
    method: tuple[str, str]
    shipping: Bag
    shipping_discount: Bag
    shipping_net: Bag
    shipping_tax: Bag
    tip: Bag
    code: str | None
    code_percent: str | None
    """The code's rate in percent; None for a fixed amount or free shipping."""
    code_fixed: Bag
    code_total: Bag
    tax_title: str
    tax_rate: str
    """As a fraction: `0.25`."""
    gateway: tuple[str, str]
    subtotal: Bag
    """Lines after all discounts, as the shop shows prices."""
    discount: Bag
    own_net: Bag
    """All line discounts without tax ..."""
    own_tax: Bag
    code_net: Bag
    """... and what the code takes off lines."""
    code_tax: Bag
    lines_tax: Bag
    """The tax of the lines alone."""
    tax: Bag
    total: Bag
    ever_subtotal: Bag
    ever_discount: Bag
    ever_tax: Bag
    ever_total: Bag
    current_tax: Bag
    """After edits and refunds."""
    current_total: Bag
    """After edits and refunds; money given back without any thing coming back does not lessen it."""
    received: Bag
    refunded: Bag
    owed: Bag
    payments: list[Money]
    parcels: list[Parcel]
    refunds: list[Return]


def counted(snap: Snapshot) -> list[Line]:
    """The lines that still count, where a platform drops those that an edit took out."""
    return [line for line in snap.lines if line.quantity != "0" or line.ever == "0"]


def stamp(moment: int) -> str:
    """Epoch seconds as `2026-03-01T09:14:07Z`."""
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")
