"""CSV drop: strict files, orders whose rows do not stand together, and columns that the channel file names."""

from __future__ import annotations

import csv
import io
import os
import random
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from http_server import Time, account
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from orderflow import adapters
from orderflow.adapters.cells import bare
from orderflow.adapters.csv_drop import LIMITS, Options
from orderflow.adapters.csv_drop.table import rows
from orderflow.adapters.files import FileError
from orderflow.domain.errors import RecordError
from orderflow.domain.window import Window

ADAPTER = adapters.find("csv_drop")
WINDOW = Window(datetime(2026, 3, 1, 11, tzinfo=UTC), datetime(2026, 3, 1, 12, tzinfo=UTC))
DECODE = msgspec.json.Decoder(float_hook=str).decode


def options(**more) -> Options:
    return Options(**{"order": {"order_id": "id"}, "line": {"sku": "sku", "quantity": "qty"}, **more})


def pull(folder: Path, told: Options):
    source = ADAPTER.open(told, account(str(folder)), Time().runtime())
    return source, list(source.fetch(WINDOW))


def orders(pages, told: Options):
    return [ADAPTER.to_order(DECODE(record), told) for page in pages for record in page.records]


def mapped(told: Options, *table: dict[str, str]):
    return ADAPTER.to_order({"line": 2, "dropped_at": "2026-03-01T11:00:00+00:00", "rows": list(table)}, told)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 6), st.text(st.characters(exclude_categories=("Cs",)), max_size=9)),
        max_size=30,
    ),
    st.sampled_from([",", ";", "\t", "|"]),
    st.randoms(use_true_random=False),
)
def test_every_row_comes_back_in_its_order_whatever_it_holds(tmp_path_factory, table, delimiter, chance: random.Random):
    chance.shuffle(table)
    folder = tmp_path_factory.mktemp("inbox")
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows([("id", "sku", "qty"), *((order, sku, "1") for order, sku in table)])
    (folder / "a.csv").write_bytes(out.getvalue().encode())
    told = options(delimiter=delimiter)
    _, pages = pull(folder, told)
    found = orders(pages, told)
    wanted: dict[str, list[str]] = {}
    for order, sku in table:
        wanted.setdefault(str(order), []).append(bare(sku))
    assert {order.order_id: [line.sku or "" for line in order.lines] for order in found} == wanted


def test_a_large_file_comes_in_pages_of_one_origin(tmp_path: Path):
    count = LIMITS.page_size * 2 + 7
    ids = [f"O-{number}" for number in range(count)] * 2
    (tmp_path / "a.csv").write_text("id,sku,qty\n" + "".join(f"{name},A,1\n" for name in ids))
    os.utime(tmp_path / "a.csv", (1, 1))
    source, pages = pull(tmp_path, options())
    assert [len(page.records) for page in pages] == [LIMITS.page_size, LIMITS.page_size, 7]
    assert len({page.origin for page in pages}) == 1
    assert all(len(order.lines) == 2 for order in orders(pages, options()))
    rest = list(source.fetch(WINDOW, after=pages[0].cursor))
    assert [page.records for page in rest] == [page.records for page in pages[1:]]


def test_going_on_behind_a_file_takes_the_files_that_came_after_it(tmp_path: Path):
    for number, name in enumerate(("a.csv", "b.csv", "c.csv")):
        (tmp_path / name).write_text(f"id,sku,qty\n{name},A,1\n")
        os.utime(tmp_path / name, (number, number))
    source, pages = pull(tmp_path, options())
    source.acknowledge([pages[0].origin])
    rest = list(source.fetch(WINDOW, after=pages[1].cursor))
    assert [order.order_id for order in orders(rest, options())] == ["c.csv"]


def test_a_doubtful_file_is_left_and_told_the_same_way_every_time(tmp_path: Path):
    (tmp_path / "bad.csv").write_text("id,sku,qty\nO-1,A\n")
    (tmp_path / "good.csv").write_text("id,sku,qty\nO-2,A,1\n")
    source, pages = pull(tmp_path, options())
    source.acknowledge([page.origin for page in pages])
    again = list(source.fetch(WINDOW))
    assert [page.records for page in again] == [page.records for page in pages if "left" in page.origin]
    with pytest.raises(RecordError) as caught:
        orders(again, options())
    assert caught.value.code == "FILE_FAULT"
    assert "bad.csv, line 2 has 2 values for 3 columns; have the file sent again" in caught.value.message
    assert not (tmp_path / "done" / "bad.csv").exists()
    (tmp_path / "bad.csv").write_text("id,sku,qty\nO-1,A,1\n")
    assert [order.order_id for order in orders(source.fetch(WINDOW), options())] == ["O-1"]


