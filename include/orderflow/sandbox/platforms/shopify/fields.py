"""How a simulated order answers each field of Shopify's Admin GraphQL schema (2026-07; field names and types as in
`schema.graphql`, a cut of the published one). Objects of the schema are plain values here: the snapshot for an order,
tuples for its parts.

As the schema's descriptions have it, `quantity`, discount allocations, tax lines and the `total*` amounts count every
unit that was ever ordered, while `current*` leave out what was removed or came back. What they leave open is settled
so: an edit that removes units leaves a refund without money behind; units come back only after they were sent; money
given back without any unit lessens no `current*` amount.
"""

from __future__ import annotations

from operator import attrgetter

from orderflow.sandbox.platforms.shopify.amounts import always, applications, nothing, tax_lines
from orderflow.sandbox.platforms.shopify.parts import payments, refunds
from orderflow.sandbox.platforms.shopify.sending import fulfilment_orders
from orderflow.sandbox.platforms.shopify.values import (
    InOrder,
    MoneyBag,
    connection,
    count,
    cut,
    gid,
    integer,
    line_number,
    order_number,
    part_number,
)
from orderflow.sandbox.query_plan import Resolver
from orderflow.sandbox.snapshot import Snapshot

_FINANCIAL = {
    "pending": "PENDING", "authorized": "AUTHORIZED", "partially_paid": "PARTIALLY_PAID", "paid": "PAID",
    "partially_refunded": "PARTIALLY_REFUNDED", "refunded": "REFUNDED", "voided": "VOIDED",
}  # fmt: skip
_FULFILMENT = {"unfulfilled": "UNFULFILLED", "partial": "PARTIALLY_FULFILLED", "fulfilled": "FULFILLED"}


def _of(name: str) -> Resolver:
    read = attrgetter(name)
    return lambda order, _: read(order)


def _came_back(order: Snapshot) -> bool:
    """Whether any unit that was sent came back."""
    return not order.cancelled_at and any(refund.units for refund in order.refunds)


def _bag(name: str) -> Resolver:
    read = attrgetter(name)
    return lambda order, _: MoneyBag(read(order), order)


ORDER: dict[str, Resolver] = {
    "id": lambda order, _: gid("Order", order_number(order.index)),
    "legacyResourceId": lambda order, _: str(order_number(order.index)),
    "name": _of("number"),
    "number": lambda order, _: integer(order.number.lstrip("#X")) if order.number else None,
    "createdAt": _of("created_at"),
    "processedAt": _of("processed_at"),
    "updatedAt": _of("modified_at"),
    "cancelledAt": _of("cancelled_at"),
    "cancelReason": lambda order, _: order.cancel_reason and order.cancel_reason.upper(),
    "closedAt": _of("closed_at"),
    "closed": lambda order, _: order.closed_at is not None,
    "confirmed": always(True),
    "confirmationNumber": lambda order, _: f"C{order.index:07X}",
    "test": _of("test"),
    "edited": lambda order, _: order.edited_at is not None,
    "currencyCode": _of("shop_currency"),
    "presentmentCurrencyCode": _of("currency"),
    "taxesIncluded": _of("taxes_included"),
    "taxExempt": always(False),
    "estimatedTaxes": always(False),
    "dutiesIncluded": always(False),
    "displayFinancialStatus": lambda order, _: _FINANCIAL.get(order.payment, order.payment.upper()),
    "displayFulfillmentStatus": lambda order, _: _FULFILMENT.get(order.fulfilment, order.fulfilment.upper()),
    "returnStatus": lambda order, _: "RETURNED" if _came_back(order) else "NO_RETURN",
    "email": _of("email"),
    "phone": _of("bill_to.phone"),
    "customerLocale": _of("locale"),
    "customerAcceptsMarketing": always(False),
    "note": lambda order, _: order.note or None,
    "tags": _of("tags"),
    "sourceName": _of("source"),
    "sourceIdentifier": always(None),
    "registeredSourceUrl": always(None),
    "poNumber": always(None),
    "clientIp": always("203.0.113.7"),
    "checkoutToken": lambda order, _: f"{order.index:032x}",
    "discountCode": _of("code"),
    "discountCodes": lambda order, _: [order.code] if order.code else [],
    "paymentGatewayNames": lambda order, _: [order.gateway[0]],
    "customAttributes": always([]),
    "additionalFees": always([]),
    "fullyPaid": lambda order, _: order.payment in {"paid", "partially_refunded", "refunded"},
    "unpaid": lambda order, _: order.payment in {"pending", "authorized"},
    "requiresShipping": always(True),
    "fulfillable": lambda order, _: order.fulfilment != "fulfilled" and not order.cancelled_at,
    "refundable": lambda order, _: order.payment in {"paid", "partially_refunded"},
    "subtotalLineItemsQuantity": lambda order, _: sum(count(line.ever) for line in order.lines),
    "currentSubtotalLineItemsQuantity": lambda order, _: sum(count(line.current) for line in order.lines),
    "subtotalPriceSet": _bag("ever_subtotal"),
    "totalDiscountsSet": _bag("ever_discount"),
    "currentTotalDiscountsSet": _bag("discount"),
    "totalShippingPriceSet": _bag("shipping"),
    "totalTaxSet": _bag("ever_tax"),
    "currentTotalTaxSet": _bag("current_tax"),
    "totalPriceSet": _bag("ever_total"),
    "currentTotalPriceSet": _bag("current_total"),
    "totalRefundedSet": _bag("refunded"),
    "totalOutstandingSet": _bag("owed"),
    "totalReceivedSet": _bag("received"),
    "totalTipReceivedSet": _bag("tip"),
    "totalRefundedShippingSet": lambda order, _: nothing(order),
    "currentTotalDutiesSet": always(None),
    "originalTotalDutiesSet": always(None),
    "currentTotalAdditionalFeesSet": always(None),
    "totalCashRoundingAdjustment": lambda order, _: order,
    "customer": lambda order, _: order,
    "shippingAddress": _of("ship_to"),
    "billingAddress": _of("bill_to"),
    "billingAddressMatchesShippingAddress": lambda order, _: order.bill_to == order.ship_to,
    "lineItems": lambda order, args: connection(
        [InOrder(order, line, n) for n, line in enumerate(order.lines)],
        args,
        lambda at: line_number(at.order, at.part.line_id),
    ),
    "shippingLines": lambda order, args: connection([order], args, lambda one: part_number(one, 1)),
    "shippingLine": lambda order, _: order,
    "discountApplications": lambda order, args: connection(applications(order), args, lambda at: at.place),
    "taxLines": lambda order, _: tax_lines(order, order.ever_tax),
    "currentTaxLines": lambda order, _: tax_lines(order, order.current_tax),
    "transactions": lambda order, args: cut(payments(order), args),
    "refunds": lambda order, args: cut(refunds(order), args),
    "fulfillmentOrders": fulfilment_orders,
    "fulfillments": lambda order, args: cut([InOrder(order, each, n) for n, each in enumerate(order.parcels)], args),
}
