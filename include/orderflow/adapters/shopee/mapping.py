"""From a Shopee order to ours: pure, and plain dictionary access, because it runs once per order.

The raw record joins three answers of the platform, each as it came: `list` (a row of `get_order_list`), `detail` (an
order of `get_order_detail`, null where the platform named the order and then did not show it) and `escrow` (a row of
`get_escrow_detail_batch`, null where there is none yet).

Prices contain tax. The detail states what the buyer paid (`total_amount`) but not how it came about: vouchers, coins
and the shipping fee that the buyer really pays stand in the escrow's `buyer_payment_info`, a snapshot of the checkout.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from orderflow.adapters.amounts import amount, amount_text, epoch_text, located, sum_text
from orderflow.adapters.shopee.money import charges_of, payments_of, promotions, vouchers
from orderflow.adapters.shopee.statuses import STATES, fulfilment_status, is_sent, payment_status
from orderflow.domain.errors import RecordError
from orderflow.domain.money import decimal
from orderflow.domain.order import Contact, Discount, Line, Order, Shipment
from orderflow.domain.source import Raw

if TYPE_CHECKING:
    from orderflow.adapters.shopee import Options

NEVER_PAID = frozenset({"UNPAID", "CANCELLED"})
"""Statuses of orders that may never have been paid; those have neither a total nor a settlement."""
DETAIL_EXT = (
    "advance_package",
    "booking_sn",
    "checkout_shipping_carrier",
    "days_to_ship",
    "fulfillment_flag",
    "note",
    "split_up",
)
FREE_GIFT = "add_on_free_gift_sub"
"""`promotion_type` of a gift; the article that it comes with has `add_on_free_gift_main`."""
INCOME_EXT = ("escrow_amount", "commission_fee", "service_fee", "seller_transaction_fee", "seller_return_refund")


def order_id(raw: Raw) -> str:
    return str(raw["list"]["order_sn"])


def to_order(raw: Raw, options: Options) -> Order:  # noqa: ARG001 -- the port hands every mapping its options
    """Our order; raises `RecordError` for a missing detail, an unknown status and a record of another shape."""
    if not raw["detail"]:
        raise RecordError(
            "DETAIL_MISSING",
            "detail",
            order_id(raw),
            "Shopee lists this order but does not show it; fetch it again by id",
        )
    try:
        return _order(raw["detail"], raw["escrow"] or {})
    except RecordError as error:
        raise located(error, raw) from None
    except KeyError as error:
        raise RecordError("RAW_SHAPE", str(error.args[0]), None, "a Shopee order has this field") from None
    except (TypeError, AttributeError) as error:
        raise RecordError("RAW_SHAPE", "detail", None, f"not the shape of a Shopee order: {error}") from None


def _order(detail: Raw, escrow: Raw) -> Order:
    status = detail["order_status"]
    state = STATES.get(status)
    if state is None:
        raise RecordError("STATUS_UNKNOWN", "order_status", status, f"known: {', '.join(STATES)}")
    income, checkout = escrow.get("order_income") or {}, escrow.get("buyer_payment_info") or {}
    lines, reductions = _lines(detail, income)
    charges = charges_of(checkout, detail)
    discounts = [*reductions, *vouchers(checkout, income)]
    total = amount_text(detail.get("total_amount"))
    if not amount(total):
        total = amount_text(checkout.get("buyer_total_amount")) or total
    provisional = not amount(total) and status in NEVER_PAID and not detail.get("pay_time")
    if provisional:
        total = sum_text([line.total for line in lines] + [charge.total for charge in charges])
    payments = payments_of(detail, total)
    address = detail.get("recipient_address") or {}
    ext = {name: _plain(detail[name]) for name in DETAIL_EXT if detail.get(name)}
    ext |= {name: _plain(income[name]) for name in INCOME_EXT if income.get(name)}
    if provisional:
        ext["grand_total"] = "lines and estimated shipping; Shopee states a total after payment"
    if escrow.get("return_order_sn_list"):
        ext["return_order_sn_list"] = ",".join(escrow["return_order_sn_list"])
    holds = [*(detail.get("pending_terms") or []), *([state.hold] if state.hold else [])]
    packages = detail.get("package_list") or []
    parcels = [package for package in packages if is_sent(package)]
    return Order(
        order_id=detail["order_sn"],
        order_number=detail["order_sn"],
        origin="marketplace",
        placed_at=epoch_text(detail["create_time"]),
        channel_created_at=epoch_text(detail["create_time"]),
        channel_updated_at=epoch_text(detail["update_time"]),
        paid_at=payments[0].at if payments else None,
        order_status=state.order,
        payment_status=payment_status(detail, state, payments),
        fulfilment_status=fulfilment_status(state, len(packages), parcels),
        return_status=state.returning,
        raw_status={"order_status": status},
        cancel_reason=detail.get("buyer_cancel_reason") or detail.get("cancel_reason") or None,
        hold_reasons=holds,
        buyer_id=str(detail["buyer_user_id"]) if detail.get("buyer_user_id") else None,
        programs=["advance_fulfilment"] if detail.get("advance_package") else [],
        currency=detail.get("currency"),
        taxes_included=True,
        items_total=sum_text([line.total for line in lines]),
        discount_total=sum_text([discount.amount for discount in discounts]),
        charge_total=sum_text([charge.total for charge in charges]),
        grand_total=total,
        paid=sum_text([payment.amount for payment in payments if payment.status == "success"]),
        masking="masked" if _masked(address, waits=state.waits) else "plain",
        lines=lines,
        charges=charges,
        discounts=discounts,
        payments=payments,
        shipments=[_shipment(parcel, detail) for parcel in parcels],
        contacts=_contacts(detail, address),
        ext=ext,
    )


def _lines(detail: Raw, income: Raw) -> tuple[list[Line], Iterator[Discount]]:
    """The lines, and what promotions took off them, by who pays for it.

    A bundle's items come with a discounted price of 0; what each of them really cost stands in the escrow.
    """
    ship_by = epoch_text(detail.get("ship_by_date"))
    fulfilled_by = "marketplace" if detail.get("fulfillment_flag") == "fulfilled_by_shopee" else "merchant"
    settled = _settled(income)
    lines: list[Line] = []
    taken_off: list[str] = []
    for number, item in enumerate(detail["item_list"], 1):
        units = item["model_quantity_purchased"]
        before = _price(item, "model_original_price") * units
        after = _price(item, "model_discounted_price") * units
        bundled = settled.get(_key(item), []) if not after and item.get("promotion_type") == "bundle_deal" else []
        if bundled:
            after = amount(bundled.pop(0))
        less = f"{before - after:f}"
        taken_off.append(less)
        lines.append(
            Line(
                number=number,
                line_id=line_id(item),
                kind="gift" if item.get("promotion_type") == FREE_GIFT else "product",
                sku=item.get("model_sku") or item.get("item_sku") or None,
                product_id=str(item["item_id"]),
                variant_id=str(item["model_id"]) if item["model_id"] else None,
                title=" ".join(text for text in (item["item_name"], item["model_name"]) if text),
                quantity=str(units),
                quantity_ordered=str(units),
                unit_price=amount_text(item["model_original_price"]),
                discount=less,
                total=f"{after:f}",
                fulfilled_by=fulfilled_by,
                ship_by=ship_by,
            )
        )
    return lines, promotions(sum_text(taken_off), income)


def _price(item: Raw, name: str) -> Decimal:
    """A price that every item has."""
    return decimal(str(item[name]), name)


def line_id(item: Raw) -> str:
    """`line_item_id`, where there is one; else item and variant, because `order_item_id` repeats inside a bundle."""
    if item.get("line_item_id"):
        return str(item["line_item_id"])
    return f"{item.get('order_item_id') or item['item_id']}-{item['model_id']}"


def _key(item: Raw) -> tuple[int, int]:
    return item["item_id"], item["model_id"]


def _settled(income: Raw) -> dict[tuple[int, int], list[Any]]:
    """What the buyer paid for each position, all units together, by item and variant in the answer's order."""
    found: dict[tuple[int, int], list[Any]] = {}
    for item in income.get("items") or []:
        if item.get("discounted_price") is not None:
            found.setdefault(_key(item), []).append(item["discounted_price"])
    return found


