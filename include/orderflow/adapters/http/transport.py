"""What happens to every request on its way out, one wrapper each.

From the outside in:

    Retrying     asks again: no answer, 429, 5xx; waits as long as the platform says, else with full jitter
    Authorized   lets an `httpx.Auth` sign every attempt anew, and refresh a token
    Throttled    waits for the account's budget
    Measured     reads the whole answer, counts what it cost, turns the network's faults into `TransientError`
    network      httpx, or what a test puts in its place

Signing stands inside retrying, so that a repeated attempt never repeats a nonce or carries a stale timestamp, and
outside of `httpx.Client`, whose log line therefore never shows credentials that go into the query.
"""

from __future__ import annotations

import logging
import random
import re
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from time import perf_counter

import httpx

from orderflow import wire
from orderflow.adapters.http.answers import retry_after
from orderflow.adapters.http.redact import told
from orderflow.domain.errors import ConfigError, DeniedError, DriftError, OrderflowError, TransientError
from orderflow.domain.source import Account, Meter, Throttle

log = logging.getLogger(__name__)

ATTEMPTS = 5
LONGEST_WAIT = 60.0
"""Seconds that one attempt may wait here; a longer `Retry-After` goes up in the error, and the run comes back later."""
FIRST_WAIT, LONGEST_JITTER = 0.5, 20.0
"""Seconds; the upper end of the random wait doubles from the first to the longest."""
LONGEST_ANSWER = 600.0
"""Seconds that a whole answer may take; a body that drips in, each piece in time, would keep a run busy for ever."""

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_TLS = re.compile(r"\[SSL: (\w+)")
"""The reason of a handshake that failed, in OpenSSL's word."""
_NUMBER = re.compile(r"/(?:\d+|\d{2,3}-\d{5,7}-\d{5,7})(?=/|$)")
"""A bare number, or an order number in groups (`12-34567-89012`)."""


def endpoint(request: httpx.Request) -> str:
    """What a request counts as: method and path, with numbers in the path left out."""
    return f"{request.method} {_NUMBER.sub('/*', request.url.path)}"


class Costs:
    """The run's meter, safe for threads."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._lock = threading.Lock()

    def asked(self, request: httpx.Request, *, status: str, seconds: float, size: int) -> None:
        with self._lock:
            self._meter.endpoint(endpoint(request)).answered(status, seconds, size)

    def waited(self, request: httpx.Request, seconds: float) -> None:
        with self._lock:
            self._meter.endpoint(endpoint(request)).throttled_seconds += seconds

    def retried(self, request: httpx.Request) -> None:
        with self._lock:
            self._meter.endpoint(endpoint(request)).retries += 1


class Measured(httpx.BaseTransport):
    """Reads the answer to its end, so that a torn body is a fault of this attempt; counts it; names faults.

    The answer's extension `account` says whose secrets it may quote.
    """

    def __init__(self, inner: httpx.BaseTransport, costs: Costs, account: Account) -> None:
        self._inner, self._costs, self._account = inner, costs, account

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        begun = perf_counter()
        try:
            response = wire.whole(self._inner, request, LONGEST_ANSWER)
        except httpx.RequestError as error:
            self._costs.asked(request, status="error", seconds=perf_counter() - begun, size=0)
            raise _fault(request, error) from None
        seconds, size = perf_counter() - begun, len(response.content)
        self._costs.asked(request, status=str(response.status_code), seconds=seconds, size=size)
        if (place := response.headers.get("location")) and not _is_place(place):
            del response.headers["location"]  # httpx reads it, though nobody follows it, and raises
        response.extensions = {**response.extensions, "account": self._account}
        return response


def _is_place(location: str) -> bool:
    try:
        return isinstance(httpx.URL(location).host, str)
    except (httpx.InvalidURL, UnicodeError):
        return False


def _fault(request: httpx.Request, error: httpx.RequestError) -> OrderflowError:
    """Our error for a fault of the network; the library's own text may hold an address, so it is not passed on."""
    where = f"{told(request)} at {request.url.host}"
    if isinstance(error, wire.UnfitError):
        return DriftError(f"{where}: {error}")
    if isinstance(error, httpx.ProxyError):
        return wire.proxy_fault(where, error)
    if fault := wire.untrusted(where, error):
        return DeniedError(fault)
    if refused := _TLS.search(str(error)):
        return TransientError(
            f"{where}: no secure connection ({refused[1]}); the run tries again by itself; when it stays, look whether "
            "the address has the right scheme and port, and whether the host offers TLS 1.2 or newer"
        )
    if isinstance(error, httpx.LocalProtocolError):
        return ConfigError(
            f"{where}: one of its headers is none that HTTP allows, mostly for a line break or a blank around a "
            "secret; enter the secret in the connection again, without them"
        )
    if isinstance(error, httpx.UnsupportedProtocol):
        return ConfigError(f"{where}: the address cannot be asked over HTTP; correct it in the connection")
    kinds: Sequence[tuple[type[httpx.RequestError], str]] = (
        (httpx.ConnectTimeout, "no connection in time"),
        (httpx.ConnectError, "no connection (the name is unknown, or nothing listens there, or at the proxy)"),
        (httpx.TimeoutException, "no answer in time"),
        (httpx.DecodingError, "a damaged body"),
        (httpx.RequestError, "the connection broke before the answer was complete"),
    )
    what = next(text for kind, text in kinds if isinstance(error, kind))
    return TransientError(f"{where}: {what}; the run tries again by itself; when it stays, check host and firewall")


