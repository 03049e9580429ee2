"""What was called off or given back before it was sent is not sent, and takes its money along."""

from decimal import Decimal

import pytest
from magento_orders import left, mapped, money, moved, only, row, sample


@pytest.fixture
def raw():
    return sample()


@pytest.mark.parametrize(
    ("state", "shipments", "memos", "kept"),
    [
        ("processing", [], [moved(1, "10:00", r1=1)], 2),
        ("processing", [moved(2, "11:00", r1=2)], [moved(1, "10:00", r1=1)], 2),
        ("complete", [moved(2, "11:00", r1=2)], [moved(1, "10:00", r1=1)], 2),
        ("complete", [moved(2, "11:00", r1=3)], [moved(1, "10:00", r1=1)], 3),
        ("processing", [moved(2, "09:00", r1=1), moved(4, "11:00", r1=1)], [moved(1, "10:00", r1=2)], 2),
        ("processing", [moved(2, "09:00", r1=2)], [moved(1, "10:00", r1=1)], 3),
        ("processing", [moved(2, "09:00", r1=1)], [moved(1, "10:00", r1=2)], 2),
        ("processing", [], [moved(1, "10:00", r1=1), moved(3, "10:30", r1=2)], 0),
        ("processing", [], [moved(1, "10:00", r1=1) | {"state": 3}], 3),
        ("complete", [], [moved(1, "10:00", r1=1)], 3),
        ("canceled", [], [moved(1, "10:00", r1=1)], 3),
    ],
)
def test_what_was_given_back_before_it_was_sent_is_not_sent(raw, state, shipments, memos, kept):
    paid = {"total_paid": "128", "base_total_paid": "12.8"}
    item = row(1, **{**money("100", "25"), "qty_ordered": 3}, qty_invoiced=3, weee_tax_applied_row_amount="3",
               base_weee_tax_applied_row_amnt="0.3")  # fmt: skip
    record = only(raw, item, grand="128", tax="25") | {"shipments": shipments, "creditmemos": memos}
    record["order"] |= paid | {"state": state, "status": state}
    order = mapped(record)
    assert (Decimal(order.lines[0].quantity), order.lines[0].quantity_ordered) == (kept, "3")
    assert Decimal(order.grand_total) == {0: 0, 2: Decimal("85.34"), 3: 128}[kept]
    assert left(order) == left(order, "shop_") == 0


@pytest.mark.parametrize(
    ("own_price", "memo", "sent", "kept"),
    [
        (True, {"r1": 1}, {}, [1, 2, 1]),
        (True, {"r1": 1}, {"r1": 2}, [2, 4, 2]),
        (False, {"r1": 1, "r2": 4}, {}, [2, 0, 2]),
        (False, {"r1": 1, "r2": 4, "r3": 2}, {}, [0, 0, 0]),
        (False, {"r2": 4}, {"r3": 1}, [2, 4, 2]),
    ],
)
def test_a_bundle_that_was_given_back_unsent_takes_its_parts_along(raw, own_price, memo, sent, kept):
    whole, none = money("100", "25"), money("0", "0")
    bundle = row(1, **{**whole, "product_type": "bundle", "qty_ordered": 2})
    parts = [
        row(2, parent_item_id=1, **{**(none if own_price else money("60", "15")), "qty_ordered": 4}),
        row(3, parent_item_id=1, **{**(none if own_price else money("40", "10")), "qty_ordered": 2}),
    ]
    record = only(raw, bundle, *parts, grand="125", tax="25")
    shipments = [moved(8, "09:00", **sent)] if sent else []
    order = mapped(record | {"creditmemos": [moved(9, "10:00", **memo)], "shipments": shipments})
    assert [Decimal(line.quantity) for line in order.lines] == kept
    assert left(order) == left(order, "shop_") == 0


def test_a_refunded_variant_is_known_by_its_product(raw):
    raw["shipments"] = [moved(8, "09:00", r12=2)]
    raw["creditmemos"] = [moved(9, "10:00", r11=1, r12=1)]
    assert mapped(raw).lines[0].quantity == "2"
    raw["shipments"] = []
    assert mapped(raw).lines[0].quantity == "1"


@pytest.mark.parametrize("invoiced", [1, 0], ids=["the kept one is invoiced", "nothing is invoiced"])
def test_units_called_off_take_their_money_along(raw, invoiced):
    called_off = {"qty_ordered": 3, "qty_canceled": 2, "qty_invoiced": invoiced}
    if invoiced:
        called_off |= {
            "row_invoiced": "33.33",
            "tax_invoiced": "8.33",
            "base_row_invoiced": "3.33",
            "base_tax_invoiced": "0.83",
        }
    record = only(raw, row(1, **called_off, **money("100", "25")), grand="125", tax="25")
    record["order"] |= {
        "total_canceled": "83.34",
        "tax_canceled": "16.67",
        "base_total_canceled": "8.34",
        "base_tax_canceled": "1.67",
    }
    order = mapped(record)
    assert (order.lines[0].quantity, order.lines[0].quantity_ordered, order.lines[0].total) == ("1", "3", "33.33")
    assert (order.grand_total, order.tax_total) == ("41.66", "8.33")
    assert left(order) == left(order, "shop_") == 0


def test_product_taxes_of_units_called_off_go_with_them(raw):
    record = only(
        raw,
        row(1, qty_canceled=2, **{**money("90", "18"), "qty_ordered": 3}, weee_tax_applied_row_amount="3"),
        grand="111",
        tax="18",
    )
    record["order"] |= {"total_canceled": "74", "tax_canceled": "12"}
    order = mapped(record)
    assert [Decimal(charge.total) for charge in order.charges if charge.kind == "surcharge"] == [1]
    assert (Decimal(order.grand_total), left(order)) == (37, 0)
