"""From a WooCommerce order to ours: pure.

Amounts. WooCommerce states every line, charge and refund without tax and its tax beside, whatever way the site enters
prices, so `taxes_included` is False here. Lines are asked for with six decimals while `total` and taxes are rounded to
the currency's own: what that leaves, if less than the smallest coin, is the order's `rounding`.

The extension Gift Cards takes what its cards paid off `total` alone; here it is part of what was to be paid, and a
payment.

A unit that was refunded before the order was completed will not be shipped: it is taken off its line, with the amounts
of the refund. Refunds of a completed, cancelled or wholly refunded order change no line.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import msgspec

from orderflow.adapters.woocommerce import movements
from orderflow.adapters.woocommerce.record import Address, Coupon, Fee, Item, Record, Shipping, TaxLine
from orderflow.adapters.woocommerce.values import NOTHING, plain, text, time
from orderflow.domain.errors import RecordError
from orderflow.domain.money import exponent
from orderflow.domain.order import Charge, Contact, Discount, Line, Order, Tax
from orderflow.domain.source import Raw, misshapen

if TYPE_CHECKING:
    from orderflow.adapters.woocommerce import Options

STATUSES = {
    "auto-draft": "draft",
    "checkout-draft": "draft",
    "pending": "pending",
    "failed": "pending",
    "processing": "open",
    "on-hold": "on_hold",
    "completed": "completed",
    "cancelled": "cancelled",
    "refunded": "cancelled",
    "trash": "cancelled",
}
OPEN = frozenset({"pending", "open", "on_hold"})
"""Statuses of ours in which nothing has been shipped yet, as far as WooCommerce knows."""
ORIGINS = {"checkout": "web", "store-api": "web", "admin": "draft", "subscription": "subscription"}
MICRO = Decimal("0.000001")


def order_status(status: str, options: Options) -> str:
    """What an order's status means, by the channel file first; raises `RecordError` for one that nobody knows."""
    meaning = options.statuses.get(status) or STATUSES.get(status)
    if meaning is None:
        known = ", ".join({**STATUSES, **options.statuses})
        raise RecordError(
            "STATUS_UNKNOWN", "status", status, f"known are {known}; say what it means under source.statuses"
        )
    return meaning


def to_order(raw: Record | Raw, options: Options) -> Order:
    """Our order; raises `RecordError` for a status nobody knows and for a record of another shape."""
    try:
        return _order(raw if isinstance(raw, Record) else msgspec.convert(raw, Record), options)
    except InvalidOperation:
        raise RecordError("AMOUNT_MALFORMED", "amount", None, "an amount of this order is no decimal number") from None
    except msgspec.ValidationError as error:
        raise misshapen(error) from None
    except (TypeError, AttributeError, ValueError) as error:
        raise RecordError("RAW_SHAPE", "order", None, f"not the shape of a WooCommerce order: {error}") from None


def _order(raw: Record, options: Options) -> Order:
    status = order_status(raw.status, options)
    details = raw.refund_details or ()
    gone = movements.gone(raw.refunds, details) if raw.refunds and status in OPEN else {}
    total = text(raw.total)
    tax, grand = Decimal(raw.total_tax), Decimal(total)
    for part in gone.values():
        tax, grand = tax - part.tax, grand - part.amount - part.tax
    lines = [_line(number, node, gone.get(str(node.id))) for number, node in enumerate(raw.line_items, 1)]
    charges = [_shipping(node) for node in raw.shipping_lines]
    discounts = [_coupon(node) for node in raw.coupon_lines]
    off = NOTHING
    for node in raw.fee_lines:
        amount = text(node.total)
        if amount.startswith("-"):
            discounts.append(_negative_fee(node, amount))
            off += Decimal(amount)
        else:
            charges.append(_fee(node, amount))

    items, extras = _sum(line.total for line in lines), _sum(charge.total for charge in charges)
    rounding = grand - items - extras - off - tax
    cards = movements.gift_cards(raw.gift_cards) if raw.gift_cards else []
    by_card = sum((card.amount for card in cards), NOTHING)
    if cards and abs(rounding + by_card) < _coin(raw.currency):
        grand, rounding, total = grand + by_card, rounding + by_card, plain(Decimal(total) + by_card)
    else:
        cards = []  # they took nothing off the total
    if rounding and abs(rounding) >= _coin(raw.currency):
        rounding = NOTHING
    paid_at, created_at = time(raw.date_paid_gmt), time(raw.date_created_gmt)
    return Order(
        order_id=str(raw.id),
        order_number=str(raw.number) if raw.number else None,
        parent_id=str(raw.parent_id) if raw.parent_id else None,
        origin=ORIGINS.get(raw.created_via, raw.created_via) or None,
        placed_at=created_at,
        channel_created_at=created_at,
        channel_updated_at=time(raw.date_modified_gmt),
        paid_at=paid_at,
        closed_at=time(raw.date_completed_gmt),
        order_status=status,
        payment_status=_payment_status(raw, status),
        fulfilment_status="shipped" if raw.status == "completed" else "unfulfilled",
        raw_status={"status": raw.status},
        buyer_id=str(raw.customer_id) if raw.customer_id else None,
        currency=raw.currency,
        taxes_included=False,
        items_total=plain(items),
        discount_total=plain(Decimal(raw.discount_total) - off) if off else text(raw.discount_total or "0"),
        charge_total=plain(extras),
        tax_total=plain(tax),
        rounding=plain(rounding),
        grand_total=plain(grand),
        paid=total if paid_at else "0",
        refunded=plain(sum((abs(Decimal(refund.total)) for refund in raw.refunds), NOTHING)) if raw.refunds else "0",
        masking="erased" if str(raw.billing.email).endswith("@site.invalid") else "plain",
        lines=lines,
        charges=charges,
        discounts=discounts,
        taxes=[_tax(node) for node in raw.tax_lines],
        payments=movements.payments(raw, paid_at, cards),
        refunds=[movements.refund(node) for node in details],
        contacts=_contacts(raw),
    )


