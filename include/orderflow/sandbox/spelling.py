"""From an order with whole minor units and epoch seconds to its snapshot: every value as text."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from orderflow.domain.money import exponent
from orderflow.sandbox.events import EDIT
from orderflow.sandbox.generator import Version
from orderflow.sandbox.order import Money as Totals
from orderflow.sandbox.order import Order, Pair, fulfilment_status, payment_status, price, tax_of
from orderflow.sandbox.snapshot import Bag, Line, Money, Parcel, Return, Snapshot, stamp


def _maybe(moment: int | None) -> str | None:
    return None if moment is None else stamp(moment)


def minor_text(units: int, places: int) -> str:
    """Minor units as decimal text: `minor_text(2450, 2) == "24.50"`."""
    if not places:
        return str(units)
    sign, digits = ("-", str(-units)) if units < 0 else ("", str(units))
    digits = digits.rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


def status_of(order: Order) -> str:
    """The order's one-word state, as shops without separate axes say it."""
    if order.trashed:
        return "trash"
    if order.failed:
        return "failed"
    if order.cancelled_at:
        return "cancelled"
    buyer, _ = price(order)
    if buyer.refunded and buyer.refunded >= buyer.received:
        return "refunded"
    if order.completed_at:
        return "completed"
    if order.paid_at is None:
        return "on_hold" if order.slow_payment else "pending"
    return "open"


def _shown(order: Order, net: Pair, tax: Pair) -> Pair:
    """An amount as the shop shows prices: with tax where they include it."""
    return Pair(net.buyer + tax.buyer, net.shop + tax.shop) if order.taxes_included else net


def _given_back(order: Order, side: int) -> tuple[int, int]:
    """Net amount and tax of all that came back, shipping included."""
    parts = [part[2:] for refund in order.refunds for part in refund.units]
    parts += [refund.shipping for refund in order.refunds]
    return sum(net[side] for net, _ in parts), sum(tax[side] for _, tax in parts)


def _owed(order: Order, money: Totals, side: int) -> int:
    if order.cancelled_at:
        return 0
    settled = sum(refund.amount[side] for refund in order.refunds if refund.reason == EDIT)
    return max(0, money.total + settled - money.received)


