"""How Pinduoduo wants requests signed, and how a token is renewed.

There is one address for everything. Parameters of the interface, its name (`type`), token, time and signature are one
form; the signature covers all of it, sorted by name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping

import httpx
import msgspec

from orderflow.adapters.http import Token, bearer, judge, login, read
from orderflow.adapters.pinduoduo.answers import TOKEN_DEAD, failure, said
from orderflow.domain.errors import ConfigError, DeniedError, TransientError
from orderflow.domain.source import Account, Runtime, Secret

ROUTER = "api/router"
RENEWAL = "pdd.pop.auth.token.refresh"


class _Grant(msgspec.Struct):
    access_token: str
    refresh_token: str
    expires_in: int
    """Seconds."""


class _Granted(msgspec.Struct):
    pop_auth_token_refresh_response: _Grant


_GRANTED = msgspec.json.Decoder(_Granted, strict=False)


def signature(secret: Secret, params: Mapping[str, str]) -> str:
    """MD5 in upper-case hex over secret, names and values sorted by name, and secret; what is empty does not count."""
    inner = "".join(name + params[name] for name in sorted(params) if params[name] and name != "sign")
    text = secret.reveal() + inner + secret.reveal()
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()


class Form(httpx.Auth):
    """Moves the query of every request that `signing` made into its body, on the last step before it leaves.

    Up to here a request is told apart by its query, in messages and origins; on the wire no token stands in an address.
    """

    requires_response_body = True

    def __init__(self, signing: httpx.Auth) -> None:
        self._signing = signing

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        flow = self._signing.auth_flow(request)
        try:
            asked = next(flow)
            while True:
                response = yield _as_form(asked)
                response.request = asked
                try:
                    asked = flow.send(response)
                except StopIteration:
                    return
        finally:
            flow.close()


def _as_form(asked: httpx.Request) -> httpx.Request:
    headers = [(name, value) for name, value in asked.headers.items() if not name.startswith("content-")]
    return httpx.Request(
        "POST",
        asked.url.copy_with(query=None),
        headers=headers,
        data=dict(asked.url.params),
        extensions=asked.extensions,
    )


def auth(account: Account, runtime: Runtime) -> Form:
    """Login and password of the connection are client_id and client_secret; its extra fields hold the tokens."""
    client_id, secret = login(account)

    def signed(url: httpx.URL, token: str = "") -> httpx.URL:
        system = {
            "client_id": client_id,
            "timestamp": str(int(runtime.clock().timestamp())),
            "data_type": "JSON",
            "version": "V1",
        } | ({"access_token": token} if token else {})
        params = dict(url.params) | system
        return url.copy_merge_params(system | {"sign": signature(secret, params)})

    def sign(request: httpx.Request, token: Token) -> None:
        request.url = signed(request.url, token.value.reveal())

    def renewal(token: Token | None) -> httpx.Request:
        refresh = token.refresh if token else _stored_refresh(account)
        if not refresh:
            raise ConfigError(
                f"connection {account.name}: no access_token and no refresh_token in its extra fields; let the seller "
                "authorise the app, and store what Pinduoduo answers"
            )
        params = {"type": RENEWAL, "refresh_token": refresh.reveal()}
        return httpx.Request("POST", signed(httpx.URL(f"{account.url}/{ROUTER}", params=params)))

    def reading(response: httpx.Response) -> Token:
        wanted = "an access token"
        if answer := said(response):
            error = failure(response, answer, wanted=wanted)
            raise (
                error
                if isinstance(error, TransientError)
                else DeniedError(f"{error}; let the seller authorise the app again if the refresh token has expired")
            )
        judge(response, wanted=wanted, now=runtime.clock())
        grant = read(response, _GRANTED, wanted=wanted).pop_auth_token_refresh_response
        ends = Token.end(runtime.clock(), grant.expires_in)
        return Token(Secret(grant.access_token), ends, Secret(grant.refresh_token))

    def refused(response: httpx.Response) -> bool:
        answer = said(response)
        if answer and answer.busy:
            raise failure(response, answer, wanted="an answer")
        return answer is not None and answer.code in TOKEN_DEAD

    return Form(
        bearer(
            account,
            runtime,
            renewal=renewal,
            reading=reading,
            sign=sign,
            refused=refused,
        )
    )


def _stored_refresh(account: Account) -> Secret | None:
    value = account.extra.get("refresh_token")
    return Secret(value) if value else None