@pytest.mark.parametrize(
    ("content", "line", "part"),
    [
        ("", None, "not even a header"),
        ("id,sku\n", 1, "no column 'qty' for line.quantity"),
        ("id,sku,quantity\nO-1,A,1\n", 1, "it has 'id', 'sku', 'quantity'"),
        ("id,sku,qtys\nO-1,A,1\n", 1, "perhaps 'qtys' now"),
        ("id,sku,qty,sku\nO-1,A,1,B\n", 1, "names the column 'sku' twice"),
        ("id,sku,qty\nO-1,A\n", 2, "2 values for 3 columns"),
        ("id,sku,qty\nO-1,A,1,\n", 2, "4 values for 3 columns"),
        ('id,sku,qty\nO-1,"A\nB",1\nO-2,A\n', 4, "2 values for 3 columns"),
        ('id,sku,qty\nO-1,"A,1\nO-2,B,1\n', 2, "quote is not closed"),
        ('id,sku,qty\nO-1,"A"x,1\n', 2, "stands where none may"),
        ("id,sku,qty\nO-1,A,1\nO-2,B,1", 3, "ends without a line feed"),
        ("i\0d\0,\0s\0k\0u\0,\0q\0t\0y\0\nO-1,A,1\n", 1, "zero bytes"),
        ("id,sku,qty\nO-1,A,1\n\0\0\0\0\n", 3, "zero bytes"),
    ],
)
def test_whatever_is_not_as_declared_names_its_line_and_its_cure(content: str, line: int | None, part: str):
    with pytest.raises(FileError, match=part) as caught:
        list(rows(io.BytesIO(content.encode()), options(), vouched=False))
    assert caught.value.line == line
    assert ";" in caught.value.message


def test_a_long_file_whose_headings_are_utf_8_says_so_and_names_no_column():
    content = "id,Straße,Größe\n" + "O-1,A,1\n" * 200
    told = options(encoding="cp1252", line={"sku": "Straße", "quantity": "Größe"})
    with pytest.raises(FileError, match="is written in UTF-8, and not in cp1252"):
        list(rows(io.BytesIO(content.encode()), told, vouched=False))


def test_empty_lines_and_a_missing_last_line_feed_that_is_vouched_for_are_no_fault():
    content = io.BytesIO(b"id,sku,qty\n\nO-1,A,1\n\n\nO-2,B,2")
    assert [number for number, _ in rows(content, options(), vouched=True)] == [3, 6]
    assert len(list(rows(content, options(last_line="open"), vouched=False))) == 2


@pytest.mark.parametrize("line", ["[1]", "{", "null", '{"a": 1} {"b": 2}', "id=1"])
def test_a_line_that_is_no_json_object_is_a_fault(line: str):
    told = options(format="jsonl", rows="orders")
    with pytest.raises(FileError, match="no JSON object"):
        list(rows(io.BytesIO(f'{{"id": 1}}\n{line}\n'.encode()), told, vouched=False))


@pytest.mark.parametrize(
    ("written", "form", "read"),
    [
        ("12.50", {}, "12.50"),
        (" -3 ", {}, "-3"),
        ("1,234.50", {"grouping": ","}, "1234.50"),
        ("1.234,50", {"decimal": ",", "grouping": "."}, "1234.50"),
        ("12,50", {"decimal": ","}, "12.50"),
        ("1 234,50", {"decimal": ",", "grouping": " "}, "1234.50"),
        ("1,234.50", {}, "1,234.50"),
        ("abc", {}, "abc"),
    ],
)
def test_amounts_are_read_by_the_declared_marks_and_nothing_is_guessed(written: str, form: dict, read: str):
    told = options(order={"order_id": "id", "grand_total": "total"}, line={}, **form)
    assert mapped(told, {"id": "O-1", "total": written}).grand_total == read


def test_a_point_where_the_decimal_mark_is_a_comma_is_refused_because_it_may_be_either():
    told = options(order={"order_id": "id", "grand_total": "total"}, line={}, decimal=",")
    with pytest.raises(RecordError, match="AMOUNT_MALFORMED"):
        mapped(told, {"id": "O-1", "total": "1.234"})


def test_times_flags_and_constants():
    told = options(
        order={
            "order_id": "id", "placed_at": "at", "is_test": "test", "currency": {"constant": "EUR"},
            "taxes_included": {"constant": "true"}, "paid": {"constant": "1.50"},
        },
        line={}, time_format="%d.%m.%Y %H:%M", decimal=",",
    )  # fmt: skip
    order = mapped(told, {"id": "O-1", "at": "31.12.2026 23:59", "test": "Yes"})
    assert (order.placed_at, order.is_test, order.currency, order.taxes_included, order.paid) == (
        "2026-12-31T23:59:00", True, "EUR", True, "1.50",
    )  # fmt: skip
    with pytest.raises(RecordError, match="TIME_MALFORMED"):
        mapped(told, {"id": "O-1", "at": "2026-12-31", "test": "no"})
    with pytest.raises(RecordError, match="FLAG_MALFORMED"):
        mapped(told, {"id": "O-1", "at": "31.12.2026 23:59", "test": "perhaps"})


