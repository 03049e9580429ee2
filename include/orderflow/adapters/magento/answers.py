"""What Magento says when it refuses: a message with places in it, and what belongs into them."""

from __future__ import annotations

import re
from typing import Any

import httpx
import msgspec

from orderflow.adapters.http import Verdict
from orderflow.domain.errors import ConfigError, DeniedError

TABLE: dict[int, Verdict] = {
    401: (
        DeniedError,
        (
            "tokens are wrong or expired, or a right is missing: give the integration Orders, Shipments and Credit "
            "Memos (actions: view), activate it again, and put its secrets into the connection; with auth: bearer, the "
            "shop must take an integration's token alone (enable_integration_as_bearer), else use oauth1"
        ),
    ),
    404: (ConfigError, "no Magento is found there; put the shop's address, without /rest, into the connection"),
}
ADMIN: dict[int, Verdict] = TABLE | {
    401: (
        DeniedError,
        (
            "name or password is wrong, the administrator is locked, or the shop wants a second factor, which no "
            "program has: use an integration (auth: oauth1)"
        ),
    ),
}

_PLACE = re.compile(r"%(\w+)")


class _Problem(msgspec.Struct):
    message: str
    parameters: Any = None


_PROBLEM = msgspec.json.Decoder(_Problem)


def said(response: httpx.Response) -> str | None:
    """The message of an answer, with its places filled; None where the body is none of Magento's refusals.

    `parameters` is a list for `%1` and an object for `%fieldName`.
    """
    try:
        problem = _PROBLEM.decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    given = problem.parameters
    if isinstance(given, list):
        given = {str(place): value for place, value in enumerate(given, 1)}
    if not isinstance(given, dict):
        given = {}
    return _PLACE.sub(lambda place: str(given.get(place[1], place[0])), problem.message)
