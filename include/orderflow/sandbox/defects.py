"""Planted defects: what is wrong with an order on purpose, each kind by its name.

A defect is put into the snapshot, so that every platform shows it in its own spelling; a platform names the kinds that
it cannot show. `outcome` is what a pipeline should do about it: `refuse` the order before it reaches the OMS; `warn`,
where it may pass; or leave it to the `oms`, which alone can know. `codes` are the rules that a refused order breaks,
all of them where one fault implies several; a platform whose documents show a fault otherwise has its own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Literal, NamedTuple, TypeAlias

from msgspec.structs import replace

from orderflow.sandbox.snapshot import Bag, Line, Parcel, Return, Snapshot, stamp

Outcome = Literal["refuse", "warn", "oms"]
Codes: TypeAlias = tuple[str, ...]
Planted: TypeAlias = Codes | Callable[[Snapshot], Codes]
"""Rule codes, where they depend on the state of the spoilt order as a function of it; none: the order may pass."""


class Defect(NamedTuple):
    meaning: str
    outcome: Outcome
    spoil: Callable[[Snapshot, Random], None]
    codes: Planted = ()


def spoil(snap: Snapshot, kind: str, seed: int) -> Snapshot:
    """Put the defect in; the same seed spoils in the same way."""
    DEFECTS[kind].spoil(snap, Random(seed))
    return snap


def codes_of(planted: Planted, snap: Snapshot) -> Codes:
    """The rule codes that stand in quarantine, given the spoilt order."""
    return planted(snap) if callable(planted) else planted


def mispriced(snap: Snapshot) -> list[Line]:
    """The lines whose unit price is no plain amount."""
    prices = [line.unit[0] or "" for line in snap.lines]
    return [
        line for line, price in zip(snap.lines, prices, strict=True) if not (price.isascii() and price[:1].isdigit())
    ]


def with_discount(snap: Snapshot) -> bool:
    """Whether a line whose price was spoilt has a discount, too."""
    return any((line.discount[0] or "").strip("0.") for line in mispriced(snap))


def to_ship(snap: Snapshot) -> bool:
    """Whether goods of the order still wait to be sent."""
    return snap.status in {"pending", "on_hold", "open"} and snap.fulfilment in {"unfulfilled", "partial"}


def _add(bag: Bag, more: str) -> Bag:
    buyer, shop = (f"{Decimal(side) + Decimal(more):f}" if side is not None else None for side in bag)
    return buyer, shop


def _moved(text: str | None, **delta: float) -> str:
    moment = datetime.fromisoformat(text or "2026-01-01T00:00:00Z") + timedelta(**delta)
    return stamp(int(moment.timestamp()))


def _one(snap: Snapshot, random: Random) -> Line:
    """A line to be spoilt: one that counts and has a price, where there is one."""
    good = [line for line in snap.lines if not line.gift and line.quantity != "0"]
    return random.choice(good or snap.lines)


def _totals(snap: Snapshot, change: Callable[[Bag], Bag]) -> None:
    snap.total, snap.ever_total = change(snap.total), change(snap.ever_total)
    snap.current_total = change(snap.current_total)


def _priced(line: Line, change: Callable[[Bag], Bag]) -> None:
    for name in ("unit", "before", "ever_before", "before_net", "net", "whole"):
        setattr(line, name, change(getattr(line, name)))


def _counted(line: Line, text: str) -> None:
    line.ordered = line.ever = line.quantity = line.current = text


def _money_imbalance(snap: Snapshot, _random: Random) -> None:
    _totals(snap, lambda bag: _add(bag, "1"))


def _shop_money_imbalance(snap: Snapshot, random: Random) -> None:
    if snap.currency == snap.shop_currency:
        _money_imbalance(snap, random)
    else:
        _totals(snap, lambda bag: (bag[0], _add(bag, "1")[1]))


def _total_missing(snap: Snapshot, _random: Random) -> None:
    _totals(snap, lambda _: (None, None))


def _quantity_negative(snap: Snapshot, random: Random) -> None:
    _counted(_one(snap, random), "-1")


def _quantity_zero(snap: Snapshot, random: Random) -> None:
    _counted(_one(snap, random), "0")


def _quantity_absurd(snap: Snapshot, random: Random) -> None:
    _counted(_one(snap, random), "9999999")


def _amount_malformed(snap: Snapshot, random: Random) -> None:
    wrong = random.choice(("12,50 kr", "N/A", "1.234,00", "12.50.0"))
    _priced(_one(snap, random), lambda _: (wrong, wrong))


def _amount_empty(snap: Snapshot, random: Random) -> None:
    _priced(_one(snap, random), lambda _: ("", ""))


def _amount_other_digits(snap: Snapshot, random: Random) -> None:
    _priced(_one(snap, random), lambda _: ("٣٤", "٣٤"))


def _amount_too_fine(snap: Snapshot, _random: Random) -> None:
    _totals(snap, _finer)
    snap.tip = _finer(snap.tip)


def _finer(bag: Bag) -> Bag:
    """Half of the smallest coin more."""
    buyer, shop = (None if side is None else f"{side}{'' if '.' in side else '.'}5" for side in bag)
    return buyer, shop


def _amount_absurd(snap: Snapshot, random: Random) -> None:
    _priced(_one(snap, random), lambda _: _ABSURD)
    _totals(snap, lambda _: _ABSURD)


_ABSURD = "123456789012345.67", "123456789012345.67"


def _unit_price_negative(snap: Snapshot, random: Random) -> None:
    _priced(_one(snap, random), lambda bag: (f"-{bag[0]}", f"-{bag[1]}"))


def _currency_unknown(snap: Snapshot, random: Random) -> None:
    snap.currency = random.choice(("ZZZ", "eu", "€", "BTC"))


def _currency_missing(snap: Snapshot, _random: Random) -> None:
    snap.currency = None


def _currency_mixed(snap: Snapshot, random: Random) -> None:
    _one(snap, random).currency = "USD" if snap.currency != "USD" else "GBP"


def _no_lines(snap: Snapshot, random: Random) -> None:
    """An order whose lines cost nothing would add up without them, and be in order once it is done."""
    if not any((line.whole[0] or "").strip("0.") for line in snap.lines):
        _money_imbalance(snap, random)
    snap.lines = []


def _line_ids_duplicate(snap: Snapshot, random: Random) -> None:
    snap.lines.append(replace(_one(snap, random)))


def _sku_empty(snap: Snapshot, random: Random) -> None:
    _one(snap, random).sku = random.choice(("", None))


def _sku_unmapped(snap: Snapshot, random: Random) -> None:
    _one(snap, random).sku = f"UNKNOWN-{random.randrange(1000):03d}"


def _time_future(snap: Snapshot, _random: Random) -> None:
    snap.created_at = snap.processed_at = _moved(snap.created_at, days=400)


def _created_after_modified(snap: Snapshot, _random: Random) -> None:
    snap.created_at = snap.processed_at = _moved(snap.modified_at, minutes=2)


def _time_naive(snap: Snapshot, _random: Random) -> None:
    snap.created_at = snap.created_at.rstrip("Z")


def _time_malformed(snap: Snapshot, random: Random) -> None:
    snap.created_at = snap.processed_at = random.choice(("2026-13-45T99:00:00Z", "0000-00-00T00:00:00Z", "yesterday"))


def _modified_missing(snap: Snapshot, _random: Random) -> None:
    snap.modified_at = None


def _paid_before_created(snap: Snapshot, _random: Random) -> None:
    early = _moved(snap.created_at, days=-40)
    snap.paid_at = early
    for payment in snap.payments:
        payment.at = early


def _status_unknown(snap: Snapshot, _random: Random) -> None:
    snap.status = snap.payment = snap.fulfilment = "teleported"


def _country_unknown(snap: Snapshot, _random: Random) -> None:
    _to_country(snap, "ZZ", "Atlantis")


def _country_blocked(snap: Snapshot, _random: Random) -> None:
    _to_country(snap, "KP", "North Korea")


def _to_country(snap: Snapshot, code: str, name: str) -> None:
    snap.ship_to = replace(snap.ship_to or snap.bill_to, country=code, country_name=name)


def _address_missing(snap: Snapshot, _random: Random) -> None:
    snap.ship_to = None


def _phone_garbage(snap: Snapshot, random: Random) -> None:
    snap.ship_to = replace(snap.ship_to or snap.bill_to, phone=random.choice(("+00 000", "ring me", "12", "0" * 40)))


def _email_garbage(snap: Snapshot, random: Random) -> None:
    snap.email = random.choice(("not-an-address", "a@@b", "@", "x y@z.test", "アリス＠例え.テスト"))


def _cancelled_without_time(snap: Snapshot, _random: Random) -> None:
    snap.cancel_reason = snap.cancel_reason or "customer"
    snap.status, snap.cancelled_at = "cancelled", None


def _refund_exceeds_paid(snap: Snapshot, _random: Random) -> None:
    amount = _add(_more_of(snap.received, snap.total), "100")
    at = snap.modified_at or snap.created_at
    snap.refunds.append(
        Return(number=9001, reason="", at=at, amount=amount, shipping=_ZERO, shipping_tax=_ZERO, units=[])
    )
    snap.refunded = amount
    snap.payment = "refunded"


_ZERO = "0", "0"


def _more_of(one: Bag, other: Bag) -> Bag:
    buyer, shop = (max(pair, key=lambda side: Decimal(side or 0)) for pair in zip(one, other, strict=True))
    return buyer, shop


def _shipped_exceeds_ordered(snap: Snapshot, random: Random) -> None:
    line = _one(snap, random)
    at = snap.modified_at or snap.created_at
    many = str(int(line.ever) + 5)
    parcel = Parcel(
        number=9002, carrier="DHL", tracking="1Z999", at=at, delivered_at=None, units=[(line.line_id, many)]
    )
    snap.parcels.append(parcel)
    line.shipped = many
    if snap.fulfilment == "unfulfilled":
        snap.fulfilment = "fulfilled"


def _tax_rate_absurd(snap: Snapshot, random: Random) -> None:
    snap.tax_rate = random.choice(("9.99", "-0.25", "25"))


def _tax_negative(snap: Snapshot, random: Random) -> None:
    _money_imbalance(snap, random)
    snap.tax = snap.lines_tax = snap.ever_tax = snap.current_tax = (f"-{snap.tax[0]}1", f"-{snap.tax[1]}1")


def _discount_exceeds_line(snap: Snapshot, random: Random) -> None:
    line = _one(snap, random)
    line.discount, line.ever_own = _add(line.before, "10"), _add(line.ever_before, "10")
    line.net = line.whole = ("-10", "-10")


def _order_number_missing(snap: Snapshot, _random: Random) -> None:
    snap.number = None


def _control_characters(snap: Snapshot, random: Random) -> None:
    line = _one(snap, random)
    line.title = f"{line.title}\x00\x07\x1b[31m"
    snap.note = f"\x08{snap.note}\x7f"


def _text_overlong(snap: Snapshot, random: Random) -> None:
    _one(snap, random).title = "很長" * 2_500


DEFECTS: dict[str, Defect] = {
    "money_imbalance": Defect(
        "the parts do not add up to the total", "refuse", _money_imbalance, ("GRAND_TOTAL_MISMATCH",)
    ),
    "shop_money_imbalance": Defect(
        "... in the shop's own currency", "refuse", _shop_money_imbalance, ("GRAND_TOTAL_MISMATCH",)
    ),
    "total_missing": Defect("the order has no total", "refuse", _total_missing, ("GRAND_TOTAL_MISSING",)),
    "quantity_negative": Defect(
        "a line counts -1", "refuse", _quantity_negative, ("LINE_EQUATION", "QUANTITY_NEGATIVE")
    ),
    "quantity_zero": Defect("a line was ordered 0 times", "refuse", _quantity_zero, ("LINE_EQUATION",)),
    "quantity_absurd": Defect(
        "a line counts 9,999,999", "refuse", _quantity_absurd, ("LINE_EQUATION", "QUANTITY_HUGE")
    ),
    "amount_malformed": Defect("an amount is no number", "refuse", _amount_malformed, ("AMOUNT_MALFORMED",)),
    "amount_empty": Defect("an amount is empty", "refuse", _amount_empty, ("LINE_TOTAL_MISSING",)),
    "amount_other_digits": Defect(
        "an amount in digits that are not 0 to 9", "refuse", _amount_other_digits, ("AMOUNT_MALFORMED",)
    ),
    "amount_too_fine": Defect(
        "an amount is finer than its currency", "refuse", _amount_too_fine, ("GRAND_TOTAL_TOO_FINE",)
    ),
    "amount_absurd": Defect("an amount is too large to be true", "refuse", _amount_absurd, ("AMOUNT_OUT_OF_RANGE",)),
    "unit_price_negative": Defect(
        "a price is below zero",
        "refuse",
        _unit_price_negative,
        ("GRAND_TOTAL_MISMATCH", "LINE_TOTAL_NEGATIVE", "UNIT_PRICE_NEGATIVE"),
    ),
    "currency_unknown": Defect("no such currency", "refuse", _currency_unknown, ("CURRENCY_UNKNOWN",)),
    "currency_missing": Defect("the order has no currency", "refuse", _currency_missing, ("CURRENCY_MISSING",)),
    "currency_mixed": Defect("one line is in another currency", "refuse", _currency_mixed, ("CURRENCY_MIXED",)),
    "no_lines": Defect("the order is empty", "refuse", _no_lines, ("LINES_MISSING",)),
    "line_ids_duplicate": Defect(
        "two lines have the same id", "refuse", _line_ids_duplicate, ("GRAND_TOTAL_MISMATCH", "LINE_ID_DUPLICATE")
    ),
    "sku_empty": Defect("a line does not say what it is", "refuse", _sku_empty, ("SKU_MISSING",)),
    "sku_unmapped": Defect("nobody knows the SKU", "oms", _sku_unmapped),
    "time_future": Defect("created 400 days from its time", "refuse", _time_future, ("TIME_IN_FUTURE",)),
    "created_after_modified": Defect("modified before it was created", "warn", _created_after_modified),
    "time_naive": Defect("a time does not say its zone", "warn", _time_naive),
    "time_malformed": Defect("a time is no time", "refuse", _time_malformed, ("TIME_MALFORMED",)),
    "modified_missing": Defect("no modified time", "refuse", _modified_missing, ("UPDATED_AT_MISSING",)),
    "paid_before_created": Defect("paid 40 days before it was placed", "warn", _paid_before_created),
    "status_unknown": Defect("a status that nobody documented", "refuse", _status_unknown, ("STATUS_UNKNOWN",)),
    "country_unknown": Defect("no such country", "refuse", _country_unknown, ("COUNTRY_UNKNOWN",)),
    "country_blocked": Defect("a country the OMS does not send to", "oms", _country_blocked),
    "address_missing": Defect(
        "nowhere to send it", "refuse", _address_missing, lambda snap: ("SHIP_TO_MISSING",) if to_ship(snap) else ()
    ),
    "phone_garbage": Defect("nobody can be called there", "warn", _phone_garbage),
    "email_garbage": Defect("nobody can be written to there", "warn", _email_garbage),
    "cancelled_without_time": Defect("cancelled, but never", "warn", _cancelled_without_time),
    "refund_exceeds_paid": Defect(
        "more given back than was paid", "refuse", _refund_exceeds_paid, ("REFUNDED_TOO_MUCH",)
    ),
    "shipped_exceeds_ordered": Defect("more sent than was ordered", "warn", _shipped_exceeds_ordered),
    "tax_rate_absurd": Defect("a tax rate out of this world", "warn", _tax_rate_absurd),
    "tax_negative": Defect(
        "a negative tax, and a wrong total", "refuse", _tax_negative, ("GRAND_TOTAL_MISMATCH", "TAX_NEGATIVE")
    ),
    "discount_exceeds_line": Defect(
        "a discount larger than its line",
        "refuse",
        _discount_exceeds_line,
        ("GRAND_TOTAL_MISMATCH", "LINE_TOTAL_NEGATIVE"),
    ),
    "order_number_missing": Defect("no order number", "warn", _order_number_missing),
    "control_characters": Defect("control characters in texts", "warn", _control_characters),
    "text_overlong": Defect("a title of 5,000 characters", "warn", _text_overlong),
}
