"""What both versions of the Orders API come to before it becomes an order: items, fees, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from orderflow.adapters.amazon_sp_api.statuses import State
from orderflow.adapters.amazon_sp_api.values import plain, total
from orderflow.domain.money import exponent
from orderflow.domain.order import Charge, Contact, Discount, Line, Shipment, Tax

TAX_ON_TOP = frozenset({"CAD", "USD"})
"""Currencies of marketplaces that show prices without tax; it decides only where the total does not."""


class Fee(NamedTuple):
    """Money asked for beside the goods; `name` is Amazon's."""

    kind: str
    name: str
    amount: Decimal
    discount: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)

    @property
    def left(self) -> Decimal:
        return self.amount - self.discount


class Item(NamedTuple):
    """One position. `goods` is the price of all units before discounts, None where Amazon states none.

    `relief` is the tax that belongs to the discounts; whether Amazon has taken it off `tax` shows in the total alone.
    """

    line_id: str
    sku: str | None
    asin: str | None
    title: str | None
    uom: str | None
    quantity: str
    ordered: str | None
    sent: str | None
    unit: Decimal | None
    goods: Decimal | None
    discount: Decimal
    tax: Decimal
    relief: Decimal
    fees: Sequence[Fee]
    promotions: Sequence[str]
    by_marketplace: bool
    """Amazon collects the tax and owes it to the state."""

    @property
    def taxes(self) -> Decimal:
        return self.tax + total(fee.tax for fee in self.fees)


class Paid(NamedTuple):
    """A way of paying; `amount` None: the whole total. `cash` is due on delivery."""

    method: str | None = None
    amount: Decimal | None = None
    cash: bool = False


class Reading(NamedTuple):
    """An order of either version. `head` holds fields of our order that need no further thought."""

    head: dict[str, Any]
    state: State
    marketplace: str | None
    stated: Decimal | None
    """The order's total."""
    items: Sequence[Item]
    fees: Sequence[Fee]
    """Fees of the order as a whole."""
    payments: Sequence[Paid]
    """Empty where Amazon does not tell."""
    ship_by: str | None
    deliver_by: str | None
    fulfilled_by: str
    shipments: list[Shipment]
    parcels: Sequence[str]
    """What happened to the parcels, as far as Amazon tells."""
    contacts: list[Contact]
    masked: bool


class Totals(NamedTuple):
    """What an order comes to; `withheld` is tax that Amazon keeps and does not count in the total."""

    grand: Decimal | None
    tax: Decimal
    taxes_included: bool
    relieved: bool = False
    withheld: Decimal = Decimal(0)


def totals_of(reading: Reading, currency: str | None) -> Totals:
    """The stated total, read so that it adds up: with tax on top, with tax inside, or without what Amazon keeps.

    Where no reading adds up the usual one of the currency is taken, and the order fails its money equation.
    An order for which Amazon states no amounts yet, or no more, comes to what it does state.
    """
    items, stated, on_top = reading.items, reading.stated, currency in TAX_ON_TOP
    before = total(fee.left for fee in _fees(reading)) + total((item.goods or 0) - item.discount for item in items)
    tax, relief = total(item.taxes for item in items), total(item.relief for item in items)
    usual = Totals(stated, tax, taxes_included=not on_top)
    if not reading.state.priced and (stated is None or all(item.goods is None for item in items)):
        return usual._replace(grand=before + (tax if on_top else Decimal(0)))
    over, inside = Totals(stated, tax, taxes_included=False), Totals(stated, tax, taxes_included=True)
    kept = Totals(stated, Decimal(0), taxes_included=False, withheld=tax)
    readings = [(before + tax, over), (before + tax - relief, over._replace(tax=tax - relief, relieved=True))]
    if on_top and all(item.by_marketplace for item in items if item.taxes):
        readings.append((before, kept))
    readings.insert(len(readings) if on_top else 0, (before, inside))
    return next((each for adds_up_to, each in readings if adds_up_to == stated), usual)


def _fees(reading: Reading) -> Iterator[Fee]:
    for item in reading.items:
        yield from item.fees
    yield from reading.fees


def lines_of(reading: Reading, totals: Totals, currency: str | None) -> list[Line]:
    places = Decimal(1).scaleb(-exponent(currency or ""))
    return [
        Line(
            number=number,
            line_id=item.line_id,
            sku=item.sku,
            product_id=item.asin,
            title=item.title,
            uom=item.uom,
            quantity=item.quantity,
            quantity_ordered=item.ordered,
            quantity_fulfilled=item.sent,
            unit_price=_unit(item, places),
            discount=plain(item.discount),
            tax=None if totals.withheld else plain(item.tax - (item.relief if totals.relieved else 0)),
            total=_total(item, priced=reading.state.priced),
            fulfilled_by=reading.fulfilled_by,
            ship_by=reading.ship_by,
            deliver_by=reading.deliver_by,
        )
        for number, item in enumerate(reading.items, 1)
    ]


def _unit(item: Item, places: Decimal) -> str | None:
    """The stated price of a unit where it explains the line, else the line's price shared out, to the smallest coin."""
    quantity = Decimal(item.quantity)
    if item.goods is None or not quantity:
        return None if item.unit is None else plain(item.unit)
    if item.unit is not None and item.unit * quantity == item.goods:
        return plain(item.unit)
    each = (item.goods / quantity).quantize(places) if quantity != 1 else item.goods
    return plain(each)


def _total(item: Item, *, priced: bool) -> str | None:
    if item.goods is None and priced:
        return None
    return plain((item.goods or Decimal(0)) - item.discount)


def charges_of(reading: Reading, totals: Totals, method: str | None) -> list[Charge]:
    """The fees of all items and of the order, added up by name."""
    sums: dict[tuple[str, str], Fee] = {}
    for fee in _fees(reading):
        place = fee.kind, fee.name
        held = sums.get(place, Fee(*place, Decimal(0)))
        sums[place] = Fee(*place, held.amount + fee.amount, held.discount + fee.discount, held.tax + fee.tax)
    return [
        Charge(
            kind=fee.kind,
            charge_id=fee.name,
            title=fee.name,
            method=method if fee.kind == "shipping" else None,
            amount=plain(fee.amount),
            discount=plain(fee.discount),
            tax=None if totals.withheld else plain(fee.tax),
            total=plain(fee.left),
        )
        for fee in sums.values()
        if fee.amount or fee.discount
    ]


def discounts_of(reading: Reading) -> list[Discount]:
    """What promotions took off goods and fees, by their ids. Amazon does not tell who pays for them."""
    sums: dict[tuple[str, str | None], Decimal] = {}
    for item in reading.items:
        code = ",".join(item.promotions) or None
        for title, less in (("goods", item.discount), *((fee.name, fee.discount) for fee in item.fees)):
            if less:
                sums[title, code] = sums.get((title, code), Decimal(0)) + less
    return [
        Discount(kind="automatic", code=code, title=title, amount=plain(less), allocated=plain(less))
        for (title, code), less in sums.items()
    ]


def taxes_of(reading: Reading, totals: Totals) -> list[Tax]:
    """The tax that stands in the total, by who owes it."""
    sums: dict[str, Decimal] = {}
    for item in reading.items:
        liable = "marketplace" if item.by_marketplace else "unknown"
        owed = item.taxes - (item.relief if totals.relieved else 0)
        sums[liable] = sums.get(liable, Decimal(0)) + owed
    return [
        Tax(title="item and fee tax", amount=plain(owed), liable=liable)
        for liable, owed in sums.items()
        if owed and not totals.withheld
    ]