def _sum(amounts: Iterable[str | None]) -> Decimal:
    return sum(map(Decimal, filter(None, amounts)), NOTHING)


@functools.lru_cache
def _coin(currency: str) -> Decimal:
    """The currency's smallest unit."""
    return Decimal(1).scaleb(-exponent(currency))


def _payment_status(raw: Record, status: str) -> str:
    if raw.status == "refunded":
        return "refunded"
    if raw.date_paid_gmt:
        return "partially_refunded" if raw.refunds else "paid"
    return "cod_due" if raw.payment_method == "cod" and status == "open" else "unpaid"


def _line(number: int, node: Item, gone: movements.Gone | None) -> Line:
    """One line. Amounts that need no arithmetic stay as they were spelled."""
    ordered = quantity = str(node.quantity)
    before, net, tax = text(node.subtotal), text(node.total), text(node.total_tax)
    count = Decimal(ordered)
    unit = before if ordered == "1" or not count else plain((Decimal(before) / count).quantize(MICRO, ROUND_HALF_UP))
    discount = "0" if before == net else plain(Decimal(before) - Decimal(net))
    if gone:
        units, left = count - gone.units, Decimal(net) - gone.amount
        quantity, net, tax = plain(units), plain(left), plain(Decimal(tax) - gone.tax)
        discount = plain(Decimal(unit) * units - left)
    return Line(
        number=number,
        line_id=str(node.id),
        sku=node.sku or None,
        product_id=str(node.product_id) if node.product_id else None,
        variant_id=str(node.variation_id) if node.variation_id else None,
        title=node.name,
        quantity=quantity,
        quantity_ordered=ordered,
        unit_price=unit,
        discount=discount,
        tax=tax,
        total=net,
    )


def _shipping(node: Shipping) -> Charge:
    amount = text(node.total)
    return Charge(
        kind="shipping",
        charge_id=str(node.id),
        title=node.method_title,
        method=node.method_id or None,
        amount=amount,
        tax=text(node.total_tax or "0"),
        total=amount,
    )


def _fee(node: Fee, amount: str) -> Charge:
    return Charge(
        kind="surcharge",
        charge_id=str(node.id),
        title=node.name,
        amount=amount,
        tax=text(node.total_tax or "0"),
        total=amount,
    )


def _negative_fee(node: Fee, amount: str) -> Discount:
    """Plugins write discounts as fees below zero; no line holds them."""
    return Discount(kind="manual", title=node.name, funded_by="seller", amount=amount[1:], allocated="0")


def _coupon(node: Coupon) -> Discount:
    """A coupon's amount, without tax, stands in the lines' totals already."""
    amount = text(node.discount or "0")
    return Discount(kind="code", code=node.code, funded_by="seller", amount=amount, allocated=amount)


def _tax(node: TaxLine) -> Tax:
    percent = node.rate_percent
    return Tax(
        title=node.label,
        jurisdiction=node.rate_code,
        rate=None if percent is None or percent == "" else plain(Decimal(percent) / 100),
        amount=plain(Decimal(node.tax_total) + Decimal(node.shipping_tax_total)),
        liable="seller",
    )


def _contacts(raw: Record) -> list[Contact]:
    """Delivery and billing address; where a site asks for one address only, the other one is empty."""
    note = raw.customer_note or None
    found = []
    if any(msgspec.structs.astuple(raw.shipping)):
        found.append(_contact("ship_to", raw.shipping, note))
        note = None
    if any(msgspec.structs.astuple(raw.billing)):
        found.append(_contact("bill_to", raw.billing, note))
    return found


def _contact(role: Any, node: Address, note: str | None) -> Contact:
    given, family = node.first_name, node.last_name
    return Contact(
        role=role,
        name=f"{given} {family}" if given and family else given or family or None,
        company=node.company or None,
        email=node.email or None,
        phone=node.phone or None,
        address=[part for part in (node.address_1, node.address_2) if part],
        city=node.city or None,
        region=node.state or None,
        postal_code=node.postcode or None,
        country=node.country or None,
        note=note,
    )
