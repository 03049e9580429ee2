"""Who bought, who pays, and where it goes."""

from __future__ import annotations

from typing import Literal

from orderflow.domain.order import Contact
from orderflow.domain.source import Raw


def contacts(raw: Raw, attributes: Raw) -> list[Contact]:
    """Delivery address, which stands in the first shipping assignment alone, and billing address, or just a buyer."""
    note = raw.get("customer_note") or None
    assigned = attributes.get("shipping_assignments") or [{}]
    ship_to, bill_to = (assigned[0].get("shipping") or {}).get("address"), raw.get("billing_address")
    found = []
    if ship_to:
        found.append(_contact("ship_to", ship_to, raw, note))
        note = None
    if bill_to:
        found.append(_contact("bill_to", bill_to, raw, note))
    elif not found:
        names = {name: raw.get(f"customer_{name}") for name in _NAMES}
        found.append(_contact("sold_to", {"email": raw.get("customer_email"), **names}, raw, note))
    return found


_NAMES = ("prefix", "firstname", "middlename", "lastname", "suffix")


def _contact(role: Literal["ship_to", "bill_to", "sold_to"], node: Raw, raw: Raw, note: str | None) -> Contact:
    street = node.get("street") or []
    return Contact(
        role=role,
        name=" ".join(part for name in _NAMES if (part := node.get(name))) or None,
        company=node.get("company") or None,
        email=node.get("email") or raw.get("customer_email") or None,
        phone=node.get("telephone") or None,
        address=[text for text in ([street] if isinstance(street, str) else street) if text],
        city=node.get("city") or None,
        region=node.get("region_code") or node.get("region") or None,
        postal_code=node.get("postcode") or None,
        country=node.get("country_id") or None,
        tax_id=node.get("vat_id") or (raw.get("customer_taxvat") if role == "bill_to" else None) or None,
        note=note,
    )
