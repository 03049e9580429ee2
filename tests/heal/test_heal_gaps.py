"""Laws of gaps and of the runs that fill them: nothing forgotten, nothing twice, as few as possible."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow.domain.gap import (
    LONGEST_RUN,
    SHORTEST_RUN,
    UNMEASURED_RUN,
    Attempt,
    Gap,
    due_at,
    longest_run,
    named,
    runs,
)
from orderflow.domain.window import Window

START = datetime(2026, 3, 28, tzinfo=UTC)
NOW = START + timedelta(days=3)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def minutes(start: int, end: int) -> Window:
    return Window(START + start * MINUTE, START + end * MINUTE)


spans = st.tuples(st.integers(0, 600), st.integers(1, 120)).map(lambda each: minutes(each[0], each[0] + each[1]))
attempts = st.builds(
    Attempt,
    window=spans,
    state=st.sampled_from(["planned", "extracted", "failed", "held", "unreachable"]),
    run_id=st.sampled_from(["r1", "r2", "heal__x__1"]),
    attempts=st.integers(1, 9),
    error=st.none() | st.just("DriftError: 變了 🙈"),
    at=st.integers(0, 4000).map(lambda each: START + each * MINUTE),
)


@st.composite
def disjoint(draw):
    cuts = sorted(draw(st.sets(st.integers(0, 720), min_size=2, max_size=14)))
    return [minutes(start, end) for start, end in list(pairwise(cuts))[::2]]


def covered(windows) -> set[int]:
    return {
        number
        for window in windows
        for number in range(int((window.start - START) / MINUTE), int((window.end - START) / MINUTE))
    }


@given(disjoint(), st.lists(attempts, max_size=8))
def test_naming_gaps_neither_loses_nor_adds_a_minute(unproven, tried):
    found = named(unproven, tried)
    assert covered(gap.window for gap in found) == covered(unproven)
    assert [gap.window for gap in found] == sorted(gap.window for gap in found)
    for before, after in pairwise(found):
        assert before.window.end <= after.window.start


@given(disjoint(), st.lists(attempts, max_size=8))
def test_a_gap_has_the_cause_of_the_newest_attempt_at_every_moment(unproven, tried):
    for gap in named(unproven, tried):
        for moment in (gap.window.start, gap.window.end - MINUTE):
            inside = [each for each in tried if moment in each.window]
            if not inside:
                assert (gap.cause, gap.run_id) == ("never run", None)
            else:
                assert gap.at == max(each.at for each in inside)


gaps = disjoint().flatmap(
    lambda windows: st.tuples(
        *[
            st.builds(
                Gap,
                window=st.just(window),
                cause=st.sampled_from(["never run", "failed", "in progress", "held", "unreachable"]),
                healings=st.integers(0, 3),
                healed_at=st.integers(0, 4320).map(lambda each: START + each * MINUTE),
            )
            for window in windows
        ]
    )
)


@given(gaps, st.none() | st.integers(15, 2000).map(lambda each: each * MINUTE))
def test_runs_fill_every_gap_that_is_due_and_nothing_else(found, longest):
    pieces = runs(found, now=NOW, longest=longest)
    due = [gap for gap in found if gap.cause in {"never run", "failed"} and ((at := due_at(gap)) is None or at <= NOW)]
    assert covered(pieces) == covered(gap.window for gap in due)
    assert sum(len(covered([piece])) for piece in pieces) == len(covered(pieces)), "no minute is pulled twice"
    assert pieces == sorted(pieces, reverse=True), "newest first"
    if longest:
        assert all(piece.length <= longest for piece in pieces)


@given(st.lists(st.integers(0, 95), min_size=1, unique=True))
def test_neighbours_become_one_run(quarters):
    found = [
        Gap(window=minutes(15 * each, 15 * each + 15), cause="failed" if each % 2 else "never run") for each in quarters
    ]
    pieces = runs(found, now=NOW, longest=None)
    islands = sum(each - 1 not in quarters for each in quarters)
    assert len(pieces) == islands


def test_six_hours_of_quarters_are_one_run():
    found = [Gap(window=minutes(15 * each, 15 * each + 15), cause="never run") for each in range(24)]
    assert runs(found, now=NOW, longest=timedelta(days=1)) == [minutes(0, 360)]


def test_what_failed_is_tried_again_in_halves_apart_from_the_rest():
    failed = Gap(window=minutes(0, 360), cause="failed", healings=1, healed_at=START)
    fresh = Gap(window=minutes(360, 420), cause="never run")
    assert runs([failed, fresh], now=NOW, longest=timedelta(days=1)) == [
        minutes(360, 420), minutes(180, 360), minutes(0, 180),
    ]  # fmt: skip


def test_a_gap_that_fails_again_and_again_waits_longer_each_time_up_to_six_hours():
    waits = [
        due_at(Gap(window=minutes(0, 1), cause="failed", healings=count, healed_at=START)) - START
        for count in (1, 2, 3, 4, 9, 50)
    ]
    assert waits == [2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 16 * MINUTE, 6 * HOUR, 6 * HOUR]
    assert due_at(Gap(window=minutes(0, 1), cause="failed")) is None


@pytest.mark.parametrize(
    ("orders", "measured", "longest"),
    [
        (0, timedelta(0), UNMEASURED_RUN),
        (0, timedelta(days=1), LONGEST_RUN),
        (50_000, timedelta(days=1), timedelta(days=1)),
        (10, timedelta(days=1), LONGEST_RUN),
        (5_000_000, timedelta(days=1), SHORTEST_RUN),
    ],
)
def test_a_run_is_as_long_as_its_orders_allow(orders, measured, longest):
    assert longest_run(orders, measured) == longest


def test_a_gap_reads_as_a_sentence():
    failed = Gap(
        window=minutes(0, 60), cause="failed", attempts=9, error="TransientError: the shop is down", run_id="r"
    )
    assert str(failed) == f"{minutes(0, 60)} failed after 9 attempts: TransientError: the shop is down"
    assert str(Gap(window=minutes(0, 60), cause="never run")) == f"{minutes(0, 60)} never run"
    running = Gap(window=minutes(0, 60), cause="in progress", at=START, run_id="r")
    assert str(running) == f"{minutes(0, 60)} in progress since 2026-03-28 00:00Z"
