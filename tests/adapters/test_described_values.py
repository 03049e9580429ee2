"""What the words of a channel file mean: places, units and times of values, and what is known of a platform."""

from decimal import Decimal
from typing import get_args

import pytest
from described_shops import described, mapped
from money_equation import residue
from pydantic import ValidationError

from orderflow import adapters
from orderflow.domain.errors import RecordError
from orderflow.domain.source import Blind


@pytest.mark.parametrize("zero", ["0000-00-00 00:00:00", "0001-01-01T00:00:00Z", "0", "00/00/0000"])
def test_a_zero_date_is_a_time_that_has_not_come(zero):
    assert mapped({"id": 1, "paid": zero}, paid_at="paid").paid_at is None
    assert mapped({"id": 1, "paid": zero}, paid_at={"path": "paid", "time": "%Y-%m-%d"}).paid_at is None
    assert mapped({"id": 1, "paid": zero}, paid_at={"path": "paid", "time": "epoch"}).paid_at is None


@pytest.mark.parametrize(
    ("code", "amount"),
    [("JPY", "1250"), ("jpy", "1250"), ("EUR", "12.50"), (" kwd ", "1.250"), ("BYR", "1250"), ("HRK", "12.50")],
)
def test_minor_units_follow_the_currency_however_it_is_spelled(code, amount):
    order = mapped({"id": 1, "sum": 1250, "cur": code}, grand_total={"path": "sum", "unit": "minor"}, currency="cur")
    assert order.grand_total == amount


@pytest.mark.parametrize("code", [None, "円", "1", "Yen"])
def test_minor_units_of_no_known_currency_are_not_guessed(code):
    told = {"grand_total": {"path": "sum", "unit": "minor"}, "currency": "cur"}
    with pytest.raises(RecordError, match="code of ISO 4217") as caught:
        mapped({"id": 1, "sum": 1250, "cur": code}, **told)
    assert caught.value.code == "CURRENCY_UNKNOWN"
    assert mapped({"id": 1, "cur": code}, **told).grand_total is None


def test_a_binary_fraction_is_rounded_to_the_digits_that_the_file_says():
    order = mapped({"id": 1, "sum": "21.349999999999998"}, grand_total={"path": "sum", "digits": 2})
    assert order.grand_total == "21.35"


@pytest.mark.parametrize(("code", "amount"), [("usd", "75.77"), ("jpy", "138"), ("KWD", "75.771")])
def test_a_shop_that_does_not_round_is_rounded_to_what_its_currency_has(code, amount):
    told = "137.5" if code == "jpy" else "75.771275"
    order = mapped(
        {"id": 1, "sum": told, "cur": code}, grand_total={"path": "sum", "digits": "currency"}, currency="cur"
    )
    assert order.grand_total == amount


def test_false_is_nothing_where_a_word_should_stand_and_a_word_of_its_own_where_the_file_says_so():
    """Odoo writes false for every text, time and reference that is not there, PHP for many."""
    raw = {"id": 1, "note": False, "paid": False, "sum": False, "gift": False, "tags": [False, "a"], "done": True}
    order = mapped(
        raw,
        order_number={"first_of": ["note", "done"]},
        paid_at="paid",
        grand_total="sum",
        is_test="gift",
        tags="tags",
        payment_status={"path": "paid", "values": {"false": "unpaid", "*": "paid"}},
    )
    assert (order.order_number, order.paid_at, order.grand_total) == ("true", None, None)
    assert (order.is_test, order.tags, order.payment_status) == (False, ["a"], "unpaid")


@pytest.mark.parametrize("form", ["epochs", "%Y-%m-%d %Q", "%s", ""])
def test_a_form_that_reads_no_time_is_refused_with_the_file(form):
    with pytest.raises(ValidationError, match="is none of epoch, epoch_ms, nor signs of strptime"):
        mapped({}, paid_at={"path": "a", "time": form})


@pytest.mark.parametrize(
    ("lines", "tax"), [([{"n": 1}], None), ([{"n": 1, "tax": "0"}], "0"), ([{"tax": "1.5"}, {"tax": "2"}, {}], "3.5")]
)
def test_a_tax_that_nobody_told_is_unknown_and_not_nothing(lines, tax):
    told = {"order": {"order_id": "id"}, "lines": {"each": "lines", "fields": {"line_id": "n", "tax": "tax"}}}
    assert adapters.find("rest").to_order({"id": 1, "lines": lines}, described({}, map=told)).tax_total == tax


