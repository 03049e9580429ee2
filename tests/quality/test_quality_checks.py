"""Checks at their edges: orders that look odd and are right, and money in both currency sets."""

import msgspec
import pytest
from defective_orders import at, cancelled, grown, moved, refunded, shipped, two_sets

from good_orders import channel, land, order, with_line, with_part
from orderflow.domain.order import Charge, Contact, Line, Order, Payment, Refund, Shipment
from orderflow.pipeline.clean import clean
from orderflow.pipeline.cleaning import files
from orderflow.pipeline.validate import validate
from orderflow.quality.checks.lines import is_gtin
from orderflow.quality.schemas import amount


def judge(folder, *orders, **rules):
    shop = channel(validate=rules)
    validate(shop, clean(shop, land(folder, list(orders))))
    return [
        (row["code"], row["field"], row["value"])
        for chunk in files.chunks(folder)
        for row in files.read(folder, "verdicts", chunk).to_pylist()
    ]


def plain(currency, lines, grand, **fields):
    """An order of (quantity, unit price, total) lines and nothing else."""
    good = order(1)
    made = [
        Line(number=n, line_id=str(n), sku="SKU-001", title="x", quantity=q, unit_price=u, total=t)
        for n, (q, u, t) in enumerate(lines, 1)
    ]
    nothing = {name: [] for name in ("charges", "discounts", "taxes", "payments")}
    amounts = dict.fromkeys(("items_total", "discount_total", "charge_total", "tax_total"))
    changes = nothing | amounts | {"currency": currency, "lines": made, "grand_total": grand, "paid": grand} | fields
    return msgspec.structs.replace(good, **changes)


RIGHT = {
    "two currency sets": two_sets(1),
    "both sets in one currency": two_sets(1, rate=1, shop_currency="EUR"),
    "yen": plain("JPY", [("3", "1200", "3600")], "3600"),
    "Kuwaiti dinars": plain("KWD", [("3", "1.005", "3.015")], "3.015"),
    "tax inside": plain("EUR", [("1", "125", "125")], "125", taxes_included=True, tax_total="25"),
    "tax on top": plain("EUR", [("1", "100", "100")], "125", tax_total="25"),
    "cash rounding": plain("SEK", [("1", "99.60", "99.60")], "100", rounding="0.40"),
    "a unit price that was rounded": plain("EUR", [("3", "3.33", "10.00")], "10"),
    "a unit price with four decimals": plain("EUR", [("7", "1.4286", "10.00")], "10"),
    "kilograms": with_line(plain("EUR", [("0.333", "3.00", "1.00")], "1"), uom="kg"),
    "free, because of a discount": grown(
        msgspec.structs.replace(
            plain("EUR", [], "0"),
            lines=[Line(number=1, sku="S", title="x", quantity="1", unit_price="5", discount="5", total="0")],
        ),
        0,
    ),
    "cancelled": cancelled(2),
    "cancelled, without lines": cancelled(
        3, lines=[], discounts=[], taxes=[], payments=[], grand_total="0", paid="0", items_total="0", discount_total="0"
    ),
    "partly refunded": refunded(4),
    "shipped in full": shipped(5),
    "a parcel that did not leave": moved(
        shipped(6, status="CANCELLED"), order_status="open", fulfilment_status="unfulfilled"
    ),
    "masked, without an address": order(7, masking="masked", contacts=[]),
    "masked, with asterisks": with_part(order(8, masking="masked"), "contacts", phone="****5678", postal_code="1****"),
    "delivered to a place that partners know by its number": order(
        31, contacts=[Contact(role="ship_to", party_id="7300000000011")]
    ),
    "sold over the counter": order(9, origin="pos", contacts=[]),
    "shipped by the marketplace": msgspec.structs.replace(
        order(10, contacts=[]), lines=[msgspec.structs.replace(line, fulfilled_by="amazon") for line in order(10).lines]
    ),
    "collected by the buyer": msgspec.structs.replace(
        order(24, contacts=[]), lines=[msgspec.structs.replace(line, fulfilled_by="pickup") for line in order(24).lines]
    ),
    "nothing to ship": msgspec.structs.replace(
        order(11, contacts=[]),
        lines=[msgspec.structs.replace(line, kind="service", sku=None) for line in order(11).lines],
    ),
    "a line that was removed": msgspec.structs.replace(
        order(12), lines=[*order(12).lines, Line(number=3, sku="S", title="x", quantity="0", unit_price="5", total="0")]
    ),
    "authorised, then captured": order(
        13,
        payments=[
            Payment(payment_id="P", kind="authorization", amount=order(13).grand_total),
            Payment(payment_id="P", kind="capture", amount=order(13).grand_total),
        ],
    ),
    "a promise without a shipment": with_line(order(14), ship_by=at(hours=-24), deliver_by=at(hours=-48)),
    "a bundle": msgspec.structs.replace(
        order(15),
        lines=[
            *order(15).lines,
            Line(number=3, line_id="B", kind="bundle_parent", title="Set", quantity="1", unit_price="0", total="0"),
            Line(
                number=4,
                parent_line_id="B",
                kind="bundle_child",
                sku="S",
                title="x",
                quantity="1",
                unit_price="0",
                total="0",
            ),
        ],
    ),
    "sent back and sent again": with_line(
        order(16), quantity="1", quantity_ordered="1", quantity_fulfilled="2", quantity_returned="1", unit_price=None
    ),
    "a GTIN": with_line(order(17), gtin="4006381333931"),
    "to Kosovo": with_part(order(18), "contacts", country="XK", phone="+38344123456"),
    "to the Canary Islands": with_part(order(19), "contacts", country="IC", postal_code="35001", phone="+34922123456"),
    "in a currency that is gone": plain("BGN", [("1", "10", "10")], "10"),
    "in one that had no coins": plain("BYR", [("1", "10500", "10500")], "10500"),
    "a removed line without a SKU": msgspec.structs.replace(
        order(20), lines=[*order(20).lines, Line(number=3, title="x", quantity="0", unit_price="5", total="0")]
    ),
    "paid at the third attempt": msgspec.structs.replace(
        order(21), payments=[*order(21).payments, *[Payment(payment_id="P21", status="failure", amount="1")] * 2]
    ),
    "times with fractions of a second and without": order(
        22,
        placed_at="2026-03-01T08:00:00.700Z",
        channel_created_at="2026-03-01T08:00:00.700Z",
        channel_updated_at="2026-03-01T08:00:00Z",
    ),
    "promises that are dates": with_line(order(23), ship_by="2026-03-01", deliver_by="2026-03-01"),
}