class Throttled(httpx.BaseTransport):
    """Takes one unit from each budget before asking."""

    def __init__(self, inner: httpx.BaseTransport, budgets: Sequence[Throttle], costs: Costs) -> None:
        self._inner, self._budgets, self._costs = inner, budgets, costs

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        waited = sum(budget.take() for budget in self._budgets)
        if waited:
            self._costs.waited(request, waited)
        return self._inner.handle_request(request)


class Authorized(httpx.BaseTransport):
    """Drives an `httpx.Auth` over the inner transport; every attempt starts from the request as it was unsigned."""

    def __init__(self, inner: httpx.BaseTransport, auth: httpx.Auth) -> None:
        self._inner, self._auth = inner, auth

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        unsigned = httpx.Request(
            request.method, request.url, headers=request.headers, stream=request.stream, extensions=request.extensions
        )
        flow = self._auth.sync_auth_flow(unsigned)
        try:
            signed = next(flow)
            while True:
                response = self._inner.handle_request(signed)
                response.request = signed
                response.extensions = {**response.extensions, "signed": signed, "unsigned": request}
                try:
                    signed = flow.send(response)
                except StopIteration:
                    return response
        except UnicodeEncodeError:
            raise ConfigError(
                f"{told(request)}: a secret holds a sign that no header may have, mostly an invisible one that was "
                "pasted along; enter it in the connection again"
            ) from None  # the error itself holds the secret
        finally:
            flow.close()


class Retrying(httpx.BaseTransport):
    """Asks again where that may help. The extension `attempts` of a request sets how often it may be asked in all."""

    def __init__(
        self,
        inner: httpx.BaseTransport,
        costs: Costs,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._inner, self._costs, self._clock, self._sleep, self._chance = inner, costs, clock, sleep, chance

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        attempts: int = request.extensions.get("attempts", ATTEMPTS)
        for attempt in range(1, attempts + 1):
            failure: TransientError | None = None
            asked: float | None
            try:
                response = self._inner.handle_request(request)
            except TransientError as error:
                failure, asked, what = error, error.retry_after, "no answer"
            else:
                if response.status_code not in _AGAIN:
                    return response
                asked, what = retry_after(response.headers, self._clock()), str(response.status_code)
            if attempt == attempts or (asked or 0.0) > LONGEST_WAIT:
                break
            wait = self._jitter(attempt) if asked is None else asked
            log.info("request retried request=%s attempt=%d status=%s wait=%.1fs", told(request), attempt, what, wait)
            self._costs.retried(request)
            self._sleep(wait)
        if failure:
            raise failure
        return response

    def _jitter(self, attempt: int) -> float:
        """Anything between nothing and an upper end that doubles with every attempt (full jitter)."""
        return self._chance() * min(LONGEST_JITTER, FIRST_WAIT * 2.0 ** (attempt - 1))
