"""What each planted defect does to an order: a function per kind, named as in `DEFECTS`, which changes the snapshot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from msgspec.structs import replace

from orderflow.sandbox.snapshot import Bag, Line, Parcel, Return, Snapshot, stamp


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


def money_imbalance(snap: Snapshot, _random: Random) -> None:
    _totals(snap, lambda bag: _add(bag, "1"))


def shop_money_imbalance(snap: Snapshot, random: Random) -> None:
    if snap.currency == snap.shop_currency:
        money_imbalance(snap, random)
    else:
        _totals(snap, lambda bag: (bag[0], _add(bag, "1")[1]))


def total_missing(snap: Snapshot, _random: Random) -> None:
    _totals(snap, lambda _: (None, None))


def quantity_negative(snap: Snapshot, random: Random) -> None:
    _counted(_one(snap, random), "-1")


def quantity_zero(snap: Snapshot, random: Random) -> None:
    _counted(_one(snap, random), "0")


def quantity_absurd(snap: Snapshot, random: Random) -> None:
    _counted(_one(snap, random), "9999999")


def amount_malformed(snap: Snapshot, random: Random) -> None:
    wrong = random.choice(("12,50 kr", "N/A", "1.234,00", "12.50.0"))
    _priced(_one(snap, random), lambda _: (wrong, wrong))


def amount_empty(snap: Snapshot, random: Random) -> None:
    _priced(_one(snap, random), lambda _: ("", ""))


def amount_other_digits(snap: Snapshot, random: Random) -> None:
    _priced(_one(snap, random), lambda _: ("٣٤", "٣٤"))


def amount_too_fine(snap: Snapshot, _random: Random) -> None:
    _totals(snap, _finer)
    snap.tip = _finer(snap.tip)


def _finer(bag: Bag) -> Bag:
    """Half of the smallest coin more."""
    buyer, shop = (None if side is None else f"{side}{'' if '.' in side else '.'}5" for side in bag)
    return buyer, shop


def amount_absurd(snap: Snapshot, random: Random) -> None:
    _priced(_one(snap, random), lambda _: _ABSURD)
    _totals(snap, lambda _: _ABSURD)


_ABSURD = "123456789012345.67", "123456789012345.67"


def unit_price_negative(snap: Snapshot, random: Random) -> None:
    _priced(_one(snap, random), lambda bag: (f"-{bag[0]}", f"-{bag[1]}"))


def currency_unknown(snap: Snapshot, random: Random) -> None:
    snap.currency = random.choice(("ZZZ", "eu", "€", "BTC"))


def currency_missing(snap: Snapshot, _random: Random) -> None:
    snap.currency = None


def currency_mixed(snap: Snapshot, random: Random) -> None:
    _one(snap, random).currency = "USD" if snap.currency != "USD" else "GBP"


def no_lines(snap: Snapshot, random: Random) -> None:
    """An order whose lines cost nothing would add up without them, and be in order once it is done."""
    if not any((line.whole[0] or "").strip("0.") for line in snap.lines):
        money_imbalance(snap, random)
    snap.lines = []


def line_ids_duplicate(snap: Snapshot, random: Random) -> None:
    snap.lines.append(replace(_one(snap, random)))


def sku_empty(snap: Snapshot, random: Random) -> None:
    _one(snap, random).sku = random.choice(("", None))


def sku_unmapped(snap: Snapshot, random: Random) -> None:
    _one(snap, random).sku = f"UNKNOWN-{random.randrange(1000):03d}"


def time_future(snap: Snapshot, _random: Random) -> None:
    snap.created_at = snap.processed_at = _moved(snap.created_at, days=400)


def created_after_modified(snap: Snapshot, _random: Random) -> None:
    snap.created_at = snap.processed_at = _moved(snap.modified_at, minutes=2)


def time_naive(snap: Snapshot, _random: Random) -> None:
    snap.created_at = snap.created_at.rstrip("Z")


def time_malformed(snap: Snapshot, random: Random) -> None:
    snap.created_at = snap.processed_at = random.choice(("2026-13-45T99:00:00Z", "2026-02-30T00:00:00Z", "yesterday"))


def modified_missing(snap: Snapshot, _random: Random) -> None:
    snap.modified_at = None


def paid_before_created(snap: Snapshot, _random: Random) -> None:
    early = _moved(snap.created_at, days=-40)
    snap.paid_at = early
    for payment in snap.payments:
        payment.at = early


def status_unknown(snap: Snapshot, _random: Random) -> None:
    snap.status = snap.payment = snap.fulfilment = "teleported"


def country_unknown(snap: Snapshot, _random: Random) -> None:
    _to_country(snap, "ZZ", "Atlantis")


def country_blocked(snap: Snapshot, _random: Random) -> None:
    _to_country(snap, "KP", "North Korea")


def _to_country(snap: Snapshot, code: str, name: str) -> None:
    snap.ship_to = replace(snap.ship_to or snap.bill_to, country=code, country_name=name)


def address_missing(snap: Snapshot, _random: Random) -> None:
    snap.ship_to = None


def phone_garbage(snap: Snapshot, random: Random) -> None:
    snap.ship_to = replace(snap.ship_to or snap.bill_to, phone=random.choice(("+00 000", "ring me", "12", "0" * 40)))


def email_garbage(snap: Snapshot, random: Random) -> None:
    snap.email = random.choice(("not-an-address", "a@@b", "@", "x y@z.test", "アリス＠例え.テスト"))


def cancelled_without_time(snap: Snapshot, _random: Random) -> None:
    snap.cancel_reason = snap.cancel_reason or "customer"
    snap.status, snap.cancelled_at = "cancelled", None


def refund_exceeds_paid(snap: Snapshot, _random: Random) -> None:
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


def shipped_exceeds_ordered(snap: Snapshot, random: Random) -> None:
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


def tax_rate_absurd(snap: Snapshot, random: Random) -> None:
    snap.tax_rate = random.choice(("9.99", "-0.25", "25"))


def tax_negative(snap: Snapshot, random: Random) -> None:
    money_imbalance(snap, random)
    snap.tax = snap.lines_tax = snap.ever_tax = snap.current_tax = (f"-{snap.tax[0]}1", f"-{snap.tax[1]}1")


def discount_exceeds_line(snap: Snapshot, random: Random) -> None:
    line = _one(snap, random)
    line.discount, line.ever_own = _add(line.before, "10"), _add(line.ever_before, "10")
    line.net = line.whole = ("-10", "-10")


def order_number_missing(snap: Snapshot, _random: Random) -> None:
    snap.number = None


def control_characters(snap: Snapshot, random: Random) -> None:
    line = _one(snap, random)
    line.title = f"{line.title}\x00\x07\x1b[31m"
    snap.note = f"\x08{snap.note}\x7f"


def text_overlong(snap: Snapshot, random: Random) -> None:
    _one(snap, random).title = "很長" * 2_500
