"""How TikTok Shop wants requests signed, and how a token is renewed.

The access token goes into a header; app key, time, shop and signature into the query. The signature covers the path,
the query sorted by name, and the body's very bytes.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

import httpx
import msgspec

from orderflow.adapters.http import Bearer, Token, bearer, judge, login, read
from orderflow.adapters.tiktok_shop.answers import BUSY, failure, said
from orderflow.domain.errors import ConfigError, DeniedError, TransientError
from orderflow.domain.source import Account, Runtime, Secret

HEADER = "x-tts-access-token"
TOKENS = "https://auth.tiktok-shops.com"
"""Where tokens come from; a connection may name another address as `auth_url` in its extra fields."""
RENEWAL = "/api/v2/token/refresh"
UNSIGNED = frozenset({"sign", "access_token"})


class _Grant(msgspec.Struct):
    access_token: str
    refresh_token: str
    access_token_expire_in: int
    """Seconds since 1970, whatever the name says."""


class _Answer(msgspec.Struct):
    data: _Grant


_ANSWER = msgspec.json.Decoder(_Answer)


def signature(secret: Secret, path: str, params: Mapping[str, str], body: bytes = b"") -> str:
    """HMAC-SHA256 in lower-case hex over secret + path + sorted names and values + body + secret."""
    key = secret.reveal().encode()
    text = path + "".join(name + params[name] for name in sorted(params) if name not in UNSIGNED)
    return hmac.new(key, key + text.encode() + body + key, hashlib.sha256).hexdigest()


def auth(shop_cipher: str, account: Account, runtime: Runtime) -> Bearer:
    """Login and password of the connection are app key and app secret; its extra fields hold the tokens."""
    key, secret = login(account)
    tokens = str(account.extra.get("auth_url") or TOKENS).rstrip("/")
    base = httpx.URL(account.url).path.rstrip("/")

    def sign(request: httpx.Request, token: Token) -> None:
        system = {
            "app_key": key,
            "shop_cipher": shop_cipher,
            "timestamp": str(int(runtime.clock().timestamp())),
        }
        params = dict(request.url.params) | system
        path = request.url.path.removeprefix(base)
        request.url = request.url.copy_merge_params(system | {"sign": signature(secret, path, params, request.read())})
        request.headers[HEADER] = token.value.reveal()

    def renewal(token: Token | None) -> httpx.Request:
        refresh = token.refresh if token else _stored_refresh(account)
        if not refresh:
            raise ConfigError(
                f"connection {account.name}: no access_token and no refresh_token in its extra fields; let the seller "
                "authorise the app, and store what TikTok answers"
            )
        params = {
            "app_key": key,
            "app_secret": secret.reveal(),
            "refresh_token": refresh.reveal(),
            "grant_type": "refresh_token",
        }
        return httpx.Request("GET", tokens + RENEWAL, params=params)

    def reading(response: httpx.Response) -> Token:
        wanted = "an access token"
        if (answer := said(response)) and (error := failure(response, answer, wanted=wanted)):
            if isinstance(error, TransientError):
                raise error
            raise DeniedError(f"{error} (or let the seller authorise the app again)")
        judge(response, wanted=wanted, now=runtime.clock())
        grant = read(response, _ANSWER, wanted=wanted).data
        ends = datetime.fromtimestamp(grant.access_token_expire_in, UTC)
        return Token(Secret(grant.access_token), ends, Secret(grant.refresh_token))

    def refused(response: httpx.Response) -> bool:
        answer = said(response)
        if answer and answer.code in BUSY and (error := failure(response, answer, wanted="an answer")):
            raise error
        return answer is not None and answer.token_is_dead

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
