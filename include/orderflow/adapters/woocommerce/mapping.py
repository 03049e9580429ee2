"""From a WooCommerce order to ours: pure.

Amounts. WooCommerce states every line, charge and refund without tax and its tax beside, whatever way the site enters
prices, so `taxes_included` is False here. Lines are asked for with six decimals while `total` and taxes are rounded to
the currency's own: what that leaves, if less than the smallest coin, is the order's `rounding`.

A unit that was refunded before the order was completed will not be shipped: it is taken off its line, with the amounts
of the refund. Refunds of a completed, cancelled or wholly refunded order change no line.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from orderflow.adapters.woocommerce.record import (
    Address,
    Coupon,
    Fee,
    Item,
    Record,
    Refunded,
    RefundedItem,
    Shipping,
    TaxLine,
)
from orderflow.domain.errors import RecordError
from orderflow.domain.money import exponent
from orderflow.domain.order import Charge, Contact, Discount, Line, Order, Payment, Refund, Tax
from orderflow.domain.source import Raw, misshapen

if TYPE_CHECKING:
    from orderflow.adapters.woocommerce import Options

STATUSES = {
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
NOTHING = Decimal(0)


class Gone(NamedTuple):
    """What refunds took off one line: units, amount without tax, tax; all positive."""

    units: Decimal
    amount: Decimal
    tax: Decimal


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
    gone = _gone(details) if details and status in OPEN else {}
    tax, grand = Decimal(raw.total_tax), Decimal(raw.total)
    for part in gone.values():
        tax, grand = tax - part.tax, grand - part.amount - part.tax
    lines = [_line(number, node, gone.get(str(node.id))) for number, node in enumerate(raw.line_items, 1)]
    charges = [_shipping(node) for node in raw.shipping_lines]
    discounts = [_coupon(node) for node in raw.coupon_lines]
    off = NOTHING
    for node in raw.fee_lines:
        if node.total.startswith("-"):
            discounts.append(_negative_fee(node))
            off += Decimal(node.total)
        else:
            charges.append(_fee(node))

    items, extras = _sum(line.total for line in lines), _sum(charge.total for charge in charges)
    rounding = grand - items - extras - off - tax
    if rounding and abs(rounding) >= _coin(raw.currency):
        rounding = NOTHING
    paid_at, created_at = _time(raw.date_paid_gmt), _time(raw.date_created_gmt)
    return Order(
        order_id=str(raw.id),
        order_number=str(raw.number) if raw.number else None,
        parent_id=str(raw.parent_id) if raw.parent_id else None,
        origin=ORIGINS.get(raw.created_via, raw.created_via) or None,
        placed_at=created_at,
        channel_created_at=created_at,
        channel_updated_at=_time(raw.date_modified_gmt),
        paid_at=paid_at,
        closed_at=_time(raw.date_completed_gmt),
        order_status=status,
        payment_status=_payment_status(raw),
        fulfilment_status="shipped" if raw.status == "completed" else "unfulfilled",
        raw_status={"status": raw.status},
        buyer_id=str(raw.customer_id) if raw.customer_id else None,
        currency=raw.currency,
        taxes_included=False,
        items_total=_plain(items),
        discount_total=_plain(Decimal(raw.discount_total) - off) if off else raw.discount_total,
        charge_total=_plain(extras),
        tax_total=_plain(tax),
        rounding=_plain(rounding),
        grand_total=_plain(grand),
        paid=raw.total if paid_at else "0",
        refunded=_plain(sum((abs(Decimal(refund.total)) for refund in raw.refunds), NOTHING)) if raw.refunds else "0",
        masking="erased" if raw.billing.email.endswith("@site.invalid") else "plain",
        lines=lines,
        charges=charges,
        discounts=discounts,
        taxes=[_tax(node) for node in raw.tax_lines],
        payments=_payments(raw, paid_at),
        refunds=[_refund(node) for node in details],
        contacts=_contacts(raw),
    )


def _time(stamp: str | None) -> str | None:
    """WooCommerce's GMT times come without an offset; ours say so."""
    return f"{stamp}Z" if stamp else None


def _sum(amounts: Iterable[str | None]) -> Decimal:
    return sum(map(Decimal, filter(None, amounts)), NOTHING)


@functools.lru_cache
def _coin(currency: str) -> Decimal:
    """The currency's smallest unit."""
    return Decimal(1).scaleb(-exponent(currency))


def _text(amount: Any) -> str:
    """An amount as it was spelled; some plugin's number as text. Raises what `Decimal` raises for anything else."""
    return amount if isinstance(amount, str) and amount else str(Decimal(amount))


