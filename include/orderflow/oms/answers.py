"""What every OMS that is reached over HTTP has in common: its address, and how an answer, or none, is read."""

from __future__ import annotations

import contextlib
import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec

from orderflow import wire
from orderflow.domain.errors import ConfigError, OrderflowError
from orderflow.domain.source import Account, Runtime

CONNECTIONS = httpx.Limits(max_connections=None, max_keepalive_connections=64)
"""As many are kept open as a channel may have requests in flight."""

_LONGEST_RETRY_AFTER = 86400.0
"""Seconds; who asks for more than a day is asked again after a day."""

_decode = msgspec.json.Decoder(float_hook=str).decode


def address(account: Account) -> httpx.URL:
    """The connection's address, checked; the message never repeats what stands before the host."""
    try:
        url = httpx.URL(account.url)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConfigError(
            f"connection {account.name}: its address is no http(s) address; write it like https://oms.example.com"
        )
    if url.userinfo:
        raise ConfigError(
            f"connection {account.name}: the address of {url.host} holds credentials; put login and password into the "
            "connection's own fields"
        )
    return url


def header_secret(account: Account) -> str:
    """The connection's password, for a header. Raises `ConfigError` where no header can carry it."""
    secret = account.password.reveal() if account.password else ""
    if not (secret.isascii() and secret.isprintable() and secret == secret.strip()):
        raise ConfigError(
            f"connection {account.name}: its password holds what no HTTP header can carry (a space or line break at "
            "its end, a letter with an accent); put the token there exactly as the OMS issued it"
        )
    return secret


class Network(httpx.BaseTransport):
    """The way out, as the connection says. Answers come whole, within the bounds of `wire` and of `seconds`."""

    def __init__(self, account: Account, runtime: Runtime, seconds: float) -> None:
        self._seconds = seconds
        self._inner = runtime.transport or wire.network(account, CONNECTIONS)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.headers["accept-encoding"] = "identity"
        return wire.whole(self._inner, request, self._seconds)

    def close(self) -> None:
        self._inner.close()


def barred(place: str, error: httpx.RequestError) -> OrderflowError | None:
    """The error for what no OMS has seen: its certificate is not trusted, or a proxy stopped it. None for the rest."""
    if fault := wire.untrusted(place, error):
        return ConfigError(fault)
    if isinstance(error, httpx.ProxyError):
        return wire.proxy_fault(place, error)
    return None


def body(response: httpx.Response) -> Any:
    """The answer's JSON (numbers with a fraction as text), in whatever character set.

    Raises `msgspec.DecodeError` where it is none.
    """
    with contextlib.suppress(ValueError, RecursionError):
        return _decode(response.content)
    try:
        return _decode(response.text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error


def is_page(response: httpx.Response) -> bool:
    """Whether a web page came: maintenance, a firewall, or a login page, with whatever status."""
    start = response.content[:100].lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith(b"<") and not start.startswith(b"<?xml")


def retry_after(response: httpx.Response, now: datetime) -> float | None:
    """Seconds the OMS asked us to wait, by number or by date, at most a day; None when it did not, or not readably."""
    text = response.headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
            seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
        except (ValueError, OverflowError):
            return None
    return None if math.isnan(seconds) else min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)
