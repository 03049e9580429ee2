"""Where a Douyin order goes: what the platform shows, which is mostly masked. Ciphertext stays in the raw record.

Ciphertext differs from pull to pull, so it tells nobody apart and is no contact; decrypting is a request of its own.
"""

from __future__ import annotations

from orderflow.domain.order import Contact
from orderflow.domain.source import Raw

COUNTRY = "CN"
LEVELS = ("town", "street")
TO_SHIP = frozenset({"2", "101"})
"""Statuses of orders that have to say where they go; before and long after, Douyin may name nobody."""


def contacts_of(raw: Raw) -> list[Contact]:
    """The delivery address with the buyer's note."""
    address, hidden = raw.get("post_addr") or {}, raw.get("mask_post_addr") or {}
    name = raw.get("post_receiver") or raw.get("mask_post_receiver") or None
    phone = raw.get("post_tel") or raw.get("mask_post_tel") or None
    places = {level: _name(address, level) or _name(hidden, level) for level in ("province", "city", *LEVELS)}
    detail = address.get("detail") or hidden.get("detail") or None
    note = raw.get("buyer_words") or None
    if not (name or phone or detail or any(places.values())):
        return [Contact(role="sold_to", note=note)] if note else []
    return [
        Contact(
            role="ship_to",
            name=name,
            phone=phone,
            address=[text for text in (*(places[level] for level in LEVELS), detail) if text],
            city=places["city"],
            region=places["province"],
            country=COUNTRY,
            note=note,
        )
    ]


def masking_of(raw: Raw) -> str:
    """`masked` where Douyin keeps something for those who may decrypt it, writes stars over it, or names nobody."""
    address, hidden = raw.get("post_addr") or {}, raw.get("mask_post_addr") or {}
    if not any(each.role == "ship_to" for each in contacts_of(raw)):
        return "plain" if str(raw["order_status"]) in TO_SHIP else "masked"
    pairs = [
        (raw.get("post_receiver"), raw.get("mask_post_receiver"), raw.get("encrypt_post_receiver")),
        (raw.get("post_tel"), raw.get("mask_post_tel"), raw.get("encrypt_post_tel")),
        (address.get("detail"), hidden.get("detail"), address.get("encrypt_detail")),
    ]
    kept_back = any(not plain and (masked or secret) for plain, masked, secret in pairs)
    return "masked" if kept_back or any("*" in plain for plain, _, _ in pairs if plain) else "plain"


def _name(address: Raw, level: str) -> str | None:
    return (address.get(level) or {}).get("name") or None
