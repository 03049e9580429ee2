"""From a Shopify order (GraphQL) to ours: pure, and plain dictionary access, because it runs once per order.

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

from collections.abc import Mapping
from decimal import InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

from orderflow.adapters.shopify import movements
from orderflow.adapters.shopify.amounts import NOTHING, Pair, is_zero, less, pair, plus, share, times, total
from orderflow.adapters.shopify.contacts import contacts, masking
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
from orderflow.domain.source import Raw

if TYPE_CHECKING:
    from orderflow.adapters.shopify import Options

RAW_STATUS = ("displayFinancialStatus", "displayFulfillmentStatus", "returnStatus")
EXT = ("legacyResourceId", "confirmationNumber", "poNumber")


def to_order(raw: Raw, options: Options) -> Order:  # noqa: ARG001 -- the port hands every mapping its options
    """Our order; raises `RecordError` for a status nobody knows and for a record of another shape."""
    try:
        return _order(raw)
    except InvalidOperation:
        raise RecordError("AMOUNT_MALFORMED", "amount", None, "an amount of this order is no decimal number") from None
    except KeyError as error:
        raise RecordError("RAW_SHAPE", str(error.args[0]), None, "a Shopify order has this field") from None
    except (TypeError, AttributeError, ValueError) as error:
        raise RecordError("RAW_SHAPE", "order", None, f"not the shape of a Shopify order: {error}") from None


def _order(raw: Raw) -> Order:
    _demand_one_currency(raw)
    cancelled_at, edited = raw["cancelledAt"], raw["edited"]
    sent = movements.shipped(raw) if raw["fulfillments"] else {}
    gone, kept = movements.cancellations(raw, sent) if raw["refunds"] and not cancelled_at else ({}, [])
    back = movements.returned(raw) if raw["refunds"] else {}
    vanished = {} if cancelled_at else movements.vanished(raw, gone, sent)
    now = not cancelled_at and bool(edited or vanished or any(part.cancelled for part in gone.values()))

    moved = gone or vanished or sent or back

    lines: list[Line] = []
    charges: list[Charge] = []
    allocated: dict[int, list[Pair]] = {}
    tips = _optional(raw, "totalTipReceivedSet")
    for node in raw["lineItems"]["nodes"]:
        if node["product"] is None and not is_zero(tips) and _is_tip(node, tips):
            charges.append(_tip(node))
            tips = NOTHING
        else:
            line = node["id"]
            fate = _Fate(gone.get(line), vanished.get(line), sent.get(line), back.get(line)) if moved else _QUIET
            lines.append(_line(len(lines) + 1, node, fate, allocated))
    if not is_zero(tips):
        charges.append(_charge("tip", None, tips))
    charges += [_shipping(node, allocated) for node in raw["shippingLines"]["nodes"]]
    charges += _duties_and_fees(raw, now=now)

    grand, tax, discount = _totals(raw, kept, now=now)
    rounding = pair(cash["paymentSet"]) if (cash := raw.get("totalCashRoundingAdjustment")) else NOTHING
    grand = plus(grand, rounding)
    items = total([(line.total or "0", line.shop_total or "0") for line in lines])
    extras = total([(charge.total or "0", charge.shop_total or "0") for charge in charges])
    paid = pair(raw["totalReceivedSet"]) if raw.get("totalReceivedSet") else (None, None)
    refunded = pair(raw["totalRefundedSet"])
    payments = movements.payments(raw)
    return Order(
        order_id=raw["id"],
        order_number=raw["name"],
        origin=ORIGINS.get(raw["sourceName"], raw["sourceName"]),
        is_test=raw["test"],
        placed_at=raw["processedAt"],
        channel_created_at=raw["createdAt"],
        channel_updated_at=raw["updatedAt"],
        paid_at=next((each.at for each in payments if each.kind != "authorization" and each.status == "success"), None),
        cancelled_at=cancelled_at,
        closed_at=raw["closedAt"],
        order_status=order_status(raw),
        payment_status=movements.payment_status(raw),
        fulfilment_status=movements.fulfilment_status(raw),
        return_status=known(RETURN_STATUS, raw, "returnStatus"),
        raw_status={field: raw[field] for field in RAW_STATUS},
        cancel_reason=raw["cancelReason"],
        buyer_id=raw["customer"]["id"] if raw["customer"] else None,
        locale=raw["customerLocale"],
        tags=raw["tags"],
        currency=raw["presentmentCurrencyCode"],
        shop_currency=raw["currencyCode"],
        taxes_included=raw["taxesIncluded"],
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
        ext={field: str(raw[field]) for field in EXT if raw.get(field)},
    )


def _optional(node: Raw, field: str) -> Pair:
    bag = node.get(field)
    return pair(bag) if bag else NOTHING


class _Fate(NamedTuple):
    """What became of one line's units."""

    gone: movements.Gone | None
    vanished: int | None
    sent: int | None
    back: int | None


_QUIET = _Fate(None, None, None, None)


