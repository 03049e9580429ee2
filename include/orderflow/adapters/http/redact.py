"""What may be shown: addresses without credentials, and a platform's words without secrets or buyers' data."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, quote, quote_plus

import httpx

from orderflow.domain.source import Account, JsonValue

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


def words(text: str, answer: httpx.Response) -> str:
    """A platform's own message, cut short, without e-mail addresses and without anything that looks like a token.

    Some quote the key that they refuse: nothing is told of what the connection of this `answer` holds, nor of what
    signed its request, however it is written there.
    """
    for secret in sorted(_held(answer) | _sent(answer), key=len, reverse=True):
        for form in _forms(secret):
            if len(form) >= _ANYWHERE:
                text = text.replace(form, MASK)
            else:
                text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", MASK, text)
    return _LONG.sub(MASK, _EMAIL.sub(MASK, text))[:LONGEST_WORDS]


_OPEN = re.compile("host$|connection$|user-agent$|accept|content-")
"""Headers without a credential."""
_SHORTEST_SECRET = 4
"""Characters: what is shorter stands in any sentence."""
_ANYWHERE = 8
"""Characters of a secret that is masked inside of other words, too."""


def _held(answer: httpx.Response) -> set[str]:
    """Login, password and secret extra fields of the connection (the extension `account`)."""
    account: Account | None = answer.extensions.get("account")
    if account is None:
        return set()
    password = account.password.reveal() if account.password else ""
    return {each.strip() for each in (account.login or "", password, *_secret_texts(account.extra))}


def _secret_texts(value: JsonValue, name: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _secret_texts(inner, key if is_secret(key) else name)
    elif isinstance(value, list):
        for inner in value:
            yield from _secret_texts(inner, name)
    elif isinstance(value, str) and is_secret(name):
        yield value


def _sent(answer: httpx.Response) -> set[str]:
    """What signed the request: the tokens that it was signed with, and what signing put into headers and parameters."""
    signed, plain = answer.extensions.get("signed"), answer.extensions.get("unsigned")
    if signed is None or plain is None:
        return set()
    masked, found = signed.extensions.get("masked", ""), set(signed.extensions.get("tokens", ()))
    found |= {value for name, value in parse_qsl(signed.url.query.decode()) if is_secret(name) or name == masked}
    for name, value in set(signed.headers.items()) - set(plain.headers.items()):
        if not _OPEN.match(name):
            found |= {value, value.rpartition(" ")[2]}
    return found


def _forms(secret: str) -> Iterator[str]:
    """A secret as it stands in addresses, in HTML, in JSON inside of JSON, and in Base64."""
    if len(secret) < _SHORTEST_SECRET:
        return
    escaped = quote(secret, safe="")
    packed = {base64.b64encode(secret.encode()).decode(), base64.urlsafe_b64encode(secret.encode()).decode()}
    yield from dict.fromkeys(
        (
            secret,
            escaped,
            _HEX.sub(lambda found: found[0].lower(), escaped),
            quote(secret),
            quote_plus(secret),
            html.escape(secret),
            json.dumps(secret)[1:-1],
            *(each for form in packed for each in (form, form.rstrip("="))),
        )
    )


_HEX = re.compile("%[0-9A-F]{2}")
