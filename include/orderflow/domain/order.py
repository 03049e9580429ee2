"""The canonical order: one shape for every channel.

An adapter's mapping builds an `Order` with the channel's own *values* under our *names*: amounts and quantities as
decimal text, times as ISO 8601 text, categories already in our vocabulary (the raw spelling stays in `raw_status`).
Typing those values, and judging them, is the work of `clean` and `validate`, which do it for many orders at once; so
one malformed amount never hides another. After cleaning the same classes hold the canonical spelling: amounts without
trailing zeros, times in UTC with a `Z`, text NFC-normalised and trimmed.

The kind of each field is part of its annotation (`Amount`, `Time`, ...) and drives frames, checks and documents alike.

Money. Every amount stands in the currency the buyer saw (`currency`) and, where the channel tells it, again in the
shop's own currency (`shop_*`, `shop_currency`). The two sets never mix. One equation must hold in each:

    sum(line.total) + sum(charge.total) + (0 if taxes_included else tax_total)
        - sum(discount.amount - sum(allocations)) + rounding == grand_total

where line.total = quantity x unit_price - discount, and charge.total = amount - discount, both with tax inside when
`taxes_included` and without it otherwise. Amounts are what stands *now*: after edits and cancellations, before refunds
(money given back is in `refunds`, `refunded`).
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

import msgspec

Text: TypeAlias = str | None
Code: TypeAlias = Annotated[str | None, "code"]
"""A category or identifier: trimmed, never re-spelled."""
Amount: TypeAlias = Annotated[str | None, "amount"]
"""Decimal text, as exact as the channel sent it: `"24.5"`, `"-3"`, `"0.000001"`."""
Time: TypeAlias = Annotated[str | None, "time"]
"""ISO 8601 text. Without an offset it is in the channel's declared time zone."""

ORDER_STATUS = ("draft", "pending", "open", "on_hold", "completed", "cancelled")
PAYMENT_STATUS = (
    "unpaid", "authorized", "partially_paid", "paid", "partially_refunded", "refunded", "voided", "cod_due",
)  # fmt: skip
FULFILMENT_STATUS = ("unfulfilled", "partial", "shipped", "delivered", "returned_to_sender")
RETURN_STATUS = ("none", "requested", "in_transit", "received", "refunded", "exchanged", "rejected")
LINE_KINDS = ("product", "gift", "bundle_parent", "bundle_child", "service", "gift_card")
CHARGE_KINDS = ("shipping", "cod", "gift_wrap", "tip", "duty", "service", "surcharge", "packaging")
DISCOUNT_KINDS = ("code", "automatic", "manual", "platform")
FUNDERS = ("seller", "platform", "brand", "shared", "unknown")
MASKING = ("plain", "masked", "erased")
"""`plain`: personal data readable; `masked`: the platform hid some of it; `erased`: gone for good."""


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, forbid_unknown_fields=True):
    """Anything an order consists of. Defaults are left out of documents."""


class Line(Part, frozen=True, kw_only=True):
    """One position of the order; `number` counts from 1 in the channel's order."""

    number: int
    line_id: Code = None
    kind: Annotated[str, "code"] = "product"
    parent_line_id: Code = None
    sku: Code = None
    """The channel's own SKU, untouched."""
    oms_sku: Code = None
    """What the OMS calls it; set by cleaning (same as `sku` unless mapped)."""
    product_id: Code = None
    variant_id: Code = None
    gtin: Code = None
    title: Text = None
    uom: Code = None
    quantity: Amount = None
    """Units that count now: after edits and cancellations."""
    quantity_ordered: Amount = None
    """Units at creation, where the channel tells it."""
    quantity_fulfilled: Amount = None
    quantity_returned: Amount = None
    unit_price: Amount = None
    discount: Amount = None
    tax: Amount = None
    total: Amount = None
    shop_unit_price: Amount = None
    shop_discount: Amount = None
    shop_tax: Amount = None
    shop_total: Amount = None
    fulfilled_by: Code = None
    ship_by: Time = None
    deliver_by: Time = None


class Charge(Part, frozen=True, kw_only=True):
    """Money asked for that is not a product: shipping, fees, tips, duties."""

    kind: Annotated[str, "code"] = "shipping"
    charge_id: Code = None
    title: Text = None
    method: Code = None
    amount: Amount = None
    discount: Amount = None
    tax: Amount = None
    total: Amount = None
    shop_amount: Amount = None
    shop_discount: Amount = None
    shop_tax: Amount = None
    shop_total: Amount = None


class Discount(Part, frozen=True, kw_only=True):
    """A reduction with its funder; `allocated` is how much of `amount` already stands inside line and charge totals."""

    kind: Annotated[str, "code"] = "automatic"
    """`code`, `automatic`, `manual` or `platform`."""
    code: Code = None
    title: Text = None
    funded_by: Annotated[str, "code"] = "unknown"
    amount: Amount = None
    allocated: Amount = None
    shop_amount: Amount = None
    shop_allocated: Amount = None


class Tax(Part, frozen=True, kw_only=True):
    """A tax of the whole order, by rate or jurisdiction; the tax of one line or charge stands there."""

    title: Text = None
    jurisdiction: Code = None
    rate: Amount = None
    """As a fraction: `"0.25"` is 25 percent."""
    amount: Amount = None
    shop_amount: Amount = None
    liable: Annotated[str, "code"] = "unknown"
    """Who owes it to the state: `seller`, `marketplace` or `unknown`."""


