"""Which window a run has: one function decides, for scheduled, manual, healing and backfill runs alike."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pendulum
import pytest
from dag_project import CHANNEL, Project
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow import config
from orderflow.domain.errors import ConfigError
from orderflow.domain.window import Window
from orderflow.orchestration.window import is_healing, newest, window_of

NOW = datetime(2026, 11, 22, 12, 7, tzinfo=UTC)


@pytest.fixture(scope="module")
def channel(tmp_path_factory):
    return read(tmp_path_factory.mktemp("include"), CHANNEL)


def read(root, text):
    made = Project(root)
    made.add("a", text)
    reading = config.read(made.include / "channels")
    assert reading.problems == []
    return reading.channels[0]


def at(text):
    return pendulum.parse(text)


def context(*, interval=None, params=None, conf=None, run_after=NOW, run_type="scheduled"):
    found = {
        "params": {"window_start": None, "window_end": None, **(params or {})},
        "dag_run": SimpleNamespace(conf=conf, run_after=run_after, run_type=run_type),
    }
    if interval:
        found["data_interval_start"], found["data_interval_end"] = map(at, interval)
    return found


def test_a_scheduled_run_has_its_data_interval(channel):
    run = context(interval=("2026-11-22T11:45:00+00:00", "2026-11-22T12:00:00+00:00"))
    assert str(window_of(channel, run, NOW)) == "2026-11-22T11:45:00Z/2026-11-22T12:00:00Z"
    assert not is_healing(run)


def test_a_scheduled_run_is_not_refused_because_the_workers_clock_is_behind(channel):
    run = context(interval=("2026-11-22T12:00:00+00:00", "2026-11-22T12:15:00+00:00"))
    assert window_of(channel, run, datetime(2026, 11, 22, 12, 14, 59, tzinfo=UTC)).end.minute == 15


def test_an_interval_that_somebody_chose_in_the_future_is_refused(channel):
    run = context(interval=("2062-01-01T00:00:00+00:00", "2062-01-02T00:00:00+00:00"), run_type="manual")
    with pytest.raises(ConfigError, match="is not over yet"):
        window_of(channel, run, NOW)


def test_an_interval_that_somebody_chose_the_wrong_way_round_is_refused(channel):
    run = context(interval=("2026-11-22T09:00:00+00:00", "2026-11-22T08:00:00+00:00"), run_type="manual")
    with pytest.raises(ConfigError, match="is empty; its end must lie after its start"):
        window_of(channel, run, NOW)


def test_a_window_out_of_airflows_moments_can_be_widened(channel):
    run = context(interval=("2026-11-22T19:45:00+08:00", "2026-11-22T20:00:00+08:00"))
    window = window_of(channel, run, NOW)
    assert type(window.start) is type(window.end) is datetime
    assert str(channel.asks(window)) == "2026-11-22T11:38:00Z/2026-11-22T11:58:00Z"


def test_a_backfill_has_its_data_interval_and_comes_after_live_runs(channel):
    run = context(interval=("2026-03-01T00:00:00+00:00", "2026-03-01T00:15:00+00:00"), run_type="backfill")
    assert str(window_of(channel, run, NOW)) == "2026-03-01T00:00:00Z/2026-03-01T00:15:00Z"
    assert is_healing(run)


@pytest.mark.parametrize("where", ["params", "conf"])
def test_a_window_given_by_hand_wins_over_the_interval(channel, where):
    given = {"window_start": "2026-03-01T08:00:00+08:00", "window_end": "2026-03-02T00:00:00.000Z"}
    run = context(interval=("2026-11-22T11:45:00+00:00", "2026-11-22T12:00:00+00:00"), **{where: given})
    assert str(window_of(channel, run, NOW)) == "2026-03-01T00:00:00Z/2026-03-02T00:00:00Z"
    assert is_healing(run)


def test_the_triggers_conf_wins_over_the_params(channel):
    run = context(
        params={"window_start": "2026-03-01T00:00:00Z", "window_end": "2026-03-02T00:00:00Z"},
        conf={"window_start": "2026-04-01T00:00:00Z", "window_end": "2026-04-02T00:00:00Z", "reason": "gap"},
    )
    assert str(window_of(channel, run, NOW)) == "2026-04-01T00:00:00Z/2026-04-02T00:00:00Z"


@pytest.mark.parametrize("half", ["window_start", "window_end"])
def test_a_window_with_one_end_only_is_refused(channel, half):
    missing = {"window_start": "window_end", "window_end": "window_start"}[half]
    run = context(params={half: "2026-03-01T00:00:00Z"})
    with pytest.raises(ConfigError, match=f"a: the run was given only one end of its window, {missing} is missing"):
        window_of(channel, run, NOW)


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z", "is empty; its end must lie after its start"),
        ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", "is empty"),
        ("2026-03-01T00:00:00", "2026-03-02T00:00:00", "has no time zone; write it with an offset"),
        ("yesterday", "today", "are not two ISO 8601 moments; write them like 2026-03-01T00:00:00Z"),
        ("2025-12-31T15:59:59Z", "2026-03-01T00:00:00Z", "begins before the channel's start 2025-12-31T16:00:00"),
        ("2026-11-22T12:00:00Z", "2026-11-22T12:07:01Z", "is not over yet"),
        ("2062-01-01T00:00:00Z", "2062-01-02T00:00:00Z", "is not over yet"),
    ],
)
def test_a_window_that_cannot_be_proven_is_refused(channel, start, end, said):
    with pytest.raises(ConfigError, match=said):
        window_of(channel, context(params={"window_start": start, "window_end": end}), NOW)


def test_the_first_possible_window_is_not_refused(channel):
    run = context(params={"window_start": "2025-12-31T16:00:00Z", "window_end": "2026-11-22T12:07:00Z"})
    assert window_of(channel, run, NOW).start == channel.start


@pytest.mark.parametrize("interval", [None, ("2026-11-22T12:07:00+00:00", "2026-11-22T12:07:00+00:00")])
def test_a_manual_run_without_a_window_has_the_newest_whole_tick_interval(channel, interval):
    run = context(interval=interval, run_type="manual")
    assert str(window_of(channel, run, NOW)) == "2026-11-22T11:45:00Z/2026-11-22T12:00:00Z"
    assert not is_healing(run)


def test_ticks_follow_the_channels_own_zone_through_a_change_of_the_clock(tmp_path):
    daily = read(tmp_path, CHANNEL.replace("*/15 * * * *", "0 0 * * *").replace("Asia/Taipei", "Europe/Stockholm"))
    window = newest(daily, at("2026-10-25T23:30:00+00:00"))
    assert str(window) == "2026-10-24T22:00:00Z/2026-10-25T23:00:00Z"
    assert window.length == timedelta(hours=25)


@settings(max_examples=50, deadline=None)
@given(minutes=st.integers(0, 5 * 365 * 24 * 60), seconds=st.floats(0, 60))
def test_the_newest_interval_is_whole_over_and_the_one_before_touches_it(channel, minutes, seconds):
    moment = datetime(2026, 1, 2, tzinfo=UTC) + timedelta(minutes=minutes, seconds=seconds)
    window = newest(channel, moment)
    assert window.end <= moment < window.end + timedelta(minutes=15)
    assert window.length == timedelta(minutes=15)
    assert newest(channel, window.start).end == window.start


@settings(max_examples=50, deadline=None)
@given(own=st.integers(0, 400), before=st.integers(-900, 0), after=st.integers(-900, 15))
def test_a_window_asks_for_what_it_always_does_and_meets_its_neighbours(channel, own, before, after):
    lag = channel.schedule.model_copy(update={"settle": timedelta(minutes=own)})
    channel = channel.model_copy(update={"schedule": lag})
    window = Window(NOW, NOW + timedelta(minutes=15))
    begin, end = NOW + timedelta(minutes=before), NOW + timedelta(minutes=after)
    usual, met = channel.asks(window), channel.meeting(window, before=begin, after=end).asks(window)
    assert (met.start, met.end) == (min(usual.start, begin), max(usual.end, end))
    assert channel.meeting(window, before=None, after=None).asks(window) == usual
