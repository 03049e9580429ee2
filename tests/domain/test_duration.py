"""Durations name their unit; what is none is refused in words."""

from datetime import timedelta

import pytest

from orderflow.domain.channel import parse_duration, print_duration


def test_a_duration_is_read_as_it_is_printed():
    for text in ("30m", "1h30m", "2d", "45s", "1d1h1m1s"):
        assert print_duration(parse_duration(text)) == text
    assert parse_duration("90m") == timedelta(hours=1, minutes=30)


@pytest.mark.parametrize("text", ["", "30", 30, "m", "1.5h", "-5m", "３０m", "99999999999999d"])
def test_what_is_no_duration_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match=r"write it (with its unit, such as|like) 30m"):
        parse_duration(text)
