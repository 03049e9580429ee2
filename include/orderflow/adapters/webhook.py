"""What the webhooks of several platforms share: signatures over the exact bytes, and ids out of a signed body."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import msgspec

from orderflow.domain.errors import ConfigError, DeniedError
from orderflow.domain.source import Account, Hint, Posted, Secret

_JSON: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=str)


def digest(secret: Secret, *parts: str | bytes, algorithm: str = "sha256") -> bytes:
    """HMAC over these parts in a row."""
    message = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
    return hmac.new(secret.reveal().encode(), message, getattr(hashlib, algorithm)).digest()


def demand_signed(given: str | None, expected: str) -> None:
    """Compare in constant time; raises `DeniedError`."""
    if not given or not hmac.compare_digest(given.strip().encode(), expected.encode()):
        raise DeniedError(
            "a webhook is not signed with the connection's secret; compare the secret with the one that the platform "
            "shows for this webhook, unless somebody forged it"
        )


def own_secret(account: Account) -> Secret | None:
    """The webhook's own secret, where the connection's extra fields hold one (`webhook_secret`)."""
    found = account.extra.get("webhook_secret")
    return Secret(str(found)) if found else None


def secret_of(account: Account) -> Secret:
    """The webhook's secret; raises `ConfigError` where the connection has none."""
    if found := own_secret(account):
        return found
    raise ConfigError(
        f"connection {account.name}: no webhook_secret in its extra fields; put there the secret that the platform "
        "shows for its webhooks"
    )


def app_of(account: Account) -> tuple[str, Secret]:
    """Key and secret of the app, which sign what the platform sends as they sign what it is sent."""
    if not account.login or not account.password:
        raise ConfigError(f"connection {account.name}: login and password are both needed; fill them in")
    return account.login, own_secret(account) or account.password


def body(posted: Posted) -> dict[str, Any]:
    """The signed body as JSON; empty for what is none: nothing is known of it, and polling brings whatever it is."""
    try:
        found = _JSON.decode(posted.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def inner(found: Any, *keys: str) -> Any:
    """What stands at the end of these keys; None where they lead nowhere."""
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def hint(*order_ids: Any, delivery: Any = None, answer: str = "") -> Hint:
    """A hint of the ids that are there."""
    ids = [str(each) for each in order_ids if isinstance(each, str | int) and not isinstance(each, bool) and each != ""]
    return Hint(ids, str(delivery) if delivery else None, answer)
