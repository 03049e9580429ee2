"""What Pinduoduo's answers say of themselves: `error_response` is a failure, and the HTTP status is 200 for both."""

from __future__ import annotations

import httpx
import msgspec

from orderflow.adapters.http import named, words
from orderflow.domain.errors import DeniedError, DriftError, OrderflowError, TransientError

TOKEN_DEAD = frozenset({"10019"})
BUSY = frozenset({"50000", "50002", "52001", "52002", "52101", "70031"})
"""Faults inside of Pinduoduo, and too many requests (52101, 70031)."""
SWITCHED_OFF = {"52102": 300.0, "52103": 300.0, "70033": 600.0}
"""Interfaces that Pinduoduo switches off for a while (sales days, maintenance), and the seconds until we ask again."""
BUSINESS = "50001"
"""Something about what was asked for, such as an order that is not there; the words decide."""
DENIED = {
    "10016": "the client_id in the connection is wrong",
    "10017": "the app does not have this interface; apply for it in the developer console",
    "20004": "client_id or client_secret in the connection is wrong",
    "20005": "our address is not on the app's allow list; add it in the developer console",
    "20031": "the app lacks this interface, or the shop has not authorised the app for it; apply for its permission "
    "package in the developer console, and let the seller authorise the app again",
    "20032": "the access token belongs to another client_id; let the seller authorise this app",
    "20034": "Pinduoduo has taken the interface offline; look at its page in the open platform, and ask its support",
    "20035": "this gateway does not have the interface; put https://gw-api.pinduoduo.com into the connection's host",
    "30000": "the app lacks the right to this interface; apply for it in the developer console",
    "30001": "client_id in the connection belongs to another partner; put the right one there",
    "70032": "Pinduoduo forbids this app the interface; ask its support",
    "70034": "Pinduoduo's risk control refuses the app; ask its support",
    "70035": "Pinduoduo's risk control refuses the app; ask its support",
    "70036": "the app is in its test state and its quota is used up; bring it online in the developer console",
}
_AGAIN_LATER = ("稍后", "繁忙", "超时")
"""Later, busy, timed out: what a business error says that is none."""


class Said(msgspec.Struct):
    """An `error_response`."""

    error_code: int | str
    error_msg: str | None = None
    sub_code: int | str | None = None
    sub_msg: str | None = None

    @property
    def code(self) -> str:
        return str(self.error_code)

    @property
    def busy(self) -> bool:
        later = self.code == BUSINESS and any(word in (self.sub_msg or self.error_msg or "") for word in _AGAIN_LATER)
        return self.code in BUSY or later


class _Answer(msgspec.Struct):
    error_response: Said


_ANSWER = msgspec.json.Decoder(_Answer)


def said(response: httpx.Response) -> Said | None:
    """The error that the answer names; None where it names none, or the body is not Pinduoduo's."""
    try:
        return _ANSWER.decode(response.content).error_response
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def failure(response: httpx.Response, answer: Said, *, wanted: str) -> OrderflowError:
    """The error that an `error_response` stands for."""
    code = answer.code
    told = " ".join(filter(None, (code, answer.error_msg, answer.sub_msg)))
    where = f"{named(response.request)}: {words(told, response)} instead of {wanted}"
    if answer.busy:
        return TransientError(f"{where}; the platform is busy or down; the run tries again by itself")
    if code in SWITCHED_OFF:
        return TransientError(
            f"{where}; Pinduoduo has switched the interface off for a while; the run tries again by itself",
            retry_after=SWITCHED_OFF[code],
        )
    if code in TOKEN_DEAD:
        return DeniedError(f"{where}; a fresh access token was refused, too; let the seller authorise the app again")
    if code in DENIED:
        return DeniedError(f"{where}; {DENIED[code]}")
    if code.startswith("1000") and "timestamp" in told:
        return DeniedError(f"{where}; correct this machine's clock")
    return DriftError(f"{where}; compare the request with the adapter's README")
