"""The band of orders that a channel file gives for one window holds for windows of any length."""

from datetime import UTC, datetime, timedelta

import pytest

from good_orders import channel
from orderflow.domain.window import Window
from orderflow.quality.band import for_window

START = datetime(2026, 3, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "band"),
    [(1, (10, 500)), (6, (60, 3000)), (24, (240, 12000)), (0.5, (5, 500)), (0.05, (0, 500))],
)
def test_the_band_grows_with_the_window(hours, band):
    shop = channel(validate={"orders_per_window": [10, 500]})
    assert for_window(shop, Window(START, START + hours * timedelta(hours=1))).orders_per_window == band


def test_a_band_from_zero_stays_there_and_none_stays_none():
    day = Window(START, START + timedelta(days=1))
    assert for_window(channel(validate={"orders_per_window": [0, 500]}), day).orders_per_window == (0, 12000)
    assert for_window(channel(), day).orders_per_window is None
