"""The GraphQL kit: ask over POST, take errors inside a 200 seriously, keep within a budget of query costs.

Errors beside data are a failure: half an answer is never passed on, unless its platform's adapter says that an error
only withholds what it can do without. Every answer is decoded in two steps: the envelope here, the data by the caller,
so that records can be sliced out byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Required, TypedDict, TypeVar, Unpack

import httpx
import msgspec

from orderflow.adapters.http import Verdict, endpoint, judge, named, read, words
from orderflow.domain.errors import DeniedError, DriftError, SourceError, TooManyError, TransientError
from orderflow.domain.source import JsonValue, Runtime

ATTEMPTS = 5
"""How often one query is asked when the answer is that the budget is spent."""

DENIED = frozenset({"ACCESS_DENIED", "FORBIDDEN", "UNAUTHENTICATED", "UNAUTHORIZED", "SHOP_INACTIVE"})
AGAIN = frozenset({"INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE"})
UNCODED = {"Throttled": "THROTTLED", "Access denied": "ACCESS_DENIED", "This app is not approved": "ACCESS_DENIED"}
"""How messages begin that Shopify also sends without a code, and the code that they mean."""


class ThrottleStatus(msgspec.Struct, rename="camel"):
    maximum_available: float
    currently_available: float
    restore_rate: float


class Cost(msgspec.Struct, rename="camel"):
    """What a query cost, in the platform's points (the form of Shopify's `extensions.cost`)."""

    requested_query_cost: float | None = None
    actual_query_cost: float | None = None
    throttle_status: ThrottleStatus | None = None


class Fault(msgspec.Struct):
    message: str = ""
    path: list[Any] | None = None
    extensions: dict[str, Any] | None = None

    @property
    def code(self) -> str:
        told = (self.extensions or {}).get("code")
        return str(told or next((code for begin, code in UNCODED.items() if self.message.startswith(begin)), ""))


class Extensions(msgspec.Struct):
    cost: Cost | None = None
    search: list[dict[str, Any]] | None = None
    """What the platform says of a search filter: where it ignored a part of it, `warnings` is filled."""


class Answer(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: list[Fault] | str | None = None
    extensions: Extensions | None = None


T = TypeVar("T")
_ANSWER = msgspec.json.Decoder(Answer)


class Budget:
    """A leaky bucket of query costs whose level the platform tells with every answer. Clock and sleep are handed in.

    Before a query its cost must be in the bucket: `max(0, (requested - available) / restored per second)` is the wait.
    What a query costs is known from the last time it was asked.
    """

    def __init__(self, clock: Callable[[], datetime], sleep: Callable[[float], None]) -> None:
        self._clock, self._sleep = clock, sleep
        self._costs: dict[str, float] = {}
        self._level: ThrottleStatus | None = None
        self._at = clock()

    def wait(self, query: str) -> float:
        """Wait until `query` can be paid; returns the seconds waited."""
        if self._level is None or self._level.restore_rate <= 0:
            return 0.0
        now = self._clock()
        earned = max(0.0, (now - self._at).total_seconds()) * self._level.restore_rate
        held = min(self._level.maximum_available, self._level.currently_available + earned)
        needed = min(self._costs.get(query, 0.0), self._level.maximum_available)
        seconds = max(0.0, (needed - held) / self._level.restore_rate)
        if seconds:
            self._sleep(seconds)
        return seconds

    def learn(self, query: str, cost: Cost | None) -> None:
        """Take over what an answer said."""
        if cost and cost.requested_query_cost:
            self._costs[query] = cost.requested_query_cost
        if cost and cost.throttle_status:
            self._level, self._at = cost.throttle_status, self._clock()


class How(TypedDict, total=False):
    """What else belongs to a question."""

    wanted: Required[str]
    """What is asked for, in messages."""
    once: bool
    """It is not asked again when no good answer comes: it may have had its effect."""


class Graph:
    """One GraphQL address of one account. Data beside errors that are all `bearable` is an answer."""

    def __init__(
        self,
        client: httpx.Client,
        path: str,
        runtime: Runtime,
        *,
        table: Mapping[int, Verdict] | None = None,
        bearable: Callable[[Fault], bool] = lambda _: False,
    ) -> None:
        self._client, self._path, self._runtime, self._table = client, path, runtime, table
        self._bearable = bearable
        self._budget = Budget(runtime.clock, runtime.sleep)

    def ask(
        self, query: str, variables: Mapping[str, JsonValue], decoder: msgspec.json.Decoder[T], **how: Unpack[How]
    ) -> T:
        """The decoded `data` of an answer without errors.

        Raises `DeniedError`, `DriftError`, `TransientError` by what the errors say, and `TooManyError` (in points) when
        the query costs more than one query may: ask for less at once.
        """
        return self.answered(query, variables, decoder, **how)[0]

    def answered(
        self, query: str, variables: Mapping[str, JsonValue], decoder: msgspec.json.Decoder[T], **how: Unpack[How]
    ) -> tuple[T, httpx.Response]:
        """As `ask`, with the answer itself, for who quotes something of it."""
        wanted = how["wanted"]
        for _ in range(ATTEMPTS):
            waited = self._budget.wait(query)
            extensions = {"attempts": 1} if how.get("once") else {}
            response = self._client.post(
                self._path, json={"query": query, "variables": variables}, extensions=extensions
            )
            if waited:
                self._runtime.meter.endpoint(endpoint(response.request)).throttled_seconds += waited
            judge(response, wanted=wanted, now=self._runtime.clock(), table=self._table)
            answer = read(response, _ANSWER, wanted=wanted)
            self._budget.learn(query, answer.extensions.cost if answer.extensions else None)
            errors = self._unbearable(answer)
            if not errors:
                return _data(response, answer, decoder, wanted), response
            if not _throttled(errors):
                raise _failure(response, errors, wanted)
        raise TransientError(
            f"{named(response.request)}: the budget of query costs was spent {ATTEMPTS} times in a row while asking "
            f"for {wanted}; somebody else spends it; the run tries again by itself"
        )

    def _unbearable(self, answer: Answer) -> list[Fault]:
        """The errors for which an answer is none: all of them, where no data stand beside."""
        errors = [Fault(message=answer.errors)] if isinstance(answer.errors, str) else answer.errors or []
        return [each for each in errors if not self._bearable(each)] or ([] if _holds_data(answer) else errors)


def fitting(size: int, ask: Callable[[int], T]) -> tuple[T, int]:
    """Ask for `size` records, and for fewer as long as that is too much for one query; the answer, and what fitted."""
    while True:
        try:
            return ask(size), size
        except TooManyError as error:
            if size == 1:
                raise DriftError(f"a single record is more than one query may hold: {error}") from error
            by_cost = size * error.ceiling // error.found if 0 < error.ceiling < error.found else size
            size = max(1, min(by_cost, size // 2))


def _holds_data(answer: Answer) -> bool:
    return bytes(answer.data) != b"null"


def _throttled(errors: list[Fault]) -> bool:
    return any(fault.code == "THROTTLED" for fault in errors)


def _data(response: httpx.Response, answer: Answer, decoder: msgspec.json.Decoder[T], wanted: str) -> T:
    if not _holds_data(answer):
        raise DriftError(
            f"{named(response.request)}: neither data nor errors instead of {wanted}; "
            "compare the address with the adapter's README"
        )
    ignored = [each for each in (answer.extensions and answer.extensions.search) or [] if each.get("warnings")]
    if ignored:
        raise DriftError(
            f"{named(response.request)}: the platform ignored a part of the search filter while asked for {wanted} "
            f"({words(str(ignored[0]['warnings']), response)}); more than was asked for would come; correct the filter"
        )
    try:
        return decoder.decode(answer.data)
    except msgspec.ValidationError as error:
        raise DriftError(
            f"{named(response.request)}: {error} instead of {wanted}; compare the query with the platform's schema"
        ) from None


def _failure(response: httpx.Response, faults: list[Fault], wanted: str) -> SourceError:
    first = faults[0]
    told = "; ".join(words(f"{fault.code or 'no code'}: {fault.message}", response) for fault in faults[:3])
    where = f"{named(response.request)}: status {response.status_code} with {len(faults)} errors instead of {wanted}"
    codes = {fault.code for fault in faults}
    if codes & DENIED:
        return DeniedError(f"{where} ({told}); grant the missing right to the app, or renew its credentials")
    if "MAX_COST_EXCEEDED" in codes:
        extra = first.extensions or {}
        return TooManyError(
            f"{where} ({told}); ask for fewer records at once",
            found=_points(extra.get("cost")),
            ceiling=_points(extra.get("maxCost")),
        )
    if codes & AGAIN:
        return TransientError(f"{where} ({told}); the run tries again by itself")
    return DriftError(f"{where} ({told}); compare the query with the platform's schema")


def _points(told: Any) -> int:
    """A number of points; 0 where none is told."""
    try:
        return int(float(told or 0))
    except (TypeError, ValueError, OverflowError):
        return 0
