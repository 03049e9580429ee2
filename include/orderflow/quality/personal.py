"""Which fields of an order hold personal data, and how a value of one is shown: by its shape alone."""

from __future__ import annotations

from orderflow.domain.order import Contact

PERSONAL: frozenset[tuple[str, str]] = frozenset(
    {("contacts", name) for name in Contact.__struct_fields__ if name not in {"role", "country"}}
    | {("orders", "buyer_id"), ("refunds", "reason")}
)
"""Table and field."""


def masked(value: str) -> str:
    """The shape of a value: every letter an `x`, every digit a `9`, at most 40 characters."""
    return "".join("9" if each.isdigit() else "x" if each.isalpha() else each for each in value[:40])
