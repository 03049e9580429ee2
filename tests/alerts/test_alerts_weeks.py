"""Simulated weeks: no false alarm while a shop is well, and an outage is told once, within the stated time."""

import os
from datetime import datetime, timedelta

import pytest

from orderflow.domain.volume import HISTORY, LONGEST_LOOK, flow, learn
from orderflow.domain.window import Window
from orderflow.sandbox.weeks import JUDGED, SHAPES, START, Outage, orders, watched

BY_NAME = {shape.name: shape for shape in SHAPES}


def shapes(*names):
    return [pytest.param(BY_NAME[name], id=name) for name in names or BY_NAME]


@pytest.mark.parametrize("shape", shapes())
def test_eight_well_weeks_raise_nothing(shape, channel):
    outcome = watched(shape, channel, orders(shape, seed=1), every=timedelta(hours=3))
    assert outcome.raised == []


@pytest.mark.parametrize("left", [0.0, 0.1])
@pytest.mark.parametrize("shape", shapes("busy shop", "wholesale, weekdays only", "evening shop, quiet nights"))
def test_an_outage_is_told_once_within_the_stated_time_and_taken_back_once(shape, left, channel):
    start = JUDGED.start + timedelta(days=24, hours=3)
    outage = Window(start, start + (shape.faint if left else shape.dead))
    span = Window(start - timedelta(days=1), outage.end + timedelta(days=4))
    found = orders(shape, [Outage(outage, left)], seed=2)
    outcome = watched(shape, channel, found, span, every=timedelta(minutes=30))
    assert [each for each in outcome.raised if each not in outage] == []
    assert (len(outcome.raised), len(outcome.recovered)) == (1, 1)
    assert outcome.recovered[0] > outage.end


def test_the_silence_of_a_shop_with_three_orders_a_day_is_told_within_the_stated_time(channel):
    shape = BY_NAME["three orders a day"]
    start = JUDGED.start + timedelta(days=24, hours=3)
    outage = Window(start, start + shape.dead)
    span = Window(start - timedelta(days=1), outage.end + timedelta(days=4))
    outcome = watched(shape, channel, orders(shape, [Outage(outage)], seed=3), span, every=timedelta(hours=6))
    assert [each in outage for each in outcome.raised] == [True]
    assert [each > outage.end for each in outcome.recovered] == [True]


def test_a_silence_that_is_not_told_yet_is_not_learned_from():
    shape = BY_NAME["three orders a day"]
    start = JUDGED.start + timedelta(days=10)
    silent, well = (orders(shape, outages, seed=6) for outages in ([Outage(Window(start, JUDGED.end))], []))
    until = start + LONGEST_LOOK
    span = Window(until - HISTORY, until - timedelta(days=1))
    excused, usual = (learn(each, span, shape.zone, []) for each in (silent, well))
    assert excused == usual
    assert flow(excused, silent, until, []).shortfall.orders == 0


@pytest.mark.soak
@pytest.mark.skipif(
    os.environ.get("ORDERFLOW_SOAK") != "1", reason="minutes of simulated weeks; ORDERFLOW_SOAK=1 runs it"
)
@pytest.mark.parametrize("shape", shapes())
def test_many_weeks_and_outages_of_every_shape(shape, channel):
    for seed in range(5):
        assert watched(shape, channel, orders(shape, seed=seed)).raised == []
        for left, within in ((0.0, shape.dead), (0.1, shape.faint)):
            if within is None:
                continue
            start = JUDGED.start + timedelta(days=5 * seed + 2, hours=5 * seed)
            outage = Window(start, start + within)
            found = orders(shape, [Outage(outage, left)], seed=seed)
            outcome = watched(shape, channel, found, Window(start - timedelta(days=1), outage.end + timedelta(days=12)))
            assert (len(outcome.raised), len(outcome.recovered)) == (1, 1), (seed, left)
            assert outcome.raised[0] in outage


def test_the_end_of_summer_time_lies_within_the_judged_weeks():
    assert datetime.fromisoformat("2026-10-25T01:00+00:00") in JUDGED
    assert JUDGED.start - START == HISTORY


def test_two_weeks_of_history_are_needed_before_anything_is_judged():
    shape = SHAPES[0]
    found = orders(shape, seed=3)
    pattern = learn(found, Window(START, START + timedelta(days=13)), shape.zone, [])
    assert pattern is None
    assert learn(found, Window(START, START + timedelta(days=15)), shape.zone, []) is not None


def test_a_holiday_is_not_judged_and_the_day_after_it_is():
    """A shop whose orders all stop on a day of the calendar."""
    shape = SHAPES[0]
    start = JUDGED.start + timedelta(days=10)
    found = orders(shape, [Outage(Window(start, start + timedelta(days=3)))], seed=4)
    pattern = learn(found, Window(START, start), shape.zone, [])
    until = start + timedelta(hours=20)
    assert flow(pattern, found, until, [(start, until)]).shortfall is None
    assert flow(pattern, found, until, []).shortfall.orders == 0


def test_a_wild_day_that_nobody_wrote_down_does_not_raise_what_is_usual():
    shape = BY_NAME["busy shop"]
    found = orders(shape, seed=5)
    day = JUDGED.start - timedelta(days=7)
    wild = {moment: count * 10 if day <= moment < day + timedelta(days=1) else count for moment, count in found.items()}
    span = Window(START, JUDGED.start)
    quiet, loud = (sum(learn(each, span, shape.zone, []).rates) for each in (found, wild))
    assert loud < quiet * 1.06
