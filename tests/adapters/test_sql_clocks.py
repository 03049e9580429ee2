"""By which clock the `sql` adapter reads: times with and without zone, numbers, texts; and clocks that do not sort."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sql_shop import HOUR, ids, opened, sqlite_shop
from sqlalchemy import types

from orderflow.adapters.sql import moments, source
from orderflow.adapters.sql.options import Clock
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
    cut = source.value
    monkeypatch.setattr(source, "value", lambda name, found: cut(name, found)[:-1] if name == "modified" else found)
    with pytest.raises(DriftError, match="finer than the microseconds"):
        ids(opened(account, batch=2))
