"""Who bought, who pays, where it goes: the personal data of a Shopify order."""

from __future__ import annotations

from typing import Literal

from orderflow.adapters.shopify.record import Address, Record
from orderflow.domain.order import Contact


def contacts(raw: Record) -> list[Contact]:
    """Buyer, delivery and billing address, as far as Shopify shows them to this app."""
    customer, email, phone = raw.customer, raw.email, raw.phone
    delivery, billing = raw.shipping_address, raw.billing_address
    found = []
    if delivery:
        found.append(_address("ship_to", delivery, raw.note))
    if billing:
        found.append(_address("bill_to", billing))
    if customer or email or phone:
        name = customer.display_name if customer else None
        note = None if delivery else raw.note
        found.append(Contact(role="sold_to", name=name, email=email, phone=phone, note=note))
    return found


def masking(raw: Record) -> str:
    """`masked` where Shopify withholds protected customer data: it then answers null instead of failing."""
    delivery = raw.shipping_address
    if delivery:
        return "plain" if delivery.address1 or delivery.name else "masked"
    to_ship = any(node.requires_shipping for node in raw.line_items.nodes)
    return "plain" if raw.email or raw.phone or raw.customer or not to_ship else "masked"


def _address(role: Literal["ship_to", "bill_to"], node: Address, note: str | None = None) -> Contact:
    return Contact(
        role=role,
        name=node.name,
        company=node.company,
        phone=node.phone,
        address=[text for text in (node.address1, node.address2) if text],
        city=node.city,
        region=node.province_code or node.province,
        postal_code=node.zip,
        country=node.country_code_v2,
        note=note,
    )
