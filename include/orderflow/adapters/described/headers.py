"""Which headers a description may send: names that HTTP allows, each of them once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orderflow.adapters.described.asking import Auth, Described

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, 5.6.2."""
_OURS = frozenset({"connection", "content-length", "host", "transfer-encoding"})
"""What the client itself has to say right, or no answer comes."""


def wrong_headers(told: Described) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with the headers of a description, with the keys that lead there. Capitals make no other header."""
    own = [((block, name), name) for block in ("headers", "keys") for name in getattr(told, block)]
    before: dict[str, str] = {}
    for place, name in [*_signing(told.auth), *own]:
        if not _NAME.fullmatch(name):
            yield place, f"{name!r} is no name of a header; write letters, digits and hyphens, like x-api-key"
        elif name.lower() in _OURS:
            yield place, f"{name!r} is a header that every request has of its own; name the one that the platform wants"
        elif other := before.get(name.lower()):
            yield place, f"{name!r} is sent by `{other}` already, and a header goes out once; take one of them out"
        before.setdefault(name.lower(), place[0])


def _signing(auth: Auth) -> list[tuple[tuple[str, ...], str]]:
    """The header that signing in fills."""
    if auth.kind == "basic":
        return [(("auth",), "Authorization")]
    if auth.kind == "header":
        return [(("auth", "name"), auth.name)]
    return [(("auth", "header"), auth.header)] if auth.kind == "token" else []
