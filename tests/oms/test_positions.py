"""Orders as positions of an ERP's sales order: they add up to the channel's total, whatever the ERP can hold."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orders import line, person, submission

from orderflow.domain.errors import RecordError
from orderflow.domain.money import exponent
from orderflow.domain.order import Charge, Discount, Line, Tax
from orderflow.oms.document import Document, Marker, address_fingerprint, masked, read, wish
from orderflow.oms.positions import content_fingerprint, plain, positions, total


def document(**fields: object) -> Document:
    return read(submission(1, **fields))


def made(order: Document, places: int = 2, rounding: str = ROUND_HALF_UP) -> list[tuple[str, str, str]]:
    found = positions(order, price_places=places, rounding=rounding)
    return [(each.kind, plain(each.quantity), plain(each.unit_price)) for each in found]


def test_lines_charges_taxes_on_top_open_discounts_and_rounding_each_have_their_place() -> None:
    order = document(
        lines=[line(quantity="4", total="10")],
        charges=[Charge(kind="cod", amount="3", discount="1")],
        taxes_included=False,
        tax_total="2",
        taxes=[Tax(title="A", amount="1.5"), Tax(title="B", amount="0.5"), Tax(title="C", amount="0")],
        discounts=[Discount(amount="5", allocated="5"), Discount(amount="1")],
        rounding="0.02",
    )

    assert made(order) == [
        ("line", "4", "2.5"),
        ("cod", "1", "2"),
        ("tax", "1", "1.5"),
        ("tax", "1", "0.5"),
        ("discount", "1", "-1"),
        ("rounding", "1", "0.02"),
    ]


def test_taxes_that_do_not_add_up_to_the_total_become_one_line_and_included_ones_none() -> None:
    taxes = {"tax_total": "2", "taxes": [Tax(title="A", amount="1.5")], "charges": []}

    assert made(document(taxes_included=False, **taxes))[1:] == [("tax", "1", "2")]
    assert made(document(taxes_included=True, **taxes))[1:] == []


def test_a_price_that_the_erp_cannot_hold_leaves_a_rounding_line() -> None:
    order = document(lines=[line(quantity="7000", total="100.01")], charges=[])

    assert made(order, 2) == [("line", "7000", "0.01"), ("rounding", "1", "30.01")]
    assert made(order, 4) == [("line", "7000", "0.0143"), ("rounding", "1", "-0.09")]


def test_lines_without_a_total_use_price_and_discount_and_lines_without_units_stay_if_they_have_a_sku() -> None:
    lines = [
        Line(number=1, sku="A", quantity="2", unit_price="5", discount="1"),
        Line(number=2, sku="B", quantity="0", total="0"),
        Line(number=3, sku="C", oms_sku="OMS-C", quantity="1", total="-3"),
        Line(number=4, title="removed", quantity="0", total="0"),
    ]
    found = positions(document(lines=lines, charges=[]), price_places=2, rounding=ROUND_HALF_UP)

    assert [(each.sku, plain(each.amount)) for each in found] == [("A", "9"), ("B", "0"), ("OMS-C", "-3")]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (Line(number=2, title="no sku", quantity="1", total="1"), "OMS_SKU_MISSING"),
        (Line(number=2, sku="A", total="1"), "OMS_AMOUNT_MISSING"),
        (Line(number=2, sku="A", quantity="1"), "OMS_AMOUNT_MISSING"),
        (Line(number=2, sku="A", quantity="1", total="1,5"), "AMOUNT_MALFORMED"),
    ],
)
def test_a_line_that_no_erp_can_book_is_refused_by_its_number(bad: Line, code: str) -> None:
    with pytest.raises(RecordError) as caught:
        made(document(lines=[line(), bad]))

    assert caught.value.code == code
    assert caught.value.field.startswith("lines.2")


amounts = st.decimals("-9999", "9999", places=2)
quantities = st.decimals("0", "5000", places=3)


@given(
    lines=st.lists(st.tuples(quantities, amounts), max_size=6),
    charges=st.lists(amounts, max_size=3),
    tax=amounts,
    discounts=st.lists(st.tuples(amounts, amounts), max_size=3),
    rounding=amounts,
    included=st.booleans(),
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
    places=st.integers(0, 4),
    half=st.sampled_from([ROUND_HALF_UP, ROUND_HALF_EVEN]),
)
def test_the_positions_add_up_to_the_channels_equation(
    lines: list[tuple[Decimal, Decimal]],
    charges: list[Decimal],
    tax: Decimal,
    discounts: list[tuple[Decimal, Decimal]],
    rounding: Decimal,
    included: bool,
    currency: str,
    places: int,
    half: str,
) -> None:
    order = document(
        currency=currency,
        taxes_included=included,
        tax_total=str(tax),
        rounding=str(rounding),
        lines=[
            Line(number=number, sku="A", quantity=str(quantity), total=str(amount))
            for number, (quantity, amount) in enumerate(lines, 1)
        ],
        charges=[Charge(total=str(amount)) for amount in charges],
        discounts=[Discount(amount=str(amount), allocated=str(part)) for amount, part in discounts],
    )
    found = positions(order, price_places=places, rounding=half)

    wanted = sum((amount for _, amount in lines), Decimal(0)) + sum(charges) + (0 if included else tax) + rounding
    assert total(found) == wanted - sum((amount - part for amount, part in discounts), Decimal(0))
    smallest = Decimal(1).scaleb(-exponent(currency))
    for each in found:
        if each.kind == "line":
            assert each.amount == (each.quantity * each.unit_price).quantize(smallest, half)


def test_the_content_changes_with_money_and_products_and_not_with_words() -> None:
    def content(**fields: object) -> str:
        order = document(**fields)
        return content_fingerprint(order, positions(order, price_places=2, rounding=ROUND_HALF_UP))

    assert content(lines=[line(total="30.00")]) == content(lines=[line(2)]) == content(payment_status="paid")
    assert len({content(), content(lines=[line(quantity="4")]), content(currency="USD"), content(charges=[])}) == 4


def test_a_mask_is_no_change_of_address_and_a_move_is() -> None:
    assert address_fingerprint(document()) != address_fingerprint(document(contacts=[person(city="高雄")]))
    assert address_fingerprint(document(contacts=[person(phone="+1")])) == address_fingerprint(document())
    assert address_fingerprint(document(masking="masked")) is None
    assert address_fingerprint(document(contacts=[])) is None


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        ("open", "confirmed"),
        ("completed", "confirmed"),
        ("on_hold", "held"),
        ("pending", "held"),
        ("cancelled", "cancelled"),
    ],
)
def test_what_the_channel_wants_follows_the_orders_status(status: str, wanted: str) -> None:
    assert wish(document(order_status=status)) == wanted


def test_a_marker_is_read_back_and_anything_else_is_no_marker() -> None:
    marker = Marker(12, "ab" * 32, "held", "0" * 16, None, 3)

    assert Marker.parse(f"orderflow shop/訂單 7 {marker}") == marker
    for text in (None, "", "orderflow shop/1", str(marker).replace("held", "maybe"), str(marker)[1:], f"{marker} x"):
        assert Marker.parse(text) is None


def test_messages_are_masked_and_countries_and_short_words_stay() -> None:
    who = person(1, name="Li", company="Tea & Co", address=["Road 1", "Floor 2"])
    order = document(contacts=[who])

    text = masked(f"Li of Tea & Co, Road 1, {who.email}, {who.phone} in TW: value too long", order.contacts)

    assert text == "Li of ***, ***, ***, *** in TW: value too long"
