"""Amounts: sums of what is told, and those that follow from others where a platform states none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from orderflow.domain.money import exponent
from orderflow.domain.order import Order


def computed(part: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The amount that follows from the others: a total, or the discount that explains it."""
    if part == "lines" and "quantity" in fields and "unit_price" in fields:
        full = _times(fields["quantity"], fields["unit_price"])
    elif part == "charges" and ("amount" in fields or "total" in fields):
        full = fields.setdefault("amount", fields.get("total"))
    else:
        return fields
    if "total" not in fields:
        fields["total"] = _minus(full, fields.get("discount"))
    elif "discount" not in fields and (off := _minus(full, fields["total"])) and off.strip("0.-"):
        fields["discount"] = off
    return {name: value for name, value in fields.items() if value is not None}


def totals(fields: dict[str, Any], parts: Mapping[str, list[Any]], stated: frozenset[str]) -> None:
    """The sums for which the file names no place; where it names one, an empty value stays empty."""
    for name, part in (("items_total", "lines"), ("charge_total", "charges")):
        if name not in stated:
            fields[name] = _sum(each.total for each in parts[part])
    if "tax_total" not in stated:
        inner = [each.tax for part in ("lines", "charges") for each in parts[part] if each.tax is not None]
        if taxes := [each.amount for each in parts["taxes"]] or inner:
            fields["tax_total"] = _sum(taxes)
    if "discount_total" not in stated and parts["discounts"]:
        fields["discount_total"] = _sum(each.amount for each in parts["discounts"])


def negated(text: str) -> str:
    """The amount with the other sign."""
    return text[1:] if text.startswith("-") else f"-{text.removeprefix('+')}"


def total(texts: Sequence[str]) -> str:
    """The sum of several amounts; where one is none, that one, so that cleaning names it."""
    try:
        return f"{sum((Decimal(text) for text in texts), Decimal(0)):f}"
    except InvalidOperation:
        return next(text for text in texts if not re.fullmatch(r"[+-]?\d+(\.\d+)?", text))


def _times(one: str, other: str) -> str | None:
    try:
        return f"{Decimal(one) * Decimal(other):f}"
    except InvalidOperation:
        return None


def _minus(one: str | None, other: str | None) -> str | None:
    try:
        return None if one is None else f"{Decimal(one) - Decimal(other or 0):f}"
    except InvalidOperation:
        return None


def _sum(amounts: Iterable[str | None]) -> str | None:
    """The sum; None where an amount is missing or none, which cleaning then reports."""
    listed = list(amounts)
    try:
        return None if None in listed else f"{sum((Decimal(each or 0) for each in listed), Decimal(0)):f}"
    except InvalidOperation:
        return None


def rounded_off(order: Order, unrounded: Order) -> str | None:
    """What rounding took from the money equation of an order, by the amounts as they were told; None for nothing.

    Parts that are rounded one by one need not add up to a total that is rounded too. What the told amounts leave over
    stays: that is no rounding.
    """
    try:
        left, meant = _residue(order), _residue(unrounded)
        off = meant.quantize(Decimal(1).scaleb(-exponent((order.currency or "").strip().upper()))) - left
    except (InvalidOperation, TypeError):  # an amount is missing or none, which cleaning then reports
        return None
    return f"{off:f}" if off else None


def _residue(order: Order) -> Decimal:
    """Lines + charges + tax (if exclusive) - unallocated discounts - grand total; raises where one is not told."""
    parts = [each.total for each in order.lines] + [each.total for each in order.charges]
    tax = "0" if order.taxes_included else order.tax_total or "0"
    inside = [each.allocated or "0" for each in order.discounts]
    return _added([*parts, tax, *inside]) - _added([order.grand_total, *(each.amount for each in order.discounts)])


def _added(amounts: Iterable[str | None]) -> Decimal:
    return sum((Decimal(each) for each in amounts), Decimal(0))  # type: ignore[arg-type] # the caller takes the TypeError


def as_told(told: Any) -> Any:
    """What a channel file says of values, without what rounds them."""
    if isinstance(told, list):
        return [as_told(each) for each in told]
    if not isinstance(told, dict):
        return told
    rounds = told.get("unit") != "minor" and (isinstance(told.get("digits"), int) or told.get("digits") == "currency")
    return {key: as_told(each) for key, each in told.items() if not (rounds and key == "digits")}


def says_something(part: str, fields: Mapping[str, Any], kinds: Mapping[str, str]) -> bool:
    """Whether an element out of the record itself is there: an amount that is not zero, or any text."""
    amounts = [fields[name] for name, kind in kinds.items() if kind == "amount" and name in fields]
    if part in {"charges", "discounts", "taxes", "refunds", "payments"}:
        return any(amount.strip("0.+- ") for amount in amounts)
    return bool(fields)
