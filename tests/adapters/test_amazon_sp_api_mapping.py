"""Amazon's mapping, of both versions of the Orders API, against the samples that its README names."""

import copy
from decimal import Decimal

import pytest
from amazon_orders import OPTIONS, amounts, mapped, money, new_order, old_order
from money_equation import residue

from orderflow.adapters.amazon_sp_api import ADAPTER, V0_LIMITS, Options
from orderflow.domain.errors import RecordError


@pytest.fixture
def old():
    return old_order()


@pytest.fixture
def new():
    return new_order()


@pytest.mark.parametrize("version", ["old", "new"])
def test_the_sample_adds_up_with_tax_on_top_that_amazon_owes(version, request):
    order = mapped(request.getfixturevalue(version))
    assert residue(order) == 0
    assert not order.taxes_included
    assert (order.items_total, order.charge_total, order.discount_total, order.tax_total, order.grand_total) == (
        "116.10",
        "7.90",
        "12.90",
        "9.92",
        "133.92",
    )
    assert [(tax.amount, tax.liable) for tax in order.taxes] == [("9.92", "marketplace")]
    assert [(line.quantity, line.unit_price, line.discount, line.tax, line.total) for line in order.lines] == [
        ("2", "24.50", "4.90", "3.53", "44.10"),
        ("1", "80.00", "8.00", "5.76", "72.00"),
    ]
    assert [(each.kind, each.amount, each.tax, each.total) for each in order.charges] == [
        ("shipping", "7.90", "0.63", "7.90")
    ]


def test_amazon_does_not_tell_who_pays_for_a_promotion(old):
    assert [(each.funded_by, each.code, each.allocated) for each in mapped(old).discounts] == [
        ("unknown", "PLM-WELCOME10-01", "12.90")
    ]


@pytest.mark.parametrize("version", ["old", "new"])
def test_where_the_total_holds_no_tax_on_top_prices_contain_it(version, request):
    raw = request.getfixturevalue(version)
    total = raw["order"]["OrderTotal"] if version == "old" else raw["proceeds"]["grandTotal"]
    total["Amount" if version == "old" else "amount"] = "124.00"
    raw = _in(raw, "GBP")
    order = mapped(raw)
    assert (order.taxes_included, order.tax_total, residue(order)) == (True, "9.92", 0)


