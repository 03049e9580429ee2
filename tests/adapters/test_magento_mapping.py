"""Magento's mapping: the money equation in both currencies, composed products, states, and what is called off."""

import copy
import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from orderflow.adapters.magento import ADAPTER, Options
from orderflow.adapters.magento.stubs import stub
from orderflow.domain.errors import RecordError

CASES = Path(__file__).parents[1] / "contract" / "cases" / "magento"
DECODE = msgspec.json.Decoder(float_hook=str).decode
SAMPLE = DECODE((CASES / "one_page" / "orders.json").read_bytes())["items"][0]


@pytest.fixture
def raw():
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


def test_the_sample_balances_in_both_currencies_to_the_last_digit(raw):
    order = mapped(raw)
    assert left(order) == left(order, "shop_") == 0
    assert (order.currency, order.shop_currency) == ("SEK", "EUR")
    assert Decimal(order.rounding) == Decimal(order.shop_rounding) == 0


def test_a_chosen_variant_is_no_line_of_its_own_even_where_it_repeats_the_price(raw):
    first, variant, _ = raw["order"]["items"]
    variant |= {name: first[name] for name in first if name.endswith(("price", "row_total", "tax_amount"))}
    order = mapped(raw)
    assert [(line.line_id, line.variant_id, line.quantity) for line in order.lines] == [
        ("11", "112", "2"),
        ("13", None, "1"),
    ]
    assert left(order) == 0


@pytest.mark.parametrize("own_price", [True, False], ids=["price of its own", "price of its parts"])
def test_a_bundles_money_counts_once(raw, own_price):
    whole, none = money("100", "25"), money("0", "0")
    bundle = row(1, product_type="bundle", **whole)
    parts = [
        row(2, parent_item_id=1, qty_ordered=2, **(none if own_price else money("60", "15"))),
        row(3, parent_item_id=1, **(none if own_price else money("40", "10"))),
    ]
    order = mapped(only(raw, bundle, *parts, grand="125", tax="25"))
    assert [(line.kind, line.parent_line_id) for line in order.lines] == [
        ("bundle_parent", None), ("bundle_child", "1"), ("bundle_child", "1"),
    ]  # fmt: skip
    assert left(order) == left(order, "shop_") == 0
    assert [Decimal(line.total) for line in order.lines] == ([100, 0, 0] if own_price else [0, 60, 40])


def test_what_plugins_put_together_keeps_all_of_its_parts(raw):
    kit = row(1, product_type="kit", **money("100", "25"))
    parts = [row(2, parent_item_id=1), row(3, parent_item_id=1, product_type="configurable"), row(4, parent_item_id=3)]
    record = only(raw, kit, *parts, grand="125", tax="25")
    order = mapped(record)
    assert [(line.line_id, line.kind, line.parent_line_id, line.variant_id) for line in order.lines] == [
        ("1", "bundle_parent", None, None), ("2", "bundle_child", "1", None), ("3", "bundle_child", "1", "904"),
    ]  # fmt: skip
    assert left(order) == left(order, "shop_") == 0
    assert stub(record["order"], Options()).lines == len(order.lines)


def moved(number, at, **units):
    """A shipment or credit memo of these rows (`r1=2`)."""
    items = [{"order_item_id": int(name[1:]), "qty": count} for name, count in units.items()]
    return {"entity_id": number, "created_at": f"2026-03-01 {at}:00", "state": 2, "grand_total": "1", "items": items}


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


def test_a_row_that_is_a_part_of_itself_does_not_vanish(raw):
    with pytest.raises(RecordError, match="no row is a part of itself"):
        mapped(only(raw, row(1, **money("100", "25")), row(2, parent_item_id=2), grand="125", tax="25"))


