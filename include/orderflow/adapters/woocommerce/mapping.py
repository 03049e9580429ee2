"""From a WooCommerce order to ours: pure.

Amounts. WooCommerce states every line, charge and refund without tax and its tax beside, whatever way the site enters
prices, so `taxes_included` is False here. Lines are asked for with six decimals, but a site rounds each of them before
it adds them up, unless it rounds at the subtotal (WooCommerce, `trait-wc-item-totals.php`), and taxes and `total` in
any case: to the currency's decimals, or to none where it shows prices so. What this explains is the order's `rounding`,
and nothing else is.

The extension Gift Cards takes what its cards paid off `total` alone; here it is part of what was to be paid, and a
payment. Store credit that comes as a coupon is a discount that no line holds.

A unit that was refunded before the order was completed will not be shipped: it is taken off its line, with the amounts
of the refund, which people round when they type them. Refunds of a completed, cancelled or wholly refunded order change
no line.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import msgspec

from orderflow.adapters.amounts import unread
from orderflow.adapters.woocommerce import movements
from orderflow.adapters.woocommerce.record import Address, Coupon, Fee, Item, Record, Shipping, TaxLine
from orderflow.adapters.woocommerce.values import NOTHING, entries, plain, text, time
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
PICKED_UP = frozenset({"local_pickup", "pickup_location"})
"""Shipping methods by which the buyer comes for the goods: of zones, and of the checkout block."""
COUPONS = frozenset({"percent", "fixed_cart", "fixed_product"})
"""WooCommerce's own kinds; each comes off the lines."""
AMOUNTS = frozenset({"total", "total_tax", "subtotal", "quantity", "tax_total", "shipping_tax_total", "amount"})
OPTIONAL = frozenset({"discount", "discount_total", "rate_percent"})
"""Amounts that a site may leave empty."""
UNIT, MICRO = Decimal(1), Decimal("0.000001")


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
        record = raw if isinstance(raw, Record) else msgspec.convert(raw, Record)
        return _order(record, options)
    except msgspec.ValidationError as error:
        raise misshapen(error) from None
    except (InvalidOperation, TypeError, AttributeError, ValueError) as error:
        shape = RecordError("RAW_SHAPE", "order", None, f"not the shape of a WooCommerce order: {error}")
        raise unread(record, _is_amount) or shape from None


def _is_amount(name: str, inside: Raw) -> bool:
    return name in AMOUNTS or (name in OPTIONAL and inside[name] not in (None, ""))


def _order(raw: Record, options: Options) -> Order:
    status = order_status(raw.status, options)
    details = raw.refund_details or ()
    gone: dict[str, movements.Gone] = {}
    total = text(raw.total)
    tax, grand = Decimal(raw.total_tax), Decimal(total)
    if raw.refunds and status in OPEN:
        gone, back = movements.gone(raw.refunds, details, _coin(raw.currency))
        tax, grand = tax - sum((part.tax for part in gone.values()), NOTHING), grand - back
    charges = [_shipping(node) for node in entries(raw.shipping_lines)]
    by = None
    if charges and charges[0].method in PICKED_UP and all(charge.method in PICKED_UP for charge in charges):
        by = "pickup"
    lines = [_line(number, node, by) for number, node in enumerate(entries(raw.line_items), 1)]
    if gone:
        coin = _coin(raw.currency)
        lines = [_without(line, part, coin) if (part := gone.get(str(line.line_id))) else line for line in lines]
    discounts = [_coupon(node) for node in entries(raw.coupon_lines)]
    off = NOTHING
    for node in entries(raw.fee_lines):
        amount = text(node.total)
        if amount.startswith("-"):
            discounts.append(_negative_fee(node, amount))
            off += Decimal(amount)
        else:
            charges.append(_fee(node, amount))

    items, extras = _sum(line.total for line in lines), _sum(charge.total for charge in charges)
    left = rounding = grand - items - extras - off - tax
    if gone:  # their refunds are rounded, too; what is to be explained is the order as it was placed
        left = Decimal(total) - _sum(text(node.total) for node in entries(raw.line_items)) - extras - off
        left -= Decimal(raw.total_tax)
        if abs(rounding - left) > _coin(raw.currency) * (len(details) + len(gone)):
            rounding = NOTHING  # a refund of a line that somebody took out of the order
    cards: list[movements.Card] = []
    if left and not _is_rounding(left, raw):
        cards = movements.gift_cards(raw.gift_cards) if raw.gift_cards else []
        by_card = sum((card.amount for card in cards), NOTHING)
        credit = sum((Decimal(node.discount or 0) for node in entries(raw.coupon_lines) if _is_credit(node)), NOTHING)
        if _is_rounding(left + by_card, raw):
            rounding, grand, total = rounding + by_card, grand + by_card, plain(Decimal(total) + by_card)
        elif _is_rounding(left + credit, raw):
            cards, rounding = [], rounding + credit
            discounts[: len(raw.coupon_lines)] = [
                _coupon(node, in_lines=not _is_credit(node)) for node in entries(raw.coupon_lines)
            ]
        else:
            cards, rounding = [], NOTHING  # they took nothing off the total
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
        refunded=movements.refunded(entries(raw.refunds)) if raw.refunds else "0",
        masking="erased" if str(raw.billing.email).endswith("@site.invalid") else "plain",
        lines=lines,
        charges=charges,
        discounts=discounts,
        taxes=[_tax(node) for node in entries(raw.tax_lines)],
        payments=movements.payments(raw, paid_at, cards),
        refunds=[movements.refund(node) for node in details],
        contacts=_contacts(raw),
    )


