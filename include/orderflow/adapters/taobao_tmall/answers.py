"""What TOP's answers say of themselves: an `error_response` is a failure, always with HTTP status 200."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import httpx
import msgspec

from orderflow.adapters.http import named, words
from orderflow.adapters.taobao_tmall.values import ZONE
from orderflow.domain.errors import DeniedError, DriftError, OrderflowError, TransientError

SESSION_DEAD = 27
SESSION_WORDS = frozenset({"invalid-sessionkey", "session-expired", "session-not-exist"})
LIMITED = frozenset({4, 5, 6, 7, 8})
BUSY = frozenset({10, 530})
REMOTE = frozenset({15, 50})
BACKEND, OURS = "isp.", "isv."
"""How a `sub_code` begins where the fault lies behind the gateway, at Taobao, and where it is ours."""
DAY_IS_USED_UP = "accesscontrol.limited-by-app-access-count"
UNKNOWN_ORDER = "isv.trade-not-exist"
DENIED = {
    11: "the app lacks this permission, or our address is not allowed; apply for it in the app console",
    12: "the seller's authorisation lacks this permission; apply for it, and let the seller authorise the app again",
    13: "the app lacks this permission; apply for it in the app console",
    25: "app key or app secret in the connection is wrong",
    26: "no session was sent; put the access token into the connection's extra fields",
    28: "the app key in the connection is missing",
    29: "the app key in the connection is wrong",
    30: "this machine's clock cannot be read; correct it",
    31: "this machine's clock is wrong by more than ten minutes; correct it",
    42: "the app may not call this; ask Taobao to allow it",
}

_BAN = re.compile(r"(\d+)\s*(?:more\s*)?second", re.IGNORECASE)


class Refusal(msgspec.Struct):
    """An `error_response`."""

    code: int
    msg: str | None = None
    sub_code: str | None = None
    sub_msg: str | None = None

    @property
    def ends_the_session(self) -> bool:
        return self.code == SESSION_DEAD or self.sub_code in SESSION_WORDS

    @property
    def may_pass(self) -> bool:
        """Whether the same request may be answered later."""
        sub_code = self.sub_code or ""
        if self.code in LIMITED | BUSY or sub_code.startswith(BACKEND):
            return True
        return self.code in REMOTE and not sub_code.startswith(OURS) and not self.ends_the_session


class _Answer(msgspec.Struct):
    error_response: Refusal | None = None


_ANSWER = msgspec.json.Decoder(_Answer, strict=False)


def refused(response: httpx.Response) -> Refusal | None:
    """The refusal that an answer holds; None for a success, and where the body is not TOP's."""
    try:
        return _ANSWER.decode(response.content).error_response
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def failure(response: httpx.Response, refusal: Refusal, *, wanted: str, now: datetime) -> OrderflowError:
    """The error that a refusal stands for."""
    said = " ".join(str(part) for part in msgspec.structs.astuple(refusal) if part is not None)
    where = f"{named(response.request)}: {words(said, response)} instead of {wanted}"
    if refusal.ends_the_session:
        return DeniedError(f"{where}; the session has ended; let the seller authorise the app again")
    if refusal.code in LIMITED:
        return TransientError(f"{where}; the run goes on when TOP allows it", retry_after=_ban(refusal, now))
    if refusal.may_pass:
        return TransientError(f"{where}; TOP is busy or down; the run tries again by itself")
    if refusal.code in DENIED:
        return DeniedError(f"{where}; {DENIED[refusal.code]}")
    return DriftError(f"{where}; compare the request with the adapter's README")


def _ban(refusal: Refusal, now: datetime) -> float | None:
    """Seconds to wait: those of the message and one more; for the day's quota without a message, until midnight."""
    if ban := _BAN.search(refusal.sub_msg or ""):
        return float(ban[1]) + 1
    if refusal.sub_code != DAY_IS_USED_UP:
        return None
    midnight = now.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (midnight - now).total_seconds()