@pytest.mark.parametrize(
    ("whole", "parts", "status"),
    [
        (1, (0, 0), "partial"), (2, (0, 0), "shipped"), (1, (2, 2), "partial"), (2, (4, 2), "shipped"),
        (0, (4, 0), "partial"), (0, (4, 2), "shipped"), (0, (0, 0), "unfulfilled"),
    ],
)  # fmt: skip
def test_a_bundle_is_sent_as_a_whole_or_by_its_parts(raw, whole, parts, status):
    bundle = row(1, product_type="bundle", **{**money("100", "25"), "qty_ordered": 2, "qty_shipped": whole})
    below = [
        row(number, parent_item_id=1, qty_ordered=ordered, qty_shipped=sent)
        for number, ordered, sent in zip((2, 3), (4, 2), parts, strict=True)
    ]
    download = row(4, product_type="downloadable")
    assert mapped(only(raw, bundle, *below, download, grand="125", tax="25")).fulfilment_status == status


def test_digits_that_only_a_float_has_are_no_money(raw):
    noisy = row(1, **money("36.390000000000001", "9.0999999999999996"), discount_amount="1.4210854715202e-14")
    order = mapped(only(raw, noisy, grand="45.490000000000002", tax="9.0999999999999996"))
    assert [Decimal(text) for text in (order.lines[0].total, order.tax_total, order.grand_total)] == [
        Decimal("36.39"), Decimal("9.1"), Decimal("45.49"),
    ]  # fmt: skip
    assert left(order) == 0
    assert stub(raw["order"], Options()).total == order.grand_total


def test_a_discount_that_contains_tax_is_taken_without_it(raw):
    off = {"discount_amount": "12", "discount_tax_compensation_amount": "2"}
    off |= {f"base_{name}": f"{Decimal(text) / 10:f}" for name, text in off.items()}
    order = mapped(only(raw, row(1, **money("100", "18"), **off), grand="108", tax="18"))
    assert (order.lines[0].discount, order.lines[0].total) == ("10", "90")
    assert left(order) == left(order, "shop_") == 0


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


def test_adobe_commerce_sends_empty_texts_where_nothing_was_wrapped(raw):
    names = (
        "gw_base_price",
        "gw_price",
        "gw_items_base_price",
        "gw_items_price",
        "gw_card_base_price",
        "gw_card_price",
    )
    balances = {"gift_cards": [], "base_gift_cards_amount": 0, "gift_cards_amount": 0}
    raw["order"]["extension_attributes"] |= dict.fromkeys(names, "") | balances
    order = mapped(raw)
    assert [charge.kind for charge in order.charges] == ["shipping"]
    assert left(order) == left(order, "shop_") == 0


@pytest.mark.parametrize(
    ("attributes", "kinds"),
    [
        ({"mollie_payment_fee": "1.9500", "base_mollie_payment_fee": "0.1950", "label": "x", "more": {}}, ["service"]),
        ({"mollie_payment_fee": "1.9500", "base_mollie_payment_fee": "0.1900"}, []),
        ({"mollie_payment_fee": "1.9500"}, []),
        ({}, []),
    ],
    ids=["both currencies", "another amount", "one currency", "nothing"],
)
def test_a_fee_of_a_plugin_is_known_by_its_amount_in_both_currencies(raw, attributes, kinds):
    record = only(raw, row(1, **money("100", "25.40")), grand="127.35", tax="25.40")
    record["order"]["extension_attributes"] |= attributes
    order = mapped(record)
    assert [charge.kind for charge in order.charges if Decimal(charge.total)] == kinds
    assert left(order) == (0 if kinds else Decimal("-1.95"))
    assert left(order, "shop_") == (0 if kinds else Decimal("-0.195"))


def test_a_balance_that_did_not_lessen_the_total_is_no_fee_besides(raw):
    record = only(raw, row(1, **money("100", "25")), grand="125", tax="25")
    record["order"]["extension_attributes"] |= {"gift_cards_amount": "20", "base_gift_cards_amount": "2"}
    order = mapped(record)
    assert [charge.kind for charge in order.charges if Decimal(charge.total)] == []
    assert (left(order), left(order, "shop_")) == (-20, -2)


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


