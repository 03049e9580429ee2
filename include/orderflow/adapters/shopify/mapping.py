"""From a Shopify order (GraphQL) to ours: pure.

Which of Shopify's amounts. A line's amounts (`originalTotalSet`, `discountAllocations`, `taxLines`) and the `total*`
amounts of the order count every unit ever ordered, removed and refunded ones included; `current*` amounts leave both
out (field descriptions of the Admin schema, 2026-07). Ours count what stands after edits and cancellations, before
refunds. So:

* Nothing edited or cancelled: the `total*` amounts, as they are.
* Otherwise: what a refund line cancels (`movements.cancellations`) is taken off its line, with the subtotal and tax
  that Shopify states for it, and the order's amounts are the `current*` ones plus what was given back without being
  cancelled. An order edit that removes units leaves such refund lines, too, without a payment; a unit that vanished
  without one (`movements.vanished`) takes its share of discount and tax along.
* A wholly cancelled order keeps the amounts it had; its status says that nothing is to be shipped.

Where this reading is wrong, the money equation breaks and the order is quarantined; it does not pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from orderflow.adapters.amounts import unread
from orderflow.adapters.shopify import movements
from orderflow.adapters.shopify.amounts import NOTHING, Pair, is_zero, less, pair, plus, share, times, total
from orderflow.adapters.shopify.contacts import contacts, masking
from orderflow.adapters.shopify.record import Allocation, Bag, Item, Record, Shipping
from orderflow.adapters.shopify.statuses import (
    DISCOUNT_KINDS,
    LIABLE,
    ORIGINS,
    RETURN_STATUS,
    known,
    order_status,
)
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Charge, Discount, Line, Order, Tax
from orderflow.domain.source import Raw, misshapen

if TYPE_CHECKING:
    from orderflow.adapters.shopify import Options

AMOUNTS = frozenset({"amount", "quantity", "rate", "percentage"})
PROMISES = frozenset({"authorization", "void"})
"""Kinds of payments that bring no money."""
EXT = {"legacyResourceId": "legacy_resource_id", "confirmationNumber": "confirmation_number", "poNumber": "po_number"}


def to_order(raw: Record | Raw, options: Options) -> Order:  # noqa: ARG001 -- the port hands every mapping its options
    """Our order; raises `RecordError` for a status nobody knows and for a record of another shape."""
    try:
        record = raw if isinstance(raw, Record) else msgspec.convert(raw, Record)
        return _order(record)
    except InvalidOperation:
        shapeless = RecordError("AMOUNT_MALFORMED", "amount", None, "an amount of this order is no decimal number")
        raise unread(record, lambda name, _: name in AMOUNTS) or shapeless from None
    except msgspec.ValidationError as error:
        raise misshapen(error) from None
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        raise RecordError("RAW_SHAPE", "order", None, f"not the shape of a Shopify order: {error}") from None


def _order(raw: Record) -> Order:
    _demand_one_currency(raw)
    cancelled_at, edited = raw.cancelled_at, raw.edited
    sent = movements.shipped(raw) if raw.fulfillments else {}
    gone, kept = movements.cancellations(raw, sent) if raw.refunds and not cancelled_at else ({}, [])
    back = movements.returned(raw) if raw.refunds else {}
    vanished = {} if cancelled_at else movements.vanished(raw, gone, sent)
    now = not cancelled_at and bool(edited or vanished or any(part.cancelled for part in gone.values()))

    moved = gone or vanished or sent or back

    lines: list[Line] = []
    charges: list[Charge] = []
    allocated: dict[int, list[Pair]] = {}
    tips = _optional(raw.total_tip_received_set)
    for node in raw.line_items.nodes:
        if node.product is None and not is_zero(tips) and _is_tip(node, tips):
            charges.append(_tip(node))
            tips = NOTHING
        else:
            line = node.id
            fate = _Fate(gone.get(line), vanished.get(line), sent.get(line), back.get(line)) if moved else _QUIET
            lines.append(_line(len(lines) + 1, node, fate, allocated))
    if not is_zero(tips):
        charges.append(_charge("tip", None, tips))
    charges += [_shipping(node, allocated) for node in raw.shipping_lines.nodes]
    charges += _duties_and_fees(raw, now=now)

    grand, tax, discount = _totals(raw, kept, now=now)
    rounding = pair(cash.payment_set) if (cash := raw.total_cash_rounding_adjustment) else NOTHING
    grand = plus(grand, rounding)
    items = total([(line.total or "0", line.shop_total or "0") for line in lines])
    extras = total([(charge.total or "0", charge.shop_total or "0") for charge in charges])
    paid = pair(raw.total_received_set) if raw.total_received_set else (None, None)
    refunded = pair(raw.total_refunded_set)
    payments = movements.payments(raw)
    return Order(
        order_id=raw.id,
        order_number=raw.name,
        origin=ORIGINS.get(raw.source_name, raw.source_name),
        is_test=raw.test,
        placed_at=raw.processed_at,
        channel_created_at=raw.created_at,
        channel_updated_at=raw.updated_at,
        paid_at=next((each.at for each in payments if each.kind not in PROMISES and each.status == "success"), None),
        cancelled_at=cancelled_at,
        closed_at=raw.closed_at,
        order_status=order_status(cancelled_at, raw.closed_at, raw.display_fulfillment_status),
        payment_status=movements.payment_status(raw),
        fulfilment_status=movements.fulfilment_status(raw),
        return_status=known(RETURN_STATUS, raw.return_status, "returnStatus"),
        raw_status={
            "displayFinancialStatus": raw.display_financial_status,
            "displayFulfillmentStatus": raw.display_fulfillment_status,
            "returnStatus": raw.return_status,
        },
        cancel_reason=raw.cancel_reason,
        buyer_id=raw.customer.id if raw.customer else None,
        locale=raw.customer_locale,
        tags=raw.tags,
        currency=raw.presentment_currency_code,
        shop_currency=raw.currency_code,
        taxes_included=raw.taxes_included,
        items_total=items[0],
        discount_total=discount[0],
        charge_total=extras[0],
        tax_total=tax[0],
        rounding=rounding[0],
        grand_total=grand[0],
        paid=paid[0],
        refunded=refunded[0],
        shop_items_total=items[1],
        shop_discount_total=discount[1],
        shop_charge_total=extras[1],
        shop_tax_total=tax[1],
        shop_rounding=rounding[1],
        shop_grand_total=grand[1],
        shop_paid=paid[1],
        shop_refunded=refunded[1],
        masking=masking(raw),
        lines=lines,
        charges=charges,
        discounts=_discounts(raw, allocated),
        taxes=_taxes(raw, now=now),
        payments=payments,
        shipments=movements.shipments(raw),
        refunds=movements.refunds(raw),
        contacts=contacts(raw),
        ext={name: str(value) for name, field in EXT.items() if (value := getattr(raw, field))},
    )


def _optional(bag: Bag | None) -> Pair:
    return pair(bag) if bag else NOTHING


class _Fate(NamedTuple):
    """What became of one line's units."""

    gone: movements.Gone | None
    vanished: int | None
    sent: int | None
    back: int | None


