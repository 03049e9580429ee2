"""Orders as Magento shows them, in the order's currency and the website's, and what their money leaves over."""

import copy
import json
from decimal import Decimal
from pathlib import Path

import msgspec

from orderflow.adapters.magento import ADAPTER, Options

CASES = Path(__file__).parents[1] / "contract" / "cases" / "magento"
SAMPLE = msgspec.json.Decoder(float_hook=str).decode((CASES / "one_page" / "orders.json").read_bytes())["items"][0]


def sample():
    return {"order": copy.deepcopy(SAMPLE), "creditmemos": [], "shipments": []}


def mapped(raw, **options):
    return ADAPTER.to_order(raw, Options(**options))


def left(order, side=""):
    """What the money equation leaves over."""
    told = json.loads(msgspec.json.encode(order))

    def amounts(part, name):
        return sum(Decimal(each.get(side + name) or 0) for each in told.get(part, []))

    off = amounts("discounts", "amount") - amounts("discounts", "allocated")
    parts = amounts("lines", "total") + amounts("charges", "total") - off
    return (
        parts
        + sum(Decimal(told[side + name]) for name in ("tax_total", "rounding"))
        - Decimal(told[f"{side}grand_total"])
    )


def row(item_id, **more):
    amounts = dict.fromkeys(("row_total", "tax_amount", "base_row_total", "base_tax_amount"), 0)
    plain = {"item_id": item_id, "product_id": 900 + item_id, "product_type": "simple", "sku": f"SKU-{item_id}"}
    return {**plain, "name": "茶杯 🍵 كوب", "qty_ordered": 1, **amounts, **more}


def money(amount, tax):
    """A row's amounts, the website's currency being a tenth of the order's."""

    def tenth(text):
        return f"{Decimal(text) / 10:f}"

    return {"row_total": amount, "tax_amount": tax, "base_row_total": tenth(amount), "base_tax_amount": tenth(tax)}


def only(raw, *rows, grand, tax):
    """The order with these rows alone, without shipping and discount."""
    gone = [
        name for name in raw["order"] if name.endswith(("discount_amount", "shipping_amount", "shipping_tax_amount"))
    ]
    for name in gone:
        del raw["order"][name]
    both = {"grand_total": grand, "tax_amount": tax}
    raw["order"] |= both | {f"base_{name}": f"{Decimal(text) / 10:f}" for name, text in both.items()}
    raw["order"]["items"] = list(rows)
    return raw


def moved(number, at, **units):
    """A shipment or credit memo of these rows (`r1=2`)."""
    items = [{"order_item_id": int(name[1:]), "qty": count} for name, count in units.items()]
    return {"entity_id": number, "created_at": f"2026-03-01 {at}:00", "state": 2, "grand_total": "1", "items": items}
