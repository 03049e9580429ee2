"""What can happen to an order after it was placed. Each change takes an order and a random generator, and returns the
order after it, or None where it does not apply (an order that was shipped cannot be cancelled any more).
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeAlias

from msgspec.structs import replace

from orderflow.sandbox.order import NOTHING, Item, Order, Pair, Payment, Refund, Shipment, price
from orderflow.sandbox.people import address_of, priced_unit
from orderflow.sandbox.vocabulary import CANCEL_REASONS, CARRIERS, NOTES, PRODUCTS, REFUND_REASONS, TAGS

Change: TypeAlias = Callable[[Order, Random, int], Order | None]
"""`change(order, random, at)`: the order after the change, or None."""

EDIT = "edit"
"""Reason of a refund that settles an edit: the total is lower already."""


def pay(order: Order, _random: Random, at: int) -> Order | None:
    """The money comes in: a capture where it was authorised, else a sale."""
    buyer, shop = price(order)
    owed = Pair(buyer.total - buyer.received, shop.total - shop.received)
    if order.cancelled_at or order.failed or owed.buyer <= 0:
        return None
    held = any(payment.kind == "authorization" for payment in order.payments)
    kind = "capture" if held else "sale"
    return replace(_paid(order, kind, owed, at), paid_at=order.paid_at or at)


def authorize(order: Order, _random: Random, at: int) -> Order | None:
    """The bank promises the money."""
    buyer, shop = price(order)
    return _paid(order, "authorization", Pair(buyer.total, shop.total), at)


def fail(order: Order, _random: Random, at: int) -> Order | None:
    """The payment never came."""
    if order.paid_at or order.cancelled_at:
        return None
    return replace(order, failed=True, cancelled_at=at, cancel_reason="declined")


def change_quantity(order: Order, random: Random, at: int) -> Order | None:
    """The buyer wants more or fewer of one thing."""
    places = [n for n, item in enumerate(order.items) if not item.gift and not item.shipped and item.quantity]
    if not places or _final(order):
        return None
    place = random.choice(places)
    item = order.items[place]
    quantity = item.quantity + random.choice((1, 2)) if item.quantity == 1 else item.quantity - 1
    changed = replace(item, quantity=quantity, ever=max(item.ever, quantity))
    items = (*order.items[:place], changed, *order.items[place + 1 :])
    return _settled(order, replace(order, items=items, edited_at=at), at)


def add_line(order: Order, random: Random, at: int) -> Order | None:
    """Something more goes into the parcel."""
    if _final(order):
        return None
    product = random.choice(PRODUCTS[:-1])
    serial = order.serial + 1
    unit = priced_unit(product, order.currency, order.shop_currency)
    item = Item(line_id=serial, product=product, ordered=0, ever=1, quantity=1, unit=unit)
    return _settled(order, replace(order, items=(*order.items, item), serial=serial, edited_at=at), at)


def remove_line(order: Order, random: Random, at: int) -> Order | None:
    """One position is taken out (its quantity becomes zero)."""
    places = [n for n, item in enumerate(order.items) if item.quantity and not item.shipped]
    if len([item for item in order.items if item.quantity]) < 2 or not places or _final(order):
        return None
    place = random.choice(places)
    items = (*order.items[:place], replace(order.items[place], quantity=0), *order.items[place + 1 :])
    return _settled(order, replace(order, items=items, edited_at=at), at)


def change_address(order: Order, random: Random, _at: int) -> Order | None:
    """The parcel shall go elsewhere in the same country."""
    if order.ship_to is None or order.shipments or order.cancelled_at:
        return None
    moved = address_of(order.country, random)
    kept = replace(moved, given=order.ship_to.given, family=order.ship_to.family, phone=order.ship_to.phone)
    return replace(order, ship_to=kept)


def annotate(order: Order, random: Random, at: int) -> Order | None:
    """A note or a tag."""
    if random.random() < 0.5:
        return replace(order, note=random.choice(NOTES) or "ny anteckning")
    return replace(order, tags=(*order.tags, random.choice(TAGS), f"t{at}"))


def touch(order: Order, _random: Random, _at: int) -> Order | None:
    """Saved without a change: only the modified time moves."""
    return order


def ship(order: Order, random: Random, at: int) -> Order | None:
    """All that is left goes out."""
    return _ship(order, random, at, part=False)


def ship_part(order: Order, random: Random, at: int) -> Order | None:
    """One unit of the first position goes out ahead."""
    return _ship(order, random, at, part=True)


def dispatch(order: Order, parcel: Shipment) -> Order | None:
    """A parcel that the seller's own system sent, as the platform's API was told; None when not all of it is left."""
    left = {item.line_id: item.unshipped for item in order.items}
    if order.cancelled_at or not parcel.units or any(units > left.get(line, 0) for line, units in parcel.units):
        return None
    return _packed(order, parcel)


def deliver(order: Order, _random: Random, at: int) -> Order | None:
    """The parcels arrive."""
    if not any(shipment.delivered_at is None for shipment in order.shipments):
        return None
    return replace(
        order, shipments=tuple(replace(each, delivered_at=each.delivered_at or at) for each in order.shipments)
    )


def close(order: Order, _random: Random, at: int) -> Order | None:
    """The shop archives the order."""
    return replace(order, closed_at=at) if order.completed_at and not order.closed_at else None


def cancel(order: Order, random: Random, at: int) -> Order | None:
    """Called off before anything was sent; what was paid goes back."""
    if order.shipments or order.cancelled_at:
        return None
    order = replace(order, cancelled_at=at, cancel_reason=random.choice(CANCEL_REASONS))
    if order.paid_at:
        units = tuple((item.line_id, item.quantity - item.refunded) for item in order.items)
        return _refunded(order, units, at, "cancelled", shipping=True) or order
    if any(payment.kind == "authorization" for payment in order.payments):
        return _paid(order, "void", NOTHING, at)
    return order


def refund_part(order: Order, random: Random, at: int) -> Order | None:
    """One unit that was sent comes back."""
    items = [item for item in order.items if item.shipped > item.refunded and not item.gift]
    if not items or not order.paid_at or order.cancelled_at:
        return None
    return _refunded(order, ((random.choice(items).line_id, 1),), at, random.choice(REFUND_REASONS))


def refund_all(order: Order, random: Random, at: int) -> Order | None:
    """Everything comes back, once it was sent."""
    if not order.paid_at or order.cancelled_at or order.unshipped:
        return None
    units = tuple((item.line_id, item.quantity - item.refunded) for item in order.items)
    return _refunded(order, units, at, random.choice(REFUND_REASONS), shipping=True)


def refund_amount(order: Order, _random: Random, at: int) -> Order | None:
    """Money back for the trouble, without any thing coming back."""
    buyer, shop = price(order)
    amount = Pair((buyer.received - buyer.refunded) // 10, (shop.received - shop.refunded) // 10)
    if not order.paid_at or order.cancelled_at or min(amount) <= 0:
        return None
    refund = Refund(number=order.serial + 1, reason="", amount=amount, at=at)
    return replace(order, refunds=(*order.refunds, refund), serial=order.serial + 1)


def trash(order: Order, _random: Random, _at: int) -> Order | None:
    """Deleted by the shop: it leaves every list."""
    return replace(order, trashed=True)


CHANGES: dict[str, tuple[Change, str]] = {
    "pay": (pay, "payment"),
    "authorize": (authorize, "payment"),
    "fail": (fail, "status"),
    "change_quantity": (change_quantity, "lines"),
    "add_line": (add_line, "lines"),
    "remove_line": (remove_line, "lines"),
    "change_address": (change_address, "address"),
    "annotate": (annotate, "note"),
    "touch": (touch, "note"),
    "ship": (ship, "fulfilment"),
    "ship_part": (ship_part, "fulfilment"),
    "deliver": (deliver, "tracking"),
    "close": (close, "status"),
    "cancel": (cancel, "status"),
    "refund_part": (refund_part, "refund"),
    "refund_all": (refund_all, "refund"),
    "refund_amount": (refund_amount, "refund"),
    "trash": (trash, "deletion"),
}
"""Every change by its name, with the kind that a channel's list may be blind to (`domain.source.Blind`)."""


