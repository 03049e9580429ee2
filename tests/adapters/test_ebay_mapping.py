"""eBay's mapping: what an order comes to, whoever collects its tax, and what happened to it since."""

import copy
from decimal import Decimal

import pytest
from ebay_orders import mapped, money, sample, with_breakdown
from money_equation import residue

from orderflow.domain.errors import RecordError


@pytest.fixture
def order():
    return sample()


def test_the_sample_adds_up(order):
    found = mapped(order)
    assert residue(found) == 0
    assert (found.items_total, found.charge_total) == ("116.10", "7.90")
    assert (found.grand_total, found.paid) == ("124.00", "124.00")
    assert [(each.unit_price, each.discount, each.total) for each in found.lines] == [
        ("24.50", "4.90", "44.10"),
        ("80.00", "8.00", "72.00"),
    ]
    assert [(each.title, each.funded_by, each.amount, each.allocated) for each in found.discounts] == [
        ("WELCOME10", "seller", "12.90", "12.90")
    ]


def test_tax_that_ebay_keeps_makes_no_other_order_whether_or_not_the_totals_hold_it(order):
    plain, whole = mapped(order), mapped(with_breakdown(order))
    assert (whole.grand_total, Decimal(whole.tax_total), whole.paid) == (plain.grand_total, 0, plain.paid)
    assert whole.lines == plain.lines
    assert whole.taxes == plain.taxes == []
    assert whole.ext["ebayCollectAndRemitTax"] == plain.ext["ebayCollectAndRemitTax"] == "9.92"
    assert residue(whole) == 0


def test_a_total_that_holds_the_tax_without_naming_it_again_is_understood(order):
    order["pricingSummary"]["total"] = money("133.92")
    assert (mapped(order).grand_total, residue(mapped(order))) == ("124.00", 0)


@pytest.mark.parametrize(("left", "paid"), [("107.10", "124.00"), ("117.02", "124.00"), ("100.00", "100.00")])
def test_a_payment_without_ebays_fees_is_the_whole_total(order, left, paid):
    order |= {"totalMarketplaceFee": money("16.90")}
    order["paymentSummary"]["payments"][0]["amount"] = money(left)
    assert (mapped(order).payments[0].amount, mapped(order).paid) == (paid, paid)


def test_tax_that_the_seller_collects_stands_on_top(order):
    for each, tax in zip(order["lineItems"], ("3.85", "6.07"), strict=True):
        each["taxes"] = [{"taxType": "STATE_SALES_TAX", "amount": money(tax)}]
        del each["ebayCollectAndRemitTaxes"]
    order["pricingSummary"] |= {"tax": money("9.92"), "total": money("133.92")}
    found = mapped(order)
    assert (found.grand_total, found.tax_total, found.taxes_included, residue(found)) == ("133.92", "9.92", False, 0)
    assert [(tax.title, tax.amount, tax.liable) for tax in found.taxes] == [("STATE_SALES_TAX", "9.92", "seller")]
    assert [each.tax for each in found.lines] == ["3.85", "6.07"]


def test_tax_of_both_kinds_is_told_apart(order):
    order = with_breakdown(order)
    order["lineItems"][0]["taxes"].append({"taxType": "REGION", "amount": money("2.00")})
    order["pricingSummary"] |= {"tax": money("11.92"), "total": money("135.92")}
    found = mapped(order)
    assert (found.grand_total, found.tax_total, residue(found)) == ("126.00", "2.00", 0)


def test_a_recycling_fee_among_the_taxes_is_a_fee(order):
    order["lineItems"][0]["taxes"] = [{"taxType": "TIRE_RECYCLING_FEE", "amount": money("1.50")}]
    order["pricingSummary"] |= {"fee": money("1.50"), "total": money("125.50")}
    found = mapped(order)
    assert (found.grand_total, found.taxes, found.lines[0].tax, residue(found)) == ("125.50", [], "0", 0)
    assert [(each.title, each.total) for each in found.charges] == [("shipping", "7.90"), ("fee", "1.50")]


