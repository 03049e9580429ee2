"""Webhooks as a channel file describes them: which header signs what, and where the order's id stands."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from orderflow.adapters.described.values import PathText, parse, plain
from orderflow.adapters.webhook import body, demand_signed, digest, hint, secret_of
from orderflow.domain.channel import Duration
from orderflow.domain.errors import DeniedError
from orderflow.domain.source import Account, Hint, Posted

if TYPE_CHECKING:
    from orderflow.adapters.described.asking import Described

_AHEAD = timedelta(minutes=5)
"""How far the platform's clock may be ahead of ours."""


class Hook(BaseModel):
    """A request that the platform sends when an order changes, signed with the connection's `webhook_secret`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    header: str
    """The header that holds the signature."""
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    """The hash that the HMAC is made with."""
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    """What stands before the signature in its header, such as `sha256=`."""
    signed: Annotated[str, Field(pattern=r"\{body\}")] = "{body}"
    """What is signed: `{body}`, and where the platform says so `{timestamp}`, `{delivery}` and `{url}` around it."""
    timestamp: str | None = None
    """The header that holds the time of sending, in epoch seconds or milliseconds; counts only where it is signed."""
    not_older: Duration = timedelta(minutes=5)
    """With `timestamp`: older requests are refused."""
    delivery: str | None = None
    """The header that holds the delivery's id, which stays the same when it is sent again."""
    id: PathText
    """Where the body holds the order's id; several ids are several orders."""


def webhook(posted: Posted, account: Account, options: Described, now: datetime) -> Hint:
    told = options.webhook
    assert told is not None, "an adapter without this block has no webhook"
    delivery = _header(posted, told.delivery)
    sent = _header(posted, told.timestamp)
    values = {"timestamp": sent, "delivery": delivery, "url": account.extra.get("webhook_url") or posted.url}
    expected = digest(secret_of(account), *_parts(told.signed, values, posted.body), algorithm=told.algorithm)
    text = expected.hex() if told.encoding == "hex" else base64.b64encode(expected).decode()
    given, wanted = _header(posted, told.header), f"{told.prefix}{text}"
    demand_signed(*(each.lower() if told.encoding == "hex" else each for each in (given, wanted)))
    if told.timestamp:
        _demand_recent(sent, now, told.not_older)
    return hint(*_ids(told.id, body(posted)), delivery=delivery)


def _header(posted: Posted, name: str | None) -> str:
    return posted.headers.get(name.lower(), "") if name else ""


def _parts(signed: str, values: dict[str, Any], content: bytes) -> list[str | bytes]:
    """The signed bytes: the body as it came, around it the text of the other values."""
    before, _, after = signed.partition("{body}")
    for name, value in values.items():
        before, after = (side.replace(f"{{{name}}}", str(value)) for side in (before, after))
    return [before, content, after]


def _demand_recent(sent: str, now: datetime, longest: timedelta) -> None:
    seconds = int(sent[:-3] if len(sent) > 11 else sent) if sent.isdecimal() and len(sent) < 15 else None
    moment = datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
    if moment is None or not now - longest <= moment <= now + _AHEAD:
        raise DeniedError(
            "a webhook was sent too long ago, or its time is none; compare both clocks, unless it is a replay"
        )


def _ids(path: str, told: dict[str, Any]) -> list[str | None]:
    try:
        return [plain(each) for each in parse(path).of((told,))]
    except TypeError:
        return []
