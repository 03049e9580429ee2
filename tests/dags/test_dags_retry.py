"""The class of an error decides whether a task is tried again, and when."""

from datetime import timedelta

import psycopg2
import pytest
from airflow.sdk import RetryAction

from orderflow.domain.errors import (
    BalanceError,
    ConfigError,
    DeniedError,
    DriftError,
    RecordError,
    TooManyError,
    TransientError,
)
from orderflow.orchestration.retry import RETRIES, UNFORESEEN, ErrorTreeRetryPolicy, delay

POLICY = ErrorTreeRetryPolicy()


def decided(error, try_number=1):
    decision = POLICY.evaluate(error, try_number, RETRIES)
    return decision.action, decision.retry_delay


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("x"),
        DeniedError("x"),
        DriftError("x"),
        BalanceError("x"),
        RecordError("CODE", "field", 1, "x"),
        TooManyError("x", found=2, ceiling=1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_trying_again_cannot_help_fails_at_once(error):
    assert decided(error) == (RetryAction.FAIL, None)


def test_a_transient_error_waits_as_long_as_the_other_side_asked():
    assert decided(TransientError("x", retry_after=90.0)) == (RetryAction.RETRY, timedelta(seconds=90))
    assert decided(TransientError("x", retry_after=7200.0), 5) == (RetryAction.RETRY, timedelta(hours=2))
    assert decided(TransientError("x", retry_after=0.0)) == (RetryAction.RETRY, timedelta(seconds=1))


def test_a_transient_error_without_a_wish_waits_longer_each_time_until_the_last_try():
    waits = [decided(TransientError("x"), number)[1] for number in range(1, RETRIES + 1)]
    assert waits[:3] == [timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=2)]
    assert waits == sorted(waits)
    assert max(waits) == timedelta(minutes=15)
    assert timedelta(minutes=45) < sum(waits, timedelta()) < timedelta(hours=2)


@pytest.mark.parametrize("error", [ValueError("x"), psycopg2.OperationalError("x"), KeyboardInterrupt(), MemoryError()])
def test_anything_unforeseen_is_tried_twice_again(error):
    assert [decided(error, number)[0] for number in (1, 2, 3)] == [RetryAction.RETRY] * UNFORESEEN + [RetryAction.FAIL]
    assert decided(error) == (RetryAction.RETRY, delay(1))


def test_the_reason_names_the_class_and_never_the_message():
    decision = POLICY.evaluate(TransientError("secret words"), 1, RETRIES)
    assert decision.reason == "TransientError: trying again may help"


def test_the_policy_serialises():
    assert POLICY.serialize() == {"__type": "orderflow.orchestration.retry.ErrorTreeRetryPolicy"}
