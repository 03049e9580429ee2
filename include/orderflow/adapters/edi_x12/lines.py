"""The line loops of an 850 (PO1) and an 860 (POC): item, quantity, price, allowances, taxes, dates.

Codes: elements 235 (item qualifier), 639 (basis of unit price), 355 (unit), 374 (date qualifier) of ASC X12 004010,
https://edihere.com/asc-x12-639-basis-of-unit-price-code/ and its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from msgspec.structs import replace

from orderflow.adapters.edi.history import line_total, rounded, text
from orderflow.adapters.edi_x12 import allowances
from orderflow.adapters.edi_x12.check import date
from orderflow.adapters.edi_x12.syntax import element
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Charge, Line

GTIN = ("UK", "EN", "UP")
"""Item qualifiers of numbers with a GS1 check digit: GTIN-14, EAN-13, UPC-12."""

BUYERS = ("IN", "BP")
"""Item qualifiers of the buyer's own numbers."""

_BASIS = (
    dict.fromkeys(("PN",), 10)
    | dict.fromkeys(("PD", "LD", "RD", "TD", "WD"), 12)
    | dict.fromkeys(("HP", "LC", "QH", "RC", "TC", "WC"), 100)
    | dict.fromkeys(("TP", "LM", "QS", "RM", "TM", "WM"), 1000)
    | {"TT": 10_000, "HT": 100_000}
)
"""Units that one price stands for, by basis code; every other basis is a price for one unit."""

_PACK = {"DZ": 12, "GS": 144, "HC": 100, "TH": 1000}
"""Units of measure that are such a number themselves: a price per dozen of a quantity in dozens needs no division."""

_UNIT = re.compile(r"\W")
"""What ends a unit of measure, which in POC is the first part of a composite."""

_EACH = {"PE", "LE", "QE", "TE", "WE"}
"""Basis codes of prices per each."""
_CASES = {"CA", "CT", "PL", "PF"}
"""Units of measure that hold a number of pieces which they do not tell: case, carton, pallet."""

Each: TypeAlias = Literal["piece", "ordered_unit"]

SHIP_BY, DELIVER_BY = ("010", "038"), ("002", "063")
"""Date qualifiers: ship at (or not after), deliver at (or not after)."""


@dataclass(slots=True)
class Item:
    """What one line loop says: the line, and what the canonical order keeps beside its lines."""

    line: Line
    charges: list[Charge] = field(default_factory=list)
    children: list[Line] = field(default_factory=list)
    ext: dict[str, str] = field(default_factory=dict)


def item(
    loop: Sequence[Sequence[str]],
    place: int,
    currency: str | None,
    sku_qualifiers: Iterable[str],
    dates: Mapping[str, str],
    price_each: Each | None = None,
) -> Item:
    """One line loop. `place` counts lines from 1; `dates` are the order's own `ship_by` and `deliver_by`."""
    head = loop[0]
    _refuse_own_address(loop)
    # POC has a code in element 2 and the quantity left to receive in element 4, so that its unit stands in 5.
    change = head[0] == "POC"
    quantity, uom, price, basis, pairs = (3, 5, 6, 7, 8) if change else (2, 3, 4, 5, 6)
    numbers = {element(head, at): element(head, at + 1) for at in range(pairs, len(head) - 1, 2)}
    unit = _UNIT.split(element(head, uom), maxsplit=1)[0] or None
    per = _per(element(head, basis), unit)
    asked, priced = element(head, quantity) or None, element(head, price) or None
    if element(head, basis) == "NC":
        priced = "0"
    stated = next((element(segment, 2) for segment in loop if segment[0] == "AMT" and element(segment, 1) == "1"), None)
    if priced and Decimal(priced) and element(head, basis) in _EACH and unit in {*_CASES, *_PACK}:
        priced = _per_ordered_unit(priced, unit, loop, price_each, stated)
    base = Decimal(asked) * Decimal(priced) / per if asked and priced else None
    found = allowances.read(loop[1:], currency, base)
    line = Line(
        number=place,
        line_id=element(head, 1) or str(place),
        sku=next((numbers[code] for code in sku_qualifiers if numbers.get(code)), None),
        product_id=next((numbers[code] for code in BUYERS if numbers.get(code)), None),
        gtin=next((numbers[code] for code in GTIN if numbers.get(code)), None),
        title=" ".join(element(segment, 5) for segment in loop if segment[0] == "PID" and element(segment, 5)) or None,
        uom=unit,
        quantity=asked,
        quantity_ordered=None if change else asked,
        unit_price=text(Decimal(priced) / per) if priced and per != 1 else priced,
        discount=found.allowance,
        tax=found.tax,
        ship_by=_when(loop, SHIP_BY) or (None if change else dates.get("ship_by")),
        deliver_by=_when(loop, DELIVER_BY) or (None if change else dates.get("deliver_by")),
    )
    line = _with_total(line, stated, per, priced, currency)
    charges = [replace(charge, charge_id=f"{line.line_id}/{charge.charge_id or place}") for charge in found.charges]
    children = [_child(segment, line, currency) for segment in loop if segment[0] == "SLN"]
    rest = [segment for segment in loop[1:] if segment[0] not in _HANDLED]
    return Item(line, charges, children, leftovers(rest, f"line.{line.line_id}."))


