"""TikTok Shop's mapping and signatures, against the vectors and sample that its README names."""

import copy

import pytest
from money_equation import residue
from tiktok_shop_orders import mapped, sample

from orderflow.adapters.tiktok_shop.auth import signature
from orderflow.domain.errors import RecordError
from orderflow.domain.source import Secret

SECRET = Secret("tts_secret_123")


@pytest.fixture
def raw():
    return sample()


def test_a_search_is_signed_with_its_body_as_documented():
    params = {
        "app_key": "6abc12def",
        "page_size": "50",
        "shop_cipher": "GCP_cipher==",
        "sort_field": "update_time",
        "sort_order": "ASC",
        "timestamp": "1772409600",
        "sign": "an earlier attempt's",
    }
    body = b'{"update_time_ge":1772323200,"update_time_lt":1772409600}'
    sign = signature(SECRET, "/order/202309/orders/search", params, body)
    assert sign == "d33b33e1868ae0dbe46fd2078a954f9eb7c652c4e0b4426c132d2ddda5e0a178"


def test_a_request_without_body_is_signed_as_documented():
    params = {
        "app_key": "6abc12def",
        "ids": "576461413038785752",
        "shop_cipher": "GCP_cipher==",
        "timestamp": "1772409600",
        "access_token": "never signed",
    }
    sign = signature(SECRET, "/order/202309/orders", params)
    assert sign == "44da8b4b85c52063aac7e68e849edb1363e4347319811482acdbba5fc7f7e129"


def test_the_sample_adds_up_with_tax_on_top(raw):
    order = mapped(raw)
    assert residue(order) == 0
    assert not order.taxes_included
    assert (order.items_total, order.charge_total, order.tax_total) == ("116.10", "7.90", "9.92")
    assert order.grand_total == "133.92"
    assert [(tax.title, tax.rate, tax.amount) for tax in order.taxes] == [
        ("SALES_TAX", "0.08", "9.29"),
        ("shipping_fee_tax", None, "0.63"),
    ]


def test_every_unit_is_a_line_with_its_own_id_and_the_only_variant_has_no_name(raw):
    order = mapped(raw)
    assert [(each.line_id, each.quantity, each.unit_price, each.discount, each.total) for each in order.lines] == [
        ("577086512123755123", "1", "24.50", "2.45", "22.05"),
        ("577086512123755124", "1", "24.50", "2.45", "22.05"),
        ("577086512123755125", "1", "80.00", "8.00", "72.00"),
    ]
    assert [each.title for each in order.lines][1:] == ["Crème-brûlée torch Röd", "菜刀 chef knife"]


def test_prices_outside_of_the_united_states_contain_tax(raw):
    payment, knife = raw["payment"], raw["line_items"].pop()
    raw["line_items"] = [
        knife | {"original_price": "179", "sale_price": "149", "seller_discount": "20", "item_tax": []}
    ]
    raw["line_items"][0] |= {"platform_discount": "10", "currency": "BRL"}
    payment |= {"currency": "BRL", "original_total_product_price": "179", "platform_discount": "10", "sub_total": "149"}
    payment |= {"seller_discount": "20", "original_shipping_fee": "73.34", "shipping_fee_seller_discount": "73.34"}
    payment |= {"shipping_fee": "0", "tax": None, "shipping_fee_tax": None, "total_amount": "149"}
    order = mapped(raw)
    assert (order.taxes_included, order.grand_total, residue(order)) == (True, "149", 0)
    assert [(each.title, each.funded_by, each.amount, each.allocated) for each in order.discounts] == [
        ("seller_discount", "seller", "20", "20"),
        ("platform_discount", "platform", "10", "10"),
        ("shipping_fee_seller_discount", "seller", "73.34", "73.34"),
    ]
    payment |= {"tax": "12.50"}
    order = mapped(raw)
    assert (order.taxes_included, order.tax_total, residue(order)) == (True, "12.50", 0)


