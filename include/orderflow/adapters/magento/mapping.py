"""From a Magento order with its credit memos and shipments to ours: pure.

Rows of `items` are what was sold and what it is made of: a configurable product is followed by the variant that was
chosen, which may repeat its price; the two become one line. A bundle is followed by its parts; the money stands on the
parts, or, where the bundle has a price of its own, on the bundle.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from orderflow.adapters.magento import money, people
from orderflow.adapters.magento.movements import both, id_of, payments_of, refund_of, shipment_of, time_of
from orderflow.adapters.magento.statuses import CASH, hold_reasons, order_status
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Charge, Discount, Line, Order, Tax
from orderflow.domain.source import Raw

if TYPE_CHECKING:
    from orderflow.adapters.magento import Options

KINDS = {"virtual": "service", "downloadable": "service", "giftcard": "gift_card"}
"""Kind of line by product type; any other is a product."""
CANCELED_MEMO = 3
EXTRAS = ("store_id", "store_name", "customer_group_id", "quote_id", "ext_order_id", "ext_customer_id",
          "relation_child_id", "relation_child_real_id")  # fmt: skip


class Row(NamedTuple):
    """A line to be: `priced` is False where other rows carry its money; `variant` is the row merged into it."""

    item: Raw
    kind: str
    parent: str | None
    priced: bool
    variant: Raw | None


def order_id(raw: Raw) -> str | None:
    return str(raw["order"]["entity_id"])


def to_order(raw: Raw, options: Options) -> Order:
    """Our order; raises `RecordError` for a state nobody knows, missing details, and a record of another shape."""
    for name in ("creditmemos", "shipments"):
        if name in raw and raw[name] is None:
            raise RecordError("DETAIL_MISSING", name, None, f"Magento counts {name} of this order and sends none")
    try:
        return _order(raw["order"], raw["creditmemos"], raw["shipments"], options)
    except KeyError as error:
        raise RecordError("RAW_SHAPE", str(error.args[0]), None, "a Magento order has this field") from None
    except (TypeError, AttributeError, ValueError, ArithmeticError) as error:
        raise RecordError("RAW_SHAPE", "order", None, f"not the shape of a Magento order: {error}") from None


def _order(raw: Raw, memos: list[Raw], shipments: list[Raw], options: Options) -> Order:
    state, status, payment = raw.get("state"), raw.get("status"), raw.get("payment") or {}
    attributes = raw.get("extension_attributes") or {}
    rows = _rows(raw["items"])
    sent = any(money.amount(item, "qty_shipped") for item in raw["items"])
    meaning = order_status(state, status, options, method=payment.get("method"), sent=sent)
    called_off = meaning == "cancelled"
    partly = not called_off and any(money.amount(item, "qty_canceled") for item in raw["items"])
    sides = _sides(raw)
    kept = [_kept(row.item, partly=partly) for row in rows]
    parts = {side: [_row(row, side, units, raw) for row, units in zip(rows, kept, strict=True)] for side in sides}
    lines = [
        _line(number, row, units, {side: parts[side][number - 1] for side in sides})
        for number, (row, units) in enumerate(zip(rows, kept, strict=True), 1)
    ]
    charged = {
        side: {
            "shipping": money.shipping_money(raw, side, partly=partly),
            "surcharge": _plain(money.product_tax(raw["items"], side)),
            "gift_wrap": _plain(money.wrapping(attributes, side)),
        }
        for side in sides
    }
    totals = {side: _totals(raw, attributes, side, parts[side], charged[side], partly=partly) for side in sides}
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
        fulfilment_status=_fulfilment(state, rows, kept),
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
        shipments=[shipment_of(node, _merged(rows)) for node in shipments],
        refunds=[refund_of(node, sides, _merged(rows)) for node in memos if node.get("state") != CANCELED_MEMO],
        contacts=people.contacts(raw, attributes),
        ext={name: str(raw[name]) for name in EXTRAS if raw.get(name) not in (None, "")},
    )


def _sides(raw: Raw) -> list[str]:
    """The currencies that the order is told in."""
    return ["", "shop_"] if raw.get("base_grand_total") is not None and raw.get("base_currency_code") else [""]


def _rows(items: list[Raw]) -> list[Row]:
    parts: dict[str, list[Raw]] = defaultdict(list)
    known = {str(item["item_id"]) for item in items}
    tops = []
    for item in items:
        above = id_of(item.get("parent_item_id"))
        if above in known:
            parts[above or ""].append(item)
        else:
            tops.append(item)
    rows = []
    for item in tops:
        below = parts[str(item["item_id"])]
        kind = KINDS.get(item.get("product_type") or "", "product")
        if item.get("product_type") != "bundle" or not below:
            rows.append(Row(item, kind, None, priced=True, variant=below[0] if below else None))
            continue
        dear = any(money.amount(part, "row_total") for part in below)
        rows.append(Row(item, "bundle_parent", None, priced=not dear, variant=None))
        rows += [Row(part, "bundle_child", str(item["item_id"]), priced=dear, variant=None) for part in below]
    return rows


def _merged(rows: list[Row]) -> set[str]:
    """Ids of the rows that stand in no line of their own."""
    return {str(row.variant["item_id"]) for row in rows if row.variant}


def _kept(item: Raw, *, partly: bool) -> Decimal:
    """Units that count: in an order that goes on, without those that were called off."""
    return money.amount(item, "qty_ordered") - (money.amount(item, "qty_canceled") if partly else money.ZERO)


def _row(row: Row, side: str, kept: Decimal, raw: Raw) -> money.RowMoney:
    currency = raw.get("base_currency_code" if side else "order_currency_code")
    return money.row_money(row.item, side, kept, currency) if row.priced else money.NOTHING


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
    grand = money.needed(raw, f"{prefix}grand_total") - gone["total_canceled"] + balances
    tax = money.amount(raw, f"{prefix}tax_amount") - gone["tax_canceled"]
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


def _fulfilment(state: str | None, rows: list[Row], kept: list[Decimal]) -> str:
    """`complete` is Magento's word for wholly invoiced and shipped; parts of bundles count with their bundle."""
    if state == "complete":
        return "shipped"
    sent = [money.amount(row.item, "qty_shipped") for row in rows]
    if not any(sent):
        return "unfulfilled"
    goods = [
        (units, done)
        for row, units, done in zip(rows, kept, sent, strict=True)
        if row.kind == "product" or (row.kind == "bundle_child" and done)
    ]
    return "shipped" if all(done >= units for units, done in goods) else "partial"


def _charges(raw: Raw, charged: dict[str, dict[str, money.RowMoney]]) -> list[Charge]:
    assigned = (raw.get("extension_attributes") or {}).get("shipping_assignments") or [{}]
    texts = {
        "shipping": (raw.get("shipping_description"), (assigned[0].get("shipping") or {}).get("method")),
        "surcharge": ("Fixed product tax", None),
        "gift_wrap": ("Gift wrapping", None),
    }
    found = []
    for kind, (title, method) in texts.items():
        sides = {side: each[kind] for side, each in charged.items()}
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
