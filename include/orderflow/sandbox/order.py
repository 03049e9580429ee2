"""The order of a simulated world: what is true of it at one moment, before any platform has spelled it.

Amounts are whole minor units in pairs: what the buyer saw, and the same in the shop's own currency. Every amount that
follows from others (discount shares, taxes, totals) is computed by `price`, once for each of the two currencies, so
that the books balance to the minor unit in both. Moments are epoch seconds.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from orderflow.domain.money import allocate
from orderflow.sandbox.vocabulary import Country, Product


class Pair(NamedTuple):
    """One amount in the buyer's currency and in the shop's."""

    buyer: int
    shop: int


NOTHING = Pair(0, 0)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One position. `quantity` counts now, `ever` is the most that it counted; `refunded` units came back."""

    line_id: int
    product: Product
    ordered: int
    """Units at checkout; none for a line that an edit added."""
    ever: int
    quantity: int
    unit: Pair
    own_rate: int = 0
    """Line discount in thousandths of the price."""
    shipped: int = 0
    refunded: int = 0

    @property
    def gift(self) -> bool:
        return self.product.cents == 0

    @property
    def unshipped(self) -> int:
        return max(0, self.quantity - max(self.shipped, self.refunded))


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """An order-level discount: `rate` in thousandths over all lines, or a `fixed` amount, or the shipping for free."""

    code: str
    rate: int = 0
    fixed: Pair = NOTHING
    ships_free: bool = False


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    kind: str
    """`authorization`, `capture`, `sale` or `void`."""
    amount: Pair
    at: int


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    carrier: str
    tracking: str
    units: tuple[tuple[int, int], ...]
    """Pairs of line id and quantity."""
    at: int
    delivered_at: int | None = None


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """Money given back; `units` are line id, quantity, net amount and tax. Without units it is amount-only."""

    number: int
    reason: str
    amount: Pair
    units: tuple[tuple[int, int, Pair, Pair], ...] = ()
    shipping: tuple[Pair, Pair] = (NOTHING, NOTHING)
    """Net amount and tax."""
    at: int


