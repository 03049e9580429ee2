"""Signing in as the channel file says."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Mapping
from datetime import timedelta
from typing import Any

import httpx
import msgspec

from orderflow.adapters.described.answers import at, told
from orderflow.adapters.described.asking import Auth, Basic, Described, Fixed, Login, Open
from orderflow.adapters.described.values import within
from orderflow.adapters.http import Bearer, Header, Token, bearer, judge, login, read
from orderflow.domain.errors import ConfigError, DeniedError, DriftError
from orderflow.domain.source import Account, Runtime, Secret

_JSON: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=str)


class _Query(httpx.Auth):
    """A secret in the address."""

    def __init__(self, name: str, secret: Secret) -> None:
        self._name, self._secret = name, secret

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.url = request.url.copy_set_param(self._name, self._secret.reveal())
        request.extensions = {**request.extensions, "masked": self._name}
        yield request


class _Keyed(httpx.Auth):
    """Several headers with secrets, and then whatever else signs a request."""

    def __init__(self, keys: Mapping[str, Secret], inner: httpx.Auth) -> None:
        self._keys, self._inner = keys, inner

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        for name, secret in self._keys.items():
            request.headers[name] = secret.reveal()
        yield from self._inner.sync_auth_flow(request)


def signing(
    told: Described, account: Account, runtime: Runtime, refused: Callable[[httpx.Response], bool]
) -> httpx.Auth | None:
    """How requests are signed; `refused` tells an answer that says that the token ended."""
    signed = _signed(told.auth, account, runtime, refused)
    return _Keyed(_keys(told, account), signed or httpx.Auth()) if told.keys else signed


def _keys(told: Described, account: Account) -> dict[str, Secret]:
    """The secret of each header; raises `ConfigError` for those that the connection does not hold."""
    password = account.password.reveal() if account.password else None
    held = {**account.extra, "login": account.login, "password": password}
    keys = {name: held.get(field) for name, field in told.keys.items()}
    if missing := [name for name, key in keys.items() if not isinstance(key, str) or not key]:
        there = ", ".join(field for field, key in held.items() if key and isinstance(key, str)) or "nothing"
        raise ConfigError(  # what `keys` names is not told: it may be the secret itself, in the wrong place
            f"connection {account.name}: it holds no text for {', '.join(missing)}, but {there}; put the secret into "
            "the extra field that `keys` of the channel file names for the header, or correct that name"
        )
    return {name: Secret(str(key)) for name, key in keys.items()}


def _signed(
    auth: Auth, account: Account, runtime: Runtime, refused: Callable[[httpx.Response], bool]
) -> httpx.Auth | None:
    match auth:
        case Open():
            return None
        case Basic():
            if not account.login:
                _password(account)
            return httpx.BasicAuth(account.login or "", account.password.reveal() if account.password else "")
        case Fixed():
            secret = _password(account)
            if auth.kind == "query":
                return _Query(auth.name, secret)
            return Header(auth.name, secret, prefix=auth.prefix)
        case Login():
            return _bearer(auth, account, runtime, refused)


def _password(account: Account) -> Secret:
    if account.password is None:
        raise ConfigError(
            f"connection {account.name}: its password is empty; the platform's key or token belongs there"
        )
    return account.password


def _bearer(auth: Login, account: Account, runtime: Runtime, refused: Callable[[httpx.Response], bool]) -> Bearer:
    def renewal(token: Token | None) -> httpx.Request:
        refresh = token.refresh if token else None
        values: dict[str, Any] = copy.deepcopy(auth.constants)
        if refresh and auth.refresh_as:
            within(values, auth.refresh_as, refresh.reveal())
        name, password = login(account) if auth.login_as or auth.basic else ("", None)
        if auth.login_as and not auth.basic:
            within(values, auth.login_as, name)
        if auth.password_as:
            within(values, auth.password_as, (password or _password(account)).reveal())
        whole = httpx.URL(auth.path).is_absolute_url
        url = httpx.URL(auth.path if whole else f"{account.url.rstrip('/')}/{auth.path.lstrip('/')}")
        headers = {"accept": "application/json"}
        sent = {"json": values} if auth.send == "json" else {"data": values}
        request = httpx.Request("POST", url, headers=headers, **sent)  # type: ignore[arg-type] # one of two keywords
        if auth.basic and password:
            next(httpx.BasicAuth(name, password.reveal()).sync_auth_flow(request))
        return request

    def reading(response: httpx.Response) -> Token:
        judge(response, wanted="a token", now=runtime.clock(), table={400: (DeniedError, "check login and password")})
        body = read(response, _JSON, wanted="a token")
        value = told(response, body, auth.token)
        if not value:
            raise DeniedError(
                f"connection {account.name}: the platform's answer to the login holds no token at {auth.token}; "
                "check login and password, and auth.token in the channel file"
            )
        return Token(Secret(value), _end(auth, body, runtime), _refresh(auth, body))

    return bearer(
        account,
        runtime,
        renewal=renewal,
        reading=reading,
        header=auth.header,
        prefix=auth.prefix,
        refused=refused,
    )


def _end(auth: Login, body: Any, runtime: Runtime) -> Any:
    seconds = at(body, auth.expires_in) if auth.expires_in else None
    try:
        life = timedelta(seconds=float(seconds)) if seconds else auth.lifetime
    except (TypeError, ValueError, OverflowError):
        raise DriftError(
            f"no number of seconds stands at {auth.expires_in} of the answer to the login; correct auth.expires_in in "
            "the channel file, or say auth.lifetime instead"
        ) from None
    return None if life is None else Token.end(runtime.clock(), life.total_seconds())


def _refresh(auth: Login, body: Mapping[str, Any]) -> Secret | None:
    value = at(body, auth.refresh) if auth.refresh else None
    return Secret(str(value)) if value else None
