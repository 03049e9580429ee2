"""A simulated order in Magento's words: every amount in two currencies, without tax and the tax beside.

A product with variants is two rows, of which the second is the variant. The tip is gift wrapping. What an edit took out
is gone, as extensions for editing do it. Fields that would be null are left out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from orderflow.domain.money import exponent
from orderflow.sandbox.events import EDIT
from orderflow.sandbox.numbers import is_number, number, total, value
from orderflow.sandbox.order import Address
from orderflow.sandbox.snapshot import Line, Snapshot, counted

FIRST, ITEMS = 3, 1000
"""The id of the first order, and the ids kept for the rows of one order."""
STATES = {
    "pending": ("pending_payment", "pending_payment"),
    "on_hold": ("new", "pending"),
    "open": ("processing", "processing"),
    "completed": ("complete", "complete"),
    "cancelled": ("canceled", "canceled"),
    "failed": ("canceled", "canceled"),
    "refunded": ("closed", "closed"),
}
SIDES = (("", 0), ("base_", 1))


def order_id(index: int) -> int:
    return FIRST + index


def index_of(number: int) -> int | None:
    return number - FIRST if number >= FIRST else None


def item_id(snap: Snapshot, line_id: int) -> int:
    """The id of a line's own row; its variant has the next one."""
    return ITEMS * order_id(snap.index) + 2 * line_id