def _plain(amount: Decimal) -> str:
    """Decimal text without an exponent; `str` takes a quarter of the time that a format does."""
    text = str(amount)
    return f"{amount:f}" if "E" in text else text


def _payment_status(raw: Record) -> str:
    if raw.status == "refunded":
        return "refunded"
    if raw.date_paid_gmt:
        return "partially_refunded" if raw.refunds else "paid"
    return "cod_due" if raw.payment_method == "cod" and raw.status == "processing" else "unpaid"


def _line(number: int, node: Item, gone: Gone | None) -> Line:
    """One line. Amounts that need no arithmetic stay as they were spelled."""
    ordered = quantity = str(node.quantity)
    before, net, tax = _text(node.subtotal), _text(node.total), _text(node.total_tax)
    count = Decimal(ordered)
    unit = before if ordered == "1" or not count else _plain((Decimal(before) / count).quantize(MICRO, ROUND_HALF_UP))
    discount = "0" if before == net else _plain(Decimal(before) - Decimal(net))
    if gone:
        units, left = count - gone.units, Decimal(net) - gone.amount
        quantity, net, tax = _plain(units), _plain(left), _plain(Decimal(tax) - gone.tax)
        discount = _plain(Decimal(unit) * units - left)
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
    return Charge(
        kind="shipping",
        charge_id=str(node.id),
        title=node.method_title,
        method=node.method_id or None,
        amount=node.total,
        tax=node.total_tax,
        total=node.total,
    )


def _fee(node: Fee) -> Charge:
    return Charge(
        kind="surcharge",
        charge_id=str(node.id),
        title=node.name,
        amount=node.total,
        tax=node.total_tax,
        total=node.total,
    )


def _negative_fee(node: Fee) -> Discount:
    """Plugins write discounts as fees below zero; no line holds them."""
    return Discount(kind="manual", title=node.name, funded_by="seller", amount=node.total[1:], allocated="0")


def _coupon(node: Coupon) -> Discount:
    """A coupon's amount, without tax, stands in the lines' totals already."""
    return Discount(kind="code", code=node.code, funded_by="seller", amount=node.discount, allocated=node.discount)


def _tax(node: TaxLine) -> Tax:
    percent = node.rate_percent
    return Tax(
        title=node.label,
        jurisdiction=node.rate_code,
        rate=None if percent is None else _plain(Decimal(percent) / 100),
        amount=_plain(Decimal(node.tax_total) + Decimal(node.shipping_tax_total)),
        liable="seller",
    )


def _payments(raw: Record, paid_at: str | None) -> list[Payment]:
    """WooCommerce knows one payment, and of it only method, reference and time."""
    if not paid_at and not raw.transaction_id:
        return []
    return [
        Payment(
            payment_id=raw.transaction_id or None,
            kind="cod" if raw.payment_method == "cod" else "sale",
            status="success" if paid_at else "pending",
            method=raw.payment_method or None,
            gateway=raw.payment_method or None,
            amount=raw.total,
            at=paid_at,
        )
    ]


def _refunded_lines(details: Iterable[Refunded]) -> Iterable[tuple[str, RefundedItem]]:
    """Refunded positions with the id of the order line that each gives back."""
    for refund in details:
        for node in refund.line_items:
            line = next((meta.value for meta in node.meta_data if meta.key == "_refunded_item_id"), None)
            if line is not None:
                yield str(line), node


def _gone(details: Iterable[Refunded]) -> dict[str, Gone]:
    gone: dict[str, Gone] = {}
    for line, node in _refunded_lines(details):
        units = -Decimal(node.quantity)
        if units:
            sofar = gone.get(line, Gone(NOTHING, NOTHING, NOTHING))
            amount, tax = -Decimal(node.total), -Decimal(node.total_tax)
            gone[line] = Gone(sofar.units + units, sofar.amount + amount, sofar.tax + tax)
    return gone


def _refund(node: Refunded) -> Refund:
    return Refund(
        refund_id=str(node.id),
        reason=node.reason or None,
        amount=f"{abs(Decimal(node.amount)):f}",
        at=_time(node.date_created_gmt),
        lines=[(line, f"{-Decimal(part.quantity):f}") for line, part in _refunded_lines([node]) if part.quantity],
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
        address=[text for text in (node.address_1, node.address_2) if text],
        city=node.city or None,
        region=node.state or None,
        postal_code=node.postcode or None,
        country=node.country or None,
        note=note,
    )
