"""Who may ask a WooCommerce site: consumer key and secret as Basic or query parameters over TLS, else OAuth 1.0a.

The order of tries and the messages follow `includes/class-wc-rest-authentication.php` of WooCommerce.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from datetime import datetime
from hashlib import sha1, sha256
from urllib.parse import quote, unquote

from starlette.requests import Request

WINDOW = 15 * 60
"""Seconds that a timestamp may be off, and for which a nonce may not come again."""
_METHODS = {"HMAC-SHA1": sha1, "HMAC-SHA256": sha256}


class Refused(Exception):  # noqa: N818 -- an answer to the client, not a failure of ours
    """The request is not let in; the message is WooCommerce's. Its code is `woocommerce_rest_authentication_error`."""


class Doorman:
    """One site's keys. `is_ssl` is what PHP believes of the connection; Basic is not looked at without it."""

    def __init__(self, key: str, secret: str, *, is_ssl: bool) -> None:
        self.key, self.secret, self.is_ssl = key, secret, is_ssl
        self._nonces: dict[str, float] = {}

    def knows(self, request: Request, now: datetime) -> bool:
        """Whether the request comes from the key's holder; False without credentials. Raises `Refused`."""
        if self.is_ssl and (given := _pair(request)) and given[0] == self.key:
            if not hmac.compare_digest(given[1].encode(), self.secret.encode()):
                raise Refused("Consumer secret is invalid.")
            return True
        return self._signed(request, now)

    def _signed(self, request: Request, now: datetime) -> bool:
        given = _oauth(request)
        if not any(name in given for name in ("oauth_consumer_key", "oauth_signature")):
            return False
        for name in ("consumer_key", "timestamp", "nonce", "signature", "signature_method"):
            if not given.get(f"oauth_{name}"):
                raise Refused(f"Missing OAuth parameter oauth_{name}")
        if given["oauth_consumer_key"] != self.key:
            raise Refused("Consumer key is invalid.")
        method = _METHODS.get(given["oauth_signature_method"].upper())
        if method is None:
            raise Refused("Invalid signature - signature method is invalid.")
        mac = hmac.new(f"{self.secret}&".encode(), base_string(request, given).encode(), method).digest()
        if not hmac.compare_digest(b64encode(mac).decode(), given["oauth_signature"]):
            raise Refused("Invalid signature - provided signature does not match.")
        self._check_fresh(given["oauth_timestamp"], given["oauth_nonce"], now.timestamp())
        return True

    def _check_fresh(self, stamp: str, nonce: str, now: float) -> None:
        if not stamp.isdigit() or abs(int(stamp) - now) > WINDOW:
            raise Refused("Invalid timestamp.")
        self._nonces = {each: at for each, at in self._nonces.items() if now - at <= WINDOW}
        if nonce in self._nonces:
            raise Refused("Invalid nonce - nonce has already been used.")
        self._nonces[nonce] = now


def base_string(request: Request, oauth: dict[str, str]) -> str:
    """What is signed: method, address without query, and all parameters, encoded and sorted (RFC 5849, 3.4.1)."""
    given = [*request.query_params.multi_items(), *((k, v) for k, v in oauth.items() if k not in request.query_params)]
    pairs = sorted(
        (_encoded(name), _encoded(value)) for name, value in given if name not in {"oauth_signature", "realm"}
    )
    address = str(request.url.replace(query=""))
    return "&".join(map(_encoded, (request.method, address, "&".join(f"{name}={value}" for name, value in pairs))))


def _encoded(text: str) -> str:
    return quote(text, safe="~-._")


def _pair(request: Request) -> tuple[str, str] | None:
    """Key and secret; the query wins over the header."""
    query = request.query_params
    if query.get("consumer_key") and query.get("consumer_secret"):
        return query["consumer_key"], query["consumer_secret"]
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        key, _, secret = b64decode(value, validate=True).decode().partition(":")
    except (Base64Error, UnicodeDecodeError):
        return None
    return key, secret


def _oauth(request: Request) -> dict[str, str]:
    """The `oauth_*` parameters, from the query or the Authorization header."""
    found = {name: value for name, value in request.query_params.items() if name.startswith("oauth_")}
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "oauth":
        for part in rest.split(","):
            name, _, value = part.strip().partition("=")
            found[name] = unquote(value.strip('"'))
    return found
