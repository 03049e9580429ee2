"""Windows tile time without gap or overlap, whatever their ends."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow.domain.errors import ConfigError
from orderflow.domain.window import Window

moments = st.datetimes(datetime(2015, 1, 1), datetime(2100, 1, 1), timezones=st.timezones())  # noqa: DTZ001 - Hypothesis adds the zone
lengths = st.timedeltas(timedelta(microseconds=1), timedelta(days=400))


@st.composite
def windows(draw: st.DrawFn) -> Window:
    start = draw(moments).astimezone(UTC)
    return Window(start, start + draw(lengths))


@given(windows(), st.timedeltas(timedelta(days=1), timedelta(days=60)))
def test_slices_tile_the_window(window: Window, longest: timedelta):
    slices = list(window.slices(longest))
    assert slices[0].start == window.start
    assert slices[-1].end == window.end
    assert all(left.end == right.start for left, right in itertools.pairwise(slices))
    assert all(part.length <= longest for part in slices)


@given(windows())
def test_halves_tile_the_window_or_it_is_a_second(window: Window):
    halves = window.halves()
    if halves is None:
        assert window.length <= timedelta(seconds=2)
    else:
        assert (halves[0].start, halves[0].end, halves[1].end) == (window.start, halves[1].start, window.end)


@given(windows())
def test_a_window_reads_back_what_it_prints(window: Window):
    assert Window.parse(str(window)) == window


@given(windows(), st.timedeltas(timedelta(0), timedelta(days=2)), st.timedeltas(timedelta(0), timedelta(days=1)))
def test_what_neighbours_ask_for_leaves_no_gap(window: Window, lookback: timedelta, settle: timedelta):
    following = Window(window.end, window.end + window.length)
    first = window.asked(lookback=lookback, settle=settle)
    second = following.asked(lookback=lookback, settle=settle)
    assert second.start == first.end - lookback


def test_a_day_over_the_change_to_summer_time_has_23_hours():
    stockholm = ZoneInfo("Europe/Stockholm")
    day = Window(datetime(2026, 3, 29, tzinfo=stockholm), datetime(2026, 3, 30, tzinfo=stockholm))
    assert day.length == timedelta(hours=23)
    assert str(day) == "2026-03-28T23:00:00Z/2026-03-29T22:00:00Z"
    assert day.name == "20260328T230000Z--20260329T220000Z"


def test_a_window_is_half_open():
    window = Window.parse("2026-03-01T00:00Z/2026-03-01T01:00Z")
    assert window.start in window
    assert window.end not in window


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "yesterday",
            "window 'yesterday' is not 'start/end' in ISO 8601; write it like 2026-03-01T00:00Z/2026-03-01T01:00Z",
        ),
        (
            "2026-03-01T00:00Z",
            (
                "window '2026-03-01T00:00Z' is not 'start/end' in ISO 8601; write it like "
                "2026-03-01T00:00Z/2026-03-01T01:00Z"
            ),
        ),
        (
            "2026-03-01T00:00/2026-03-01T01:00",
            (
                "window start 2026-03-01T00:00:00 has no time zone; write it with an offset, such as "
                "2026-03-01T00:00:00+00:00"
            ),
        ),
        (
            "2026-03-01T01:00Z/2026-03-01T01:00Z",
            "window 2026-03-01T01:00:00+00:00/2026-03-01T01:00:00+00:00 is empty; its end must lie after its start",
        ),
    ],
)
def test_a_wrong_window_says_how_to_write_it(text: str, message: str):
    with pytest.raises(ConfigError) as refused:
        Window.parse(text)
    assert str(refused.value) == message
