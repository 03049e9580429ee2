"""What may be shown: addresses without credentials, and a platform's words without secrets or buyers' data."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl

import httpx

MASK = "***"
LONGEST_WORDS = 200
"""Characters of a platform's own message that are passed on."""
LONGEST_REQUEST = 200
"""Characters of a request that a message shows; an origin, being evidence, is never cut."""

_SECRET_NAMES = re.compile(
    r"token|secret|passw|signature|^session$|^sign$|^sig$|api[-_]?key|consumer_key|access[-_]?key|credential|authorization|nonce|^code$",
    re.IGNORECASE,
)
# Each begins where a word begins: looked for at every letter, a long word would be read once for each of its letters.
_EMAIL = re.compile(r"(?<![^\s@<>\"'])[^\s@<>\"']+@[^\s@<>\"']+")
_LONG = re.compile(r"(?<![\w+=.~-])(?=[\w+=.~-]*\d)[\w+=.~-]{20,}")


def is_secret(name: str) -> bool:
    """Whether a parameter, header or field of this name holds a credential."""
    return bool(_SECRET_NAMES.search(name))


def shown(url: httpx.URL, *masked: str) -> str:
    """Path and query of an address, every credential masked: `/orders?page=2&consumer_secret=***`.

    Parameters that are `masked` are so whatever their names look like.
    """
    if not url.query:
        return url.path
    pairs = [pair.partition("=") for pair in url.query.decode("ascii", "replace").split("&")]
    told = (f"{name}={MASK if is_secret(name) or name in masked else value}" for name, _, value in pairs)
    return f"{url.path}?{'&'.join(told)}"


def named(request: httpx.Request) -> str:
    """A request as origins name it: `GET /orders?page=2`.

    Its extension `masked` names a parameter whose value is not told: a credential, or what differs each time.
    """
    return f"{request.method} {shown(request.url, request.extensions.get('masked', ''))}"


def told(request: httpx.Request) -> str:
    """A request as messages name it: long queries are cut, so that the reason behind them is read."""
    text = named(request)
    return text if len(text) <= LONGEST_REQUEST else f"{text[:LONGEST_REQUEST]}..."


def words(text: str, answer: httpx.Response | None = None) -> str:
    """A platform's own message, cut short, without e-mail addresses and without anything that looks like a token.

    Some quote the key that they refuse: with the `answer` that holds the message, nothing that signed its request
    (the extension `signed`), however short.
    """
    signed = answer.extensions.get("signed") if answer is not None else None
    for secret in sorted(_signing(signed), key=len, reverse=True) if signed else ():
        text = text.replace(secret, MASK)
    return _LONG.sub(MASK, _EMAIL.sub(MASK, text))[:LONGEST_WORDS]


_OPEN = frozenset({"host", "connection", "user-agent"})
"""Headers without a credential, beside those that begin with accept or content."""
_SHORTEST_SECRET = 4
"""Characters: what is shorter stands in any sentence."""


def _signing(request: httpx.Request) -> Iterator[str]:
    """What may be a credential in a request: its header values with and without their prefix, parameters by name."""
    masked = request.extensions.get("masked", "")
    told = [value for name, value in parse_qsl(request.url.query.decode()) if is_secret(name) or name == masked]
    for name, value in request.headers.items():
        if name not in _OPEN and not name.startswith(("accept", "content-")):
            prefix, _, bare = value.rpartition(" ")
            told += [value, bare, *(_pair(bare) if prefix.lower() == "basic" else ())]
    return (each for each in told if len(each) >= _SHORTEST_SECRET)


def _pair(encoded: str) -> list[str]:
    """Login and password of HTTP Basic."""
    return base64.b64decode(encoded).decode("utf-8", "replace").split(":", 1)
