"""TOP's money: what the trade states and how its orders (our lines) come to it. Amounts are decimal text in yuan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from orderflow.adapters.amounts import amount, amount_text, total_of
from orderflow.adapters.taobao_tmall.statuses import STEPS, is_cash, payment_status
from orderflow.adapters.taobao_tmall.values import id_text, rows, time_text
from orderflow.domain.order import Charge, Discount, Payment
from orderflow.domain.source import Raw


def shared(order: Raw) -> Decimal:
    """The order's share of what was taken off the trade; where TOP leaves it out, what was due less what was paid."""
    stated, paid = amount_text(order.get("part_mjz_discount")), amount_text(order.get("divide_order_fee"))
    return amount(order["total_fee"]) - amount(paid) if paid and not stated else amount(stated)


def line_total(order: Raw) -> Decimal:
    """What was paid for the order, without what the seller put on its price by hand."""
    return amount(order["total_fee"]) - shared(order) - raised(order)


def line_discount(order: Raw) -> Decimal:
    """What was taken off the order: its own promotions, the price lowered by hand, and its share of the trade's."""
    return amount(order.get("discount_fee")) + lowered(order) + shared(order)


def raised(order: Raw) -> Decimal:
    """What the seller put on the price by hand; a price that was lowered by hand is a discount."""
    return max(amount(order.get("adjust_fee")), Decimal(0))


def lowered(order: Raw) -> Decimal:
    return max(-amount(order.get("adjust_fee")), Decimal(0))


def charges_of(trade: Raw, live: Sequence[Raw]) -> list[Charge]:
    """What the buyer pays beside the goods."""
    duty = "0" if any(order.get("tax_free") for order in live) else trade.get("order_tax_fee")
    parts = (
        ("shipping", "post_fee", trade.get("post_fee")),
        ("cod", "cod_fee", trade.get("buyer_cod_fee") or trade.get("cod_fee") if is_cash(trade) else None),
        ("duty", "order_tax_fee", duty),
        ("surcharge", "adjust_fee", f"{sum(map(raised, live), Decimal(0)):f}"),
    )
    method = trade.get("shipping_type") or None
    return [
        Charge(
            kind=kind,
            charge_id=name,
            title=name,
            method=method if kind == "shipping" else None,
            amount=fee,
            total=fee,
        )
        for kind, name, value in parts
        if (fee := amount_text(value)) and amount(fee)
    ]


def paid_back(order: Raw) -> Charge:
    """What was paid for goods that were refunded before they were sent: `payment` holds it for good."""
    fee = f"{amount(order['total_fee']) - shared(order):f}"
    return Charge(
        kind="surcharge",
        charge_id=id_text(order, "oid"),
        title="paid for goods that were refunded before they were sent",
        amount=fee,
        total=fee,
    )


def discounts_of(trade: Raw, live: Sequence[Raw], gone: Sequence[Raw] = ()) -> list[Discount]:
    """What was taken off the trade, off single orders, and off prices by hand; the first may stand in lines in part.

    What orders bear of it that are `gone` is left out.
    """
    return [*_of_the_trade(trade, live, gone), *_of_orders(trade, live), *_by_hand(live)]


def _of_the_trade(trade: Raw, live: Sequence[Raw], gone: Sequence[Raw]) -> Iterator[Discount]:
    """One discount for each promotion where the promotions explain what the orders bear of them; else all in one."""
    allocated = sum(map(shared, live), Decimal(0))
    stated = amount(trade.get("discount_fee")) - sum(map(shared, gone), Decimal(0)) or allocated
    number = id_text(trade, "tid")
    promotions = [each for each in _promotions(trade) if str(each["id"]) == number and amount(each.get("discount_fee"))]
    explained = total_of(each["discount_fee"] for each in promotions)
    subsidy = amount_text(trade.get("platform_subsidy_fee"))
    subsidised = [each for each in promotions if amount(each["discount_fee"]) == amount(subsidy)]
    if promotions and explained == stated == allocated:
        for each in promotions:
            less = amount(each["discount_fee"])
            yield _discount(each, less, less, _funder(subsidy, subsidised, each))
    elif stated > 0 or allocated > 0:
        title = "; ".join(each["promotion_name"] for each in promotions if each.get("promotion_name")) or "discount_fee"
        yield _discount({"promotion_name": title}, max(stated, allocated), allocated, _funder(subsidy, [], None))


def _of_orders(trade: Raw, live: Sequence[Raw]) -> Iterator[Discount]:
    """TOP may leave out the amount of such a promotion, so that it is the order's that counts."""
    worth_most = sorted(_promotions(trade), key=lambda each: amount(each.get("discount_fee")))
    named = {str(each["id"]): each for each in worth_most}
    for order in live:
        less = amount(order.get("discount_fee"))
        if less:
            yield _discount(named.get(id_text(order, "oid"), {}), less, less, "seller")


def _by_hand(live: Sequence[Raw]) -> Iterator[Discount]:
    less = sum(map(lowered, live), Decimal(0))
    if less:
        yield Discount(kind="manual", title="adjust_fee", funded_by="seller", amount=f"{less:f}", allocated=f"{less:f}")


def _discount(promotion: Raw, less: Decimal, allocated: Decimal, funder: str) -> Discount:
    return Discount(
        kind="platform" if funder == "platform" else "automatic",
        code=promotion.get("promotion_id") or None,
        title=promotion.get("promotion_name") or None,
        funded_by=funder,
        amount=f"{less:f}",
        allocated=f"{allocated:f}",
    )


def _funder(subsidy: str | None, subsidised: Sequence[Raw], promotion: Raw | None) -> str:
    """TOP names no funder, only the platform's part of all: told apart where that is nothing, or one of them.

    `subsidised` are the promotions of just that amount.
    """
    if subsidy is None:
        return "unknown"
    if not amount(subsidy):
        return "seller"
    if promotion is None or len(subsidised) != 1:
        return "shared"
    return "platform" if promotion is subsidised[0] else "seller"


def _promotions(trade: Raw) -> list[Raw]:
    return rows(trade, "promotion_details", "promotion_detail")


def payments_of(trade: Raw, orders: Sequence[Raw]) -> list[Payment]:
    """One payment of all, or of the deposit while the rest is due; cash is paid when it is delivered."""
    status = payment_status(trade, orders)
    total, at = amount_text(trade.get("payment")), time_text(trade.get("pay_time"))
    if is_cash(trade):
        if status not in {"paid", "cod_due"}:
            return []
        done = status == "paid"
        return [Payment(kind="cod", status="success" if done else "pending", method="cod", amount=total)]
    if status in {"unpaid", "voided"}:
        return []
    if status == "partially_paid" and STEPS.get(trade.get("step_trade_status") or "") == status:
        total = amount_text(trade.get("step_paid_fee"))
    return [Payment(payment_id=trade.get("alipay_no") or None, method="alipay", amount=total, at=at)]
