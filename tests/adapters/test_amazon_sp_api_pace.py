"""The pace of the Amazon sources: quotas that are used up, and what is waited for where."""

import pytest
from amazon_shop import Amazon, Time, error, ids, numbers, pulled

from orderflow.domain.errors import TransientError


@pytest.mark.parametrize(
    ("version", "headers", "wait"),
    [
        ("v2026-01-01", {}, 1 / 0.0056),
        ("v2026-01-01", {"retry-after": "100"}, 100),
        ("v2026-01-01", {"x-amzn-ratelimit-limit": "0.01"}, 100),
        ("v2026-01-01", {"x-amzn-ratelimit-limit": "none"}, 1 / 0.0056),
    ],
)
def test_a_used_up_quota_of_lists_is_waited_for_outside_of_the_run(version, headers, wait):
    time = Time()
    with pytest.raises(TransientError) as caught:
        pulled(Amazon(first=[error(429, "QuotaExceeded", headers=headers)]), version, time=time)
    assert caught.value.retry_after == pytest.approx(wait)
    assert time.slept == []


def test_a_used_up_quota_of_items_is_waited_for_inside():
    amazon, time = Amazon(ids(1)), Time()
    good = amazon.items_of(ids(1)[0], "more")
    amazon.items[ids(1)[0]] = [error(429, "QuotaExceeded"), good]
    assert numbers(pulled(amazon, "v0", time=time)) == ids(1)
    assert time.slept == [pytest.approx(2)]


def test_after_twenty_lists_the_next_one_waits_three_minutes():
    time = Time()
    pulled(Amazon(*([each] for each in ids(*range(22)))), time=time)
    assert time.slept == [pytest.approx(1 / 0.0056), pytest.approx(1 / 0.0056)]
