"""What happened to an order after it was placed: money that came, parcels that went, money given back."""

from __future__ import annotations

import re
from typing import Any

from orderflow.adapters.magento import money
from orderflow.adapters.magento.statuses import CASH
from orderflow.domain.order import Payment, Refund, Shipment
from orderflow.domain.source import Raw

_STAMP = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d+)?", re.ASCII)


def payments_of(payment: Raw, attributes: Raw, sides: list[str]) -> list[Payment]:
    """What the payment method took or promised, and what balances paid."""
    method = payment.get("method")
    found: list[Payment] = []
    for name, kind in (("amount_paid", "capture"), ("amount_authorized", "authorization")):
        if not found and money.amount(payment, name):
            made = "cod" if method == CASH else kind
            amounts = both(payment, f"{{}}{name}", sides)
            reference = payment.get("last_trans_id") or id_of(payment.get("entity_id"))
            found.append(Payment(payment_id=reference, kind=made, method=method, gateway=method, **amounts))
    for name, kind in money.BALANCES.items():
        if money.amount(attributes, name):
            amounts = both(attributes, f"{{}}{name}", sides)
            found.append(Payment(payment_id=name, kind=kind, method=name.removesuffix("_amount"), **amounts))
    return found


def both(node: Raw, name: str, sides: list[str]) -> dict[str, Any]:
    """One amount of the node in both currencies; `{}` in its name is where Magento's prefix goes."""
    return {f"{side}amount": money.text(money.amount(node, name.format(money.SIDES[side]))) for side in sides}


def shipment_of(node: Raw, merged: set[str]) -> Shipment:
    tracks = node.get("tracks") or []
    return Shipment(
        shipment_id=str(node["entity_id"]),
        status="shipped",
        carrier=next((track.get("title") or track.get("carrier_code") for track in tracks), None),
        tracking_numbers=[str(track["track_number"]) for track in tracks if track.get("track_number")],
        shipped_at=time_of(node.get("created_at")),
        lines=_units(node, merged),
    )


def refund_of(node: Raw, sides: list[str], merged: set[str]) -> Refund:
    return Refund(
        refund_id=str(node["entity_id"]),
        at=time_of(node.get("created_at")),
        lines=_units(node, merged),
        **both(node, "{}grand_total", sides),
    )


def _units(node: Raw, merged: set[str]) -> list[tuple[str, str]]:
    """Lines and units of a shipment or credit memo; it may name a chosen variant beside its product."""
    pairs = [(str(item["order_item_id"]), money.amount(item, "qty")) for item in node.get("items") or []]
    return [(line, money.text(units)) for line, units in pairs if units and line not in merged]


def id_of(value: Any) -> str | None:
    return str(value) if value else None


def time_of(stamp: Any) -> str | None:
    """Magento's times are UTC without saying so; ours say it. What is no time stays for cleaning to judge."""
    if not isinstance(stamp, str):
        return None if stamp is None else str(stamp)
    return f"{stamp.replace(' ', 'T')}Z" if _STAMP.fullmatch(stamp) else stamp