_HANDLED = {"PID", "SAC", "TXI", "SLN", "AMT", "N1", "N2", "N3", "N4", "PER"}
"""Segments of a line loop that go into the line; parties are personal data and stay in the raw record."""


def _refuse_own_address(loop: Sequence[Sequence[str]]) -> None:
    for segment in loop:
        if segment[0] == "N1" and element(segment, 1) == "ST":
            raise RecordError(
                "LINE_SHIP_TO",
                "N1",
                element(segment, 4) or None,
                f"line {element(loop[0], 1)} has a delivery address of its own; an order goes to one address: "
                "ask the sender for one order per address",
            )


def _per(basis: str, unit: str | None) -> int:
    per = _BASIS.get(basis, 1)
    return 1 if _PACK.get(unit or "") == per else per


def _per_ordered_unit(
    price: str, unit: str, loop: Sequence[Sequence[str]], price_each: Each | None, stated: str | None
) -> str:
    """A price per each as one per case or dozen. Raises `RecordError` where nobody says what it is for."""
    if price_each == "ordered_unit" or (price_each is None and stated is not None):
        return price
    packed = [segment for segment in loop if segment[0] == "PO4"]
    cases = (element(packed[0], 1), element(packed[0], 14) or "1") if packed else ("", "")
    if price_each == "piece" and (unit in _PACK or all(each.isascii() and each.isdigit() for each in cases)):
        pieces = _PACK[unit] if unit in _PACK else int(cases[0]) * int(cases[1])
        return text(Decimal(price) * pieces)
    cure = (
        "ask the sender for PO4, or for the line's total"
        if price_each
        else ("say in source.price_each what this sender means: the piece, or the ordered_unit")
    )
    raise RecordError(
        "AMOUNT_MISSING", f"{loop[0][0]} 639", price, f"the price is for each, the quantity in {unit}; {cure}"
    )


def _with_total(line: Line, stated: str | None, per: int, priced: str | None, currency: str | None) -> Line:
    total = stated
    if total is None and per != 1 and line.quantity and priced:
        exact = Decimal(line.quantity) * Decimal(priced) / per - Decimal(line.discount or 0)
        total = text(rounded(exact, currency))
    return replace(line, total=total or line_total(line, currency))


def _child(sln: Sequence[str], parent: Line, currency: str | None) -> Line:
    """A component of a set. Its price is inside the set's unless SLN03 says that it is added."""
    price = element(sln, 6) if element(sln, 3) == "A" else "0"
    numbers = {element(sln, at): element(sln, at + 1) for at in range(9, len(sln) - 1, 2)}
    child = Line(
        number=0,
        line_id=f"{parent.line_id}/{element(sln, 1)}",
        kind="bundle_child",
        parent_line_id=parent.line_id,
        sku=next((numbers[code] for code in ("SK", "VN", "VP", "UP", "EN") if numbers.get(code)), None),
        gtin=next((numbers[code] for code in GTIN if numbers.get(code)), None),
        quantity=element(sln, 4) or None,
        uom=element(sln, 5) or None,
        unit_price=price or "0",
    )
    return replace(child, total=line_total(child, currency))


def _when(segments: Sequence[Sequence[str]], qualifiers: Sequence[str]) -> str | None:
    """The first date with one of these qualifiers, in the order of the qualifiers, as ISO 8601 at midnight."""
    told = {element(segment, 1): element(segment, 2) for segment in segments if segment[0] == "DTM"}
    for segment in segments:
        if segment[0] == "SCH":  # a line that is delivered in parts begins with the first of them
            told.setdefault(element(segment, 5), element(segment, 6))
    return next((f"{day}T00:00:00" for code in qualifiers if (day := date(told.get(code, "")))), None)


def dates(header: Sequence[Sequence[str]]) -> dict[str, str]:
    """The order's own ship and delivery dates, which every line without dates has too."""
    both = {"ship_by": _when(header, SHIP_BY), "deliver_by": _when(header, DELIVER_BY)}
    return {name: day for name, day in both.items() if day}


def leftovers(segments: Iterable[Sequence[str]], prefix: str = "") -> dict[str, str]:
    """Segments that have no place in the canonical order, by tag and qualifier, so that nothing is lost."""
    kept: dict[str, str] = {}
    for segment in segments:
        name = prefix + ".".join(part for part in (segment[0], element(segment, 1)) if part)
        value = "*".join(segment[2:])
        kept[name] = f"{kept[name]}; {value}" if name in kept else value
    return kept