def _sum(amounts: Iterable[str | None]) -> Decimal:
    return sum(map(Decimal, filter(None, amounts)), NOTHING)


def _is_rounding(left: Decimal, raw: Record) -> bool:
    """Whether rounding explains what is left over: of the sums, or of each line before them."""
    step = _coin(raw.currency)
    if abs(left) < step:
        return True
    lines = entries(raw.line_items)
    if not any(Decimal(part) % 1 for part in (raw.total, raw.total_tax, *(node.total_tax for node in lines))):
        step = UNIT
    nets = [Decimal(node.total) for node in lines]
    return abs(left - sum((net.quantize(step, ROUND_HALF_UP) - net for net in nets), NOTHING)) < step


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


def _line(number: int, node: Item, fulfilled_by: str | None) -> Line:
    """One line. Amounts that need no arithmetic stay as they were spelled."""
    ordered = str(node.quantity)
    before, net, tax = text(node.subtotal), text(node.total), text(node.total_tax)
    discount = "0"
    if before != net:
        off = Decimal(before) - Decimal(net)
        if off < 0 <= Decimal(before):
            before = net  # somebody raised the price: that is no discount
        else:
            discount = plain(off)
    count = Decimal(ordered)
    unit = before if ordered == "1" or not count else plain((Decimal(before) / count).quantize(MICRO, ROUND_HALF_UP))
    return Line(
        number=number,
        line_id=str(node.id),
        sku=node.sku or None,
        product_id=str(node.product_id) if node.product_id else None,
        variant_id=str(node.variation_id) if node.variation_id else None,
        title=node.name,
        quantity=ordered,
        quantity_ordered=ordered,
        unit_price=unit,
        discount=discount,
        tax=tax,
        total=net,
        fulfilled_by=fulfilled_by,
    )


def _without(line: Line, gone: movements.Gone, coin: Decimal) -> Line:
    """The line without what refunds took off it. What people typed to the coin leaves no fraction of a line behind."""
    units = Decimal(line.quantity or 0) - gone.units
    left, tax = Decimal(line.total or 0) - gone.amount, Decimal(line.tax or 0) - gone.tax
    if not units:
        left, tax = (NOTHING if abs(each) <= coin else each for each in (left, tax))
    discount = max(Decimal(line.unit_price or 0) * units - left, NOTHING)  # a third of 10 is less than was left
    return msgspec.structs.replace(
        line, quantity=plain(units), discount=plain(discount), tax=plain(tax), total=plain(left)
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


def _coupon(node: Coupon, *, in_lines: bool = True) -> Discount:
    """A coupon's amount, without tax, mostly stands in the lines' totals already."""
    amount = text(node.discount or "0")
    return Discount(
        kind="code", code=node.code, funded_by="seller", amount=amount, allocated=amount if in_lines else "0"
    )


def _is_credit(node: Coupon) -> bool:
    """Whether a coupon is of a plugin's own kind; such may come off the total alone, as store credit does."""
    return bool(node.discount_type) and node.discount_type not in COUPONS


def _tax(node: TaxLine) -> Tax:
    return Tax(
        title=node.label,
        jurisdiction=node.rate_code,
        rate=_rate(node.rate_percent),
        amount=plain(Decimal(node.tax_total) + Decimal(node.shipping_tax_total)),
        liable="seller",
    )


@functools.lru_cache
def _rate(percent: Any) -> str | None:
    """The share; PHP may write the percentage, a float, with 17 digits (`serialize_precision`): 8.0999999999999996."""
    if percent is None or percent == "":
        return None
    rate = Decimal(percent) / 100
    return plain(min(rate, rate.quantize(MICRO, ROUND_HALF_UP), key=lambda each: len(str(each))))


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
