"""The channel that chaos happens to: file-less twins of a channel file, a connection and a target file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from orderflow import adapters, oms
from orderflow.domain.channel import Channel, Delivery, Validation
from orderflow.domain.channel import Schedule as Timetable
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.target import Target
from orderflow.oms.http.options import HttpOptions
from orderflow.sandbox.accounts import WAYS, account
from orderflow.sandbox.chaos.schedule import Schedule
from orderflow.sandbox.server import OMS_TOKEN

_ORDER = {
    "order_id": "order_id", "order_number": "order_number", "order_status": "status",
    "payment_status": "payment_status", "fulfilment_status": "fulfilment_status", "channel_created_at": "created_at",
    "channel_updated_at": "modified_at", "placed_at": "created_at", "paid_at": "paid_at",
    "cancelled_at": "cancelled_at", "cancel_reason": "cancel_reason", "currency": "currency",
    "taxes_included": "taxes_included", "discount_total": "discount_total", "tax_total": "tax_total",
    "grand_total": "grand_total", "paid": "paid", "refunded": "refunded", "is_test": "test",
}  # fmt: skip
_LINE = {
    "line_id": "line_id", "sku": "sku", "title": "title", "gtin": "gtin", "quantity": "quantity",
    "quantity_fulfilled": "quantity_shipped", "quantity_returned": "quantity_returned", "unit_price": "unit_price",
    "discount": "line_discount", "tax": "line_tax", "total": "line_total",
}  # fmt: skip
_FILES: dict[str, Any] = {
    "files": "*.csv",
    "ready": "manifest",
    "order": _ORDER,
    "line": _LINE,
    "charges": [
        {
            "kind": {"constant": "shipping"}, "method": "shipping_method", "amount": "shipping",
            "discount": "shipping_discount", "tax": "shipping_tax",
        },
        {"kind": {"constant": "tip"}, "amount": "tip"},
    ],
    "ship_to": {
        "name": "ship_family", "email": "email", "phone": "ship_phone", "address": ["ship_street"],
        "city": "ship_city", "postal_code": "ship_postcode", "country": "ship_country",
    },
    "values": {
        "order_status": {"failed": "cancelled", "trash": "cancelled", "refunded": "completed"},
        "payment_status": {"pending": "unpaid"},
        "fulfilment_status": {"fulfilled": "shipped"},
    },
}  # fmt: skip

_TARGET = {
    "single": {"method": "PUT", "path": "/orders/{channel}/{order_id}"},
    "batch": {"path": "/orders/batch", "orders": "orders", "key": "key", "document": "document", "largest": 1000},
    "answer": {
        "results": "results", "outcome": "outcome", "accepted": ["accepted"], "refused": ["refused", "stale"],
        "oms_id": "oms_id", "reason": ["code", "reason"],
    },
    "look_up": {
        "path": "/orders/lookup", "channel": "channel", "order_ids": "order_ids", "orders": "orders",
    },
}  # fmt: skip


def channel_of(schedule: Schedule) -> Channel:
    """The channel as its file would describe it. Guards only warn: a small world has no healthy shares."""
    shop, adapter = schedule.shop, adapters.find(schedule.shop.platform)
    return Channel(
        name=shop.name,
        title=shop.name,
        owner="chaos",
        adapter_name=shop.platform,
        adapter=adapter,
        connection=shop.name,
        options=adapter.options(**(_FILES if shop.platform == "csv_drop" else WAYS[shop.platform].options)),
        schedule=Timetable(
            cron="0 * * * *",
            start=shop.start.date(),
            lookback=timedelta(minutes=schedule.lookback) if schedule.lookback else None,
        ),
        validate=Validation(guards="warn"),
        oms=Delivery(target="chaos", batch=schedule.batch, concurrency=schedule.concurrency),
    )


def account_of(schedule: Schedule, where: str, tokens: Path) -> Account:
    """The connection; `where` is the platform's server or the inbox. Renewed tokens are kept in the file `tokens`."""
    if schedule.shop.platform == "csv_drop":
        return Account(schedule.channel, where)
    renewed = msgspec.json.decode(tokens.read_bytes()) if tokens.exists() else None
    return account(schedule.shop.platform, schedule.channel, f"{where}/{schedule.channel}", renewed)


def target_of(where: str, runtime: Runtime) -> Target:
    """The reference OMS at this address."""
    file = oms.TargetFile("chaos", "Chaos OMS", "http", "chaos_oms", HttpOptions.model_validate(_TARGET))
    return oms.open_target(file, Account("chaos_oms", where, password=Secret(OMS_TOKEN)), runtime)
