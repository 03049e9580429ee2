"""The LIN groups of an order and its allowances, charges and taxes.

Codes: 5125 (price), 5025 (amount), 6063 (quantity), 4471 (settlement), 7161 (service) of the UNTDID code lists,
https://service.unece.org/trade/untdid/ and http://eancom.com/ean02s4/part3/dc168.htm (4471).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

from msgspec.structs import replace

from orderflow.adapters.edi.history import demand_one_unit, line_total, rounded, text
from orderflow.adapters.edifact.check import number, until
from orderflow.adapters.edifact.syntax import Segment, get
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Charge, Discount, Line

GTIN = ("EN", "UP", "SRV")
"""Item number types (7143) that are GTINs."""

_NET = ("AAA", "CAL")
_PRICES = (*_NET, "AAB", "INV", "NTP", "")
"""Price qualifiers (5125) that count, best first; AAE, AAF and INF are information."""

_LATER = {"1", "3", "4", "5"}
"""Settlement codes (4471) of money that does not move with this order: bill back, cheque, credit, paid by vendor."""

_KINDS = {"FC": "shipping", "DL": "shipping", "SH": "shipping", "PC": "packaging", "HD": "service"}
"""Service codes (7161) of charges: freight, delivery, shipping, packing, handling."""

SHIP_BY, DELIVER_BY = ("10", "38"), ("2", "63", "69")
"""Date qualifiers (2005): ship at (or not after), deliver at (or not after)."""


@dataclass(slots=True)
class Item:
    line: Line
    charges: list[Charge]
    ext: dict[str, str]


@dataclass(slots=True)
class Found:
    """Allowances and charges; `rest` are the segments that belong to none."""

    discounts: list[Discount] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)
    rest: list[Segment] = field(default_factory=list)

    @property
    def allowance(self) -> Decimal | None:
        return sum((Decimal(each.amount or 0) for each in self.discounts), Decimal(0)) if self.discounts else None


def item(
    group: Sequence[Segment], place: int, currency: str | None, sku_types: Iterable[str], days: Mapping[str, str]
) -> Item:
    """One LIN group. `place` counts lines from 1; `days` are the order's own `ship_by` and `deliver_by`."""
    lin = group[0]
    found = allowances(group[1:], currency, Decimal(0))
    numbers = {get(lin, 3, 2): get(lin, 3, 1)}
    for pia in group:
        if pia[0][0] == "PIA":
            numbers = {get(pia, at, 2): get(pia, at, 1) for at in range(2, len(pia))} | numbers
    ordered = _first(found.rest, "QTY", ("21", "1", ""))
    price, net, per = _price(found.rest)
    quantity = number(get(ordered, 1, 2)) if ordered else None
    # A net price has the line's allowances and charges inside already; they are told for information only.
    if net:
        found = Found(rest=found.rest)
    elif quantity and price:
        found = allowances(group[1:], currency, Decimal(quantity) * Decimal(price))
    line = Line(
        number=place,
        line_id=get(lin, 1) or str(place),
        sku=next((numbers[kind] for kind in sku_types if numbers.get(kind)), None),
        product_id=next((numbers[kind] for kind in ("IN", "BP") if numbers.get(kind)), None),
        gtin=next((numbers[kind] for kind in GTIN if numbers.get(kind)), None),
        title=_title(group),
        uom=(get(ordered, 1, 3) or None) if ordered else None,
        quantity=quantity,
        unit_price=price,
        discount=None if found.allowance is None else text(found.allowance),
        tax=amount(of_tax(group), ("124",)),
        ship_by=when(found.rest, SHIP_BY) or days.get("ship_by"),
        deliver_by=when(found.rest, DELIVER_BY) or days.get("deliver_by"),
    )
    charges = [replace(each, charge_id=f"{line.line_id}/{each.charge_id}") for each in found.charges]
    charged = sum((Decimal(each.total or 0) for each in charges), Decimal(0))
    stated = amount(found.rest, ("203", "66", "38"))
    if stated is None and (pri := _first(found.rest, "PRI", _PRICES)):
        demand_one_unit("PRI 6411", get(pri, 1, 6), line.uom)
    if stated is not None:
        total = text(Decimal(stated) - charged)
    elif per is not None and price and quantity:
        exact = Decimal(quantity) * per - Decimal(line.discount or 0)
        total = text(rounded(exact, currency))
    else:
        total = line_total(line, currency) or ""
    rest = [segment for segment in found.rest if segment[0][0] not in _HANDLED and segment is not ordered]
    return Item(replace(line, total=total or None), charges, leftovers(rest, f"line.{line.line_id}."))


def within(item: Item, lin: Segment, above: Sequence[Line]) -> Item:
    """A sub-line (C829) as a component of the line that it names; its price is inside that line's where it has one."""
    parent = get(lin, 4, 2)
    if get(lin, 4, 1) != "1" or not parent:
        return item
    line = replace(item.line, kind="bundle_child", parent_line_id=parent)
    if any(each.line_id == parent and each.total and Decimal(each.total) for each in above):
        line = replace(line, unit_price="0", discount=None, tax=None, total="0")
    return Item(line, item.charges, item.ext)


def gifts(group: Sequence[Segment], line: Line, *, whole: bool) -> list[Line]:
    """The goods that come beside the ordered quantity and are not charged (QTY 192), as a line of their own.

    None of them make no line, but in a change they take one away.

    https://gs1-germany.de/internet/common/files/eEurope_english/orders/english/all/h5123.htm
    """
    told = _first(group, "QTY", ("192",))
    quantity = number(get(told, 1, 2)) if told else None
    if told is None or quantity is None or (whole and not Decimal(quantity)):
        return []
    free = {"unit_price": "0", "discount": None, "tax": None, "total": "0", "quantity": quantity}
    name = f"{line.line_id}/free"
    unit = get(told, 1, 3) or line.uom
    return [replace(line, **free, kind="gift", line_id=name, parent_line_id=line.line_id, uom=unit)]


