"""Amounts that a described shop writes with a decimal comma."""

import pytest

from orderflow.adapters.described.mapping import Mapped
from orderflow.adapters.described.values import Marks, Value, reader
from orderflow.domain.errors import RecordError

COMMA = Marks(",", ".")


@pytest.mark.parametrize(
    ("told", "read"), [("1.234,50", "1234.50"), ("0,99", "0.99"), ("-12", "-12"), (3, "3"), (12.5, "12.5")]
)
def test_text_with_a_decimal_comma_is_read_and_numbers_stay(told, read):
    assert reader("grand_total", "amount", "sum", COMMA)(({"sum": told},), "EUR") == read


def test_several_amounts_with_commas_are_added_and_rounded():
    both = Value(sum=["a", "-b"], digits=1)
    assert reader("tax", "amount", both, Marks(",", ""))(({"a": "12,55", "b": "2,25"},), "EUR") == "10.3"


def test_what_cannot_be_meant_so_is_refused():
    with pytest.raises(RecordError, match="groups thousands"):
        reader("grand_total", "amount", "sum", COMMA)(({"sum": "12.5"},), "EUR")


def test_a_channel_file_says_it_once_for_all_amounts_of_an_order():
    told = Mapped(
        decimal=",",
        grouping=".",
        order={"order_id": "id", "grand_total": "sum", "currency": "cur", "order_number": "no"},
        lines={"each": "rows[]", "fields": {"sku": "sku", "quantity": "n", "unit_price": "price"}},
        shipments={"each": "parcels[]", "fields": {"shipment_id": "id"},
                   "lines": {"each": "rows[]", "line_id": "line", "quantity": "n"}},
    )  # fmt: skip
    raw = {
        "id": "1.234,5", "no": "7,7", "sum": "2.469,00", "cur": "EUR",
        "rows": [{"sku": "A-1,5", "n": "2", "price": "1.234,50"}],
        "parcels": [{"id": "p", "rows": [{"line": "1", "n": "1,5"}, {"line": "2", "n": 0.5}]}],
    }  # fmt: skip
    order = told.compiled(raw)
    assert (order.order_id, order.order_number, order.grand_total) == ("1.234,5", "7,7", "2469.00")
    (line,) = order.lines
    assert (line.sku, line.quantity, line.unit_price, line.total) == ("A-1,5", "2", "1234.50", "2469.00")
    assert order.shipments[0].lines == [("1", "1.5"), ("2", "0.5")]
