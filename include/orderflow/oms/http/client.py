"""One request to an OMS: its credentials, its cost, and what it means when no good answer comes."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

import httpx
import msgspec

from orderflow import wire
from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TransientError
from orderflow.domain.source import Account, JsonValue, Runtime
from orderflow.oms import answers
from orderflow.oms.http.options import HttpOptions

log = logging.getLogger(__name__)

ATTEMPTS = 4
"""Attempts of a request that had no effect so far."""
LONGEST_WAIT = 30.0
"""Seconds that an attempt may wait here; a longer `Retry-After` goes up in the error."""


class AmbiguousError(TransientError):
    """The request may have had its effect: look before sending it again."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer below 500. `body` is None where it is no JSON; `seconds` is what the OMS took.

    `page` tells that a web page came, so that whoever sent it was not the OMS.
    """

    status: int
    body: JsonValue
    seconds: float
    page: bool


class Client:
    """The HTTP side of one OMS; threads may share it. Every request is counted in the runtime's meter."""

    def __init__(self, account: Account, options: HttpOptions, runtime: Runtime) -> None:
        self.name = account.name
        self._runtime = runtime
        self._lock = threading.Lock()
        secret = account.password.reveal() if account.password else ""
        headers = {"accept": "application/json", "user-agent": "orderflow"}
        if options.auth != "none" and not secret:
            raise ConfigError(
                f"connection {account.name} has no password; put the OMS's token there, or say auth: none"
            )
        if options.auth == "bearer":
            headers["authorization"] = f"Bearer {answers.header_secret(account)}"
        elif options.auth_header is not None:
            headers[options.auth_header] = answers.header_secret(account)
        self._client = httpx.Client(
            base_url=answers.address(account),
            headers=headers,
            auth=httpx.BasicAuth(account.login or "", secret) if options.auth == "basic" else None,
            timeout=httpx.Timeout(
                options.timeout.total_seconds(), connect=options.connect_timeout.total_seconds(), pool=None
            ),
            transport=answers.Network(account, runtime, options.timeout.total_seconds()),
            follow_redirects=False,
            trust_env=False,
        )

    def pause(self, seconds: float) -> None:
        self._runtime.sleep(seconds)

    def ask(
        self, endpoint: str, method: str, path: str, content: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """Send one request.

        Raises `AmbiguousError` when it may have had its effect without a good answer (time-out, lost connection, 5xx),
        `TransientError` when it had none (no connection, 429, any 4xx that says when to come again) in four attempts,
        `DeniedError` for 401 and 403, `ConfigError` for a certificate that is not trusted, `DriftError` for answers in
        the 300s.
        """
        wait: float | None = None
        for attempt in range(ATTEMPTS):
            if attempt:
                self._runtime.sleep(0.5 * 2**attempt if wait is None else wait)
            try:
                return self._once(endpoint, method, path, content, headers)
            except AmbiguousError:
                raise
            except TransientError as error:
                failure, wait = error, error.retry_after
                log.info("request not taken target=%s endpoint=%s attempt=%d", self.name, endpoint, attempt + 1)
                if wait is not None and wait > LONGEST_WAIT:
                    break
        raise failure

    def _once(
        self, endpoint: str, method: str, path: str, content: bytes | None, headers: dict[str, str] | None
    ) -> Reply:
        waited = self._runtime.throttle.take() if self._runtime.throttle is not None else 0.0
        sent = {"content-type": "application/json", **(headers or {})} if content is not None else headers
        began = time.perf_counter()
        try:
            response = self._client.request(method, path, content=content, headers=sent)
        except httpx.RequestError as error:
            self._count(endpoint, "error", time.perf_counter() - began, 0, waited)
            if fault := answers.barred(self._place(endpoint), error):
                raise fault from error
            if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
                raise TransientError(
                    f"{self._place(endpoint)}: no connection ({type(error).__name__}); is the OMS running, and is the "
                    "connection's address right?"
                ) from error
            what = str(error) if isinstance(error, wire.UnfitError) else f"no answer ({type(error).__name__})"
            raise AmbiguousError(
                f"{self._place(endpoint)}: {what}; its orders are looked up before they are sent again"
            ) from error
        seconds = time.perf_counter() - began
        self._count(endpoint, str(response.status_code), seconds, len(response.content), waited)
        self._refuse(endpoint, response)
        try:
            body = answers.body(response)
        except msgspec.DecodeError:
            body = None
        return Reply(response.status_code, body, seconds, answers.is_page(response))

    def _refuse(self, endpoint: str, response: httpx.Response) -> None:
        """Raise for a status that says nothing about an order."""
        status, place = response.status_code, self._place(endpoint)
        later = answers.retry_after(response, self._runtime.clock())
        if status in (401, 403):
            raise DeniedError(
                f"{place} answered HTTP {status}: the OMS does not let us in; check the secret of its connection"
            )
        if status in (408, 425, 429) or (400 <= status < 500 and later is not None):
            raise TransientError(f"{place} answered HTTP {status}: not now", retry_after=later)
        if status >= 500:
            raise AmbiguousError(
                f"{place} answered HTTP {status}; its orders are looked up before they are sent again",
                retry_after=later,
            )
        if 300 <= status < 400:
            raise DriftError(
                f"{place} answered HTTP {status}, a redirect; where it leads to a login page, renew the secret of the "
                "connection, else put the final address into it"
            )

    def _count(self, endpoint: str, status: str, seconds: float, size: int, waited: float) -> None:
        with self._lock:
            cost = self._runtime.meter.endpoint(f"oms {endpoint}")
            cost.answered(status, seconds, size)
            cost.throttled_seconds += waited

    def _place(self, endpoint: str) -> str:
        return f"{self.name} ({self._client.base_url.host}): {endpoint}"