def _final(order: Order) -> bool:
    return bool(order.cancelled_at or order.completed_at or order.refunds)


def _paid(order: Order, kind: str, amount: Pair, at: int) -> Order:
    payment = Payment(number=order.serial + 1, kind=kind, amount=amount, at=at)
    return replace(order, payments=(*order.payments, payment), serial=order.serial + 1)


def _settled(before: Order, after: Order, at: int) -> Order:
    """An edit of a paid order is paid for, or paid back, at once."""
    if not before.paid_at:
        return after
    buyer, shop = price(after)
    owed = Pair(buyer.total - buyer.received + buyer.refunded, shop.total - shop.received + shop.refunded)
    if owed.buyer > 0:
        return _paid(after, "sale", owed, at)
    if owed.buyer < 0:
        amount = Pair(-owed.buyer, max(0, -owed.shop))
        refund = Refund(number=after.serial + 1, reason=EDIT, amount=amount, at=at)
        return replace(after, refunds=(*after.refunds, refund), serial=after.serial + 1)
    return after


def _ship(order: Order, random: Random, at: int, *, part: bool) -> Order | None:
    if order.cancelled_at or not order.unshipped or not (order.paid_at or order.slow_payment):
        return None
    left = [(item.line_id, item.unshipped) for item in order.items if item.unshipped]
    units = ((left[0][0], 1),) if part else tuple(left)
    tracking = f"{random.randrange(10**10):010d}{'' if random.random() < 0.9 else '號'}"
    return _packed(order, Shipment(number=0, carrier=random.choice(CARRIERS), tracking=tracking, units=units, at=at))


