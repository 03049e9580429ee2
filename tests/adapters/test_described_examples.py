"""Whole channel files of docs/examples, on orders as the real shops gave them."""

from pathlib import Path

import pytest
import yaml
from money_equation import residue

from orderflow import adapters

ROOT = Path(__file__).parents[2]


def mapped(example, raw):
    told = yaml.safe_load((ROOT / "docs/examples" / example).read_text())["source"]
    adapter = adapters.find(told.pop("adapter"))
    del told["connection"]
    return adapter.to_order(raw, adapter.options.model_validate(told))


def position(number, price, tax, *, canceled=False):
    return {"id": number, "item": 2, "variation": 5, "price": price, "tax_value": tax, "canceled": canceled}


def fee(number, kind, amount, tax="0.00"):
    return {"id": number, "fee_type": kind, "value": amount, "tax_value": tax, "canceled": False}


def payment(number, state, amount):
    return {"local_id": number, "state": state, "amount": amount, "payment_date": "2026-11-23T17:04:01.128437Z"}


def refund(number, state, amount):
    return {"local_id": number, "state": state, "amount": amount, "execution_date": None, "comment": "Rückgeld"}


TICKETS = {
    "code": "CA7LH", "event": "concert", "status": "p", "testmode": False, "email": "zoe@example.org",
    "datetime": "2026-11-23T17:04:01.183846Z", "last_modified": "2026-11-23T17:05:15.869101Z", "total": "28.40",
    "positions": [position(294, "23.00", "3.67"), position(295, "1.00", "0.07", canceled=True)],
    "fees": [fee(97, "shipping", "6.90"), fee(98, "other", "-1.50")],
    "payments": [payment(1, "refunded", "46.00"), payment(2, "canceled", "9.00")],
    "refunds": [refund(1, "done", "17.60"), refund(2, "failed", "17.60")],
    "invoice_address": {"name": "Zoë Łukasiewicz", "company": "", "street": "Götgatan 12 B", "country": "SE"},
}  # fmt: skip


def test_a_pretix_order_keeps_its_cancelled_tickets_and_counts_them_no_more():
    order = mapped("pretix.yml", TICKETS)
    assert (order.order_id, order.currency, order.order_status, order.payment_status) == (
        "CA7LH",
        "EUR",
        "open",
        "paid",
    )
    assert [(line.quantity, line.total, line.sku) for line in order.lines] == [
        ("1", "23.00", "2 5"), ("0", "0.00", "2 5"),
    ]  # fmt: skip
    assert residue(order) == 0
    assert (order.tax_total, [each.amount for each in order.refunds]) == ("3.67", ["17.60"])
    assert [(each.amount, each.status) for each in order.payments] == [("46.00", "success")]


@pytest.mark.parametrize("left", [[], [position(294, "23.00", "3.67", canceled=True)]])
def test_a_pretix_order_that_was_cancelled_against_a_fee_adds_up(left):
    kept = fee(99, "cancellation", "2.00", "0.32")
    order = mapped("pretix.yml", {**TICKETS, "total": "2.00", "positions": left, "fees": [kept]})
    assert (residue(order), order.tax_total, order.charges[0].kind) == (0, "0.32", "service")