def test_sums_are_made_only_where_the_file_has_none():
    line = {"sku": "sku", "quantity": "qty", "unit_price": "price", "discount": "off", "tax": "tax"}
    charges = [{"kind": {"constant": "shipping"}, "amount": "freight"}, {"kind": {"constant": "cod"}, "amount": "cod"}]
    table = [
        {
            "id": "O-1",
            "sku": "A",
            "qty": "3",
            "price": "0.1",
            "off": "0.05",
            "tax": "0.01",
            "freight": "2",
            "cod": "0.00",
        },
        {"id": "O-1", "sku": "B", "qty": "1", "price": "5", "off": "", "tax": "", "freight": "2", "cod": "0.00"},
    ]
    order = mapped(options(line=line, charges=charges), *table)
    assert [line.total for line in order.lines] == ["0.25", "5"]
    assert [(charge.kind, charge.total) for charge in order.charges] == [("shipping", "2")]
    assert (order.items_total, order.charge_total, order.tax_total, order.grand_total) == ("5.25", "2", "0.01", "7.26")
    stated = options(order={"order_id": "id", "grand_total": "total"}, line=line)
    assert mapped(stated, *({**row, "total": "99"} for row in table)).grand_total == "99"


def test_a_broken_amount_leaves_its_sum_out_instead_of_inventing_one():
    order = mapped(options(line={"quantity": "qty", "unit_price": "price"}), {"id": "O-1", "qty": "two", "price": "3"})
    assert order.lines[0].total is None
    assert order.grand_total is None
    assert order.lines[0].quantity == "two"


def test_rows_of_one_order_must_agree_on_the_order_and_may_differ_in_their_lines():
    told = options(order={"order_id": "id", "currency": "cur"}, ship_to={"name": ["given", "family"]})
    rows = [{"id": "O-1", "cur": "EUR", "given": "Zoë", "family": "Ł", "sku": sku, "qty": "1"} for sku in "AB"]
    order = mapped(told, *rows)
    assert [line.sku for line in order.lines] == ["A", "B"]
    assert order.contacts[0].name == "Zoë Ł"
    with pytest.raises(RecordError) as caught:
        mapped(told, rows[0], {**rows[1], "family": "Müller"})
    assert (caught.value.code, caught.value.field, caught.value.value) == ("ROWS_DISAGREE", "family", None)
    assert "Müller" not in str(caught.value)


def test_an_order_without_lines_has_none():
    assert mapped(options(), {"id": "O-1", "sku": "", "qty": ""}).lines == []


def test_the_time_of_the_drop_is_the_version_where_the_file_has_none():
    assert mapped(options(), {"id": "O-1"}).channel_updated_at == "2026-03-01T11:00:00+00:00"
    told = options(order={"order_id": "id", "channel_updated_at": "at"})
    assert mapped(told, {"id": "O-1", "at": "2026-01-01T00:00:00Z"}).channel_updated_at == "2026-01-01T00:00:00Z"


def test_the_partners_words_become_ours_and_stay_as_evidence():
    told = options(order={"order_id": "id", "order_status": "state"}, values={"order_status": {"出荷済": "completed"}})
    order = mapped(told, {"id": "O-1", "state": "出荷済"})
    assert (order.order_status, order.raw_status) == ("completed", {"order_status": "出荷済"})
    assert mapped(told, {"id": "O-1", "state": "open"}).order_status == "open"
    with pytest.raises(RecordError, match="STATUS_UNKNOWN"):
        mapped(told, {"id": "O-1", "state": "verloren"})


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ({"order": {}}, "order_id must name the column"),
        ({"order": {"order_id": {"constant": "1"}}}, "order_id must name the column"),
        ({"order": {"order_id": "id", "grandtotal": "t"}}, "did you mean 'grand_total'"),
        ({"line": {"skuu": "sku"}}, "did you mean 'sku'"),
        ({"charges": [{"amnt": "x"}]}, "did you mean 'amount'"),
        ({"ship_to": {"role": "x"}}, "'role' is no field"),
        ({"values": {"order_status": {"x": "shipped"}}}, "none of draft, pending"),
        ({"values": {"sku": {"x": "y"}}}, "'sku' is no field"),
        ({"encoding": "klingon"}, "no encoding"),
        ({"delimiter": ";;"}, "at most 1 character"),
        ({"lines_at": "items"}, "lines_at needs"),
        ({"settle": 10}, "not a duration"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_a_wrong_option_is_refused_with_its_cure(wrong: dict, part: str):
    with pytest.raises(ValidationError, match=part):
        options(**wrong)


def test_reading_a_whole_file_costs_little_and_loses_nothing(tmp_path: Path):
    chance = random.Random(1)
    ids = [f"O-{number}" for number in range(2000) for _ in range(3)]
    chance.shuffle(ids)
    (tmp_path / "a.csv").write_text("id,sku,qty,price\n" + "".join(f"{name},A,2,0.10\n" for name in ids))
    told = options(line={"sku": "sku", "quantity": "qty", "unit_price": "price"})
    found = orders(pull(tmp_path, told)[1], told)
    assert len(found) == 2000
    assert {Decimal(order.grand_total) for order in found} == {Decimal("0.60")}