class Address(msgspec.Struct, frozen=True, kw_only=True):
    given: str
    family: str
    company: str
    street: str
    extra: str
    city: str
    region: str
    postcode: str
    country: str
    country_name: str
    phone: str


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order as it stands after some of its events."""

    index: int
    number: str
    placed_at: int
    country: Country
    currency: str
    shop_currency: str
    taxes_included: bool
    ship_to: Address | None
    bill_to: Address
    email: str
    customer_id: int
    locale: str
    note: str
    tags: tuple[str, ...]
    source: str
    test: bool
    items: tuple[Item, ...]
    method: tuple[str, str]
    shipping: Pair
    tip: Pair
    code: Code | None
    gateway: tuple[str, str]
    slow_payment: bool
    """A bank transfer or cash on delivery: unpaid at first."""
    payments: tuple[Payment, ...] = ()
    shipments: tuple[Shipment, ...] = ()
    refunds: tuple[Refund, ...] = ()
    paid_at: int | None = None
    cancelled_at: int | None = None
    cancel_reason: str = ""
    closed_at: int | None = None
    completed_at: int | None = None
    failed: bool = False
    edited_at: int | None = None
    trashed: bool = False
    serial: int = 0
    """Counts the numbers given to lines, payments, shipments and refunds."""

    @property
    def unshipped(self) -> int:
        """Units still to be sent; units given back before they were sent need not go."""
        return sum(item.unshipped for item in self.items)


class LineMoney(NamedTuple):
    """Some units of one line in one currency. `before` is unit x units; `whole` what the buyer owes, tax inside."""

    before: int
    own: int
    code: int
    after: int
    """After discounts, as the shop shows prices: with tax inside where they include it."""
    tax: int
    net: int
    whole: int
    before_net: int
    before_tax: int


class Money(NamedTuple):
    """The whole order in one currency."""

    lines: tuple[LineMoney, ...]
    """The units that count now: after edits, before refunds."""
    ever: tuple[LineMoney, ...]
    """All units that ever counted, as they were priced."""
    shipping: int
    shipping_discount: int
    shipping_tax: int
    shipping_net: int
    tip: int
    received: int
    refunded: int

    @property
    def total(self) -> int:
        return self.whole(self.lines)

    def whole(self, lines: tuple[LineMoney, ...]) -> int:
        """What is to be paid for `lines`, with all that goes with them."""
        return sum(line.whole for line in lines) + self.shipping_net + self.shipping_tax + self.tip

    def tax(self, lines: tuple[LineMoney, ...]) -> int:
        return sum(line.tax for line in lines) + self.shipping_tax

    def discount(self, lines: tuple[LineMoney, ...]) -> int:
        return sum(line.own + line.code for line in lines) + self.shipping_discount


def price(order: Order) -> tuple[Money, Money]:
    """All amounts of the order: in the buyer's currency and in the shop's."""
    buyer = _side(order, 0)
    return buyer, (buyer if order.currency == order.shop_currency else _side(order, 1))


def _side(order: Order, side: int) -> Money:
    rate, included, code = order.country.tax_rate, order.taxes_included, order.code
    shares = _code_shares(order, side)
    ever = []
    for item, share in zip(order.items, shares, strict=True):
        before = item.unit[side] * item.ever
        own = before * item.own_rate // 1000
        tax = tax_of(before - own - share, rate, included=included)
        ever.append(_line(order, item.unit[side], item.ever, own, share, tax))
    lines = [
        line if item.quantity == item.ever else _kept(order, item, side, line)
        for item, line in zip(order.items, ever, strict=True)
    ]
    free = order.shipping[side] if code and code.ships_free else 0
    shipping = order.shipping[side] - free
    shipping_tax = tax_of(shipping, rate, included=included)
    return Money(
        lines=tuple(lines),
        ever=tuple(ever),
        shipping=order.shipping[side],
        shipping_discount=free,
        shipping_tax=shipping_tax,
        shipping_net=shipping - shipping_tax if included else shipping,
        tip=order.tip[side],
        received=sum(payment.amount[side] for payment in order.payments if payment.kind in {"sale", "capture"}),
        refunded=sum(refund.amount[side] for refund in order.refunds),
    )


def _code_shares(order: Order, side: int) -> list[int]:
    """What the order's code takes off each line: settled at checkout, over what was ordered then."""
    code = order.code
    if code is None or not (code.rate or code.fixed[side]):
        return [0] * len(order.items)
    left = []
    for item in order.items:
        before = item.unit[side] * item.ordered
        left.append(before - before * item.own_rate // 1000)
    return allocate(min(sum(left), code.fixed[side] or _round(sum(left) * code.rate, 1000)), left)


def _kept(order: Order, item: Item, side: int, ever: LineMoney) -> LineMoney:
    """The units that are left after an edit took some out; what leaves takes its share of discounts and tax along."""
    out = item.ever - item.quantity
    own, code, tax = (amount - amount * out // item.ever for amount in (ever.own, ever.code, ever.tax))
    own = min(own, item.unit[side] * item.quantity)  # both are rounded up, and never take off more than there is
    code = min(code, item.unit[side] * item.quantity - own)
    return _line(order, item.unit[side], item.quantity, own, code, tax)


def _line(order: Order, unit: int, units: int, own: int, code: int, tax: int) -> LineMoney:
    before = unit * units
    after = before - own - code
    net = after - tax if order.taxes_included else after
    before_tax = tax_of(before, order.country.tax_rate, included=order.taxes_included)
    before_net = before - before_tax if order.taxes_included else before
    return LineMoney(before, own, code, after, tax, net, net + tax, before_net, before_tax)


def tax_of(amount: int, rate: int, *, included: bool) -> int:
    """The tax in (or on) an amount of minor units; `rate` in thousandths of a percent, half up."""
    return _round(amount * rate, 100_000 + rate if included else 100_000)


def _round(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def payment_status(order: Order, money: Money) -> str:
    """`pending`, `authorized`, `partially_paid`, `paid`, `partially_refunded`, `refunded` or `voided`."""
    if money.refunded and money.refunded >= money.received:
        return "refunded"
    if money.refunded:
        return "partially_refunded"
    if money.received >= money.total and not (order.slow_payment and order.paid_at is None):
        return "paid"
    if money.received:
        return "partially_paid"
    if order.cancelled_at or order.failed:
        return "voided"
    return "authorized" if any(payment.kind == "authorization" for payment in order.payments) else "pending"


def fulfilment_status(order: Order) -> str:
    """`unfulfilled`, `partial` or `fulfilled`."""
    if not order.shipments:
        return "unfulfilled"
    return "fulfilled" if order.unshipped <= 0 else "partial"