def test_orders_that_look_odd_and_are_right_break_no_rule(tmp_path):
    orders = [msgspec.structs.replace(each, order_id=name, order_number=name) for name, each in RIGHT.items()]
    assert judge(tmp_path, *orders) == []


@pytest.mark.parametrize(
    ("wrong", "broken"),
    [
        (two_sets(1, shop_grand_total="1.00", shop_paid=None), {("GRAND_TOTAL_MISMATCH", "shop_grand_total")}),
        (with_line(two_sets(1), 1, shop_unit_price="9999"), {("LINE_EQUATION", "lines.2.shop_total")}),
        (with_part(two_sets(1), "charges", shop_discount="3"), {("CHARGE_EQUATION", "charges.1.shop_total")}),
        (two_sets(1, shop_currency="XXY"), {("CURRENCY_UNKNOWN", "shop_currency")}),
        (plain("XXX", [("1", "10", "10")], "10"), {("CURRENCY_UNKNOWN", "currency")}),
        (two_sets(1, shop_items_total="1"), {("ITEMS_TOTAL_MISMATCH", "shop_items_total")}),
        (two_sets(1, shop_tax_total="-1", shop_grand_total=None, shop_currency=None), {
            ("TAX_NEGATIVE", "shop_tax_total"), ("TAX_TOTAL_MISMATCH", "shop_tax_total"),
            ("SHOP_AMOUNTS_INCOMPLETE", "shop_grand_total"),
        }),
        (plain("JPY", [("1", "10.5", "10.5")], "10.5"), {
            ("GRAND_TOTAL_TOO_FINE", "grand_total"), ("GRAND_TOTAL_TOO_FINE", "paid"),
            ("LINE_TOTAL_TOO_FINE", "lines.1.total"),
        }),
    ],
)  # fmt: skip
def test_each_currency_set_is_judged_by_itself(tmp_path, wrong, broken):
    assert {(code, field) for code, field, _ in judge(tmp_path, wrong)} == broken


@pytest.mark.parametrize(
    ("quantity", "unit_price", "total", "left"),
    [
        ("1", "10.00", "10.01", "-0.01"),
        ("1", "10.00", "9.99", "0.01"),
        ("3", "3.33", "10.00", None),
        ("3", "3.33", "10.02", "-0.03"),
        ("1", "3.335", "3.34", None),
        ("1", "3.335", "3.35", "-0.015"),
        ("1000", "0.01", "14.99", None),
        ("1000", "0.01", "15.02", "-5.02"),
        ("100000", "9999999.99", "999999999000", None),
        ("1000000000000", "1000000000000", "1", "3999999999999"),
    ],
)
def test_a_line_may_be_off_by_what_rounding_explains(tmp_path, quantity, unit_price, total, left):
    found = judge(tmp_path, plain("EUR", [(quantity, unit_price, total)], total))
    assert [value for code, _, value in found if code == "LINE_EQUATION"] == ([left] if left else [])


def test_the_residue_of_the_equation_is_shown_exactly(tmp_path):
    found = judge(tmp_path, plain("EUR", [("1", "10", "10"), ("1", "0.000001", "0.000001")], "10", paid=None))
    assert ("GRAND_TOTAL_MISMATCH", "grand_total", "0.000001") in found


