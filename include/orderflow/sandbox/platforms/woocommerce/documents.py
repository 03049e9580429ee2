"""Orders and refunds as WooCommerce's REST API v3 spells them: one currency, amounts as text, net beside tax.

Taxes are rounded for each line, whatever `dp` asks for. Money that settles an edit of a paid order leaves no refund
here: WooCommerce keeps no history of edits, and who edits a paid order settles with the buyer elsewhere.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from orderflow.domain.money import AMOUNT
from orderflow.sandbox.events import EDIT
from orderflow.sandbox.order import Address
from orderflow.sandbox.snapshot import Line, Snapshot, counted

FIRST_ORDER = 1000
STATUSES = {
    "pending": "pending",
    "on_hold": "on-hold",
    "open": "processing",
    "completed": "completed",
    "cancelled": "cancelled",
    "refunded": "refunded",
    "failed": "failed",
    "trash": "trash",
}
"""WooCommerce's status by ours; any other is shown as it is, as plugins' statuses are."""


def order_id(index: int) -> int:
    """Orders and refunds share the numbers of all posts, so that order ids have gaps."""
    return FIRST_ORDER + 16 * index


def index_of(number: int) -> int | None:
    index, rest = divmod(number - FIRST_ORDER, 16)
    return index if index >= 0 and not rest else None


def refund_id(snap: Snapshot, place: int) -> int:
    return order_id(snap.index) + 1 + place


def item_id(snap: Snapshot, number: int) -> int:
    """Lines, fees, shipping and coupons share one sequence, too."""
    return 50_000 + 512 * snap.index + number


@lru_cache(maxsize=16384)
def local(stamp: str | None, zone: ZoneInfo) -> str | None:
    """A UTC moment as the site's wall clock shows it; what is no moment stays as it is."""
    if stamp is None:
        return None
    try:
        return datetime.fromisoformat(stamp).astimezone(zone).replace(tzinfo=None).isoformat()
    except ValueError:
        return stamp.removesuffix("Z")


def gmt(stamp: str | None) -> str | None:
    return None if stamp is None else stamp.removesuffix("Z")


def amount(text: str | None, places: int | None) -> str | None:
    """An amount with the places asked for (`dp`); the currency's own where nothing was asked."""
    if places is None or text is None or not AMOUNT.fullmatch(text):
        return text
    return f"{Decimal(text):.{places}f}"


def document(snap: Snapshot, zone: ZoneInfo, places: int | None, url: str) -> dict[str, Any]:
    """The order as `GET /orders` shows it. `url` is the site's."""

    def money(text: str | None) -> str | None:
        return amount(text, places)

    number = order_id(snap.index)
    rate = snap.tax_rate
    status = STATUSES.get(snap.status, snap.status)
    if status == "pending" and snap.payment == "authorized":
        status = "on-hold"
    return {
        "id": number,
        "parent_id": 0,
        "number": snap.number and str(number),
        "order_key": f"wc_order_{number:013x}",
        "created_via": "admin" if snap.source == "shopify_draft_order" else "checkout",
        "version": "9.8.1",
        "status": status,
        "currency": snap.currency or "",
        "date_created": local(snap.created_at, zone),
        "date_created_gmt": gmt(snap.created_at),
        "date_modified": local(snap.modified_at, zone),
        "date_modified_gmt": gmt(snap.modified_at),
        "discount_total": money(_sum(snap.own_net[0], snap.code_net[0])),
        "discount_tax": money(_sum(snap.own_tax[0], snap.code_tax[0])),
        "shipping_total": money(snap.shipping_net[0]),
        "shipping_tax": money(snap.shipping_tax[0]),
        "cart_tax": money(snap.lines_tax[0]),
        "total": money(snap.total[0]),
        "total_tax": money(snap.tax[0]),
        "prices_include_tax": snap.taxes_included,
        "customer_id": snap.customer_id,
        "customer_ip_address": "203.0.113.7",
        "customer_user_agent": "Mozilla/5.0",
        "customer_note": snap.note,
        "billing": {**_address(snap.bill_to), "email": snap.email, "phone": snap.bill_to.phone},
        "shipping": _address(snap.ship_to) if snap.ship_to else dict.fromkeys(_NO_ADDRESS, ""),
        "payment_method": snap.gateway[0],
        "payment_method_title": snap.gateway[1],
        "transaction_id": f"pi_{number}" if snap.paid_at else "",
        "date_paid": local(snap.paid_at, zone),
        "date_paid_gmt": gmt(snap.paid_at),
        "date_completed": local(snap.completed_at, zone),
        "date_completed_gmt": gmt(snap.completed_at),
        "cart_hash": f"{number:08x}",
        "meta_data": _meta(snap),
        "line_items": [_line(snap, line, places) for line in counted(snap)],
        "tax_lines": []
        if rate == "0"
        else [
            {
                "id": item_id(snap, 401),
                "rate_code": f"{snap.bill_to.country}-1",
                "rate_id": 1,
                "label": snap.tax_title,
                "compound": False,
                "tax_total": money(snap.lines_tax[0]),
                "shipping_tax_total": money(snap.shipping_tax[0]),
                "rate_percent": float(Decimal(rate) * 100),
                "meta_data": [],
            }
        ],
        "shipping_lines": [
            {
                "id": item_id(snap, 400),
                "method_title": snap.method[1],
                "method_id": "flat_rate",
                "instance_id": "1",
                "total": money(snap.shipping_net[0]),
                "total_tax": money(snap.shipping_tax[0]),
                "taxes": taxes(snap.shipping_tax[0], ""),
                "meta_data": [],
            }
        ],
        "fee_lines": []
        if not some(snap.tip[0])
        else [
            {
                "id": item_id(snap, 402),
                "name": "Dricks / Tip",
                "tax_class": "0",
                "tax_status": "none",
                "amount": money(snap.tip[0]),
                "total": money(snap.tip[0]),
                "total_tax": money("0.00"),
                "taxes": [],
                "meta_data": [],
            }
        ],
        "coupon_lines": _coupons(snap, places),
        "refunds": [
            {"id": refund_id(snap, place), "reason": refund.reason, "total": negative(money(refund.amount[0]))}
            for place, refund in enumerate(snap.refunds)
            if refund.reason != EDIT
        ],
        "payment_url": f"{url}/checkout/order-pay/{number}/",
        "is_editable": status in {"pending", "on-hold"},
        "needs_payment": status in {"pending", "failed"},
        "needs_processing": True,
        "_links": {
            "self": [{"href": f"{url}/wp-json/wc/v3/orders/{number}"}],
            "collection": [{"href": f"{url}/wp-json/wc/v3/orders"}],
        },
    }


