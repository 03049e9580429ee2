"""WooCommerce's arithmetic: what carts, refunds and people in the shop make of an order's amounts."""

from __future__ import annotations

import json
import random
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from money_equation import residue

from orderflow import adapters
from orderflow.adapters.woocommerce import Options
from orderflow.domain.order import Order

ADAPTER = adapters.find("woocommerce")
PAGE = Path(__file__).parents[1] / "contract/cases/woocommerce/one_page/page.json"


def order(**fields: Any) -> dict[str, Any]:
    return {**json.loads(PAGE.read_text())[0], **fields}


def mapped(raw: dict[str, Any]) -> Order:
    return ADAPTER.to_order(raw, Options())


def line(number: int, quantity: int, before: Decimal, net: Decimal, tax: Decimal) -> dict[str, Any]:
    told = {"subtotal": f"{before:.6f}", "total": f"{net:.6f}", "total_tax": f"{tax:.6f}"}
    return {"id": number, "name": "x", "sku": f"S{number}", "product_id": number, "variation_id": 0,
            "quantity": quantity, **told, "meta_data": []}  # fmt: skip


def cart(seed: int, *, rate: int, inclusive: bool, at_subtotal: bool, places: int = 2, off: int = 0) -> dict[str, Any]:
    """An order as `class-wc-cart-totals.php` and `trait-wc-item-totals.php` compute it, asked for with `dp=6`.

    Lines are rounded only as they are added up; their taxes stay rounded, half down where prices hold them.
    """
    rng, coin = random.Random(seed), Decimal(1).scaleb(-places)
    half = ROUND_HALF_DOWN if inclusive else ROUND_HALF_UP
    lines, total, taxes = [], Decimal(0), Decimal(0)

    def parted(price: Decimal) -> tuple[Decimal, Decimal]:
        tax = price * rate / (100 + rate * inclusive)
        return price - tax * inclusive, tax

    for number in range(1, rng.randint(1, 25)):
        quantity, price = rng.randint(1, 4), Decimal(rng.randint(50, 9999)) * coin
        before, (net, tax) = price * quantity, parted(price * quantity * (100 - off) / 100)
        tax = tax if at_subtotal else tax.quantize(coin, half)
        lines.append(line(number, quantity, parted(before)[0], net, tax))
        total += net if at_subtotal else net.quantize(coin, ROUND_HALF_UP)
        taxes += tax
    discount = sum(Decimal(each["subtotal"]) - Decimal(each["total"]) for each in lines)
    total, taxes = (total + taxes).quantize(coin, ROUND_HALF_UP), taxes.quantize(coin, ROUND_HALF_UP)
    return order(
        line_items=lines, shipping_lines=[], coupon_lines=[], tax_lines=[], discount_total=f"{discount:.6f}",
        total=f"{total:.6f}", total_tax=f"{taxes:.6f}", currency="EUR" if places else "CZK",
    )  # fmt: skip


@pytest.mark.parametrize(
    "site",
    [
        {"rate": 25, "inclusive": True, "at_subtotal": False},
        {"rate": 19, "inclusive": True, "at_subtotal": False, "off": 10},
        {"rate": 20, "inclusive": True, "at_subtotal": True},
        {"rate": 21, "inclusive": False, "at_subtotal": False, "off": 15},
        {"rate": 21, "inclusive": True, "at_subtotal": False, "places": 0},
        {"rate": 21, "inclusive": False, "at_subtotal": False, "places": 0, "off": 7},
    ],
    ids=["inclusive", "with coupons", "at the subtotal", "exclusive", "without decimals", "without, exclusive"],
)
def test_what_a_site_rounds_on_its_way_to_the_total_is_explained_however_many_lines_there_are(site: dict[str, Any]):
    carts = [cart(seed, **site) for seed in range(60)]
    assert {residue(mapped(raw)) for raw in carts} == {0}
    for raw in carts:
        taken = {**raw, "total": str(Decimal(raw["total"]) - Decimal("1.07"))}
        assert residue(mapped(taken)) != 0, "a plugin that takes something off the total is no rounding"


def refunded(of: dict[str, Any], units: int, amount: str, tax: str = "0") -> dict[str, Any]:
    names = [{"id": 1, "key": "_refunded_item_id", "value": str(of["id"])}]
    given = {"quantity": -units, "total": f"-{amount}", "total_tax": f"-{tax}", "meta_data": names}
    return {"id": 901, "reason": "", "amount": amount, "date_created_gmt": "2026-03-01T09:40:00",
            "line_items": [given]}  # fmt: skip