def test_null_in_the_place_of_a_list_makes_no_parts():
    """Go and .NET write null for a list without elements; it is neither a line nor a parcel nor a refund."""
    told = {
        "order": {"order_id": "id"},
        "lines": {"each": "items", "fields": {"sku": "sku"}},
        "discounts": {"each": "items[].off", "fields": {"amount": "sum", "funded_by": {"constant": "seller"}}},
        "refunds": {"each": "refunds", "fields": {"amount": "sum"}},
        "shipments": {
            "each": "parcels",
            "fields": {"carrier": "by"},
            "lines": {"each": "items", "line_id": "id", "quantity": "n"},
        },
    }
    parcels = [{"by": "DHL", "items": [{"id": 1, "n": None}, {"id": 2, "n": 3}]}, {"by": "UPS", "items": None}]
    raw = {"id": 1, "items": [{"sku": "A", "off": None}], "refunds": None, "parcels": parcels}
    order = adapters.find("rest").to_order(raw, described({}, map=told))
    assert ([line.sku for line in order.lines], order.discounts, order.refunds) == (["A"], [], [])
    assert [each.lines for each in order.shipments] == [[("2", "3")], []]


def test_until_the_file_says_what_moves_the_modified_time_anything_may_not_and_the_sweep_looks():
    window = {"start": {"name": "since", "form": "iso"}, "end": {"name": "until", "form": "iso"}}
    by_id = {"path": "orders/{id}"}
    assert described({"window": window}, by_id=by_id).sheet().blind == frozenset(get_args(Blind))
    assert described({"window": window}, by_id=by_id, limits={"blind": []}).sheet().blind == frozenset()
    assert described({"window": window}, by_id=by_id, limits={"blind": ["refund"]}).sheet().blind == {"refund"}
    assert described({}, by_id=by_id).sheet().blind == frozenset(), "every run reads the whole list"
    assert described({"window": window}).sheet().blind == frozenset(), "nothing can be asked for by its id"


def test_amounts_that_a_shop_tells_apart_are_added():
    told = {"sum": ["total", "credit"], "digits": 2}
    assert mapped({"id": 1, "total": "12.405", "credit": "5"}, grand_total=told).grand_total == "17.41"
    assert mapped({"id": 1, "total": "12.4", "credit": None}, grand_total=told).grand_total == "12.40"
    assert mapped({"id": 1}, grand_total=told).grand_total is None
    with pytest.raises(ValidationError, match=r"order\.order_number is no amount; only amounts are added"):
        mapped({"id": 1}, order_number=told)


@pytest.mark.parametrize(
    ("gross", "net", "tax"),
    [
        ("11.99", "9.99", "2.00"),
        ("1", "1", "0"),
        ("-11.99", "-9.99", "-2.00"),
        ("9.99", None, None),
        (None, "9.99", None),
    ],
)
def test_an_amount_that_a_shop_tells_as_a_difference_is_known_where_both_sides_are(gross, net, tax):
    """Oscar: amounts with tax and without, and no tax."""
    order = mapped({"id": 1, "of": {"gross": gross, "net": net}}, tax_total={"sum": ["of.gross", "-of.net"]})
    assert order.tax_total == tax


def test_a_side_of_a_difference_that_is_no_amount_is_handed_on_for_cleaning_to_name():
    assert mapped({"id": 1, "a": "5", "b": "1,5"}, tax_total={"sum": ["a", "-b"]}).tax_total == "-1,5"


UNROUNDED = {
    "order": {
        "order_id": "id", "currency": "cur", "taxes_included": {"constant": True},
        "grand_total": {"path": "total", "digits": "currency"},
    },
    "lines": {"each": "lines", "fields": {"line_id": "n", "total": {"path": "total", "digits": "currency"}}},
    "charges": {"fields": {"kind": {"constant": "shipping"}, "amount": {"path": "freight", "digits": "currency"}}},
}  # fmt: skip


def unrounded(total, *lines, order=None, **more):
    raw = {"id": 1, "cur": "EUR", "total": total, "lines": [{"total": each} for each in lines], **more}
    told = UNROUNDED | {"order": UNROUNDED["order"] | (order or {})}
    return adapters.find("rest").to_order(raw, described({}, map=told))