_QUIET = _Fate(None, None, None, None)


def _line(number: int, node: Item, fate: _Fate, allocated: dict[int, list[Pair]]) -> Line:
    ordered = node.quantity
    unit, gross = pair(node.original_unit_price_set), pair(node.original_total_set)
    discount = _allocations(node.discount_allocations, allocated)
    tax = total([pair(each.price_set) for each in node.tax_lines])
    net = gross if is_zero(discount) else less(gross, discount)
    units = ordered
    if fate.gone or fate.vanished:
        if fate.gone:
            units -= fate.gone.cancelled
            net, tax = less(net, fate.gone.amount), less(tax, fate.gone.tax)
        if fate.vanished:
            left, money = units - fate.vanished, _currencies(node.original_total_set)
            net, tax, units = share(net, left, units, money), share(tax, left, units, money), left
        discount = less(times(unit, units), net)
    return Line(
        number=number,
        line_id=node.id,
        kind="gift_card" if node.is_gift_card else "product" if node.requires_shipping else "service",
        sku=node.sku or None,
        product_id=node.product.id if node.product else None,
        variant_id=node.variant.id if node.variant else None,
        title=node.name,
        quantity=str(units),
        quantity_ordered=str(ordered),
        quantity_fulfilled=str(fate.sent or 0),
        quantity_returned=str(fate.back or 0),
        unit_price=unit[0],
        discount=discount[0],
        tax=tax[0],
        total=net[0],
        shop_unit_price=unit[1],
        shop_discount=discount[1],
        shop_tax=tax[1],
        shop_total=net[1],
    )


def _allocations(nodes: Sequence[Allocation], allocated: dict[int, list[Pair]]) -> Pair:
    """What discounts take off one line or charge; noted under the discount's index in `allocated`."""
    if not nodes:
        return NOTHING
    amounts = [pair(node.allocated_amount_set) for node in nodes]
    for node, amount in zip(nodes, amounts, strict=True):
        allocated.setdefault(node.discount_application.index, []).append(amount)
    return total(amounts)


