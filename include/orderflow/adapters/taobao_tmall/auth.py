"""How TOP wants requests signed, and how a session is renewed where the app may do that.

The gateway takes its own parameters in the query and the method's in the body; the signature covers both.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

import httpx
import msgspec

from orderflow.adapters.http import Bearer, Token, bearer, judge, login, read
from orderflow.adapters.taobao_tmall.answers import failure
from orderflow.adapters.taobao_tmall.answers import refused as refusal_of
from orderflow.adapters.taobao_tmall.values import moment_text
from orderflow.domain.errors import ConfigError, DeniedError, TransientError
from orderflow.domain.source import Account, Runtime, Secret

GATEWAY = "router/rest"
RENEWAL = "taobao.top.auth.token.refresh"
AUTHORISE = "let the seller authorise the app again, and store what Taobao answers in the connection's extra fields"


class _Grant(msgspec.Struct):
    access_token: str
    expires_in: int
    """Seconds."""
    refresh_token: str | None = None


class _Result(msgspec.Struct):
    token_result: str
    """A JSON document inside of JSON."""


class _Renewed(msgspec.Struct):
    top_auth_token_refresh_response: _Result


_RENEWED = msgspec.json.Decoder(_Renewed)
_GRANT = msgspec.json.Decoder(_Grant, strict=False)


def signed_text(params: Mapping[str, str]) -> str:
    """Names and values, sorted by name, with nothing in between; without the signature and what is empty."""
    return "".join(name + params[name] for name in sorted(params) if name != "sign" and params[name])


def signature(secret: Secret, params: Mapping[str, str]) -> str:
    """HMAC-SHA256 in upper-case hex; the secret is used as text."""
    return hmac.new(secret.reveal().encode(), signed_text(params).encode(), hashlib.sha256).hexdigest().upper()


def auth(account: Account, runtime: Runtime) -> Bearer:
    """Login and password of the connection are app key and app secret; its extra fields hold the seller's session.

    A refresh token serves once, so the pair that replaces it is stored before it is used. A merchant's own app has no
    refresh token: its session ends on its day, and only the seller can give a new one.
    """
    key, secret = login(account)

    def sign(request: httpx.Request, token: Token | None) -> None:
        system = {
            "app_key": key,
            "format": "json",
            "sign_method": "hmac-sha256",
            "timestamp": moment_text(runtime.clock()),
            "v": "2.0",
        } | ({"session": token.value.reveal()} if token else {})
        body = dict(parse_qsl(request.read().decode(), keep_blank_values=True))
        signed = dict(request.url.params) | system
        request.url = request.url.copy_merge_params(system | {"sign": signature(secret, signed | body)})

    def renewal(token: Token | None) -> httpx.Request:
        refresh = token.refresh if token else _stored_refresh(account)
        if token and not refresh:
            raise DeniedError(f"connection {account.name}: its session has ended and has no refresh token; {AUTHORISE}")
        if not refresh:
            raise ConfigError(
                f"connection {account.name}: no access_token and no refresh_token in its extra fields; {AUTHORISE}"
            )
        url = httpx.URL(f"{account.url.rstrip('/')}/{GATEWAY}", params={"method": RENEWAL})
        request = httpx.Request("POST", url, data={"refresh_token": refresh.reveal()})
        sign(request, None)
        return request

    def reading(response: httpx.Response) -> Token:
        wanted = "a session"
        if refusal := refusal_of(response):
            error = failure(response, refusal, wanted=wanted, now=runtime.clock())
            raise error if isinstance(error, TransientError) else DeniedError(str(error))
        judge(response, wanted=wanted, now=runtime.clock())
        result = read(response, _RENEWED, wanted=wanted).top_auth_token_refresh_response.token_result
        grant = read(httpx.Response(200, content=result.encode(), request=response.request), _GRANT, wanted=wanted)
        ends = Token.end(runtime.clock(), grant.expires_in)
        return Token(Secret(grant.access_token), ends, Secret(grant.refresh_token) if grant.refresh_token else None)

    def refused(response: httpx.Response) -> bool:
        refusal = refusal_of(response)
        if refusal is None:
            return False
        if refusal.may_pass:
            raise failure(response, refusal, wanted="an answer", now=runtime.clock())
        return refusal.ends_the_session

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