@pytest.mark.parametrize(
    ("total", "lines", "more", "rounding"),
    [
        ("498.63465", ["458.88525", "39.7494"], {}, "-0.01"),  # 458.89 + 39.75 = 498.64, and 498.63 is to be paid
        ("10.01385", ["9.93735", "0.0765"], {}, "-0.01"),
        ("17.0000001", ["12.005", "4.9950001"], {}, "-0.01"),
        ("17", ["12.0", "5.0"], {}, None),
        ("113907.7", ["113332.2", "25.5"], {"cur": "JPY", "freight": "550"}, None),  # 113,332 + 26 + 550 = 113,908
        ("25.5", ["12.75", "12.75"], {"cur": "JPY"}, None),
        ("25", ["12.5", "12.5"], {"cur": "JPY"}, "-1"),
    ],
)
def test_what_rounding_part_by_part_takes_from_the_equation_is_told_as_rounding(total, lines, more, rounding):
    """Medusa rounds nothing: what adds up as told does, after rounding, to the last minor unit only by chance."""
    order = unrounded(total, *lines, **more)
    assert order.rounding == rounding
    assert residue(order) == 0


def test_a_mistake_in_the_told_amounts_is_never_called_rounding():
    assert unrounded("498.63465", "458.88525", "38.7494").rounding == "-0.01"
    assert residue(unrounded("498.63465", "458.88525", "38.7494")) == -1
    assert residue(unrounded("20", "12.004", "7.004")) == Decimal("-0.99")


def test_the_decimal_places_of_minor_units_round_nothing():
    told = {"grand_total": {"path": "total", "unit": "minor", "digits": 4}}
    assert unrounded("120000", "12.004", order=told).rounding is None
    assert residue(unrounded("120000", "12.004", order=told)) == 0


def test_rounding_is_the_shops_own_where_the_file_names_its_place_and_nothing_where_an_amount_is_missing():
    assert unrounded("25.01", "12.005", "12.995", order={"rounding": "off"}, off="0.02").rounding == "0.02"
    assert unrounded(None, "12.005").rounding is None
    assert unrounded("12.01", "12.005", None).rounding is None
    assert unrounded("12.01", "12,005").rounding is None


@pytest.mark.parametrize(("listed", "own"), [("x", {}), (None, {}), ({"a": "b"}, ["c"]), ({"a": "b"}, None)])
def test_params_of_a_wrong_shape_are_refused_with_the_file(listed, own):
    with pytest.raises(ValidationError, match=r"params\n.*valid dictionary"):
        described({"params": listed}, by_id={"name": "id", "params": own})


def test_an_element_is_found_by_what_another_place_says():
    """JSON:API keeps what an order refers to beside it, by type and id; Square a line's taxes by their uid."""
    raw = {
        "id": 1,
        "ship": {"id": "7"},
        "included": [
            {"type": "item", "id": "7", "sku": "7A"},
            {"type": "address", "id": "6", "city": "Lund"},
            {"type": "address", "id": 7, "city": "Malmö"},
        ],
        "taxes": [{"uid": "a", "rate": 25}, {"uid": "b", "rate": 12}],
        "lines": [{"n": 1, "tax": "b", "note": "a&b"}, {"n": 2, "tax": "a"}, {"n": 3, "tax": None}],
    }
    told = {
        "order": {"order_id": "id", "buyer_id": "lines[note=a&b].n"},
        "lines": {"each": "lines", "fields": {"line_id": "n", "title": "/taxes[uid={tax}].rate"}},
        "contacts": {"ship_to": {"city": "included[type=address & id={ship.id}].city"}},
        "refunds": {"each": "included[type=item&id={/ship.id}]", "fields": {"reason": "sku"}},
    }
    order = adapters.find("rest").to_order(raw, described({}, map=told))
    assert [line.title for line in order.lines] == ["12", "25", None]
    assert ([each.city for each in order.contacts], order.buyer_id) == (["Malmö"], "1")
    assert [each.reason for each in order.refunds] == ["7A"]


@pytest.mark.parametrize("place", ["meta[key=color].value", "meta[key={/wanted}].value"])
@pytest.mark.parametrize("odd", [{"name": "color"}, ["color"], None, True])
def test_an_element_whose_key_holds_no_single_value_is_another_one_and_stops_nothing(place, odd):
    raw = {"id": 1, "wanted": "color", "meta": [{"key": odd, "value": "no"}, {"key": "color", "value": "red"}]}
    assert mapped(raw, order_number=place).order_number == "red"
