"""Orders as the list by created time tells them, for reconciliation."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from orderflow.adapters.magento import Options
from orderflow.adapters.magento.money import BALANCES, needed, text
from orderflow.adapters.magento.rows import rows_of
from orderflow.adapters.magento.statuses import order_status
from orderflow.domain.errors import DriftError, RecordError
from orderflow.domain.source import OrderStub, Raw

FIELDS = (
    "items[entity_id,state,status,grand_total,total_canceled,order_currency_code,created_at,updated_at,"
    "items[item_id,parent_item_id,product_type,qty_shipped,qty_refunded],payment[method],"
    f"extension_attributes[{','.join(BALANCES)}]],total_count"
)


def stub(raw: Any, options: Options) -> OrderStub:
    """What reconciliation compares.

    The total is left out where ours may be another one: after calling off or giving back a part, and where balances
    paid for some of it.
    """
    if not isinstance(raw, dict) or raw.get("entity_id") is None:
        raise DriftError("orders: an order without entity_id; a plugin changes what the shop answers")
    state, status, items = _text(raw.get("state")), _text(raw.get("status")), raw.get("items")
    payment, attributes = _object(raw.get("payment")), _object(raw.get("extension_attributes"))
    rows = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    sent = any(_some(item.get("qty_shipped")) for item in rows)
    try:
        meaning = order_status(state, status, options, method=_text(payment.get("method")), sent=sent)
    except RecordError:
        meaning = None
    other = any(_some(attributes.get(name)) for name in BALANCES)
    changed = _some(raw.get("total_canceled")) or any(_some(item.get("qty_refunded")) for item in rows)
    other |= meaning != "cancelled" and changed
    return OrderStub(
        order_id=str(raw["entity_id"]),
        status=meaning or state or status,
        total=None if other else _total(raw),
        currency=_text(raw.get("order_currency_code")),
        lines=_lines(rows) if isinstance(items, list) else None,
        updated_at=_moment(raw.get("updated_at")),
    )


def created(raw: Raw) -> datetime | None:
    """When the order was created; None where that cannot be read."""
    return _moment(raw.get("created_at")) if isinstance(raw, dict) else None


def _lines(rows: list[Raw]) -> int | None:
    try:
        return len(rows_of(rows))
    except (RecordError, ArithmeticError, KeyError):
        return None


def _total(raw: Raw) -> str | None:
    try:
        return text(needed(raw, "grand_total"))
    except (RecordError, ArithmeticError):
        return None


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else None
    except ValueError:
        return None


def _some(value: Any) -> bool:
    return bool(str(value or "").strip("0."))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _object(value: Any) -> Raw:
    return value if isinstance(value, dict) else {}
