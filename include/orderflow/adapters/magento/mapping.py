"""From a Magento order with its credit memos and shipments to ours: pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from orderflow.adapters.amounts import located
from orderflow.adapters.magento import money, people
from orderflow.adapters.magento.movements import both, id_of, payments_of, refund_of, shipment_of, time_of
from orderflow.adapters.magento.rows import Row, fulfilment, given_back, merged, rows_of
from orderflow.adapters.magento.statuses import CASH, hold_reasons, order_status
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Charge, Discount, Line, Order, Tax
from orderflow.domain.source import Raw

if TYPE_CHECKING:
    from orderflow.adapters.magento import Options

CANCELED_MEMO = 3
EQUATION = ("items_total", "charge_total", "tax_total", "rounding")
NONE_LOST = (money.ZERO, money.ZERO)
EXTRAS = ("store_id", "store_name", "customer_group_id", "quote_id", "ext_order_id", "ext_customer_id",
          "relation_child_id", "relation_child_real_id")  # fmt: skip


def order_id(raw: Raw) -> str | None:
    return str(raw["order"]["entity_id"])


def to_order(raw: Raw, options: Options) -> Order:
    """Our order; raises `RecordError` for a state nobody knows, missing details, and a record of another shape."""
    for name in ("creditmemos", "shipments"):
        if name in raw and raw[name] is None:
            raise RecordError("DETAIL_MISSING", name, None, f"Magento counts {name} of this order and sends none")
    try:
        return _order(raw["order"], raw["creditmemos"], raw["shipments"], options)
    except RecordError as error:
        raise located(error, raw["order"]) from None
    except KeyError as error:
        raise RecordError("RAW_SHAPE", str(error.args[0]), None, "a Magento order has this field") from None
    except (TypeError, AttributeError, ValueError, ArithmeticError) as error:
        raise RecordError("RAW_SHAPE", "order", None, f"not the shape of a Magento order: {error}") from None


def _order(raw: Raw, memos: list[Raw], shipments: list[Raw], options: Options) -> Order:
    state, status, payment = raw.get("state"), raw.get("status"), raw.get("payment") or {}
    attributes = raw.get("extension_attributes") or {}
    rows = rows_of(raw["items"])
    sent = any(money.amount(item, "qty_shipped") for item in raw["items"])
    meaning = order_status(state, status, options, method=payment.get("method"), sent=sent)
    called_off = meaning == "cancelled"
    partly = not called_off and any(money.amount(item, "qty_canceled") for item in raw["items"])
    sides = _sides(raw)
    memos = [node for node in memos if node.get("state") != CANCELED_MEMO]
    ended = called_off or (state == "complete" and not shipments)
    gone = {} if ended or not memos else given_back(rows, memos, shipments)
    kept = [_kept(row.item, gone, partly=partly) for row in rows]
    parts = {side: _parts(rows, kept, side, raw) for side in sides}
    lines = [
        _line(number, row, units, {side: parts[side][number - 1] for side in sides})
        for number, (row, units) in enumerate(zip(rows, kept, strict=True), 1)
    ]
    charged = {
        side: {
            "shipping": money.shipping_money(raw, side, partly=partly),
            "surcharge": _plain(_product_tax(raw, side, gone, partly=partly)),
            "gift_wrap": _plain(money.wrapping(attributes, side)),
        }
        for side in sides
    }
    off = dict.fromkeys(sides, NONE_LOST)
    if gone:
        asked = [_kept(row.item, {}, partly=partly) for row in rows]
        for side in sides:
            before = _parts(rows, asked, side, raw)
            off[side] = _lost(raw, side, before, parts[side], charged[side], partly=partly)
    totals = {
        side: _totals(raw, attributes, side, parts[side], charged[side], off[side], partly=partly) for side in sides
    }
    fee = money.plugin_fee(attributes, {side: _unexplained(each) for side, each in totals.items()})
    for side, amount in fee.items():
        charged[side]["service"] = _plain(amount)
        totals[side] = _totals(raw, attributes, side, parts[side], charged[side], off[side], partly=partly)
    paid, refunded = totals[""]["paid"], totals[""]["refunded"]
    written: dict[str, Any] = {
        f"{side}{name}": money.text(value) for side in sides for name, value in totals[side].items()
    }
    return Order(
        order_id=str(raw["entity_id"]),
        order_number=raw.get("increment_id") or None,
        parent_id=id_of(raw.get("relation_parent_id")),
        origin="web" if raw.get("remote_ip") else "draft",
        placed_at=time_of(raw.get("created_at")),
        channel_created_at=time_of(raw.get("created_at")),
        channel_updated_at=time_of(raw.get("updated_at")),
        paid_at=_noted(raw, "entity_name", "invoice") if paid else None,
        cancelled_at=_noted(raw, "status", status) if state == "canceled" else None,
        order_status=meaning,
        payment_status=_payment_status(payment, called_off, totals[""]),
        fulfilment_status=fulfilment(state, rows, kept),
        return_status="refunded" if refunded and refunded >= paid else "none",
        raw_status={"state": state, "status": status},
        hold_reasons=hold_reasons(state, status),
        buyer_id=id_of(raw.get("customer_id")),
        currency=raw.get("order_currency_code") or None,
        shop_currency=raw.get("base_currency_code") if "shop_" in sides else None,
        taxes_included=False,
        **written,
        lines=lines,
        charges=_charges(raw, charged),
        discounts=_discounts(raw, sides, parts, charged),
        taxes=[_tax(node, sides) for node in attributes.get("applied_taxes") or attributes.get("taxes") or []],
        payments=payments_of(payment, attributes, sides),
        shipments=[shipment_of(node, merged(rows)) for node in shipments],
        refunds=[refund_of(node, sides, merged(rows)) for node in memos],
        contacts=people.contacts(raw, attributes),
        ext={name: str(raw[name]) for name in EXTRAS if raw.get(name) not in (None, "")},
    )


def _sides(raw: Raw) -> list[str]:
    """The currencies that the order is told in."""
    return ["", "shop_"] if raw.get("base_grand_total") is not None and raw.get("base_currency_code") else [""]


def _kept(item: Raw, gone: Mapping[str, Decimal], *, partly: bool) -> Decimal:
    """Units that count: in an order that goes on, without those that were called off or given back unsent."""
    called_off = money.amount(item, "qty_canceled") if partly else money.ZERO
    return max(money.amount(item, "qty_ordered") - called_off - gone.get(str(item["item_id"]), money.ZERO), money.ZERO)


def _parts(rows: list[Row], kept: list[Decimal], side: str, raw: Raw) -> list[money.RowMoney]:
    currency = raw.get("base_currency_code" if side else "order_currency_code")
    return [
        money.row_money(row.item, side, units, currency) if row.priced else money.NOTHING
        for row, units in zip(rows, kept, strict=True)
    ]


def _product_tax(raw: Raw, side: str, gone: Mapping[str, Decimal], *, partly: bool) -> Decimal:
    units = [(item, _kept(item, gone, partly=partly)) for item in raw["items"]]
    return money.product_tax(units, side, raw.get("base_currency_code" if side else "order_currency_code"))


def _lost(
    raw: Raw,
    side: str,
    asked: list[money.RowMoney],
    kept: list[money.RowMoney],
    charged: dict[str, money.RowMoney],
    *,
    partly: bool,
) -> tuple[Decimal, Decimal]:
    """What units that were given back unsent had cost, without tax, and their tax."""
    taxed = _product_tax(raw, side, {}, partly=partly) - charged["surcharge"].total
    net, tax = (
        money.total(getattr(each, name) for each in asked) - money.total(getattr(each, name) for each in kept)
        for name in ("total", "tax")
    )
    return net + taxed, tax


def _plain(value: Decimal) -> money.RowMoney:
    return money.RowMoney(value, money.ZERO, money.ZERO, value)


def _line(number: int, row: Row, kept: Decimal, sides: dict[str, money.RowMoney]) -> Line:
    item = row.item
    amounts: dict[str, Any] = {}
    for side, each in sides.items():
        unit = money.unit_price(each, kept, item, side) if row.priced else money.ZERO
        values = {"unit_price": unit, "discount": each.discount, "tax": each.tax, "total": each.total}
        amounts |= {f"{side}{name}": money.text(value) for name, value in values.items()}
    return Line(
        number=number,
        line_id=str(item["item_id"]),
        kind=row.kind,
        parent_line_id=row.parent,
        sku=item.get("sku") or None,
        product_id=id_of(item.get("product_id")),
        variant_id=id_of(row.variant.get("product_id")) if row.variant else None,
        title=(row.variant or {}).get("name") or item.get("name"),
        quantity=money.text(kept),
        quantity_ordered=money.text(money.amount(item, "qty_ordered")),
        quantity_fulfilled=money.text(money.amount(item, "qty_shipped")),
        **amounts,
    )


def _totals(
    raw: Raw,
    attributes: Raw,
    side: str,
    rows: list[money.RowMoney],
    charged: dict[str, money.RowMoney],
    lost: tuple[Decimal, Decimal],
    *,
    partly: bool,
) -> dict[str, Decimal]:
    """The order's own amounts. Gift cards and other balances have paid for it and lessen no total."""
    prefix = money.SIDES[side]
    balances = money.total(money.balance(attributes, name, side) for name in money.BALANCES)
    gone = {
        name: money.amount(raw, f"{prefix}{name}") if partly else money.ZERO
        for name in ("total_canceled", "tax_canceled")
    }
    grand = money.needed(raw, f"{prefix}grand_total") - gone["total_canceled"] + balances - sum(lost)
    tax = money.amount(raw, f"{prefix}tax_amount") - gone["tax_canceled"] - lost[1]
    items = money.total(each.total for each in rows)
    charges = money.total(each.total for each in charged.values())
    rounding = grand - items - charges - tax
    if abs(rounding) >= money.coin(raw.get("base_currency_code" if side else "order_currency_code")):
        rounding = money.ZERO
    return {
        "items_total": items,
        "discount_total": money.total(each.discount for each in [*rows, *charged.values()]),
        "charge_total": charges,
        "tax_total": tax,
        "rounding": rounding,
        "grand_total": grand,
        "paid": money.amount(raw, f"{prefix}total_paid") + balances,
        "refunded": money.amount(raw, f"{prefix}total_refunded"),
    }


