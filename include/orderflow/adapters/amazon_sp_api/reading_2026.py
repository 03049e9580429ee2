"""Reads an order of the Orders API v2026-01-01, where an item's money is broken down by type.

The sign of `DISCOUNT` is not documented: it is read without its sign, as a reduction.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from orderflow.adapters.amazon_sp_api.parts import Fee, Item, Paid, Reading
from orderflow.adapters.amazon_sp_api.statuses import DELIVERED, NOT_SENT, State, state_of
from orderflow.adapters.amazon_sp_api.values import amount, some, total
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Contact, Shipment
from orderflow.domain.source import Raw

LINES = ("addressLine1", "addressLine2", "addressLine3")
LEVELS = ("districtOrCounty", "municipality")
"""What stands between the street and the town, and often repeats the town."""
FEES = {"SHIPPING": "shipping", "GIFT_WRAP": "gift_wrap", "COD_FEE": "cod", "OTHER": "service"}
"""Types of a breakdown that are no goods, and our kind of charge."""
KNOWN = frozenset({"ITEM", "TAX", "DISCOUNT", *FEES})
TIP = "DELIVERY_TIP"
CASH = "CashOnDelivery"
REPLACES = "REPLACEMENT_ORIGINAL_ID"
"""How an order that is sent for free names the one it replaces."""


def read(order: Raw) -> Reading:
    """Raises `KeyError`, `TypeError` or `RecordError` for another shape."""
    fulfilment, items = order.get("fulfillment") or {}, order["orderItems"]
    status = fulfilment["fulfillmentStatus"]
    stated = amount((order.get("proceeds") or {}).get("grandTotal"), "proceeds.grandTotal")
    originals, state = order.get("associatedOrders") or (), state_of("fulfillmentStatus", status)
    if stated is None and any(each.get("associationType") == REPLACES for each in originals):
        state = state._replace(priced=False)
    requests = [(item.get("cancellation") or {}).get("cancellationRequest") or {} for item in items]
    executions = [(item.get("cancellation") or {}).get("cancellationExecution") or {} for item in items]
    asks = any(asked and not done for asked, done in zip(requests, executions, strict=True))
    reasons = [each["cancelReason"] for each in (*executions, *requests) if each.get("cancelReason")]
    holds = [state.hold] if state.hold else []
    recipient, sales = order.get("recipient") or {}, order["salesChannel"]
    address, by_amazon = recipient.get("deliveryAddress") or {}, fulfilment.get("fulfilledBy") == "AMAZON"
    packages = [each for each in order.get("packages") or () if _has_left(each)]
    ways = [
        Paid(
            each.get("paymentMethod"),
            amount(each.get("paymentAmount"), "paymentAmount"),
            each.get("paymentMethod") == CASH,
        )
        for each in (order.get("payment") or {}).get("paymentExecutions") or ()
    ]
    head = {
        "order_id": order["orderId"],
        "order_number": order["orderId"],
        "parent_id": next((each["orderId"] for each in originals if each.get("orderId")), None),
        "placed_at": order["createdTime"],
        "channel_created_at": order["createdTime"],
        "channel_updated_at": order["lastUpdatedTime"],
        "raw_status": {"fulfillmentStatus": status},
        "cancel_reason": next(iter(reasons), None),
        "hold_reasons": [*holds, "buyer_asks_to_cancel"] if asks and state.order == "open" else holds,
        "programs": [*(["fba"] if by_amazon else []), *(each.lower() for each in order.get("programs") or ())],
        "ext": _ext(order, sales, fulfilment),
    }
    return Reading(
        head=head,
        state=state._replace(order="on_hold") if asks and state.order == "open" else state,
        marketplace=sales.get("marketplaceId"),
        stated=stated,
        items=[_item(item, state) for item in items],
        fees=_tips(order),
        payments=ways,
        ship_by=(fulfilment.get("shipByWindow") or {}).get("latestDateTime"),
        deliver_by=(fulfilment.get("deliverByWindow") or {}).get("latestDateTime"),
        fulfilled_by="marketplace" if by_amazon else "merchant",
        shipments=[_shipment(package) for package in packages],
        parcels=[_happened(package) for package in packages],
        contacts=_contacts(order, recipient, address),
        masked=not (address.get("name") or address.get("addressLine1")),
    )


def _ext(order: Raw, sales: Raw, fulfilment: Raw) -> dict[str, str]:
    aliases = [each["aliasId"] for each in order.get("orderAliases") or () if each["aliasType"] == "SELLER_ORDER_ID"]
    told = {
        "sales_channel": sales.get("marketplaceName"),
        "seller_order_id": next(iter(aliases), None),
        "service_level": fulfilment.get("fulfillmentServiceLevel"),
        "marketplace_id": sales.get("marketplaceId"),
        "purchase_order_number": (order.get("buyer") or {}).get("buyerPurchaseOrderNumber"),
        "invoice_status": ((order.get("tax") or {}).get("taxInvoicing") or {}).get("invoiceStatus"),
    }
    return {name: str(value) for name, value in told.items() if value}


def _tips(order: Raw) -> list[Fee]:
    """What is asked for the order as a whole; every other type is the sum of the items'."""
    return [
        Fee("tip", TIP, some(part["subtotal"], TIP))
        for part in (order.get("proceeds") or {}).get("breakdowns") or ()
        if part["type"] == TIP
    ]


