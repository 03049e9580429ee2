"""Planted defects: for every rule an order (or raw record) that breaks that rule and no other."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable

from defective_orders import (
    at,
    bare,
    cancelled,
    contact,
    fractional,
    free,
    grown,
    huge,
    line_too_fine,
    lines_gone,
    more_discount,
    moved,
    negative_line,
    negative_line_discount,
    negative_unit_price,
    nothing_ordered,
    refunded,
    rounded,
    shares_its_number,
    shipped,
    too_fine,
    two_sets,
    with_charge,
    with_discount,
)

from good_orders import order, with_line, with_part
from orderflow.domain.order import Contact, Order, Payment, Refund, Tax
from orderflow.quality.rules import RULES, TOPICS

Defect = Callable[[int], Order | bytes | list[Order]]


def record(**raw: object) -> bytes:
    return json.dumps(raw).encode()


FOUND_BY_MAPPINGS = {
    code for code, rule in RULES.items() if not rule.waivable and rule not in TOPICS["Storing and delivery"]
} - {
    "RECORD_MALFORMED",
    "MAPPING_FAILED",
    "ORDER_ID_MISSING",
    "TYPE_WRONG",
}
"""What only an adapter can tell; here the test's own does as it is told."""


def refused_by_mapping(code: str, number: int) -> bytes:
    return record(refuse=code, value=f"x{number}")