def test_sums_of_the_largest_amounts_stay_exact(tmp_path):
    trillion = "1000000000000"
    lines = [("1", trillion, trillion)] * 9
    assert judge(tmp_path, plain("EUR", lines, None)) == [("GRAND_TOTAL_MISSING", "grand_total", None)]


def test_one_malformed_amount_does_not_hide_what_else_is_wrong(tmp_path):
    good = order(1, grand_total="1", items_total="x")
    codes = {code for code, _, _ in judge(tmp_path, good)}
    assert codes == {"AMOUNT_MALFORMED", "GRAND_TOTAL_MISMATCH", "PAID_TOO_MUCH"}


def test_an_equation_with_an_amount_that_could_not_be_typed_is_not_judged(tmp_path):
    wrong = [order(1, tax_total="x"), with_part(order(2), "discounts", amount="x"), with_line(order(3), discount="x")]
    assert {code for code, _, _ in judge(tmp_path, *wrong)} == {"AMOUNT_MALFORMED"}


def test_every_broken_line_has_its_own_verdict(tmp_path):
    lines = [Line(number=n, line_id=str(n), title="x", quantity="1", unit_price="1", total="1") for n in range(1, 4)]
    found = judge(tmp_path, msgspec.structs.replace(plain("EUR", [], "3"), lines=lines))
    assert found == [("SKU_MISSING", f"lines.{n}.sku", None) for n in range(1, 4)]


def test_unknown_words_are_shown_and_null_ones_are_null(tmp_path):
    found = judge(tmp_path, order(1, order_status="ＯＰＥＮ"), with_part(order(2), "charges", kind="  "))
    assert found == [
        ("ORDER_STATUS_UNKNOWN", "order_status", "ＯＰＥＮ"),
        ("CHARGE_KIND_UNKNOWN", "charges.1.kind", ""),
    ]


def test_ids_are_compared_within_their_order_only(tmp_path):
    one = msgspec.structs.replace(order(1), refunds=[Refund(refund_id="R", amount="0")])
    other = msgspec.structs.replace(order(2), refunds=[Refund(refund_id="R", amount="0")])
    assert judge(tmp_path, one, other) == []


def test_quantities_of_several_parcels_of_one_line_are_added(tmp_path):
    good = with_line(
        order(1, fulfilment_status="shipped", order_status="completed"), quantity="2", quantity_ordered="2"
    )
    good = msgspec.structs.replace(with_line(good, unit_price=None), shipments=[
        Shipment(shipment_id="1", lines=[("1-1", "1")]), Shipment(shipment_id="2", lines=[("1-1", "1")]),
    ])  # fmt: skip
    assert judge(tmp_path / "right", good) == []
    more = msgspec.structs.replace(good, shipments=[*good.shipments, Shipment(shipment_id="3", lines=[("1-1", "0.5")])])
    assert judge(tmp_path / "wrong", more) == [("SHIPPED_TOO_MANY", "lines.1.quantity", "0.5")]


def test_a_charge_without_lines_is_still_money(tmp_path):
    extra = Charge(kind="tip", amount="5", total="5")
    good = order(1)
    tipped = msgspec.structs.replace(good, charges=[*good.charges, extra], charge_total="54")
    assert ("GRAND_TOTAL_MISMATCH", "grand_total", "5") in judge(tmp_path, tipped)


@pytest.mark.parametrize(("code", "right"), [
    ("4006381333931", True), ("96385074", True), ("036000291452", True), ("00012345600012", True),
    ("4006381333930", False), ("400638133393", False), ("4006381٣33931", False), ("", False), ("GTIN", False),
])  # fmt: skip
def test_a_gtin_has_a_check_digit(code, right):
    assert is_gtin(code) is right


@pytest.mark.parametrize(("millionths", "text"), [
    (0, "0"), (1, "0.000001"), (-1, "-0.000001"), (24_500_000, "24.5"), (-3_000_000, "-3"), (10**18, "1000000000000"),
])  # fmt: skip
def test_amounts_in_verdicts_are_decimal_text(millionths, text):
    assert amount(millionths) == text


def test_a_check_that_fails_itself_stops_the_stage(tmp_path, monkeypatch):
    from orderflow.domain.errors import BalanceError
    from orderflow.quality import schemas
    from orderflow.quality.checks.check import missing

    broken = missing("TEST_ORDER", "orders", "is_test", lambda view: view.flag("is_test"))
    broken = broken._replace(holds=lambda column: column / "x")
    monkeypatch.setattr(schemas, "PASSES", ((broken,),))
    with pytest.raises(BalanceError, match="pandera could not decide TEST_ORDER:is_test on orders"):
        judge(tmp_path, order(1))


def test_an_order_of_nothing_names_all_that_is_missing(tmp_path):
    assert {code for code, _, _ in judge(tmp_path, Order(order_id="1"))} == {
        "LINES_MISSING",
        "CURRENCY_MISSING",
        "GRAND_TOTAL_MISSING",
        "PLACED_AT_MISSING",
        "UPDATED_AT_MISSING",
    }