def test_fees_are_charges_and_a_discount_of_the_payment_stands_alone(raw):
    raw["payment"] |= {"small_order_fee": "2.50", "buyer_service_fee": "1", "payment_platform_discount": "5"}
    raw["payment"] |= {"payment_discount_service_fee": "0.58", "total_amount": "133.00"}
    order = mapped(raw)
    assert residue(order) == 0
    assert [(each.kind, each.title, each.total) for each in order.charges][1:] == [
        ("surcharge", "small_order_fee", "2.50"),
        ("service", "buyer_service_fee", "1"),
        ("service", "payment_discount_service_fee", "0.58"),
    ]
    assert (order.discounts[-1].title, order.discounts[-1].allocated) == ("payment_platform_discount", "0")


def test_a_shipping_fee_that_its_discounts_do_not_explain_stands_alone(raw):
    raw["payment"] |= {"original_shipping_fee": "9.90", "shipping_fee_platform_discount": "1.00"}
    order = mapped(raw)
    assert (order.charges[0].amount, order.charges[0].discount, len(order.discounts)) == ("7.90", "0", 1)
    assert residue(order) == 0


@pytest.mark.parametrize("still_counted", [True, False])
def test_a_called_off_line_counts_nothing_whether_or_not_the_totals_still_have_it(raw, still_counted):
    raw["line_items"][2]["display_status"] = "CANCELLED"
    if not still_counted:
        raw["payment"] |= {"sub_total": "44.10", "seller_discount": "4.90", "tax": "4.16", "total_amount": "56.16"}
    order = mapped(raw)
    assert [each.quantity for each in order.lines] == ["1", "1", "0"]
    assert (order.order_status, order.grand_total, order.tax_total, residue(order)) == ("open", "56.16", "4.16", 0)
    assert [(each.amount, each.allocated) for each in order.discounts] == [("4.90", "4.90")]
    assert order.taxes[0].amount == "3.53"


def test_a_wholly_called_off_order_keeps_its_amounts(raw):
    raw |= {"status": "CANCELLED", "cancel_time": 1772360000, "cancel_reason": "改變心意", "paid_time": 0}
    for each in raw["line_items"]:
        each["display_status"] = "CANCELLED"
    order = mapped(raw)
    assert (order.order_status, order.payment_status, order.grand_total, residue(order)) == (
        "cancelled",
        "voided",
        "133.92",
        0,
    )
    assert (order.cancelled_at, order.cancel_reason) == ("2026-03-01T10:13:20+00:00", "改變心意")
    assert [each.quantity for each in order.lines] == ["1", "1", "1"]


def test_a_combo_is_a_bundle_with_a_line_for_each_of_its_articles(raw):
    parts = [{"sku_id": "9", "sku_count": 3, "product_id": "8", "seller_sku": "CUP"}, {"sku_id": "7", "sku_count": 1}]
    raw["line_items"][0] |= {"sku_type": "COMBO", "combined_listing_skus": parts}
    order = mapped(raw)
    assert [(each.number, each.kind, each.sku, each.quantity, each.total) for each in order.lines] == [
        (1, "bundle_parent", "TORCH-01", "1", "22.05"),
        (2, "bundle_child", "CUP", "3", "0"),
        (3, "bundle_child", None, "1", "0"),
        (4, "product", "TORCH-01", "1", "22.05"),
        (5, "product", "KNIFE-02", "1", "72.00"),
    ]
    assert order.lines[1].parent_line_id == order.lines[0].line_id
    assert order.lines[1].line_id == "577086512123755123:9"
    assert residue(order) == 0


def test_whatever_the_type_of_a_line_its_articles_are_what_has_to_be_packed(raw):
    raw["line_items"][2]["combined_listing_skus"] = [{"sku_id": "9", "sku_count": 2, "seller_sku": "CUP"}]
    assert [(each.kind, each.sku) for each in mapped(raw).lines][2:] == [
        ("bundle_parent", "KNIFE-02"),
        ("bundle_child", "CUP"),
    ]


def test_a_blind_box_has_the_sku_that_was_in_it(raw):
    raw["line_items"][2]["unboxing_sku_code"] = "FIGURE-7"
    assert [each.sku for each in mapped(raw).lines] == ["TORCH-01", "TORCH-01", "FIGURE-7"]