def test_a_fee_that_ebay_collects_with_the_tax_is_no_tax(order):
    order = with_breakdown(order)
    fee = {"taxType": "ELECTRONIC_RECYCLING_FEE", "amount": money("6.00")}
    for name in ("taxes", "ebayCollectAndRemitTaxes"):
        order["lineItems"][0][name].append(fee)
    order["pricingSummary"] |= {"fee": money("6.00"), "total": money("139.92")}
    found = mapped(order)
    assert (found.grand_total, Decimal(found.tax_total), residue(found)) == ("130.00", 0, 0)
    assert found.ext["ebayCollectAndRemitTax"] == "9.92"


@pytest.mark.parametrize(
    ("how", "kind", "by"),
    [
        ("SHIP_TO", "product", "merchant"),
        ("DIGITAL", "service", "merchant"),
        ("PREPARE_FOR_PICKUP", "product", "pickup"),
        ("FULFILLED_BY_EBAY", "product", "marketplace"),
    ],
)
def test_who_brings_the_goods_is_told(order, how, kind, by):
    order["fulfillmentStartInstructions"] = [
        {"fulfillmentInstructionsType": how, "pickupStep": {"merchantLocationKey": "store-7"}}
    ]
    found = mapped(order)
    assert {(each.kind, each.fulfilled_by) for each in found.lines} == {(kind, by)}
    assert found.ext["merchantLocationKey"] == "store-7"


def test_prices_with_vat_hold_their_tax(order):
    for each in order["lineItems"]:
        each["listingMarketplaceId"] = "EBAY_DE"
        del each["ebayCollectAndRemitTaxes"]
    assert mapped(order).taxes_included
    assert residue(mapped(order)) == 0


@pytest.mark.parametrize(("adjustment", "total"), [("-2.50", "121.50"), ("2.50", "126.50"), ("2.50", "121.50")])
def test_an_adjustment_has_the_sign_that_the_total_shows(order, adjustment, total):
    order["pricingSummary"] |= {"adjustment": money(adjustment), "total": money(total)}
    assert (mapped(order).grand_total, residue(mapped(order))) == (total, 0)


def test_fees_delivery_discounts_and_discounts_of_the_whole_order_are_parts(order):
    order["pricingSummary"] |= {
        "fee": money("1.75"), "deliveryDiscount": money("-3.95"), "priceDiscount": money("-15.00"),
        "total": money("119.70"),
    }  # fmt: skip
    found = mapped(order)
    assert residue(found) == 0
    assert [(each.kind, each.amount, each.discount) for each in found.charges] == [
        ("shipping", "7.90", "3.95"),
        ("surcharge", "1.75", "0"),
    ]
    assert [(each.title, each.amount, each.allocated) for each in found.discounts] == [
        ("WELCOME10", "12.90", "12.90"),
        ("delivery discount", "3.95", "3.95"),
        ("price discount", "2.10", "0"),
    ]


def test_delivery_is_split_where_the_lines_explain_it(order):
    order["lineItems"][0]["deliveryCost"] |= {"handlingCost": money("1.00"), "importCharges": money("5.00")}
    order["pricingSummary"] |= {"deliveryCost": money("13.90"), "total": money("130.00")}
    charges = [(each.kind, each.total) for each in mapped(order).charges]
    assert charges == [("shipping", "7.90"), ("service", "1.00"), ("duty", "5.00")]
    order["pricingSummary"]["deliveryCost"] = money("14.00")
    assert [(each.kind, each.total) for each in mapped(order).charges] == [("shipping", "14.00")]


def test_promotions_that_explain_nothing_name_no_funder(order):
    order["lineItems"][0]["appliedPromotions"][0]["discountAmount"] = money("1.00")
    assert [(each.funded_by, each.amount) for each in mapped(order).discounts] == [("unknown", "12.90")]