def stamp_of(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")


def time_of(text: str | None) -> str | None:
    """An ISO moment as Magento writes it; what is none as it stands."""
    try:
        return datetime.fromisoformat(text or "").astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return text


def known(fields: dict[str, Any]) -> dict[str, Any]:
    """Magento leaves out what is null."""
    return {name: each for name, each in fields.items() if each is not None}


def refunded(snap: Snapshot, side: int) -> str:
    """What was given back, without what settled an edit."""
    return total(refund.amount[side] for refund in snap.refunds if refund.reason != EDIT)


def _paid(snap: Snapshot, side: int) -> str:
    settled = total(refund.amount[side] for refund in snap.refunds if refund.reason == EDIT)
    return f"{value(snap.received[side]) - value(settled):f}"


def document(snap: Snapshot) -> dict[str, Any]:
    """The order as lists show it."""
    state, status = STATES.get(snap.status, (snap.status, snap.status))
    ship_to = _address(snap, snap.ship_to, "shipping") if snap.ship_to else None
    method = {"method": f"flatrate_{snap.method[0]}", **({"address": ship_to} if ship_to else {})}
    return known({
        "entity_id": order_id(snap.index),
        "increment_id": f"{order_id(snap.index):09d}" if snap.number else None,
        "state": state,
        "status": status,
        "store_id": 1,
        "store_name": "Main Website\nMain Store\nDefault",
        "is_virtual": 0,
        "created_at": time_of(snap.created_at),
        "updated_at": time_of(snap.modified_at),
        "customer_email": snap.email,
        "customer_id": snap.customer_id or None,
        "customer_is_guest": int(not snap.customer_id),
        "customer_note": snap.note or None,
        "remote_ip": "203.0.113.7",
        "coupon_code": snap.code,
        "discount_description": snap.code,
        "base_currency_code": snap.shop_currency,
        "order_currency_code": snap.currency,
        "shipping_description": snap.method[1],
        **{f"{prefix}{name}": each for prefix, side in SIDES for name, each in _totals(snap, side).items()},
        "items": [row for line in counted(snap) for row in _rows(snap, line)],
        "billing_address": _address(snap, snap.bill_to, "billing"),
        "payment": _payment(snap),
        "status_histories": _history(snap, status),
        "extension_attributes": {
            "shipping_assignments": [{"shipping": method}],
            "applied_taxes": []
            if snap.tax_rate == "0"
            else [
                {
                    "code": f"{snap.bill_to.country}-1",
                    "title": snap.tax_title,
                    "percent": number(f"{value(snap.tax_rate) * 100:f}"),
                    "amount": number(snap.tax[0]),
                    "base_amount": number(snap.tax[1]),
                }
            ],
            "gw_price": snap.tip[0],
            "gw_base_price": snap.tip[1],
        },
    })  # fmt: skip


def _totals(snap: Snapshot, side: int) -> dict[str, Any]:
    off = total([*(line.discount[side] for line in snap.lines), snap.shipping_discount[side]])
    shipping = total([snap.shipping_net[side], snap.shipping_discount[side]])
    paid, back = _paid(snap, side), refunded(snap, side)
    return known({
        "subtotal": number(total(line.before_net[side] for line in snap.lines)),
        "discount_amount": number(f"{-value(off):f}"),
        "shipping_amount": number(shipping),
        "shipping_discount_amount": number(total([snap.shipping_discount[side]])),
        "shipping_tax_amount": number(snap.shipping_tax[side]),
        "tax_amount": number(snap.tax[side]),
        "grand_total": number(snap.total[side]),
        "total_paid": number(paid) if value(paid) else None,
        "total_refunded": number(back) if value(back) else None,
    })  # fmt: skip


def _rows(snap: Snapshot, line: Line) -> list[dict[str, Any]]:
    called_off = snap.status in {"cancelled", "failed"}
    own = {
        "item_id": item_id(snap, line.line_id),
        "order_id": order_id(snap.index),
        "product_id": line.product_id,
        "product_type": "configurable" if line.variant else "simple",
        "sku": line.sku,
        "name": line.title,
        "is_virtual": 0,
        "qty_ordered": number(line.quantity),
        "qty_invoiced": number(line.quantity) if snap.paid_at else 0,
        "qty_shipped": number(line.shipped),
        "qty_refunded": number(line.refunded),
        "qty_canceled": number(line.quantity) if called_off else 0,
        "tax_percent": number(f"{value(snap.tax_rate) * 100:f}"),
        **{f"{prefix}{name}": each for prefix, side in SIDES for name, each in _money(snap, line, side).items()},
    }
    if not line.variant:
        return [known(own)]
    free = dict.fromkeys((f"{prefix}{name}" for prefix, _ in SIDES for name in _money(snap, line, 0)), 0)
    variant = {
        "item_id": own["item_id"] + 1,
        "parent_item_id": own["item_id"],
        "product_id": line.variant_id,
        "product_type": "simple",
        "name": f"{line.title}-{line.variant}",
        "qty_shipped": 0,
    }
    return [known(own), known(own | ({} if snap.index % 2 else free) | variant)]


def _money(snap: Snapshot, line: Line, side: int) -> dict[str, Any]:
    """The row in one currency; a discount that contains tax is told with the tax that it saves."""
    net = value(line.before_net[side]) - value(line.net[side])
    return {
        "price": _price(snap, line, side),
        "row_total": number(line.before_net[side]),
        "discount_amount": number(line.discount[side]),
        "discount_tax_compensation_amount": number(f"{value(line.discount[side]) - net:f}"),
        "tax_amount": number(line.tax[side]),
    }


def _price(snap: Snapshot, line: Line, side: int) -> Any:
    """Without tax, rounded to the coin where prices contain it."""
    units, row = value(line.quantity), line.before_net[side]
    if not snap.taxes_included or not is_number(row) or not units:
        return number(line.unit[side])
    coin = Decimal(1).scaleb(-exponent((snap.currency, snap.shop_currency)[side] or ""))
    return number(f"{(value(row) / units).quantize(coin, ROUND_HALF_UP):f}")


def _payment(snap: Snapshot) -> dict[str, Any]:
    method = "cashondelivery" if snap.gateway[0] == "cod" else snap.gateway[0]
    fields: dict[str, Any] = {"entity_id": order_id(snap.index), "method": method, "additional_information": []}
    for prefix, side in SIDES:
        fields[f"{prefix}amount_ordered"] = number(snap.total[side])
        if value(_paid(snap, side)):
            fields[f"{prefix}amount_paid"] = number(_paid(snap, side))
        if any(payment.kind == "authorization" for payment in snap.payments):
            fields[f"{prefix}amount_authorized"] = number(snap.total[side])
    return known(fields)


def _history(snap: Snapshot, status: str) -> list[dict[str, Any]]:
    entries = [(snap.paid_at, "invoice", "processing"), (snap.cancelled_at, "order", status)]
    return [
        {"created_at": time_of(at), "entity_name": kind, "status": name, "parent_id": order_id(snap.index)}
        for at, kind, name in entries
        if at
    ]


def _address(snap: Snapshot, to: Address, kind: str) -> dict[str, Any]:
    return known({
        "address_type": kind,
        "firstname": to.given,
        "lastname": to.family,
        "company": to.company or None,
        "street": [text for text in (to.street, to.extra) if text],
        "city": to.city,
        "region_code": to.region or None,
        "postcode": to.postcode,
        "country_id": to.country,
        "telephone": to.phone,
        "email": snap.email,
    })  # fmt: skip