def _line(number: int, node: Raw, fate: _Fate, allocated: dict[int, list[Pair]]) -> Line:
    ordered = node["quantity"]
    unit, gross = pair(node["originalUnitPriceSet"]), pair(node["originalTotalSet"])
    discount = _allocations(node["discountAllocations"], allocated)
    tax = total([pair(each["priceSet"]) for each in node["taxLines"]])
    net = gross if is_zero(discount) else less(gross, discount)
    units = ordered
    if fate.gone or fate.vanished:
        if fate.gone:
            units -= fate.gone.cancelled
            net, tax = less(net, fate.gone.amount), less(tax, fate.gone.tax)
        if fate.vanished:
            left = units - fate.vanished
            net, tax, units = share(net, left, units), share(tax, left, units), left
        discount = less(times(unit, units), net)
    return Line(
        number=number,
        line_id=node["id"],
        kind="gift_card" if node["isGiftCard"] else "product" if node["requiresShipping"] else "service",
        sku=node["sku"] or None,
        product_id=node["product"]["id"] if node["product"] else None,
        variant_id=node["variant"]["id"] if node["variant"] else None,
        title=node["name"],
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


def _allocations(nodes: list[Raw], allocated: dict[int, list[Pair]]) -> Pair:
    """What discounts take off one line or charge; noted under the discount's index in `allocated`."""
    if not nodes:
        return NOTHING
    amounts = [pair(node["allocatedAmountSet"]) for node in nodes]
    for node, amount in zip(nodes, amounts, strict=True):
        allocated.setdefault(node["discountApplication"]["index"], []).append(amount)
    return total(amounts)


def _is_tip(node: Raw, tips: Pair) -> bool:
    """A tip comes as a line without product that cannot be shipped and costs exactly what was tipped."""
    return not node["requiresShipping"] and pair(node["originalTotalSet"]) == tips


def _tip(node: Raw) -> Charge:
    return _charge("tip", node["id"], pair(node["originalTotalSet"]), title=node["name"])


def _shipping(node: Raw, allocated: dict[int, list[Pair]]) -> Charge:
    amount, reduced = pair(node["originalPriceSet"]), pair(node["discountedPriceSet"])
    _allocations(node.get("discountAllocations") or [], allocated)
    return _charge(
        "shipping",
        node["id"],
        amount,
        discount=NOTHING if amount == reduced else less(amount, reduced),
        reduced=reduced,
        tax=total([pair(each["priceSet"]) for each in node["taxLines"]]),
        title=node["title"],
        method=node["code"],
    )


def _duties_and_fees(raw: Raw, *, now: bool) -> list[Charge]:
    """Import duties, unless prices include them, and additional fees."""
    found = []
    duties = _optional(raw, "currentTotalDutiesSet" if now else "originalTotalDutiesSet")
    if not is_zero(duties) and not raw["dutiesIncluded"]:
        found.append(_charge("duty", None, duties))
    for fee in raw.get("additionalFees") or ():
        tax = total([pair(each["priceSet"]) for each in fee["taxLines"]])
        found.append(_charge("surcharge", fee["id"], pair(fee["price"]), tax=tax, title=fee["name"]))
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


def _discounts(raw: Raw, allocated: dict[int, list[Pair]]) -> list[Discount]:
    """Every discount with all it takes off lines and charges, removed units included; all of it is allocated."""
    found = []
    for node in raw["discountApplications"]["nodes"]:
        amount = total(allocated.get(node["index"], []))
        found.append(
            Discount(
                kind=known(DISCOUNT_KINDS, node, "__typename"),
                code=node.get("code"),
                title=node.get("title"),
                funded_by="seller",
                amount=amount[0],
                allocated=amount[0],
                shop_amount=amount[1],
                shop_allocated=amount[1],
            )
        )
    return found


def _taxes(raw: Raw, *, now: bool) -> list[Tax]:
    found = []
    for node in raw.get("currentTaxLines" if now else "taxLines") or ():
        amount = pair(node["priceSet"])
        rate = node["rate"]
        found.append(
            Tax(
                title=node["title"],
                rate=None if rate is None else str(rate),
                amount=amount[0],
                shop_amount=amount[1],
                liable=LIABLE[node["channelLiable"]],
            )
        )
    return found


def _demand_one_currency(raw: Raw) -> None:
    """Raises `RecordError` when a line is in another currency than the order's total."""
    whole = _currencies(raw["totalPriceSet"])
    for number, line in enumerate(raw["lineItems"]["nodes"], 1):
        if (found := _currencies(line["originalUnitPriceSet"])) != whole:
            raise RecordError(
                "CURRENCY_MIXED", f"lines.{number}.unit_price", "/".join(map(str, found)), f"the total is in {whole[0]}"
            )


def _currencies(bag: Mapping[str, Any]) -> tuple[Any, Any]:
    return bag["presentmentMoney"]["currencyCode"], bag["shopMoney"]["currencyCode"]


def _totals(raw: Raw, kept: list[tuple[Pair, Pair]], *, now: bool) -> tuple[Pair, Pair, Pair]:
    """What is to be paid, the tax of it, and what discounts took off."""
    if not now:
        return pair(raw["totalPriceSet"]), _optional(raw, "totalTaxSet"), _optional(raw, "totalDiscountsSet")
    grand, tax = pair(raw["currentTotalPriceSet"]), pair(raw["currentTotalTaxSet"])
    for amount, its_tax in kept:
        grand = total([grand, amount] if raw["taxesIncluded"] else [grand, amount, its_tax])
        tax = total([tax, its_tax])
    return grand, tax, pair(raw["currentTotalDiscountsSet"])