_NO_ADDRESS = (
    "first_name",
    "last_name",
    "company",
    "address_1",
    "address_2",
    "city",
    "state",
    "postcode",
    "country",
    "phone",
)


def _address(address: Address) -> dict[str, str]:
    return {
        "first_name": address.given,
        "last_name": address.family,
        "company": address.company,
        "address_1": address.street,
        "address_2": address.extra,
        "city": address.city,
        "state": address.region,
        "postcode": address.postcode,
        "country": address.country,
        "phone": address.phone,
    }


def _line(snap: Snapshot, line: Line, places: int | None) -> dict[str, Any]:
    title = f"{line.title} - {line.variant}" if line.variant else line.title
    return {
        "id": item_id(snap, line.line_id),
        "name": title,
        "product_id": line.product_id,
        "variation_id": line.variant_id if line.variant else 0,
        "quantity": int(line.quantity) if line.quantity.lstrip("-").isdigit() else line.quantity,
        "tax_class": "",
        "subtotal": amount(line.before_net[0], places),
        "subtotal_tax": amount(line.before_tax[0], places),
        "total": amount(line.net[0], places),
        "total_tax": amount(line.tax[0], places),
        "taxes": taxes(line.tax[0], line.before_tax[0]),
        "meta_data": [],
        "sku": line.sku,
        "global_unique_id": line.gtin,
        "price": _unit(line),
        "image": {"id": 0, "src": ""},
        "parent_name": line.title if line.variant else None,
    }


def _unit(line: Line) -> float:
    """Total per unit as a JSON number, not rounded: WooCommerce's one float."""
    if not AMOUNT.fullmatch(line.net[0] or "") or line.quantity in {"0", ""}:
        return 0
    return float(Decimal(line.net[0] or 0) / Decimal(line.quantity))


def _coupons(snap: Snapshot, places: int | None) -> list[dict[str, Any]]:
    """The order's code, and a coupon that applied itself behind all line discounts."""
    found = []
    if snap.code:
        kind = "percent" if snap.code_percent else "fixed_cart"
        nominal = float(snap.code_percent or snap.code_fixed[0] or 0)
        found.append(
            (snap.code.lower(), snap.code_net[0], snap.code_tax[0], kind, nominal, some(snap.shipping_discount[0]))
        )
    if some(snap.own_net[0]):
        found.append(("kampanj-活動", snap.own_net[0], snap.own_tax[0], "percent_product", 10, False))
    return [
        {
            "id": item_id(snap, 410 + n),
            "code": code,
            "discount": amount(net, places),
            "discount_tax": amount(tax, places),
            "meta_data": [],
            "discount_type": kind,
            "nominal_amount": nominal,
            "free_shipping": free,
        }
        for n, (code, net, tax, kind, nominal, free) in enumerate(found)
    ]


def _meta(snap: Snapshot) -> list[dict[str, Any]]:
    found: list[tuple[str, Any]] = [("_utm_source", "nyhetsbrev")] if snap.index % 3 == 0 else []
    if snap.parcels:
        found.append(
            (
                "_wc_shipment_tracking_items",
                [
                    {
                        "tracking_provider": parcel.carrier,
                        "tracking_number": parcel.tracking,
                        "date_shipped": str(int(datetime.fromisoformat(parcel.at).astimezone(UTC).timestamp())),
                        "tracking_id": f"{snap.index}-{parcel.number}",
                    }
                    for parcel in snap.parcels
                ],
            )
        )
    return [{"id": 13_000 + 8 * snap.index + n, "key": key, "value": value} for n, (key, value) in enumerate(found)]


def taxes(total: str | None, subtotal: str | None) -> list[dict[str, Any]]:
    return [{"id": 1, "total": _trimmed(total), "subtotal": _trimmed(subtotal)}] if some(total) else []


def _trimmed(text: str | None) -> str | None:
    """Unrounded amounts come without trailing zeros (`9.8`)."""
    return text.rstrip("0").rstrip(".") if text and "." in text else text


def some(text: str | None) -> bool:
    return bool(text and text.strip("-0."))


def negative(text: str | None) -> str | None:
    return f"-{text}" if some(text) else text


def _sum(one: str | None, other: str | None) -> str:
    return f"{Decimal(one or 0) + Decimal(other or 0):f}"
