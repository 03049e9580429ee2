"""How JD wants requests signed, and how a token is renewed.

Method, version, key, token, time and signature go into the query; the business parameters are one JSON text in the
form field `360buy_param_json`. The signature covers all of them, the JSON to the byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import parse_qs

import httpx
import msgspec

from orderflow.adapters.http import Bearer, Token, bearer, judge, login, read, words
from orderflow.adapters.jd.answers import BEIJING, BUSY, QUOTA, SUCCESS, TOKEN_DEAD, failure, said
from orderflow.domain.errors import ConfigError, DeniedError
from orderflow.domain.source import Account, Runtime, Secret

TOKENS = "https://open-oauth.jd.com/oauth2"
"""Where tokens come from; a connection may name another address as `auth_url` in its extra fields."""
RENEWAL = "/refresh_token"
PARAMETERS = "360buy_param_json"
EARLY = timedelta(hours=6)
"""A token is renewed this long before its end: JD renews it in its last 24 hours, and never after them."""


class _Grant(msgspec.Struct):
    access_token: str
    refresh_token: str
    expires_in: int
    """Seconds."""


class _Refused(msgspec.Struct):
    code: int | str
    msg: str = ""


_GRANT = msgspec.json.Decoder(_Grant, strict=False)
_REFUSED = msgspec.json.Decoder(_Refused)


def signature(secret: Secret, params: Mapping[str, str]) -> str:
    """MD5 in upper-case hex over secret + the parameters sorted by name, name and value in turn + secret."""
    key = secret.reveal()
    text = key + "".join(name + params[name] for name in sorted(params) if name != "sign") + key
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()


def stamp(moment: datetime) -> str:
    """Beijing's time as JD wants it: `2026-03-09 10:00:00.000+0800`."""
    there = moment.astimezone(BEIJING)
    return f"{there:%Y-%m-%d %H:%M:%S}.{there.microsecond // 1000:03d}+0800"


def auth(account: Account, runtime: Runtime) -> Bearer:
    """Login and password of the connection are app key and app secret; its extra fields hold the tokens."""
    key, secret = login(account)
    tokens = str(account.extra.get("auth_url") or TOKENS).rstrip("/")

    def sign(request: httpx.Request, token: Token) -> None:
        system = {"access_token": token.value.reveal(), "app_key": key, "timestamp": stamp(runtime.clock())}
        body = parse_qs(request.read().decode())[PARAMETERS][0]
        params = dict(request.url.params) | system | {PARAMETERS: body}
        request.url = request.url.copy_merge_params(system | {"sign": signature(secret, params)})

    def renewal(token: Token | None) -> httpx.Request:
        refresh = token.refresh if token else _stored_refresh(account)
        if not refresh:
            raise ConfigError(
                f"connection {account.name}: no access_token and no refresh_token in its extra fields; let the "
                "merchant authorise the app, and store what JD answers"
            )
        params = {
            "app_key": key,
            "app_secret": secret.reveal(),
            "grant_type": "refresh_token",
            "refresh_token": refresh.reveal(),
        }
        return httpx.Request("GET", tokens + RENEWAL, params=params)

    def reading(response: httpx.Response) -> Token:
        wanted = "an access token"
        judge(response, wanted=wanted, now=runtime.clock())
        if refusal := _refusal(response):
            raise DeniedError(
                f"{RENEWAL}: {words(f'code {refusal.code} {refusal.msg}', response)} instead of {wanted}; JD renews a "
                "token in its last 24 hours only, and so many times a month; let the merchant authorise the app again"
            )
        grant = read(response, _GRANT, wanted=wanted)
        ends = Token.end(runtime.clock(), grant.expires_in)
        return Token(Secret(grant.access_token), ends, Secret(grant.refresh_token))

    def refused(response: httpx.Response) -> bool:
        answer = said(response)
        if answer is None:
            return False
        now = runtime.clock()
        if str(answer.code) in BUSY | QUOTA and (error := failure(response, answer, wanted="an answer", now=now)):
            raise error
        return str(answer.code) in TOKEN_DEAD

    return bearer(
        account,
        runtime,
        renewal=renewal,
        reading=reading,
        sign=sign,
        refused=refused,
        early=EARLY,
    )


def _refusal(response: httpx.Response) -> _Refused | None:
    """What the token host says instead of a token; None where it gives one, which may carry `code` 0."""
    try:
        answer = _REFUSED.decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return None if str(answer.code) == SUCCESS else answer


def _stored_refresh(account: Account) -> Secret | None:
    value = account.extra.get("refresh_token")
    return Secret(value) if value else None