def test_gift_cards_wrapping_and_product_taxes_stand_in_the_total(raw):
    record = only(
        raw,
        row(1, weee_tax_applied_row_amount="3", base_weee_tax_applied_row_amnt="0.3", **money("100", "25")),
        grand="83",
        tax="25",
    )
    record["order"]["extension_attributes"] |= {
        "gw_price": "5.0000", "gw_base_price": "0.5000", "gift_cards_amount": "50", "base_gift_cards_amount": "5",
    }  # fmt: skip
    order = mapped(record)
    assert Decimal(order.grand_total) == 133
    assert [(charge.kind, Decimal(charge.total)) for charge in order.charges if Decimal(charge.total)] == [
        ("surcharge", 3),
        ("gift_wrap", 5),
    ]
    assert ("gift_card", "50") in [(payment.kind, payment.amount) for payment in order.payments]
    assert left(order) == left(order, "shop_") == 0


@pytest.mark.parametrize(
    ("state", "more", "ours"),
    [
        ("new", {}, "pending"),
        ("new", {"method": "cashondelivery"}, "open"),
        ("pending_payment", {}, "pending"),
        ("processing", {}, "open"),
        ("processing", {"status": "fraud"}, "on_hold"),
        ("processing", {"status": "awaiting_stock"}, "on_hold"),
        ("complete", {}, "completed"),
        ("closed", {}, "cancelled"),
        ("closed", {"qty_shipped": 1}, "completed"),
        ("canceled", {}, "cancelled"),
        ("holded", {}, "on_hold"),
        ("payment_review", {"status": "payment_review"}, "on_hold"),
    ],
)
def test_each_state_has_its_meaning(raw, state, more, ours):
    raw["order"] |= {"state": state, "status": more.get("status", "ours")}
    raw["order"]["payment"]["method"] = more.get("method", "checkmo")
    raw["order"]["items"][0]["qty_shipped"] = more.get("qty_shipped", 0)
    assert mapped(raw, statuses={"awaiting_stock": "on_hold"}).order_status == ours


def test_an_unpaid_order_is_told_from_one_that_pays_on_delivery(raw):
    for name in ("total_paid", "base_total_paid"):
        del raw["order"][name]
    raw["order"]["payment"] = {"method": "checkmo"}
    assert mapped(raw).payment_status == "unpaid"
    assert mapped(raw).paid_at is None
    raw["order"]["payment"] = {"method": "cashondelivery"}
    assert mapped(raw).payment_status == "cod_due"
    raw["order"]["payment"] = {"method": "card", "amount_authorized": "1711.2"}
    assert mapped(raw).payment_status == "authorized"


def test_an_order_made_from_another_names_it(raw):
    raw["order"]["relation_parent_id"] = 2
    assert mapped(raw).parent_id == "2"


def test_a_buyer_without_addresses_is_a_contact(raw):
    raw["order"]["extension_attributes"]["shipping_assignments"] = []
    del raw["order"]["billing_address"]
    contact = mapped(raw).contacts[0]
    assert (contact.role, contact.name, contact.email) == ("sold_to", "Zoë Łukasiewicz-Nuñez", "zoe@example.test")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"state": "teleported"}, "STATUS_UNKNOWN", "state"),
        ({"state": None}, "STATUS_UNKNOWN", "state"),
        ({"grand_total": None}, "AMOUNT_MISSING", "grand_total"),
        ({"tax_amount": "٣٤"}, "AMOUNT_MALFORMED", "tax_amount"),
        ({"items": "none"}, "RAW_SHAPE", "order"),
    ],
)
def test_what_cannot_be_read_says_where(raw, change, code, field):
    raw["order"] |= change
    with pytest.raises(RecordError) as caught:
        mapped(raw)
    assert (caught.value.code, caught.value.field) == (code, field)


@pytest.mark.parametrize("name", ["creditmemos", "shipments"])
def test_details_that_did_not_come_are_missed(raw, name):
    with pytest.raises(RecordError, match="DETAIL_MISSING"):
        mapped(raw | {name: None})