def _is_tip(node: Item, tips: Pair) -> bool:
    """A tip comes as a line without product that cannot be shipped and costs exactly what was tipped."""
    return not node.requires_shipping and pair(node.original_total_set) == tips


def _tip(node: Item) -> Charge:
    return _charge("tip", node.id, pair(node.original_total_set), title=node.name)


def _shipping(node: Shipping, allocated: dict[int, list[Pair]]) -> Charge:
    amount, reduced = pair(node.original_price_set), pair(node.discounted_price_set)
    _allocations(node.discount_allocations or [], allocated)
    return _charge(
        "shipping",
        node.id,
        amount,
        discount=NOTHING if amount == reduced else less(amount, reduced),
        reduced=reduced,
        tax=total([pair(each.price_set) for each in node.tax_lines]),
        title=node.title,
        method=node.code,
    )


def _duties_and_fees(raw: Record, *, now: bool) -> list[Charge]:
    """Import duties, unless prices include them, and additional fees."""
    found = []
    duties = _optional(raw.current_total_duties_set if now else raw.original_total_duties_set)
    if not is_zero(duties) and not raw.duties_included:
        found.append(_charge("duty", None, duties))
    for fee in raw.additional_fees or ():
        tax = total([pair(each.price_set) for each in fee.tax_lines])
        found.append(_charge("surcharge", fee.id, pair(fee.price), tax=tax, title=fee.name))
    return found


def _charge(
    kind: str,
    charge_id: str | None,
    amount: Pair,
    *,
    discount: Pair = NOTHING,
    reduced: Pair | None = None,
    tax: Pair = NOTHING,
    title: str | None = None,
    method: str | None = None,
) -> Charge:
    reduced = reduced or amount
    return Charge(
        kind=kind,
        charge_id=charge_id,
        title=title,
        method=method,
        amount=amount[0],
        discount=discount[0],
        tax=tax[0],
        total=reduced[0],
        shop_amount=amount[1],
        shop_discount=discount[1],
        shop_tax=tax[1],
        shop_total=reduced[1],
    )


def _discounts(raw: Record, allocated: dict[int, list[Pair]]) -> list[Discount]:
    """Every discount with all it takes off lines and charges, removed units included; all of it is allocated."""
    found = []
    for node in raw.discount_applications.nodes:
        amount = total(allocated.get(node.index, []))
        found.append(
            Discount(
                kind=known(DISCOUNT_KINDS, node.kind, "__typename"),
                code=node.code,
                title=node.title,
                funded_by="seller",
                amount=amount[0],
                allocated=amount[0],
                shop_amount=amount[1],
                shop_allocated=amount[1],
            )
        )
    return found


def _taxes(raw: Record, *, now: bool) -> list[Tax]:
    found = []
    for node in (raw.current_tax_lines if now else raw.tax_lines) or ():
        amount = pair(node.price_set)
        rate = node.rate
        found.append(
            Tax(
                title=node.title,
                rate=None if rate is None else str(rate),
                amount=amount[0],
                shop_amount=amount[1],
                liable=LIABLE[node.channel_liable],
            )
        )
    return found


def _demand_one_currency(raw: Record) -> None:
    """Raises `RecordError` when a line is in another currency than the order's total."""
    whole = _currencies(raw.total_price_set)
    for number, line in enumerate(raw.line_items.nodes, 1):
        if (found := _currencies(line.original_unit_price_set)) != whole:
            raise RecordError(
                "CURRENCY_MIXED", f"lines.{number}.unit_price", "/".join(map(str, found)), f"the total is in {whole[0]}"
            )


def _currencies(bag: Bag) -> tuple[Any, Any]:
    return bag.presentment_money.currency_code, bag.shop_money.currency_code


def _totals(raw: Record, kept: list[tuple[Pair, Pair]], *, now: bool) -> tuple[Pair, Pair, Pair]:
    """What is to be paid, the tax of it, and what discounts took off."""
    if not now:
        return pair(raw.total_price_set), _optional(raw.total_tax_set), _optional(raw.total_discounts_set)
    grand, tax = pair(raw.current_total_price_set), pair(raw.current_total_tax_set)
    for amount, its_tax in kept:
        grand = total([grand, amount] if raw.taxes_included else [grand, amount, its_tax])
        tax = total([tax, its_tax])
    return grand, tax, pair(raw.current_total_discounts_set)
