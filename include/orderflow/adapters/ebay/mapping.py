"""From an eBay order to ours: pure, and plain dictionary access, because it runs once per order.

The raw record joins up to three answers, each as it came: `order` (a row of getOrders, or getOrder's where an order was
asked for by its id), `detail` (getOrder's, where the list does not tell all) and `fulfillments` (the list of
getShippingFulfillments, where the order has some). The last two are null where eBay named the order and then did not
show them, and absent where they were not asked for.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from orderflow.adapters.amounts import unread
from orderflow.adapters.ebay.money import (
    amount,
    charges_of,
    cost,
    discounts_of,
    reduction,
    seller_taxes,
    taxes_of,
    text,
    total_of,
    totals_of,
)
from orderflow.adapters.ebay.movements import payments_of, pending_refunds, refunds_of, shipments_of, shipped
from orderflow.adapters.ebay.statuses import FULFILMENT, hold_reasons, meaning, order_status, payment_status
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Contact, Line, Order, Shipment
from orderflow.domain.source import Raw

if TYPE_CHECKING:
    from orderflow.adapters.ebay import Options

ASKED_ONE_BY_ONE = {"detail": "the order itself", "fulfillments": "its parcels"}
SMALLEST = Decimal("0.000001")
FULFILLED_BY = {"FULFILLED_BY_EBAY": "marketplace", "PREPARE_FOR_PICKUP": "pickup"}
"""Who brings the goods to the buyer, by the type of instruction, where it is not the seller."""
DIGITAL = "DIGITAL"
PROGRAMS = ("authenticityVerification", "ebayInternationalShipping", "ebayShipping", "ebayVault", "fulfillmentProgram")


def order_id(raw: Raw) -> str:
    return str(raw["order"]["orderId"])


def to_order(raw: Raw, options: Options) -> Order:  # noqa: ARG001 -- the port hands every mapping its options
    """Our order; raises `RecordError` for a missing detail, an unknown status and a record of another shape."""
    for name, what in ASKED_ONE_BY_ONE.items():
        if name in raw and raw[name] is None:
            raise RecordError(
                "DETAIL_MISSING",
                name,
                order_id(raw),
                f"eBay lists this order but does not show {what}; fetch it again by id",
            )
    try:
        return _order(raw.get("detail") or raw["order"], raw.get("fulfillments") or [])
    except InvalidOperation:
        unknown = RecordError("AMOUNT_MALFORMED", "amount", None, "an amount of this order is no decimal number")
        raise unread(raw, _is_amount) or unknown from None
    except KeyError as error:
        raise RecordError("RAW_SHAPE", str(error.args[0]), None, "an eBay order has this field") from None
    except (TypeError, AttributeError) as error:
        raise RecordError("RAW_SHAPE", "order", None, f"not the shape of an eBay order: {error}") from None


def _is_amount(name: str, inside: Raw) -> bool:
    return (name == "value" and "currency" in inside and inside["value"] not in (None, "")) or name == "quantity"


def _order(order: Raw, fulfillments: list[Raw]) -> Order:
    lines, totals = order["lineItems"], totals_of(order)
    currency = _currency(order)
    charges, discounts = list(charges_of(order, totals)), list(discounts_of(order, totals))
    payments, refunds = payments_of(order, totals.by_ebay, totals.grand), refunds_of(order)
    shipments = shipments_of(fulfillments)
    received = [payment for payment in payments if payment.status == "success"]
    paid = total_of({"value": payment.amount} for payment in received)
    contacts = _contacts(order)
    cancel = order.get("cancelStatus") or {}
    how = _instruction(order).get("fulfillmentInstructionsType")
    return Order(
        order_id=order["orderId"],
        order_number=order["orderId"],
        origin="marketplace",
        placed_at=order["creationDate"],
        channel_created_at=order["creationDate"],
        channel_updated_at=order["lastModifiedDate"],
        paid_at=next((payment.at for payment in received if payment.at), None),
        cancelled_at=cancel.get("cancelledDate") or None,
        order_status=order_status(order),
        payment_status=payment_status(order, received=bool(paid)),
        fulfilment_status=meaning(FULFILMENT, "orderFulfillmentStatus", order["orderFulfillmentStatus"]),
        raw_status={
            "orderFulfillmentStatus": order["orderFulfillmentStatus"],
            "orderPaymentStatus": order["orderPaymentStatus"],
            "cancelState": cancel.get("cancelState"),
        },
        cancel_reason=next((each["cancelReason"] for each in _requests(cancel) if each.get("cancelReason")), None),
        hold_reasons=hold_reasons(order),
        programs=_programs(order.get("program") or {}, lines),
        currency=currency,
        taxes_included=totals.taxes_included,
        items_total=f"{total_of(map(cost, lines)):f}",
        discount_total=f"{total_of({'value': each.amount} for each in discounts):f}",
        charge_total=f"{total_of({'value': each.total} for each in charges):f}",
        tax_total=f"{totals.tax:f}",
        grand_total=totals.grand,
        paid=f"{paid:f}" if payments else None,
        refunded=f"{total_of({'value': refund.amount} for refund in refunds):f}",
        masking=_masking(order),
        lines=[_line(number, line, shipments, how) for number, line in enumerate(lines, 1)],
        charges=charges,
        discounts=discounts,
        taxes=taxes_of(lines),
        payments=payments,
        shipments=shipments,
        refunds=refunds,
        contacts=contacts,
        ext=_ext(order, totals.by_ebay),
    )


def _line(number: int, line: Raw, shipments: list[Shipment], how: str | None) -> Line:
    """The unit price is what the line cost before its discounts, over its quantity: eBay multiplied the two."""
    quantity, before, less = line["quantity"], amount(line.get("lineItemCost")), reduction(line)
    unit = text(line.get("lineItemCost")) if quantity in {0, 1} else _shared(before, amount({"value": quantity}))
    instructions = line.get("lineItemFulfillmentInstructions") or {}
    aspects = [str(aspect["value"]) for aspect in line.get("variationAspects") or () if aspect.get("value")]
    return Line(
        number=number,
        line_id=str(line["lineItemId"]),
        kind="gift_card" if line.get("giftDetails") else "service" if how == DIGITAL else "product",
        sku=line.get("sku") or None,
        product_id=line.get("legacyItemId") or None,
        variant_id=line.get("legacyVariationId") or None,
        title=" - ".join([line["title"], ", ".join(aspects)]) if aspects else line["title"],
        quantity=str(quantity),
        quantity_ordered=str(quantity),
        quantity_fulfilled=shipped(line, shipments),
        unit_price=unit,
        discount=f"{less:f}",
        tax=f"{total_of(tax.get('amount') for tax in seller_taxes(line)):f}",
        total=text(cost(line)),
        fulfilled_by=FULFILLED_BY.get(how or "", "merchant"),
        ship_by=instructions.get("shipByDate") or None,
        deliver_by=instructions.get("maxEstimatedDeliveryDate") or None,
    )


def _shared(whole: Decimal, units: Decimal) -> str:
    """What one unit costs, to the sixth decimal; of a line without units the whole, and rules judge its quantity."""
    if not units:
        return f"{whole:f}"
    each = (whole / units).quantize(SMALLEST)
    return f"{each.normalize():f}" if each * units != whole else f"{whole / units:f}"


def _currency(order: Raw) -> str | None:
    """The one currency of summary and lines; raises `RecordError` where there are two."""
    boxes = [*(order.get("pricingSummary") or {}).values()]
    for line in order["lineItems"]:
        boxes += [line.get("lineItemCost"), line.get("discountedLineItemCost")]
    found = {box["currency"] for box in boxes if box and box.get("currency")}
    if len(found) > 1:
        raise RecordError("CURRENCY_MIXED", "currency", ", ".join(sorted(found)), "amounts of one order differ")
    return found.pop() if found else None


def _requests(cancel: Raw) -> list[Raw]:
    requests: list[Raw] = cancel.get("cancelRequests") or []
    return requests


def _programs(program: Raw, lines: list[Raw]) -> list[str]:
    offers = any((line.get("properties") or {}).get("fromBestOffer") for line in lines)
    return [name for name in PROGRAMS if program.get(name)] + (["best_offer"] if offers else [])


def _instruction(order: Raw) -> Raw:
    instructions: list[Raw] = order.get("fulfillmentStartInstructions") or [{}]
    return instructions[0]


def _ship_to(order: Raw) -> Raw:
    to: Raw = (_instruction(order).get("shippingStep") or {}).get("shipTo") or {}
    return to


def _contacts(order: Raw) -> list[Contact]:
    """Whom to send to (a warehouse of eBay's, where eBay forwards), and who bought, where eBay tells who that is."""
    buyer, found = order.get("buyer") or {}, []
    to, registered = _ship_to(order), buyer.get("buyerRegistrationAddress") or {}
    tax_id = (buyer.get("taxIdentifier") or {}).get("taxpayerId") or None
    if to:
        found.append(_contact("ship_to", to, order.get("buyerCheckoutNotes") or None))
    if registered or tax_id:
        found.append(_contact("sold_to", registered, None, tax_id))
    return found


def _contact(role: Any, to: Raw, note: str | None, tax_id: str | None = None) -> Contact:
    address = to.get("contactAddress") or {}
    return Contact(
        role=role,
        name=to.get("fullName") or None,
        company=to.get("companyName") or None,
        email=to.get("email") or None,
        phone=(to.get("primaryPhone") or {}).get("phoneNumber") or None,
        address=[address[name] for name in ("addressLine1", "addressLine2", "county") if address.get(name)],
        city=address.get("city") or None,
        region=address.get("stateOrProvince") or None,
        postal_code=address.get("postalCode") or None,
        country=address.get("countryCode") or None,
        tax_id=tax_id,
        note=note,
    )


def _masking(order: Raw) -> str:
    """After 90 days eBay shows neither name nor street nor phone.

    The e-mail address goes after 14 days already. That hides nobody: what is left still says where to send to, and who
    knew the address keeps it.
    """
    to = _ship_to(order)
    shown = not to or to.get("fullName") or (to.get("contactAddress") or {}).get("addressLine1")
    return "plain" if shown else "erased"


def _ext(order: Raw, by_ebay: Any) -> dict[str, str]:
    total = (order.get("pricingSummary") or {}).get("total") or {}
    step = _instruction(order).get("shippingStep") or {}
    fields = {
        "salesRecordReference": order.get("salesRecordReference"),
        "sellerId": order.get("sellerId"),
        "fulfillmentInstructionsType": _instruction(order).get("fulfillmentInstructionsType"),
        "merchantLocationKey": (_instruction(order).get("pickupStep") or {}).get("merchantLocationKey"),
        "shipToReferenceId": step.get("shipToReferenceId"),
        "shippingCarrierCode": step.get("shippingCarrierCode"),
        "totalDueSeller": text((order.get("paymentSummary") or {}).get("totalDueSeller")),
        "totalMarketplaceFee": text(order.get("totalMarketplaceFee")),
        "totalFeeBasisAmount": text(order.get("totalFeeBasisAmount")),
        "convertedFromTotal": total.get("convertedFromValue"),
        "convertedFromCurrency": total.get("convertedFromCurrency"),
        "ebayCollectAndRemitTax": f"{by_ebay:f}" if by_ebay else None,
        "pendingRefunds": pending_refunds(order),
    }
    return {name: str(value) for name, value in fields.items() if value}
