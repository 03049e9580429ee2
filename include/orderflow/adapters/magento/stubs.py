"""Orders as the list by created time tells them, for reconciliation."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from orderflow.adapters.magento import Options
from orderflow.adapters.magento.money import BALANCES
from orderflow.adapters.magento.statuses import order_status
from orderflow.domain.errors import DriftError, RecordError
from orderflow.domain.source import OrderStub, Raw

FIELDS = (
    "items[entity_id,state,status,grand_total,total_canceled,order_currency_code,created_at,updated_at,"
    "items[item_id,parent_item_id,product_type,qty_shipped],payment[method],"
    f"extension_attributes[{','.join(BALANCES)}]],total_count"
)


def stub(raw: Any, options: Options) -> OrderStub:
    """What reconciliation compares.

    The total is left out where ours is another one: after calling off a part, and where balances paid for some of it.
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
    other |= meaning != "cancelled" and _some(raw.get("total_canceled"))
    total = raw.get("grand_total")
    return OrderStub(
        order_id=str(raw["entity_id"]),
        status=meaning or state or status,
        total=None if other or total is None else str(total),
        currency=_text(raw.get("order_currency_code")),
        lines=_lines(rows) if isinstance(items, list) else None,
        updated_at=_moment(raw.get("updated_at")),
    )


def created(raw: Raw) -> datetime | None:
    """When the order was created; None where that cannot be read."""
    return _moment(raw.get("created_at")) if isinstance(raw, dict) else None


def _lines(rows: list[Raw]) -> int:
    """Rows that become lines: all but the variants that were chosen of products with several."""
    bundles = {item.get("item_id") for item in rows if item.get("product_type") == "bundle"}
    known = {item.get("item_id") for item in rows}
    merged = [item for item in rows if (above := item.get("parent_item_id")) in known and above not in bundles]
    return len(rows) - len([item for item in merged if item.get("parent_item_id")])


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
