"""What TikTok's answers say of themselves: `code` is the number 0 for a success, whatever the HTTP status."""

from __future__ import annotations

import httpx
import msgspec

from orderflow.adapters.http import named, words
from orderflow.domain.errors import DeniedError, DriftError, OrderflowError, TransientError

INVALID = 36009004
"""A wrong parameter; the message says which, and with it who has to act."""
TOKEN_DEAD = frozenset({105001, 105002})
BUSY = frozenset({10002014, 10002015, 10006402, 10037002, 10037003, 10037004, 36009002, 36009003})
"""36009002: too many requests; the others: faults inside TikTok that its documentation wants to be tried again."""
UNKNOWN_ORDER = frozenset({21008111})
"""The order belongs to another shop, or to none."""
DENIED = {
    101000: "the access token does not belong to this shop; take `shop_cipher` from the list of authorised shops",
    105005: "the app or the token lacks this scope; add it to the app and let the seller authorise it again",
    106001: "the app secret in the connection is wrong",
    106013: "`shop_cipher` in the channel file is missing or wrong; take it from the list of authorised shops",
    36009043: "the shop is closed; its owner has to settle it in the seller centre",
    36009044: "the seller's account is closed; its owner has to settle it in the seller centre",
}
PARAMETERS = {
    "timestamp": "this machine's clock is wrong: TikTok allows 5 minutes behind and 30 seconds ahead",
    "app_key": "the app key in the connection is wrong",
}


class Said(msgspec.Struct):
    """What every answer has."""

    code: int
    message: str = ""

    @property
    def token_is_dead(self) -> bool:
        return self.code in TOKEN_DEAD or (self.code == INVALID and "access_token" in self.message.replace("-", "_"))


_SAID = msgspec.json.Decoder(Said)


def said(response: httpx.Response) -> Said | None:
    """What the answer says of itself; None where the body is not TikTok's."""
    try:
        return _SAID.decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def failure(response: httpx.Response, answer: Said, *, wanted: str) -> OrderflowError | None:
    """The error that an answer stands for; None for a success, and where only the status says what is wrong."""
    code = answer.code
    if not code:
        return None
    where = f"{named(response.request)}: {words(f'{code} {answer.message}', response)} instead of {wanted}"
    if code in BUSY:
        return TransientError(f"{where}; the platform is busy or has a fault; the run tries again by itself")
    if answer.token_is_dead:
        return DeniedError(f"{where}; a fresh access token was refused, too; let the seller authorise the app again")
    if code in DENIED:
        return DeniedError(f"{where}; {DENIED[code]}")
    for parameter, cure in PARAMETERS.items():
        if code == INVALID and parameter in answer.message:
            return DeniedError(f"{where}; {cure}")
    if response.status_code == 429 or response.status_code >= 500:
        return None
    return DriftError(f"{where}; compare the request with the adapter's README")
