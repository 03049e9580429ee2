"""What Douyin's answers say of themselves: `code` 10000 is a success, whatever the HTTP status."""

from __future__ import annotations

import httpx
import msgspec

from orderflow.adapters.http import named, words
from orderflow.domain.errors import DeniedError, DriftError, OrderflowError, TransientError

SUCCESS = 10000
BUSY = frozenset({20000, 20001, 60000, 90000})
"""Service down, service too slow, too many requests, "other"."""
BEHIND = ("isp.service-error", "dop.service-error")
"""How sub codes begin that tell of a fault behind the gateway, under whatever code."""
TOKEN_DEAD = frozenset({"isv.access-token-expired", "isv.access-token-no-existed"})
UNKNOWN_ORDER = frozenset({40004, 50002})
"""A parameter that the order service refuses, or its failure: for a single order, that there is none."""
ABSENT = "不存在"
"""The platform's word for what does not exist."""
DENIED = {
    "dop.app-forbidden": "the platform has blocked the app; settle it in the open platform's console",
    "dop.authorization-closed": "the seller has switched the authorisation off; ask for it to be switched on",
    "dop.authorization-no-existed": "the seller's authorisation has ended; let the seller authorise the app again",
    "isv.access-token-invalid": "the token belongs to another app; store the one of this app key",
    "isv.access-token-missing": "the connection has no token; let the seller authorise the app",
    "isv.app-id-expired": "the app key has expired; upgrade the app in the open platform's console",
    "isv.app-id-invalid": "the app key in the connection is wrong; it has 19 digits",
    "isv.app-id-missing": "the connection has no app key; put it into its login",
    "isv.app-permissions-insufficient": "the app lacks this permission; apply for it in the open platform's console",
    "isv.authorization-type-invalid": "the token was given for something else than a shop; authorise the app for it",
    "isv.signature-invalid": "app key or app secret in the connection is wrong",
    "isv.signature-missing": "app key or app secret in the connection is wrong",
    "isv.timestamp-invalid": "correct this machine's clock",
}
DENIED_CODES = {
    30001: "the app lacks a right; look at its permissions and the seller's authorisation",
    30002: "our address is not on the app's allow list; add it in the open platform's console",
    80000: "the platform sees a danger in this request; settle it in the open platform's console",
}


class Said(msgspec.Struct):
    """What every answer has."""

    code: int
    msg: str | None = None
    sub_code: str | None = None
    sub_msg: str | None = None

    @property
    def tells_of_no_order(self) -> bool:
        """Whether it says that the order asked for does not exist."""
        return self.code in UNKNOWN_ORDER and ABSENT in f"{self.msg}{self.sub_msg}"

    @property
    def is_busy(self) -> bool:
        return self.code in BUSY or (self.sub_code or "").startswith(BEHIND)


_SAID = msgspec.json.Decoder(Said, strict=False)


def said(response: httpx.Response) -> Said | None:
    """What the answer says of itself; None where the body is not Douyin's."""
    try:
        return _SAID.decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def failure(response: httpx.Response, answer: Said, *, wanted: str) -> OrderflowError | None:
    """The error that an answer stands for; None for a success, and where only the status says what is wrong."""
    if answer.code == SUCCESS:
        return None
    sub = answer.sub_code or ""
    told = " ".join(filter(None, (str(answer.code), sub, answer.sub_msg or answer.msg)))
    where = f"{named(response.request)}: {words(told, response)} instead of {wanted}"
    if answer.is_busy:
        return TransientError(f"{where}; the platform is busy or down; the run tries again by itself")
    if sub in TOKEN_DEAD:
        return DeniedError(f"{where}; a fresh access token was refused, too; let the seller authorise the app again")
    if sub in DENIED or answer.code in DENIED_CODES:
        return DeniedError(f"{where}; {DENIED.get(sub) or DENIED_CODES[answer.code]}")
    if response.status_code == 429 or response.status_code >= 500:
        return None
    return DriftError(f"{where}; compare the request with the adapter's README")
