"""Planted defects: what is wrong with an order on purpose, each kind by its name.

A defect is put into the snapshot, so that every platform shows it in its own spelling; a platform names the kinds that
it cannot show. `outcome` is what a pipeline should do about it: `refuse` the order before it reaches the OMS; `warn`,
where it may pass; or leave it to the `oms`, which alone can know. `codes` are the rules that a refused order breaks,
all of them where one fault implies several; a platform whose documents show a fault otherwise has its own.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Literal, NamedTuple, TypeAlias

from orderflow.sandbox import spoiling
from orderflow.sandbox.snapshot import Line, Snapshot

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
    """Whether goods of the order are to be sent now."""
    return snap.status == "open" and snap.fulfilment in {"unfulfilled", "partial"}


DEFECTS: dict[str, Defect] = {
    "money_imbalance": Defect(
        "the parts do not add up to the total", "refuse", spoiling.money_imbalance, ("GRAND_TOTAL_MISMATCH",)
    ),
    "shop_money_imbalance": Defect(
        "... in the shop's own currency", "refuse", spoiling.shop_money_imbalance, ("GRAND_TOTAL_MISMATCH",)
    ),
    "total_missing": Defect("the order has no total", "refuse", spoiling.total_missing, ("GRAND_TOTAL_MISSING",)),
    "quantity_negative": Defect(
        "a line counts -1", "refuse", spoiling.quantity_negative, ("LINE_EQUATION", "QUANTITY_NEGATIVE")
    ),
    "quantity_zero": Defect("a line was ordered 0 times", "refuse", spoiling.quantity_zero, ("LINE_EQUATION",)),
    "quantity_absurd": Defect(
        "a line counts 9,999,999", "refuse", spoiling.quantity_absurd, ("LINE_EQUATION", "QUANTITY_HUGE")
    ),
    "amount_malformed": Defect("an amount is no number", "refuse", spoiling.amount_malformed, ("AMOUNT_MALFORMED",)),
    "amount_empty": Defect("an amount is empty", "refuse", spoiling.amount_empty, ("LINE_TOTAL_MISSING",)),
    "amount_other_digits": Defect(
        "an amount in digits that are not 0 to 9", "refuse", spoiling.amount_other_digits, ("AMOUNT_MALFORMED",)
    ),
    "amount_too_fine": Defect(
        "an amount is finer than its currency", "refuse", spoiling.amount_too_fine, ("GRAND_TOTAL_TOO_FINE",)
    ),
    "amount_absurd": Defect(
        "an amount is too large to be true", "refuse", spoiling.amount_absurd, ("AMOUNT_OUT_OF_RANGE",)
    ),
    "unit_price_negative": Defect(
        "a price is below zero",
        "refuse",
        spoiling.unit_price_negative,
        ("GRAND_TOTAL_MISMATCH", "LINE_TOTAL_NEGATIVE", "UNIT_PRICE_NEGATIVE"),
    ),
    "currency_unknown": Defect("no such currency", "refuse", spoiling.currency_unknown, ("CURRENCY_UNKNOWN",)),
    "currency_missing": Defect("the order has no currency", "refuse", spoiling.currency_missing, ("CURRENCY_MISSING",)),
    "currency_mixed": Defect("one line is in another currency", "refuse", spoiling.currency_mixed, ("CURRENCY_MIXED",)),
    "no_lines": Defect("the order is empty", "refuse", spoiling.no_lines, ("LINES_MISSING",)),
    "line_ids_duplicate": Defect(
        "two lines have the same id",
        "refuse",
        spoiling.line_ids_duplicate,
        ("GRAND_TOTAL_MISMATCH", "LINE_ID_DUPLICATE"),
    ),
    "sku_empty": Defect("a line does not say what it is", "refuse", spoiling.sku_empty, ("SKU_MISSING",)),
    "sku_unmapped": Defect("nobody knows the SKU", "oms", spoiling.sku_unmapped),
    "time_future": Defect("created 400 days from its time", "refuse", spoiling.time_future, ("TIME_IN_FUTURE",)),
    "created_after_modified": Defect("modified before it was created", "warn", spoiling.created_after_modified),
    "time_naive": Defect("a time does not say its zone", "warn", spoiling.time_naive),
    "time_malformed": Defect("a time is no time", "refuse", spoiling.time_malformed, ("TIME_MALFORMED",)),
    "modified_missing": Defect("no modified time", "refuse", spoiling.modified_missing, ("UPDATED_AT_MISSING",)),
    "paid_before_created": Defect("paid 40 days before it was placed", "warn", spoiling.paid_before_created),
    "status_unknown": Defect("a status that nobody documented", "refuse", spoiling.status_unknown, ("STATUS_UNKNOWN",)),
    "country_unknown": Defect("no such country", "refuse", spoiling.country_unknown, ("COUNTRY_UNKNOWN",)),
    "country_blocked": Defect("a country the OMS does not send to", "oms", spoiling.country_blocked),
    "address_missing": Defect(
        "nowhere to send it",
        "refuse",
        spoiling.address_missing,
        lambda snap: ("SHIP_TO_MISSING",) if to_ship(snap) else (),
    ),
    "phone_garbage": Defect("nobody can be called there", "warn", spoiling.phone_garbage),
    "email_garbage": Defect("nobody can be written to there", "warn", spoiling.email_garbage),
    "cancelled_without_time": Defect("cancelled, but never", "warn", spoiling.cancelled_without_time),
    "refund_exceeds_paid": Defect(
        "more given back than was paid", "refuse", spoiling.refund_exceeds_paid, ("REFUNDED_TOO_MUCH",)
    ),
    "shipped_exceeds_ordered": Defect("more sent than was ordered", "warn", spoiling.shipped_exceeds_ordered),
    "tax_rate_absurd": Defect("a tax rate out of this world", "warn", spoiling.tax_rate_absurd),
    "tax_negative": Defect(
        "a negative tax, and a wrong total", "refuse", spoiling.tax_negative, ("GRAND_TOTAL_MISMATCH", "TAX_NEGATIVE")
    ),
    "discount_exceeds_line": Defect(
        "a discount larger than its line",
        "refuse",
        spoiling.discount_exceeds_line,
        ("GRAND_TOTAL_MISMATCH", "LINE_TOTAL_NEGATIVE"),
    ),
    "order_number_missing": Defect("no order number", "warn", spoiling.order_number_missing),
    "control_characters": Defect("control characters in texts", "warn", spoiling.control_characters),
    "text_overlong": Defect("a title of 5,000 characters", "warn", spoiling.text_overlong),
}
