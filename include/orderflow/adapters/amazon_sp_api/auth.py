"""How Amazon wants requests authorised: a token of Login with Amazon in a header of its own, and nothing is signed.

Buyers' data in the Orders API v0 wants a restricted data token in that token's place, which the token buys.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from datetime import UTC

import httpx
import msgspec

from orderflow.adapters.amazon_sp_api.answers import failure, token_is_dead
from orderflow.adapters.http import Bearer, Token, bearer, judge, login, read, words
from orderflow.adapters.http.auth import EARLY
from orderflow.domain.errors import ConfigError, DeniedError, TransientError
from orderflow.domain.source import Account, Runtime, Secret

TOKENS = "https://api.amazon.com/auth/o2/token"
"""Where tokens of all regions come from; a connection may name another address as `auth_url` in its extra fields."""
HEADER = "x-amz-access-token"
AGENT = "orderflow/1 (Language=Python)"
"""Amazon wants every request to say which program asks, in this form."""
RESTRICTED = "/tokens/2021-03-01/restrictedDataToken"
PEOPLE = ["buyerInfo", "shippingAddress"]
RESOURCES = [
    {"method": "GET", "path": "/orders/v0/orders", "dataElements": PEOPLE},
    {"method": "GET", "path": "/orders/v0/orders/{orderId}", "dataElements": PEOPLE},
    {"method": "GET", "path": "/orders/v0/orders/{orderId}/orderItems", "dataElements": ["buyerInfo"]},
]
"""What a restricted data token is for: the requests of this adapter, for any order."""


class _Grant(msgspec.Struct):
    access_token: str
    expires_in: int
    """Seconds."""
    refresh_token: str | None = None


class _Refusal(msgspec.Struct):
    error: str
    error_description: str = ""


class _Restricted(msgspec.Struct, rename="camel"):
    restricted_data_token: str
    expires_in: int
    """Seconds."""


_GRANT = msgspec.json.Decoder(_Grant)
_REFUSAL = msgspec.json.Decoder(_Refusal)
_RESTRICTED = msgspec.json.Decoder(_Restricted)
_CURES = {
    "invalid_client": "client id or client secret in the connection is wrong",
    "unauthorized_client": "client id or client secret in the connection is wrong",
}
_AUTHORISE = "the seller's authorisation has ended; let the seller authorise the app again"


def auth(account: Account, runtime: Runtime) -> Bearer:
    """Login and password of the connection are the app's client id and secret; its extra fields hold the tokens."""
    client_id, secret = login(account)
    tokens = str(account.extra.get("auth_url") or TOKENS)
    kept = account.extra.get("refresh_token")

    def sign(request: httpx.Request, token: Token) -> None:
        put(request, token, runtime)

    def renewal(token: Token | None) -> httpx.Request:
        refresh = token.refresh.reveal() if token and token.refresh else kept
        if not refresh:
            raise ConfigError(
                f"connection {account.name}: no refresh_token in its extra fields; let the seller authorise the app, "
                "and store the refresh token that Amazon shows"
            )
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh,
            "client_id": client_id,
            "client_secret": secret.reveal(),
        }
        return httpx.Request("POST", tokens, data=form)

    def reading(response: httpx.Response) -> Token:
        wanted = "an access token"
        if error := _refusal(response, wanted):
            raise error
        judge(response, wanted=wanted, now=runtime.clock())
        grant = read(response, _GRANT, wanted=wanted)
        refresh = grant.refresh_token or kept
        ends = Token.end(runtime.clock(), grant.expires_in)
        return Token(Secret(grant.access_token), ends, Secret(refresh) if refresh else None)

    return bearer(
        account,
        runtime,
        renewal=renewal,
        reading=reading,
        sign=sign,
        refused=lambda response: _refused(response, runtime),
    )


def put(request: httpx.Request, token: Token, runtime: Runtime) -> None:
    """Put a token on a request, with the two other headers that Amazon asks for."""
    request.headers[HEADER] = token.value.reveal()
    request.headers["user-agent"] = AGENT
    request.headers["x-amz-date"] = runtime.clock().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _refusal(response: httpx.Response, wanted: str) -> DeniedError | None:
    """What Login with Amazon says of credentials that it does not take."""
    if response.status_code == 429 or response.status_code >= 500:
        return None
    try:
        refusal = _REFUSAL.decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    said = words(f"{refusal.error} {refusal.error_description}", response)
    cure = _CURES.get(refusal.error, _AUTHORISE)
    return DeniedError(f"{response.request.method} {response.request.url.path}: {said} instead of {wanted}; {cure}")


def _refused(response: httpx.Response, runtime: Runtime) -> bool:
    """Whether the token was refused; raises `TransientError` where Amazon says how long to wait."""
    error = failure(response, wanted="an answer", now=runtime.clock())
    if isinstance(error, TransientError):
        raise error
    return token_is_dead(response)


class Restricted(httpx.Auth):
    """Puts a restricted data token on requests, and buys the next one with the token of `bearer`."""

    requires_response_body = True

    def __init__(self, bearer: Bearer, account: Account, runtime: Runtime) -> None:
        self._bearer, self._runtime = bearer, runtime
        self._url = account.url + RESTRICTED
        self._token: Token | None = None
        self._lock = threading.Lock()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = yield from self._valid(None)
        put(request, token, self._runtime)
        response = yield request
        if _refused(response, self._runtime):
            token = yield from self._valid(token)
            put(request, token, self._runtime)
            _refused((yield request), self._runtime)

    def _valid(self, refused: Token | None) -> Generator[httpx.Request, httpx.Response, Token]:
        """A token that lasts, and is another one than `refused`."""
        with self._lock:
            token, now = self._token, self._runtime.clock()
            if token is None or token is refused or (token.expires_at and now >= token.expires_at - EARLY):
                self._token = token = yield from self._bought()
            return token

    def _bought(self) -> Generator[httpx.Request, httpx.Response, Token]:
        response = yield from _answered(
            self._bearer, httpx.Request("POST", self._url, json={"restrictedResources": RESOURCES})
        )
        wanted, now = "a restricted data token", self._runtime.clock()
        if error := failure(response, wanted=wanted, now=now):
            if isinstance(error, DeniedError):
                raise DeniedError(f"{error}; or set `personal_data: false` in the channel file")
            raise error
        judge(response, wanted=wanted, now=now)
        grant = read(response, _RESTRICTED, wanted=wanted)
        return Token(Secret(grant.restricted_data_token), Token.end(now, grant.expires_in))


def _answered(auth: httpx.Auth, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, httpx.Response]:
    """Let `auth` have its way with a request; gives the last answer."""
    flow = auth.auth_flow(request)
    signed = next(flow)
    while True:
        response = yield signed
        try:
            signed = flow.send(response)
        except StopIteration:
            return response
