"""What is usual, to the last digit: a faster way to learn it must not move the line at which somebody is told."""

from datetime import UTC, date, datetime, timedelta
from math import fsum
from zoneinfo import ZoneInfo

import pytest

from orderflow.domain.volume import BIN, HISTORY, learn, whole
from orderflow.domain.window import Window

START = datetime(2026, 9, 6, 3, 20, tzinfo=UTC)
SPAN = Window(START, START + HISTORY - timedelta(days=1))


def orders(every, most):
    """Some in one quarter of an hour of so many, which differ in no simple rhythm; nothing is drawn."""
    quarters = [datetime(2026, 9, 6, 3, tzinfo=UTC) + number * BIN for number in range(int(HISTORY / BIN))]
    numbers = [(number * 7919 % 1009, quarter) for number, quarter in enumerate(quarters)]
    return {quarter: 1 + number % most for number, quarter in numbers if number % every == 0}


@pytest.mark.parametrize(
    ("zone", "every", "most", "spread", "a_week", "by_hour"),
    [
        ("UTC", 1, 40, 0.05, 13684.0, 1136174.6239952012),
        ("Europe/Berlin", 3, 9, 0.2222501227094902, 889.0000000000002, 73306.48966552067),
        ("Australia/Lord_Howe", 3, 9, 0.22616863843425533, 625.2455357142857, 54742.955357142855),
        ("Asia/Kolkata", 20, 2, 0.02, 33.96666666666667, 2814.45),
        ("America/St_Johns", 150, 1, 0.02, 4.9, 424.35),
    ],
)
def test_what_is_learned_is_what_it_was(zone, every, most, spread, a_week, by_hour):
    """Two of the zones change their clocks within the span, one by half an hour, and on a holiday.

    A Python that adds floats more exactly moves the last digit.
    """
    left_out = whole([date(2026, 10, 3), date(2026, 10, 4), date(2026, 10, 25)], ZoneInfo(zone))
    left_out += [(START + timedelta(days=9, minutes=26), START + timedelta(days=11, minutes=-20, seconds=1))]
    pattern = learn(orders(every, most), SPAN, zone, left_out)
    learned = pattern.spread, fsum(pattern.rates), fsum(slot * rate for slot, rate in enumerate(pattern.rates))
    assert learned == pytest.approx((spread, a_week, by_hour), rel=1e-12)
