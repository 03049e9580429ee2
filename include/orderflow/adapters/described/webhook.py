"""Webhooks as a channel file describes them: which header signs what, and where the order's id stands."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from orderflow.adapters.described.values import PathText, parse, plain
from orderflow.adapters.webhook import body, demand_signed, hint, secret_of
from orderflow.domain.channel import Duration
from orderflow.domain.errors import ConfigError, DeniedError
from orderflow.domain.source import Account, Hint, Posted, Secret

if TYPE_CHECKING:
    from orderflow.adapters.described.asking import Described

_AHEAD = timedelta(minutes=5)
"""How far the platform's clock may be ahead of ours."""


class Hook(BaseModel):
    """A request that the platform sends when an order changes, signed with the connection's `webhook_secret`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    header: str
    """The header that holds the signature; several, with blanks between them, where the secret is being changed."""
    algorithm: Literal["sha1", "sha256", "sha512", "none"] = "sha256"
    """The hash that the HMAC is made with; `none`: nothing is signed, and the header holds the secret itself."""
    key: Literal["text", "base64"] = "text"
    """How the platform writes the secret; `base64` as in Standard Webhooks, with or without `whsec_` before it."""
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
    given, wanted = _header(posted, told.header), told.prefix + _signature(told, account, values, posted.body)
    if told.encoding == "hex" and told.algorithm != "none":
        given, wanted = given.lower(), wanted.lower()
    demand_signed(_one_of(given, wanted), wanted)
    if told.timestamp:
        _demand_recent(sent, now, told.not_older)
    return hint(*_ids(told.id, body(posted)), delivery=delivery)


def _one_of(given: str, wanted: str) -> str:
    """Of several signatures in a header the one that is wanted, else all of it."""
    return next((each for each in given.split() if hmac.compare_digest(each.encode(), wanted.encode())), given)


def _signature(told: Hook, account: Account, values: Mapping[str, Any], content: bytes) -> str:
    secret = secret_of(account)
    if told.algorithm == "none":
        return secret.reveal()
    key = _decoded(account, secret) if told.key == "base64" else secret.reveal().encode()
    made = hmac.digest(key, b"".join(_parts(told.signed, values, content)), told.algorithm)
    return made.hex() if told.encoding == "hex" else base64.b64encode(made).decode()


def _decoded(account: Account, secret: Secret) -> bytes:
    try:
        key = base64.b64decode(secret.reveal().removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not key:  # anybody can sign with none
        raise ConfigError(
            f"connection {account.name}: its webhook_secret is no base64; copy it whole from the platform, or take "
            "`key: base64` out of source.webhook in the channel file"
        )
    return key


def _header(posted: Posted, name: str | None) -> str:
    return posted.headers.get(name.lower(), "") if name else ""


def _parts(signed: str, values: Mapping[str, Any], content: bytes) -> list[bytes]:
    """The signed bytes: the body as it came, around it the text of the other values."""
    before, _, after = signed.partition("{body}")
    for name, value in values.items():
        before, after = (side.replace(f"{{{name}}}", str(value)) for side in (before, after))
    return [before.encode(), content, after.encode()]


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
