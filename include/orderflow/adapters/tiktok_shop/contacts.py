"""Who buys and where it goes: the personal data of a TikTok Shop order, masked by TikTok by region and status."""

from __future__ import annotations

from orderflow.domain.order import Contact
from orderflow.domain.source import Raw

LINES = ("address_line1", "address_line2", "address_line3", "address_line4")
TO_SHIP = frozenset({"AWAITING_SHIPMENT", "PARTIALLY_SHIPPING", "AWAITING_COLLECTION"})
"""Statuses of orders that have to say where they go."""
PERSON = ("name", "first_name", "last_name", "phone_number", "full_address", "address_detail", *LINES)
"""What an emptied address does not have; its postal code and its district it may keep."""


def contacts(raw: Raw) -> list[Contact]:
    """Delivery address, the buyer's relay address for mail, and in Brazil the buyer's tax number."""
    to, found = raw.get("recipient_address") or {}, []
    note = raw.get("buyer_message") or None
    if to.get("name") or to.get("full_address"):
        levels = to.get("district_info") or []
        street = [to[line] for line in LINES if to.get(line)]
        found.append(
            Contact(
                role="ship_to",
                name=to.get("name") or None,
                phone=to.get("phone_number") or None,
                address=street or [text for text in (to.get("address_detail") or to.get("full_address"),) if text],
                city=to.get("post_town")
                or _place(levels, "City")
                or (levels[-1]["address_name"] if len(levels) > 1 else None),
                region=_place(levels, "State") or _place(levels, "Province"),
                postal_code=to.get("postal_code") or None,
                country=to.get("region_code") or None,
                note=note,
            )
        )
        note = None
    if raw.get("buyer_email") or note:
        found.append(Contact(role="sold_to", email=raw.get("buyer_email") or None, note=note))
    if raw.get("cpf"):
        found.append(Contact(role="bill_to", name=raw.get("cpf_name") or None, tax_id=raw["cpf"]))
    return found


def _place(levels: list[Raw], level: str) -> str | None:
    """The name of one level of the address; TikTok spells levels with and without a capital letter."""
    found = (each["address_name"] for each in levels if each["address_level_name"].lower() == level.lower())
    return next(found, None) or None


def masking(raw: Raw) -> str:
    """TikTok writes stars over what it hides, and names nobody before an order is released, nor long after it is over.

    Who is named nowhere is hidden, too, unless the order waits to be sent: then the address is missing.
    """
    to = raw.get("recipient_address") or {}
    places = [each["address_name"] or "" for each in to.get("district_info") or []]
    shown = [*(to.get(field) or "" for field in (*PERSON, "postal_code")), *places]
    is_named = any(to.get(field) for field in PERSON)
    hidden = any("*" in text for text in shown) or not (is_named or raw["status"] in TO_SHIP)
    return "masked" if hidden else "plain"
