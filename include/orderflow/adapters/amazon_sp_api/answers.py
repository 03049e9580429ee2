"""What Amazon's answers say of themselves: a list `errors` is a failure, whatever the HTTP status."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import httpx
import msgspec

from orderflow.adapters.http import named, retry_after, words
from orderflow.domain.errors import DeniedError, DriftError, OrderflowError, TransientError

TOO_MANY = "QuotaExceeded"
BUSY = frozenset({"InternalError", "InternalFailure", "ServiceUnavailable"})
DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "InvalidSignature", "MissingAuthenticationToken", "Unauthorized"}
)
PACES = {
    "/orders/2026-01-01/orders": 0.0056,
    "/orders/v0/orders": 0.0167,
    "/tokens/2021-03-01/restrictedDataToken": 1.0,
}
"""Requests per second by path; every other one may be asked `PACE` times."""
PACE = 0.5


class Error(msgspec.Struct):
    code: str | None = None
    message: str | None = None
    details: str | None = None


class _Said(msgspec.Struct):
    errors: list[Error]


_SAID = msgspec.json.Decoder(_Said)


def said(response: httpx.Response) -> Sequence[Error]:
    """The errors that the answer names; none where it is a success, or not Amazon's."""
    try:
        return _SAID.decode(response.content).errors
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ()


def token_is_dead(response: httpx.Response) -> bool:
    """Amazon says `Unauthorized` of expired tokens and of missing roles alike; the details tell them apart."""
    if response.status_code == 401:
        return True
    return response.status_code == 403 and any(
        "access token" in f"{error.message} {error.details}".lower() for error in said(response)
    )


def pause(response: httpx.Response, now: datetime) -> float:
    """Seconds until one more request may pass: as Amazon says, else what the operation's rate comes to."""
    asked = retry_after(response.headers, now)
    if asked is not None:
        return asked
    try:
        rate = float(response.headers.get("x-amzn-ratelimit-limit", ""))
    except ValueError:
        rate = 0.0
    path = response.request.url.path
    return 1 / (rate if rate > 0 else next((pace for end, pace in PACES.items() if path.endswith(end)), PACE))


def failure(response: httpx.Response, *, wanted: str, now: datetime) -> OrderflowError | None:
    """The error that an answer stands for; None for a success, and where only the status says what is wrong."""
    errors, status = said(response), response.status_code
    code = errors[0].code or "" if errors else ""
    text = " ".join(filter(None, (code, errors[0].message, errors[0].details))) if errors else ""
    where = f"{named(response.request)}: status {status} ({words(text, response)}) instead of {wanted}"
    if status == 429 or code == TOO_MANY:
        return TransientError(
            f"{where}; the quota of this operation is used up; the run goes on when Amazon allows it",
            retry_after=pause(response, now),
        )
    if not errors or status >= 500:
        return None
    if token_is_dead(response):
        return DeniedError(f"{where}; a fresh access token was refused, too; let the seller authorise the app again")
    if code in DENIED or status == 403:
        return DeniedError(
            f"{where}; the app lacks a role for this, or the connection names the address of another region; grant the "
            "role in the developer console and let the seller authorise the app again"
        )
    if code in BUSY:
        return TransientError(f"{where}; Amazon has a fault; the run tries again by itself")
    return DriftError(
        f"{where}; compare the request with the adapter's README, and this machine's clock with the time: Amazon "
        "refuses ranges that end less than two minutes ago"
    )
