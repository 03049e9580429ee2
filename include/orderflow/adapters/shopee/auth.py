"""How Shopee wants requests signed, and how a token is renewed.

Every request carries partner id, timestamp and signature in the query; those for a shop also its id and access token.
The signature covers path, timestamp, token and shop, but neither query nor body.
"""

from __future__ import annotations

import hashlib
import hmac

import httpx
import msgspec

from orderflow.adapters.http import Bearer, Token, bearer, judge, login, read
from orderflow.adapters.shopee.answers import TOKEN_DEAD, failure, said
from orderflow.domain.errors import ConfigError, DeniedError, TransientError
from orderflow.domain.source import Account, Runtime, Secret

RENEWAL = "/api/v2/auth/access_token/get"


class _Grant(msgspec.Struct):
    access_token: str
    refresh_token: str
    expire_in: int
    """Seconds."""


_GRANT = msgspec.json.Decoder(_Grant)


def signature(key: Secret, partner_id: str, path: str, timestamp: int, token: str = "", shop_id: str = "") -> str:
    """HMAC-SHA256 in lower-case hex; the key is used as text, although it looks like hex."""
    text = f"{partner_id}{path}{timestamp}{token}{shop_id}"
    return hmac.new(key.reveal().encode(), text.encode(), hashlib.sha256).hexdigest()


def auth(shop_id: int, account: Account, runtime: Runtime) -> Bearer:
    """Login and password of the connection are partner id and partner key; its extra fields hold the tokens.

    A refresh token serves once, so the pair that replaces it is stored before it is used.
    """
    partner_id, key = login(account)
    if not partner_id.isascii() or not partner_id.isdigit():
        raise ConfigError(
            f"connection {account.name}: its login is no partner id; put Shopee's number of the app there"
        )

    def signed(url: httpx.URL, token: str = "") -> httpx.URL:
        timestamp = int(runtime.clock().timestamp())
        path = url.path[url.path.index("/api/") :]
        shop = {"access_token": token, "shop_id": str(shop_id)} if token else {}
        sign = signature(key, partner_id, path, timestamp, *shop.values())
        return url.copy_merge_params({"partner_id": partner_id, "timestamp": str(timestamp), **shop, "sign": sign})

    def sign(request: httpx.Request, token: Token) -> None:
        request.url = signed(request.url, token.value.reveal())

    def renewal(token: Token | None) -> httpx.Request:
        refresh = token.refresh if token else _stored_refresh(account)
        if not refresh:
            raise ConfigError(
                f"connection {account.name}: no access_token and no refresh_token in its extra fields; let the seller "
                "authorise the app, and store what Shopee answers"
            )
        body = {"refresh_token": refresh.reveal(), "partner_id": int(partner_id), "shop_id": shop_id}
        return httpx.Request("POST", signed(httpx.URL(account.url + RENEWAL)), json=body)

    def reading(response: httpx.Response) -> Token:
        wanted = "an access token"
        if (answer := said(response)) and (error := failure(response, answer, wanted=wanted, now=runtime.clock())):
            if isinstance(error, TransientError):
                raise error
            raise DeniedError(str(error))
        judge(response, wanted=wanted, now=runtime.clock())
        grant = read(response, _GRANT, wanted=wanted)
        ends = Token.end(runtime.clock(), grant.expire_in)
        return Token(Secret(grant.access_token), ends, Secret(grant.refresh_token))

    def refused(response: httpx.Response) -> bool:
        answer = said(response)
        if answer and answer.busy and (error := failure(response, answer, wanted="an answer", now=runtime.clock())):
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
