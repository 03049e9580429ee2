"""Look-ups: the fields whose values a channel file may list in our spelling (`clean.lookups`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

LOOKUP_FIELDS: dict[str, tuple[tuple[str, str], ...]] = {
    "cancel_reason": (("orders", "cancel_reason"),),
    "carrier": (("shipments", "carrier"),),
    "charge_kind": (("charges", "kind"),),
    "country": (("contacts", "country"),),
    "currency": (("orders", "currency"), ("orders", "shop_currency")),
    "discount_kind": (("discounts", "kind"),),
    "fulfilled_by": (("lines", "fulfilled_by"),),
    "fulfilment_status": (("orders", "fulfilment_status"),),
    "funded_by": (("discounts", "funded_by"),),
    "gateway": (("payments", "gateway"),),
    "line_kind": (("lines", "kind"),),
    "order_status": (("orders", "order_status"),),
    "origin": (("orders", "origin"),),
    "payment_method": (("payments", "method"),),
    "payment_status": (("orders", "payment_status"),),
    "region": (("contacts", "region"),),
    "return_status": (("orders", "return_status"),),
    "shipment_status": (("shipments", "status"),),
    "shipping_method": (("charges", "method"),),
    "uom": (("lines", "uom"),),
}
"""The name that stands in channel files, and the tables and fields that it rewrites."""


def lookup_problems(lookups: Mapping[str, Mapping[str, str]]) -> list[str]:
    """What is wrong with a channel's look-ups: unknown fields, and values that are looked up again."""
    return list(_problems(lookups))


def _problems(lookups: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for name, listed in lookups.items():
        if name not in LOOKUP_FIELDS:
            yield f"no field {name!r} can be looked up; those that can: {', '.join(LOOKUP_FIELDS)}"
        for value, ours in listed.items():
            if listed.get(ours, ours) != ours:
                last = listed[ours]
                yield f"{name}: {value!r} becomes {ours!r}, which becomes {last!r}; write {value}: {last}"