@pytest.mark.parametrize("price", ["10", "20", "49.99"])
def test_one_of_three_units_refunded_leaves_two_at_their_price_and_no_discount_below_zero(price: str):
    three = line(7, 3, Decimal(price), Decimal(price), Decimal(0))
    gone = f"{Decimal(price) / 3:.6f}"
    summary = [{"id": 901, "reason": "", "total": f"-{gone}"}]
    raw = order(
        line_items=[three], shipping_lines=[], coupon_lines=[], tax_lines=[], discount_total="0", total=price,
        total_tax="0", refunds=summary, refund_details=[refunded(three, 1, gone)],
    )  # fmt: skip
    (found,) = mapped(raw).lines
    assert found.quantity == "2"
    assert Decimal(found.discount) >= 0
    assert abs(Decimal(found.unit_price) * 2 - Decimal(found.discount) - Decimal(found.total)) < Decimal("0.00001")
    assert residue(mapped(raw)) == 0


@pytest.mark.parametrize(
    ("units", "given", "left"),
    [
        (1, [("8.264463", "1.74")], "20.00"),
        (1, [("8.264463", "1.74")] * 3, "0.00"),
        (3, [("24.79", "5.22")], "-0.01"),
        (3, [("24.80", "5.20")], "0.00"),
    ],
    ids=["as the site computes it", "three times", "typed, tax as well", "typed to the next coin"],
)
def test_what_is_left_after_refunds_of_prices_with_tax_is_a_sum_that_can_be_paid(units: int, given: Any, left: str):
    """Lines of refunds are as unrounded as those of orders, or typed by people; the refund itself is rounded."""
    three = line(7, 3, Decimal("24.793388"), Decimal("24.793388"), Decimal("5.21"))
    other = line(8, 2, Decimal("16.528926"), Decimal("16.528926"), Decimal("3.47"))
    details = [{**refunded(three, units, *each), "id": number} for number, each in enumerate(given, 901)]
    summaries = [{"id": each["id"], "reason": "", "total": f"-{each['amount']}"} for each in details]
    raw = order(
        line_items=[three, other], shipping_lines=[], coupon_lines=[], tax_lines=[], discount_total="0",
        total="50.000000", total_tax="8.680000", refunds=summaries, refund_details=details,
    )  # fmt: skip
    found = mapped(raw)
    assert Decimal(found.grand_total) == Decimal("20.00") + Decimal(left)
    assert residue(found) == 0
    if units * len(given) == 3:
        assert [Decimal(found.lines[0].total), Decimal(found.lines[0].quantity)] == [0, 0]


def test_a_refund_of_a_line_that_the_order_has_no_more_is_not_rounding():
    kept, out = (line(number, 1, Decimal(20), Decimal(20), Decimal(0)) for number in (7, 8))
    raw = order(
        line_items=[kept], shipping_lines=[], coupon_lines=[], tax_lines=[], discount_total="0", total="20",
        total_tax="0", refunds=[{"id": 901, "reason": "", "total": "-20"}], refund_details=[refunded(out, 1, "20")],
    )  # fmt: skip
    assert residue(mapped(raw)) != 0


def test_a_line_whose_total_somebody_raised_has_another_price_and_no_discount_below_zero():
    dearer = line(7, 2, Decimal(40), Decimal(50), Decimal(10))
    (found,) = mapped(order(line_items=[dearer])).lines
    assert [found.unit_price, found.discount, found.total] == ["25.000000", "0", "50.000000"]


@pytest.mark.parametrize(
    ("percent", "rate"),
    [("8.0999999999999996", "0.081"), (8.1, "0.081"), ("20", "0.2"), (8.875, "0.08875"), (0, "0"), ("", None)],
)
def test_a_rate_that_php_writes_with_all_digits_of_its_float_is_the_rate(percent: Any, rate: str | None):
    taxes = [{**each, "rate_percent": percent} for each in order()["tax_lines"]]
    (found,) = mapped(order(tax_lines=taxes)).taxes
    assert (found.rate and Decimal(found.rate)) == (rate and Decimal(rate))


def test_lists_in_which_plugins_left_gaps_make_the_same_order():
    given = refunded(order()["line_items"][0], 1, "22.05")
    whole = order(refunds=[{"id": 901, "reason": "", "total": "-22.05"}], refund_details=[given])
    lists = ("line_items", "shipping_lines", "fee_lines", "coupon_lines", "tax_lines", "refunds")
    holed = {**whole, **{name: {str(each["id"]): each for each in whole[name]} for name in lists}}
    holed["refund_details"] = [{**given, "line_items": {"3": given["line_items"][0]}}]
    assert mapped(holed) == mapped(whole)
