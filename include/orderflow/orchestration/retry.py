"""Which failure is worth another try: the class of the error decides."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from orderflow.domain.errors import OrderflowError, TransientError

RETRIES = 8
"""Tries after the first one, at most: with the delays below somewhat more than an hour."""
FIRST_DELAY = timedelta(seconds=30)
LONGEST_DELAY = timedelta(minutes=15)
UNFORESEEN = 2
"""Tries after the first one for an error outside of our tree: a lost worker, a full disk, a bug."""


class ErrorTreeRetryPolicy(RetryPolicy):
    """`TransientError`: try again, after what the other side asked for. The rest of the tree: fail at once, because
    the same input gives the same answer. Anything else: try again twice.

    Runs in the worker, within the task's `retries`.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,  # noqa: ARG002 - Airflow's interface
        context: object = None,  # noqa: ARG002 - Airflow's interface
    ) -> RetryDecision:
        name = type(exception).__name__
        if isinstance(exception, TransientError):
            if exception.retry_after is not None:
                asked = timedelta(seconds=max(exception.retry_after, 1.0))
                return RetryDecision.retry(asked, f"{name}: asked to wait {asked.total_seconds():.0f} s")
            return RetryDecision.retry(delay(try_number), f"{name}: trying again may help")
        if isinstance(exception, OrderflowError):
            return RetryDecision.fail(f"{name}: trying again cannot help")
        if try_number > UNFORESEEN:
            return RetryDecision.fail(f"{name}: unforeseen, tried {try_number} times")
        return RetryDecision.retry(delay(try_number), f"{name}: unforeseen, tried {try_number} times")

    def serialize(self) -> dict[str, Any]:
        return {"__type": f"{__name__}.{type(self).__name__}"}


def delay(try_number: int) -> timedelta:
    """30 s, doubled by every try, at most 15 minutes; `try_number` counts from 1."""
    return min(FIRST_DELAY * int(2 ** (try_number - 1)), LONGEST_DELAY)