def _unexplained(totals: dict[str, Decimal]) -> Decimal:
    """What is left of the grand total when all that we know of is taken off."""
    return totals["grand_total"] - money.total(totals[name] for name in EQUATION)


def _payment_status(payment: Raw, called_off: bool, totals: dict[str, Decimal]) -> str:
    paid, refunded = totals["paid"], totals["refunded"]
    if refunded:
        return "refunded" if refunded >= paid else "partially_refunded"
    if paid and paid >= totals["grand_total"]:
        return "paid"
    if paid:
        return "partially_paid"
    if called_off:
        return "voided"
    if not totals["grand_total"]:
        return "paid"
    if money.amount(payment, "amount_authorized"):
        return "authorized"
    return "cod_due" if payment.get("method") == CASH else "unpaid"


def _charges(raw: Raw, charged: dict[str, dict[str, money.RowMoney]]) -> list[Charge]:
    assigned = (raw.get("extension_attributes") or {}).get("shipping_assignments") or [{}]
    texts = {
        "shipping": (raw.get("shipping_description"), (assigned[0].get("shipping") or {}).get("method")),
        "surcharge": ("Fixed product tax", None),
        "gift_wrap": ("Gift wrapping", None),
        "service": ("Fee", None),
    }
    found = []
    for kind, (title, method) in texts.items():
        sides = {side: each[kind] for side, each in charged.items() if kind in each}
        if not any(value.amount for value in sides.values()) and not method:
            continue
        amounts: dict[str, Any] = {
            f"{side}{name}": money.text(value)
            for side, each in sides.items()
            for name, value in zip(each._fields, each, strict=True)
        }
        found.append(Charge(kind=kind, title=title, method=method, **amounts))
    return found


