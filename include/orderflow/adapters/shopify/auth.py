"""How a Shopify app signs: one header, whose token either never changes or is bought with the app's credentials."""

from __future__ import annotations

import httpx
import msgspec

from orderflow.adapters.http import Header, Token, bearer, judge, read
from orderflow.domain.errors import ConfigError, DeniedError
from orderflow.domain.source import Account, Runtime, Secret

HEADER = "X-Shopify-Access-Token"


class _Grant(msgspec.Struct):
    access_token: str
    expires_in: float | None = None


_GRANT = msgspec.json.Decoder(_Grant)


def auth(account: Account, runtime: Runtime) -> httpx.Auth:
    """A password alone is an access token; login and password are id and secret of an app of the own organisation.

    The latter are exchanged for a token of 24 hours (shopify.dev, client credentials grant), which is kept in the
    connection by `runtime.on_token`.
    """
    if not account.password:
        raise ConfigError(
            f"connection {account.name}: no password; put the access token there, "
            "or the app's client id and secret as login and password"
        )
    if not account.login:
        return Header(HEADER, account.password)
    client_id, client_secret = account.login, account.password

    def renewal(_: Token | None) -> httpx.Request:
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret.reveal(),
        }
        return httpx.Request("POST", f"{account.url}/admin/oauth/access_token", data=form)

    def reading(response: httpx.Response) -> Token:
        refused = (DeniedError, "client id or secret is wrong, or the app is not installed in this shop; correct them")
        absent = (ConfigError, "there is no such shop; correct the connection's address")
        table = {400: refused, 401: refused, 403: refused, 404: absent}
        judge(response, wanted="an access token", now=runtime.clock(), table=table)
        grant = read(response, _GRANT, wanted="an access token")
        ends = Token.end(runtime.clock(), grant.expires_in) if grant.expires_in else None
        return Token(Secret(grant.access_token), ends)

    return bearer(
        account,
        runtime,
        renewal=renewal,
        reading=reading,
        header=HEADER,
        prefix="",
    )
