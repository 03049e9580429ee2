"""Calls of an ERP's remote procedures over HTTP: one POST, its time, its retries, and what a refusal by HTTP means."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from orderflow import wire
from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TransientError
from orderflow.domain.source import Account, JsonValue, Runtime
from orderflow.oms import answers

log = logging.getLogger(__name__)

_ATTEMPTS = 3
_PATIENCE = 60.0
"""Seconds; who is asked to wait longer gives the worker back."""
_BUSY = frozenset({408, 429, 502, 503, 504})
_encoder = msgspec.json.Encoder(decimal_format="number")


class Rpc:
    """One OMS's HTTP side; safe to share between threads. Connections are reused, calls counted in the runtime's meter.

    A call without an answer, or answered 408, 429, 502, 503 or 504, is made up to three times: the targets call nothing
    that may not be called twice.
    """

    def __init__(self, account: Account, runtime: Runtime, *, timeout: float) -> None:
        self.name = account.name
        self._runtime = runtime
        self._client = httpx.Client(
            base_url=answers.address(account),
            transport=answers.Network(account, runtime, timeout),
            timeout=timeout,
            trust_env=False,
        )

    def post(
        self, path: str, body: JsonValue, *, endpoint: str, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Send `body` as JSON; returns HTTP status and decoded answer (numbers with a fraction as text).

        Answers of 4xx and 5xx that hold JSON are returned, for the protocol to explain. Raises `TransientError` when
        no answer came in three attempts and for a web page or a torn answer, `DeniedError` for 401 and 403,
        `ConfigError` for 404 and a certificate that is not trusted, `DriftError` for an answer that no memory is
        sure to hold, and for any other that is not JSON.
        """
        content = _encoder.encode(body)
        answer = self._answer(path, content, endpoint, {"Content-Type": "application/json", **(headers or {})})
        try:
            return answer.status_code, answers.body(answer)
        except msgspec.DecodeError as error:
            raise self._unreadable(answer, endpoint) from error

    def _answer(self, path: str, content: bytes, endpoint: str, headers: Mapping[str, str]) -> httpx.Response:
        meter = self._runtime.meter.endpoint(endpoint)
        reason, asked = "", None
        for attempt in range(_ATTEMPTS):
            if attempt:
                meter.retries += 1
                self._runtime.sleep(asked if asked is not None else 0.5 * 2**attempt)
            if self._runtime.throttle is not None:
                meter.throttled_seconds += self._runtime.throttle.take()
            start = time.perf_counter()
            try:
                answer = self._client.post(path, content=content, headers=headers)
            except httpx.RequestError as error:
                if fault := answers.barred(f"{self.name}: {endpoint}", error):
                    raise fault from error
                if isinstance(error, wire.UnfitError):
                    raise DriftError(f"{self.name}: {endpoint}: {error}") from error
                status, reason, asked, size = "error", f"{type(error).__name__}: {error}", None, 0
            else:
                status, reason, size = str(answer.status_code), f"HTTP {answer.status_code}", len(answer.content)
                asked = answers.retry_after(answer, self._runtime.clock())
            meter.answered(status, time.perf_counter() - start, size)
            if status != "error" and answer.status_code not in _BUSY:
                return answer
            log.warning(
                "call failed target=%s endpoint=%s attempt=%d reason=%s", self.name, endpoint, attempt + 1, reason
            )
            if asked is not None and asked > _PATIENCE:
                break
        raise TransientError(
            f"{self.name}: {endpoint} gave no usable answer ({reason}); it is asked again later", retry_after=asked
        )

    def _unreadable(self, answer: httpx.Response, endpoint: str) -> Exception:
        place = f"{self.name}: {endpoint} at {answer.url.copy_with(query=None)}"
        if answer.status_code in (401, 403):
            return DeniedError(
                f"{place} answered HTTP {answer.status_code}; check login and password of the connection"
            )
        if answer.status_code == 404:
            return ConfigError(f"{place} answered HTTP 404; check the URL of the connection and the target's database")
        if answer.status_code >= 500:
            return TransientError(f"{place} answered HTTP {answer.status_code} without saying why; read the OMS's log")
        if 300 <= answer.status_code < 400:
            return DriftError(
                f"{place} answered HTTP {answer.status_code}, a redirect; put the final address (https?) into the "
                "connection"
            )
        if answers.is_page(answer) or answer.content[:1] in (b"", b"{", b"["):
            return TransientError(
                f"{place} answered HTTP {answer.status_code} with a web page or with torn JSON (maintenance, a "
                "firewall); it is asked again later; when it stays, open the address in a browser"
            )
        kind = answer.headers.get("content-type", "no content type")
        return DriftError(f"{place} answered HTTP {answer.status_code} with {kind}, which is not JSON")
