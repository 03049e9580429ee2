"""How eBay wants requests signed: a bearer token of the seller, which a refresh token renews every two hours."""

from __future__ import annotations

import httpx
import msgspec

from orderflow.adapters.ebay.answers import TOKEN_DEAD, failure, said
from orderflow.adapters.http import Bearer, Token, bearer, judge, login, named, read, words
from orderflow.domain.errors import ConfigError, DeniedError, TransientError
from orderflow.domain.source import Account, Runtime, Secret

RENEWAL = "/identity/v1/oauth2/token"


class _Grant(msgspec.Struct):
    access_token: str
    expires_in: int
    """Seconds."""
    refresh_token: str | None = None


_GRANT = msgspec.json.Decoder(_Grant)


def auth(account: Account, runtime: Runtime) -> Bearer:
    """Login and password of the connection are client id and client secret; its extra fields hold the tokens.

    A refresh token serves for its whole life of 18 months; eBay does not answer with another one.
    """
    name, secret = login(account)

    def renewal(token: Token | None) -> httpx.Request:
        refresh = (token.refresh if token else None) or _stored_refresh(account)
        if not refresh:
            raise ConfigError(
                f"connection {account.name}: no refresh_token in its extra fields; let the seller authorise the "
                "application, and store what eBay answers"
            )
        form = {"grant_type": "refresh_token", "refresh_token": refresh.reveal()}
        if scope := account.extra.get("scope"):
            form["scope"] = str(scope)
        request = httpx.Request("POST", account.url + RENEWAL, data=form)
        return next(httpx.BasicAuth(name, secret.reveal()).sync_auth_flow(request))

    def reading(response: httpx.Response) -> Token:
        wanted, answer = "an access token", said(response)
        if answer.error and response.status_code in {400, 401, 403}:
            raise DeniedError(
                f"{named(response.request)}: {words(answer.text or '', response)} instead of {wanted}; correct client "
                "id and secret in the connection, or let the seller authorise the application again"
            )
        judge(response, wanted=wanted, now=runtime.clock(), said=answer.text)
        grant = read(response, _GRANT, wanted=wanted)
        ends = Token.end(runtime.clock(), grant.expires_in)
        kept = Secret(grant.refresh_token) if grant.refresh_token else _sent_refresh(response)
        return Token(Secret(grant.access_token), ends, kept)

    def refused(response: httpx.Response) -> bool:
        if response.status_code == 401:
            return True
        problem = said(response).first if response.status_code == 200 else None
        if problem is None:
            return False
        error = failure(response, problem, wanted="an answer", now=runtime.clock())
        if isinstance(error, TransientError):
            raise error
        return problem.error_id == TOKEN_DEAD

    return bearer(
        account,
        runtime,
        renewal=renewal,
        reading=reading,
        refused=refused,
    )


def _stored_refresh(account: Account) -> Secret | None:
    value = account.extra.get("refresh_token")
    return Secret(value) if value else None


def _sent_refresh(response: httpx.Response) -> Secret:
    """The refresh token that bought this answer: it goes on serving."""
    return Secret(httpx.QueryParams(response.request.read().decode())["refresh_token"])
