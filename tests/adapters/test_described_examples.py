"""Whole channel files of docs/examples, on orders as the real shops gave them."""

from decimal import Decimal
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


def medusa_line(price, quantity, discount, tax, *, inclusive, net_discount=None, returned=0):
    return {
        "id": "ordli_1", "variant_sku": "KN", "quantity": quantity, "unit_price": price, "is_tax_inclusive": inclusive,
        "discount_total": discount, "discount_subtotal": net_discount or discount, "tax_total": tax,
        "detail": {"fulfilled_quantity": 1, "return_received_quantity": returned, "return_dismissed_quantity": 0},
    }  # fmt: skip


def medusa_shipping(amount, discount, net_discount, tax, *, inclusive):
    return {
        "id": "ordsm_1", "name": "Std", "amount": amount, "is_tax_inclusive": inclusive,
        "discount_total": discount, "discount_subtotal": net_discount, "tax_total": tax,
    }  # fmt: skip


def medusa(currency, total, tax, items, shipping):
    raw = {
        "id": "order_1", "display_id": 30, "currency_code": currency, "status": "pending", "payment_status": "captured",
        "total": total, "tax_total": tax, "credit_line_total": "0", "items": items, "shipping_methods": shipping,
        "created_at": "2026-11-23T20:17:01.115Z", "updated_at": "2026-11-23T20:21:43.457Z",
    }  # fmt: skip
    return mapped("medusa.yml", raw)


def test_a_medusa_order_counts_no_unit_that_came_back():
    items = [
        medusa_line("3.333", "2", "0", "0.16665", inclusive=False, returned=1),
        medusa_line("61.115", "4", "0", "12.223", inclusive=False),
        medusa_line("0.025", "1", "0", "0.00125", inclusive=False),
    ]
    shipping = [medusa_shipping(amount, "0", "0", tax, inclusive=False) for amount, tax in
                (("1.255", "0.06275"), ("0.755", "0.03775"))]  # fmt: skip
    order = medusa("kwd", "262.3194", "12.4914", items, shipping)
    line = order.lines[0]
    assert (line.quantity, line.quantity_ordered, line.quantity_returned) == ("1", "2", "1")
    assert (order.grand_total, order.tax_total, residue(order)) == ("262.319", "12.491", 0)


def test_a_medusa_order_with_tax_in_its_prices_counts_no_unit_that_was_exchanged():
    items = [
        medusa_line("199.95", "2", "29.992499999999996", "27.13607142857143", inclusive=True, returned=1),
        medusa_line("12.99", "3", "5.8455", "5.288785714285714", inclusive=True),
    ]
    shipping = [medusa_shipping("4.9", "0", "0", "0.7823529411764706", inclusive=True)]
    order = medusa("eur", "207.982", "33.20721", items, shipping)
    assert (order.lines[0].quantity, order.grand_total, residue(order)) == ("1", "207.98", 0)


def test_a_medusa_discount_on_shipping_is_without_tax_where_the_price_is():
    items = [medusa_line("0.07", "3", "0.02286375", "0.01677375", inclusive=False, net_discount="0.021")]
    shipping = [medusa_shipping("7.77", "8.4595875", "7.77", "0", inclusive=False)]
    order = medusa("usd", "0.20577375", "0.01677375", items, shipping)
    assert (order.charges[0].total, order.grand_total, residue(order)) == ("0.00", "0.21", 0)


def test_a_medusa_order_adds_up_after_all_that_it_does_not_round():
    items = [
        medusa_line("199.95", "3", "140.96475", "73.26739285714285", inclusive=True),
        medusa_line("12.99", "4", "12.210600000000001", "6.346542857142857", inclusive=True),
    ]
    shipping = [medusa_shipping("4.9", "4.8999999999999995", "4.117647058823529", "0", inclusive=True)]
    order = medusa("eur", "498.63465", "79.61393571428572", items, shipping)
    assert [Decimal(line.total) for line in order.lines] == [Decimal("458.89"), Decimal("39.75")]
    assert order.grand_total == "498.63"
    assert (Decimal(order.rounding), residue(order)) == (Decimal("-0.01"), 0)


