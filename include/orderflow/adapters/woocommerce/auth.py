"""How a WooCommerce key signs: HTTP Basic, two query parameters, or one-legged OAuth 1.0a.

woocommerce-rest-api-docs, `wp-api-v3/_authentication.md`, and WooCommerce, `class-wc-rest-authentication.php`: Basic
and query parameters count only where PHP believes that the request came over TLS; OAuth is for plain http, with a
timestamp within 15 minutes and a nonce that is used once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Generator
from datetime import datetime
from urllib.parse import quote

import httpx

from orderflow.adapters.http import basic, login
from orderflow.adapters.woocommerce import Options
from orderflow.domain.source import Account, Runtime, Secret


def auth(options: Options, account: Account, runtime: Runtime) -> httpx.Auth:
    """The way to sign that the channel file asks for, or the one that fits the address."""
    key, secret = login(account)
    if options.auth == "oauth1" or (options.auth == "auto" and account.url.startswith("http:")):
        return OAuth1(key, secret, clock=runtime.clock)
    if options.auth == "basic":
        return basic(account)
    if options.auth == "query":
        return Query(key, secret)
    return BasicThenQuery(account)


class Query(httpx.Auth):
    """Key and secret as query parameters; they stand in the site's access log."""

    def __init__(self, key: str, secret: Secret) -> None:
        self._key, self._secret = key, secret

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        keys = {"consumer_key": self._key, "consumer_secret": self._secret.reveal()}
        request.url = request.url.copy_merge_params(keys)
        yield request


class BasicThenQuery(httpx.Auth):
    """HTTP Basic; where the site does not see the header (some hosts drop it) the query, once that has worked."""

    def __init__(self, account: Account) -> None:
        self._basic, self._query = basic(account), Query(*login(account))
        self._header_is_lost = False

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if not self._header_is_lost:
            response = yield from _once(self._basic, request)
            if response.status_code != 401:
                return
            del request.headers["authorization"]
        response = yield from _once(self._query, request)
        self._header_is_lost = response.status_code != 401


def _once(auth: httpx.Auth, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, httpx.Response]:
    return (yield next(auth.auth_flow(request)))


class OAuth1(httpx.Auth):
    """One-legged OAuth 1.0a with HMAC-SHA256 in the query: no token, so the key is the secret and an ampersand."""

    def __init__(
        self,
        key: str,
        secret: Secret,
        *,
        clock: Callable[[], datetime],
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._key, self._secret, self._clock, self._nonce = key, secret, clock, nonce

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        protocol = {
            "oauth_consumer_key": self._key,
            "oauth_nonce": self._nonce(),
            "oauth_signature_method": "HMAC-SHA256",
            "oauth_timestamp": str(int(self._clock().timestamp())),
        }
        signature = sign(base_string(request.method, request.url.copy_merge_params(protocol)), self._secret)
        request.url = request.url.copy_merge_params({**protocol, "oauth_signature": signature})
        yield request


def base_string(method: str, url: httpx.URL) -> str:
    """What is signed (RFC 5849, 3.4.1): method, address without query, and all parameters, sorted and encoded twice."""
    pairs = sorted((_encode(name), _encode(value)) for name, value in url.params.multi_items())
    parameters = "&".join(f"{name}={value}" for name, value in pairs)
    return "&".join((method, _encode(str(url.copy_with(query=None))), _encode(parameters)))


def sign(text: str, secret: Secret) -> str:
    """The signature as base64 of HMAC-SHA256."""
    digest = hmac.new(f"{_encode(secret.reveal())}&".encode(), text.encode(), hashlib.sha256)
    return base64.b64encode(digest.digest()).decode()


def _encode(text: str) -> str:
    """Percent-encoding of RFC 3986: letters, digits and `-._~` stay."""
    return quote(text, safe="~")