def _shipment(parcel: Raw, detail: Raw) -> Shipment:
    """Order details name no tracking number; Shopee has a request of its own for it."""
    lines = {_place(item): line_id(item) for item in detail["item_list"]}
    return Shipment(
        shipment_id=parcel["package_number"],
        status=parcel["logistics_status"],
        carrier=parcel.get("shipping_carrier") or None,
        shipped_at=epoch_text(detail.get("pickup_done_time")),
        lines=[
            (lines.get(_place(part)) or line_id(part), str(part["model_quantity"]))
            for part in parcel.get("item_list") or []
        ],
    )


def _place(item: Raw) -> tuple[Any, ...]:
    """What an item of a package and a line of the order have in common."""
    return item["item_id"], item["model_id"], item.get("order_item_id"), item.get("promotion_group_id")


def _contacts(detail: Raw, address: Raw) -> list[Contact]:
    """Where it goes; the full address names most of what lies above the street. Brazil adds the tax number."""
    found, note = [], detail.get("message_to_seller") or None
    if address.get("name") or address.get("full_address"):
        full = address.get("full_address") or ""
        parts = (part for name in ("district", "town") if (part := address.get(name)))
        found.append(
            Contact(
                role="ship_to",
                name=address.get("name") or None,
                phone=address.get("phone") or None,
                address=[text for text in (full, *(part for part in parts if part not in full)) if text],
                city=address.get("city") or None,
                region=address.get("state") or None,
                postal_code=address.get("zipcode") or None,
                country=address.get("region") or detail.get("region"),
                note=note,
            )
        )
    elif note:
        found.append(Contact(role="sold_to", note=note))
    if detail.get("buyer_cpf_id"):
        found.append(Contact(role="bill_to", tax_id=detail["buyer_cpf_id"], country=detail.get("region")))
    return found


def _masked(address: Raw, *, waits: bool) -> bool:
    """Shopee writes stars over what it hides, in single markets and for single carriers.

    Of an order that waits for nothing any more it may name nobody at all. Stars in `buyer_username` hide no recipient.
    """
    is_named = any(address.get(name) for name in ("name", "phone", "full_address"))
    return any(isinstance(text, str) and "*" in text for text in address.values()) or not (is_named or waits)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