def _discounts(
    raw: Raw,
    sides: list[str],
    rows: dict[str, list[money.RowMoney]],
    charged: dict[str, dict[str, money.RowMoney]],
) -> list[Discount]:
    """One for the whole order, which says what its rules were; rows and shipping hold all of it already."""
    off = {side: money.total(each.discount for each in [*rows[side], *charged[side].values()]) for side in sides}
    code = raw.get("coupon_code") or None
    if not any(off.values()) and not code:
        return []
    amounts: dict[str, Any] = {
        f"{side}{name}": money.text(off[side]) for side in sides for name in ("amount", "allocated")
    }
    title = raw.get("discount_description") or None
    kind = "code" if code else "automatic"
    return [Discount(kind=kind, code=code, title=title, funded_by="seller", **amounts)]


def _tax(node: Raw, sides: list[str]) -> Tax:
    return Tax(
        title=node.get("title") or node.get("code"),
        jurisdiction=node.get("code"),
        rate=money.text(money.amount(node, "percent") / 100),
        liable="seller",
        **both(node, "{}amount", sides),
    )


def _noted(raw: Raw, field: str, value: str | None) -> str | None:
    """When the order's history first says so."""
    times = [each["created_at"] for each in raw.get("status_histories") or [] if value and each.get(field) == value]
    return time_of(min(filter(None, times), default=None))