@pytest.mark.parametrize(("total", "charged"), [("134.42", ["pfand_fee"]), ("133.92", []), ("135.00", [])])
def test_a_deposit_is_a_charge_where_the_total_holds_it(raw, total, charged):
    raw["line_items"][0]["pfand_fee"] = raw["line_items"][1]["pfand_fee"] = "0.25"
    raw["payment"]["total_amount"] = total
    order = mapped(raw)
    assert [each.title for each in order.charges][1:] == charged
    assert (residue(order) == 0) == (total != "135.00")


def test_gifts_and_virtual_goods_are_lines_of_their_own_kind(raw):
    raw["line_items"][0] |= {"is_gift": True}
    raw["line_items"][1] |= {"sku_type": "VIRTUAL"}
    assert [each.kind for each in mapped(raw).lines] == ["gift", "service", "product"]


@pytest.mark.parametrize(
    ("status", "order_status", "fulfilment"),
    [
        ("UNPAID", "pending", "unfulfilled"),
        ("ON_HOLD", "on_hold", "unfulfilled"),
        ("PARTIALLY_SHIPPING", "open", "partial"),
        ("AWAITING_COLLECTION", "open", "unfulfilled"),
        ("IN_TRANSIT", "open", "shipped"),
        ("DELIVERED", "open", "delivered"),
        ("COMPLETED", "completed", "delivered"),
    ],
)
def test_the_status_says_how_far_the_order_is(raw, status, order_status, fulfilment):
    raw["status"] = status
    order = mapped(raw)
    assert (order.order_status, order.fulfilment_status, order.raw_status) == (
        order_status,
        fulfilment,
        {"status": status},
    )


def test_a_buyer_who_wants_to_call_it_off_holds_an_open_order(raw):
    raw["is_buyer_request_cancel"] = "true"
    assert (mapped(raw).order_status, mapped(raw).hold_reasons) == ("on_hold", ["buyer_asks_to_cancel"])
    raw["status"] = "COMPLETED"
    assert mapped(raw).order_status == "completed"


def test_an_order_is_held_while_it_is_on_hold_and_not_because_it_once_was(raw):
    raw["is_on_hold_order"] = True
    assert (mapped(raw).order_status, mapped(raw).hold_reasons) == ("open", [])
    raw["status"] = "ON_HOLD"
    assert (mapped(raw).order_status, mapped(raw).hold_reasons) == ("on_hold", ["on_hold_order"])


@pytest.mark.parametrize(
    ("kind", "who"),
    [
        ("FULFILLMENT_BY_SELLER", "merchant"),
        ("", "merchant"),
        ("FULFILLMENT_BY_TIKTOK", "marketplace"),
        ("FULFILLMENT_BY_DILAYANI_TOKOPEDIA", "marketplace"),
    ],
)
def test_only_what_the_seller_is_to_send_is_left_to_the_seller(raw, kind, who):
    raw["fulfillment_type"] = kind
    assert {each.fulfilled_by for each in mapped(raw).lines} == {who}


def test_cash_on_delivery_is_due_until_it_is_delivered(raw):
    raw |= {"is_cod": True, "status": "IN_TRANSIT", "paid_time": 0}
    order = mapped(raw)
    assert (order.payment_status, order.paid, order.payments[0].status) == ("cod_due", "0", "pending")
    raw["status"] = "DELIVERED"
    order = mapped(raw)
    assert (order.payment_status, order.paid, order.payments[0].kind) == ("paid", "133.92", "cod")


def test_lines_of_one_package_are_one_parcel_once_it_is_under_way(raw):
    for each, package in zip(raw["line_items"], ("P1", "P1", "P2"), strict=True):
        each |= {"package_id": package, "tracking_number": f"TR-{package}", "shipping_provider_name": "UPS"}
    assert mapped(raw).shipments == []
    raw |= {"collection_time": 1772400000, "delivery_time": 1772500000, "status": "IN_TRANSIT"}
    raw["line_items"][0]["display_status"] = raw["line_items"][1]["display_status"] = "DELIVERED"
    raw["line_items"][2]["display_status"] = "IN_TRANSIT"
    shipments = mapped(raw).shipments
    assert [(each.shipment_id, each.tracking_numbers, len(each.lines)) for each in shipments] == [
        ("P1", ["TR-P1"], 2),
        ("P2", ["TR-P2"], 1),
    ]
    assert [each.delivered_at for each in shipments] == ["2026-03-03T01:06:40+00:00", None]
    assert [each.quantity_fulfilled for each in mapped(raw).lines] == ["1", "1", "1"]


