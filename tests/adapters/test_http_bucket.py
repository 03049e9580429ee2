"""The token bucket: never more than its rate over any span, whatever is taken when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from http_server import Time
from hypothesis import given
from hypothesis import strategies as st

from orderflow.adapters.http import Bucket


def test_a_burst_passes_at_once_and_the_rest_at_the_rate():
    time = Time()
    bucket = Bucket(2.0, 3, clock=time.clock, sleep=time.sleep)
    assert [bucket.take() for _ in range(5)] == pytest.approx([0, 0, 0, 0.5, 0.5])


def test_a_pause_fills_it_but_never_above_the_burst():
    time = Time()
    bucket = Bucket(2.0, 3, clock=time.clock, sleep=time.sleep)
    for _ in range(3):
        bucket.take()
    time.now += timedelta(hours=1)
    assert [bucket.take() for _ in range(4)] == pytest.approx([0, 0, 0, 0.5])


def test_a_clock_that_goes_back_earns_nothing():
    time = Time()
    bucket = Bucket(1.0, 1, clock=time.clock, sleep=time.sleep)
    bucket.take()
    time.now -= timedelta(hours=1)
    assert bucket.take() == pytest.approx(1.0)


@given(st.floats(0.1, 50), st.integers(1, 20), st.lists(st.tuples(st.floats(0, 3), st.floats(0.1, 5)), max_size=40))
def test_over_any_span_no_more_passes_than_rate_and_burst_allow(rate, burst, steps):
    time = Time()
    bucket = Bucket(rate, burst, clock=time.clock, sleep=time.sleep)
    begun, spent = time.now, 0.0
    for pause, cost in steps:
        time.now += timedelta(seconds=pause)
        bucket.take(cost)
        spent += cost
        assert spent <= burst + rate * (time.now - begun).total_seconds() + 1e-3 * rate + 1e-6
