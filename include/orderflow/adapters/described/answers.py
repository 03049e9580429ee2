"""What a platform's answers hold, by the places that a channel file names: pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from orderflow.adapters.described.asking import Success
from orderflow.adapters.described.values import Path, parse, plain
from orderflow.adapters.http import named, words
from orderflow.domain.errors import DeniedError, DriftError, TransientError

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer with its JSON, the records in it byte for byte, and the question that it answers."""

    response: httpx.Response
    body: Any
    records: list[bytes]
    origin: str


def told(response: httpx.Response, body: Any, place: str) -> str | None:
    """What an answer says at a path or, behind `header:`, in a header; None for nothing."""
    if place.startswith("header:"):
        return response.headers.get(place.removeprefix("header:").strip()) or None
    found = at(body, place)
    return None if found is None or found is False else plain(found)


def at(body: Any, place: str) -> Any:
    """The first thing that stands at a path; None for nothing."""
    return next(iter(parse(place).of((body,))), None)


def rows(content: bytes, path: Path) -> list[bytes] | None:
    """The records that stand at a path, byte for byte; None where there is neither a list nor null."""
    found = [msgspec.Raw(content)]
    for step in path.steps:
        if step.key is not None:
            found = [value for each in found for value in _key(each, step.key)]
        else:
            found = [value for each in found for value in _list(each) or []]
        if not found:
            return None
    if path.steps and path.steps[-1].key is None:
        return [bytes(each) for each in found]
    if len(found) == 1 and bytes(found[0]).strip() == b"null":
        return []
    through = any(step.key is None for step in path.steps)
    if through:
        return [bytes(each) for each in found if bytes(each) != b"null"]
    listed = _list(found[0]) if bytes(found[0]).lstrip()[:1] == b"[" else None
    return None if listed is None else [bytes(each) for each in listed]


def _key(raw: msgspec.Raw, key: str) -> Iterator[msgspec.Raw]:
    try:
        inner = _OBJECT.decode(raw)
    except msgspec.ValidationError:
        return
    if key in inner:
        yield inner[key]


def _list(raw: msgspec.Raw) -> list[msgspec.Raw] | None:
    try:
        return _LIST.decode(raw)
    except msgspec.ValidationError:
        pass
    try:
        return list(_OBJECT.decode(raw).values())
    except msgspec.ValidationError:
        return None


def codes(success: Success, body: Any) -> set[str | None]:
    """The platform's own codes in an answer."""
    return (
        {plain(each) for each in parse(success.at).of((body,)) if not isinstance(each, dict | list)}
        if success.at
        else set()
    )


def fault(success: Success, response: httpx.Response, body: Any) -> TransientError | DeniedError | DriftError | None:
    """The error that a good status hides; None for a good answer."""
    found = codes(success, body)
    bad = bool(success.errors and at(body, success.errors)) or bool(
        success.good and not found & set(map(plain, success.good))
    )
    if not bad:
        return None
    said = ", ".join(sorted(filter(None, found))) or "no code"
    text = told(response, body, success.message) if success.message else None
    where = f"{named(response.request)}: an error instead of orders ({words(said + ' ' + (text or ''))})"
    if found & set(map(plain, success.again)):
        return TransientError(f"{where}; the platform is busy; the run tries again by itself")
    if found & set(map(plain, [*success.denied, *success.expired])):
        return DeniedError(f"{where}; renew the credentials in the connection, or grant the missing right")
    return DriftError(
        f"{where}; compare the request with the platform's documentation and `success` in the channel file"
    )


def raw_at(content: bytes, place: str) -> bytes | None:
    """The JSON document at a path of keys, byte for byte; None for nothing."""
    raw = msgspec.Raw(content)
    for step in parse(place).steps:
        try:
            inner = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        except msgspec.ValidationError:
            return None
        if step.key not in inner:
            return None
        raw = inner[step.key]
    return None if bytes(raw).strip() == b"null" else bytes(raw)