def test_a_total_that_nothing_explains_is_handed_on_as_it_is(order):
    order["pricingSummary"]["total"] = money("99.99")
    assert (mapped(order).grand_total, residue(mapped(order))) == ("99.99", Decimal("24.01"))


@pytest.mark.parametrize(
    ("changes", "order_status", "payment_status", "fulfilment"),
    [
        ({}, "open", "paid", "unfulfilled"),
        ({"orderPaymentStatus": "PENDING"}, "pending", "partially_paid", "unfulfilled"),
        ({"orderPaymentStatus": "PENDING", "paymentSummary": {}}, "pending", "unpaid", "unfulfilled"),
        ({"orderPaymentStatus": "FAILED", "paymentSummary": {}}, "pending", "unpaid", "unfulfilled"),
        ({"orderPaymentStatus": "PARTIALLY_REFUNDED"}, "open", "partially_refunded", "unfulfilled"),
        ({"orderPaymentStatus": "FULLY_REFUNDED"}, "on_hold", "refunded", "unfulfilled"),
        ({"orderFulfillmentStatus": "IN_PROGRESS"}, "open", "paid", "partial"),
        ({"orderFulfillmentStatus": "FULFILLED"}, "completed", "paid", "shipped"),
        (
            {"cancelStatus": {"cancelState": "CANCELED"}, "orderPaymentStatus": "FULLY_REFUNDED"},
            "cancelled",
            "refunded",
            "unfulfilled",
        ),
        (
            {"cancelStatus": {"cancelState": "CANCELED"}, "orderPaymentStatus": "FAILED", "paymentSummary": {}},
            "cancelled",
            "voided",
            "unfulfilled",
        ),
    ],
)
def test_statuses_have_their_meaning(order, changes, order_status, payment_status, fulfilment):
    found = mapped(order | changes)
    assert (found.order_status, found.payment_status, found.fulfilment_status) == (
        order_status,
        payment_status,
        fulfilment,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"orderPaymentStatus": "TELEPORTED"},
        {"orderFulfillmentStatus": None},
        {"cancelStatus": {"cancelState": "MAYBE"}},
    ],
)
def test_an_unknown_status_is_quarantined(order, changes):
    with pytest.raises(RecordError) as refused:
        mapped(order | changes)
    assert refused.value.code == "STATUS_UNKNOWN"


def test_a_wish_to_cancel_holds_the_order(order):
    order["cancelStatus"]["cancelState"] = "IN_PROGRESS"
    found = mapped(order)
    assert (found.order_status, found.hold_reasons) == ("on_hold", ["cancellation_requested"])


def test_the_detail_stands_for_the_row_of_the_list(order):
    detail = copy.deepcopy(order)
    detail["cancelStatus"] = {"cancelState": "CANCELED", "cancelRequests": [{"cancelReason": "ORDER_MISTAKE"}]}
    assert mapped(order, detail=detail).cancel_reason == "ORDER_MISTAKE"


@pytest.mark.parametrize("missing", ["detail", "fulfillments"])
def test_what_was_asked_for_and_did_not_come_is_quarantined(order, missing):
    with pytest.raises(RecordError) as refused:
        mapped(order, **{missing: None})
    assert (refused.value.code, refused.value.field, refused.value.value) == (
        "DETAIL_MISSING",
        missing,
        "05-09876-54321",
    )


