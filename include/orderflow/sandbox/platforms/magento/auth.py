"""Who may ask: an integration that signs with OAuth 1.0a, or an administrator's token."""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from hashlib import sha256
from urllib.parse import quote, unquote

from starlette.requests import Request

from orderflow.sandbox.faults import fault_of
from orderflow.sandbox.platforms import Site

DEVIATION = 600
"""Seconds that a signature's time may be off."""
_PAIR = re.compile(r'(oauth_\w+)="([^"]*)"')


class Refused(Exception):  # noqa: N818 -- an answer to the client, not a failure of ours
    """The request is not let in; the message is Magento's."""


class Doorman:
    """The secrets of one shop, and the tokens that it has given out."""

    def __init__(self, site: Site) -> None:
        options = site.shop.options
        self._site = site
        self._key, self._secret, self._token, self._token_secret = (
            str(options.get(name, f"demo-{name}")) for name in ("key", "secret", "token", "token_secret")
        )
        self._name, self._password = (
            str(options.get("username", "demo")),
            str(options.get("password", "demo-password")),
        )
        self._life = float(options.get("token_seconds", 4 * 3600))
        self._given: dict[str, float] = {}
        self._nonces: set[str] = set()
        self._count = 0

    def grant(self, name: str, password: str) -> str:
        """A token for an administrator; raises `Refused`."""
        if (name, password) != (self._name, self._password):
            raise Refused(
                "The account sign-in was incorrect or your account is disabled temporarily. "
                "Please wait and try again later."
            )
        self._count += 1
        token = f"demo-admin-token-{self._count}"
        self._given[token] = self._site.ticks() + self._life
        return token

    def check(self, request: Request) -> None:
        """Raise `Refused` unless the request comes from somebody who may see orders."""
        said = request.headers.get("authorization", "")
        if said.startswith("OAuth "):
            self._signed(request, dict(_PAIR.findall(said)))
            return
        token, fault = said.removeprefix("Bearer "), fault_of(request)
        if fault and fault.kind == "expired-token":
            self._given.pop(token, None)
        if self._given.get(token, 0) <= self._site.ticks():
            raise Refused("The consumer isn't authorized to access %resources.")

    def _signed(self, request: Request, said: dict[str, str]) -> None:
        given = {name: unquote(value) for name, value in said.items()}
        signature = given.pop("oauth_signature", "")
        moment = given.get("oauth_timestamp", "")
        if (given.get("oauth_consumer_key"), given.get("oauth_token")) != (self._key, self._token):
            raise Refused("A consumer having the specified key does not exist")
        now = self._site.platform_time(request).timestamp()
        if not moment.isdecimal() or abs(int(moment) - now) > DEVIATION:
            raise Refused("The timestamp value in the oauth_timestamp parameter is invalid")
        if given.get("oauth_nonce", "") in self._nonces:
            raise Refused("The nonce is already being used by the consumer")
        self._nonces.add(given.get("oauth_nonce", ""))
        pairs = [pair.split("=") for pair in request.scope["query_string"].decode().split("&")]
        whole = [*((unquote(pair[0]), unquote(pair[1])) for pair in pairs if len(pair) == 2), *given.items()]
        text = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in sorted(whole))
        base = f"{request.method}&{_quoted(str(request.url.replace(query='')))}&{_quoted(text)}"
        key = f"{_quoted(self._secret)}&{_quoted(self._token_secret)}"
        if not hmac.compare_digest(b64encode(hmac.digest(key.encode(), base.encode(), sha256)).decode(), signature):
            raise Refused("The signature is invalid. Verify and try again.")


def _quoted(text: str) -> str:
    return quote(text, safe="~")
