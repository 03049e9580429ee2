"""Typing: amounts and times, whole columns at once, with the same answers as one by one."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from good_orders import order, shipment, with_line
from orderflow.domain.order import Order, Refund
from orderflow.pipeline import frames as fr
from orderflow.pipeline.cleaning.documents import amount_text, time_text
from orderflow.pipeline.cleaning.typed import amounts, read_amount, read_time, times, type_frames

MALFORMED = "AMOUNT_MALFORMED"


def read(*texts, zone="UTC"):
    typed, faults = times(pa.array(texts, pa.string()), zone)
    return typed.to_pylist(), dict(zip(faults.rows, faults.codes, strict=True))


@pytest.mark.parametrize(
    ("text", "millionths"),
    [
        ("24.5", 24_500_000),
        ("-3", -3_000_000),
        ("+3", 3_000_000),
        ("0", 0),
        ("-0.0", 0),
        (".5", 500_000),
        ("5.", 5_000_000),
        ("1e2", 100_000_000),
        ("2.5E-6", None),
        ("1E-6", 1),
        ("0.000001", 1),
        ("24.50000000", 24_500_000),
        (" 24.5\u3000", 24_500_000),
        ("1000000000000", 10**18),
        ("", None),
        (None, None),
    ],
)
def test_an_amount_is_exact_whatever_its_spelling(text, millionths):
    alone, _ = amounts(pa.array([text], pa.string()))
    among_malformed, _ = amounts(pa.array(["broken", text], pa.string()))
    assert alone.to_pylist() == [millionths]
    assert among_malformed.to_pylist() == [None, millionths]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1,234.50", MALFORMED),
        ("NaN", MALFORMED),
        ("inf", MALFORMED),
        ("1_000", MALFORMED),
        ("0x10", MALFORMED),
        ("--1", MALFORMED),
        ("$5", MALFORMED),
        ("1.0000001", "AMOUNT_TOO_FINE"),
        ("1e-7", "AMOUNT_TOO_FINE"),
        ("1000000000000.000001", "AMOUNT_OUT_OF_RANGE"),
        ("-1e13", "AMOUNT_OUT_OF_RANGE"),
        ("1e99", "AMOUNT_OUT_OF_RANGE"),
        ("9" * 60, "AMOUNT_OUT_OF_RANGE"),
        ("10e38", "AMOUNT_OUT_OF_RANGE"),
        ("10e-45", "AMOUNT_TOO_FINE"),
        ("1e-1000", MALFORMED),
        ("1e-999999999", MALFORMED),
        ("9" * 100_000 + "x", MALFORMED),
    ],
    ids=lambda value: value[:20],
)
def test_what_is_no_amount_becomes_null_and_names_its_rule(text, code):
    typed, faults = amounts(pa.array(["1.5", text, None, "2"], pa.string()))
    assert typed.to_pylist() == [1_500_000, None, None, 2_000_000]
    assert faults.rows == [1]
    assert faults.codes == [code]


@given(st.lists(st.decimals(-(10**12), 10**12, places=6) | st.none(), max_size=20))
def test_amounts_come_back_as_the_decimals_they_were(values):
    typed, faults = amounts(pa.array([None if v is None else str(v) for v in values], pa.string()))
    assert not faults.rows
    assert typed.to_pylist() == [None if v is None else int(v.scaleb(6)) for v in values]
    spelled = amount_text(typed).to_pylist()
    assert [None if text is None else Decimal(text) for text in spelled] == values
    assert not any(text.endswith(("0", ".")) for text in spelled if text and "." in text)


@given(st.lists(st.text("0123456789+-.eE ,x٣", max_size=12) | st.none(), min_size=1, max_size=8))
def test_a_column_of_amounts_is_read_as_its_values_are_one_by_one(texts):
    typed, faults = amounts(pa.array(texts, pa.string()))
    alone = [(None, None) if text is None else read_amount(text) for text in texts]
    assert typed.to_pylist() == [value for value, _ in alone]
    assert dict(zip(faults.rows, faults.codes, strict=True)) == {
        row: code for row, (_, code) in enumerate(alone) if code
    }


def test_times_with_different_offsets_become_utc():
    moment = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
    spellings = ["2026-03-01T10:00:00+08:00", "2026-03-01T02:00:00Z", "2026-02-28 18:00:00-0800", "2026-03-01T10:00+08"]
    values, faults = read(*spellings)
    assert values == [moment] * 4
    assert faults == {}


def test_times_without_an_offset_are_in_the_channels_zone_beside_those_with_one():
    values, _ = read("2026-03-01T10:00:00", "2026-03-01T10:00:00Z", None, zone="Asia/Taipei")
    assert values == [datetime(2026, 3, 1, 2, tzinfo=UTC), datetime(2026, 3, 1, 10, tzinfo=UTC), None]


def test_a_date_is_midnight_in_the_channels_zone():
    assert read("2026-03-01", zone="Europe/Stockholm")[0] == [datetime(2026, 2, 28, 23, tzinfo=UTC)]


@pytest.mark.parametrize("companions", [[], ["2026-03-01T10:00:00Z"], ["broken"]], ids=["alone", "zoned", "malformed"])
def test_a_local_hour_that_happens_twice_is_the_first_and_one_that_never_does_keeps_the_old_offset(companions):
    values, faults = read("2026-10-25T02:30:00", "2026-03-29T02:30:00", *companions, zone="Europe/Stockholm")
    assert values[:2] == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)]
    assert {row: faults[row] for row in (0, 1)} == {0: "TIME_AMBIGUOUS", 1: "TIME_AMBIGUOUS"}


@pytest.mark.parametrize(
    "text", ["01/03/2026", "2026-02-30T10:00:00Z", "2026-13-01", "yesterday", "1772355600", "2026-03-01T10:00:00+99:00"]
)
def test_what_is_no_time_becomes_null_and_does_not_hide_the_others(text):
    values, faults = read("2026-03-01T10:00:00Z", text, "2026-03-01T10:00:00")
    assert values == [datetime(2026, 3, 1, 10, tzinfo=UTC), None, datetime(2026, 3, 1, 10, tzinfo=UTC)]
    assert faults == {1: "TIME_MALFORMED"}


def test_a_zero_date_is_a_time_that_has_not_come():
    values, faults = read("2026-03-01T10:00:00Z", "0000-00-00 00:00:00", "0000-00-00")
    assert values == [datetime(2026, 3, 1, 10, tzinfo=UTC), None, None]
    assert faults == {}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Taipei", "America/New_York"])
@pytest.mark.parametrize("unset", ["0001-01-01T00:00:00", "0001-01-01T00:00:00Z", "0001-01-01 00:00:00.0000000"])
def test_the_first_day_of_all_is_a_time_that_has_not_come(unset, zone):
    for others in (["2026-03-01T10:00:00Z"], ["2026-03-01T10:00:00"], []):
        values, faults = read(unset, *others, zone=zone)
        assert values[0] is None
        assert faults == {}


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("9999-12-31T23:59:59", "America/New_York"),
        ("9999-12-31T23:59:59-14:00", "UTC"),
        ("0000-01-01T00:00:00Z", "UTC"),
        ("0001-01-02T00:00:00+23:59", "Asia/Taipei"),
    ],
)
@pytest.mark.parametrize("others", [[], ["2026-03-01T10:00:00"], ["2026-03-01T10:00:00Z"]])
def test_a_time_that_leaves_the_calendar_in_utc_is_none_and_hides_no_other(text, zone, others):
    values, faults = read(text, *others, zone=zone)
    far = text == "0001-01-02T00:00:00+23:59"
    assert values[0] == (datetime(1, 1, 1, 0, 1, tzinfo=UTC) if far else None)
    assert faults == ({} if far else {0: "TIME_MALFORMED"})
    assert None not in values[1:]


def test_the_end_of_time_is_a_time():
    values, faults = read("9999-12-31T23:59:59", "2026-03-01T10:00:00", zone="Asia/Taipei")
    assert values[0] == datetime(9999, 12, 31, 15, 59, 59, tzinfo=UTC)
    assert faults == {}


def test_more_than_six_decimals_of_a_second_are_cut():
    assert read("2026-03-01T10:00:00.123456789Z")[0] == [datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)]


NAIVE = st.datetimes(datetime(1996, 1, 1), datetime(2037, 1, 1))  # noqa: DTZ001 - Hypothesis wants its limits naive
AWARE = st.datetimes(timezones=st.just(UTC)).filter(lambda moment: 1 < moment.year < 9999)
ZONES = st.sampled_from(
    ["UTC", "Asia/Taipei", "Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Europe/Dublin"]
)


@given(st.lists(NAIVE, min_size=1, max_size=10), ZONES)
def test_local_times_are_read_as_the_standard_library_reads_them(moments, zone):
    values, _ = read(*(moment.isoformat() for moment in moments), zone=zone)
    assert values == [moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for moment in moments]


@given(st.lists(AWARE, min_size=1, max_size=8))
def test_times_are_spelled_as_they_were_read(moments):
    typed, _ = times(pa.array([moment.isoformat() for moment in moments]), "UTC")
    spelled = time_text(typed).to_pylist()
    assert [datetime.fromisoformat(text) for text in spelled] == moments
    assert all(text.endswith("Z") and "+" not in text for text in spelled)


@given(
    st.lists(
        st.sampled_from(["2026-03-29T02:30", "2026-03-01T10:00Z", "x", "", "2026-03-01", "2026-02-30"]), min_size=1
    ),
    ZONES,
)
def test_a_column_of_times_is_read_as_its_values_are_one_by_one(texts, zone):
    typed, faults = times(pa.array(texts, pa.string()), zone)
    alone = [read_time(text, zone) for text in texts]
    assert typed.cast(pa.int64()).to_pylist() == [value for value, _ in alone]
    assert dict(zip(faults.rows, faults.codes, strict=True)) == {
        row: code for row, (_, code) in enumerate(alone) if code
    }


def test_every_value_that_cannot_be_typed_leaves_a_problem_with_its_place():
    good = order(1)
    orders = [
        good,
        with_line(order(2, paid_at="soon"), 1, tax="12,5"),
        order(
            3,
            shipments=[shipment(good, lines=[("L1", "1"), ("L2", "two")])],
            refunds=[Refund(at="x"), Refund(amount="y")],
        ),
    ]
    _, problems = type_frames(fr.from_orders(orders), "UTC")
    found = {
        (p["order_row"], p["table"], p["position"], p["field"], p["code"], p["value"]) for p in problems.to_pylist()
    }
    assert found == {
        (1, "orders", None, "paid_at", "TIME_MALFORMED", "soon"),
        (1, "lines", 2, "tax", MALFORMED, "12,5"),
        (2, "shipments", 1, "lines", MALFORMED, "two"),
        (2, "refunds", 1, "at", "TIME_MALFORMED", "x"),
        (2, "refunds", 2, "amount", MALFORMED, "y"),
    }


def test_frames_know_the_kind_of_every_field_of_the_canonical_order():
    kinds = {field.name: field.kind for field in fr.FIELDS["orders"]}
    assert kinds["order_id"] == "id"
    assert kinds["grand_total"] == "amount"
    assert kinds["placed_at"] == "time"
    assert kinds["tags"] == "texts"
    assert kinds["raw_status"] == kinds["ext"] == "map"
    assert {field.name: field.kind for field in fr.FIELDS["shipments"]}["lines"] == "pairs"
    named = {name for fields in fr.FIELDS.values() for name in (field.name for field in fields)}
    assert set(Order.__struct_fields__) - set(fr.PARTS) <= named


def test_frames_of_strips_are_the_frames_of_all_orders():
    orders = [order(number) for number in range(1, 8)]
    whole = fr.from_orders(orders)
    strips = fr.joined([fr.strip(orders[:3]), fr.strip([]), fr.strip(orders[3:])])
    for table in fr.TABLES:
        assert fr.table(strips, table).equals(fr.table(whole, table))
