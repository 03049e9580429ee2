"""Good orders with one thing changed, and orders with one thing wrong that their money explains."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from good_orders import FETCHED, order, shipment, with_part
from orderflow.domain.order import Charge, Discount, Line, Order, Refund


def at(**passed: float) -> str:
    """A time that lies so long before the moment of fetching; a negative one lies after it."""
    return (FETCHED - timedelta(**passed)).isoformat()


def euros(text: str | None) -> int:
    return round(float(text or 0) * 100)


def text(cents: int) -> str:
    return f"{cents / 100:.2f}"


def refunded(number: int, cents: int | None = None, **changes: object) -> Order:
    """A good order of which some money was given back."""
    good = order(number)
    cents = 100 if cents is None else cents
    fields = {
        "payment_status": "partially_refunded",
        "refunded": text(cents),
        "refunds": [Refund(refund_id="R1", amount=text(cents), at=at(minutes=20))],
    }
    return msgspec.structs.replace(good, **(fields | changes))


def cancelled(number: int, **changes: object) -> Order:
    fields = {"order_status": "cancelled", "cancelled_at": at(minutes=20), "cancel_reason": "customer"}
    return order(number, **(fields | changes))


def two_sets(number: int, rate: int = 11, **changes: object) -> Order:
    """A good order that tells all amounts a second time, in kronor."""
    good = order(number)

    def times(amount: str | None) -> str | None:
        return None if amount is None else text(euros(amount) * rate)

    def both(part: msgspec.Struct, *names: str) -> msgspec.Struct:
        return msgspec.structs.replace(part, **{f"shop_{name}": times(getattr(part, name)) for name in names})

    second = {
        f"shop_{name}": times(getattr(good, name))
        for name in ("items_total", "discount_total", "charge_total", "tax_total", "grand_total", "paid")
    }
    return msgspec.structs.replace(
        good,
        **(
            second
            | {
                "shop_currency": "SEK",
                "lines": [both(line, "unit_price", "discount", "total") for line in good.lines],
                "charges": [both(charge, "amount", "total") for charge in good.charges],
                "discounts": [both(each, "amount", "allocated") for each in good.discounts],
                "taxes": [both(tax, "amount") for tax in good.taxes],
                "payments": [both(payment, "amount") for payment in good.payments],
            }
            | changes
        ),
    )


def grown(good: Order, cents: int, **changes: object) -> Order:
    """The order with so much more in its grand total, paid and payment, explained by what else is changed."""
    total = text(euros(good.grand_total) + cents)
    payments = [msgspec.structs.replace(payment, amount=total) for payment in good.payments]
    return msgspec.structs.replace(good, **({"grand_total": total, "paid": total, "payments": payments} | changes))


def with_discount(number: int, listed: int, allocated: int | None, cents: int) -> Order:
    """A good order with one more discount, which makes the grand total so much larger."""
    good = order(number)
    extra = Discount(kind="manual", amount=text(listed), allocated=None if allocated is None else text(allocated))
    total = text(euros(good.discount_total) + listed)
    return grown(good, cents, discounts=[*good.discounts, extra], discount_total=total)


def with_charge(number: int, **fields: object) -> Order:
    """A good order with a second charge that costs nothing, but for what is given."""
    good = order(number)
    return msgspec.structs.replace(good, charges=[*good.charges, Charge(**({"amount": "0", "total": "0"} | fields))])


def free(number: int) -> Order:
    line = Line(number=1, line_id="1", sku="SKU-001", title="Tea", quantity="1", unit_price="0", total="0")
    amounts = dict.fromkeys(("items_total", "discount_total", "charge_total", "tax_total", "grand_total", "paid"), "0")
    return order(number, lines=[line], charges=[], discounts=[], taxes=[], payments=[], **amounts)


def negative_line(number: int) -> Order:
    """A line that gives money back instead of a discount: quantity 1 at 5.00, discount 15.00, total -10.00."""
    good = order(number)
    extra = Line(
        number=3, line_id="x", kind="service", title="Gift", quantity="1", unit_price="5", discount="15", total="-10"
    )
    items = text(euros(good.items_total) - 1000)
    return grown(
        good,
        -1000,
        lines=[*good.lines, extra],
        items_total=items,
        discount_total=text(euros(good.discount_total) + 1500),
        discounts=[*good.discounts, Discount(kind="manual", amount="15", allocated="15")],
    )


def negative_unit_price(number: int) -> Order:
    good = order(number)
    extra = Line(number=3, line_id="x", kind="service", title="Gift", quantity="0", unit_price="-5", total="0")
    return msgspec.structs.replace(good, lines=[*good.lines, extra])


def negative_line_discount(number: int) -> Order:
    """A line that is dearer than its price: 5.00 with a discount of -1.00."""
    good = order(number)
    extra = Line(
        number=3, line_id="x", kind="service", title="Gift", quantity="1", unit_price="5", discount="-1", total="6"
    )
    return grown(good, 600, lines=[*good.lines, extra], items_total=text(euros(good.items_total) + 600))


def fractional(number: int) -> Order:
    """Half a piece at 3.00."""
    good = order(number)
    extra = Line(number=3, line_id="x", sku="SKU-002", title="Tea", quantity="0.5", unit_price="3", total="1.5")
    return grown(good, 150, lines=[*good.lines, extra], items_total=text(euros(good.items_total) + 150))


def huge(number: int) -> Order:
    good = order(number)
    extra = Line(number=3, line_id="x", sku="SKU-002", title="Tea", quantity="100001", unit_price="0", total="0")
    return msgspec.structs.replace(good, lines=[*good.lines, extra])


def too_fine(number: int) -> Order:
    """A thousandth of a euro, in the shipping and in the grand total."""
    good = order(number)
    total = f"{good.grand_total}1"
    return msgspec.structs.replace(
        good,
        grand_total=total,
        paid=good.paid,
        charges=[msgspec.structs.replace(good.charges[0], amount="49.001", total="49.001")],
        charge_total="49.001",
        payment_status="partially_paid",
    )


def line_too_fine(number: int) -> Order:
    """A line of 1.005, made whole by the rounding."""
    good = order(number)
    extra = Line(number=3, line_id="x", sku="SKU-002", title="Tea", quantity="1", unit_price="1.005", total="1.005")
    items = f"{euros(good.items_total) / 100 + 1.005:.3f}"
    return grown(good, 100, lines=[*good.lines, extra], items_total=items, rounding="-0.005")


def rounded(number: int) -> Order:
    """Five euros and a hundredth of the total that nothing but the rounding explains."""
    good = order(number)
    cents = 500 + euros(good.grand_total) // 50
    return grown(good, cents, rounding=text(cents))


def moved(good: Order, **changes: object) -> Order:
    return msgspec.structs.replace(good, **changes)


def contact(number: int, **changes: object) -> Order:
    return with_part(order(number), "contacts", **changes)


def shipped(number: int, **changes: object) -> Order:
    good = order(number, fulfilment_status="shipped", order_status="completed")
    return msgspec.structs.replace(good, shipments=[shipment(good, **changes)])


def more_discount(number: int) -> Order:
    """A discount larger than all lines, so that none of it can be shared."""
    good = order(number)
    amount = euros(good.items_total) + 100
    return with_discount(number, amount, 0, -amount)


def lines_gone(number: int) -> Order:
    amounts = dict.fromkeys(("items_total", "discount_total", "tax_total"), "0")
    good = order(number, lines=[], discounts=[], taxes=[], **amounts)
    return grown(good, 4900 - euros(good.grand_total))


def bare(number: int, **changes: object) -> Order:
    """A draft without lines and money."""
    parts = {name: [] for name in ("lines", "charges", "discounts", "taxes", "payments")}
    amounts = dict.fromkeys(("items_total", "discount_total", "charge_total", "tax_total", "paid", "paid_at"))
    return order(number, order_status="draft", payment_status="unpaid", **parts, **(amounts | changes))


def nothing_ordered(number: int) -> Order:
    good = order(number)
    lines = [
        msgspec.structs.replace(line, quantity="0", discount="0", total="0", quantity_ordered="0")
        for line in good.lines
    ]
    amounts = dict.fromkeys(("items_total", "discount_total", "tax_total"), "0")
    return grown(
        msgspec.structs.replace(good, lines=lines, discounts=[], taxes=[], **amounts), 4900 - euros(good.grand_total)
    )


def shares_its_number(number: int) -> list[Order]:
    return [order(number, order_number="#twin"), order(number, order_id=f"B{number}", order_number="#twin")]