def _packed(order: Order, parcel: Shipment) -> Order:
    """The order with one more parcel, which gets its number here."""
    sent, number = dict(parcel.units), order.serial + 1
    items = tuple(replace(item, shipped=item.shipped + sent.get(item.line_id, 0)) for item in order.items)
    order = replace(order, items=items, shipments=(*order.shipments, replace(parcel, number=number)), serial=number)
    return order if order.unshipped else replace(order, completed_at=parcel.at)


def _refunded(
    order: Order, units: tuple[tuple[int, int], ...], at: int, reason: str, *, shipping: bool = False
) -> Order | None:
    sides = price(order)
    counts = dict(units)
    parts = []
    back = [0, 0]
    for item, *lines in zip(order.items, *(side.lines for side in sides), strict=True):
        count = counts.get(item.line_id, 0)
        if count <= 0:
            continue
        net = Pair(*(line.net * count // item.quantity for line in lines))
        tax = Pair(*(line.tax * count // item.quantity for line in lines))
        parts.append((item.line_id, count, net, tax))
        back = [total + amount + levy for total, amount, levy in zip(back, net, tax, strict=True)]
    freight = NOTHING, NOTHING
    if shipping:
        freight = Pair(*(side.shipping_net for side in sides)), Pair(*(side.shipping_tax for side in sides))
    rest = [side.received - side.refunded for side in sides]
    if shipping and all(item.quantity == item.refunded + counts.get(item.line_id, 0) for item in order.items):
        amount = Pair(*rest)
    else:
        amount = Pair(
            *(
                min(lines + sum(each), most)
                for lines, each, most in zip(back, zip(*freight, strict=True), rest, strict=True)
            )
        )
    if amount.buyer <= 0:
        return None
    refund = Refund(number=order.serial + 1, reason=reason, amount=amount, units=tuple(parts), shipping=freight, at=at)
    items = tuple(replace(item, refunded=item.refunded + counts.get(item.line_id, 0)) for item in order.items)
    return replace(order, refunds=(*order.refunds, refund), items=items, serial=order.serial + 1)
