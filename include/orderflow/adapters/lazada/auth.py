"""How Lazada wants requests signed, and how a token is renewed.

Key, time in milliseconds, method, token and signature go into the query beside the business parameters; the signature
covers the path and every parameter, sorted by name.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

import httpx
import msgspec

from orderflow.adapters.http import Bearer, Token, bearer, judge, login, read
from orderflow.adapters.lazada.answers import BUSY, TOKEN_DEAD, failure, said
from orderflow.domain.errors import ConfigError, DeniedError, TransientError
from orderflow.domain.source import Account, Runtime, Secret

TOKENS = "https://auth.lazada.com/rest"
"""Where tokens of all countries come from; a connection may name another address as `auth_url` in its extra fields."""
RENEWAL = "/auth/token/refresh"


class _Grant(msgspec.Struct):
    access_token: str
    refresh_token: str
    expires_in: int
    """Seconds."""


_GRANT = msgspec.json.Decoder(_Grant, strict=False)


def signature(secret: Secret, path: str, params: Mapping[str, str]) -> str:
    """HMAC-SHA256 in upper-case hex over the path and the parameters sorted by name, with nothing in between."""
    text = path + "".join(name + params[name] for name in sorted(params) if name != "sign")
    return hmac.new(secret.reveal().encode(), text.encode(), hashlib.sha256).hexdigest().upper()


def auth(account: Account, runtime: Runtime) -> Bearer:
    """Login and password of the connection are app key and app secret; its extra fields hold the tokens."""
    key, secret = login(account)
    tokens = str(account.extra.get("auth_url") or TOKENS)

    def signed(url: httpx.URL, base: str, token: str | None = None) -> httpx.URL:
        path = url.path.removeprefix(httpx.URL(base).path.rstrip("/"))
        system = {
            "app_key": key,
            "timestamp": str(int(runtime.clock().timestamp() * 1000)),
            "sign_method": "sha256",
        } | ({"access_token": token} if token else {})
        params = dict(url.params) | system
        return url.copy_merge_params(system | {"sign": signature(secret, path, params)})

    def sign(request: httpx.Request, token: Token) -> None:
        request.url = signed(request.url, account.url, token.value.reveal())

    def renewal(token: Token | None) -> httpx.Request:
        refresh = token.refresh if token else _stored_refresh(account)
        if not refresh:
            raise ConfigError(
                f"connection {account.name}: no access_token and no refresh_token in its extra fields; let the seller "
                "authorise the app, and store what Lazada answers"
            )
        url = httpx.URL(tokens.rstrip("/") + RENEWAL, params={"refresh_token": refresh.reveal()})
        return httpx.Request("GET", signed(url, tokens))

    def reading(response: httpx.Response) -> Token:
        wanted = "an access token"
        if (answer := said(response)) and (error := failure(response, answer, wanted=wanted)):
            raise error if isinstance(error, TransientError) else DeniedError(str(error))
        judge(response, wanted=wanted, now=runtime.clock())
        grant = read(response, _GRANT, wanted=wanted)
        ends = Token.end(runtime.clock(), grant.expires_in)
        return Token(Secret(grant.access_token), ends, Secret(grant.refresh_token))

    def refused(response: httpx.Response) -> bool:
        answer = said(response)
        if answer and answer.code in BUSY and (error := failure(response, answer, wanted="an answer")):
            raise error
        return answer is not None and answer.code in TOKEN_DEAD

    return bearer(
        account,
        runtime,
        renewal=renewal,
        reading=reading,
        sign=sign,
        refused=refused,
    )


def _stored_refresh(account: Account) -> Secret | None:
    value = account.extra.get("refresh_token")
    return Secret(value) if value else None
