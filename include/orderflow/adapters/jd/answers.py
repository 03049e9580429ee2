"""What JD's answers say of themselves. A success needs all three layers: no `error_response`, `code` "0", and a true
`apiResult.success`; the HTTP status is 200 whatever happened.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import msgspec

from orderflow.adapters.http import named, read, words
from orderflow.domain.errors import DeniedError, DriftError, OrderflowError, TransientError

SUCCESS = "0"
TOKEN_DEAD = frozenset({"19"})
QUOTA = frozenset({"2"})
"""The app's calls of the day are used up."""
BUSY = frozenset({"1", "43", "65", "66", "67", "69"})
DENIED = {
    "3": "the gateway forbids the request; ask JD's support why",
    "8": "our clock is more than 6 minutes away from JD's; set it",
    "10": "the token belongs to no merchant; let the merchant authorise the app again",
    "12": "app key or app secret in the connection is wrong",
    "18": "the request carried no access token; let the merchant authorise the app again",
    "21": "the app key in the connection is wrong",
    "22": "the token belongs to no merchant; let the merchant authorise the app again",
    "24": "the app lacks the right to this interface; apply for it in the app console",
    "25": "the app is not on-line; finish its release in the app console",
    "64": "this kind of merchant may not use the interface; see the adapter's README",
    "71": "the order belongs to another merchant; authorise the shop that the channel stands for",
    "72": "this kind of merchant may not use the interface; see the adapter's README",
    "73": "the app has to run on JD's cloud to use this interface; move it there, or ask through a relay there",
}
OTHER_MERCHANT = "10500001"
"""`apiResult.numberCode` of a request for what belongs to another merchant."""
UNKNOWN_ORDER = "不存在"
"""Stands in the message for an order that there is not."""
PASSING = ("异常", "超时", "繁忙", "稍后", "重试")
"""One of these words stands in the message for a fault that passes."""

BEIJING = timezone(timedelta(hours=8))


class Said(msgspec.Struct):
    """The gateway's verdict; `code` is text or a number."""

    code: Any = None
    zh_desc: Any = None
    en_desc: Any = None


class Result(msgspec.Struct, rename="camel"):
    """The verdict of the service behind the gateway; `success` is a bool or the text of one."""

    success: bool
    number_code: Any = None
    chinese_err_code: Any = None
    english_err_code: Any = None


_TOP = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SAID = msgspec.json.Decoder(Said)


def said(response: httpx.Response) -> Said | None:
    """The gateway's verdict; None where the body has none."""
    try:
        parts = _TOP.decode(response.content).items()
        return next((_SAID.decode(part) for name, part in parts if name.endswith(("_response", "_responce"))), None)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def inner(response: httpx.Response, method: str, *, wanted: str) -> msgspec.Raw:
    """What a method answers, from its envelope, which JD spells `responce`."""
    top = read(response, _TOP, wanted=wanted)
    name = method.replace(".", "_")
    for ending in ("_responce", "_response"):
        if (found := top.get(name + ending)) is not None:
            return found
    raise DriftError(
        f"{named(response.request)}: no {name}_responce instead of {wanted}; the platform changed its answer's shape"
    )


def failure(response: httpx.Response, answer: Said, *, wanted: str, now: datetime) -> OrderflowError | None:
    """The error that the gateway's verdict stands for; None for a success, and where only the status says it."""
    if answer.code is None or str(answer.code) == SUCCESS:
        return None
    code = str(answer.code)
    where = f"{named(response.request)}: {_told(response, code, answer.zh_desc, answer.en_desc)} instead of {wanted}"
    if code in QUOTA:
        return TransientError(
            f"{where}; the app's calls of the day are used up: the run goes on tomorrow; ask JD for more",
            retry_after=_until_tomorrow(now),
        )
    if code in BUSY:
        return TransientError(f"{where}; the platform is busy or down; the run tries again by itself")
    if code in TOKEN_DEAD:
        return DeniedError(f"{where}; a fresh access token was refused, too; let the merchant authorise the app again")
    if code in DENIED:
        return DeniedError(f"{where}; {DENIED[code]}")
    if response.status_code == 429 or response.status_code >= 500:
        return None
    return DriftError(f"{where}; compare the request with the adapter's README")


def refusal(response: httpx.Response, result: Result, *, wanted: str) -> OrderflowError:
    """The error for a `success` that is false, which comes with an empty list and is none."""
    code, told = str(result.number_code), str(result.chinese_err_code or "")
    where = (
        f"{named(response.request)}: {_told(response, code, told, result.english_err_code)} instead of {wanted}"
        " (apiResult.success is false)"
    )
    if code == OTHER_MERCHANT:
        return DeniedError(f"{where}; authorise the shop that the channel stands for")
    if any(word in told for word in PASSING):
        return TransientError(f"{where}; the run tries again by itself")
    return DriftError(f"{where}; compare the request with the adapter's README")


def is_unknown_order(result: Result) -> bool:
    return str(result.number_code) == OTHER_MERCHANT or UNKNOWN_ORDER in str(result.chinese_err_code or "")


def _told(response: httpx.Response, code: str, *texts: Any) -> str:
    return words(" ".join([f"code {code}", *(str(text) for text in texts if text)]), response)


def _until_tomorrow(now: datetime) -> float:
    """Seconds until midnight in Beijing."""
    there = now.astimezone(BEIJING)
    midnight = there.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (midnight - there).total_seconds()
