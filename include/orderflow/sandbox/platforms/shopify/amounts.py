"""Money on an order: amounts in two currencies, taxes, discounts and what they were shared over."""

from __future__ import annotations

from typing import Any

from orderflow.sandbox.platforms.shopify.values import InOrder, MoneyBag, decimal_text, some
from orderflow.sandbox.query_plan import Resolver
from orderflow.sandbox.snapshot import Bag, Snapshot


def always(value: Any) -> Resolver:
    return lambda *_: value


def nothing(order: Snapshot) -> MoneyBag:
    return MoneyBag(("0", "0"), order)


def tax_lines(order: Snapshot, tax: Bag, currency: str | None = None) -> list[InOrder]:
    return [InOrder(order, MoneyBag(tax, order, currency))] if order.tax_rate != "0" else []


def allocations(at: InOrder) -> list[InOrder]:
    """A line's discounts: its share of the order's code, and its own; `place` is the application's index."""
    order, line = at.order, at.part
    found = []
    if some(line.ever_code):
        found.append(InOrder(order, MoneyBag(line.ever_code, order, line.currency), 0))
    if some(line.ever_own):
        found.append(InOrder(order, MoneyBag(line.ever_own, order, line.currency), _own_place(order)))
    return found


def _own_place(order: Snapshot) -> int:
    return 1 if order.code else 0


def applications(order: Snapshot) -> list[InOrder]:
    """The order's code, if any, then the automatic one behind all line discounts."""
    found = [InOrder(order, "code", 0)] if order.code else []
    if any(some(line.ever_own) for line in order.lines):
        found.append(InOrder(order, "automatic", _own_place(order)))
    return found


def _application(at: InOrder, _: Any) -> InOrder:
    return InOrder(at.order, "code" if at.order.code and at.place == 0 else "automatic", at.place)


def _value(at: InOrder, _: Any) -> Any:
    order = at.order
    if at.part == "automatic":
        return ("percentage", 10.0)
    if order.code_percent:
        return ("percentage", float(order.code_percent))
    return ("money", order.code_fixed[1], order.shop_currency) if some(order.code_fixed) else ("percentage", 100.0)


def _ships_free(at: InOrder) -> bool:
    return at.part == "code" and not at.order.code_percent and not some(at.order.code_fixed)


_APPLICATION: dict[str, Resolver] = {
    "index": lambda at, _: at.place,
    "allocationMethod": lambda at, _: "EACH" if _ships_free(at) else "ACROSS",
    "targetType": lambda at, _: "SHIPPING_LINE" if _ships_free(at) else "LINE_ITEM",
    "targetSelection": lambda at, _: "ENTITLED" if at.part == "automatic" else "ALL",
    "value": _value,
}

MONEY: dict[str, dict[str, Resolver]] = {
    "MoneyBag": {
        "presentmentMoney": lambda bag, _: ("money", bag.amounts[0], bag.currency or bag.order.currency),
        "shopMoney": lambda bag, _: ("money", bag.amounts[1], bag.order.shop_currency),
    },
    "MoneyV2": {"amount": lambda money, _: decimal_text(money[1]), "currencyCode": lambda money, _: money[2]},
    "PricingPercentageValue": {"percentage": lambda value, _: value[1]},
    "TaxLine": {
        "title": lambda at, _: at.order.tax_title,
        "rate": lambda at, _: float(at.order.tax_rate),
        "ratePercentage": lambda at, _: round(float(at.order.tax_rate) * 100, 6),
        "priceSet": lambda at, _: at.part,
        "channelLiable": always(False),
        "source": always(None),
    },
    "DiscountAllocation": {"allocatedAmountSet": lambda at, _: at.part, "discountApplication": _application},
    "DiscountCodeApplication": _APPLICATION | {"code": lambda at, _: at.order.code},
    "AutomaticDiscountApplication": _APPLICATION | {"title": always("Kampanj / 活動")},
    "ManualDiscountApplication": _APPLICATION | {"title": always(""), "description": always(None)},
    "ScriptDiscountApplication": _APPLICATION | {"title": always("")},
    "CashRoundingAdjustment": {
        "paymentSet": lambda order, _: nothing(order),
        "refundSet": lambda order, _: nothing(order),
    },
}