def test_an_oscar_order_has_the_tax_that_lies_between_its_amounts():
    row = {
        "id": 45, "number": "100045", "currency": "GBP", "status": "Being processed", "total_incl_tax": "37.05",
        "total_excl_tax": "30.87", "shipping_incl_tax": "0.00", "shipping_excl_tax": "0.00", "owner": None,
        "date_placed": "2026-11-23T20:12:53.827461Z", "email": "zoe@example.org",
        "shipping_address": {"country": "https://shop.example/api/countries/SE/", "line1": "Götgatan 12 B"},
    }  # fmt: skip
    line = {
        "id": 84, "partner_sku": "a-GBP", "title": "菜刀", "upc": "aGBP", "quantity": 4, "price_excl_tax": "30.87",
        "price_incl_tax": "37.05", "price_incl_tax_excl_discounts": "47.95", "price_excl_tax_excl_discounts": "39.96",
    }  # fmt: skip
    order = mapped("oscar.yml", {"row": row, "detail": [line]})
    assert (order.order_status, order.tax_total, residue(order)) == ("open", "6.18", 0)
    assert (order.lines[0].discount, order.lines[0].total, order.lines[0].unit_price) == ("10.90", "37.05", None)
    assert [each.country for each in order.contacts] == ["SE"]


DIRECTUS = {
    "id": "11409bf1-7589-413b-bae1-df4cc00ddff3", "number": 17, "status": "paid", "currency": "KWD", "total": "11.2500",
    "shipping": "1.2500", "discount": "0.5000", "gift_card": "2.0000", "test": False, "date_updated": None,
    "date_created": "2026-11-23T20:24:50.451Z", "address": {"name": "Zoë", "street": ["a", "b"], "country": "SE"},
    "items": [{"id": 4, "sku": "S0018", "title": "菜刀", "qty": "2.000", "price": "5.2500", "tax": "1.7500"}],
    "refunds": [{"id": 1, "amount": "1.0000", "date_created": "2026-11-23T20:25:50.451Z"}],
}  # fmt: skip


def test_a_directus_order_that_was_never_changed_has_the_time_of_its_making():
    order = mapped("directus.yml", DIRECTUS)
    assert (order.channel_updated_at, residue(order)) == (DIRECTUS["date_created"], 0)
    assert [(each.kind, each.amount) for each in order.payments] == [("gift_card", "2.0000")]
    changed = {**DIRECTUS, "date_updated": "2026-11-24T00:00:00Z"}
    assert mapped("directus.yml", changed).channel_updated_at == changed["date_updated"]


@pytest.mark.parametrize(("inclusive", "total"), [(True, "67.90"), (False, "79.90")])
def test_a_strapi_order_adds_up_with_tax_and_without(inclusive, total):
    order = mapped("strapi.yml", {
        "documentId": "wualwcv2jh5qng00bvmnfbvm", "number": "N1", "state": "paid", "currency": "EUR", "total": total,
        "shipping": "4.9", "pricesIncludeTax": inclusive, "createdAt": "2026-11-23T20:36:18.017Z",
        "updatedAt": "2026-11-23T20:36:18.017Z", "refunds": [], "discounts": [{"code": "X", "amount": "1"}],
        "items": [{"id": 1, "sku": "S0015", "title": "菜刀", "qty": "2", "price": "32", "tax": "12"}],
    })  # fmt: skip
    assert (order.taxes_included, residue(order)) == (inclusive, 0)


def odoo_line(number, subtotal, tax, **fields):
    told = {"display_type": False, "is_delivery": False, "product_id": {"id": 5, "default_code": f"T-{number}"}}
    return {"id": number, "name": "菜刀", "product_uom_qty": 1.0, "price_subtotal": subtotal, "price_tax": tax,
            "product_uom_id": {"id": 1, "name": "Units"}, "qty_delivered": 0.0, **told, **fields}  # fmt: skip


