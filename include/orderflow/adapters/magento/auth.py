r"""How Magento lets programs in: OAuth 1.0a with an integration's secrets, or a bearer token from one of three places.

Magento compares signatures over the query as it stands in the address, decoded by RFC 3986: a blank must travel as
`%20`, because a plus sign stays one (`Magento\Framework\Oauth\Helper\Request`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Generator, Mapping
from datetime import datetime, timedelta

import httpx
import msgspec

from orderflow.adapters.http import Bearer, Header, Token, bearer, judge, login, read
from orderflow.adapters.magento import Options
from orderflow.adapters.magento.answers import ADMIN, said
from orderflow.adapters.magento.criteria import encode
from orderflow.domain.errors import ConfigError
from orderflow.domain.source import Account, Runtime, Secret

ADMIN_TOKEN = "/rest/V1/integration/admin/token"  # noqa: S105 -- a path, no secret
ADMIN_LIFE = timedelta(hours=4)
IMS = "https://ims-na1.adobelogin.com/ims/token/v3"
SCOPE = "openid,AdobeID,email,profile,additional_info.roles,additional_info.projectedProductContext,commerce.accs"


class _Grant(msgspec.Struct):
    access_token: str
    expires_in: int
    """Seconds."""


_ADMIN = msgspec.json.Decoder(str)
_GRANT = msgspec.json.Decoder(_Grant)


def auth(options: Options, account: Account, runtime: Runtime) -> httpx.Auth:
    """The way in that the channel file asks for; raises `ConfigError` when the connection lacks a part of it."""
    if options.auth == "oauth1":
        return OAuth1(
            *login(account),
            _extra(account, "access_token"),
            _extra(account, "access_token_secret"),
            clock=runtime.clock,
        )
    if options.auth == "bearer":
        return Header("authorization", _extra(account, "access_token"), prefix="Bearer ")
    return _admin(account, runtime) if options.auth == "admin" else _ims(account, runtime)


class OAuth1(httpx.Auth):
    """Two-legged OAuth 1.0a with HMAC-SHA256 in the header; JSON bodies are not signed."""

    def __init__(
        self,
        key: str,
        secret: Secret,
        token: Secret,
        token_secret: Secret,
        *,
        clock: Callable[[], datetime],
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._key, self._secret, self._token, self._token_secret = key, secret, token, token_secret
        self._clock, self._nonce = clock, nonce

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        protocol = {
            "oauth_consumer_key": self._key,
            "oauth_nonce": self._nonce(),
            "oauth_signature_method": "HMAC-SHA256",
            "oauth_timestamp": str(int(self._clock().timestamp())),
            "oauth_token": self._token.reveal(),
            "oauth_version": "1.0",
        }
        text = base_string(request.method, request.url, protocol)
        whole = {**protocol, "oauth_signature": sign(text, self._secret, self._token_secret)}
        pairs = ",".join(f'{name}="{encode(value)}"' for name, value in whole.items())
        request.headers["authorization"] = f"OAuth {pairs}"
        yield request


def base_string(method: str, url: httpx.URL, protocol: Mapping[str, str]) -> str:
    """What is signed (RFC 5849, 3.4.1): method, address without query, and all parameters, sorted and encoded twice."""
    pairs = sorted((encode(name), encode(value)) for name, value in [*url.params.multi_items(), *protocol.items()])
    parameters = "&".join(f"{name}={value}" for name, value in pairs)
    return "&".join((method, encode(str(url.copy_with(query=None))), encode(parameters)))


def sign(text: str, secret: Secret, token_secret: Secret) -> str:
    """The signature as base64 of HMAC-SHA256."""
    key = f"{encode(secret.reveal())}&{encode(token_secret.reveal())}"
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


def _admin(account: Account, runtime: Runtime) -> Bearer:
    """A token that an administrator's name and password buy; good for `ADMIN_LIFE` unless the shop says otherwise."""
    name, password = login(account)

    def renewal(_: Token | None) -> httpx.Request:
        body = {"username": name, "password": password.reveal()}
        return httpx.Request("POST", account.url + ADMIN_TOKEN, json=body)

    def reading(response: httpx.Response) -> Token:
        wanted = "a token for the administrator"
        judge(response, wanted=wanted, now=runtime.clock(), table=ADMIN, said=said(response))
        return Token(Secret(read(response, _ADMIN, wanted=wanted)), runtime.clock() + ADMIN_LIFE)

    return bearer(account, runtime, renewal=renewal, reading=reading)


def _ims(account: Account, runtime: Runtime) -> Bearer:
    """A token of Adobe's login; every request names the client and its organisation besides."""
    client, secret = login(account)
    organisation = _extra(account, "org_id").reveal()
    address = str(account.extra.get("token_url") or IMS)

    def renewal(_: Token | None) -> httpx.Request:
        form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret.reveal()}
        return httpx.Request("POST", address, data={**form, "scope": str(account.extra.get("scope") or SCOPE)})

    def reading(response: httpx.Response) -> Token:
        wanted = "a token of Adobe's login"
        judge(response, wanted=wanted, now=runtime.clock())
        grant = read(response, _GRANT, wanted=wanted)
        return Token(Secret(grant.access_token), Token.end(runtime.clock(), grant.expires_in))

    def put(request: httpx.Request, token: Token) -> None:
        request.headers["authorization"] = f"Bearer {token.value.reveal()}"
        request.headers["x-api-key"] = client
        request.headers["x-gw-ims-org-id"] = organisation

    return bearer(account, runtime, renewal=renewal, reading=reading, sign=put)


def _extra(account: Account, name: str) -> Secret:
    value = account.extra.get(name)
    if not value:
        raise ConfigError(f"connection {account.name}: its extra fields lack {name}; copy it from the integration")
    return Secret(str(value))