def _item(item: Raw, state: State) -> Item:
    product, measured = item["product"], item.get("measurement") or {}
    parts = {part["type"]: part for part in (item.get("proceeds") or {}).get("breakdowns") or ()}
    if strange := parts.keys() - KNOWN:
        raise RecordError(
            "CODE_UNKNOWN", "proceeds.breakdowns.type", min(strange), f"known: {', '.join(sorted(KNOWN))}"
        )
    taxes, discounts = _detailed(parts.get("TAX")), _detailed(parts.get("DISCOUNT"), unsigned=True)
    fees = [
        Fee(
            kind,
            name,
            some(parts.get(name, {}).get("subtotal"), name),
            discounts.pop(name, Decimal(0)),
            taxes.pop(name, Decimal(0)),
        )
        for name, kind in FEES.items()
    ]
    unit = amount((product.get("price") or {}).get("unitPrice"), "unitPrice")
    goods = amount(parts.get("ITEM", {}).get("subtotal"), "ITEM")
    sent = (item.get("fulfillment") or {}).get("quantityFulfilled")
    return Item(
        line_id=item["orderItemId"],
        sku=product.get("sellerSku") or None,
        asin=product.get("asin"),
        title=product.get("title"),
        uom=measured.get("unit"),
        quantity=_quantity(item, unit, goods, state),
        ordered=str(item["quantityOrdered"]),
        sent=None if sent is None else str(sent),
        unit=unit,
        goods=goods,
        discount=total(discounts.values()),
        tax=total(taxes.values()),
        relief=Decimal(0),
        fees=fees,
        promotions=[
            each["promotionId"]
            for each in (item.get("promotion") or {}).get("breakdowns") or ()
            if each.get("promotionId")
        ],
        by_marketplace=any(
            each.get("model") == "MARKETPLACE_FACILITATOR"
            for each in (item.get("tax") or {}).get("taxCollections") or ()
        ),
    )


def _detailed(part: Raw | None, *, unsigned: bool = False) -> dict[str, Decimal]:
    """A subtotal by what it belongs to; what its details do not explain belongs to the goods."""
    if part is None:
        return {}
    sums: dict[str, Decimal] = {}
    for each in part.get("detailedBreakdowns") or ():
        place, value = each.get("subtype") or "ITEM", some(each.get("value"), part["type"])
        sums[place] = sums.get(place, Decimal(0)) + (abs(value) if unsigned else value)
    whole = some(part["subtotal"], part["type"])
    rest = (abs(whole) if unsigned else whole) - total(sums.values())
    return sums | {"ITEM": sums.get("ITEM", Decimal(0)) + rest}


def _quantity(item: Raw, unit: Decimal | None, goods: Decimal | None, state: State) -> str:
    """The units that count now: those sent and those still to be sent, unless the price is that of all ordered ones.

    Whether `quantityOrdered` counts units that were called off is not documented.
    """
    ordered, moved = item["quantityOrdered"], item.get("fulfillment") or {}
    sent, unsent = moved.get("quantityFulfilled"), moved.get("quantityUnfulfilled")
    if state.order == "cancelled" or sent is None or unsent is None:
        return str(ordered)
    left = sent + unsent
    fits_all = goods is not None and unit is not None and unit * ordered == goods != unit * left
    return str(ordered if fits_all else left)


def _has_left(package: Raw) -> bool:
    """Whether a package is under way; one whose status Amazon leaves out is, once it has a time of shipping."""
    status = (package.get("packageStatus") or {}).get("status")
    return status not in NOT_SENT if status else bool(package.get("shipTime"))


def _happened(package: Raw) -> str:
    status = package.get("packageStatus") or {}
    told = status.get("status") or "SHIPPED"
    return str(told if told in DELIVERED else status.get("detailedStatus") or told)


def _shipment(package: Raw) -> Shipment:
    number = package.get("trackingNumber")
    return Shipment(
        shipment_id=package["packageReferenceId"],
        status=_happened(package),
        carrier=package.get("carrier") or None,
        tracking_numbers=[number] if number else [],
        shipped_at=package.get("shipTime"),
        lines=[(each["orderItemId"], str(each["quantity"])) for each in package.get("packageItems") or ()],
    )


def _contacts(order: Raw, recipient: Raw, address: Raw) -> list[Contact]:
    buyer = order.get("buyer") or {}
    gifts = [
        (((item.get("fulfillment") or {}).get("packing") or {}).get("giftOption") or {}).get("giftMessage")
        for item in order["orderItems"]
    ]
    wishes = (recipient.get("deliveryPreference") or {}).get("addressInstruction")
    note = "\n".join(text for text in (wishes, *gifts) if text) or None
    found: list[Contact] = []
    if address:
        found.append(_address("ship_to", address, note=note))
    if buyer.get("buyerName") or buyer.get("buyerEmail"):
        found.append(
            Contact(
                role="sold_to",
                name=buyer.get("buyerName") or None,
                company=buyer.get("buyerCompanyName") or None,
                email=buyer.get("buyerEmail") or None,
                note=None if address else note,
            )
        )
    for each in (order.get("tax") or {}).get("taxRegistrations") or ():
        if each.get("entityType") == "BUYER":
            where = (each.get("taxRegistrationAddress") or {}) | {"name": each.get("legalName")}
            found.append(_address("bill_to", where, tax_id=each.get("taxRegistrationNumber")))
            break
    return found


def _address(role: Any, address: Raw, **more: Any) -> Contact:
    return Contact(
        role=role,
        name=address.get("name") or None,
        company=address.get("companyName") or None,
        phone=address.get("phone") or None,
        address=[
            *(address[line] for line in LINES if address.get(line)),
            *(text for level in LEVELS if (text := address.get(level)) and text != address.get("city")),
        ],
        city=address.get("city") or None,
        region=address.get("stateOrRegion") or None,
        postal_code=address.get("postalCode") or None,
        country=address.get("countryCode") or None,
        **more,
    )
