"""Allowances, charges (SAC) and taxes (TXI) of an order or of one of its lines.

SAC05 is of type N2: its decimal point is implied, `1290` is 12.90. Handling codes (element 331):
https://zenbridge.io/edi-dictionary/X12/4060/180-return-merchandise-authorization-and-notification/segment/SAC-800/element/331-12
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from orderflow.adapters.edi.history import rounded, text
from orderflow.adapters.edi_x12.syntax import element
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Charge, Discount, Tax

_NOT_PAID_HERE = {"01", "03", "04", "05", "07", "09", "10", "11", "12", "15"}
"""Handling codes of money that does not move with this order: bill back, cheque or credit later, optional, denied."""

_SHIPPING = {"D240", "G821", "G830"}
"""Element 1300: freight, shipping, shipping and handling."""


@dataclass(slots=True)
class Found:
    discounts: list[Discount] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)
    taxes: list[Tax] = field(default_factory=list)

    @property
    def allowance(self) -> str | None:
        """The sum of the allowances, or None when there is none."""
        return _sum(each.amount for each in self.discounts)

    @property
    def tax(self) -> str | None:
        """The sum of the taxes, or None when none states its amount."""
        return _sum(each.amount for each in self.taxes)


def _sum(amounts: Iterable[str | None]) -> str | None:
    told = [Decimal(amount) for amount in amounts if amount]
    return text(sum(told, Decimal(0))) if told else None


def read(segments: Sequence[Sequence[str]], currency: str | None, base: Decimal | None = None) -> Found:
    """The allowances, charges and taxes among `segments`; percentages without amounts are of `base`."""
    found = Found()
    for segment in segments:
        if segment[0] == "TXI":
            percent = element(segment, 3)
            found.taxes.append(
                Tax(
                    title=element(segment, 1),
                    jurisdiction=element(segment, 5) or None,
                    rate=text(Decimal(percent) / 100) if percent else None,
                    amount=element(segment, 2) or None,
                )
            )
        elif segment[0] == "ITA" and element(segment, 1) in ("A", "C"):
            raise RecordError(
                "CODE_UNKNOWN",
                "ITA",
                element(segment, 1),
                "allowances and charges are read from SAC; ask the sender for it",
            )
        elif segment[0] == "SAC" and element(segment, 12) not in _NOT_PAID_HERE:
            _allowance_or_charge(segment, currency, base, found)
    return found


def _allowance_or_charge(segment: Sequence[str], currency: str | None, base: Decimal | None, found: Found) -> None:
    what, code, title = element(segment, 1), element(segment, 2) or None, element(segment, 15) or None
    if what in ("N", "Q", "R", "S"):
        return
    if what not in ("A", "P", "C"):
        raise RecordError(
            "CODE_UNKNOWN", "SAC01", what, "an allowance is A or P, a charge C, a request or service N, Q, R or S"
        )
    amount = text(_amount(segment, currency, base))
    if what == "C":
        kind = "shipping" if code in _SHIPPING else "surcharge"
        found.charges.append(Charge(kind=kind, charge_id=code, title=title, amount=amount, total=amount))
    else:
        found.discounts.append(Discount(kind="automatic", code=code, title=title, funded_by="seller", amount=amount))


def _amount(segment: Sequence[str], currency: str | None, base: Decimal | None) -> Decimal:
    """SAC05 with its implied decimals, else rate x quantity, else the percentage of `base`."""
    if amount := element(segment, 5):
        return Decimal(int(amount)).scaleb(-2)
    rate, quantity, percent = (element(segment, number) for number in (8, 10, 7))
    if rate and quantity:
        return rounded(Decimal(rate) * Decimal(quantity), currency)
    if percent and base is not None:
        return rounded(base * Decimal(percent) / 100, currency)
    raise RecordError(
        "AMOUNT_MISSING",
        "SAC05",
        None,
        "an allowance or charge states its amount, its rate and quantity, or its percentage",
    )