def test_what_odoo_says_with_false_is_not_there_and_its_taxes_may_be_rounded_by_the_whole_order():
    place = {"name": "Zoë", "street": False, "street2": False, "city": False, "zip": False, "phone": False,
             "email": "zoe@example.org", "state_id": False, "country_id": {"id": 2, "code": "SE"}}  # fmt: skip
    lines = [
        {"id": 1, "display_type": "line_section", "name": "Knives", "product_id": False, "is_delivery": False},
        odoo_line(2, 9.05, 1.7200000000000002),
        odoo_line(3, 4.53, 0.86, product_id={"id": 6, "default_code": False}),
        odoo_line(4, 4.54, 0.86, is_delivery=True),
    ]
    order = mapped("odoo.yml", {
        "id": 9, "name": "S00009", "state": "sale", "write_date": "2026-11-24 00:27:51", "delivery_status": False,
        "currency_id": {"id": 1, "name": "EUR"}, "partner_id": 7, "amount_untaxed": 18.11,
        "amount_tax": 3.4400000000000004, "amount_total": 21.55, "order_line": lines, "invoice_ids": [],
        "picking_ids": [{"id": 3, "state": "done", "date_done": False, "carrier_tracking_ref": False}],
        "partner_shipping_id": place, "partner_invoice_id": place,
    })  # fmt: skip
    assert [(line.line_id, line.sku, line.tax) for line in order.lines] == [("2", "T-2", "1.72"), ("3", None, "0.86")]
    assert (order.charges[0].amount, order.rounding, order.fulfilment_status) == ("4.54", "-0.01", "unfulfilled")
    assert (order.shipments[0].tracking_numbers, order.shipments[0].shipped_at, residue(order)) == ([], None, 0)
    assert (order.contacts[0].address, order.contacts[0].city, order.contacts[0].region) == ([], None, None)


EVERSHOP = {
    "uuid": "02f65a5c-abe2-4b00-a40e-8477690093d6", "orderNumber": "10041", "currency": "USD", "coupon": "TEN",
    "createdAt": {"value": "1795481666224"}, "updatedAt": {"value": "1795481666224"}, "customerId": None,
    "status": {"code": "processing"}, "paymentStatus": {"code": "pending"}, "shipmentStatus": {"code": "delivered"},
    "grandTotal": {"value": 37.93}, "totalTaxAmount": {"value": 6.58}, "shippingMethodName": "Post",
    "shippingFeeInclTax": {"value": 4.95}, "shippingTaxAmount": {"value": 0.86},
    "items": [
        {"orderItemId": "74", "productSku": "K-08", "qty": 1, "finalPriceInclTax": {"value": 26.65},
         "taxAmount": {"value": 4.1618}, "lineTotalWithDiscountInclTax": {"value": 23.98}},
        {"orderItemId": "75", "productSku": "K-03", "qty": 1, "finalPriceInclTax": {"value": 10},
         "taxAmount": {"value": 1.562}, "lineTotalWithDiscountInclTax": {"value": 9}},
    ],
    "shipments": [{"uuid": "5b36f065", "carrier": "custom", "trackingNumber": "TRK41", "phase": "delivered",
                   "shippedAt": None, "items": [{"orderItemId": 74, "qty": 1}, {"orderItemId": 75, "qty": 1}]}],
    "shippingAddress": {"fullName": "Zoë 20", "address1": "Weg 20", "address2": None, "city": "München",
                        "postcode": "80331", "country": {"code": "DE"}, "province": {"name": "Bayern"}},
}  # fmt: skip


def test_an_evershop_order_adds_up_with_the_tax_that_it_rounds_with():
    order = mapped("evershop.yml", EVERSHOP)
    assert (order.taxes_included, order.tax_total, residue(order)) == (True, "6.58", 0)
    assert [(line.total, line.discount, line.tax) for line in order.lines] == [
        ("23.98", "2.67", "4.16"), ("9", "1", "1.56"),
    ]  # fmt: skip
    assert (order.order_status, order.fulfilment_status, order.tags) == ("open", "delivered", ["TEN"])
    assert order.shipments[0].lines == [("74", "1"), ("75", "1")]