class Payment(Part, frozen=True, kw_only=True):
    """One movement of money towards the seller (refunds stand in `Refund`)."""

    payment_id: Code = None
    kind: Annotated[str, "code"] = "sale"
    """`authorization`, `capture`, `sale`, `void`, `gift_card` or `cod`."""
    status: Annotated[str, "code"] = "success"
    """`success`, `pending` or `failure`."""
    method: Code = None
    gateway: Code = None
    amount: Amount = None
    shop_amount: Amount = None
    at: Time = None


class Shipment(Part, frozen=True, kw_only=True):
    """One parcel; never replaced by a later one: parcels are told apart by `shipment_id`."""

    shipment_id: Code = None
    status: Code = None
    carrier: Code = None
    tracking_numbers: list[str] = msgspec.field(default_factory=list)
    shipped_at: Time = None
    delivered_at: Time = None
    lines: list[tuple[str, str]] = msgspec.field(default_factory=list)
    """Pairs of `line_id` and quantity as decimal text."""


class Refund(Part, frozen=True, kw_only=True):
    """Money given back. Amounts are positive. A refund without lines is amount-only."""

    refund_id: Code = None
    reason: Text = None
    amount: Amount = None
    shop_amount: Amount = None
    at: Time = None
    lines: list[tuple[str, str]] = msgspec.field(default_factory=list)
    """Pairs of `line_id` and quantity as decimal text."""


class Contact(Part, frozen=True, kw_only=True):
    """A person or company. Personal data: kept apart and encrypted, never logged."""

    role: Literal["ship_to", "bill_to", "sold_to"] = "ship_to"
    name: Text = None
    company: Text = None
    email: Text = None
    phone: Text = None
    address: list[str] = msgspec.field(default_factory=list)
    city: Text = None
    region: Code = None
    postal_code: Code = None
    country: Code = None
    """ISO 3166-1 alpha-2 after cleaning; as the channel spells it before."""
    party_id: Code = None
    """The number by which partners know a place or company (GLN, DUNS, store); where there is one, it can stand for the
    address."""
    tax_id: Code = None
    note: Text = None
    """What the buyer wrote, for instance a delivery wish."""


class Order(Part, frozen=True, kw_only=True):
    """One order of one channel. `order_id` is the platform's own spelling and, with the channel, its identity."""

    order_id: str
    order_number: Code = None
    """The number people use (`#1001`)."""
    parent_id: Code = None
    """The order this one was split from, exchanges or replaces, as the platform names it."""
    origin: Code = None
    """How it came about: `web`, `pos`, `draft`, `b2b`, `subscription`, `edi`, ..."""
    is_test: bool = False

    placed_at: Time = None
    channel_created_at: Time = None
    channel_updated_at: Time = None
    """The platform's own modified time: the first half of the order's version."""
    paid_at: Time = None
    cancelled_at: Time = None
    closed_at: Time = None

    order_status: Annotated[str, "code"] = "open"
    payment_status: Annotated[str, "code"] = "unpaid"
    fulfilment_status: Annotated[str, "code"] = "unfulfilled"
    return_status: Annotated[str, "code"] = "none"
    raw_status: dict[str, str | None] = msgspec.field(default_factory=dict)
    """Every status of the platform, by its own field name, as it came."""
    cancel_reason: Code = None
    hold_reasons: list[str] = msgspec.field(default_factory=list)

    buyer_id: Code = None
    locale: Code = None
    tags: list[str] = msgspec.field(default_factory=list)
    programs: list[str] = msgspec.field(default_factory=list)

    currency: Code = None
    shop_currency: Code = None
    taxes_included: bool = False
    items_total: Amount = None
    discount_total: Amount = None
    charge_total: Amount = None
    tax_total: Amount = None
    rounding: Amount = None
    grand_total: Amount = None
    paid: Amount = None
    refunded: Amount = None
    shop_items_total: Amount = None
    shop_discount_total: Amount = None
    shop_charge_total: Amount = None
    shop_tax_total: Amount = None
    shop_rounding: Amount = None
    shop_grand_total: Amount = None
    shop_paid: Amount = None
    shop_refunded: Amount = None

    masking: Annotated[str, "code"] = "plain"
    """Whether the personal data in `contacts` is `plain`, `masked` by the platform, or `erased`."""
    ship_country: Code = None
    ship_region: Code = None
    ship_postal_prefix: Code = None
    """The three coarse parts of the delivery address that stay readable; set by cleaning."""

    lines: list[Line] = msgspec.field(default_factory=list)
    charges: list[Charge] = msgspec.field(default_factory=list)
    discounts: list[Discount] = msgspec.field(default_factory=list)
    taxes: list[Tax] = msgspec.field(default_factory=list)
    payments: list[Payment] = msgspec.field(default_factory=list)
    shipments: list[Shipment] = msgspec.field(default_factory=list)
    refunds: list[Refund] = msgspec.field(default_factory=list)
    contacts: list[Contact] = msgspec.field(default_factory=list)
    ext: dict[str, str] = msgspec.field(default_factory=dict)
    """What only this channel has, as text, under the channel's own names."""


PARTS: dict[str, type[Part]] = {
    "lines": Line,
    "charges": Charge,
    "discounts": Discount,
    "taxes": Tax,
    "payments": Payment,
    "shipments": Shipment,
    "refunds": Refund,
    "contacts": Contact,
}
"""The lists of an order, by field name, in the order in which documents hold them."""


def postal_prefix(postal_code: str) -> str | None:
    """The coarse part of a postal code that names an area and no street: half of it, at most three letters."""
    bare = re.sub(r"[^0-9A-Z]", "", postal_code.upper())
    return bare[: min(3, max(1, len(bare) // 2))] or None