def test_refunds_of_order_and_lines_count_once_and_only_when_they_are_done(order):
    def refund(number, amount, **more):
        return {"refundId": number, "amount": money(amount)} | more

    done = {"refundDate": "2026-03-02T00:00:00.000Z"}
    order["paymentSummary"]["refunds"] = [
        refund("R1", "5.00", refundStatus="REFUNDED", **done),
        refund("R2", "3.00", refundStatus="PENDING"),
        refund("R3", "2.00", refundStatus="FAILED"),
    ]
    order["lineItems"][0]["refunds"] = [
        refund("R1", "5.00", **done),
        refund("R4", "1.00", **done),
        refund("R5", "9.00"),
    ]
    order["lineItems"][1]["refunds"] = [refund("R4", "0.50", **done)]
    found = mapped(order)
    assert [(each.refund_id, each.amount) for each in found.refunds] == [("R1", "5.00"), ("R4", "1.50")]
    assert (found.refunded, found.ext["pendingRefunds"]) == ("6.50", "R2")


def test_parcels_say_how_much_of_a_line_was_sent(order):
    order["lineItems"][0]["lineItemFulfillmentStatus"] = "IN_PROGRESS"
    order["lineItems"][1]["lineItemFulfillmentStatus"] = "FULFILLED"
    parcel = {"fulfillmentId": "1Z", "shippingCarrierCode": "黑貓", "shipmentTrackingNumber": "1Z",
              "lineItems": [{"lineItemId": "1", "quantity": 1}, {"lineItemId": "2"}]}  # fmt: skip
    found = mapped(order, fulfillments=[parcel])
    assert [each.quantity_fulfilled for each in found.lines] == ["1", "1"]
    assert found.shipments[0].lines == [("1", "1"), ("2", "1")]
    assert [each.quantity_fulfilled for each in mapped(order).lines] == [None, "1"]


def test_personal_data_that_aged_out_is_called_so(order):
    to = order["fulfillmentStartInstructions"][0]["shippingStep"]["shipTo"]
    assert mapped(order).masking == "plain"
    del to["email"]
    assert mapped(order).masking == "plain"  # who knew the address keeps it, and the street is still the buyer's word
    del to["fullName"], to["contactAddress"]["addressLine1"]
    assert mapped(order).masking == "erased"
    order["fulfillmentStartInstructions"] = []
    assert (mapped(order).masking, mapped(order).contacts) == ("plain", [])


def test_another_currency_beside_the_order_s_is_quarantined(order):
    order["lineItems"][0]["lineItemCost"] = money("49.00", "GBP")
    with pytest.raises(RecordError) as refused:
        mapped(order)
    assert (refused.value.code, refused.value.value) == ("CURRENCY_MIXED", "GBP, USD")


def test_what_the_buyer_saw_before_conversion_is_kept(order):
    order["pricingSummary"]["total"] |= {"convertedFromValue": "98.10", "convertedFromCurrency": "GBP"}
    found = mapped(order)
    assert (found.ext["convertedFromTotal"], found.ext["convertedFromCurrency"]) == ("98.10", "GBP")


@pytest.mark.parametrize("wrong", ["12,50 kr", "٣٤", "1.2.3", "NaN", "1e3"])
def test_an_amount_that_is_none_is_quarantined(order, wrong):
    order["lineItems"][0]["lineItemCost"]["value"] = wrong
    with pytest.raises(RecordError) as refused:
        mapped(order)
    assert refused.value.code == "AMOUNT_MALFORMED"


@pytest.mark.parametrize(
    "change", [{"lineItems": None}, {"lineItems": [[]]}, {"lineItems": [{}]}, {"pricingSummary": "124.00"}]
)
def test_a_record_of_another_shape_is_quarantined(order, change):
    with pytest.raises(RecordError) as refused:
        mapped(order | change)
    assert refused.value.code == "RAW_SHAPE"


def test_a_price_that_does_not_divide_evenly_is_told_to_the_sixth_decimal(order):
    order["lineItems"][0] |= {"quantity": 3, "discountedLineItemCost": None}
    assert mapped(order).lines[0].unit_price == "16.333333"


def test_an_order_without_lines_or_empty_texts_is_mapped(order):
    order |= {"buyerCheckoutNotes": "", "lineItems": []}
    found = mapped(order)
    assert (found.lines, found.contacts[0].note) == ([], None)
