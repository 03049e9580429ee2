"""How Douyin wants requests signed, and how a token is renewed.

Key, method, time, token and signature go into the query; the signature covers key, method, time and the body, byte for
byte, but not the token. A body is JSON with sorted names and nothing superfluous.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import httpx
import msgspec

from orderflow.adapters.douyin.answers import TOKEN_DEAD, failure, said
from orderflow.adapters.http import Bearer, Token, bearer, judge, login, read
from orderflow.domain.errors import ConfigError, DeniedError, TransientError
from orderflow.domain.source import Account, Runtime, Secret

RENEWAL, CREATION = "token/refresh", "token/create"
VERSION = "2"


class _Grant(msgspec.Struct):
    access_token: str
    expires_in: int
    """Seconds."""
    refresh_token: str | None = None


class _Answer(msgspec.Struct):
    data: _Grant


_ANSWER = msgspec.json.Decoder(_Answer, strict=False)


def param_json(params: dict[str, Any]) -> bytes:
    """Business parameters as Douyin wants them: names sorted at every level, no spaces, UTF-8, nothing escaped."""
    return msgspec.json.encode(params, order="sorted")


def signature(secret: Secret, app_key: str, method: str, timestamp: str, body: str) -> str:
    """HMAC-SHA256 in lower-case hex over names and values in their fixed order, the secret on both ends."""
    key = secret.reveal()
    text = f"{key}app_key{app_key}method{method}param_json{body}timestamp{timestamp}v{VERSION}{key}"
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def auth(account: Account, runtime: Runtime) -> Bearer:
    """Login and password of the connection are app key and app secret; its extra fields hold the tokens.

    An app of the seller's own asks for its tokens itself; its connection holds `shop_id` instead of a refresh token.
    """
    key, secret = login(account)
    base = httpx.URL(account.url).path.rstrip("/")

    def signed(request: httpx.Request, token: Token | None = None) -> httpx.Request:
        method = request.url.path.removeprefix(base).strip("/").replace("/", ".")
        timestamp = str(int(runtime.clock().timestamp()))
        system = {
            "app_key": key,
            "method": method,
            "timestamp": timestamp,
            "v": VERSION,
            "sign_method": "hmac-sha256",
            "sign": signature(secret, key, method, timestamp, request.read().decode()),
        }
        request.url = request.url.copy_merge_params(system | ({"access_token": token.value.reveal()} if token else {}))
        return request

    def sign(request: httpx.Request, token: Token) -> None:
        signed(request, token)

    def renewal(token: Token | None) -> httpx.Request:
        path, body = _grant_question(account, token)
        headers = {"content-type": "application/json", "x-open-no-old-err-code": "1"}
        url = f"{account.url.rstrip('/')}/{path}"
        return signed(httpx.Request("POST", url, content=param_json(body), headers=headers))

    def reading(response: httpx.Response) -> Token:
        wanted = "an access token"
        if (answer := said(response)) and (error := failure(response, answer, wanted=wanted)):
            if isinstance(error, TransientError):
                raise error
            raise DeniedError(f"{error} (or let the seller authorise the app again)")
        judge(response, wanted=wanted, now=runtime.clock())
        grant = read(response, _ANSWER, wanted=wanted).data
        ends = Token.end(runtime.clock(), grant.expires_in)
        return Token(Secret(grant.access_token), ends, Secret(grant.refresh_token) if grant.refresh_token else None)

    def refused(response: httpx.Response) -> bool:
        answer = said(response)
        if answer and answer.is_busy and (error := failure(response, answer, wanted="an answer")):
            raise error
        return answer is not None and answer.sub_code in TOKEN_DEAD

    return bearer(
        account,
        runtime,
        renewal=renewal,
        reading=reading,
        sign=sign,
        refused=refused,
    )


def _grant_question(account: Account, token: Token | None) -> tuple[str, dict[str, Any]]:
    """Where to ask for a token, and with what."""
    shop = str(account.extra.get("shop_id") or "")
    if shop:
        if not shop.isascii() or not shop.isdigit():
            raise ConfigError(
                f"connection {account.name}: shop_id in its extra fields is no number; put the shop's there"
            )
        return CREATION, {"code": "", "grant_type": "authorization_self", "shop_id": int(shop)}
    stored = account.extra.get("refresh_token")
    refresh = token.refresh if token else Secret(stored) if stored else None
    if not refresh:
        raise ConfigError(
            f"connection {account.name}: no access_token, refresh_token or shop_id in its extra fields; let the seller "
            "authorise the app and store what Douyin answers, or name the shop where the app is the seller's own"
        )
    return RENEWAL, {"grant_type": "refresh_token", "refresh_token": refresh.reveal()}
