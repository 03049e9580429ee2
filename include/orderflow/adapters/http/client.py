"""The HTTP client of one account, put together from wrappers."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from orderflow import wire
from orderflow.adapters.http.bucket import Bucket
from orderflow.adapters.http.transport import Authorized, Costs, Measured, Retrying, Throttled
from orderflow.domain.errors import ConfigError
from orderflow.domain.source import Account, Limits, Runtime, Throttle

CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
CONNECTIONS = httpx.Limits(max_connections=16, max_keepalive_connections=16)
"""To one account."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(url: str) -> bool:
    """Whether an address points to this very machine."""
    return httpx.URL(url).host in _LOOPBACK


def client(
    account: Account,
    runtime: Runtime,
    limits: Limits,
    *,
    auth: httpx.Auth | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Client:
    """A client whose paths are relative to the account's address, with everything of `transport` on the way.

    Answers arrive read to the end, redirects are not followed (credentials must not travel), and no environment
    variable changes where requests go. Raises `ConfigError` for an address that is none, and as `wire.network` does.
    """
    costs = Costs(runtime.meter)
    network = runtime.transport or wire.network(account, CONNECTIONS)
    budgets: list[Throttle] = [runtime.throttle] if runtime.throttle else []
    if limits.rate:
        budgets.append(Bucket(limits.rate, limits.burst, clock=runtime.clock, sleep=runtime.sleep))
    asking: httpx.BaseTransport = Throttled(Measured(network, costs, account), budgets, costs)
    if auth:
        asking = Authorized(asking, auth)
    return httpx.Client(
        base_url=_address(account),
        headers={
            "accept": "application/json",
            "accept-encoding": "gzip, deflate",
            "user-agent": "orderflow",
            **(headers or {}),
        },
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        transport=Retrying(asking, costs, clock=runtime.clock, sleep=runtime.sleep),
        follow_redirects=False,
        trust_env=False,
    )


def _address(account: Account) -> httpx.URL:
    """The account's address, checked; the message never repeats what stands before the host."""
    try:
        url = httpx.URL(account.url)
        url.raw_host.decode("ascii").encode("idna")  # as it is looked up: no part is empty, or longer than 63
    except (httpx.InvalidURL, UnicodeError):
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConfigError(
            f"connection {account.name}: its address is no http(s) address; write it like https://shop.example.com"
        )
    if url.userinfo or url.query or url.fragment:
        raise ConfigError(
            f"connection {account.name}: the address of {url.host} holds credentials or a query; put login and "
            "password into the connection's own fields and leave only scheme, host, port and path"
        )
    return url