def _in(value, currency):
    if isinstance(value, dict):
        codes = {"CurrencyCode", "currencyCode"}
        return {name: currency if name in codes else _in(inner, currency) for name, inner in value.items()}
    return [_in(inner, currency) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("version", ["old", "new"])
def test_tax_that_amazon_keeps_out_of_the_total_is_told_and_not_counted(version, request):
    raw = request.getfixturevalue(version)
    total = raw["order"]["OrderTotal"] if version == "old" else raw["proceeds"]["grandTotal"]
    total["Amount" if version == "old" else "amount"] = "124.00"
    order = mapped(raw)
    assert (order.taxes_included, order.tax_total, order.taxes, residue(order)) == (False, "0", [], 0)
    assert order.ext["tax_withheld_by_amazon"] == "9.92"
    assert [each.tax for each in (*order.lines, *order.charges)] == [None, None, None]


def test_tax_may_stand_before_what_the_discounts_take_off_it(old):
    old["items"][0]["ItemTax"] = money("3.92")
    old["items"][0]["PromotionDiscountTax"] = money("0.39")
    order = mapped(old)
    assert (order.tax_total, order.lines[0].tax, residue(order)) == ("9.92", "3.53", 0)
    assert order.taxes[0].amount == "9.92"


def test_a_total_that_nothing_explains_stays_as_amazon_says(old):
    old["order"]["OrderTotal"] = money("133.93")
    assert (mapped(old).grand_total, residue(mapped(old))) == ("133.93", Decimal("-0.01"))


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("detailed", [True, False])
def test_a_discount_is_a_reduction_with_or_without_its_sign(new, sign, detailed):
    proceeds = amounts(ITEM="49.00", SHIPPING="3.95", DISCOUNT={"ITEM": f"{sign}4.90", "SHIPPING": f"{sign}3.95"})
    if not detailed:
        proceeds = amounts(ITEM="49.00", SHIPPING="3.95", DISCOUNT=f"{sign}4.90")
    new["orderItems"] = [new["orderItems"][0] | {"proceeds": proceeds}]
    new["proceeds"]["grandTotal"]["amount"] = "44.10" if detailed else "48.05"
    order = mapped(new)
    assert residue(order) == 0
    assert order.lines[0].discount == "4.90"
    assert (order.charges[0].discount, order.charges[0].total) == (("3.95", "0.00") if detailed else ("0", "3.95"))


def test_fees_and_a_tip_are_charges(old, new):
    old["items"][0]["BuyerInfo"] = {"GiftWrapPrice": money("4.00"), "GiftMessageText": "生日快樂"}
    old["items"][1] |= {"CODFee": money("2.00"), "CODFeeDiscount": money("0.50")}
    old["order"]["OrderTotal"] = money("139.42")
    assert [(each.kind, each.total) for each in mapped(old).charges] == [
        ("shipping", "7.90"),
        ("cod", "1.50"),
        ("gift_wrap", "4.00"),
    ]
    assert (residue(mapped(old)), mapped(old).contacts[0].note) == (0, "生日快樂")
    new["proceeds"] |= amounts(DELIVERY_TIP="5.00")
    new["proceeds"]["grandTotal"]["amount"] = "138.92"
    assert (mapped(new).charges[-1].kind, residue(mapped(new))) == ("tip", 0)


def test_a_line_whose_price_cannot_be_shared_out_has_the_nearest_unit_price(old):
    old["items"][0]["QuantityOrdered"] = 3
    order = mapped(old)
    assert (order.lines[0].unit_price, order.lines[0].total, residue(order)) == ("16.33", "44.10", 0)


@pytest.mark.parametrize(("unsent", "goods", "quantity"), [(1, "24.50", "1"), (1, "49.00", "2"), (0, "0.00", "0")])
def test_units_that_were_called_off_count_where_the_price_still_has_them(new, unsent, goods, quantity):
    torch = new["orderItems"][0]
    torch["fulfillment"]["quantityUnfulfilled"] = unsent
    torch["proceeds"] = amounts(ITEM=goods)
    line = mapped(new).lines[0]
    assert (line.quantity, line.quantity_ordered, Decimal(line.total)) == (quantity, "2", Decimal(goods))


@pytest.mark.parametrize(
    ("status", "order_status", "fulfilment", "payment"),
    [
        ("PendingAvailability", "pending", "unfulfilled", "unpaid"),
        ("Pending", "pending", "unfulfilled", "unpaid"),
        ("Unshipped", "open", "unfulfilled", "authorized"),
        ("PartiallyShipped", "open", "partial", "authorized"),
        ("InvoiceUnconfirmed", "on_hold", "unfulfilled", "authorized"),
        ("Unfulfillable", "on_hold", "unfulfilled", "authorized"),
        ("Shipped", "completed", "shipped", "paid"),
        ("Canceled", "cancelled", "unfulfilled", "voided"),
    ],
)
def test_the_status_says_how_far_the_order_is(old, status, order_status, fulfilment, payment):
    old["order"]["OrderStatus"] = status
    order = mapped(old)
    assert (order.order_status, order.fulfilment_status, order.payment_status) == (order_status, fulfilment, payment)
    assert order.raw_status == {"OrderStatus": status}
    assert order.paid == ("133.92" if payment == "paid" else "0")


@pytest.mark.parametrize(
    ("parcels", "fulfilment"),
    [
        (["DELIVERED", "DELIVERED"], "delivered"),
        (["DELIVERED", "IN_TRANSIT"], "shipped"),
        (["RETURNED_TO_SELLER"], "returned_to_sender"),
        ([], "shipped"),
    ],
)
def test_the_parcels_say_more_than_the_status(new, parcels, fulfilment):
    new["fulfillment"]["fulfillmentStatus"] = "SHIPPED"
    new["packages"] = [
        {
            "packageReferenceId": str(number),
            "packageStatus": {"status": "UNDELIVERABLE", "detailedStatus": status}
            if "RETURN" in status
            else {"status": status},
        }
        for number, status in enumerate(parcels)
    ] + [{"packageReferenceId": "planned", "packageStatus": {"status": "PENDING"}}]
    order = mapped(new)
    assert order.fulfilment_status == fulfilment
    assert [each.shipment_id for each in order.shipments] == [str(number) for number in range(len(parcels))]


def test_a_package_without_a_status_is_under_way_once_it_has_a_time_of_shipping(new):
    new["packages"] = [
        {"packageReferenceId": "1", "shipTime": "2026-03-02T10:00:00Z"},
        {"packageReferenceId": "2", "packageStatus": None},
        {"packageReferenceId": "3", "packageStatus": {"detailedStatus": "DELAYED"}, "shipTime": "2026-03-02T10:00:00Z"},
    ]
    told = [(each.shipment_id, each.status) for each in mapped(new).shipments]
    assert told == [("1", "SHIPPED"), ("3", "DELAYED")]


def test_a_delivered_easy_ship_order_is_delivered(old):
    old["order"] |= {"OrderStatus": "Shipped", "EasyShipShipmentStatus": "Delivered"}
    order = mapped(old)
    assert (order.fulfilment_status, order.raw_status["EasyShipShipmentStatus"]) == ("delivered", "Delivered")


@pytest.mark.parametrize(("status", "currency"), [("Pending", "JPY"), ("Canceled", "JPY")])
def test_an_order_without_amounts_comes_to_nothing_in_the_currency_of_its_marketplace(old, status, currency):
    old["order"] |= {"OrderStatus": status, "MarketplaceId": "A1VC38T7YXB528", "OrderTotal": None}
    bare = ("ASIN", "SellerSKU", "OrderItemId", "Title", "QuantityOrdered")
    old["items"] = [{name: each[name] for name in bare} for each in old["items"]]
    order = mapped(old)
    assert (order.currency, order.grand_total, residue(order)) == (currency, "0", 0)
    assert "pending or cancelled" in order.ext["grand_total"]
    assert [line.unit_price for line in order.lines] == [None, None]


def test_an_open_order_without_a_price_keeps_the_hole(old):
    old["items"][0].pop("ItemPrice")
    old["order"].pop("OrderTotal")
    order = mapped(old)
    assert (order.lines[0].total, order.grand_total) == (None, None)


def test_cash_on_delivery_is_due_until_it_is_delivered(old, new):
    old["order"] |= {"PaymentMethod": "COD", "OrderStatus": "Shipped"}
    order = mapped(old)
    assert (order.payment_status, order.paid, order.payments[0].status) == ("cod_due", "0", "pending")
    old["order"]["EasyShipShipmentStatus"] = "Delivered"
    assert (mapped(old).payment_status, mapped(old).paid) == ("paid", "133.92")
    ways = [{"paymentMethod": "CashOnDelivery", "paymentAmount": {"amount": "133.92", "currencyCode": "USD"}}]
    assert mapped(new | {"payment": {"paymentExecutions": ways}}).payment_status == "cod_due"


def test_a_gift_card_pays_its_part_and_cash_the_rest(old):
    parts = [("GC", "30.00"), ("COD", "103.92")]
    told = [{"PaymentMethod": method, "Payment": money(value)} for method, value in parts]
    order = mapped(_with(old, PaymentMethod="COD", PaymentExecutionDetail=told))
    assert [(each.kind, each.status, each.amount) for each in order.payments] == [
        ("gift_card", "success", "30.00"),
        ("cod", "pending", "103.92"),
    ]
    assert (order.payment_status, order.paid) == ("cod_due", "30.00")


def test_a_buyer_who_wants_to_call_it_off_holds_an_open_order(old, new):
    old["items"][1]["BuyerRequestedCancel"] = {"IsBuyerRequestedCancel": "true", "BuyerCancelReason": "改變心意"}
    order = mapped(old)
    assert (order.order_status, order.hold_reasons, order.cancel_reason) == (
        "on_hold",
        ["buyer_asks_to_cancel"],
        "改變心意",
    )
    old["order"]["OrderStatus"] = "Shipped"
    assert mapped(old).order_status == "completed"
    request = {"cancellationRequest": {"requester": "BUYER", "cancelReason": "Changed mind"}}
    new["orderItems"][0]["cancellation"] = request
    assert mapped(new).order_status == "on_hold"
    new["orderItems"][0]["cancellation"] = request | {"cancellationExecution": {"cancelledBy": "MERCHANT"}}
    assert mapped(new).order_status == "open"


def test_programs_and_the_order_it_replaces_are_told(old, new):
    old["order"] |= {"FulfillmentChannel": "AFN", "IsPrime": "true", "IsReplacementOrder": "true"}
    old["order"]["ReplacedOrderId"] = "114-0000000-0000000"
    order = mapped(old)
    assert (order.programs, order.parent_id) == (["fba", "prime", "replacement"], "114-0000000-0000000")
    assert order.lines[0].fulfilled_by == "marketplace"
    new["programs"] = ["AMAZON_BUSINESS"]
    new["associatedOrders"] = [{"orderId": "114-1", "associationType": "REPLACEMENT_ORIGINAL_ID"}]
    assert (mapped(new).programs, mapped(new).parent_id) == (["amazon_business"], "114-1")


def test_a_replacement_without_amounts_is_sent_for_nothing(old, new):
    old["order"] |= {"OrderStatus": "Unshipped", "IsReplacementOrder": "true", "OrderTotal": None}
    told = ("OrderItemId", "SellerSKU", "QuantityOrdered", "QuantityShipped")
    old["items"] = [{name: each[name] for name in told} for each in old["items"]]
    new["associatedOrders"] = [{"orderId": "114-1", "associationType": "REPLACEMENT_ORIGINAL_ID"}]
    new["proceeds"] = None
    for each in new["orderItems"]:
        each["proceeds"] = each["product"]["price"] = None
    for order in (mapped(old), mapped(new)):
        assert (order.order_status, order.grand_total, order.currency) == ("open", "0", "USD")
        assert {line.total for line in order.lines} == {"0"}
        assert residue(order) == 0


def _with(old, **fields):
    return {**old, "order": old["order"] | fields}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"OrderStatus": "Teleported"}, "STATUS_UNKNOWN"),
        ({"OrderTotal": money("12,50")}, "AMOUNT_MALFORMED"),
        ({"OrderTotal": money("٣٤")}, "AMOUNT_MALFORMED"),
        ({"OrderTotal": money("133.92", "CAD")}, "CURRENCY_MIXED"),
        ({"OrderTotal": "133.92"}, "RAW_SHAPE"),
        ({"ShippingAddress": "Española"}, "RAW_SHAPE"),
    ],
)
def test_another_shape_refuses_the_order(old, change, code):
    with pytest.raises(RecordError, match=code):
        mapped(_with(old, **change))


def test_items_that_never_came_are_a_missing_detail(old):
    with pytest.raises(RecordError, match="DETAIL_MISSING"):
        mapped(old | {"items": None})


@pytest.mark.parametrize("missing", ["orderItems", "salesChannel", "fulfillment", "createdTime"])
def test_an_order_without_a_needed_part_is_refused(new, missing):
    new = copy.deepcopy(new)
    new.pop(missing)
    with pytest.raises(RecordError, match="RAW_SHAPE"):
        mapped(new)


def test_money_of_an_unknown_kind_is_refused(new):
    new["orderItems"][0]["proceeds"] = amounts(LUCK="1.00")
    with pytest.raises(RecordError, match="CODE_UNKNOWN"):
        mapped(new)


def test_a_record_is_named_without_being_mapped(old, new):
    assert ADAPTER.order_id(old) == ADAPTER.order_id(new) == "114-3941689-8772232"


def test_the_older_version_is_blind_to_more():
    told = ADAPTER.described(Options(marketplaces=["ATVPDKIKX0DER"], version="v0"))
    assert told.limits == V0_LIMITS
    assert told.limits.blind > ADAPTER.described(OPTIONS).limits.blind == {"refund"}
