"""By which clock the `sql` adapter reads: times with and without zone, numbers, texts; and clocks that do not sort."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sql_shop import HOUR, ids, opened, sqlite_shop
from sqlalchemy import Column, types
from sqlalchemy.dialects import mysql

from orderflow.adapters.sql import database, moments, rows
from orderflow.adapters.sql.options import Clock
from orderflow.adapters.sql.rows import reading
from orderflow.domain.errors import DriftError
from orderflow.domain.window import Window

SPRING = (datetime(2026, 3, 28), datetime(2026, 3, 30))  # noqa: DTZ001 - hypothesis wants them so
AUTUMN = (datetime(2026, 10, 24), datetime(2026, 10, 26))  # noqa: DTZ001 - as above


@pytest.fixture
def lite(tmp_path):
    with sqlite_shop(tmp_path) as shop:
        yield shop


@pytest.mark.parametrize(
    ("form", "kind", "values"),
    [
        ("epoch", "INTEGER", [1772355599, 1772355600, 1772359199, 1772359200]),
        ("epoch_ms", "INTEGER", [1772355599999, 1772355600000, 1772359199999, 1772359200000]),
        ("%Y%m%d%H%M%S", "TEXT", ["20260301085959", "20260301090000", "20260301095959", "20260301100000"]),
        (
            "%Y-%m-%dT%H:%M:%S",
            "TEXT",
            [f"2026-03-01T{each}" for each in ("08:59:59Z", "09:00:00", "09:59:59.9", "10:00:00")],
        ),
    ],
)
def test_clocks_of_other_forms(lite, form, kind, values):
    connection, account = lite
    connection.execute(f"CREATE TABLE orders (id INTEGER, modified {kind})")
    connection.executemany("INSERT INTO orders VALUES (?, ?)", enumerate(values))
    connection.commit()
    assert ids(opened(account, modified={"column": "modified", "form": form})) == [1, 2]


@given(
    start=st.datetimes(*SPRING) | st.datetimes(*AUTUMN),
    length=st.timedeltas(timedelta(seconds=1), timedelta(hours=5)),
    inside=st.floats(0, 0.999999),
)
def test_a_clock_that_is_put_forward_or_back_hides_no_moment(start, length, inside):
    window = Window(start.replace(tzinfo=UTC), start.replace(tzinfo=UTC) + length)
    clock = Clock(column="modified", timezone="Europe/Stockholm")
    low, high = moments.ends(clock, types.DateTime(), "mysql", window)
    moment = window.start + inside * length
    assert low <= moment.astimezone(ZoneInfo("Europe/Stockholm")).replace(tzinfo=None) < high


@pytest.mark.parametrize(
    ("kind", "form", "message"),
    [
        (types.Date(), "time", "wants a time with its day"),
        (types.Integer(), "time", "wants a time with its day"),
        (types.DateTime(), "epoch", "wants a number"),
        (types.Integer(), "%Y%m%d", "wants text"),
    ],
)
def test_a_column_that_its_form_does_not_fit_is_refused(kind, form, message):
    with pytest.raises(DriftError, match=message):
        moments.ends(Clock(column="modified", form=form), kind, "mysql", HOUR)


def test_a_form_that_does_not_sort_as_time_is_refused_with_the_file():
    with pytest.raises(ValueError, match="begin with the year"):
        Clock(column="modified", form="%d.%m.%Y")


def test_a_clock_finer_than_its_driver_is_refused_instead_of_read_for_ever(lite, monkeypatch):
    """As SQL Server's datetime2(7) looks through a driver that cuts it to microseconds."""
    connection, account = lite
    connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, modified TEXT)")
    connection.executemany("INSERT INTO orders VALUES (?, '2026-03-01 09:00:00.1234567')", [(n,) for n in range(5)])
    connection.commit()
    cut = rows.value
    monkeypatch.setattr(rows, "value", lambda name, found: cut(name, found)[:-1] if name == "modified" else found)
    with pytest.raises(DriftError, match="finer than the microseconds"):
        ids(opened(account, batch=2))


@pytest.mark.parametrize(
    ("form", "kind", "none"),
    [
        ("epoch", "INTEGER", 0),
        ("epoch_ms", "INTEGER", 0),
        ("time", "TEXT", "0000-00-00 00:00:00"),
        ("time", "TEXT", ""),
    ],
)
def test_a_row_whose_time_is_none_is_told_as_one_without(lite, form, kind, none):
    connection, account = lite
    connection.execute(f"CREATE TABLE orders (id INTEGER, modified {kind} NOT NULL)")
    connection.execute("INSERT INTO orders VALUES (1, ?)", (none,))
    connection.commit()
    with pytest.raises(DriftError, match=r"a time before 1971 in its place.*COALESCE\(modified"):
        ids(opened(account, modified={"column": "modified", "form": form}))


@pytest.mark.parametrize("dialect", ["mysql", "mariadb"])
def test_a_timestamp_of_mysql_is_in_utc_whatever_zone_its_server_and_its_other_columns_are_in(dialect):
    assert "SET time_zone = '+00:00'" in database.SESSION[dialect], "else it is told in the zone of the server"
    clock = Clock(column="modified", timezone="Asia/Taipei")
    start, end = moments.ends(clock, mysql.TIMESTAMP(), dialect, HOUR)
    assert (start.isoformat(), end.isoformat()) == ("2026-03-01T09:00:00", "2026-03-01T10:00:00")
    start, _ = moments.ends(clock, mysql.DATETIME(), dialect, HOUR)
    assert start.isoformat() == "2026-03-01T17:00:00"
    naive = start.replace(hour=9)
    told = [reading(Column("modified", kind), dialect)(naive) for kind in (mysql.TIMESTAMP(), mysql.DATETIME())]
    assert told == ["2026-03-01T09:00:00+00:00", "2026-03-01T09:00:00"]
