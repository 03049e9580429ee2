"""Ways to sign a request, as `httpx.Auth` generators: no input or output inside, clock and storage handed in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from orderflow.domain.errors import ConfigError
from orderflow.domain.source import Account, JsonValue, Renewing, Runtime, Secret

EARLY = timedelta(minutes=1)
"""A token is renewed this long before it expires, so that it does not expire on the way."""


class Header(httpx.Auth):
    """One fixed header with a secret."""

    def __init__(self, name: str, secret: Secret, *, prefix: str = "") -> None:
        self._name, self._secret, self._prefix = name, secret, prefix

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers[self._name] = self._prefix + self._secret.reveal()
        yield request


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; `expires_at` None: never. `refresh` buys the next one, where the platform works that way."""

    value: Secret
    expires_at: datetime | None = None
    refresh: Secret | None = None

    @classmethod
    def stored(cls, extra: Mapping[str, JsonValue]) -> Token | None:
        """The token that a connection's extra fields hold, or None; raises `ConfigError` where its end is none."""
        value, expires, refresh = (extra.get(name) for name in ("access_token", "expires_at", "refresh_token"))
        if not value:
            return None
        return cls(Secret(value), _moment(expires) if expires else None, Secret(refresh) if refresh else None)

    @staticmethod
    def end(now: datetime, seconds: float) -> datetime | None:
        """When a token ends that is good for so long; None for what outlives the calendar: some write "for ever" so."""
        try:
            return now + timedelta(seconds=seconds)
        except OverflowError:
            return None

    def to_json(self) -> dict[str, JsonValue]:
        """What to keep in the connection's extra fields; holds the secrets in clear."""
        return {
            "access_token": self.value.reveal(),
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
            "refresh_token": self.refresh.reveal() if self.refresh else None,
        }


def _moment(expires: JsonValue) -> datetime:
    try:
        ends = datetime.fromisoformat(expires)
    except (TypeError, ValueError):
        ends = None
    if ends is None or ends.tzinfo is None:
        raise ConfigError(
            f"expires_at in the connection's extra fields is {expires!r} and no moment; write it with its offset, like "
            "2026-03-09T10:00:00+00:00, or leave it out: then the token is renewed once the platform refuses it"
        )
    return ends


def unauthorized(response: httpx.Response) -> bool:
    return response.status_code == 401


class Bearer(httpx.Auth):
    """A token that is renewed ahead of its end, and once more when the platform answers 401.

    `renewal(token)` builds the request for a new token out of the old one (None when there is none); `reading(answer)`
    turns its answer into the token, or raises. `on_token` stores a new token before it is used, because the platform
    may have withdrawn the old one already. Threads share one renewal, and with `renewing` so do processes.

    `sign(request, token)` puts the token on a request where that takes more than one header; it runs again on the same
    request when that is asked again. `refused(answer)` says whether the token was refused, where the platform says so
    in the body; it may raise `TransientError` for a body that says "busy", and the request is asked again later.
    `early` is how long before its end a token is renewed, where the platform renews none that has ended.
    """

    requires_response_body = True

    def __init__(
        self,
        token: Token | None,
        *,
        renewal: Callable[[Token | None], httpx.Request],
        reading: Callable[[httpx.Response], Token],
        clock: Callable[[], datetime],
        on_token: Callable[[Mapping[str, JsonValue]], None] | None = None,
        renewing: Renewing | None = None,
        header: str = "authorization",
        prefix: str = "Bearer ",
        sign: Callable[[httpx.Request, Token], None] | None = None,
        refused: Callable[[httpx.Response], bool] = unauthorized,
        early: timedelta = EARLY,
    ) -> None:
        self._token, self._renewal, self._reading = token, renewal, reading
        self._clock, self._on_token, self._early = clock, on_token, early
        self._header, self._prefix = header, prefix
        self._sign, self._refused = sign or self._put, refused
        self._renewing = renewing or _alone
        self._lock = threading.Lock()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = self._token
        if token is None or self._ends(token):
            token = yield from self._renew(token)
        response = yield self._signed(request, token)
        if self._refused(response):
            token = yield from self._renew(token)
            self._refused((yield self._signed(request, token)))

    def _signed(self, request: httpx.Request, token: Token) -> httpx.Request:
        self._sign(request, token)
        return _telling(request, token)

    def _put(self, request: httpx.Request, token: Token) -> None:
        request.headers[self._header] = self._prefix + token.value.reveal()

    def _ends(self, token: Token) -> bool:
        return token.expires_at is not None and self._clock() >= token.expires_at - self._early

    def _renew(self, used: Token | None) -> Generator[httpx.Request, httpx.Response, Token]:
        """A newer token than `used`: the one another thread or process has got meanwhile, or one asked for now."""
        with self._lock:
            if self._token is None or self._token is used:
                with self._renewing() as kept:
                    self._token = yield from self._newest(used, Token.stored(kept or {}))
            return self._token

    def _newest(self, used: Token | None, kept: Token | None) -> Generator[httpx.Request, httpx.Response, Token]:
        if kept and (used is None or kept.value.reveal() != used.value.reveal()):
            if not self._ends(kept):
                return kept
            used = kept
        response = yield _telling(self._renewal(used), used)
        token = self._reading(response)
        if self._on_token:
            self._on_token(token.to_json())
        return token


def bearer(
    account: Account,
    runtime: Runtime,
    *,
    renewal: Callable[[Token | None], httpx.Request],
    reading: Callable[[httpx.Response], Token],
    header: str = "authorization",
    prefix: str = "Bearer ",
    sign: Callable[[httpx.Request, Token], None] | None = None,
    refused: Callable[[httpx.Response], bool] = unauthorized,
    early: timedelta = EARLY,
) -> Bearer:
    """A `Bearer` that begins with the connection's stored token and keeps new ones there."""
    return Bearer(
        Token.stored(account.extra),
        renewal=renewal,
        reading=reading,
        clock=runtime.clock,
        on_token=runtime.on_token,
        renewing=runtime.renewing,
        header=header,
        prefix=prefix,
        sign=sign,
        refused=refused,
        early=early,
    )


def _telling(request: httpx.Request, token: Token | None) -> httpx.Request:
    """The request with its extension `tokens`: what an answer to it may quote, wherever in the request it stands."""
    held = (token.value, token.refresh) if token else ()
    request.extensions = {**request.extensions, "tokens": tuple(each.reveal() for each in held if each)}
    return request


@contextmanager
def _alone() -> Iterator[None]:
    """Nobody else talks to this account."""
    yield None


def login(account: Account) -> tuple[str, Secret]:
    """Login and password of a connection; raises `ConfigError` when one is missing."""
    if not account.login or not account.password:
        raise ConfigError(f"connection {account.name}: login and password are both needed; fill them in")
    return account.login, account.password


def basic(account: Account) -> httpx.Auth:
    """HTTP Basic with the connection's login and password (RFC 7617)."""
    name, password = login(account)
    return httpx.BasicAuth(name, password.reveal())
