"""Who bought, who pays, where it goes: the personal data of a Shopify order."""

from __future__ import annotations

from typing import Any, Literal

from orderflow.domain.order import Contact
from orderflow.domain.source import Raw


def contacts(raw: Raw) -> list[Contact]:
    """Buyer, delivery and billing address, as far as Shopify shows them to this app."""
    customer, email, phone = raw["customer"], raw["email"], raw["phone"]
    delivery, billing = raw["shippingAddress"], raw["billingAddress"]
    found = []
    if delivery:
        found.append(_address("ship_to", delivery, raw["note"]))
    if billing:
        found.append(_address("bill_to", billing))
    if customer or email or phone:
        name = customer["displayName"] if customer else None
        note = None if delivery else raw["note"]
        found.append(Contact(role="sold_to", name=name, email=email, phone=phone, note=note))
    return found


def masking(raw: Raw) -> str:
    """`masked` where Shopify withholds protected customer data: it then answers null instead of failing."""
    delivery = raw["shippingAddress"]
    if delivery:
        return "plain" if delivery["address1"] or delivery["name"] else "masked"
    to_ship = any(node["requiresShipping"] for node in raw["lineItems"]["nodes"])
    return "plain" if raw["email"] or raw["phone"] or raw["customer"] or not to_ship else "masked"


def _address(role: Literal["ship_to", "bill_to"], node: dict[str, Any], note: str | None = None) -> Contact:
    return Contact(
        role=role,
        name=node["name"],
        company=node["company"],
        phone=node["phone"],
        address=[text for text in (node["address1"], node["address2"]) if text],
        city=node["city"],
        region=node["provinceCode"] or node["province"],
        postal_code=node["zip"],
        country=node["countryCodeV2"],
        note=note,
    )
