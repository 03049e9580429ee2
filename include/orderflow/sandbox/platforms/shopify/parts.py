"""What an order consists of, field by field: lines, addresses, payments, parcels, refunds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zlib import crc32

import msgspec

from orderflow.sandbox.order import Address
from orderflow.sandbox.platforms.shopify.amounts import MONEY, allocations, always, tax_lines
from orderflow.sandbox.platforms.shopify.values import (
    InOrder,
    MoneyBag,
    Page,
    connection,
    count,
    cut,
    gid,
    integer,
    line_number,
    part_number,
    some,
)
from orderflow.sandbox.query_plan import Resolver
from orderflow.sandbox.snapshot import Bag, Money, Parcel, Return, Snapshot

_EDITS = 9_500
"""Numbers of the records that edits leave behind begin here."""
_NONE: Bag = ("0", "0")
_KINDS = {"authorization": "AUTHORIZATION", "capture": "CAPTURE", "sale": "SALE", "void": "VOID", "refund": "REFUND"}


def _part(read: Callable[[Snapshot, Any], Any]) -> Resolver:
    """A field of a part, read with the order it belongs to."""
    return lambda at, _: read(at.order, at.part)


def _bag(name: str) -> Resolver:
    return lambda at, _: MoneyBag(getattr(at.part, name), at.order, getattr(at.part, "currency", None))


def typename(value: Any) -> str:
    """The object type of a value whose field is an interface or a union."""
    if isinstance(value, Snapshot):
        return "Order"
    if isinstance(value, InOrder):
        if isinstance(value.part, Return | Parcel):
            return "Refund" if isinstance(value.part, Return) else "Fulfillment"
        return "DiscountCodeApplication" if value.part == "code" else "AutomaticDiscountApplication"
    return "PricingPercentageValue" if value[0] == "percentage" else "MoneyV2"


def _line_of(at: InOrder, _: Any) -> InOrder:
    """The line that a refund's or a parcel's entry is about."""
    line_id = at.part[0]
    return InOrder(at.order, next(line for line in at.order.lines if line.line_id == line_id))


def _entries(at: InOrder) -> list[InOrder]:
    """A refund's or parcel's entries; an order without lines (broken on purpose) has none."""
    known = {line.line_id for line in at.order.lines}
    return [InOrder(at.order, entry, at.part.number) for entry in at.part.units if entry[0] in known]


def _entry_number(at: InOrder) -> int:
    return part_number(at.order, at.place * 256 + at.part[0])


def refunds(order: Snapshot) -> list[InOrder]:
    """All refunds, and the records without money that order edits leave behind for the units they took out."""
    found = [InOrder(order, refund) for refund in order.refunds]
    removed = [line for line in order.lines if count(line.quantity) < count(line.ever) and order.edited_at]
    for line in removed:
        units = count(line.ever) - count(line.quantity)
        entry = (line.line_id, str(units), line.removed_subtotal, line.removed_tax, line.removed_subtotal)
        at = order.edited_at or ""
        trace = Return(
            number=_EDITS + line.line_id,
            reason="",
            at=at,
            amount=_NONE,
            shipping=_NONE,
            shipping_tax=_NONE,
            units=[entry],
        )
        found.append(InOrder(order, trace))
    return found


def _restock(at: InOrder, _: Any) -> str:
    """Units that were never sent are cancelled, those that were come back."""
    if at.place > _EDITS:
        return "CANCEL" if at.part[0] % 2 else "NO_RESTOCK"
    return "CANCEL" if at.order.cancelled_at else "RETURN"


def _refund_transactions(at: InOrder) -> list[InOrder]:
    refund = at.part
    if not some(refund.amount):
        return []
    number = refund.number + 500
    return [
        InOrder(at.order, Money(number=number, kind="refund", status="success", amount=refund.amount, at=refund.at))
    ]


def payments(order: Snapshot) -> list[InOrder]:
    """Every movement of money, refunds included, oldest first."""
    moved = [InOrder(order, payment) for payment in order.payments]
    moved += [one for refund in refunds(order) for one in _refund_transactions(refund)]
    return sorted(moved, key=lambda at: at.part.at)


def _charged(order: Snapshot) -> Bag:
    """Shipping less its discount, which is nothing or all of it."""
    return ("0", "0") if some(order.shipping_discount) else order.shipping


_EDGE: dict[str, Resolver] = {"cursor": lambda edge, _: edge[1], "node": lambda edge, _: edge[0]}
_PAGE: dict[str, Resolver] = {
    "nodes": lambda page, _: list(page.nodes),
    "edges": lambda page, _: list(zip(page.nodes, page.cursors, strict=True)),
    "pageInfo": lambda page, _: page,
}
LINE: dict[str, Resolver] = {
    "id": _part(lambda order, line: gid("LineItem", line_number(order, line.line_id))),
    "sku": _part(lambda _, line: line.sku),
    "title": _part(lambda _, line: line.title),
    "variantTitle": _part(lambda _, line: line.variant or None),
    "name": _part(lambda _, line: f"{line.title} - {line.variant}" if line.variant else line.title),
    "vendor": always("Exempel & Co"),
    "quantity": _part(lambda _, line: integer(line.ever)),
    "currentQuantity": _part(lambda _, line: integer(line.current)),
    "refundableQuantity": _part(lambda _, line: integer(line.current)),
    "unfulfilledQuantity": _part(
        lambda order, line: 0 if order.cancelled_at else max(0, count(line.quantity) - count(line.shipped))
    ),
    "nonFulfillableQuantity": always(0),
    "requiresShipping": always(True),
    "restockable": always(True),
    "taxable": always(True),
    "isGiftCard": always(False),
    "customAttributes": always([]),
    "product": lambda at, _: at.part,
    "variant": lambda at, _: at.part,
    "originalUnitPriceSet": _bag("unit"),
    "originalTotalSet": _bag("ever_before"),
    "totalDiscountSet": _bag("ever_own"),
    "discountAllocations": lambda at, _: allocations(at),
    "taxLines": lambda at, args: cut(tax_lines(at.order, at.part.ever_tax, at.part.currency), args),
}

SHIPPING: dict[str, Resolver] = {
    "id": lambda order, _: gid("ShippingLine", part_number(order, 1)),
    "title": lambda order, _: order.method[1],
    "code": lambda order, _: order.method[0],
    "source": always("shopify"),
    "carrierIdentifier": always(None),
    "custom": always(False),
    "isRemoved": always(False),
    "originalPriceSet": lambda order, _: MoneyBag(order.shipping, order),
    "discountedPriceSet": lambda order, _: MoneyBag(_charged(order), order),
    "currentDiscountedPriceSet": lambda order, _: MoneyBag(_charged(order), order),
    "discountAllocations": lambda order, _: (
        [InOrder(order, MoneyBag(order.shipping_discount, order))] if some(order.shipping_discount) else []
    ),
    "taxLines": lambda order, _: tax_lines(order, order.shipping_tax),
}


def _address(read: Callable[[Address], str]) -> Resolver:
    return lambda address, _: read(address) or None


ADDRESS: dict[str, Resolver] = {
    "id": lambda address, _: gid("MailingAddress", crc32(msgspec.json.encode(address))),
    "firstName": _address(lambda one: one.given),
    "lastName": _address(lambda one: one.family),
    "name": _address(lambda one: f"{one.given} {one.family}"),
    "company": _address(lambda one: one.company),
    "address1": _address(lambda one: one.street),
    "address2": _address(lambda one: one.extra),
    "city": _address(lambda one: one.city),
    "province": _address(lambda one: one.region),
    "provinceCode": _address(lambda one: one.region),
    "zip": _address(lambda one: one.postcode),
    "country": _address(lambda one: one.country_name),
    "countryCodeV2": _address(lambda one: one.country),
    "phone": _address(lambda one: one.phone),
}

TRANSACTION: dict[str, Resolver] = {
    "id": _part(lambda order, paid: gid("OrderTransaction", part_number(order, paid.number))),
    "kind": _part(lambda _, paid: _KINDS[paid.kind]),
    "status": _part(lambda _, paid: paid.status.upper()),
    "gateway": lambda at, _: at.order.gateway[0],
    "formattedGateway": lambda at, _: at.order.gateway[1],
    "createdAt": _part(lambda _, paid: paid.at),
    "processedAt": _part(lambda _, paid: paid.at),
    "amountSet": _bag("amount"),
    "errorCode": always(None),
    "test": lambda at, _: at.order.test,
}

REFUND: dict[str, Resolver] = {
    "id": _part(lambda order, refund: gid("Refund", part_number(order, refund.number))),
    "legacyResourceId": _part(lambda order, refund: str(part_number(order, refund.number))),
    "createdAt": _part(lambda _, refund: refund.at),
    "processedAt": _part(lambda _, refund: refund.at),
    "updatedAt": _part(lambda _, refund: refund.at),
    "note": _part(lambda _, refund: refund.reason or None),
    "totalRefundedSet": _bag("amount"),
    "refundLineItems": lambda at, args: connection(_entries(at), args, _entry_number),
    "refundShippingLines": lambda at, args: connection([at] if some(at.part.shipping) else [], args, lambda _: 1),
    "orderAdjustments": lambda *_: Page([], [], more=False, earlier=False),
    "transactions": lambda at, args: connection(_refund_transactions(at), args, lambda one: one.part.number),
}

FULFILMENT: dict[str, Resolver] = {
    "id": _part(lambda order, parcel: gid("Fulfillment", part_number(order, parcel.number))),
    "legacyResourceId": _part(lambda order, parcel: str(part_number(order, parcel.number))),
    "name": lambda at, _: f"{at.order.number}-F{at.place + 1}",
    "status": always("SUCCESS"),
    "displayStatus": _part(lambda _, parcel: "DELIVERED" if parcel.delivered_at else "FULFILLED"),
    "createdAt": _part(lambda _, parcel: parcel.at),
    "updatedAt": _part(lambda _, parcel: parcel.delivered_at or parcel.at),
    "deliveredAt": _part(lambda _, parcel: parcel.delivered_at),
    "inTransitAt": _part(lambda _, parcel: parcel.at),
    "estimatedDeliveryAt": always(None),
    "totalQuantity": _part(lambda _, parcel: sum(count(units) for _, units in parcel.units)),
    "trackingInfo": lambda at, args: cut([at.part], args),
    "fulfillmentLineItems": lambda at, args: connection(_entries(at), args, _entry_number),
}

PARTS: dict[str, dict[str, Resolver]] = {
    **MONEY,
    "LineItem": LINE,
    "ShippingLine": SHIPPING,
    "MailingAddress": ADDRESS,
    "OrderTransaction": TRANSACTION,
    "Refund": REFUND,
    "Fulfillment": FULFILMENT,
    "FulfillmentTrackingInfo": {
        "company": lambda parcel, _: parcel.carrier,
        "number": lambda parcel, _: parcel.tracking,
        "url": lambda parcel, _: f"https://track.example/{parcel.tracking}",
    },
    "FulfillmentLineItem": {
        "id": lambda at, _: gid("FulfillmentLineItem", _entry_number(at)),
        "lineItem": _line_of,
        "quantity": _part(lambda _, entry: integer(entry[1])),
    },
    "RefundLineItem": {
        "id": lambda at, _: gid("RefundLineItem", _entry_number(at)),
        "lineItem": _line_of,
        "quantity": _part(lambda _, entry: integer(entry[1])),
        "restockType": _restock,
        "restocked": lambda at, _: _restock(at, _) != "NO_RESTOCK",
        "subtotalSet": _part(lambda order, entry: MoneyBag(entry[4], order)),
        "totalTaxSet": _part(lambda order, entry: MoneyBag(entry[3], order)),
    },
    "RefundShippingLine": {
        "id": lambda at, _: gid("RefundShippingLine", part_number(at.order, at.part.number + 700)),
        "shippingLine": lambda at, _: at.order,
        "subtotalAmountSet": _bag("shipping"),
        "taxAmountSet": _bag("shipping_tax"),
    },
    "OrderAdjustment": {
        "id": always(""),
        "amountSet": always(None),
        "taxAmountSet": always(None),
        "reason": always(None),
    },
    "Product": {
        "id": lambda line, _: gid("Product", line.product_id),
        "legacyResourceId": lambda line, _: str(line.product_id),
        "title": lambda line, _: line.title,
    },
    "ProductVariant": {
        "id": lambda line, _: gid("ProductVariant", line.variant_id),
        "legacyResourceId": lambda line, _: str(line.variant_id),
        "title": lambda line, _: line.variant or "Default Title",
        "sku": lambda line, _: line.sku,
        "barcode": lambda line, _: line.gtin or None,
    },
    "Customer": {
        "id": lambda order, _: gid("Customer", order.customer_id),
        "legacyResourceId": lambda order, _: str(order.customer_id),
        "displayName": lambda order, _: f"{order.bill_to.given} {order.bill_to.family}",
        "firstName": lambda order, _: order.bill_to.given,
        "lastName": lambda order, _: order.bill_to.family,
        "email": lambda order, _: order.email,
        "phone": lambda order, _: order.bill_to.phone,
        "locale": lambda order, _: order.locale,
        "tags": always([]),
    },
    "AdditionalFee": {name: always(None) for name in ("id", "name", "price", "taxLines")},
    "Attribute": {"key": lambda pair, _: pair[0], "value": lambda pair, _: pair[1]},
    "PageInfo": {
        "hasNextPage": lambda page, _: page.more,
        "hasPreviousPage": lambda page, _: page.earlier,
        "startCursor": lambda page, _: page.cursors[0] if page.cursors else None,
        "endCursor": lambda page, _: page.cursors[-1] if page.cursors else None,
    },
}
for _name in (
    "Order", "LineItem", "ShippingLine", "DiscountApplication", "OrderTransaction", "OrderAdjustment", "RefundLineItem",
    "RefundShippingLine", "FulfillmentLineItem", "FulfillmentOrder", "FulfillmentOrderLineItem",
    "BulkOperation",
):  # fmt: skip
    PARTS[f"{_name}Connection"] = _PAGE
    PARTS[f"{_name}Edge"] = _EDGE