DEFECTS: dict[str, Defect] = {
    "RECORD_MALFORMED": lambda n: b'{"order_id": "A%d", "lines": [' % n,
    "MAPPING_FAILED": lambda n: record(order_id=f"A{n}", crash="secret buyer"),
    "ORDER_ID_MISSING": lambda n: record(order_id="  "),
    "TYPE_WRONG": lambda n: record(wrong=5),
    **{code: functools.partial(refused_by_mapping, code) for code in FOUND_BY_MAPPINGS},
    "AMOUNT_MALFORMED": lambda n: with_line(order(n), discount="1,50"),
    "AMOUNT_TOO_FINE": lambda n: with_line(order(n), 1, tax="0.1234567"),
    "AMOUNT_OUT_OF_RANGE": lambda n: order(n, items_total="1000000000001"),
    "TIME_MALFORMED": lambda n: order(n, closed_at="01/03/2026"),
    "TIME_AMBIGUOUS": lambda n: order(n, closed_at="2025-11-02T01:30:00", placed_at=at(days=200), paid_at=at(days=200)),
    "IDENTIFIER_TOO_LONG": lambda n: order(n, order_number="9" * 201),
    "TEST_ORDER": lambda n: order(n, is_test=True),
    "ORDER_STATUS_UNKNOWN": lambda n: order(n, order_status="OPEN?"),
    "PAYMENT_STATUS_UNKNOWN": lambda n: order(n, payment_status="已付款"),
    "FULFILMENT_STATUS_UNKNOWN": lambda n: order(n, fulfilment_status=""),
    "RETURN_STATUS_UNKNOWN": lambda n: order(n, return_status="maybe"),
    "MASKING_UNKNOWN": lambda n: order(n, masking="oaid"),
    "LINES_MISSING": lines_gone,
    "CURRENCY_MISSING": lambda n: order(n, currency=None),
    "CURRENCY_UNKNOWN": lambda n: order(n, currency="RMB"),
    "SHOP_CURRENCY_MISSING": lambda n: two_sets(n, shop_currency=None),
    "GRAND_TOTAL_MISSING": lambda n: order(n, grand_total=None),
    "PLACED_AT_MISSING": lambda n: order(n, placed_at=None),
    "UPDATED_AT_MISSING": lambda n: order(n, channel_updated_at=None),
    "ORDER_NUMBER_DUPLICATE": shares_its_number,
    "CHARGE_KIND_UNKNOWN": lambda n: with_charge(n, kind="freight"),
    "DISCOUNT_KIND_UNKNOWN": lambda n: with_part(order(n), "discounts", kind="voucher"),
    "FUNDER_UNKNOWN": lambda n: with_part(order(n), "discounts", funded_by="bank"),
    "TAX_LIABLE_UNKNOWN": lambda n: with_part(order(n), "taxes", liable="buyer"),
    "PAYMENT_KIND_UNKNOWN": lambda n: order(
        n, payments=[*order(n).payments, Payment(payment_id="x", kind="transfer", amount="1")]
    ),
    "PAYMENT_RESULT_UNKNOWN": lambda n: order(
        n, payments=[*order(n).payments, Payment(payment_id="x", status="maybe", amount="1")]
    ),
    "LINE_KIND_UNKNOWN": lambda n: with_line(order(n), kind="sample"),
    "LINE_NUMBER_WRONG": lambda n: with_line(order(n), 1, number=1),
    "LINE_ID_DUPLICATE": lambda n: with_line(order(n), 1, line_id=order(n).lines[0].line_id),
    "PARENT_LINE_UNKNOWN": lambda n: with_line(order(n), 1, kind="bundle_child", parent_line_id="nowhere"),
    "SKU_MISSING": lambda n: with_line(order(n), sku=None),
    "SKU_UNMAPPED": lambda n: with_line(order(n), sku="NEW-1"),
    "CODE_INVISIBLE": lambda n: with_line(order(n), sku="SKU\u200b-001"),
    "GTIN_WRONG": lambda n: with_line(order(n), gtin="4006381333932"),
    "TITLE_MISSING": lambda n: with_line(order(n), title=" \u200b "),
    "TITLE_TOO_LONG": lambda n: with_line(order(n), title="茶" * 1001),
    "QUANTITY_MISSING": lambda n: with_line(order(n), quantity=None),
    "QUANTITY_NEGATIVE": lambda n: with_line(order(n), quantity_returned="-1"),
    "QUANTITY_FRACTIONAL": fractional,
    "QUANTITY_HUGE": huge,
    "NOTHING_ORDERED": nothing_ordered,
    "FULFILLED_TOO_MANY": lambda n: with_line(order(n), quantity_fulfilled="99"),
    "RETURNED_TOO_MANY": lambda n: with_line(order(n), quantity_returned="99"),
    "SHIPMENT_LINE_UNKNOWN": lambda n: shipped(n, lines=[("nowhere", "1")]),
    "REFUND_LINE_UNKNOWN": lambda n: with_part(refunded(n), "refunds", lines=[("nowhere", "1")]),
    "SHIPPED_TOO_MANY": lambda n: shipped(n, lines=[(f"{n}-1", "99")]),
    "REFUNDED_TOO_MANY": lambda n: with_part(refunded(n), "refunds", lines=[(f"{n}-1", "99")]),
    "SHIPMENT_ID_DUPLICATE": lambda n: moved(shipped(n), shipments=[shipped(n, lines=[]).shipments[0]] * 2),
    "GRAND_TOTAL_MISMATCH": lambda n: grown(order(n), 1),
    "GRAND_TOTAL_NEGATIVE": lambda n: bare(n, grand_total="-1"),
    "GRAND_TOTAL_TOO_FINE": too_fine,
    "LINE_TOTAL_MISSING": lambda n: with_line(order(n), total=None),
    "LINE_TOTAL_NEGATIVE": negative_line,
    "LINE_TOTAL_TOO_FINE": line_too_fine,
    "LINE_EQUATION": lambda n: with_line(order(n), 1, unit_price="9999.99"),
    "UNIT_PRICE_NEGATIVE": negative_unit_price,
    "CHARGE_TOTAL_MISSING": lambda n: with_part(order(n), "charges", total=None),
    "CHARGE_EQUATION": lambda n: with_charge(n, discount="3"),
    "CHARGE_NEGATIVE": lambda n: grown(moved(with_charge(n, amount="-5", total="-5"), charge_total="44.00"), -500),
    "DISCOUNT_NEGATIVE": negative_line_discount,
    "DISCOUNT_OVERALLOCATED": lambda n: with_discount(n, 100, 150, 50),
    "DISCOUNT_UNALLOCATED": more_discount,
    "ITEMS_TOTAL_MISMATCH": lambda n: order(n, items_total="1.00"),
    "CHARGES_TOTAL_MISMATCH": lambda n: order(n, charge_total="48.99"),
    "DISCOUNT_TOTAL_MISMATCH": lambda n: order(n, discount_total="77.00"),
    "TAX_TOTAL_MISMATCH": lambda n: with_part(order(n), "taxes", amount="0.01"),
    "TAX_NEGATIVE": lambda n: moved(order(n), taxes=[*order(n).taxes, Tax(amount="-1"), Tax(amount="1")]),
    "TAX_RATE_IMPLAUSIBLE": lambda n: with_part(order(n), "taxes", rate="25"),
    "ROUNDING_LARGE": rounded,
    "FREE_WITHOUT_DISCOUNT": free,
    "SHOP_AMOUNTS_INCOMPLETE": lambda n: with_line(two_sets(n), shop_total=None),
    "SETS_DIFFER": lambda n: two_sets(n, shop_currency="EUR"),
    "PAYMENT_NEGATIVE": lambda n: order(
        n, payments=[*order(n).payments, Payment(payment_id="x", status="failure", amount="-1")]
    ),
    "PAYMENT_ID_DUPLICATE": lambda n: order(n, payments=[*order(n).payments, Payment(payment_id=f"P{n}", amount="0")]),
    "PAYMENTS_MISMATCH": lambda n: with_part(order(n), "payments", amount="1"),
    "PAID_TOO_LITTLE": lambda n: with_part(order(n, paid="1"), "payments", amount="1"),
    "PAID_TOO_MUCH": lambda n: with_part(order(n, paid="9999"), "payments", amount="9999"),
    "PAID_BUT_UNPAID": lambda n: order(n, payment_status="unpaid"),
    "REFUND_NEGATIVE": lambda n: moved(
        refunded(n),
        refunds=[*refunded(n).refunds, Refund(refund_id="x", amount="-1"), Refund(refund_id="y", amount="1")],
    ),
    "REFUND_ID_DUPLICATE": lambda n: refunded(n, 200, refunds=[Refund(refund_id="R", amount="1.00")] * 2),
    "REFUNDED_TOO_MUCH": lambda n: refunded(n, 9_999_900),
    "REFUNDS_MISMATCH": lambda n: refunded(n, refunded="1.50"),
    "TIME_IN_FUTURE": lambda n: order(n, channel_updated_at=at(minutes=-6)),
    "TIME_IMPLAUSIBLE": lambda n: order(n, channel_created_at="1970-01-01T00:00:00Z"),
    "EVENT_IN_FUTURE": lambda n: with_part(order(n), "payments", at=at(minutes=-6)),
    "UPDATED_BEFORE_CREATED": lambda n: order(n, channel_created_at=at(minutes=1)),
    "PLACED_AFTER_UPDATED": lambda n: order(n, placed_at=at(minutes=1), paid_at=at(minutes=1)),
    "ENDED_BEFORE_PLACED": lambda n: order(n, paid_at=at(hours=12)),
    "SHIPPED_BEFORE_PLACED": lambda n: shipped(n, shipped_at=at(hours=12)),
    "DELIVERED_BEFORE_SHIPPED": lambda n: shipped(n, delivered_at=at(minutes=31)),
    "SHIP_BY_BEFORE_PLACED": lambda n: with_line(order(n), ship_by=at(hours=48)),
    "DELIVER_BY_BEFORE_SHIP_BY": lambda n: with_line(order(n), ship_by=at(hours=-72), deliver_by=at(hours=-24)),
    "CANCELLED_BUT_OPEN": lambda n: order(n, cancelled_at=at(minutes=20)),
    "CANCELLED_WITHOUT_TIME": lambda n: cancelled(n, cancelled_at=None),
    "CANCELLED_BUT_SHIPPED": lambda n: moved(shipped(n), order_status="cancelled", cancelled_at=at(minutes=20)),
    "UNFULFILLED_BUT_SHIPPED": lambda n: moved(shipped(n), order_status="open", fulfilment_status="unfulfilled"),
    "RETURNED_BUT_UNFULFILLED": lambda n: order(n, return_status="in_transit"),
    "REFUNDED_WITHOUT_REFUND": lambda n: order(n, payment_status="partially_refunded"),
    "REFUND_WITHOUT_STATUS": lambda n: refunded(n, payment_status="paid"),
    "FULLY_REFUNDED_IN_PART": lambda n: refunded(n, payment_status="refunded"),
    "HOLD_WITHOUT_REASON": lambda n: order(n, order_status="on_hold"),
    "CONTACT_ROLE_UNKNOWN": lambda n: record(role=n),
    "CONTACT_ROLE_DUPLICATE": lambda n: moved(
        order(n), contacts=[*order(n).contacts, Contact(role="bill_to", name="X")]
    ),
    "MASK_UNDECLARED": lambda n: contact(n, phone="070****567"),
    "SHIP_TO_MISSING": lambda n: moved(order(n), contacts=order(n).contacts[1:]),
    "COUNTRY_UNKNOWN": lambda n: contact(n, country="Atlantis", phone="+46701234567"),
    "COUNTRY_MISSING": lambda n: contact(n, country=None, postal_code=None, phone="+46701234567"),
    "RECIPIENT_MISSING": lambda n: contact(n, name=" "),
    "ADDRESS_INCOMPLETE": lambda n: contact(n, address=["", "\u3000"]),
    "POSTAL_CODE_WRONG": lambda n: contact(n, postal_code="SE-11122-9"),
    "PHONE_WRONG": lambda n: contact(n, phone="call me maybe"),
    "EMAIL_WRONG": lambda n: contact(n, email="buyer.example.com"),
}