def snapshot(version: Version) -> Snapshot:
    """The order of this version, healthy."""
    order = version.order
    buyer, shop = price(order)
    places = exponent(order.currency), exponent(order.shop_currency)

    def bag(amount: int, counterpart: int) -> Bag:
        return minor_text(amount, places[0]), minor_text(counterpart, places[1])

    def pair(amounts: Pair) -> Bag:
        return minor_text(amounts[0], places[0]), minor_text(amounts[1], places[1])

    def both(read: Callable[[Totals], int]) -> Bag:
        return bag(read(buyer), read(shop))

    def own(side: Totals) -> tuple[int, int]:
        """Line discounts without tax, and the tax that they save; without a code they are all the discount there is."""
        if order.code is None or order.code.ships_free:
            lines = side.lines
            return sum(line.before_net - line.net for line in lines), sum(line.before_tax - line.tax for line in lines)
        taxes = [tax_of(line.own, order.country.tax_rate, included=order.taxes_included) for line in side.lines]
        whole = sum(line.own for line in side.lines)
        return whole - sum(taxes) * order.taxes_included, sum(taxes)

    lines = [
        Line(
            line_id=item.line_id,
            product_id=item.product.product_id,
            variant_id=item.product.variant_id,
            sku=item.product.sku,
            gtin=item.product.gtin,
            title=item.product.title,
            variant=item.product.variant,
            gift=item.gift,
            ordered=str(item.ordered),
            ever=str(item.ever),
            quantity=str(item.quantity),
            current=str(item.quantity - item.refunded),
            shipped=str(item.shipped),
            refunded=str(item.refunded),
            unit=pair(item.unit),
            before=bag(mine.before, theirs.before),
            discount=bag(mine.own + mine.code, theirs.own + theirs.code),
            tax=bag(mine.tax, theirs.tax),
            net=bag(mine.net, theirs.net),
            whole=bag(mine.whole, theirs.whole),
            before_net=bag(mine.before_net, theirs.before_net),
            before_tax=bag(mine.before_tax, theirs.before_tax),
            ever_before=bag(my_ever.before, their_ever.before),
            ever_own=bag(my_ever.own, their_ever.own),
            ever_code=bag(my_ever.code, their_ever.code),
            ever_tax=bag(my_ever.tax, their_ever.tax),
            removed_subtotal=bag(my_ever.after - mine.after, their_ever.after - theirs.after),
            removed_tax=bag(my_ever.tax - mine.tax, their_ever.tax - theirs.tax),
        )
        for item, mine, theirs, my_ever, their_ever in zip(
            order.items, buyer.lines, shop.lines, buyer.ever, shop.ever, strict=True
        )
    ]
    code = order.code
    gone = [_given_back(order, side) for side in (0, 1)]
    return Snapshot(
        index=order.index,
        version=version.number,
        number=order.number,
        created_at=stamp(order.placed_at),
        processed_at=stamp(order.placed_at),
        modified_at=stamp(version.modified_at),
        paid_at=_maybe(order.paid_at),
        cancelled_at=_maybe(order.cancelled_at),
        closed_at=_maybe(order.closed_at),
        completed_at=_maybe(order.completed_at),
        cancel_reason=order.cancel_reason or None,
        status=status_of(order),
        payment=payment_status(order, buyer),
        fulfilment=fulfilment_status(order),
        test=order.test,
        edited_at=_maybe(order.edited_at),
        currency=order.currency,
        shop_currency=order.shop_currency,
        taxes_included=order.taxes_included,
        email=order.email,
        locale=order.locale,
        note=order.note,
        tags=list(order.tags),
        source=order.source,
        customer_id=order.customer_id,
        ship_to=order.ship_to,
        bill_to=order.bill_to,
        lines=lines,
        method=order.method,
        shipping=bag(buyer.shipping, shop.shipping),
        shipping_discount=bag(buyer.shipping_discount, shop.shipping_discount),
        shipping_net=bag(buyer.shipping_net, shop.shipping_net),
        shipping_tax=bag(buyer.shipping_tax, shop.shipping_tax),
        tip=bag(buyer.tip, shop.tip),
        code=code.code if code else None,
        code_percent=f"{Decimal(code.rate) / 10}" if code and code.rate else None,
        code_fixed=pair(code.fixed) if code else bag(0, 0),
        code_total=both(lambda side: sum(line.code for line in side.lines)),
        tax_title=order.country.tax_title,
        tax_rate=f"{(Decimal(order.country.tax_rate) / 100_000).normalize():f}",
        gateway=order.gateway,
        subtotal=both(lambda side: sum(line.after for line in side.lines)),
        discount=both(lambda side: side.discount(side.lines)),
        own_net=both(lambda side: own(side)[0]),
        own_tax=both(lambda side: own(side)[1]),
        code_net=both(lambda side: sum(line.before_net - line.net for line in side.lines) - own(side)[0]),
        code_tax=both(lambda side: sum(line.before_tax - line.tax for line in side.lines) - own(side)[1]),
        lines_tax=both(lambda side: sum(line.tax for line in side.lines)),
        tax=both(lambda side: side.tax(side.lines)),
        total=both(lambda side: side.total),
        ever_subtotal=both(lambda side: sum(line.after for line in side.ever)),
        ever_discount=both(lambda side: side.discount(side.ever)),
        ever_tax=both(lambda side: side.tax(side.ever)),
        ever_total=both(lambda side: side.whole(side.ever)),
        current_tax=bag(buyer.tax(buyer.lines) - gone[0][1], shop.tax(shop.lines) - gone[1][1]),
        current_total=bag(buyer.total - sum(gone[0]), shop.total - sum(gone[1])),
        received=bag(buyer.received, shop.received),
        refunded=bag(buyer.refunded, shop.refunded),
        owed=bag(_owed(order, buyer, 0), _owed(order, shop, 1)),
        payments=[
            Money(number=each.number, kind=each.kind, status="success", amount=pair(each.amount), at=stamp(each.at))
            for each in order.payments
        ],
        parcels=[
            Parcel(
                number=each.number,
                carrier=each.carrier,
                tracking=each.tracking,
                at=stamp(each.at),
                delivered_at=_maybe(each.delivered_at),
                units=[(line_id, str(count)) for line_id, count in each.units],
            )
            for each in order.shipments
        ],
        refunds=[
            Return(
                number=each.number,
                reason=each.reason,
                at=stamp(each.at),
                amount=pair(each.amount),
                shipping=pair(_shown(order, *each.shipping)),
                shipping_tax=pair(each.shipping[1]),
                units=[
                    (line_id, str(count), pair(net), pair(tax), pair(_shown(order, net, tax)))
                    for line_id, count, net, tax in each.units
                ],
            )
            for each in order.refunds
        ],
    )