_HANDLED = {"PIA", "IMD", "PRI", "TAX", "MOA", "NAD", "CTA", "COM", "FTX"}


def refuse_own_address(group: Sequence[Segment]) -> None:
    """An order goes to one address; a line with an address of its own is refused, not sent elsewhere."""
    for segment in group:
        if segment[0][0] == "NAD" and get(segment, 1) in ("DP", "ST", "UC"):
            raise RecordError(
                "LINE_SHIP_TO",
                "NAD",
                get(segment, 2) or None,
                f"line {get(group[0], 1)} has a delivery address of its own; an order goes to one address: "
                "ask the sender for one order per address",
            )


def allowances(segments: Sequence[Segment], currency: str | None, base: Decimal | None) -> Found:
    """The ALC groups among `segments`; percentages without amounts are of `base`."""
    found = Found()
    alc: Segment | None = None
    inside: list[Segment] = []
    for segment in [*segments, [["."]]]:
        tag = segment[0][0]
        if alc is not None and tag in ("ALI", "QTY", "PCD", "MOA", "RNG", "RTE", "TAX"):
            inside.append(segment)
            continue
        if alc is not None:
            _allowance_or_charge(alc, inside, currency, base, found)
            alc, inside = None, []
        if tag == "ALC":
            alc = segment
        elif tag != ".":
            found.rest.append(segment)
    return found


def _allowance_or_charge(
    alc: Segment, inside: Sequence[Segment], currency: str | None, base: Decimal | None, found: Found
) -> None:
    what, code = get(alc, 1), get(alc, 5) or get(alc, 2, 2) or None
    title = " ".join(part for at in (4, 5) if (part := get(alc, 5, at))) or get(alc, 2) or None
    if get(alc, 3) in _LATER or what in ("N", "V", "W"):
        return
    if what not in ("A", "C"):
        raise RecordError("CODE_UNKNOWN", "ALC 5463", what, "an allowance is A, a charge C, neither of them N")
    told = amount(inside, ("8", "204", "23", "131"))
    percent = next((number(get(pcd, 1, 2)) for pcd in inside if pcd[0][0] == "PCD"), None)
    if told is None and percent and base is not None:
        told = text(rounded(base * Decimal(percent) / 100, currency))
    if told is None:
        raise RecordError(
            "AMOUNT_MISSING", "ALC", code, "an allowance or charge states its amount (MOA) or its percentage"
        )
    if what == "C":
        kind = _KINDS.get(code or "", "surcharge")
        found.charges.append(Charge(kind=kind, charge_id=code, title=title, amount=told, total=told))
    else:
        found.discounts.append(Discount(kind="automatic", code=code, title=title, funded_by="seller", amount=told))


def _price(segments: Sequence[Segment]) -> tuple[str | None, bool, Decimal | None]:
    """Price of one unit, whether it is net, and the exact price where it is told for several units (5284)."""
    pri = _first(segments, "PRI", _PRICES)
    price = number(get(pri, 1, 2)) if pri else None
    if pri is None or price is None:
        return None, False, None
    net, basis = get(pri, 1) in _NET, number(get(pri, 1, 5))
    if basis is None or Decimal(basis) in (0, 1):
        return price, net, None
    exact = Decimal(price) / Decimal(basis)
    return text(exact), net, exact


def _first(segments: Sequence[Segment], tag: str, qualifiers: Sequence[str]) -> Segment | None:
    """The segment whose qualifier stands first in `qualifiers`."""
    told = {get(segment, 1): segment for segment in reversed(segments) if segment[0][0] == tag}
    return next((told[qualifier] for qualifier in qualifiers if qualifier in told), None)


def of_tax(group: Sequence[Segment]) -> list[Segment]:
    """MOA segments directly behind a TAX."""
    return [segment for before, segment in pairwise(group) if before[0][0] == "TAX"]


def amount(segments: Sequence[Segment], qualifiers: Sequence[str]) -> str | None:
    """The monetary amount whose qualifier (5025) stands first in `qualifiers`."""
    moa = _first(segments, "MOA", qualifiers)
    return number(get(moa, 1, 2)) if moa else None


def _title(group: Sequence[Segment]) -> str | None:
    """The free descriptions; each is cut in two halves of 35 characters."""
    told = []
    for imd in group:
        if imd[0][0] == "IMD":
            halves = [part for at in (3, 4) if len(imd) > 3 and len(imd[3]) > at and (part := imd[3][at])]
            told.append("".join(halves) if halves and len(halves[0]) >= 35 else " ".join(halves))
    return " ".join(part.strip() for part in told if part.strip()) or None


def when(segments: Sequence[Segment], qualifiers: Sequence[str]) -> str | None:
    dtm = _first(segments, "DTM", qualifiers)
    return until(dtm) if dtm else None


def leftovers(segments: Iterable[Segment], prefix: str = "") -> dict[str, str]:
    """Segments that have no place in the canonical order, by tag and qualifier, so that nothing is lost."""
    kept: dict[str, str] = {}
    for segment in segments:
        name = prefix + ".".join(part for part in (segment[0][0], get(segment, 1)) if part)
        told = [segment[1][1:], *segment[2:]] if len(segment) > 1 else []
        value = "+".join(":".join(element) for element in told).strip("+")
        kept[name] = f"{kept[name]}; {value}" if name in kept else value
    return kept
