"""What Lazada's answers say of themselves: `code` is the text `"0"` for a success, whatever the HTTP status."""

from __future__ import annotations

import re

import httpx
import msgspec

from orderflow.adapters.http import named, words
from orderflow.domain.errors import DeniedError, DriftError, OrderflowError, TransientError

SUCCESS = "0"
TOKEN_DEAD = frozenset({"IllegalAccessToken", "InvalidAccessToken"})
BUSY = frozenset(
    {
        "ApiCallLimit",
        "AppCallLimit",
        "901",
        "1000",
        "E901",
        "InternalError",
        "SellerCallLimit",
        "ServiceTimeout",
        "ServiceUnavailable",
        "SystemError",
    }
)
"""Too many calls of the app, of the seller, or of the interface (901); faults inside of Lazada (1000 among them)."""
UNKNOWN_ORDER = frozenset({"16", "37", "39", "E016", "E037", "E039"})
"""E016: wrong order id; E037: one or more ids of a list are wrong; E039: no orders found."""
DENIED = {
    "AppKeyNotExist": "the app key in the connection is wrong",
    "AppWhiteIpLimit": "our address is not on the app's allow list; add it in the app console",
    "IllegalRefreshToken": "the refresh token has expired; let the seller authorise the app again",
    "IncompleteSignature": "app key or app secret in the connection is wrong",
    "InsufficientPermission": "the app lacks this permission; apply for it in the app console",
    "InvalidAppKey": "the app key in the connection is wrong",
}
BACKEND = "ISP"
"""`type` of an error that lies behind the gateway, at Lazada."""

_BAN = re.compile(r"(?<!\d)(\d{1,9})\s*second", re.IGNORECASE)


class Said(msgspec.Struct):
    """What every answer has."""

    code: str
    type: str | None = None
    message: str | None = None


_SAID = msgspec.json.Decoder(Said)


def said(response: httpx.Response) -> Said | None:
    """What the answer says of itself; None where the body is not Lazada's."""
    try:
        return _SAID.decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def failure(response: httpx.Response, answer: Said, *, wanted: str) -> OrderflowError | None:
    """The error that an answer stands for; None for a success, and where only the status says what is wrong."""
    code = answer.code
    if code == SUCCESS:
        return None
    where = f"{named(response.request)}: {words(f'{code} {answer.message or str()}', response)} instead of {wanted}"
    if code in BUSY:
        ban = _BAN.search(answer.message or "")
        wait = float(ban[1]) if ban else None
        return TransientError(f"{where}; the platform is busy or down; the run tries again by itself", retry_after=wait)
    if code in TOKEN_DEAD:
        return DeniedError(f"{where}; a fresh access token was refused, too; let the seller authorise the app again")
    if code in DENIED:
        return DeniedError(f"{where}; {DENIED[code]}")
    if response.status_code == 429 or response.status_code >= 500:
        return None
    if answer.type == BACKEND:
        return TransientError(f"{where}; a fault behind Lazada's gateway; the run tries again by itself")
    return DriftError(f"{where}; compare the request with the adapter's README")