def test_stars_are_kept_and_told(raw):
    order = mapped(raw)
    assert (order.masking, order.contacts[0].name, order.contacts[0].city) == ("masked", "Z** Ł***", "Española")
    assert (order.contacts[0].region, order.contacts[0].note) == ("New Mexico", "Ring på dörren – tack!")
    assert order.contacts[1].email == "v4b2f2g7@scs.tiktokw.us"
    clear = {"name": "Żaneta", "phone_number": "+1505", "full_address": "8 Plaza", "address_line1": "8 Plaza"}
    raw["recipient_address"] |= clear
    assert mapped(raw).masking == "plain"
    raw["recipient_address"]["district_info"][3]["address_name"] = "Es*******"
    assert mapped(raw).masking == "masked"


@pytest.mark.parametrize(
    "emptied",
    [
        None,
        {"name": "", "full_address": "", "postal_code": "", "region_code": ""},
        {"name": "", "postal_code": "11140", "district_info": [{"address_level_name": "City", "address_name": "Bắc"}]},
    ],
)
@pytest.mark.parametrize(
    ("status", "masking"),
    [("UNPAID", "masked"), ("ON_HOLD", "masked"), ("AWAITING_SHIPMENT", "plain"), ("CANCELLED", "masked")],
)
def test_an_order_that_names_nobody_is_masked_unless_it_waits_to_be_sent(raw, emptied, status, masking):
    raw |= {"recipient_address": emptied, "status": status}
    assert (mapped(raw).masking, [each.role for each in mapped(raw).contacts]) == (masking, ["sold_to"])


def test_a_town_of_the_united_kingdom_is_its_post_town(raw):
    raw["recipient_address"]["post_town"] = "Ribbleton"
    assert mapped(raw).contacts[0].city == "Ribbleton"


def test_an_order_without_address_keeps_the_note_and_the_tax_number(raw):
    raw |= {"recipient_address": None, "cpf": "000.000.000-00", "cpf_name": "João"}
    assert [(each.role, each.note, each.tax_id) for each in mapped(raw).contacts] == [
        ("sold_to", "Ring på dörren – tack!", None),
        ("bill_to", None, "000.000.000-00"),
    ]


def test_programs_and_the_order_it_replaces_are_told(raw):
    raw |= {"fulfillment_type": "FULFILLMENT_BY_TIKTOK", "is_sample_order": "true", "is_replacement_order": True}
    raw["replaced_order_id"] = "576461413000000000"
    order = mapped(raw)
    assert (order.programs, order.parent_id) == (["fbt", "sample", "replacement"], "576461413000000000")
    assert order.lines[0].fulfilled_by == "marketplace"


def test_an_order_without_total_has_none(raw):
    raw["payment"]["total_amount"] = None
    assert mapped(raw).grand_total is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "TELEPORTED"}, "STATUS_UNKNOWN"),
        ({"line_items": [{"id": "1"}]}, "RAW_SHAPE"),
        ({"line_items": None}, "RAW_SHAPE"),
        ({"payment": None}, "RAW_SHAPE"),
    ],
)
def test_another_shape_refuses_the_order(raw, change, code):
    with pytest.raises(RecordError, match=code):
        mapped(raw | change)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"display_status": "TELEPORTED"}, "STATUS_UNKNOWN"),
        ({"currency": "EUR"}, "CURRENCY_MIXED"),
        ({"sale_price": "12,50"}, "AMOUNT_MALFORMED"),
    ],
)
def test_a_broken_line_refuses_the_whole_order(raw, change, code):
    raw = copy.deepcopy(raw)
    raw["line_items"][1] |= change
    with pytest.raises(RecordError, match=code):
        mapped(raw)
