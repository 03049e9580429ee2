"""What eBay's answers say of themselves: an answer with `errors` is a failure, whatever the HTTP status."""

from __future__ import annotations

from datetime import datetime

import httpx
import msgspec

from orderflow.adapters.http import judge, named, retry_after, words
from orderflow.domain.errors import DeniedError, DriftError, OrderflowError, TransientError

TOKEN_DEAD = 1001
QUOTA_USED_UP = 2001
WRONG_OFFSET = 31000
UNKNOWN_ORDER = frozenset({32100, 34913})
"""Invalid order id; the order cannot be found."""
DENIED = {
    TOKEN_DEAD: "a fresh access token was refused, too; let the seller authorise the application again",
    1002: "no access token arrived at eBay; a proxy on the way takes it out of the request",
    1003: "the token in the connection is no OAuth token; store what the seller's authorisation gave",
    1100: "the token lacks the scope sell.fulfillment (or its readonly form); let the seller authorise it",
}
QUOTA_WAIT = 900.0
"""Seconds until we ask again when the quota is used up and eBay does not say for how long."""


class Problem(msgspec.Struct, rename="camel"):
    """One error or warning."""

    error_id: int = 0
    category: str = ""
    message: str = ""
    long_message: str = ""

    def __str__(self) -> str:
        return f"{self.error_id}: {self.long_message or self.message}"


class Said(msgspec.Struct):
    """What an answer says of itself; `error` and its description come from the token address."""

    errors: list[Problem] = msgspec.field(default_factory=list)
    error: str = ""
    error_description: str = ""

    @property
    def first(self) -> Problem | None:
        return self.errors[0] if self.errors else None

    @property
    def text(self) -> str | None:
        """What eBay says in its own words, if anything."""
        if self.errors:
            return str(self.errors[0])
        return f"{self.error}: {self.error_description}" if self.error else None


_SAID = msgspec.json.Decoder(Said)


def said(response: httpx.Response) -> Said:
    """What the answer says of itself; nothing, where the body is not eBay's."""
    try:
        return _SAID.decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Said()


def failure(response: httpx.Response, problem: Problem, *, wanted: str, now: datetime) -> OrderflowError | None:
    """The error that eBay's error stands for, or None where the status alone says who must act."""
    where = f"{named(response.request)}: {words(str(problem), response)} instead of {wanted}"
    if problem.error_id in DENIED:
        return DeniedError(f"{where}; {DENIED[problem.error_id]}")
    if problem.error_id == QUOTA_USED_UP:
        asked = retry_after(response.headers, now)
        return TransientError(
            f"{where}; the application's quota is used up; the run goes on when eBay allows it, and eBay grants more "
            "after its Application Growth Check",
            retry_after=QUOTA_WAIT if asked is None else asked,
        )
    if problem.category == "APPLICATION":
        return TransientError(
            f"{where}; a fault at eBay; the run tries again by itself", retry_after=retry_after(response.headers, now)
        )
    return None


def check(response: httpx.Response, *, wanted: str, now: datetime) -> None:
    """Raise the error that an answer stands for."""
    answer = said(response)
    if answer.first and (error := failure(response, answer.first, wanted=wanted, now=now)):
        raise error
    judge(response, wanted=wanted, now=now, said=answer.text)
    if answer.text:
        raise DriftError(
            f"{named(response.request)}: {words(answer.text, response)} instead of {wanted}; "
            "compare the request with the adapter's README"
        )
